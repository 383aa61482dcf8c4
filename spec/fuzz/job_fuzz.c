/* A job's whole life, on a clock of its own: the input says what each request
 * is answered with, and when. The rules of the money must hold for every one.
 */
#include <math.h>

#include "fuzz.h"
#include "sm_job.h"

#define ID "2c7f59ea13f1402c9353915a2b5a2124"
#define BODY "{\"prompt\":\"p\",\"seed\":7}"
#define START_MS 1000000
#define TIMEOUT_MS 300000

static const char *const bodies[] = {
    "",
    "{}",
    "<html>502</html>",
    "{\"request_id\":\"" ID "\",\"status\":\"QUEUED\"}",
    "{\"request_id\":\"another\",\"status\":\"COMPLETED\"}",
    "{\"request_id\":\"../x\",\"status\":\"QUEUED\"}",
    "{\"request_id\":\"" ID "\",\"status\":\"QUE",
    "{\"status\":\"QUEUED\"}",
    "{\"status\":\"PROCESSING\"}",
    "{\"status\":\"COMPLETED\",\"metrics\":{\"inference_time\":4.2}}",
    "{\"status\":\"COMPLETED\",\"metrics\":{\"inference_time\":1e300}}",
    "{\"status\":\"COMPLETED\",\"output\":\"https://h/p.png\"}",
    "{\"status\":\"FAILED\",\"error\":\"content\"}",
    "{\"status\":\"FAILED\",\"request_id\":\"another\"}",
    "{\"error\":\"Insufficient credits\"}",
    "{\"data\":[]}",
    "{\"data\":[{\"request_id\":\"" ID "\",\"model_name\":\"flux\","
    "\"request_body\":" BODY ",\"model_status\":\"COMPLETED\"}]}",
    "{\"data\":{\"request_id\":\"" ID "\",\"model_status\":\"COMPLETED\","
    "\"generation_url\":\"https://h/p.png\"}}",
    "{\"output\":\"https://h/p.png\",\"seed\":18446744073709551615}",
    "{\"status\":\"cancelled\"}",
    "{\"request_id\":\"" ID "\",\"error\":\"x\",\"sta",
    "{\"data\":{\"request_id\":\"" ID "\",\"model_status\":\"FAILED\"}}",
};

static const int statuses[] = {200, 0,   200, 201, 204, 301, 400, 401,
                               402, 403, 404, 406, 408, 409, 418, 422,
                               429, 500, 502, 503, 504, 200, 999, 100};

static const enum sm_code codes[] = {SM_OK,       SM_OK,       SM_OK,
                                     SM_NOT_SENT, SM_TIMEOUT,  SM_IO,
                                     SM_SECURITY, SM_PROTOCOL, SM_UNKNOWN};

struct life {
  struct sm_job job;
  struct sm_learner learner;
  struct sm_pace pace;
  struct sm_rng rng;
  struct sm_body *body;
  struct sm_action action;
  int64_t now_ms;
  bool may_be_accepted; /* a submit has left that nobody took back */
  bool was_accepted;
};

static bool is_other(const void *user, const char *request_id) {
  (void)user;
  return strcmp(request_id, "another") == 0;
}

static const char *awaited(const void *user, const char *model, int n,
                           size_t *size) {
  (void)user, (void)model, (void)n, (void)size;
  return NULL;
}

static struct sm_context context_of(struct life *life) {
  return (struct sm_context){.learner = &life->learner,
                             .pace = &life->pace,
                             .rng = &life->rng,
                             .now_ms = life->now_ms,
                             .rtt_ms = 5,
                             .wall_ms = 1700000000000 + life->now_ms,
                             .service_ms = 1700000000000 + life->now_ms,
                             .has_service_clock = true,
                             .model = "flux",
                             .body = life->body,
                             .others = {is_other, awaited, NULL}};
}

static void check_error(const struct life *life) {
  const struct sm_error *e = &life->action.error;
  PROMISE(e->code != SM_OK && e->code < SM_CODE_COUNT);
  PROMISE(e->message[0] != '\0' && IS_TEXT(e->message));
  if (e->code == SM_UNKNOWN)
    PROMISE(e->charged == SM_CHARGED_UNKNOWN);
  /* Silent: a submit that may be billed, reported as if it were not. */
  if (life->may_be_accepted && e->code != SM_FAILED)
    PROMISE(e->charged != SM_CHARGED_NO);
  if (life->was_accepted && e->code != SM_FAILED)
    PROMISE(e->charged == SM_CHARGED_YES || !life->job.is_known);
}

