#include "sm_fetch.h"

#include <stdio.h>
#include <string.h>

#include "sm_outcome.h"

/* A store may say 404 of a file that it has just been given. */
#define MISSING_TRIES 3
#define MAX_REDIRECTS 3
#define BACKOFF_FLOOR_MS 200
#define BACKOFF_MS 500
#define BACKOFF_CAP_MS 10000

void sm_fetch_create(struct sm_fetch *call, enum sm_fetch_kind kind,
                     int64_t deadline_ms) {
  memset(call, 0, sizeof *call);
  call->kind = kind;
  call->deadline_ms = deadline_ms;
}

static void try_again(struct sm_fetch *call, const struct sm_context *context,
                      struct sm_action *action) {
  if (++call->tries >= SM_FETCH_TRIES) {
    sm_action_fail(action, &action->error);
    return;
  }
  action->note = call->is_unwritten
                     ? "the picture cannot be stored on this machine (is its "
                       "disk or memory full?); it is fetched again"
                     : "no usable answer; the request is tried again";
  action->is_note_of_error = true;
  sm_action_send(action,
                 context->now_ms + sm_backoff_ms(context->rng, call->tries,
                                                 BACKOFF_FLOOR_MS, BACKOFF_MS,
                                                 BACKOFF_CAP_MS));
}

static void wait_for_gate(const struct sm_context *context,
                          const struct sm_answer *answer,
                          struct sm_action *action) {
  action->note = "the service asks to slow down (429); requests wait";
  sm_action_send(action,
                 context->now_ms + sm_pace_throttle(context->pace, context->rng,
                                                    answer->retry_after_ms,
                                                    context->now_ms));
}

/* A whole document in a cut frame, or under a 500, names a picture as well as
 * any. */
static bool names_picture(const struct sm_reply *reply) {
  return reply->is_json && !reply->is_cut && reply->has_address;
}

/* The synchronous way says FAILED in the body of a 200. */
static enum sm_code read_failure(const struct sm_answer *answer,
                                 const struct sm_reply *reply,
                                 struct sm_error *e) {
  if (reply->state < SM_STATE_FAILED || reply->has_address)
    return SM_OK;
  sm_fail(e, SM_FAILED, "%s",
          reply->error[0] ? reply->error : "the job FAILED without a reason");
  e->status = answer->status;
  if (reply->state == SM_STATE_ENDED)
    e->charged = SM_CHARGED_UNKNOWN;
  return SM_FAILED;
}

/* An answer that is the picture itself has no words. */
static void read_reply(const struct sm_answer *answer, struct sm_reply *reply) {
  const struct sm_buf *body = &answer->body;
  struct sm_image image;
  if (!sm_image_read(body->data, body->size, &image))
    (void)sm_reply_read(reply, body->data, body->size, NULL);
}

static void answer_paid(struct sm_fetch *call, const struct sm_context *context,
                        const struct sm_answer *answer,
                        struct sm_action *action) {
  const struct sm_reply *reply = &action->reply;
  enum sm_code code = sm_outcome_of_submit(answer, &action->error);
  call->trouble = code;
  if (answer->status >= 500)
    sm_pace_strike(context->pace, context->now_ms);
  read_reply(answer, &action->reply);
  if (code == SM_UNKNOWN &&
      (names_picture(reply) || sm_outcome_is_picture(answer)))
    code = SM_OK;
  if (code == SM_OK && answer->body.size == 0)
    code = sm_fail(&action->error, SM_UNKNOWN, "the answer is empty");
  if (code == SM_OK && sm_outcome_is_page(answer))
    code = sm_fail(&action->error, SM_UNKNOWN,
                   "the answer is neither a picture nor JSON (HTTP %d)",
                   answer->status);
  if (code == SM_OK)
    code = read_failure(answer, reply, &action->error);
  if (code == SM_OK)
    action->kind = SM_ACTION_DONE;
  else if (code == SM_NOT_SENT)
    try_again(call, context, action);
  else if (code == SM_THROTTLED)
    wait_for_gate(context, answer, action);
  else
    sm_action_fail(action, &action->error);
  if (code == SM_UNKNOWN)
    action->error.charged = SM_CHARGED_UNKNOWN;
}

static void follow(struct sm_fetch *call, const struct sm_context *context,
                   struct sm_action *action) {
  if (++call->redirects <= MAX_REDIRECTS) {
    sm_action_send(action, context->now_ms);
    return;
  }
  sm_fail(&action->error, SM_IO,
          "the picture's address leads through more than %d redirects",
          MAX_REDIRECTS);
  sm_action_fail(action, &action->error);
}

