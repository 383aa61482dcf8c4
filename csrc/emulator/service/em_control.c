/* The control port under /_emulator/: what the service would never tell. The
 * ledger of accepted submits is the oracle of the tests. */
#include "em_service.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "em_clock.h"

/* Seconds since the emulator started, or null. */
static void add_time(struct em_text *text, const char *name,
                     const struct em_service *service, int64_t at_us) {
  em_text_addf(text, ",\"%s\":", name);
  if (at_us)
    em_text_addf(text, "%.6f", em_clock_s(at_us - service->started_us));
  else
    em_text_add(text, "null");
}

/* The first job wanted: ?from=N leaves out N, for long ledgers. */
static size_t first_wanted(const struct em_request *request) {
  const char *from = em_request_argument(request, "from");
  return from ? (size_t)strtoull(from, NULL, 10) : 0;
}

static void add_submit(struct em_text *text, const struct em_service *service,
                       const struct em_job *job) {
  char iso[EM_DATE_SIZE];
  em_date_write(em_date_form("iso"), job->wall_ms, 0, iso);
  em_text_addf(text,
               "{\"request_id\":\"%s\",\"api\":\"v%d\",\"model\":\"%s\","
               "\"key\":\"SG_…\",\"time\":\"%s\",\"state\":\"%s\","
               "\"cost\":%.6g,\"seed\":\"%lld\",\"body\":%s,\"error\":",
               job->id, (int)job->api, job->model->name, iso,
               em_state_name(job->state), job->cost, job->seed, job->body);
  em_text_add_json(text, job->error);
  add_time(text, "at", service, job->submitted_us);
  em_text_add(text, "}");
}

static void add_totals(struct em_text *text, const struct em_store *store) {
  size_t states[EM_FAILED + 1] = {0};
  double cost = 0;
  for (size_t i = 0; i < store->count; i++) {
    states[store->jobs[i]->state]++;
    cost += store->jobs[i]->cost;
  }
  em_text_addf(text,
               "\"totals\":{\"accepted\":%zu,\"queued\":%zu,"
               "\"processing\":%zu,\"completed\":%zu,\"failed\":%zu,"
               "\"cost\":%.10g,\"credits\":%.10g}",
               store->count, states[EM_QUEUED], states[EM_PROCESSING],
               states[EM_COMPLETED], states[EM_FAILED], cost, store->credits);
}

typedef void add_job_fn(struct em_text *text, const struct em_service *service,
                        const struct em_job *job);

/* Adds the jobs, oldest first, as a JSON array. */
static void add_jobs_locked(struct em_text *text,
                            const struct em_request *request, add_job_fn *add) {
  const struct em_store *store = &request->service->store;
  size_t first = first_wanted(request);
  em_text_add(text, "[");
  for (size_t i = first; i < store->count; i++) {
    em_text_add(text, i > first ? "," : "");
    add(text, request->service, store->jobs[i]);
  }
  em_text_add(text, "]");
}

void em_control_ledger(struct em_request *request) {
  struct em_store *store = &request->service->store;
  struct em_text text = {0};
  em_text_add(&text, "{\"submits\":");
  pthread_mutex_lock(&store->lock);
  add_jobs_locked(&text, request, add_submit);
  em_text_add(&text, ",");
  add_totals(&text, store);
  pthread_mutex_unlock(&store->lock);
  em_text_add(&text, "}");
  em_reply_json(request, 200, &text);
}

/* How late the client learned of the end is what polling is judged by. */
static void add_delay(struct em_text *text, const struct em_service *service,
                      const struct em_job *job) {
  em_text_addf(text,
               "{\"request_id\":\"%s\",\"model\":\"%s\",\"state\":\"%s\","
               "\"polls\":%u",
               job->id, job->model->name, em_state_name(job->state),
               job->polls);
  add_time(text, "submitted", service, job->submitted_us);
  add_time(text, "started", service, job->started_us);
  add_time(text, "completed", service, job->finished_us);
  add_time(text, "learned", service, job->learned_us);
  em_text_add(text, "}");
}

