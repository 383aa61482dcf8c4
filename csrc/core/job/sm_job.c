#include "sm_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
/* An output may be written a little after the state. */
#define OUTPUT_GRACE_MS 10000
#define REFUSED_TRIES 3
#define REFUSED_MS 10000
#define RECORD_TRIES 3
#define RECORD_GAP_MS 5000
#define RECORD_BACKOFF_MS 500
#define RECORD_BACKOFF_CAP_MS 5000
/* Of an answer that is kept for an error. */
#define MOST_KEPT_BYTES 65536

void sm_job_create(struct sm_job *job, const struct sm_dial *dial,
                   int64_t deadline_ms) {
  memset(job, 0, sizeof *job);
  job->dial = *dial;
  job->deadline_ms = deadline_ms;
}

/* An answer of use has come: the one that was kept is no longer the last. */
static void forget_answer(struct sm_job *job) {
  if (job->kept)
    sm_buf_destroy(&job->kept->body);
  free(job->kept);
  job->kept = NULL;
}

static void forget_lookup(struct sm_job *job) {
  free(job->lookup);
  job->lookup = NULL;
}

void sm_job_destroy(struct sm_job *job) {
  forget_answer(job);
  forget_lookup(job);
  free(job->request_id);
  free(job->room);
  job->request_id = job->room = NULL;
}

bool sm_job_reserve(struct sm_job *job) {
  if (!job->room)
    job->room = malloc(SM_ID_MAX + 1);
  return job->room != NULL;
}

/* Nothing came: the request ran out of its time, at the deadline at the latest.
 */
static bool is_silence(const struct sm_answer *answer) {
  return answer->code == SM_TIMEOUT && answer->status == 0;
}

/* Without memory the error does without it. An answer without a body leaves the
 * body of the one before, and silence leaves all of it. */
static void keep_answer(struct sm_job *job, const struct sm_answer *answer,
                        const char *what) {
  struct sm_kept *kept = job->kept;
  size_t size = answer->body.size;
  if (kept && is_silence(answer))
    return;
  if (!kept) {
    kept = job->kept = calloc(1, sizeof *kept);
    if (!kept)
      return;
    sm_buf_create(&kept->body, MOST_KEPT_BYTES);
  }
  kept->status = answer->status;
  (void)snprintf(kept->what, sizeof kept->what, "%.150s", what);
  if (size == 0)
    return;
  sm_buf_destroy(&kept->body);
  (void)sm_buf_append(&kept->body, answer->body.data,
                      size < MOST_KEPT_BYTES ? size : MOST_KEPT_BYTES, NULL);
}

/* A job waits long with it: the room that it does not need is given back. */
static void keep_id(struct sm_job *job, const char *request_id) {
  size_t size = strlen(request_id) + 1;
  memcpy(job->room, request_id, size);
  char *exact = realloc(job->room, size);
  job->request_id = exact ? exact : job->room;
  job->room = NULL;
}

enum sm_code sm_job_attach(struct sm_job *job, const char *request_id,
                           int64_t now_ms, struct sm_error *e) {
  if (!sm_url_is_id(request_id))
    return sm_fail(e, SM_SECURITY,
                   "a request id has 1 to %d of A-Z a-z 0-9 . _ - and begins "
                   "with a letter or digit",
                   SM_ID_MAX);
  if (!sm_job_reserve(job))
    return sm_fail_memory(e);
  keep_id(job, request_id);
  job->is_attached = true;
  job->phase = SM_PHASE_STATUS;
  sm_plan_create(&job->plan, NULL, now_ms);
  return SM_OK;
}

enum sm_code sm_job_find(struct sm_job *job, int64_t since_s, int64_t wall_ms,
                         int64_t now_ms, struct sm_error *e) {
  const struct sm_context context = {
      .now_ms = now_ms, .wall_ms = wall_ms, .service_ms = wall_ms};
  struct sm_lookup *lookup = job->lookup = calloc(1, sizeof *lookup);
  if (!lookup || !sm_job_reserve(job))
    return sm_fail_memory(e);
  int64_t age_ms = wall_ms - since_s * 1000;
  lookup->sent_wall_ms = since_s * 1000;
  lookup->sent_ms = now_ms - (age_ms > 0 ? age_ms : 0);
  lookup->is_remembered = true;
  sm_fail(&lookup->error, SM_UNKNOWN,
          "the submit was begun and its answer never seen");
  sm_lookup_begin(lookup, &context, job->deadline_ms);
  job->phase = SM_PHASE_LOOKUP;
  return SM_OK;
}

