#include "em_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void em_text_free(struct em_text *text) {
  free(text->data);
  *text = (struct em_text){0};
}

static bool reserve(struct em_text *text, size_t more) {
  if (text->failed)
    return false;
  if (text->size + more + 1 <= text->capacity)
    return true;
  size_t capacity = text->capacity ? text->capacity : 512;
  while (capacity < text->size + more + 1)
    capacity *= 2;
  char *data = realloc(text->data, capacity);
  if (!data) {
    text->failed = true;
    return false;
  }
  text->data = data;
  text->capacity = capacity;
  return true;
}

void em_text_add_bytes(struct em_text *text, const void *bytes, size_t size) {
  if (!reserve(text, size))
    return;
  if (size)
    memcpy(text->data + text->size, bytes, size);
  text->size += size;
  text->data[text->size] = '\0';
}

void em_text_add(struct em_text *text, const char *string) {
  em_text_add_bytes(text, string, strlen(string));
}

void em_text_addf(struct em_text *text, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int size = vsnprintf(NULL, 0, format, args);
  if (size >= 0 && reserve(text, (size_t)size)) {
    vsnprintf(text->data + text->size, (size_t)size + 1, format, again);
    text->size += (size_t)size;
  }
  va_end(again);
  va_end(args);
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
