#include "sm_likeness.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "sm_json.h"
#include "sm_number.h"

#define DEPTH_MOST 16
/* A text that is kept in part is kept for so long at least. */
#define CUT_LEAST 32

static enum sm_likeness compare(const json_t *sent, const json_t *kept,
                                int depth);

static enum sm_likeness less(enum sm_likeness a, enum sm_likeness b) {
  return a < b ? a : b;
}

static enum sm_likeness same_if(bool is_same) {
  return is_same ? SM_LIKE_SAME : SM_LIKE_OTHER;
}

/* -- scalars ------------------------------------------------------------- */

static bool number_of(const json_t *value, double *number) {
  const char *text = json_string_value(value);
  if (text)
    return sm_number_read(text, json_string_length(value), number);
  *number = json_number_value(value);
  return json_is_number(value);
}

/* 7 is 7.0, and a fraction may have been through a float; a seed may not. */
static bool is_same_number(double a, double b) {
  if (floor(a) == a && floor(b) == b)
    return a == b;
  return fabs(a - b) <= 1e-6 * fmax(fabs(a), fabs(b));
}

static enum sm_likeness compare_number(const json_t *sent, const json_t *kept) {
  double a, b;
  return same_if(number_of(sent, &a) && number_of(kept, &b) &&
                 is_same_number(a, b));
}

static enum sm_likeness compare_flag(bool sent, const json_t *kept) {
  const char *text = json_string_value(kept);
  double number;
  if (json_is_boolean(kept))
    return same_if(json_boolean_value(kept) == sent);
  if (text && strcasecmp(text, sent ? "true" : "false") == 0)
    return SM_LIKE_SAME;
  return same_if(number_of(kept, &number) && number == (sent ? 1 : 0));
}

static bool is_address(const char *text) {
  return strncasecmp(text, "http://", 7) == 0 ||
         strncasecmp(text, "https://", 8) == 0;
}

/* The file's own name: hosts, folders and signatures are changed on the way. */
static const char *file_of(const char *address, size_t *size) {
  size_t length = strcspn(address, "?#");
  const char *name = address;
  for (size_t i = 0; i < length; i++)
    if (address[i] == '/')
      name = address + i + 1;
  *size = length - (size_t)(name - address);
  return name;
}

static enum sm_likeness compare_address(const char *sent, const char *kept) {
  size_t sent_size, kept_size;
  const char *a = file_of(sent, &sent_size), *b = file_of(kept, &kept_size);
  bool is_same =
      sent_size && sent_size == kept_size && memcmp(a, b, sent_size) == 0;
  return is_same ? SM_LIKE_SAME : SM_LIKE_MAYBE;
}

static void trim(const char **text, size_t *size) {
  while (*size && (unsigned char)**text <= ' ')
    ++*text, --*size;
  while (*size && (unsigned char)(*text)[*size - 1] <= ' ')
    --*size;
}

static void drop_end(const char *text, size_t *size, const char *end) {
  size_t length = strlen(end);
  if (*size >= length && memcmp(text + *size - length, end, length) == 0)
    *size -= length;
}

static enum sm_likeness compare_text(const char *sent, const char *kept) {
  size_t sent_size = strlen(sent), kept_size = strlen(kept);
  if (is_address(sent) && (is_address(kept) || *kept == '/'))
    return compare_address(sent, kept);
  trim(&sent, &sent_size);
  trim(&kept, &kept_size);
  if (sent_size == kept_size && memcmp(sent, kept, sent_size) == 0)
    return SM_LIKE_SAME;
  drop_end(kept, &kept_size, "...");
  drop_end(kept, &kept_size, "\xe2\x80\xa6");
  bool is_cut = kept_size >= CUT_LEAST && kept_size < sent_size &&
                memcmp(sent, kept, kept_size) == 0;
  return is_cut ? SM_LIKE_MAYBE : SM_LIKE_OTHER;
}

