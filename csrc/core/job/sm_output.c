#include "sm_output.h"

#include <string.h>
#include <strings.h>

#include "sm_cursor.h"
#include "sm_json.h"

/* In the order of what they are worth; ended by NULL. */
static const char *const result_names[] = {"output",  "outputs",  "images",
                                           "image",   "data",     "result",
                                           "results", "response", NULL};
static const char *const loose_names[] = {"image_url", "url", NULL};
static const char *const upload_names[] = {
    "file_urls", "urls", "file_url", "url", "data", "result", NULL};
static const char *const inner_names[] = {
    "url",  "image_url", "uri",  "image",  "images",  "output", "outputs",
    "file", "files",     "data", "result", "results", NULL};

struct walk {
  char *out;
  size_t room;
  struct sm_output found;
  bool is_inside_text;
};

static void walk_value(struct walk *walk, const json_t *value);

static void keep(struct walk *walk, const char *address, size_t size) {
  size_t at = walk->found.bytes;
  walk->found.bytes += size + 1;
  if (walk->found.bytes > walk->room)
    return;
  memcpy(walk->out + at, address, size);
  walk->out[at + size] = '\0';
}

static bool starts(const char *text, size_t size, const char *prefix) {
  size_t length = strlen(prefix);
  return size > length && strncasecmp(text, prefix, length) == 0;
}

static bool is_address(const char *text, size_t size) {
  return starts(text, size, "https://") || starts(text, size, "http://");
}

static bool is_scheme(const char *text, size_t size) {
  static const char alnum[] = "abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-";
  size_t length = strspn(text, alnum);
  return starts(text, size, "file:") || (length > 0 && size > length + 3 &&
                                         memcmp(text + length, "://", 3) == 0);
}

/* A list that was made text on the way. */
static void walk_json(struct walk *walk, const char *text, size_t size) {
  if (walk->is_inside_text)
    return;
  json_t *value = sm_json_parse(text, size, NULL, NULL);
  walk->is_inside_text = true;
  walk_value(walk, value);
  walk->is_inside_text = false;
  json_decref(value);
}

static void walk_text(struct walk *walk, const char *text) {
  text += strspn(text, " \t\r\n");
  size_t size = strlen(text);
  while (size > 0 && strchr(" \t\r\n", text[size - 1]))
    size--;
  walk->found.has_something |= size > 0;
  if (is_address(text, size))
    keep(walk, text, size);
  else if (text[0] == '[' || text[0] == '{')
    walk_json(walk, text, size);
  else
    walk->found.is_foreign |= is_scheme(text, size);
}

static void walk_members(struct walk *walk, const json_t *object,
                         const char *const *names) {
  size_t before = walk->found.bytes;
  for (; *names && walk->found.bytes == before; names++)
    walk_value(walk, json_object_get(object, *names));
}

static bool is_listed(const char *const *names, const char *name) {
  while (*names && strcmp(*names, name) != 0)
    names++;
  return *names != NULL;
}

/* What is under none of the usual names. */
static void walk_others(struct walk *walk, const json_t *object) {
  size_t before = walk->found.bytes;
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)object, name,
                      value) if (!is_listed(inner_names, name))
      walk_value(walk, value);
  walk->found.is_guess |= walk->found.bytes > before;
}

/* As deep as sm_json lets a value be, and each value once. */
static void walk_value(struct walk *walk, const json_t *value) {
  if (json_is_string(value)) {
    walk_text(walk, json_string_value(value));
  } else if (json_is_array(value)) {
    for (size_t i = 0; i < json_array_size(value); i++)
      walk_value(walk, json_array_get(value, i));
  } else if (json_is_object(value)) {
    size_t before = walk->found.bytes;
    walk->found.has_something |= json_object_size(value) > 0;
    walk_members(walk, value, inner_names);
    if (walk->found.bytes == before)
      walk_others(walk, value);
  }
}

static struct sm_output find(char *out, size_t room, const json_t *root,
                             const char *const *names) {
  struct walk walk = {.out = out, .room = room};
  if (json_is_array(root))
    walk_value(&walk, root);
  else
    walk_members(&walk, root, names);
  walk.found.is_foreign &= walk.found.bytes == 0;
  return walk.found;
}

struct sm_output sm_output_read(char *out, size_t room, const json_t *result) {
  struct sm_output found = find(out, room, result, result_names);
  if (found.bytes > 0 || !json_is_object(result))
    return found;
  struct sm_output guess = find(out, room, result, loose_names);
  if (guess.bytes == 0)
    return found;
  guess.is_guess = true;
  return guess;
}

struct sm_output sm_output_of_upload(char *out, size_t room,
                                     const json_t *answer) {
  return find(out, room, answer, upload_names);
}

/* The usual result has one address, as its output, which counts before all
 * else; it is found without a tree. */
static bool find_usual(struct walk *walk, const char *text, size_t size) {
  static const struct sm_slice output = {"output", 6};
  struct sm_cursor cursor;
  struct sm_slice name, address = {"", 0};
  sm_cursor_create(&cursor, text, size);
  bool is_usual = sm_cursor_open(&cursor);
  while (is_usual && sm_cursor_next(&cursor, &name))
    is_usual = sm_slice_is(&name, &output) ? sm_cursor_text(&cursor, &address)
                                           : sm_cursor_pass(&cursor);
  if (!is_usual || !sm_cursor_is_over(&cursor) ||
      !is_address(address.text, address.size))
    return false;
  keep(walk, address.text, address.size);
  walk->found.has_something = true;
  return true;
}

struct sm_output sm_output_of_text(char *out, size_t room, const char *text,
                                   size_t size) {
  struct walk walk = {.out = out, .room = room};
  if (find_usual(&walk, text, size))
    return walk.found;
  json_t *result = sm_json_parse(text, size, NULL, NULL);
  struct sm_output output = sm_output_read(out, room, result);
  output.is_unread = result == NULL;
  json_decref(result);
  return output;
}
