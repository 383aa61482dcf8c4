#include "em_member.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "em_base64.h"
#include "em_reply.h"

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

static bool fits(const json_t *value, enum em_wanted wanted) {
  switch (wanted) {
  case EM_STRING:
    return json_is_string(value);
  case EM_COUNT:
    return json_is_integer(value) && json_integer_value(value) > 0;
  case EM_AMOUNT:
    return json_is_number(value) && json_number_value(value) >= 0;
  case EM_INTEGER:
    return json_is_integer(value);
  case EM_WORDS:
    return json_is_string(value) || all_strings(value);
  case EM_BOOLEAN:
    return json_is_boolean(value);
  case EM_STRINGS:
    return all_strings(value);
  case EM_HEADERS:
    return all_headers(value);
  case EM_TIMES:
    return fits(value, EM_COUNT) || json_is_string(value);
  case EM_ANY:
    break;
  }
  return true;
}

static const char *describe(enum em_wanted wanted) {
  static const char *const texts[] = {
      [EM_STRING] = "a string",
      [EM_COUNT] = "a whole number above 0",
      [EM_INTEGER] = "a whole number",
      [EM_AMOUNT] = "a number, not negative",
      [EM_BOOLEAN] = "true or false",
      [EM_STRINGS] = "a list of strings",
      [EM_WORDS] = "a string or a list of strings",
      [EM_HEADERS] = "an object of header names and values",
      [EM_TIMES] = "a whole number above 0, \"always\" or \"endless\"",
      [EM_ANY] = "anything",
  };
  return texts[wanted];
}

int em_members_check(const json_t *object, const char *where,
                     const struct em_member *members, char *message,
                     size_t message_size) {
  const char *name;
  const json_t *value;
  json_object_foreach((json_t *)(uintptr_t)object, name, value) {
    const struct em_member *member = members;
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

bool em_member_is_word(const json_t *value, const char *word) {
  return !json_is_string(value) || !strcmp(json_string_value(value), word);
}

bool em_member_is_base64(const json_t *value) {
  size_t size;
  unsigned char *bytes = em_base64_decode(json_string_value(value),
                                          json_string_length(value), &size);
  free(bytes);
  return bytes != NULL;
}