static enum sm_likeness compare_string(const json_t *sent, const json_t *kept) {
  const char *text = json_string_value(kept);
  if (text)
    return compare_text(json_string_value(sent), text);
  return json_is_boolean(kept) ? compare_flag(json_boolean_value(kept), sent)
                               : compare_number(sent, kept);
}

/* -- containers ---------------------------------------------------------- */

/* The service may have added its defaults, or left out what is one. */
static enum sm_likeness compare_members(const json_t *sent, const json_t *kept,
                                        int depth) {
  enum sm_likeness likeness = SM_LIKE_SAME;
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)sent, name, value) likeness =
      less(likeness, compare(value, json_object_get(kept, name), depth));
  return likeness;
}

static enum sm_likeness compare_list(const json_t *sent, const json_t *kept,
                                     int depth) {
  enum sm_likeness likeness = SM_LIKE_SAME;
  size_t count = json_array_size(sent);
  if (count != json_array_size(kept))
    return SM_LIKE_OTHER;
  for (size_t i = 0; i < count; i++)
    likeness = less(likeness, compare(json_array_get(sent, i),
                                      json_array_get(kept, i), depth));
  return likeness;
}

/* A list or an object that is kept as text, or as its only element. */
static enum sm_likeness compare_container(const json_t *sent,
                                          const json_t *kept, int depth) {
  if (json_is_array(sent) && json_is_array(kept))
    return compare_list(sent, kept, depth);
  if (json_is_object(sent) && json_is_object(kept))
    return compare_members(sent, kept, depth);
  const char *text = json_string_value(kept);
  json_t *parsed =
      text ? sm_json_parse(text, json_string_length(kept), NULL, NULL) : NULL;
  enum sm_likeness likeness = SM_LIKE_OTHER;
  if (parsed)
    likeness = compare(sent, parsed, depth);
  else if (json_array_size(sent) == 1)
    likeness = compare(json_array_get(sent, 0), kept, depth);
  json_decref(parsed);
  return likeness;
}

static enum sm_likeness compare(const json_t *sent, const json_t *kept,
                                int depth) {
  if (depth > DEPTH_MOST || !kept || json_is_null(kept))
    return json_is_null(sent) ? SM_LIKE_SAME : SM_LIKE_MAYBE;
  if (json_is_array(sent) || json_is_object(sent))
    return compare_container(sent, kept, depth + 1);
  if (json_is_array(kept) && json_array_size(kept) == 1)
    return compare(sent, json_array_get(kept, 0), depth + 1);
  if (json_is_object(kept) && json_object_get(kept, "url"))
    return compare(sent, json_object_get(kept, "url"), depth + 1);
  if (json_is_number(sent))
    return compare_number(sent, kept);
  if (json_is_boolean(sent))
    return compare_flag(json_boolean_value(sent), kept);
  return json_is_null(sent) ? SM_LIKE_SAME : compare_string(sent, kept);
}

/* -- the whole ----------------------------------------------------------- */

static enum sm_likeness compare_wrapped(const json_t *sent,
                                        const json_t *kept) {
  static const char *const names[] = {
      "input", "inputs", "data", "params", "parameters", "body", "payload"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const json_t *inner = json_object_get(kept, names[i]);
    if (json_is_object(inner) && !json_object_get(sent, names[i]))
      return compare(sent, inner, 0);
  }
  return compare(sent, kept, 0);
}

enum sm_likeness sm_likeness_of(const json_t *sent, const json_t *kept) {
  const char *text = json_string_value(kept);
  if (!text)
    return json_is_object(kept) ? compare_wrapped(sent, kept) : SM_LIKE_MAYBE;
  json_t *parsed = sm_json_parse(text, json_string_length(kept), NULL, NULL);
  enum sm_likeness likeness =
      json_is_object(parsed) ? compare_wrapped(sent, parsed) : SM_LIKE_MAYBE;
  json_decref(parsed);
  return likeness;
}