enum sm_charged sm_job_charged(const struct sm_job *job) {
  return job->is_known ? SM_CHARGED_YES : SM_CHARGED_UNKNOWN;
}

int64_t sm_job_deadline_ms(const struct sm_job *job) {
  return job->phase == SM_PHASE_LOOKUP ? job->lookup->until_ms
                                       : job->deadline_ms;
}

/* The one time that an answer is parsed. */
static const struct sm_reply *read_reply(const struct sm_answer *answer,
                                         struct sm_action *action) {
  (void)sm_reply_read(&action->reply, answer->body.data, answer->body.size,
                      NULL);
  return &action->reply;
}

static void fail_with(struct sm_action *action, enum sm_charged charged) {
  action->error.charged = charged;
  sm_action_fail(action, &action->error);
}

/* -- the submit ---------------------------------------------------------- */

/* An id that another job of this client has is an answer from a cache, say. */
static bool is_new_id(const struct sm_context *context, const char *request_id,
                      struct sm_action *action) {
  if (!context->others.is_taken(context->others.user, request_id))
    return true;
  sm_fail(&action->error, SM_PROTOCOL,
          "the service gave the id %s to two submits", request_id);
  fail_with(action, SM_CHARGED_UNKNOWN);
  return false;
}

int64_t sm_job_poll_ms(const struct sm_job *job,
                       const struct sm_context *context) {
  return job->is_on_plan
             ? sm_plan_next(&job->plan, context->learner, &job->dial,
                            context->rtt_ms, context->now_ms)
             : 0;
}

/* The next regular poll. */
static void poll_on(struct sm_job *job, const struct sm_context *context,
                    struct sm_action *action) {
  job->is_on_plan = true;
  sm_action_send(action, sm_job_poll_ms(job, context));
}

/* The service has given the job an id: the rest of its life begins. */
static void be_accepted(struct sm_job *job, const struct sm_context *context,
                        const char *request_id, struct sm_action *action) {
  if (!is_new_id(context, request_id, action))
    return;
  keep_id(job, request_id);
  forget_answer(job);
  forget_lookup(job);
  job->phase = SM_PHASE_STATUS;
  job->state = SM_STATE_ACCEPTED;
  job->is_known = true;
  job->failures = 0;
  action->new_state = SM_STATE_ACCEPTED;
  sm_pace_recover(context->pace, context->now_ms);
  sm_plan_create(&job->plan, context->learner, context->now_ms);
  poll_on(job, context, action);
}

static bool is_refusal(enum sm_code code) {
  return code == SM_REJECTED || code == SM_AUTH || code == SM_NO_CREDITS ||
         code == SM_THROTTLED;
}

/* An id that stands in the answer is used, be the answer cut or its status 502:
 * asking for it costs nothing. Only a refusal may give a number to the call
 * that it refuses; there the id counts beside a state. Under a mere "id" an
 * error may have a number, too. */
static bool read_id(char id[SM_ID_MAX + 1], const struct sm_reply *reply,
                    const struct sm_answer *answer, enum sm_code code) {
  bool is_success = answer->status >= 200 && answer->status < 300;
  const char *found = reply->request_id;
  if (is_refusal(code) &&
      (reply->state == SM_STATE_NONE || reply->state >= SM_STATE_FAILED))
    return false;
  if (!*found && answer->body.size > 0 &&
      sm_reply_find_id(id, answer->body.data, answer->body.size))
    return true;
  if (!*found)
    found = reply->address_id;
  if (!*found && is_success)
    found = reply->other_id;
  memcpy(id, found, SM_ID_MAX + 1);
  return *found || ((is_success || answer->status == 303) &&
                    sm_reply_id_of_address(id, answer->redirect.data,
                                           answer->redirect.size));
}

