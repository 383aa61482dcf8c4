/* The service, behind sm_transport, on a clock that is moved by hand.
 *
 * It accepts and bills, has a history that lags, and is in trouble as often as
 * it is told to be: answers that are lost, cut or no answers, submits that
 * never arrive, refusals, throttling, jobs that fail. What a request meets is
 * drawn when it starts, so that a seed says all. Processes that share it have a
 * transport each, for when one dies its requests end where they are: what was
 * on the way may or may not arrive.
 *
 * A step is known by the seed in its body. What it was paid for it is asked by
 * model_service_billed: accepted submits, less those whose job failed. */
#ifndef MODEL_SERVICE_H
#define MODEL_SERVICE_H

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "sample_pictures.h"
#include "sm_exchange.h"

#define SERVICE_ACTIVE 64
#define SERVICE_JOBS 2048

struct service_job {
  int step;
  int64_t accepted_ms;
  int64_t ends_ms;
  bool fails;
  bool is_v1; /* has no id */
};

enum fate {
  FATE_WELL,
  FATE_LOST,      /* accepted, and the connection breaks */
  FATE_CUT,       /* accepted, and the answer ends behind the id */
  FATE_NO_ID,     /* accepted, and answered by a page */
  FATE_LATE_500,  /* accepted, and answered by a 500 */
  FATE_500,       /* nothing but that */
  FATE_VANISHED,  /* sent, and never arrived */
  FATE_UNSENT,    /* it could not be sent, and that is known */
  FATE_THROTTLED, /* 429 */
  FATE_REFUSED    /* 422 */
};

struct service_request {
  struct sm_exchange *exchange;
  int64_t arrives_ms;
  int64_t due_ms;
  enum fate fate;
  int job; /* what was accepted; -1 */
  bool has_arrived;
};

struct model_service {
  struct sm_rng rng;
  int64_t now_ms;
  int64_t wall_s; /* Unix time at now_ms 0 */
  int64_t lag_ms; /* of the history */
  double trouble; /* the chance that something is wrong with a request */
  struct service_job jobs[SERVICE_JOBS];
  int job_count;
  int submits;
};

/* One process's requests. */
struct model_transport {
  struct model_service *service;
  struct service_request active[SERVICE_ACTIVE];
  int count;
};

static inline int64_t draw_ms(struct model_service *service, int least,
                              int most) {
  return least + (int64_t)(sm_rng_next(&service->rng) * (most - least));
}

static inline int number_behind(const char *text, const char *mark) {
  const char *at = strstr(text, mark);
  return at ? atoi(at + strlen(mark)) : -1;
}

static inline int model_service_billed(const struct model_service *service,
                                       int step) {
  int billed = 0;
  for (int i = 0; i < service->job_count; i++)
    billed += service->jobs[i].step == step && !service->jobs[i].fails;
  return billed;
}

/* -- a submit ----------------------------------------------------------------
 */

static inline bool is_v1(const struct sm_exchange *exchange) {
  return strstr(sm_buf_text(&exchange->url), "/v1/") != NULL;
}

/* The step that a submit pays for. */
static inline int step_of_submit(const struct sm_exchange *exchange) {
  size_t size;
  const char *body = sm_body_text(exchange->request.body, &size);
  char text[128] = "";
  if (body && size < sizeof text)
    memcpy(text, body, size);
  return number_behind(text, "\"seed\":");
}

static inline bool arrives(enum fate fate) { return fate <= FATE_LATE_500; }

static inline void service_accept(struct model_service *service,
                                  struct service_request *request) {
  CHECK(service->job_count < SERVICE_JOBS);
  if (service->job_count == SERVICE_JOBS)
    return;
  bool is_sync = is_v1(request->exchange);
  request->job = service->job_count++;
  service->jobs[request->job] = (struct service_job){
      .step = step_of_submit(request->exchange),
      .accepted_ms = service->now_ms,
      .ends_ms = service->now_ms + draw_ms(service, 1000, 30000),
      .fails = sm_rng_next(&service->rng) < service->trouble / 4,
      .is_v1 = is_sync,
  };
  if (is_sync)
    request->due_ms += 5000;
}

/* Lets arrive what has had its time to. */
static inline void service_arrivals(struct model_transport *transport) {
  struct model_service *service = transport->service;
  for (int i = 0; i < transport->count; i++) {
    struct service_request *request = &transport->active[i];
    if (request->exchange->request.method != SM_POST || request->has_arrived ||
        request->arrives_ms > service->now_ms)
      continue;
    request->has_arrived = true;
    if (arrives(request->fate))
      service_accept(service, request);
  }
}

/* The connection goes: what has not arrived yet does so now or never. */
static inline void service_break(struct model_transport *transport, int i) {
  struct service_request *request = &transport->active[i];
  struct model_service *service = transport->service;
  if (request->exchange->request.method == SM_POST && !request->has_arrived &&
      arrives(request->fate) && sm_rng_next(&service->rng) < 0.5)
    service_accept(service, request);
  *request = transport->active[--transport->count];
}

