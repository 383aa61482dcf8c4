#include "em_text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

char *em_text_take(struct em_text *text) {
  /* The bytes may move when the stream is closed. */
  if (text->stream && fclose(text->stream) != 0)
    text->failed = true;
  char *data = text->data;
  if (text->failed) {
    free(data);
    data = NULL;
  }
  *text = (struct em_text){0};
  return data;
}

void em_text_free(struct em_text *text) { free(em_text_take(text)); }

/* Opens the stream at the first use, so that an empty text costs nothing. */
static bool is_open(struct em_text *text) {
  if (!text->stream && !text->failed) {
    text->stream = open_memstream(&text->data, &text->size);
    text->failed = !text->stream;
  }
  return !text->failed;
}

void em_text_add_bytes(struct em_text *text, const void *bytes, size_t size) {
  if (is_open(text))
    text->failed = (size && fwrite(bytes, size, 1, text->stream) != 1) ||
                   fflush(text->stream) != 0;
}

void em_text_add(struct em_text *text, const char *string) {
  em_text_add_bytes(text, string, strlen(string));
}

void em_text_addf(struct em_text *text, const char *format, ...) {
  va_list args;
  va_start(args, format);
  if (is_open(text))
    text->failed =
        vfprintf(text->stream, format, args) < 0 || fflush(text->stream) != 0;
  va_end(args);
}

int em_text_add_file(struct em_text *text, const char *path) {
  char piece[4096];
  size_t count;
  FILE *file = fopen(path, "rb");
  if (!file)
    return -1;
  while ((count = fread(piece, 1, sizeof piece, file)) > 0)
    em_text_add_bytes(text, piece, count);
  bool failed = ferror(file) || text->failed;
  fclose(file);
  return failed ? -1 : 0;
}

static void add_escape(struct em_text *text, unsigned char c) {
  static const char shorts[] = "\"\"\\\\\nn\rr\tt";
  for (const char *pair = shorts; *pair; pair += 2)
    if ((unsigned char)pair[0] == c) {
      em_text_addf(text, "\\%c", pair[1]);
      return;
    }
  em_text_addf(text, "\\u%04x", c);
}

static bool is_plain(unsigned char c) {
  return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

void em_text_add_json(struct em_text *text, const char *string) {
  if (!string) {
    em_text_add(text, "null");
    return;
  }
  em_text_add_bytes(text, "\"", 1);
  while (*string) {
    const char *plain = string;
    while (*string && is_plain((unsigned char)*string))
      string++;
    em_text_add_bytes(text, plain, (size_t)(string - plain));
    if (*string)
      add_escape(text, (unsigned char)*string++);
  }
  em_text_add_bytes(text, "\"", 1);
}
