/* One job and what it looks at, on a clock that is moved by hand: tests say
 * what its requests are answered and read the action. The service it asks
 * knows of one other job, whose id is "another". */
#ifndef ONE_JOB_H
#define ONE_JOB_H

#include <string.h>

#include "sm_job.h"

#define ID "2c7f59ea13f1402c9353915a2b5a2124"
#define ACCEPTED "{\"request_id\":\"" ID "\",\"status\":\"QUEUED\"}"

static struct sm_learner learner;
static struct sm_pace pace;
static struct sm_rng rng;
static struct sm_job job;
static struct sm_action action;
static int64_t now_ms;
/* This machine's clock, and the service's. */
static int64_t wall_ms, service_ms;
static bool is_told;

/* What it submits. */
static struct sm_body *sent;
#define PARAMETERS "{\"prompt\":\"x\",\"seed\":7}"

/* An id that another job has got by now, NULL for none. */
static const char *taken;

static inline bool is_other(const void *user, const char *request_id) {
  (void)user;
  return strcmp(request_id, "another") == 0 ||
         (taken && strcmp(request_id, taken) == 0);
}

/* The body of another submit that is under way, NULL when there is none. */
static const char *rival;

static inline const char *awaited(const void *user, const char *model, int n,
                                  size_t *size) {
  (void)user, (void)model;
  *size = rival ? strlen(rival) : 0;
  return n == 0 ? rival : NULL;
}

static inline void make_body(void) {
  sent = sm_body_new();
  sm_body_add_text(sent, PARAMETERS, strlen(PARAMETERS), NULL);
}

static inline void begin(void) {
  const struct sm_dial dial = {.k = 0.25};
  now_ms = 1000000;
  wall_ms = service_ms = INT64_C(1700000000000);
  is_told = true;
  sm_learner_create(&learner, 10);
  sm_pace_create(&pace, 0, now_ms);
  sm_rng_seed(&rng, 7);
  if (!sent)
    make_body();
  sm_job_destroy(&job);
  sm_job_create(&job, &dial, now_ms + 600000);
  (void)sm_job_reserve(&job);
  job.sent_ms = now_ms;
  job.sent_wall_ms = wall_ms;
}

static inline struct sm_context context_now(void) {
  return (struct sm_context){.learner = &learner,
                             .pace = &pace,
                             .rng = &rng,
                             .now_ms = now_ms,
                             .rtt_ms = 1,
                             .wall_ms = wall_ms,
                             .service_ms = service_ms,
                             .has_service_clock = is_told,
                             .model = "flux",
                             .body = sent,
                             .others = {is_other, awaited, NULL}};
}

/* Of the next answers: where they point, why they failed, and whether they came
 * whole. */
static const char *location;
static const char *reason;
static bool is_all;

static inline void answer(enum sm_code code, int status, bool was_sent,
                          const char *body) {
  struct sm_exchange exchange;
  const struct sm_context context = context_now();
  sm_exchange_create(&exchange);
  exchange.answer.body.ceiling = 1 << 20;
  exchange.answer.code = code;
  exchange.answer.status = status;
  exchange.answer.was_sent = was_sent;
  exchange.answer.is_all = is_all;
  if (location)
    sm_buf_add_text(&exchange.answer.redirect, location, NULL);
  if (reason)
    (void)snprintf(exchange.answer.reason, sizeof exchange.answer.reason, "%s",
                   reason);
  sm_buf_add_text(&exchange.answer.body, body, NULL);
  sm_job_answer(&job, &context, &exchange.answer, &action);
  sm_exchange_destroy(&exchange);
}

static inline void accept(void) {
  begin();
  answer(SM_OK, 200, true, ACCEPTED);
}

static inline bool failed_with(enum sm_code code, enum sm_charged charged) {
  return action.kind == SM_ACTION_FAIL && action.error.code == code &&
         action.error.charged == charged;
}

/* Its outcome is unknown, and the request history is asked. */
static inline bool is_looked_up(void) {
  return action.kind == SM_ACTION_SEND && job.phase == SM_PHASE_LOOKUP &&
         job.lookup->error.code == SM_UNKNOWN &&
         job.lookup->error.charged == SM_CHARGED_UNKNOWN;
}

static inline bool is_sent_again(void) {
  return action.kind == SM_ACTION_SEND && action.at_ms >= now_ms;
}

static inline void forget(void) {
  sm_job_destroy(&job);
  sm_body_delete(sent);
  sent = NULL;
}

#endif