static void check(struct life *life) {
  const struct sm_job *job = &life->job;
  life->was_accepted = life->was_accepted || job->request_id != NULL;
  PROMISE(!life->was_accepted || job->request_id != NULL);
  PROMISE(!life->was_accepted || job->phase != SM_PHASE_SUBMIT);
  PROMISE(!job->request_id || sm_url_is_id(job->request_id));
  PROMISE(isfinite(life->learner.mu) && isfinite(life->learner.var));
  switch (life->action.kind) {
  case SM_ACTION_SEND:
    PROMISE(life->action.at_ms >= life->now_ms);
    PROMISE(job->phase != SM_PHASE_LOOKUP || job->lookup);
    /* Double: a second submit after one that may have arrived. */
    PROMISE(job->phase != SM_PHASE_SUBMIT || !life->may_be_accepted);
    break;
  case SM_ACTION_DONE:
    /* A submit may be answered with the result itself. */
    PROMISE(job->request_id || job->phase == SM_PHASE_SUBMIT);
    PROMISE(job->state == SM_STATE_COMPLETED);
    break;
  case SM_ACTION_FAIL:
    check_error(life);
    break;
  }
}

/* The statuses that say no; nothing else takes a submit back. */
static bool was_refused(const struct sm_answer *answer) {
  static const int refusals[] = {400, 401, 402, 403, 404, 405,
                                 406, 410, 413, 415, 422, 429};
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
    if (answer->status == refusals[i])
      return true;
  return false;
}

static void answer(struct life *life, struct source *source) {
  struct sm_exchange exchange;
  struct sm_answer *a = &exchange.answer;
  const struct sm_context context = context_of(life);
  uint8_t flags = take_byte(source);
  sm_exchange_create(&exchange);
  a->body.ceiling = 4096;
  a->status = statuses[take_byte(source) % (sizeof statuses / sizeof(int))];
  a->code = codes[(flags >> 3) % (sizeof codes / sizeof *codes)];
  a->was_sent = flags & 1 || a->code == SM_UNKNOWN;
  if (a->code != SM_OK)
    (void)snprintf(a->reason, sizeof a->reason, "a reason");
  if (a->code == SM_OK && a->status == 0)
    a->status = 200;
  /* A whole good answer before the request was out is no answer of HTTP's. */
  if (a->code == SM_OK && a->status / 100 == 2)
    a->was_sent = true;
  if (flags & 2)
    a->retry_after_ms = (int64_t)take_number(source, 2) * 10;
  const char *body =
      bodies[take_byte(source) % (sizeof bodies / sizeof *bodies)];
  PROMISE(sm_buf_add_text(&a->body, body, NULL) == SM_OK);
  if (life->job.phase == SM_PHASE_SUBMIT && a->was_sent && !was_refused(a))
    life->may_be_accepted = true;
  if (flags & 4)
    life->now_ms += take_byte(source);
  sm_job_answer(&life->job, &context, a, &life->action);
  /* The service said that it will not bill it. */
  if (life->action.kind == SM_ACTION_FAIL &&
      life->action.error.code == SM_FAILED)
    life->may_be_accepted = false;
  life->now_ms = context.now_ms;
  check(life);
  sm_exchange_destroy(&exchange);
}

static void expire(struct life *life, bool was_sent) {
  const struct sm_context context = context_of(life);
  if (life->job.phase == SM_PHASE_SUBMIT && was_sent)
    life->may_be_accepted = true;
  sm_job_expire(&life->job, &context, was_sent, &life->action);
  check(life);
}

static void begin(struct life *life, struct source *source) {
  const struct sm_dial dial = {.k = 0.25,
                               .fixed_ms = take_byte(source) % 4 ? 0 : 50};
  uint8_t how = take_byte(source) % 8;
  memset(life, 0, sizeof *life);
  life->now_ms = START_MS;
  sm_learner_create(&life->learner, take_byte(source));
  sm_pace_create(&life->pace, 0, life->now_ms);
  sm_rng_seed(&life->rng, how);
  life->body = sm_body_new();
  PROMISE(sm_body_add_text(life->body, BODY, sizeof BODY - 1, NULL) == SM_OK);
  sm_job_create(&life->job, &dial, START_MS + TIMEOUT_MS);
  PROMISE(sm_job_reserve(&life->job));
  if (how == 6) {
    PROMISE(sm_job_attach(&life->job, ID, START_MS, NULL) == SM_OK);
    life->was_accepted = life->may_be_accepted = true;
  } else if (how == 7) {
    PROMISE(sm_job_find(&life->job, 1700000000, 1700000000000 + START_MS,
                        START_MS, NULL) == SM_OK);
    life->may_be_accepted = true;
  }
  sm_action_send(&life->action, life->now_ms);
}

static void end(struct life *life) {
  sm_job_destroy(&life->job);
  sm_body_delete(life->body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct source source = {data, size};
  struct life life;
  begin(&life, &source);
  while (life.action.kind == SM_ACTION_SEND) {
    uint8_t what = take_byte(&source);
    int64_t deadline_ms = sm_job_deadline_ms(&life.job);
    bool is_late = life.action.at_ms >= deadline_ms;
    life.now_ms = is_late ? deadline_ms : life.action.at_ms;
    life.job.sent_ms = life.now_ms;
    if (is_late) {
      expire(&life, false);
    } else if (source.left == 0 || what == 255) {
      /* The request is under way when the time is over. */
      life.now_ms = deadline_ms;
      expire(&life, what & 1);
    } else {
      answer(&life, &source);
    }
  }
  end(&life);
  return 0;
}
