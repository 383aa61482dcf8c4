/* The page at "/": for whoever opens the emulator's address in a browser. Its
 * latest jobs with their pictures, and how to use it. */
#include "em_service.h"

#include <string.h>

#include "em_clock.h"

/* Jobs on the page, the latest first. */
enum { LATEST = 60 };

static const char policy[] =
    "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'";

/* service/em_page.html, put into the program by the build: text and names of
 * values by turns, between dollar signs. */
extern const char em_page_html[], em_page_html_end[];

struct value {
  const char *name, *text;
};

/* What a text would do in HTML it does not: it is shown. */
static void add_html(struct em_text *text, const char *string) {
  for (const char *at = string ? string : ""; *at; at++) {
    unsigned char byte = (unsigned char)*at;
    if (byte == '&' || byte == '<' || byte == '>' || byte == '"' ||
        byte == '\'')
      em_text_addf(text, "&#%d;", byte);
    else if ((byte < ' ' && byte != '\n') || byte == 0x7f)
      em_text_add(text, "\xef\xbf\xbd");
    else
      em_text_add_bytes(text, at, 1);
  }
}

static void add_element(struct em_text *text, const char *class,
                        const char *content) {
  em_text_addf(text, "<p class=\"%s\" dir=\"auto\">", class);
  add_html(text, content);
  em_text_add(text, "</p>\n");
}

/* -- a job ---------------------------------------------------------------- */

static void add_shot(struct em_text *text, const struct em_job *job) {
  char path[EM_PATH_SIZE];
  em_job_picture_path(job, path);
  if (job->state != EM_COMPLETED) {
    em_text_addf(text, "<div class=\"shot\">%s</div>\n",
                 job->error ? "no picture" : "not finished");
    return;
  }
  em_text_add(text, "<a class=\"shot\" href=\"");
  add_html(text, path);
  em_text_add(text, "\"><img loading=\"lazy\" src=\"");
  add_html(text, path);
  em_text_add(text, "\" alt=\"");
  add_html(text, job->prompt);
  em_text_add(text, "\"></a>\n");
}

static void add_figures(struct em_text *text, const struct em_job *job) {
  em_text_addf(text,
               "<p class=\"figures\"><span>$%.2f</span><span>seed %lld</span>",
               job->cost, job->seed);
  if (job->finished_us)
    em_text_addf(text, "<span>%.1f s</span>",
                 em_clock_s(job->finished_us - job->submitted_us));
  em_text_addf(text, "%s</p>\n", job->api == EM_V1 ? "<span>v1</span>" : "");
}

static void add_job(struct em_text *text, const struct em_job *job) {
  const char *state = em_state_name(job->state);
  em_text_add(text, "<article>\n");
  add_shot(text, job);
  em_text_addf(text,
               "<div class=\"words\"><p class=\"state %s\">%s</p>\n"
               "<p class=\"model\">",
               state, state);
  add_html(text, job->model->name);
  em_text_add(text, "</p>\n");
  add_element(text, "prompt", job->prompt);
  if (em_job_is_finished(job) && job->error)
    add_element(text, "error", job->error);
  add_figures(text, job);
  em_text_addf(text, "<p class=\"id\">%s</p></div>\n</article>\n", job->id);
}

static void add_jobs(struct em_text *text, const struct em_store *store) {
  size_t end = store->count > LATEST ? store->count - LATEST : 0;
  if (store->count == 0) {
    em_text_add(text, "<p class=\"soft\">None yet.</p>\n");
    return;
  }
  em_text_add(text, "<div class=\"jobs\">\n");
  for (size_t i = store->count; i > end; i--)
    add_job(text, store->jobs[i - 1]);
  em_text_add(text, "</div>\n");
}

/* -- the page ------------------------------------------------------------- */

static void add_value(struct em_text *text, const struct value *values,
                      const char *name, size_t size) {
  for (; values->name; values++)
    if (strlen(values->name) == size && !memcmp(values->name, name, size))
      em_text_add(text, values->text);
}

static void add_page(struct em_text *text, const struct value *values) {
  bool is_name = false;
  for (const char *at = em_page_html, *next; at < em_page_html_end; at = next) {
    const char *stop = memchr(at, '$', (size_t)(em_page_html_end - at));
    size_t size = (size_t)((stop ? stop : em_page_html_end) - at);
    next = at + size + 1;
    if (is_name)
      add_value(text, values, at, size);
    else
      em_text_add_bytes(text, at, size);
    is_name = !is_name;
  }
}

/* While jobs run the page asks again, every two seconds. The base is letters,
 * digits and punctuation that HTML does not mind. */
static void add_values(struct em_text *text, const struct em_request *request,
                       struct em_text *jobs, const double figures[4]) {
  char shown[4][32];
  for (int i = 0; i < 4; i++)
    snprintf(shown[i], sizeof shown[i], i < 2 ? "%.0f" : "$%.2f", figures[i]);
  bool has_key = request->service->options->key;
  const struct value values[] = {
      {"refresh",
       figures[1] > 0 ? "<meta http-equiv=\"refresh\" content=\"2\">\n" : ""},
      {"version", EM_VERSION},
      {"count", shown[0]},
      {"running", shown[1]},
      {"paid", shown[2]},
      {"left", shown[3]},
      {"jobs", jobs->data ? jobs->data : ""},
      {"base", request->base},
      {"key", has_key ? "…  # that of --key" : "SG_0123456789abcdef"},
      {NULL, NULL}};
  add_page(text, values);
}

void em_page(struct em_request *request) {
  struct em_store *store = &request->service->store;
  struct em_text text = {0}, jobs = {0};
  double running = 0, cost = 0;
  pthread_mutex_lock(&store->lock);
  for (size_t i = 0; i < store->count; i++) {
    running += !em_job_is_finished(store->jobs[i]);
    cost += store->jobs[i]->cost;
  }
  add_jobs(&jobs, store);
  const double figures[] = {(double)store->count, running, cost,
                            store->credits};
  pthread_mutex_unlock(&store->lock);
  add_values(&text, request, &jobs, figures);
  em_text_free(&jobs);
  em_reply_text(request, 200, "text/html; charset=utf-8", &text);
  em_reply_header(request, "Content-Security-Policy", "%s", policy);
  em_reply_header(request, "Cache-Control", "no-store");
}