static void add_counts(struct em_text *text, struct em_stats *stats) {
  unsigned long long total = 0;
  em_text_add(text, "\"requests\":{");
  for (int i = 0; i < EM_ENDPOINT_COUNT; i++) {
    if (i == EM_AT_CONTROL)
      continue;
    unsigned long long count = atomic_load(&stats->requests[i]);
    em_text_addf(text, "%s\"%s\":%llu", i ? "," : "",
                 em_endpoint_name((enum em_endpoint)i), count);
    total += count;
  }
  em_text_addf(text, "},\"exchanges\":%llu,\"connections\":%llu,\"open\":%d",
               total, atomic_load(&stats->connections),
               atomic_load(&stats->open));
}

void em_control_stats(struct em_request *request) {
  struct em_service *service = request->service;
  struct em_text text = {0};
  em_text_add(&text, "{");
  add_counts(&text, &service->stats);
  em_text_add(&text, ",\"jobs\":");
  pthread_mutex_lock(&service->store.lock);
  add_jobs_locked(&text, request, add_delay);
  pthread_mutex_unlock(&service->store.lock);
  em_text_add(&text, "}");
  em_reply_json(request, 200, &text);
}

/* Rules for a wire that is not there would never apply; say so. */
static bool lacks(struct em_request *request, int port, const char *option) {
  if (port < 0)
    em_reply_error(request, 409, "the emulator was started without %s", option);
  return port < 0;
}

/* POST adds to the rules, or sets what the foreign host answers, where there
 * are none; DELETE clears. Errors: false, and the reply says why. */
static bool change(struct em_request *request, struct em_rules *rules) {
  struct em_error error;
  if (!strcmp(request->method, "DELETE") && rules)
    em_rules_clear(rules);
  else if (!strcmp(request->method, "DELETE"))
    em_foreign_reset(request->service->foreign);
  if (strcmp(request->method, "POST") != 0)
    return true;
  json_t *script = em_request_json(request);
  if (!script)
    return false;
  int failed =
      rules ? em_rules_add(rules, script, &error)
            : em_foreign_script(request->service->foreign, script, &error);
  if (failed)
    em_reply_error(request, 400, "%s", error.text);
  json_decref(script);
  return !failed;
}

/* Whatever the method, the answer lists what there is now. */
static void answer_script(struct em_request *request, struct em_rules *rules) {
  struct em_text text = {0};
  if (!change(request, rules))
    return;
  if (rules)
    em_rules_write_json(rules, &text);
  else
    em_foreign_write_json(request->service->foreign, &text);
  em_reply_json(request, 200, &text);
}

void em_control_faults(struct em_request *request) {
  answer_script(request, &request->service->faults);
}

void em_control_wire(struct em_request *request) {
  if (!lacks(request, request->service->options->wire_port, "--wire-port"))
    answer_script(request, em_wire_rules(request->service->wire));
}

void em_control_foreign(struct em_request *request) {
  if (!lacks(request, request->service->options->foreign_port,
             "--foreign-port"))
    answer_script(request, NULL);
}

void em_control_wire_log(struct em_request *request) {
  struct em_text text = {0};
  if (lacks(request, request->service->options->wire_port, "--wire-port"))
    return;
  em_wire_write_log(request->service->wire, first_wanted(request), &text);
  em_reply_json(request, 200, &text);
}

static void clear_counts(struct em_stats *stats) {
  for (int i = 0; i < EM_ENDPOINT_COUNT; i++)
    atomic_store(&stats->requests[i], 0);
  atomic_store(&stats->connections,
               (unsigned long long)atomic_load(&stats->open));
}

void em_control_reset(struct em_request *request) {
  struct em_service *service = request->service;
  em_rules_clear(&service->faults);
  em_wire_reset(service->wire);
  em_foreign_reset(service->foreign);
  em_store_reset(&service->store);
  em_media_reset(service->media);
  clear_counts(&service->stats);
  em_reply_string(request, 200, "application/json", "{}");
}

/* As a signal does. */
void em_control_shutdown(struct em_request *request) {
  (void)request;
  kill(getpid(), SIGTERM);
  em_reply_string(request, 200, "application/json", "{}");
}
