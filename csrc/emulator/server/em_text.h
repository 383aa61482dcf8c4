/* What everything is written with: a growing text on open_memstream(3), bytes,
 * base64 and data URIs as uploads and v1 images carry them.
 *
 * Answers are written piece by piece rather than dumped from a JSON tree: a
 * status answer is asked for tens of thousands of times a second, and its shape
 * is fixed. A failed allocation is remembered in `failed` and everything after
 * it is a no-op, so that only the end needs a check. */
#ifndef EM_TEXT_H
#define EM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Why something failed, as one line of text for a person. */
struct em_error {
  char text[512];
};

/* Sets the text. Returns -1. */
__attribute__((format(printf, 2, 3))) int em_fail(struct em_error *error,
                                                  const char *format, ...);

/* Bytes of their own. Ownership: malloc'ed, whoever has the struct frees data;
 * NULL where something failed. */
struct em_bytes {
  unsigned char *data;
  size_t size;
};

struct em_text {
  char *data; /* terminated once something was added; NULL before */
  size_t size;
  FILE *stream;
  bool failed;
};

/* A list with room for one more than its `count` items, which grows at each
 * power of two. Errors: NULL, and the list is as it was. */
void *em_grow(void *items, size_t count, size_t item_size);

/* All zero is a valid empty text; em_text_free makes it so again. Never copied:
 * the stream writes to this struct. */
void em_text_free(struct em_text *text);

/* The text is empty then. Errors: NULL when nothing was added or memory ran
 * out. */
struct em_bytes em_text_take(struct em_text *text);

void em_text_add(struct em_text *text, const char *string);
void em_text_add_bytes(struct em_text *text, const void *bytes, size_t size);
void em_text_addf(struct em_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds the string in JSON's double quotes, escaped; NULL becomes null. */
void em_text_add_json(struct em_text *text, const char *string);

/* Decodes standard base64; white space is skipped. Errors: NULL when it is not
 * base64. */
struct em_bytes em_base64_decode(const char *text);

/* Decodes "data:image/png;base64,...". Errors as above. */
struct em_bytes em_data_uri_decode(const char *uri);

#endif
