#include "sm_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sm_doubt.h"
#include "sm_outcome.h"

#define MAX_SUBMITS 5
#define SUBMIT_FLOOR_MS 500
#define SUBMIT_CAP_MS 10000
#define POLL_BACKOFF_MS 500
#define POLL_BACKOFF_CAP_MS 5000
/* A record may be written a little after its id was given out. */
#define MISSING_GRACE_MS 15000
#define MISSING_GRACE_GAP_MS 1000
#define MISSING_TRIES 3
#define MISSING_GAP_MS 5000
#define ODD_TRIES 3

void sm_job_create(struct sm_job *job, const struct sm_dial *dial,
                   int64_t deadline_ms) {
  memset(job, 0, sizeof *job);
  job->dial = *dial;
  job->deadline_ms = deadline_ms;
}

void sm_job_destroy(struct sm_job *job) {
  free(job->doubt);
  job->doubt = NULL;
  job->request_id = NULL;
}

/* There was room for it from the start: an id is never lost for want of
 * memory. */
static void keep_id(struct sm_job *job, const char *request_id) {
  (void)snprintf(job->id, sizeof job->id, "%s", request_id);
  job->request_id = job->id;
}

enum sm_code sm_job_attach(struct sm_job *job, const char *request_id,
                           int64_t now_ms, struct sm_error *e) {
  if (!sm_url_is_id(request_id))
    return sm_fail(e, SM_SECURITY,
                   "a request id has 1 to %d of A-Z a-z 0-9 . _ - and begins "
                   "with a letter or digit",
                   SM_ID_MAX);
  keep_id(job, request_id);
  job->is_attached = true;
  job->phase = SM_PHASE_STATUS;
  sm_plan_create(&job->plan, now_ms);
  return SM_OK;
}

int64_t sm_job_deadline_ms(const struct sm_job *job) {
  return job->phase == SM_PHASE_LOOKUP ? job->doubt->until_ms
                                       : job->deadline_ms;
}

static void fail_with(struct sm_verdict *verdict, enum sm_charged charged) {
  verdict->error.charged = charged;
  sm_verdict_fail(verdict, &verdict->error);
}

/* -- the submit ---------------------------------------------------------- */

/* An id that another job of this client has is an answer from a cache, say. */
static bool is_new_id(const struct sm_scene *scene, const char *request_id,
                      struct sm_verdict *verdict) {
  if (!scene->others.is_taken(scene->others.user, request_id))
    return true;
  sm_fail(&verdict->error, SM_PROTOCOL,
          "the service gave the id %s to two submits", request_id);
  fail_with(verdict, SM_CHARGED_UNKNOWN);
  return false;
}

void sm_job_accept(struct sm_job *job, const struct sm_scene *scene,
                   const char *request_id, struct sm_verdict *verdict) {
  if (!is_new_id(scene, request_id, verdict))
    return;
  keep_id(job, request_id);
  free(job->doubt);
  job->doubt = NULL;
  job->phase = SM_PHASE_STATUS;
  job->state = SM_STATE_ACCEPTED;
  job->failures = 0;
  verdict->news = SM_STATE_ACCEPTED;
  sm_pace_recover(scene->pace, scene->now_ms);
  sm_plan_create(&job->plan, scene->now_ms);
  sm_verdict_send(verdict, sm_plan_next(&job->plan, scene->learner, &job->dial,
                                        scene->rtt_ms, scene->now_ms));
}

/* A 200 must be whole JSON with a usable id, or nobody knows what it was. */
static void read_acceptance(struct sm_job *job, const struct sm_scene *scene,
                            const struct sm_answer *answer,
                            struct sm_verdict *verdict) {
  struct sm_reply reply;
  struct sm_error *e = &verdict->error;
  enum sm_code code =
      sm_reply_read(&reply, answer->body.data, answer->body.size, e);
  if (reply.request_id[0]) {
    sm_job_accept(job, scene, reply.request_id, verdict);
    return;
  } else if (code != SM_OK) {
    char why[sizeof e->message];
    memcpy(why, e->message, sizeof why);
    sm_fail(e, SM_UNKNOWN, "the submit was answered by HTTP %d, but %s",
            answer->status, why);
  } else if (reply.has_bad_id) {
    sm_fail(e, SM_SECURITY,
            "the service gave a request id that cannot be used");
  } else if (reply.state == SM_STATE_FAILED) {
    sm_fail(e, SM_FAILED, "%s",
            reply.error[0] ? reply.error : "the job FAILED");
    fail_with(verdict, SM_CHARGED_NO);
    return;
  } else {
    sm_fail(e, SM_UNKNOWN, "the submit was answered without a request id");
  }
  e->status = answer->status;
  if (e->code == SM_UNKNOWN)
    sm_doubt_begin(job, scene, verdict);
  else
    fail_with(verdict, SM_CHARGED_UNKNOWN);
}

