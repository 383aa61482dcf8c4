#include "sm_reason.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sm_json.h"
#include "sm_system.h"

/* Of a text that is no JSON: more is no reason but a document. */
#define TEXT_MOST 160
#define DEPTH_MOST 6

struct line {
  char *at;
  size_t size, left; /* `left` without the NUL */
};

static void add(struct line *line, const char *text, size_t size) {
  if (size > line->left)
    size = line->left;
  memcpy(line->at + line->size, text, size);
  line->size += size;
  line->left -= size;
  line->at[line->size] = '\0';
}

static void add_text(struct line *line, const char *text) {
  add(line, text, strlen(text));
}

static void take_back(struct line *line, const struct line *before) {
  *line = *before;
  line->at[line->size] = '\0';
}

static struct line line_of(char *out, size_t out_size) {
  out[0] = '\0';
  return (struct line){.at = out, .left = out_size - 1};
}

/* -- JSON ---------------------------------------------------------------- */

static bool add_value(struct line *line, const json_t *value, int depth);

/* ["body", "image_urls", 0] -> image_urls.0: */
static void add_place(struct line *line, const json_t *place) {
  char number[24];
  bool is_first = true;
  for (size_t i = 0; i < json_array_size(place); i++) {
    const json_t *part = json_array_get(place, i);
    const char *text = json_string_value(part);
    if (!text) {
      snprintf(number, sizeof number, "%lld",
               (long long)json_integer_value(part));
      text = number;
    }
    if (i == 0 && strcmp(text, "body") == 0)
      continue;
    add_text(line, is_first ? "" : ".");
    add_text(line, text);
    is_first = false;
  }
  add_text(line, is_first ? "" : ": ");
}

static bool add_list(struct line *line, const json_t *list, int depth) {
  bool has_any = false;
  for (size_t i = 0; i < json_array_size(list); i++) {
    struct line before = *line;
    add_text(line, has_any ? "; " : "");
    if (add_value(line, json_array_get(list, i), depth))
      has_any = true;
    else
      take_back(line, &before);
  }
  return has_any;
}

/* {"seed": ["must be an integer"]} -> seed: must be an integer */
static bool add_members(struct line *line, const json_t *object, int depth) {
  const char *name;
  json_t *value;
  bool has_any = false;
  json_object_foreach((json_t *)object, name, value) {
    if (!json_is_array(value) && !json_is_object(value))
      continue;
    struct line before = *line;
    add_text(line, has_any ? "; " : "");
    add_text(line, name);
    add_text(line, ": ");
    if (add_value(line, value, depth))
      has_any = true;
    else
      take_back(line, &before);
  }
  return has_any;
}

