#include "em_png.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNATURE = 8, FRAME = 12 /* length, type and checksum of a chunk */ };

enum { GREY = 0, TRUECOLOUR = 2, PALETTE = 3 }; /* colour types */

struct chunk {
  const unsigned char *start; /* at its length */
  const char *type;           /* four letters */
  uint32_t length;            /* of what is in it */
};

/* What has been seen so far: the order of chunks is a rule of PNG's. */
struct progress {
  int colour_type;
  int has_header, has_palette, has_alpha, in_data, past_data, ended;
  uint32_t colours; /* in the palette */
};

static uint32_t big(const unsigned char *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
         at[3];
}

static void make_table(uint32_t table[256]) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; bit++)
      value = value & 1 ? value >> 1 ^ 0xedb88320u : value >> 1;
    table[i] = value;
  }
}

static int is_whole(const struct chunk *chunk, const uint32_t table[256]) {
  uint32_t sum = 0xffffffffu;
  const unsigned char *at = chunk->start + 4;
  for (size_t i = 0; i < (size_t)chunk->length + 4; i++)
    sum = table[(sum ^ at[i]) & 255] ^ sum >> 8;
  return (sum ^ 0xffffffffu) == big(at + chunk->length + 4);
}

static int is_type(const struct chunk *chunk, const char *type) {
  return memcmp(chunk->type, type, 4) == 0;
}

static int takes_header(struct progress *progress, const struct chunk *chunk) {
  if (progress->has_header || chunk->length != 13)
    return -1;
  progress->has_header = 1;
  progress->colour_type = chunk->start[8 + 9];
  return 1;
}

/* Only a picture made of palette entries needs its palette. */
static int takes_palette(struct progress *progress, const struct chunk *chunk) {
  if (progress->colour_type != PALETTE)
    return 0;
  if (progress->has_palette || progress->in_data || chunk->length % 3 != 0 ||
      chunk->length == 0 || chunk->length > 768)
    return -1;
  progress->has_palette = 1;
  progress->colours = chunk->length / 3;
  return 1;
}

static int takes_alpha(struct progress *progress, const struct chunk *chunk) {
  uint32_t length = chunk->length;
  if (progress->has_alpha || progress->in_data)
    return -1;
  int fits = (progress->colour_type == GREY && length == 2) ||
             (progress->colour_type == TRUECOLOUR && length == 6) ||
             (progress->colour_type == PALETTE && progress->has_palette &&
              length > 0 && length <= progress->colours);
  progress->has_alpha = fits;
  return fits;
}

static int takes_data(struct progress *progress) {
  if (progress->past_data ||
      (progress->colour_type == PALETTE && !progress->has_palette))
    return -1;
  progress->in_data = 1;
  return 1;
}

/* 1: keep the chunk; 0: leave it out; -1: the file is damaged. */
static int takes(struct progress *progress, const struct chunk *chunk) {
  if (is_type(chunk, "IHDR"))
    return takes_header(progress, chunk);
  if (!progress->has_header)
    return -1;
  if (is_type(chunk, "IDAT"))
    return takes_data(progress);
  progress->past_data = progress->in_data;
  if (is_type(chunk, "PLTE"))
    return takes_palette(progress, chunk);
  if (is_type(chunk, "tRNS"))
    return takes_alpha(progress, chunk);
  progress->ended = is_type(chunk, "IEND");
  if (progress->ended)
    return progress->in_data && chunk->length == 0 ? 1 : -1;
  /* Upper case: a chunk that must be understood. */
  return chunk->type[0] & 32 ? 0 : -1;
}

static int next_chunk(struct chunk *chunk, const unsigned char *data,
                      size_t left) {
  if (left < FRAME)
    return -1;
  chunk->start = data;
  chunk->type = (const char *)data + 4;
  chunk->length = big(data);
  return chunk->length <= left - FRAME ? 0 : -1;
}

/* Returns the size of the clean copy, or 0. */
static size_t copy_chunks(const unsigned char *data, size_t size,
                          unsigned char *clean) {
  uint32_t table[256];
  struct progress progress = {.colour_type = GREY};
  size_t at = SIGNATURE, length = SIGNATURE;
  make_table(table);
  memcpy(clean, data, SIGNATURE);
  while (!progress.ended) {
    struct chunk chunk;
    if (next_chunk(&chunk, data + at, size - at) != 0 ||
        !is_whole(&chunk, table))
      return 0;
    size_t whole = (size_t)chunk.length + FRAME;
    int verdict = takes(&progress, &chunk);
    if (verdict < 0)
      return 0;
    if (verdict > 0) {
      memcpy(clean + length, chunk.start, whole);
      length += whole;
    }
    at += whole;
  }
  return length;
}

unsigned char *em_png_clean(const unsigned char *data, size_t size,
                            size_t *clean_size) {
  unsigned char *clean = size > SIGNATURE ? malloc(size) : NULL;
  *clean_size = clean ? copy_chunks(data, size, clean) : 0;
  if (*clean_size > 0)
    return clean;
  free(clean);
  return NULL;
}