static void try_again(struct sm_job *job, const struct sm_scene *scene,
                      struct sm_verdict *verdict) {
  if (++job->submits >= MAX_SUBMITS) {
    fail_with(verdict, SM_CHARGED_NO);
    return;
  }
  verdict->note = "the submit was not sent and is tried again";
  sm_verdict_send(verdict,
                  scene->now_ms +
                      sm_backoff_ms(scene->rng, job->submits, SUBMIT_FLOOR_MS,
                                    SUBMIT_FLOOR_MS, SUBMIT_CAP_MS));
}

static void answer_submit(struct sm_job *job, const struct sm_scene *scene,
                          const struct sm_answer *answer,
                          struct sm_verdict *verdict) {
  struct sm_error *e = &verdict->error;
  enum sm_code code = sm_outcome_of_submit(answer, e);
  job->trouble = code;
  if (answer->status >= 500)
    sm_pace_strike(scene->pace, scene->now_ms);
  if (code == SM_OK) {
    read_acceptance(job, scene, answer, verdict);
  } else if (code == SM_NOT_SENT) {
    try_again(job, scene, verdict);
  } else if (code == SM_THROTTLED) {
    verdict->note = "the service asks to slow down (429); submits wait";
    sm_verdict_send(verdict,
                    scene->now_ms + sm_pace_throttle(scene->pace, scene->rng,
                                                     answer->retry_after_ms,
                                                     scene->now_ms));
  } else if (code == SM_UNKNOWN) {
    sm_doubt_begin(job, scene, verdict);
  } else {
    sm_verdict_fail(verdict, e);
  }
}

/* -- status and result --------------------------------------------------- */

/* The next regular poll. */
static void poll_on(const struct sm_job *job, const struct sm_scene *scene,
                    struct sm_verdict *verdict) {
  sm_verdict_send(verdict, sm_plan_next(&job->plan, scene->learner, &job->dial,
                                        scene->rtt_ms, scene->now_ms));
}

/* An answer that says nothing: the next poll, and not sooner than a back-off.
 */
static void poll_later(struct sm_job *job, const struct sm_scene *scene,
                       struct sm_verdict *verdict) {
  if (job->failures < UINT8_MAX)
    job->failures++;
  sm_plan_note(&job->plan, scene->learner, SM_SEEN_NOTHING, scene->now_ms);
  int64_t soonest =
      scene->now_ms + sm_backoff_ms(scene->rng, job->failures, 0,
                                    POLL_BACKOFF_MS, POLL_BACKOFF_CAP_MS);
  if (job->phase == SM_PHASE_RESULT)
    sm_verdict_send(verdict, soonest);
  else
    poll_on(job, scene, verdict);
  if (verdict->at_ms < soonest)
    verdict->at_ms = soonest;
}

static void fail_job(struct sm_verdict *verdict, const struct sm_answer *answer,
                     const struct sm_reply *reply) {
  sm_fail(&verdict->error, SM_FAILED, "%s",
          reply->error[0] ? reply->error : "the job FAILED without a reason");
  verdict->error.status = answer->status;
  verdict->news = SM_STATE_FAILED;
  fail_with(verdict, SM_CHARGED_NO);
}

static void contract_broken(struct sm_job *job, const struct sm_scene *scene,
                            enum sm_code code, const char *what,
                            const struct sm_answer *answer,
                            struct sm_verdict *verdict) {
  if (++job->odd < ODD_TRIES) {
    poll_later(job, scene, verdict);
    return;
  }
  sm_fail(&verdict->error, code, "%s", what);
  verdict->error.status = answer->status;
  fail_with(verdict, code == SM_FAILED ? SM_CHARGED_NO : SM_CHARGED_YES);
}

static void completed(struct sm_job *job, const struct sm_scene *scene,
                      const struct sm_answer *answer,
                      const struct sm_reply *reply,
                      struct sm_verdict *verdict) {
  if (job->phase == SM_PHASE_STATUS) {
    sm_plan_finish(&job->plan, scene->learner, reply->inference_s,
                   scene->in_flight, scene->now_ms);
    job->phase = SM_PHASE_RESULT;
    job->odd = 0;
    sm_verdict_send(verdict, scene->now_ms);
  } else if (reply->has_output) {
    job->state = SM_STATE_COMPLETED;
    verdict->step = SM_STEP_DONE;
  } else {
    contract_broken(job, scene, SM_PROTOCOL,
                    "the job is COMPLETED but its result names no output",
                    answer, verdict);
  }
}

static void still_running(struct sm_job *job, const struct sm_scene *scene,
                          enum sm_state state, struct sm_verdict *verdict) {
  job->phase = SM_PHASE_STATUS;
  sm_plan_note(&job->plan, scene->learner,
               state == SM_STATE_QUEUED ? SM_SEEN_QUEUED : SM_SEEN_PROCESSING,
               scene->now_ms);
  if (state != job->state)
    verdict->news = state;
  job->state = state;
  poll_on(job, scene, verdict);
}

/* A body that names another request is not believed. */
static bool is_ours(const struct sm_job *job, const struct sm_reply *reply) {
  return !reply->has_bad_id &&
         (!reply->request_id[0] ||
          strcmp(reply->request_id, job->request_id) == 0);
}