/* Without memory the outcome stays unknown. */
static void begin_lookup(struct sm_job *job, const struct sm_context *context,
                         struct sm_action *action) {
  struct sm_lookup *lookup = job->lookup = calloc(1, sizeof *lookup);
  if (!lookup) {
    fail_with(action, SM_CHARGED_UNKNOWN);
    return;
  }
  lookup->error = action->error;
  lookup->sent_ms = job->sent_ms;
  lookup->sent_wall_ms = job->sent_wall_ms;
  sm_lookup_begin(lookup, context, job->deadline_ms);
  job->phase = SM_PHASE_LOOKUP;
  action->note =
      "the answer to a submit was lost; the request history is asked";
  action->is_note_of_error = true;
  sm_action_send(action, lookup->at_ms);
}

static void be_unknown(struct sm_job *job, const struct sm_context *context,
                       const struct sm_answer *answer,
                       struct sm_action *action) {
  keep_answer(job, answer, action->error.message);
  begin_lookup(job, context, action);
}

/* The result itself is in hand. */
static void finish(struct sm_job *job, struct sm_action *action) {
  job->state = SM_STATE_COMPLETED;
  action->kind = SM_ACTION_DONE;
}

/* A service that was quick, or has the picture from before. */
static bool is_result(const struct sm_answer *answer,
                      const struct sm_reply *reply) {
  bool is_over =
      reply->state == SM_STATE_NONE || reply->state == SM_STATE_COMPLETED;
  return sm_outcome_is_picture(answer) ||
         (reply->has_address && !reply->is_cut && is_over);
}

/* A 200 without an id that can be used: its outcome is unknown. */
static void read_acceptance(struct sm_job *job,
                            const struct sm_context *context,
                            const struct sm_answer *answer,
                            struct sm_action *action) {
  const struct sm_reply *reply = &action->reply;
  struct sm_error *e = &action->error;
  if (reply->has_bad_id)
    sm_fail(e, SM_SECURITY,
            "the service gave a request id that cannot be used");
  else if (reply->state == SM_STATE_FAILED)
    sm_fail(e, SM_FAILED, "%s",
            reply->error[0] ? reply->error : "the job FAILED");
  else
    sm_fail(e, SM_UNKNOWN, "the submit was answered by HTTP %d, but %s",
            answer->status,
            reply->is_json ? "without a request id" : "the answer is no JSON");
  e->status = answer->status;
  if (e->code == SM_UNKNOWN)
    be_unknown(job, context, answer, action);
  else
    fail_with(action,
              e->code == SM_FAILED ? SM_CHARGED_NO : SM_CHARGED_UNKNOWN);
}

/* What it failed for is told at the deadline. */
static void try_again(struct sm_job *job, const struct sm_context *context,
                      const struct sm_answer *answer,
                      struct sm_action *action) {
  keep_answer(job, answer, action->error.message);
  if (++job->submits >= MAX_SUBMITS) {
    fail_with(action, SM_CHARGED_NO);
    return;
  }
  action->note = "the submit was not sent and is tried again";
  action->is_note_of_error = true;
  sm_action_send(action,
                 context->now_ms +
                     sm_backoff_ms(context->rng, job->submits, SUBMIT_FLOOR_MS,
                                   SUBMIT_FLOOR_MS, SUBMIT_CAP_MS));
}

static void wait_for_pace(const struct sm_context *context,
                          const struct sm_answer *answer,
                          struct sm_action *action) {
  int64_t wait_ms = sm_pace_throttle(context->pace, context->rng,
                                     answer->retry_after_ms, context->now_ms);
  action->note = "the service asks to slow down (429); submits wait";
  sm_action_send(action, context->now_ms + wait_ms);
}