static void answer_download(struct sm_fetch *call,
                            const struct sm_context *context,
                            const struct sm_answer *answer, bool is_whole,
                            const char *why, struct sm_action *action) {
  struct sm_error *e = &action->error;
  if (answer->code == SM_OK && answer->redirect.size && answer->status >= 300 &&
      answer->status < 400) {
    follow(call, context, action);
    return;
  }
  if (is_whole) {
    action->kind = SM_ACTION_DONE;
    return;
  }
  enum sm_code code = sm_outcome_of_get(answer, e);
  call->is_unwritten = code == SM_IO;
  if (code == SM_OK)
    code = sm_fail(e, SM_IO, "the download is no whole picture: %s", why);
  if (answer->status == 401 || answer->status == 403) {
    /* Not the key's fault: a download carries none. */
    sm_fail(e, code, "the picture's address is refused (HTTP %d)",
            answer->status);
    e->status = answer->status;
  }
  call->trouble = code;
  bool is_missing = answer->status == 404 && call->tries + 1 < MISSING_TRIES;
  bool is_final =
      code == SM_SECURITY || code == SM_PROTOCOL ||
      (code != SM_NOT_SENT && answer->status >= 400 && answer->status < 500 &&
       !is_missing && answer->status != 429);
  if (code != SM_SECURITY && code != SM_PROTOCOL)
    e->code = SM_IO;
  if (is_final)
    sm_action_fail(action, &action->error);
  else
    try_again(call, context, action);
}

/* Somebody in between may have answered an upload with a page of his own. */
static enum sm_code read_upload(const struct sm_answer *answer,
                                struct sm_error *e) {
  struct sm_buf url;
  sm_buf_create(&url, SM_URL_MAX);
  enum sm_code code =
      sm_reply_read_upload(&url, answer->body.data, answer->body.size, e);
  sm_buf_destroy(&url);
  return code;
}

static void answer_free(struct sm_fetch *call, const struct sm_context *context,
                        const struct sm_answer *answer,
                        struct sm_action *action) {
  enum sm_code code = sm_outcome_of_get(answer, &action->error);
  bool is_odd = code == SM_OK && call->kind == SM_FETCH_UPLOAD &&
                (code = read_upload(answer, &action->error)) != SM_OK;
  call->trouble = code;
  if (answer->status >= 500)
    sm_pace_strike(context->pace, context->now_ms);
  if (code == SM_OK) {
    sm_pace_recover(context->pace, context->now_ms);
    action->kind = SM_ACTION_DONE;
  } else if (code == SM_NOT_SENT || is_odd) {
    /* Nothing is at stake here; a status is protocol, silence is not_sent. */
    if (code == SM_NOT_SENT && answer->status)
      action->error.code = SM_PROTOCOL;
    try_again(call, context, action);
  } else if (code == SM_THROTTLED) {
    wait_for_gate(context, answer, action);
  } else {
    sm_action_fail(action, &action->error);
  }
}

void sm_fetch_answer(struct sm_fetch *call, const struct sm_context *context,
                     const struct sm_answer *answer, bool is_whole,
                     const char *why, struct sm_action *action) {
  sm_action_clear(action);
  call->status = answer->status;
  if (call->kind == SM_FETCH_SYNC)
    answer_paid(call, context, answer, action);
  else if (call->kind == SM_FETCH_DOWNLOAD)
    answer_download(call, context, answer, is_whole, why, action);
  else
    answer_free(call, context, answer, action);
  if (call->trouble != SM_OK)
    (void)snprintf(call->what, sizeof call->what, "%.128s",
                   action->error.message);
}

void sm_fetch_expire(const struct sm_fetch *call, bool was_sent,
                     struct sm_action *action) {
  struct sm_error *e = &action->error;
  sm_action_clear(action);
  action->kind = SM_ACTION_FAIL;
  if (call->kind == SM_FETCH_SYNC && was_sent) {
    sm_fail(e, SM_UNKNOWN,
            "the deadline passed after the request was sent and before it was "
            "answered");
    e->charged = SM_CHARGED_UNKNOWN;
    return;
  }
  enum sm_code code = SM_TIMEOUT;
  if (call->trouble == SM_THROTTLED || call->trouble == SM_NOT_SENT)
    code = call->trouble;
  /* These two say "free to run again"; what is fetched has been paid for. */
  if (call->kind == SM_FETCH_DOWNLOAD && call->trouble != SM_OK)
    code = SM_IO;
  if (call->is_unwritten)
    sm_fail(e, code,
            "the deadline passed while the picture could not be stored on "
            "this machine (is its disk or memory full?)");
  else if (call->status)
    sm_fail(e, code,
            "the deadline passed before there was a usable answer; the last "
            "was HTTP %d",
            call->status);
  else
    sm_fail(e, code, "the deadline passed before there was an answer%s%s",
            call->what[0] ? "; the last try: " : "", call->what);
  e->status = call->is_unwritten ? 0 : call->status;
  e->is_retryable = true;
}
