#include "sm_output.h"

#include <string.h>
#include <strings.h>

#include "sm_json.h"

/* Of a result, and of an object in one. */
static const char *const roots[] = {"output", "outputs", "images", "image",
                                    "data"};
static const char *const names[] = {
    "url",     "image_url", "uri",   "image", "images", "output",
    "outputs", "file",      "files", "data",  "result", "results"};

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
  if (starts(text, size, "https://") || starts(text, size, "http://"))
    keep(walk, text, size);
  else if (text[0] == '[' || text[0] == '{')
    walk_json(walk, text, size);
  else
    walk->found.is_foreign |= is_scheme(text, size);
}

static void walk_members(struct walk *walk, const json_t *object,
                         const char *const *list, size_t count) {
  size_t before = walk->found.bytes;
  for (size_t i = 0; i < count && walk->found.bytes == before; i++)
    walk_value(walk, json_object_get(object, list[i]));
}

/* As deep as sm_json lets a value be. */
static void walk_value(struct walk *walk, const json_t *value) {
  if (json_is_string(value)) {
    walk_text(walk, json_string_value(value));
  } else if (json_is_array(value)) {
    for (size_t i = 0; i < json_array_size(value); i++)
      walk_value(walk, json_array_get(value, i));
  } else if (json_is_object(value)) {
    walk->found.has_something |= json_object_size(value) > 0;
    walk_members(walk, value, names, sizeof names / sizeof *names);
  }
}

struct sm_output sm_output_read(char *out, size_t room, const json_t *result) {
  struct walk walk = {.out = out, .room = room};
  walk_members(&walk, result, roots, sizeof roots / sizeof *roots);
  walk.found.is_foreign &= walk.found.bytes == 0;
  return walk.found;
}

struct sm_output sm_output_of_text(char *out, size_t room, const char *text,
                                   size_t size) {
  json_t *result = sm_json_parse(text, size, NULL, NULL);
  struct sm_output output = sm_output_read(out, room, result);
  json_decref(result);
  return output;
}