static void answer_submit(struct sm_job *job, const struct sm_context *context,
                          const struct sm_answer *answer,
                          struct sm_action *action) {
  char id[SM_ID_MAX + 1];
  const struct sm_reply *reply = read_reply(answer, action);
  enum sm_code code = sm_outcome_of_submit(answer, &action->error);
  job->trouble = code;
  if (answer->status >= 500)
    sm_pace_strike(context->pace, context->now_ms);
  if (read_id(id, reply, answer, code))
    be_accepted(job, context, id, action);
  else if (code == SM_OK && is_result(answer, reply))
    finish(job, action);
  else if (code == SM_OK)
    read_acceptance(job, context, answer, action);
  else if (code == SM_NOT_SENT)
    try_again(job, context, answer, action);
  else if (code == SM_THROTTLED)
    wait_for_pace(context, answer, action);
  else if (code == SM_UNKNOWN)
    be_unknown(job, context, answer, action);
  else
    sm_action_fail(action, &action->error);
}

/* -- status and result --------------------------------------------------- */

/* An answer that says nothing: the next poll, and not sooner than a back-off.
 */
static void poll_later(struct sm_job *job, const struct sm_context *context,
                       struct sm_action *action) {
  if (job->failures < UINT8_MAX)
    job->failures++;
  sm_plan_note(&job->plan, context->learner, SM_SEEN_NOTHING, context->now_ms);
  int64_t soonest =
      context->now_ms + sm_backoff_ms(context->rng, job->failures, 0,
                                      POLL_BACKOFF_MS, POLL_BACKOFF_CAP_MS);
  if (job->phase == SM_PHASE_RESULT)
    sm_action_send(action, soonest);
  else
    poll_on(job, context, action);
  job->is_on_plan = false;
  if (action->at_ms < soonest)
    action->at_ms = soonest;
}

/* An answer of no use: the deadline's error quotes the last. */
static void wait_out(struct sm_job *job, const struct sm_context *context,
                     const struct sm_answer *answer, const char *what,
                     struct sm_action *action) {
  keep_answer(job, answer, what);
  poll_later(job, context, action);
}

static void fail_job(struct sm_action *action, const struct sm_answer *answer) {
  const struct sm_reply *reply = &action->reply;
  sm_fail(&action->error, SM_FAILED, "%s",
          reply->error[0] ? reply->error : "the job FAILED without a reason");
  action->error.status = answer->status;
  action->new_state = SM_STATE_FAILED;
  fail_with(action, SM_CHARGED_NO);
}

/* An answer that would end the job against the contract has to come three
 * times; `action->error` says what is wrong with it. */
static void end_if_repeated(struct sm_job *job,
                            const struct sm_context *context,
                            const struct sm_answer *answer,
                            enum sm_charged charged, struct sm_action *action) {
  action->error.status = answer->status;
  if (++job->odd >= ODD_TRIES)
    fail_with(action, charged);
  else
    wait_out(job, context, answer, action->error.message, action);
}

static void fail_without_state(struct sm_job *job,
                               const struct sm_context *context,
                               const struct sm_answer *answer,
                               struct sm_action *action) {
  const struct sm_reply *reply = &action->reply;
  sm_fail(&action->error, SM_FAILED,
          "the service answers 422 without a FAILED state%s%s",
          reply->error[0] ? ": " : "", reply->error);
  end_if_repeated(job, context, answer, SM_CHARGED_NO, action);
}

/* A gateway in between may say "error" of itself. */
static void ended(struct sm_job *job, const struct sm_context *context,
                  const struct sm_answer *answer, struct sm_action *action) {
  const struct sm_reply *reply = &action->reply;
  sm_fail(&action->error, SM_FAILED, "the job ended as %s%s%s", reply->status,
          reply->error[0] ? ": " : "", reply->error);
  end_if_repeated(job, context, answer, SM_CHARGED_UNKNOWN, action);
}

static void completed(struct sm_job *job, const struct sm_context *context,
                      const struct sm_answer *answer,
                      struct sm_action *action) {
  const struct sm_reply *reply = &action->reply;
  bool was_status = job->phase == SM_PHASE_STATUS;
  if (was_status)
    sm_plan_finish(&job->plan, context->learner, reply->inference_s,
                   context->now_ms);
  job->phase = SM_PHASE_RESULT;
  if (was_status ? reply->has_address : reply->has_output) {
    finish(job, action);
  } else if (was_status) {
    job->odd = 0;
    sm_action_send(action, context->now_ms);
  } else {
    sm_fail(&action->error, SM_PROTOCOL,
            "the job is COMPLETED but its result names no output");
    if (job->odd == 0)
      job->odd_ms = context->now_ms;
    else if (context->now_ms - job->odd_ms < OUTPUT_GRACE_MS)
      job->odd = 1;
    end_if_repeated(job, context, answer, SM_CHARGED_YES, action);
  }
}

