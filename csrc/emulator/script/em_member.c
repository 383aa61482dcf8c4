#include "em_member.h"

#include <stdint.h>
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

static bool is_count(const json_t *value) {
  return json_is_integer(value) && json_integer_value(value) > 0;
}

static bool is_amount(const json_t *value) {
  return json_is_number(value) && json_number_value(value) >= 0;
}

static bool is_string(const json_t *value) { return json_is_string(value); }
static bool is_integer(const json_t *value) { return json_is_integer(value); }
static bool is_boolean(const json_t *value) { return json_is_boolean(value); }

static bool are_words(const json_t *value) {
  return json_is_string(value) || all_strings(value);
}

static bool is_times(const json_t *value) {
  return is_count(value) || json_is_string(value);
}

static const struct {
  bool (*fits)(const json_t *value);
  const char *description;
} kinds[] = {
    [EM_STRING] = {is_string, "a string"},
    [EM_COUNT] = {is_count, "a whole number above 0"},
    [EM_INTEGER] = {is_integer, "a whole number"},
    [EM_AMOUNT] = {is_amount, "a number, not negative"},
    [EM_BOOLEAN] = {is_boolean, "true or false"},
    [EM_STRINGS] = {all_strings, "a list of strings"},
    [EM_WORDS] = {are_words, "a string or a list of strings"},
    [EM_HEADERS] = {all_headers, "an object of header names and values"},
    [EM_TIMES] = {is_times,
                  "a whole number above 0, \"always\" or \"endless\""},
    [EM_ANY] = {NULL, "anything"},
};

int em_members_check(const json_t *object, const char *where,
                     const struct em_member *members, struct em_error *error) {
  const char *name;
  const json_t *value;
  json_object_foreach((json_t *)(uintptr_t)object, name, value) {
    const struct em_member *member = members;
    while (member->name && strcmp(member->name, name) != 0)
      member++;
    if (!member->name)
      return em_fail(error, "%s%.40s is not known", where, name);
    if (kinds[member->wanted].fits && !kinds[member->wanted].fits(value))
      return em_fail(error, "%s%s must be %s", where, name,
                     kinds[member->wanted].description);
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