static inline void service_write_picture(struct sm_exchange *exchange,
                                         int number) {
  char name[16];
  size_t size = (size_t)snprintf(name, sizeof name, "r%d", number);
  struct sm_file *file = exchange->request.file;
  exchange->answer.is_all = true;
  if (file && sm_file_write(file, sample_png, sizeof sample_png, NULL) == SM_OK)
    (void)sm_file_write(file, name, size, NULL);
  if (!file)
    sm_buf_append(&exchange->answer.body, sample_png, sizeof sample_png, NULL);
}

static inline void answer_submit(const struct model_service *service,
                                 const struct service_request *request) {
  struct sm_answer *answer = &request->exchange->answer;
  const struct service_job *job =
      request->job >= 0 ? &service->jobs[request->job] : NULL;
  if (job && job->is_v1 && job->fails)
    sm_buf_add_text(&answer->body, "{\"status\":\"FAILED\",\"error\":\"no\"}",
                    NULL);
  else if (job && job->is_v1)
    service_write_picture(request->exchange, request->job);
  else if (job)
    sm_buf_printf(&answer->body, NULL,
                  "{\"request_id\":\"r%d\",\"status\":\"QUEUED\"}",
                  request->job);
}

static inline void break_off(struct sm_answer *answer, bool was_sent) {
  answer->code = SM_NOT_SENT;
  answer->was_sent = was_sent;
  snprintf(answer->reason, sizeof answer->reason, "the connection broke");
}

static inline void finish_submit(const struct model_service *service,
                                 const struct service_request *request) {
  struct sm_answer *answer = &request->exchange->answer;
  answer->was_sent = request->fate != FATE_UNSENT;
  answer->status = 200;
  switch (request->fate) {
  case FATE_WELL:
    answer_submit(service, request);
    break;
  case FATE_CUT:
    answer_submit(service, request);
    break_off(answer, true);
    break;
  case FATE_NO_ID:
    sm_buf_add_text(&answer->body, "<html>", NULL);
    break;
  case FATE_LATE_500:
  case FATE_500:
    answer->status = 500;
    break;
  case FATE_THROTTLED:
    answer->status = 429;
    answer->retry_after_ms = 2000;
    break;
  case FATE_REFUSED:
    answer->status = 422;
    break;
  default:
    answer->status = 0;
    break_off(answer, answer->was_sent);
  }
}

/* -- what is free ------------------------------------------------------------
 */

static inline void print_time(char out[32], const struct model_service *service,
                              int64_t at_ms, const char *format) {
  time_t seconds = (time_t)(service->wall_s + at_ms / 1000);
  struct tm tm;
  (void)gmtime_r(&seconds, &tm);
  (void)strftime(out, 32, format, &tm);
}

static inline const char *state_word(const struct model_service *service,
                                     const struct service_job *job) {
  if (service->now_ms < job->ends_ms)
    return "PROCESSING";
  return job->fails ? "FAILED" : "COMPLETED";
}

static inline void print_row(const struct model_service *service,
                             struct sm_buf *out, int number) {
  const struct service_job *job = &service->jobs[number];
  const char *state = state_word(service, job);
  char at[32];
  print_time(at, service, job->accepted_ms, "%Y-%m-%dT%H:%M:%SZ");
  sm_buf_printf(out, NULL,
                "{\"request_id\":\"%s%d\",\"model_name\":\"flux\","
                "\"request_body\":{\"prompt\":\"x\",\"seed\":%d},"
                "\"model_created\":\"%s\",\"model_status\":\"%s\"%s%d%s}",
                job->is_v1 ? "v" : "r", number, job->step, at, state,
                strcmp(state, "COMPLETED") == 0
                    ? ",\"generation_url\":\"https://images.segmind.com/r"
                    : ",\"number\":\"",
                number, strcmp(state, "COMPLETED") == 0 ? ".png\"" : "\"");
}

static inline void answer_history(const struct model_service *service,
                                  struct sm_answer *answer, const char *url) {
  int page = number_behind(url, "&page="), row = 0;
  const char *comma = "";
  sm_buf_add_text(&answer->body, "{\"data\":[", NULL);
  for (int i = service->job_count - 1; i >= 0; i--) {
    if (service->now_ms < service->jobs[i].accepted_ms + service->lag_ms ||
        service->jobs[i].is_v1)
      continue;
    if (row++ / 100 != page - 1)
      continue;
    sm_buf_add_text(&answer->body, comma, NULL);
    print_row(service, &answer->body, i);
    comma = ",";
  }
  sm_buf_add_text(&answer->body, "]}", NULL);
}

static inline void answer_record(const struct model_service *service,
                                 struct sm_answer *answer, int number) {
  sm_buf_add_text(&answer->body, "{\"data\":", NULL);
  print_row(service, &answer->body, number);
  sm_buf_add_text(&answer->body, "}", NULL);
}