static void still_running(struct sm_job *job, const struct sm_context *context,
                          enum sm_state state, struct sm_action *action) {
  job->phase = SM_PHASE_STATUS;
  job->odd = 0;
  sm_plan_note(&job->plan, context->learner,
               state == SM_STATE_QUEUED ? SM_SEEN_QUEUED : SM_SEEN_PROCESSING,
               context->now_ms);
  if (state != job->state)
    action->new_state = state;
  job->state = state;
  poll_on(job, context, action);
}

/* A body that names another request is not believed. */
static bool is_ours(const struct sm_job *job, const struct sm_reply *reply) {
  return !reply->has_bad_id &&
         (!reply->request_id[0] ||
          sm_reply_is_same_id(reply->request_id, job->request_id));
}

/* Whether an answer says what became of the job; `why` it does not. One whose
 * end is missing is asked for again before it is believed. */
static bool is_useful(struct sm_job *job, const struct sm_reply *reply,
                      char *why, size_t why_size) {
  const char *what = NULL;
  if (!reply->is_json)
    what = "the answer is no JSON";
  else if (!is_ours(job, reply))
    what = "the answer is about another request";
  else if (reply->state == SM_STATE_NONE && !reply->status[0])
    what = "the answer names no state";
  else if (reply->is_cut && ++job->odd < ODD_TRIES)
    what = "the answer's end is missing";
  if (what)
    sm_buf_copy_text(why, why_size, what);
  else if (reply->state == SM_STATE_NONE)
    (void)snprintf(why, why_size, "the state \"%s\" is not known",
                   reply->status);
  return !what && reply->state != SM_STATE_NONE;
}

static void read_progress(struct sm_job *job, const struct sm_context *context,
                          const struct sm_answer *answer,
                          struct sm_action *action) {
  struct sm_reply *reply = &action->reply;
  char why[120];
  if (reply->state == SM_STATE_NONE && reply->has_address &&
      answer->status != 422)
    reply->state = SM_STATE_COMPLETED; /* an output is a result */
  if (!is_useful(job, reply, why, sizeof why)) {
    if (answer->status == 422)
      fail_without_state(job, context, answer, action);
    else
      wait_out(job, context, answer, why, action);
    return;
  }
  job->failures = job->missing = job->refusals = 0;
  forget_answer(job);
  job->is_known = true;
  if (reply->state == SM_STATE_FAILED)
    fail_job(action, answer);
  else if (reply->state == SM_STATE_ENDED)
    ended(job, context, answer, action);
  else if (answer->status == 422)
    fail_without_state(job, context, answer, action);
  else if (reply->state == SM_STATE_COMPLETED)
    completed(job, context, answer, action);
  else
    still_running(job, context, reply->state, action);
}

static void record_missing(struct sm_job *job, const struct sm_context *context,
                           struct sm_action *action) {
  int64_t now = context->now_ms;
  if (!job->is_attached && now - job->plan.start_ms < MISSING_GRACE_MS) {
    sm_action_send(action, now + MISSING_GRACE_GAP_MS);
    return;
  }
  if (++job->missing < MISSING_TRIES) {
    sm_action_send(action, now + MISSING_GAP_MS);
    return;
  }
  job->phase = SM_PHASE_RECORD;
  job->odd = 0;
  action->note = "the service no longer knows the id; its history is asked";
  sm_action_send(action, now);
}

/* The service itself refuses the key, or its certificate is none: that ends the
 * job only when it goes on for a while. */
static void refused(struct sm_job *job, const struct sm_context *context,
                    const struct sm_answer *answer, struct sm_action *action) {
  if (job->refusals == 0)
    job->refused_ms = context->now_ms;
  if (job->refusals < UINT8_MAX)
    job->refusals++;
  if (job->refusals >= REFUSED_TRIES &&
      context->now_ms - job->refused_ms >= REFUSED_MS)
    fail_with(action, SM_CHARGED_YES);
  else
    wait_out(job, context, answer, action->error.message, action);
}

