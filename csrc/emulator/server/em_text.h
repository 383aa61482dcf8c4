/* A growing text on open_memstream(3): how every answer of the emulator is
 * written.
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

/* Ownership: the bytes become the caller's, the text is empty. NULL when
 * nothing was added or memory ran out. */
char *em_text_take(struct em_text *text);

void em_text_add(struct em_text *text, const char *string);
void em_text_add_bytes(struct em_text *text, const void *bytes, size_t size);
void em_text_addf(struct em_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds the string in JSON's double quotes, escaped; NULL becomes null. */
void em_text_add_json(struct em_text *text, const char *string);

/* The same of any bytes, which stand for the characters U+0000 to U+00FF. */
void em_text_add_latin1(struct em_text *text, const char *bytes, size_t size);

#endif
