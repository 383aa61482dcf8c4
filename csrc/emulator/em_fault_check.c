#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "em_base64.h"
#include "em_fault.h"

enum wanted { STRING, COUNT, SECONDS, BOOLEAN, STRINGS, HEADERS, TIMES, ANY };

struct member {
  const char *name;
  enum wanted wanted;
};

static const struct member rule_members[] = {
    {"match", ANY}, {"then", ANY}, {"mode", STRING}, {NULL, ANY}};
static const struct member match_members[] = {
    {"method", STRING}, {"path", STRING}, {"model", STRING}, {"prompt", STRING},
    {"nth", COUNT},     {"from", COUNT},  {"count", TIMES},  {NULL, ANY}};
static const struct member then_members[] = {{"status", COUNT},
                                             {"body", ANY},
                                             {"body_base64", STRING},
                                             {"repeat", TIMES},
                                             {"content_type", STRING},
                                             {"headers", HEADERS},
                                             {"truncate", SECONDS},
                                             {"close", BOOLEAN},
                                             {"delay", SECONDS},
                                             {"states", STRINGS},
                                             {"lose_record", BOOLEAN},
                                             {"lose_history", BOOLEAN},
                                             {"credits", SECONDS},
                                             {"rate_limit", SECONDS},
                                             {NULL, ANY}};

static bool all_strings(const json_t *list) {
  size_t i;
  const json_t *item;
  json_array_foreach(list, i, item) {
    if (!json_is_string(item))
      return false;
  }
  return json_is_array(list) && json_array_size(list);
}

static bool all_headers(const json_t *object) {
  const char *name;
  const json_t *value;
  json_object_foreach((json_t *)(uintptr_t)object, name, value) {
    if (!json_is_string(value) || strpbrk(json_string_value(value), "\r\n") ||
        !*name || strpbrk(name, "\r\n: "))
      return false;
  }
  return json_is_object(object) && json_object_size(object) <= EM_HEADER_MAX;
}

static bool fits(const json_t *value, enum wanted wanted) {
  switch (wanted) {
  case STRING:
    return json_is_string(value);
  case COUNT:
    return json_is_integer(value) && json_integer_value(value) > 0;
  case SECONDS:
    return json_is_number(value) && json_number_value(value) >= 0;
  case BOOLEAN:
    return json_is_boolean(value);
  case STRINGS:
    return all_strings(value);
  case HEADERS:
    return all_headers(value);
  case TIMES:
    return fits(value, COUNT) || json_is_string(value);
  case ANY:
    break;
  }
  return true;
}

static const char *describe(enum wanted wanted) {
  static const char *const texts[] = {
      "a string",
      "a whole number above 0",
      "a number, not negative",
      "true or false",
      "a list of strings",
      "an object of header names and values",
      "a whole number above 0, \"always\" or \"endless\"",
      "anything"};
  return texts[wanted];
}

static int check_members(const json_t *object, const char *where,
                         const struct member *members, char *message,
                         size_t message_size) {
  const char *name;
  const json_t *value;
  json_object_foreach((json_t *)(uintptr_t)object, name, value) {
    const struct member *member = members;
    while (member->name && strcmp(member->name, name) != 0)
      member++;
    if (!member->name)
      snprintf(message, message_size, "%s%.40s is not known", where, name);
    else if (!fits(value, member->wanted))
      snprintf(message, message_size, "%s%s must be %s", where, name,
               describe(member->wanted));
    else
      continue;
    return -1;
  }
  return 0;
}

static int complain(char *message, size_t message_size, const char *what) {
  snprintf(message, message_size, "%s", what);
  return -1;
}

static bool is_word(const json_t *value, const char *word) {
  return !json_is_string(value) || !strcmp(json_string_value(value), word);
}

static bool is_endpoint(const char *name) {
  for (int i = 0; i < EM_ENDPOINT_COUNT; i++)
    if (!em_endpoint_is_control((enum em_endpoint)i) &&
        !strcmp(name, em_endpoint_name((enum em_endpoint)i)))
      return true;
  return false;
}

static const char *find_match_mistake(const json_t *match) {
  const char *path = json_string_value(json_object_get(match, "path"));
  if (path && *path != '/' && *path != '*' && !is_endpoint(path))
    return "match.path is neither an endpoint's name nor a glob that starts "
           "with / or *";
  if (json_object_get(match, "nth") &&
      (json_object_get(match, "from") || json_object_get(match, "count")))
    return "match.nth stands alone, without from and count";
  if (!is_word(json_object_get(match, "count"), "always"))
    return "match.count must be a whole number above 0 or \"always\"";
  return NULL;
}

static bool is_base64(const json_t *value) {
  size_t size;
  unsigned char *bytes = em_base64_decode(json_string_value(value),
                                          json_string_length(value), &size);
  free(bytes);
  return bytes != NULL;
}

static const char *find_then_mistake(const json_t *then) {
  const json_t *status = json_object_get(then, "status");
  const json_t *encoded = json_object_get(then, "body_base64");
  if (status &&
      (json_integer_value(status) < 200 || json_integer_value(status) > 599))
    return "then.status must be 200 to 599";
  if (encoded && json_object_get(then, "body"))
    return "then.body and then.body_base64 exclude each other";
  if (encoded && !is_base64(encoded))
    return "then.body_base64 is not base64";
  if (!is_word(json_object_get(then, "repeat"), "endless"))
    return "then.repeat must be a whole number above 0 or \"endless\"";
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
  if (check_members(rule, "", rule_members, message, message_size))
    return -1;
  if (!json_is_object(then) || (match && !json_is_object(match)))
    return complain(message, message_size,
                    "then must be an object, and so must match");
  if (mode && strcmp(mode, "before") != 0 && strcmp(mode, "after") != 0)
    return complain(message, message_size,
                    "mode must be \"before\" or \"after\"");
  if (check_members(match, "match.", match_members, message, message_size) ||
      check_members(then, "then.", then_members, message, message_size))
    return -1;
  const char *mistake = find_match_mistake(match);
  if (!mistake)
    mistake = find_then_mistake(then);
  return mistake ? complain(message, message_size, mistake) : 0;
}
