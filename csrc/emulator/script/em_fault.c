#include "em_fault.h"

#include <fnmatch.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "em_member.h"

static const struct em_member rule_members[] = {
    {"match", EM_OBJECT}, {"then", EM_OBJECT}, {"mode", EM_MODE}, {NULL, 0}};
static const struct em_member match_members[] = {
    {"method", EM_STRING}, {"path", EM_STRING},
    {"model", EM_STRING},  {"prompt", EM_STRING},
    {"nth", EM_COUNT},     {"from", EM_COUNT},
    {"count", EM_ALWAYS},  {NULL, 0}};
static const struct em_member then_members[] = {{"status", EM_STATUS},
                                                {"body", EM_ANY},
                                                {"body_base64", EM_BASE64},
                                                {"repeat", EM_ENDLESS},
                                                {"content_type", EM_STRING},
                                                {"framing", EM_FRAMING},
                                                {"content_length", EM_COUNT},
                                                {"headers", EM_HEADERS},
                                                {"truncate", EM_AMOUNT},
                                                {"close", EM_BOOLEAN},
                                                {"delay", EM_AMOUNT},
                                                {"states", EM_STRINGS},
                                                {"lose_record", EM_BOOLEAN},
                                                {"lose_history", EM_BOOLEAN},
                                                {"credits", EM_AMOUNT},
                                                {"rate_limit", EM_AMOUNT},
                                                {NULL, 0}};

static int check_rule(const json_t *rule, struct em_error *error) {
  const json_t *match = json_object_get(rule, "match");
  const json_t *then = json_object_get(rule, "then");
  if (em_members_check(rule, "", rule_members, "then", error) ||
      em_members_check(match, "match.", match_members, NULL, error) ||
      em_match_check(match, "path", error) ||
      em_members_check(then, "then.", then_members, NULL, error) ||
      em_members_exclude(then, "then.", "body", "body_base64", error) ||
      em_members_exclude(then, "then.", "framing", "content_length", error))
    return -1;
  return json_object_size(then) ? 0 : em_fail(error, "then is empty");
}

static bool matches(const struct em_rule *rule, const void *exchange) {
  const struct em_fault_subject *subject = exchange;
  const char *method = NULL, *path = NULL, *model = NULL, *prompt = NULL;
  json_unpack(json_object_get(rule->source, "match"), "{s?s, s?s, s?s, s?s}",
              "method", &method, "path", &path, "model", &model, "prompt",
              &prompt);
  if (method && strcasecmp(method, subject->method) != 0)
    return false;
  if (!em_place_fits(path, subject->endpoint, subject->path))
    return false;
  if (model && (!subject->model || fnmatch(model, subject->model, 0)))
    return false;
  return !prompt || (subject->prompt && strstr(subject->prompt, prompt));
}

const struct em_rule_kind em_fault_kind = {
    .size = sizeof(struct em_rule), .check = check_rule, .matches = matches};

json_t *em_fault_get(const struct em_rule *rule, const char *name) {
  return json_object_get(json_object_get(rule->source, "then"), name);
}

bool em_fault_is_after(const struct em_rule *rule) {
  const char *mode = json_string_value(json_object_get(rule->source, "mode"));
  return mode && !strcmp(mode, "after");
}

static bool replaces(const struct em_rule *rule) {
  return em_fault_get(rule, "status") || em_fault_get(rule, "body") ||
         em_fault_get(rule, "body_base64") ||
         json_is_true(em_fault_get(rule, "close"));
}

bool em_fault_prevents(const struct em_rule *rule) {
  return !em_fault_is_after(rule) && replaces(rule);
}

bool em_fault_hides(const struct em_rule *rule) {
  return replaces(rule) || em_fault_get(rule, "truncate");
}

static void set_body(const struct em_rule *rule, struct em_request *request,
                     int status) {
  const json_t *then = json_object_get(rule->source, "then");
  if (em_fault_get(rule, "body") || em_fault_get(rule, "body_base64"))
    em_reply_bytes(request, status, "application/json",
                   em_member_bytes(then, "body"));
}

/* A status alone gets the body the service sends with it. */
static void set_status(struct em_request *request, int status) {
  if (status == 405) {
    em_reply_not_allowed(request, NULL);
    return;
  }
  em_reply_error(request, status, "Emulated fault: HTTP %d", status);
  if (status == 429)
    em_reply_reset(request, 1000000);
}

static void set_headers(const struct em_rule *rule,
                        struct em_request *request) {
  struct em_reply *reply = &request->reply;
  const json_t *headers = em_fault_get(rule, "headers");
  const char *type = json_string_value(em_fault_get(rule, "content_type"));
  const char *name;
  const json_t *value;
  json_object_foreach((json_t *)(uintptr_t)headers, name, value) {
    em_reply_header(request, name, "%s", json_string_value(value));
  }
  if (type) {
    free(reply->content_type);
    reply->content_type = strdup(type);
  }
}

static void set_framing(const struct em_rule *rule,
                        struct em_request *request) {
  struct em_reply *reply = &request->reply;
  const char *framing = json_string_value(em_fault_get(rule, "framing"));
  const json_t *length = em_fault_get(rule, "content_length");
  if (framing)
    reply->framing =
        framing[1] == 'h' ? EM_FRAMED_BY_CHUNKS : EM_FRAMED_BY_CLOSE;
  if (length) {
    reply->lies = true;
    reply->framing = EM_FRAMED_BY_CLOSE;
    em_reply_header(request, "Content-Length", "%lld",
                    json_integer_value(length));
  }
}

void em_fault_apply(const struct em_rule *rule, struct em_request *request) {
  struct em_reply *reply = &request->reply;
  const json_t *status = em_fault_get(rule, "status");
  const json_t *repeat = em_fault_get(rule, "repeat");
  const json_t *truncate = em_fault_get(rule, "truncate");
  if (status)
    set_status(request, (int)json_integer_value(status));
  set_body(rule, request, reply->status ? reply->status : 200);
  set_headers(rule, request);
  reply->drop = json_is_true(em_fault_get(rule, "close"));
  reply->endless = json_is_string(repeat);
  reply->repeat = (unsigned long)json_integer_value(repeat);
  set_framing(rule, request);
  if (truncate && !reply->has_picture &&
      json_number_value(truncate) < (double)reply->body.size)
    reply->body.size = (size_t)json_number_value(truncate);
}