static bool add_named(struct line *line, const json_t *object, int depth) {
  static const char *const names[] = {
      "error",  "message",     "msg",
      "detail", "details",     "errors",
      "reason", "description", "error_description",
      "title"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (add_value(line, json_object_get(object, names[i]), depth))
      return true;
  return false;
}

static bool add_object(struct line *line, const json_t *object, int depth) {
  struct line before = *line;
  add_place(line, json_object_get(object, "loc"));
  if (add_named(line, object, depth))
    return true;
  take_back(line, &before);
  return add_members(line, object, depth);
}

static bool add_value(struct line *line, const json_t *value, int depth) {
  const char *text = json_string_value(value);
  if (text)
    add_text(line, text);
  if (text)
    return *text != '\0';
  if (depth >= DEPTH_MOST)
    return false;
  return json_is_array(value)    ? add_list(line, value, depth + 1)
         : json_is_object(value) ? add_object(line, value, depth + 1)
                                 : false;
}

/* "error" may be a mere code, or the name of the status. */
static void add_more(struct line *line, const json_t *root) {
  static const char *const names[] = {"error_description", "message", "detail"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char text[200];
    struct line more = line_of(text, sizeof text);
    if (!add_value(&more, json_object_get(root, names[i]), 0) ||
        strstr(line->at, text))
      continue;
    add_text(line, " (");
    add_text(line, text);
    add_text(line, ")");
    return;
  }
}

void sm_reason_read(char *out, size_t out_size, const json_t *root) {
  struct line line = line_of(out, out_size);
  if (add_named(&line, root, 0))
    add_more(&line, root);
}

/* -- text ---------------------------------------------------------------- */

/* From `from` to `to`, which are tags; the whole when they do not occur. */
static void narrow(const char **text, size_t *size, const char *from,
                   const char *to) {
  const char *end = *text + *size, *begin = NULL;
  for (const char *at = *text; at + strlen(from) <= end; at++) {
    if (!begin && strncasecmp(at, from, strlen(from)) == 0)
      begin = memchr(at, '>', (size_t)(end - at));
    if (begin && at > begin && (size_t)(end - at) >= strlen(to) &&
        strncasecmp(at, to, strlen(to)) == 0) {
      *text = begin + 1;
      *size = (size_t)(at - *text);
      return;
    }
  }
}

/* Without tags, and a run of blanks as one. */
static void add_plain(struct line *line, const char *text, size_t size,
                      bool is_html) {
  bool is_tag = false, is_blank = true;
  for (size_t i = 0; i < size && line->size < TEXT_MOST; i++) {
    char c = text[i];
    is_tag = is_html && (c == '<' || (is_tag && text[i - 1] != '>'));
    bool is_space = is_tag || (unsigned char)c <= ' ';
    if (is_space && !is_blank)
      add(line, " ", 1);
    if (!is_space)
      add(line, &c, 1);
    is_blank = is_space;
  }
  while (line->size && line->at[line->size - 1] == ' ')
    line->at[--line->size] = '\0';
}

static void read_text(char *out, size_t out_size, const char *text,
                      size_t size) {
  struct line line = line_of(out, out_size);
  while (size && (unsigned char)*text <= ' ')
    text++, size--;
  bool is_html = size && *text == '<';
  if (is_html)
    narrow(&text, &size, "<body", "</body");
  add_plain(&line, text, size, is_html);
}

static void read_page(char *out, size_t out_size, const char *text,
                      size_t size) {
  const char *title = text;
  size_t title_size = size;
  narrow(&title, &title_size, "<title", "</title");
  read_text(out, out_size, title, title_size);
  if (!out[0])
    read_text(out, out_size, text, size);
}

void sm_reason_of(char *out, size_t out_size, const char *text, size_t size) {
  json_t *root = sm_json_parse(text, size, NULL, NULL);
  struct line line = line_of(out, out_size);
  if (json_is_object(root))
    sm_reason_read(out, out_size, root);
  else
    (void)add_value(&line, root, 0);
  json_decref(root);
  if (!out[0] && size)
    read_page(out, out_size, text, size);
}

/* -- of a 406 ------------------------------------------------------------ */

static bool holds_any(const char *text, const char *const *words) {
  for (; *words; words++)
    if (sm_system_find_text(text, *words))
      return true;
  return false;
}

/* aspect_ratio */
static bool names_parameter(const char *text) {
  for (const char *at = text; (at = strchr(at, '_')) != NULL; at++)
    if (at > text && at[-1] >= 'a' && at[-1] <= 'z' && at[1] >= 'a' &&
        at[1] <= 'z')
      return true;
  return false;
}

bool sm_reason_is_credits(const char *reason) {
  static const char *const formats[] = {
      "content type", "content-type",   "content_type",  "media type",
      "mime",         "not acceptable", "accept header", NULL};
  static const char *const money[] = {"credit",         "spend",
                                      "spent",          "billing",
                                      "payment",        "quota",
                                      "budget",         "funds",
                                      "limit reached",  "limit_reached",
                                      "limit exceeded", "account balance",
                                      "your balance",   NULL};
  static const char *const parameters[] = {
      "parameter", "argument",   "field",       "one of", "allowed",
      "invalid",   "unexpected", "unsupported", "valid",  "must be",
      "should be", "expected",   "required",    NULL};
  if (holds_any(reason, formats))
    return false;
  return holds_any(reason, money) ||
         (!holds_any(reason, parameters) && !names_parameter(reason));
}