static void slow_down(const struct sm_context *context,
                      const struct sm_answer *answer,
                      struct sm_action *action) {
  int64_t wait_ms = sm_pace_throttle(context->pace, context->rng,
                                     answer->retry_after_ms, context->now_ms);
  if (action->at_ms < context->now_ms + wait_ms)
    action->at_ms = context->now_ms + wait_ms;
  action->note = "the service asks to slow down (429)";
}

/* A whole document in a cut frame is as good as any, and an address is one even
 * in a 500. */
static bool is_conclusive(const struct sm_answer *answer,
                          const struct sm_reply *reply) {
  bool is_success = answer->status >= 200 && answer->status < 300;
  return reply->is_json && !reply->is_cut &&
         (reply->has_address || (is_success && reply->state != SM_STATE_NONE));
}

static void answer_poll(struct sm_job *job, const struct sm_context *context,
                        const struct sm_answer *answer,
                        struct sm_action *action) {
  struct sm_error *e = &action->error;
  enum sm_code code = sm_outcome_of_get(answer, e);
  job->trouble = code;
  if (answer->status >= 500)
    sm_pace_strike(context->pace, context->now_ms);
  if (sm_outcome_is_picture(answer)) {
    finish(job, action);
    return;
  }
  const struct sm_reply *reply = read_reply(answer, action);
  if (code == SM_OK || answer->status == 422) {
    sm_pace_recover(context->pace, context->now_ms);
    read_progress(job, context, answer, action);
  } else if (is_conclusive(answer, reply)) {
    read_progress(job, context, answer, action);
  } else if (answer->status == 404) {
    keep_answer(job, answer, e->message);
    record_missing(job, context, action);
  } else if (code == SM_AUTH || code == SM_SECURITY) {
    refused(job, context, answer, action);
  } else {
    wait_out(job, context, answer, e->message, action);
    if (code == SM_THROTTLED)
      slow_down(context, answer, action);
  }
}

/* -- the request history ------------------------------------------------- */

static void answer_lookup(struct sm_job *job, const struct sm_context *context,
                          const struct sm_answer *answer,
                          struct sm_action *action) {
  struct sm_lookup *lookup = job->lookup;
  char id[SM_ID_MAX + 1];
  switch (sm_lookup_answer(lookup, context, answer)) {
  case SM_LOOKUP_AGAIN:
    sm_action_send(action, lookup->at_ms);
    break;
  case SM_LOOKUP_FOUND:
    sm_buf_copy_text(id, sizeof id, sm_history_found(&lookup->find));
    action->note = "a submit whose answer was lost was found in the request "
                   "history and goes on";
    be_accepted(job, context, id, action);
    break;
  case SM_LOOKUP_UNKNOWN:
    sm_action_fail(action, &lookup->error);
    break;
  }
}

static void expire_record(const struct sm_job *job, struct sm_action *action) {
  sm_fail(&action->error, SM_EXPIRED,
          job->is_known
              ? "the service no longer knows the request (its record lives an "
                "hour) and its history names no picture"
              : "neither the service nor its request history knows this id");
  fail_with(action, sm_job_charged(job));
}

static void fail_by_record(const struct sm_history_row *row,
                           struct sm_action *action) {
  sm_fail(&action->error, SM_FAILED, "%s",
          row->error[0] ? row->error : "the job FAILED");
  fail_with(action,
            row->state == SM_STATE_FAILED ? SM_CHARGED_NO : SM_CHARGED_UNKNOWN);
}

/* The history knows the request: it is asked until it reports the end. */
static void wait_for_record(struct sm_job *job,
                            const struct sm_context *context,
                            struct sm_action *action) {
  job->is_known = true;
  job->odd = job->failures = 0;
  forget_answer(job);
  if (job->state != SM_STATE_PROCESSING)
    action->new_state = SM_STATE_PROCESSING;
  job->state = SM_STATE_PROCESSING;
  sm_action_send(action, context->now_ms + RECORD_GAP_MS);
}

