#include "sm_outcome.h"

#include <string.h>

#include "sm_image.h"
#include "sm_reason.h"
#include "sm_reply.h"

static bool is_success(int status) { return status >= 200 && status < 300; }

/* A status that says no, whatever became of the rest of the answer. Others of
 * the 4xx do not: a gateway says 409, 425 or 499 of a request that runs. */
static bool is_refusal(int status) {
  static const short refusals[] = {400, 401, 402, 403, 404, 405,
                                   406, 410, 413, 415, 422, 429};
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
    if (refusals[i] == status)
      return true;
  return false;
}

/* The service's own reason is JSON or plain text. */
static bool is_html(const struct sm_answer *answer) {
  return answer->body.size && answer->body.data[0] == '<';
}

static enum sm_code refusal_code(const struct sm_answer *answer,
                                 const char *words) {
  switch (answer->status) {
  case 401:
  case 403:
    return SM_AUTH;
  case 402:
    return SM_NO_CREDITS;
  case 406:
    return sm_reason_is_credits(words) && !is_html(answer) ? SM_NO_CREDITS
                                                           : SM_REJECTED;
  case 429:
    return SM_THROTTLED;
  default:
    return SM_REJECTED;
  }
}

static const char *refusal_phrase(enum sm_code code, int status,
                                  bool is_submit) {
  switch (code) {
  case SM_AUTH:
    return status == 401 ? "the service does not accept the API key"
           : is_submit   ? "this key may not use this model"
                         : "the service denies access";
  case SM_NO_CREDITS:
    return "there are not enough credits, or a spending limit is reached";
  case SM_THROTTLED:
    return "the service asks to slow down";
  default:
    return "the service refused the request";
  }
}

static enum sm_code refuse(const struct sm_answer *answer, bool is_submit,
                           struct sm_error *e) {
  char words[400];
  sm_reason_of(words, sizeof words, answer->body.data, answer->body.size);
  enum sm_code code = refusal_code(answer, words);
  sm_fail(e, code, "%s (HTTP %d)%s%s",
          refusal_phrase(code, answer->status, is_submit), answer->status,
          words[0] ? ": " : "", words);
  e->status = answer->status;
  e->is_retryable = code == SM_THROTTLED;
  e->retry_after_ms = answer->retry_after_ms;
  return code;
}

static enum sm_code not_sent(const struct sm_answer *answer,
                             struct sm_error *e) {
  if (answer->code == SM_SECURITY || answer->code == SM_IO)
    return sm_fail(e, answer->code, "nothing was sent: %s", answer->reason);
  sm_fail(e, SM_NOT_SENT, "nothing was sent: %s",
          answer->reason[0] ? answer->reason
                            : "the server answered before it was");
  e->status = answer->status;
  e->is_retryable = true;
  return SM_NOT_SENT;
}

static enum sm_code unknown(const struct sm_answer *answer,
                            struct sm_error *e) {
  char words[200] = "";
  if (answer->code != SM_OK) {
    sm_fail(e, SM_UNKNOWN, "the request was sent and its answer lost: %s",
            answer->reason);
  } else {
    sm_reason_of(words, sizeof words, answer->body.data, answer->body.size);
    sm_fail(e, SM_UNKNOWN,
            "the request was sent and answered by HTTP %d, which does not say "
            "whether it was accepted%s%s",
            answer->status, words[0] ? ": " : "", words);
  }
  e->status = answer->status;
  e->charged = SM_CHARGED_UNKNOWN;
  return SM_UNKNOWN;
}

enum sm_code sm_outcome_of_submit(const struct sm_answer *answer,
                                  struct sm_error *e) {
  if (is_refusal(answer->status))
    return refuse(answer, true, e);
  if (answer->code == SM_OK && is_success(answer->status))
    return SM_OK;
  return answer->was_sent ? unknown(answer, e) : not_sent(answer, e);
}

static enum sm_code trouble(const struct sm_answer *answer,
                            struct sm_error *e) {
  enum sm_code code = SM_NOT_SENT;
  if (answer->code == SM_SECURITY || answer->code == SM_IO ||
      answer->code == SM_PROTOCOL)
    code = answer->code;
  if (answer->code != SM_OK)
    sm_fail(e, code, "no whole answer: %s", answer->reason);
  else
    sm_fail(e, code, "the service answered HTTP %d", answer->status);
  e->status = answer->status;
  e->is_retryable = code == SM_NOT_SENT;
  e->retry_after_ms = answer->retry_after_ms;
  return code;
}

static bool is_json(const struct sm_answer *answer) {
  struct sm_reply reply;
  (void)sm_reply_read(&reply, answer->body.data, answer->body.size, NULL);
  return reply.is_json;
}

static bool begins_with(const struct sm_buf *body, const char *bytes) {
  return body->size && strchr(bytes, body->data[0]);
}

bool sm_outcome_is_page(const struct sm_answer *answer) {
  struct sm_image image;
  return !begins_with(&answer->body, "[\"") &&
         !sm_image_read(answer->body.data, answer->body.size, &image) &&
         strncmp(answer->content_type, "image/", 6) != 0 && !is_json(answer);
}

/* A firewall in between answers with a page; the service with JSON. */
static bool denies_by_page(const struct sm_answer *answer) {
  return (answer->status == 401 || answer->status == 403) && !is_json(answer);
}

enum sm_code sm_outcome_of_get(const struct sm_answer *answer,
                               struct sm_error *e) {
  if (is_refusal(answer->status) && !denies_by_page(answer))
    return refuse(answer, false, e);
  if (answer->code == SM_OK && is_success(answer->status))
    return SM_OK;
  return trouble(answer, e);
}

bool sm_outcome_is_picture(const struct sm_answer *answer) {
  struct sm_image image;
  const struct sm_buf *body = &answer->body;
  const struct sm_source source = {.bytes = (const unsigned char *)body->data,
                                   .size = body->size};
  return sm_image_read(body->data, body->size, &image) &&
         ((answer->code == SM_OK && answer->is_all) ||
          sm_image_has_end(&image, &source));
}
