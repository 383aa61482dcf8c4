/* The control port under /_emulator/: what the service would never tell. The
 * ledger of accepted submits is the oracle of the tests. */
#include "em_service.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "em_clock.h"

/* Since the emulator started, or null. */
static json_t *seconds(const struct em_service *service, int64_t at_us) {
  return at_us ? json_real(em_clock_s(at_us - service->started_us))
               : json_null();
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
  em_text_addf(text, ",\"at\":%.6f}",
               em_clock_s(job->submitted_us - service->started_us));
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

void em_control_ledger(struct em_request *request) {
  struct em_store *store = &request->service->store;
  struct em_text text = {0};
  size_t first = first_wanted(request);
  em_text_add(&text, "{\"submits\":[");
  pthread_mutex_lock(&store->lock);
  for (size_t i = first; i < store->count; i++) {
    em_text_add(&text, i > first ? "," : "");
    add_submit(&text, request->service, store->jobs[i]);
  }
  em_text_add(&text, "],");
  add_totals(&text, store);
  pthread_mutex_unlock(&store->lock);
  em_text_add(&text, "}");
  em_reply_json(request, 200, &text);
}

/* How late the client learned of the end is what polling is judged by. */
static json_t *delays(const struct em_service *service,
                      const struct em_job *job) {
  return json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o}", "request_id",
                   job->id, "model", job->model->name, "state",
                   em_state_name(job->state), "polls", (json_int_t)job->polls,
                   "submitted", seconds(service, job->submitted_us), "started",
                   seconds(service, job->started_us), "completed",
                   seconds(service, job->finished_us), "learned",
                   seconds(service, job->learned_us));
}

static json_t *counts(struct em_stats *stats, json_int_t *total) {
  json_t *tree = json_object();
  *total = 0;
  for (int i = 0; i < EM_ENDPOINT_COUNT; i++) {
    json_int_t count = (json_int_t)atomic_load(&stats->requests[i]);
    if (i == EM_AT_CONTROL)
      continue;
    json_object_set_new(tree, em_endpoint_name((enum em_endpoint)i),
                        json_integer(count));
    *total += count;
  }
  return tree;
}

void em_control_stats(struct em_request *request) {
  struct em_service *service = request->service;
  struct em_store *store = &service->store;
  json_t *jobs = json_array();
  json_int_t total;
  json_t *requests = counts(&service->stats, &total);
  pthread_mutex_lock(&store->lock);
  for (size_t i = first_wanted(request); i < store->count; i++)
    json_array_append_new(jobs, delays(service, store->jobs[i]));
  pthread_mutex_unlock(&store->lock);
  em_reply_tree(request, 200,
                json_pack("{s:o, s:I, s:I, s:i, s:o}", "requests", requests,
                          "exchanges", total, "connections",
                          (json_int_t)atomic_load(&service->stats.connections),
                          "open", atomic_load(&service->stats.open), "jobs",
                          jobs));
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
  if (change(request, rules))
    em_reply_tree(request, 200,
                  rules ? em_rules_tree(rules)
                        : em_foreign_tree(request->service->foreign));
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
  const struct em_service *service = request->service;
  if (!lacks(request, service->options->wire_port, "--wire-port"))
    em_reply_tree(request, 200,
                  em_wire_log_tree(service->wire, first_wanted(request)));
}

void em_control_reset(struct em_request *request) {
  struct em_service *service = request->service;
  em_rules_clear(&service->faults);
  em_wire_reset(service->wire);
  em_foreign_reset(service->foreign);
  em_store_reset(&service->store);
  em_media_reset(service->media);
  for (int i = 0; i < EM_ENDPOINT_COUNT; i++)
    atomic_store(&service->stats.requests[i], 0);
  atomic_store(&service->stats.connections,
               (unsigned long long)atomic_load(&service->stats.open));
  em_reply_tree(request, 200, json_object());
}

/* As a signal does. */
void em_control_shutdown(struct em_request *request) {
  kill(getpid(), SIGTERM);
  em_reply_tree(request, 200, json_object());
}
