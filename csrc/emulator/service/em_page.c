#include "em_page.h"

#include <string.h>

#include "em_clock.h"

/* Jobs on the page, the latest first. */
enum { LATEST = 60 };

static const char policy[] =
    "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'";

static const char style[] =
    ":root{color-scheme:light dark;--paper:#f6f5f1;--card:#fff;--frame:#eceae4;"
    "--ink:#1e1c19;--soft:#67635b;--line:#dedad1;--bad:#a93226;--good:#2c6e4e;"
    "--run:#8a5d0c}"
    "@media(prefers-color-scheme:dark){:root{--paper:#151413;--card:#201f1d;"
    "--frame:#2a2826;--ink:#efebe4;--soft:#aaa49a;--line:#383531;--bad:#f19a8c;"
    "--good:#7ccba0;--run:#e0a741}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;max-width:1720px;padding:24px clamp(16px,3vw,32px) "
    "48px;"
    "background:var(--paper);color:var(--ink);overflow-wrap:anywhere;"
    "font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}"
    "h1,h2,p,dl,dd{margin:0}h1{font-size:26px;line-height:1.2;font-weight:680}"
    "h2{margin-top:28px;font-size:17px;font-weight:650}"
    ".soft{color:var(--soft);font-size:13.5px}"
    ".totals{display:flex;flex-wrap:wrap;gap:2px 24px;margin-top:12px}"
    ".totals div{display:flex;align-items:baseline;gap:6px}"
    ".totals dt{order:2;color:var(--soft);font-size:13px}"
    ".totals dd{font-size:18px;font-weight:640}"
    "pre{margin:8px 0 0;padding:12px 14px;border:1px solid var(--line);"
    "border-radius:10px;background:var(--card);overflow:auto;"
    "font:13px/1.55 ui-monospace,Menlo,Consolas,monospace}"
    ".jobs{display:grid;gap:16px;margin-top:12px;"
    "grid-template-columns:repeat(auto-fill,minmax(min(100%,210px),1fr))}"
    "article{display:flex;flex-direction:column;border-radius:10px;"
    "overflow:hidden;background:var(--card);"
    "box-shadow:0 1px 2px #0000000f,0 6px 20px #0000000d}"
    ".shot{display:flex;align-items:center;justify-content:center;height:170px;"
    "padding:0;background:var(--frame);color:var(--soft);font-size:13px}"
    ".shot img{width:100%;height:100%;object-fit:contain}"
    ".words{display:flex;flex:1;flex-direction:column;gap:2px;"
    "padding:10px 12px 12px}"
    ".state{font-size:12px;font-weight:650;letter-spacing:.03em}"
    ".COMPLETED{color:var(--good)}.FAILED{color:var(--bad)}"
    ".QUEUED,.PROCESSING{color:var(--run)}"
    ".model,.figures{color:var(--soft);font-size:13px}"
    ".figures{display:flex;flex-wrap:wrap;gap:0 12px;margin-top:auto;"
    "padding-top:6px}"
    ".prompt{display:-webkit-box;-webkit-box-orient:vertical;"
    "-webkit-line-clamp:3;overflow:hidden;unicode-bidi:isolate}"
    ".error{color:var(--bad);font-size:13px;unicode-bidi:isolate}"
    ".id{overflow:hidden;white-space:nowrap;text-overflow:ellipsis;"
    "color:var(--soft);font:11px/1.6 ui-monospace,monospace}";

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
      "<style>%s</style></head>\n<body>\n<h1>segmind-emulator</h1>\n"
      "<p class=\"soft\">The service on this machine, version " EM_VERSION
      ". No model runs in it, and its money is play money.</p>\n",
      is_running ? "<meta http-equiv=\"refresh\" content=\"2\">\n" : "", style);
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

static void add_usage(struct em_text *text, const char *base, bool has_key) {
  em_text_add(text, "<h2>Use it</h2>\n<pre>export SEGMIND_BASE_URL=");
  add_html(text, base);
  em_text_addf(text, "\nexport SEGMIND_API_KEY=%s</pre>\n",
               has_key ? "…  # that of --key" : "SG_0123456789abcdef");
  em_text_add(text, "<h2>Make it fail</h2>\n<pre>curl -X POST ");
  add_html(text, base);
  em_text_add(text, "/_emulator/faults -d '[{\"match\": {\"path\": \"submit\"},"
                    " \"then\": {\"status\": 502}}]'\n"
                    "curl -X DELETE ");
  add_html(text, base);
  em_text_add(text, "/_emulator/faults   # as it was\ncurl ");
  add_html(text, base);
  em_text_add(text, "/_emulator/ledger             # what was accepted\n"
                    "curl -X POST ");
  add_html(text, base);
  em_text_add(text, "/_emulator/reset      # forget everything</pre>\n");
}

void em_page(struct em_service *service, struct em_request *request,
             struct em_reply *reply) {
  const struct em_store *store = &service->store;
  struct em_text text = {0};
  em_store_lock(&service->store);
  size_t running = count_running(store);
  add_head(&text, running > 0);
  add_totals(&text, store, running);
  em_text_add(&text, "<h2>Latest jobs</h2>\n");
  add_jobs(&text, store);
  em_store_unlock(&service->store);
  add_usage(&text, request->base, service->options->key != NULL);
  em_text_add(&text, "</body></html>\n");
  em_reply_text(reply, 200, "text/html; charset=utf-8", &text);
  em_reply_header(reply, "Content-Security-Policy", policy);
  em_reply_header(reply, "Cache-Control", "no-store");
}
