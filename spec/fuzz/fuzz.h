/* What the fuzz targets share.
 *
 * A target is one file, NAME_fuzz.c, that defines LLVMFuzzerTestOneInput and
 * breaks off with PROMISE where the core breaks its word. With SEGMIND_FUZZ it
 * is linked with libFuzzer; otherwise with replay.c, which only runs the seeds
 * of corpus/NAME, as a test like any other.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(cond)                                                          \
  ((cond) ? (void)0                                                            \
          : (void)(fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__,  \
                           #cond),                                             \
                   abort()))

/* The input as a sequence of choices. Past its end it gives zeros. */
struct source {
  const uint8_t *at;
  size_t left;
};

static inline uint8_t take_byte(struct source *source) {
  if (source->left == 0)
    return 0;
  source->left--;
  return *source->at++;
}

static inline uint64_t take_number(struct source *source, int bytes) {
  uint64_t value = 0;
  while (bytes-- > 0)
    value = value << 8 | take_byte(source);
  return value;
}

/* Up to `most` bytes as text of its own, so that a reader who goes one byte too
 * far is caught. Ownership: the caller's. */
static inline char *take_text(struct source *source, size_t most) {
  size_t size = source->left < most ? source->left : most;
  char *text = malloc(size + 1);
  if (text == NULL)
    abort();
  if (size > 0)
    memcpy(text, source->at, size);
  text[size] = '\0';
  source->at += size;
  source->left -= size;
  return text;
}

/* Up to the next newline, which is passed over. Ownership: the caller's. */
static inline char *take_line(struct source *source) {
  size_t size = 0;
  while (size < source->left && source->at[size] != '\n')
    size++;
  char *line = take_text(source, size);
  (void)take_byte(source);
  return line;
}

/* Whether the array holds a text that ends inside it. */
#define IS_TEXT(array) (memchr((array), '\0', sizeof(array)) != NULL)

#endif
