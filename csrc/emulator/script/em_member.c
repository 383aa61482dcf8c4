#include "em_member.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "em_request.h"

struct kind {
  const char *description;
  const char *types;    /* as em_member_is knows them; empty: any */
  double low, high;     /* of a number */
  const char *words[8]; /* of a string; none: any */
  bool (*also)(const json_t *value); /* or NULL */
};

static bool are_headers(const json_t *object) {
  const char *name;
  const json_t *value;
  json_object_foreach((json_t *)(uintptr_t)object, name, value) {
    if (!json_is_string(value) || strpbrk(json_string_value(value), "\r\n") ||
        !*name || strpbrk(name, "\r\n: "))
      return false;
  }
  return json_object_size(object) <= EM_HEADER_MAX;
}

static bool is_base64(const json_t *value) {
  struct em_bytes bytes = em_base64_decode(json_string_value(value));
  free(bytes.data);
  return bytes.data != NULL;
}

static const struct kind kinds[] = {
    [EM_ANY] = {"there", ""},
    [EM_STRING] = {"a string", "s"},
    [EM_OBJECT] = {"an object", "o"},
    [EM_BOOLEAN] = {"true or false", "b"},
    [EM_BASE64] = {"base64", "s", .also = is_base64},
    [EM_STRINGS] = {"a list of strings", "w"},
    [EM_HEADERS] = {"an object of header names and values", "o",
                    .also = are_headers},
    [EM_COUNT] = {"a whole number above 0", "i", 1, 1e19},
    [EM_STATUS] = {"a whole number, 200 to 599", "i", 200, 599},
    [EM_INTEGER] = {"a whole number", "i", -1e19, 1e19},
    [EM_AMOUNT] = {"a number, not negative", "in", 0, 1e12},
    [EM_SHARE] = {"0 to 1", "in", 0, 1},
    [EM_ALWAYS] =
        {"a whole number above 0 or \"always\"", "is", 1, 1e19, {"always"}},
    [EM_ENDLESS] =
        {"a whole number above 0 or \"endless\"", "is", 1, 1e19, {"endless"}},
    [EM_POSITION] =
        {"a whole number or \"random\"", "is", -1e15, 1e15, {"random"}},
    [EM_MODE] = {"\"before\" or \"after\"", "s", .words = {"before", "after"}},
    [EM_FRAMING] = {"\"chunked\" or \"close\"", "s",
                    .words = {"chunked", "close"}},
    [EM_DIRECTIONS] = {"\"request\" or \"response\"", "sw",
                       .words = {"request", "response"}},
    [EM_ACTIONS] = {"close, reset, stall, delay, trickle, garbage or replace, "
                    "or a list of them",
                    "sw",
                    .words = {"close", "reset", "stall", "delay", "trickle",
                              "garbage", "replace"}},
};

bool em_member_is(const json_t *value, const char *types) {
  /* In the order of enum json_type. */
  static const char letters[] = "owsinbb0";
  char type = value ? letters[json_typeof(value)] : '0';
  size_t i;
  const json_t *item;
  if (type == 'w' && !json_array_size(value))
    return false;
  json_array_foreach(value, i, item) {
    if (!json_is_string(item))
      return false;
  }
  return strchr(types, type) != NULL;
}

/* A string that is one of the kind's words, or a list of such. */
static bool is_worded(const json_t *value, const struct kind *kind) {
  const char *const *word = kind->words;
  size_t i;
  const json_t *item;
  json_array_foreach(value, i, item) {
    if (!is_worded(item, kind))
      return false;
  }
  while (json_is_string(value) && *word &&
         strcmp(*word, json_string_value(value)) != 0)
    word++;
  return !json_is_string(value) || *word || !*kind->words;
}

static bool fits(const json_t *value, const struct kind *kind) {
  double number = json_number_value(value);
  if (!value || (*kind->types && !em_member_is(value, kind->types)))
    return false;
  if (json_is_number(value) && (number < kind->low || number > kind->high))
    return false;
  return is_worded(value, kind) && (!kind->also || kind->also(value));
}

int em_members_check(const json_t *object, const char *where,
                     const struct em_member *members, const char *required,
                     struct em_error *error) {
  for (const struct em_member *member = members; member->name; member++) {
    const struct kind *kind = &kinds[member->wanted];
    const json_t *value = json_object_get(object, member->name);
    bool may_lack = !required || strcmp(required, member->name) != 0;
    if (!fits(value, kind) && (value || !may_lack))
      return em_fail(error, "%s%s %s %s", where, member->name,
                     member->wanted == EM_BASE64 ? "is not" : "must be",
                     kind->description);
  }
  const char *name;
  const json_t *value;
  json_object_foreach((json_t *)(uintptr_t)object, name, value) {
    const struct em_member *member = members;
    while (member->name && strcmp(member->name, name) != 0)
      member++;
    if (!member->name)
      return em_fail(error, "%s%.40s is not known", where, name);
  }
  return 0;
}

int em_members_exclude(const json_t *object, const char *where, const char *a,
                       const char *b, struct em_error *error) {
  if (!json_object_get(object, a) || !json_object_get(object, b))
    return 0;
  return em_fail(error, "%s%s and %s%s exclude each other", where, a, where, b);
}

struct em_bytes em_member_bytes(const json_t *object, const char *name) {
  char twin[32];
  snprintf(twin, sizeof twin, "%s_base64", name);
  const json_t *plain = json_object_get(object, name);
  const json_t *encoded = json_object_get(object, twin);
  if (encoded)
    return em_base64_decode(json_string_value(encoded));
  char *text = !plain || json_is_string(plain)
                   ? strdup(plain ? json_string_value(plain) : "")
                   : json_dumps(plain, JSON_COMPACT | JSON_ENCODE_ANY);
  return (struct em_bytes){(unsigned char *)text, text ? strlen(text) : 0};
}