static inline void answer_poll(const struct model_service *service,
                               struct sm_answer *answer, int number,
                               bool is_result) {
  const char *state = state_word(service, &service->jobs[number]);
  sm_buf_printf(&answer->body, NULL,
                "{\"request_id\":\"r%d\",\"status\":\"%s\"", number, state);
  if (is_result && strcmp(state, "COMPLETED") == 0)
    sm_buf_printf(&answer->body, NULL,
                  ",\"output\":\"https://images.segmind.com/r%d.png\","
                  "\"metrics\":{\"cost\":0.05}",
                  number);
  if (strcmp(state, "FAILED") == 0)
    sm_buf_add_text(&answer->body, ",\"error\":\"the picture is blurred\"",
                    NULL);
  sm_buf_add_text(&answer->body, "}", NULL);
}

static inline void finish_get(const struct model_service *service,
                              struct sm_exchange *exchange) {
  const char *url = sm_buf_text(&exchange->url);
  struct sm_answer *answer = &exchange->answer;
  int number = number_behind(url, "/r");
  const char *id = strstr(url, "/requests/r");
  const char *record = strstr(url, "/request-history/r");
  if (record || id)
    number = number_behind(url, record ? "/request-history/r" : "/requests/r");
  answer->status = 200;
  if (strstr(url, "/request-history?"))
    answer_history(service, answer, url);
  else if (number >= service->job_count)
    answer->status = 404;
  else if (record)
    answer_record(service, answer, number);
  else if (id)
    answer_poll(service, answer, number, !strstr(url, "/status"));
  else if (exchange->request.wants_image)
    service_write_picture(exchange, atoi(strrchr(url, '/') + 2));
}

static inline void
finish_get_in_trouble(const struct model_service *service,
                      const struct service_request *request) {
  struct sm_answer *answer = &request->exchange->answer;
  answer->was_sent = true;
  if (request->fate == FATE_WELL || request->fate == FATE_REFUSED)
    finish_get(service, request->exchange);
  else if (request->fate == FATE_THROTTLED)
    answer->status = 429;
  else if (request->fate == FATE_500 || request->fate == FATE_LATE_500)
    answer->status = 500;
  else
    break_off(answer, true);
}

/* -- the transport ------------------------------------------------------------
 */

static inline enum fate draw_fate(struct model_service *service) {
  if (sm_rng_next(&service->rng) >= service->trouble)
    return FATE_WELL;
  return (enum fate)draw_ms(service, FATE_LOST, FATE_REFUSED + 1);
}

static inline enum sm_code
service_start(void *self, struct sm_exchange *exchange, struct sm_error *e) {
  struct model_transport *transport = self;
  struct model_service *service = transport->service;
  (void)e;
  CHECK(transport->count < SERVICE_ACTIVE);
  int64_t trip_ms = draw_ms(service, 4, 400);
  transport->active[transport->count++] = (struct service_request){
      .exchange = exchange,
      .arrives_ms = service->now_ms + trip_ms / 2,
      .due_ms = service->now_ms + trip_ms,
      .fate = draw_fate(service),
      .job = -1,
  };
  service->submits += exchange->request.method == SM_POST;
  return SM_OK;
}

static inline void service_cancel(void *self, struct sm_exchange *exchange) {
  struct model_transport *transport = self;
  for (int i = 0; i < transport->count; i++)
    if (transport->active[i].exchange == exchange) {
      exchange->answer.was_sent = transport->active[i].fate != FATE_UNSENT;
      service_break(transport, i);
      return;
    }
}

static inline struct sm_exchange *service_finished(void *self) {
  struct model_transport *transport = self;
  struct model_service *service = transport->service;
  service_arrivals(transport);
  for (int i = 0; i < transport->count; i++) {
    struct service_request request = transport->active[i];
    if (request.due_ms > service->now_ms)
      continue;
    transport->active[i] = transport->active[--transport->count];
    struct sm_answer *answer = &request.exchange->answer;
    answer->body.ceiling = request.exchange->request.max_bytes;
    answer->is_all = true;
    print_time(answer->when.date, service, service->now_ms,
               "%a, %d %b %Y %H:%M:%S GMT");
    if (request.exchange->request.method == SM_POST)
      finish_submit(service, &request);
    else
      finish_get_in_trouble(service, &request);
    return request.exchange;
  }
  return NULL;
}

static inline void service_release(void *self, struct sm_exchange *exchange) {
  (void)self, (void)exchange;
}

static inline struct sm_transport
model_transport(struct model_transport *self) {
  return (struct sm_transport){self, service_start, service_cancel,
                               service_finished, service_release};
}

/* The process has died. */
static inline void model_transport_crash(struct model_transport *transport) {
  while (transport->count > 0)
    service_break(transport, transport->count - 1);
}

/* When something will happen; INT64_MAX: never. */
static inline int64_t
model_transport_next_ms(const struct model_transport *transport) {
  int64_t next_ms = INT64_MAX;
  for (int i = 0; i < transport->count; i++) {
    const struct service_request *request = &transport->active[i];
    int64_t at_ms =
        request->exchange->request.method == SM_POST && !request->has_arrived
            ? request->arrives_ms
            : request->due_ms;
    if (at_ms < next_ms)
      next_ms = at_ms;
  }
  return next_ms;
}

#endif
