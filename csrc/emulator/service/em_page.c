/* The page at "/": for whoever opens the emulator's address in a browser. Its
 * latest jobs with their pictures, and how to use it. */
#include "em_service.h"

#include <string.h>

#include "em_clock.h"

/* Jobs on the page, the latest first. */
enum { LATEST = 60 };

static const char policy[] =
    "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'";

/* service/em_page.css, put into the program by the build. */
extern const char em_page_css[], em_page_css_end[];

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

static size_t count_running(const struct em_store *store) {
  size_t running = 0;
  for (size_t i = 0; i < store->count; i++)
    running += !em_job_is_finished(store->jobs[i]);
  return running;
}

/* While jobs run the page asks again, every two seconds. */
static void add_head(struct em_text *text, bool is_running) {
  em_text_addf(
      text,
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\">\n%s<title>segmind-emulator</title>\n"
      "<style>%.*s</style></head>\n<body>\n<h1>segmind-emulator</h1>\n"
      "<p class=\"soft\">The service on this machine, version " EM_VERSION
      ". No model runs in it, and its money is play money.</p>\n",
      is_running ? "<meta http-equiv=\"refresh\" content=\"2\">\n" : "",
      (int)(em_page_css_end - em_page_css), em_page_css);
}

static void add_total(struct em_text *text, const char *name,
                      const char *format, double value) {
  em_text_addf(text, "<div><dt>%s</dt><dd>", name);
  em_text_addf(text, !strcmp(format, "$") ? "$%.2f" : "%.0f", value);
  em_text_add(text, "</dd></div>\n");
}

static void add_totals(struct em_text *text, const struct em_store *store,
                       size_t running) {
  double cost = 0;
  for (size_t i = 0; i < store->count; i++)
    cost += store->jobs[i]->cost;
  em_text_add(text, "<dl class=\"totals\">\n");
  add_total(text, "jobs", "", (double)store->count);
  add_total(text, "under way", "", (double)running);
  add_total(text, "paid", "$", cost);
  add_total(text, "left", "$", store->credits);
  em_text_add(text, "</dl>\n");
}

/* The base is letters, digits and punctuation that HTML does not mind. */
static void add_usage(struct em_text *text, const char *base, bool has_key) {
  em_text_addf(text,
               "<h2>Use it</h2>\n<pre>export SEGMIND_BASE_URL=%s\n"
               "export SEGMIND_API_KEY=%s</pre>\n",
               base, has_key ? "…  # that of --key" : "SG_0123456789abcdef");
  em_text_addf(text,
               "<h2>Make it fail</h2>\n<pre>"
               "curl -X POST %s/_emulator/faults -d "
               "'[{\"match\": {\"path\": \"submit\"}, "
               "\"then\": {\"status\": 502}}]'\n"
               "curl -X DELETE %s/_emulator/faults   # as it was\n"
               "curl %s/_emulator/ledger             # what was accepted\n"
               "curl -X POST %s/_emulator/reset      # forget everything"
               "</pre>\n",
               base, base, base, base);
}

void em_page(struct em_request *request) {
  struct em_store *store = &request->service->store;
  struct em_text text = {0};
  pthread_mutex_lock(&store->lock);
  size_t running = count_running(store);
  add_head(&text, running > 0);
  add_totals(&text, store, running);
  em_text_add(&text, "<h2>Latest jobs</h2>\n");
  add_jobs(&text, store);
  pthread_mutex_unlock(&store->lock);
  add_usage(&text, request->base, store->options->key != NULL);
  em_text_add(&text, "</body></html>\n");
  em_reply_text(request, 200, "text/html; charset=utf-8", &text);
  em_reply_header(request, "Content-Security-Policy", "%s", policy);
  em_reply_header(request, "Cache-Control", "no-store");
}
