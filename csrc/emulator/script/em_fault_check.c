#include <stdio.h>
#include <string.h>

#include "em_fault.h"
#include "em_match.h"
#include "em_member.h"

static const struct em_member rule_members[] = {
    {"match", EM_ANY}, {"then", EM_ANY}, {"mode", EM_STRING}, {NULL, EM_ANY}};
static const struct em_member match_members[] = {
    {"method", EM_STRING}, {"path", EM_STRING}, {"model", EM_STRING},
    {"prompt", EM_STRING}, {"nth", EM_COUNT},   {"from", EM_COUNT},
    {"count", EM_TIMES},   {NULL, EM_ANY}};
static const struct em_member then_members[] = {{"status", EM_COUNT},
                                                {"body", EM_ANY},
                                                {"body_base64", EM_STRING},
                                                {"repeat", EM_TIMES},
                                                {"content_type", EM_STRING},
                                                {"framing", EM_STRING},
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
                                                {NULL, EM_ANY}};

static int complain(char *message, size_t message_size, const char *what) {
  snprintf(message, message_size, "%s", what);
  return -1;
}

static const char *find_match_mistake(const json_t *match) {
  const char *path = json_string_value(json_object_get(match, "path"));
  if (!em_match_knows(path))
    return "match.path is neither an endpoint's name nor a glob that starts "
           "with / or *";
  return em_match_find_mistake(match);
}

static const char *find_then_mistake(const json_t *then) {
  const json_t *status = json_object_get(then, "status");
  const json_t *encoded = json_object_get(then, "body_base64");
  const char *framing = json_string_value(json_object_get(then, "framing"));
  if (status &&
      (json_integer_value(status) < 200 || json_integer_value(status) > 599))
    return "then.status must be 200 to 599";
  if (encoded && json_object_get(then, "body"))
    return "then.body and then.body_base64 exclude each other";
  if (encoded && !em_member_is_base64(encoded))
    return "then.body_base64 is not base64";
  if (!em_member_is_word(json_object_get(then, "repeat"), "endless"))
    return "then.repeat must be a whole number above 0 or \"endless\"";
  if (framing && strcmp(framing, "chunked") != 0 &&
      strcmp(framing, "close") != 0)
    return "then.framing must be \"chunked\" or \"close\"";
  if (framing && json_object_get(then, "content_length"))
    return "then.framing and then.content_length exclude each other";
  if (!json_object_size(then))
    return "then is empty";
  return NULL;
}

int em_fault_check(const json_t *rule, char *message, size_t message_size) {
  const json_t *match = json_object_get(rule, "match");
  const json_t *then = json_object_get(rule, "then");
  const char *mode = json_string_value(json_object_get(rule, "mode"));
  if (!json_is_object(rule))
    return complain(message, message_size, "it is not an object");
  if (em_members_check(rule, "", rule_members, message, message_size))
    return -1;
  if (!json_is_object(then) || (match && !json_is_object(match)))
    return complain(message, message_size,
                    "then must be an object, and so must match");
  if (mode && strcmp(mode, "before") != 0 && strcmp(mode, "after") != 0)
    return complain(message, message_size,
                    "mode must be \"before\" or \"after\"");
  if (em_members_check(match, "match.", match_members, message, message_size) ||
      em_members_check(then, "then.", then_members, message, message_size))
    return -1;
  const char *mistake = find_match_mistake(match);
  if (!mistake)
    mistake = find_then_mistake(then);
  return mistake ? complain(message, message_size, mistake) : 0;
}