static void read_progress(struct sm_job *job, const struct sm_scene *scene,
                          const struct sm_answer *answer,
                          struct sm_verdict *verdict) {
  struct sm_reply reply;
  if (sm_reply_read(&reply, answer->body.data, answer->body.size, NULL) !=
          SM_OK ||
      !is_ours(job, &reply) || reply.state == SM_STATE_NONE) {
    if (answer->status == 422)
      contract_broken(job, scene, SM_FAILED,
                      "the service answers 422 without saying why", answer,
                      verdict);
    else
      poll_later(job, scene, verdict);
    return;
  }
  job->failures = job->missing = 0;
  if (reply.state == SM_STATE_FAILED)
    fail_job(verdict, answer, &reply);
  else if (answer->status == 422)
    contract_broken(job, scene, SM_FAILED,
                    "the service answers 422 without a FAILED state", answer,
                    verdict);
  else if (reply.state == SM_STATE_COMPLETED)
    completed(job, scene, answer, &reply, verdict);
  else
    still_running(job, scene, reply.state, verdict);
}

static void record_missing(struct sm_job *job, const struct sm_scene *scene,
                           struct sm_verdict *verdict) {
  int64_t now = scene->now_ms;
  if (!job->is_attached && now - job->plan.start_ms < MISSING_GRACE_MS) {
    sm_verdict_send(verdict, now + MISSING_GRACE_GAP_MS);
    return;
  }
  if (++job->missing < MISSING_TRIES) {
    sm_verdict_send(verdict, now + MISSING_GAP_MS);
    return;
  }
  sm_doubt_ask_record(job, scene, verdict);
}

static void answer_poll(struct sm_job *job, const struct sm_scene *scene,
                        const struct sm_answer *answer,
                        struct sm_verdict *verdict) {
  struct sm_error *e = &verdict->error;
  enum sm_code code = sm_outcome_of_get(answer, e);
  job->trouble = code;
  if (answer->status >= 500)
    sm_pace_strike(scene->pace, scene->now_ms);
  if (code == SM_OK || answer->status == 422) {
    sm_pace_recover(scene->pace, scene->now_ms);
    read_progress(job, scene, answer, verdict);
  } else if (answer->status == 404) {
    record_missing(job, scene, verdict);
  } else if (code == SM_AUTH || code == SM_SECURITY) {
    fail_with(verdict, SM_CHARGED_YES);
  } else if (code == SM_PROTOCOL) {
    contract_broken(job, scene, SM_PROTOCOL, answer->reason, answer, verdict);
  } else {
    poll_later(job, scene, verdict);
    if (code == SM_THROTTLED) {
      int64_t wait = sm_pace_throttle(scene->pace, scene->rng,
                                      answer->retry_after_ms, scene->now_ms);
      if (verdict->at_ms < scene->now_ms + wait)
        verdict->at_ms = scene->now_ms + wait;
      verdict->note = "the service asks to slow down (429)";
    }
  }
}

void sm_job_answer(struct sm_job *job, const struct sm_scene *scene,
                   const struct sm_answer *answer, struct sm_verdict *verdict) {
  sm_verdict_clear(verdict);
  switch (job->phase) {
  case SM_PHASE_SUBMIT:
    answer_submit(job, scene, answer, verdict);
    break;
  case SM_PHASE_LOOKUP:
    sm_doubt_answer_lookup(job, scene, answer, verdict);
    break;
  case SM_PHASE_STATUS:
  case SM_PHASE_RESULT:
    answer_poll(job, scene, answer, verdict);
    break;
  case SM_PHASE_RECORD:
    sm_doubt_answer_record(job, scene, answer, verdict);
    break;
  }
}

/* -- the deadline -------------------------------------------------------- */

static void expire_unsent(const struct sm_job *job,
                          struct sm_verdict *verdict) {
  struct sm_error *e = &verdict->error;
  if (job->trouble == SM_THROTTLED || job->trouble == SM_NOT_SENT)
    sm_fail(e, job->trouble,
            "the deadline passed before the request could be sent: %s",
            job->trouble == SM_THROTTLED ? "the service asks to slow down"
                                         : "the service could not be reached");
  else
    sm_fail(e, SM_TIMEOUT, "the deadline passed before the request was sent");
  e->is_retryable = true;
  fail_with(verdict, SM_CHARGED_NO);
}

void sm_job_expire(struct sm_job *job, const struct sm_scene *scene,
                   bool was_sent, struct sm_verdict *verdict) {
  struct sm_error *e = &verdict->error;
  sm_verdict_clear(verdict);
  if (job->phase == SM_PHASE_LOOKUP) {
    sm_doubt_expire(job, verdict);
  } else if (job->request_id) {
    sm_fail(e, SM_TIMEOUT,
            "the deadline passed %s; the job can be attached by its id",
            job->failures > 1 ? "while the service gave no usable answer to "
                                "polls"
                              : "while the job was running at the service");
    fail_with(verdict, SM_CHARGED_YES);
  } else if (was_sent) {
    sm_fail(e, SM_UNKNOWN,
            "the deadline passed after the request was sent and before it was "
            "answered");
    sm_doubt_begin(job, scene, verdict);
  } else {
    expire_unsent(job, verdict);
  }
}