static void ask_record_later(struct sm_job *job,
                             const struct sm_context *context,
                             struct sm_action *action) {
  if (job->failures < UINT8_MAX)
    job->failures++;
  sm_action_send(action, context->now_ms +
                             sm_backoff_ms(context->rng, job->failures,
                                           RECORD_BACKOFF_MS, RECORD_BACKOFF_MS,
                                           RECORD_BACKOFF_CAP_MS));
}

static void answer_record(struct sm_job *job, const struct sm_context *context,
                          const struct sm_answer *answer,
                          struct sm_action *action) {
  struct sm_history_row row;
  enum sm_record record = sm_lookup_record(&row, answer, job->request_id);
  if (record == SM_RECORD_ODD)
    record = ++job->odd < RECORD_TRIES ? SM_RECORD_LATER : SM_RECORD_NONE;
  job->is_known = job->is_known || record == SM_RECORD_EMPTY;
  if (record == SM_RECORD_PICTURE)
    finish(job, action);
  else if (record == SM_RECORD_FAILED)
    fail_by_record(&row, action);
  else if (record == SM_RECORD_RUNNING)
    wait_for_record(job, context, action);
  else if (record == SM_RECORD_LATER)
    ask_record_later(job, context, action);
  else
    expire_record(job, action);
}

void sm_job_answer(struct sm_job *job, const struct sm_context *context,
                   const struct sm_answer *answer, struct sm_action *action) {
  sm_action_clear(action);
  job->is_on_plan = false;
  switch (job->phase) {
  case SM_PHASE_SUBMIT:
    answer_submit(job, context, answer, action);
    break;
  case SM_PHASE_LOOKUP:
    answer_lookup(job, context, answer, action);
    break;
  case SM_PHASE_STATUS:
  case SM_PHASE_RESULT:
    answer_poll(job, context, answer, action);
    break;
  case SM_PHASE_RECORD:
    answer_record(job, context, answer, action);
    break;
  }
}

/* -- the deadline -------------------------------------------------------- */

static void expire_unsent(const struct sm_job *job, struct sm_action *action) {
  struct sm_error *e = &action->error;
  if (job->trouble == SM_THROTTLED)
    sm_fail(e, SM_THROTTLED,
            "the deadline passed before the request could be sent: the service "
            "asks to slow down");
  else if (job->trouble == SM_NOT_SENT)
    sm_fail(e, SM_NOT_SENT,
            "the deadline passed before the request could be sent; the last "
            "try: %s",
            job->kept ? job->kept->what : "the service could not be reached");
  else
    sm_fail(e, SM_TIMEOUT, "the deadline passed before the request was sent");
  e->is_retryable = true;
  fail_with(action, SM_CHARGED_NO);
}

static void expire_running(const struct sm_job *job, struct sm_action *action) {
  struct sm_error *e = &action->error;
  if (job->kept) {
    sm_fail(e, SM_TIMEOUT,
            "the deadline passed while the service gave no usable answer to "
            "polls (the last: %s); the job can be attached by its id",
            job->kept->what);
    e->status = job->kept->status;
  } else {
    sm_fail(e, SM_TIMEOUT,
            "the deadline passed while the job was running at the service%s%s; "
            "the job can be attached by its id",
            job->state >= SM_STATE_QUEUED ? ", last seen " : "",
            job->state >= SM_STATE_QUEUED ? sm_state_name(job->state) : "");
  }
  fail_with(action, SM_CHARGED_YES);
}

void sm_job_expire(struct sm_job *job, const struct sm_context *context,
                   bool was_sent, struct sm_action *action) {
  sm_action_clear(action);
  if (job->phase == SM_PHASE_LOOKUP) {
    sm_lookup_expire(job->lookup);
    sm_action_fail(action, &job->lookup->error);
  } else if (job->request_id) {
    expire_running(job, action);
  } else if (was_sent) {
    sm_fail(&action->error, SM_UNKNOWN,
            "the deadline passed after the request was sent and before it was "
            "answered");
    begin_lookup(job, context, action);
  } else {
    expire_unsent(job, action);
  }
}
