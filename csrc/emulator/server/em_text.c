#include "em_text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int em_fail(struct em_error *error, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(error->text, sizeof error->text, format, args);
  va_end(args);
  return -1;
}

void *em_grow(void *items, size_t count, size_t item_size) {
  if (count & (count - 1))
    return items;
  return realloc(items, (count ? 2 * count : 1) * item_size);
}

struct em_bytes em_text_take(struct em_text *text) {
  /* The bytes may move when the stream is closed. */
  if (text->stream && fclose(text->stream) != 0)
    text->failed = true;
  struct em_bytes bytes = {(unsigned char *)text->data, text->size};
  if (text->failed) {
    free(bytes.data);
    bytes = (struct em_bytes){0};
  }
  *text = (struct em_text){0};
  return bytes;
}

void em_text_free(struct em_text *text) { free(em_text_take(text).data); }

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

void em_text_add_json(struct em_text *text, const char *string) {
  em_text_add(text, string ? "\"" : "null");
  for (const char *at = string; at && *at;) {
    const char *plain = at;
    unsigned char c;
    while ((c = (unsigned char)*at) >= ' ' && c != '"' && c != '\\' &&
           c != 0x7f)
      at++;
    em_text_add_bytes(text, plain, (size_t)(at - plain));
    if (c)
      em_text_addf(text, c == '"' || c == '\\' ? "\\%c" : "\\u%04x", c);
    at += c != 0;
  }
  em_text_add(text, string ? "\"" : "");
}

struct em_bytes em_base64_decode(const char *text) {
  static const char alphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t length = strlen(text);
  struct em_bytes out = {malloc(length / 4 * 3 + 4), 0};
  unsigned long bits = 0;
  int held = 0;
  while (length && strchr("= \n\r\t", text[length - 1]))
    length--; /* the padding carries nothing */
  for (size_t i = 0; out.data && i < length; i++) {
    const char *digit = memchr(alphabet, text[i], sizeof alphabet - 1);
    if (!digit && strchr(" \n\r\t", text[i]))
      continue;
    if (!digit) {
      free(out.data);
      return (struct em_bytes){0};
    }
    bits = (bits << 6 | (unsigned long)(digit - alphabet)) & 0xffffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      out.data[out.size++] = (unsigned char)(bits >> held & 0xff);
    }
  }
  return out;
}

struct em_bytes em_data_uri_decode(const char *uri) {
  static const char marker[] = ";base64";
  const char *comma = strchr(uri, ',');
  if (strncasecmp(uri, "data:", 5) != 0 || !comma ||
      comma - uri < (long)sizeof marker + 4 ||
      strncasecmp(comma - (sizeof marker - 1), marker, sizeof marker - 1) != 0)
    return (struct em_bytes){0};
  return em_base64_decode(comma + 1);
}
