/* The emulator's painter: what stands in for a model that edits pictures.
 *
 * No model runs here. A job's pictures are decoded, cropped to the aspect
 * ratio that was asked for, put together when there are several, given a look
 * that the prompt's words and the seed choose (em_look), captioned,
 * and encoded (em_codec). Without a picture, one of five samples
 * is edited, which are part of the program. It is enough of an edit for a
 * person to see in a thumbnail which job made a picture out of which other
 * picture, and for a test to tell two jobs apart.
 *
 * It rests on libgd alone and on no file at run time, not even a font. The same
 * job gives the same bytes, whatever thread it is on. It refuses pictures of
 * more than 40 megapixels before it decodes them, and everything that is not
 * PNG, JPEG, GIF or WebP. It never uses the network. */
#ifndef EM_PAINTER_H
#define EM_PAINTER_H

#include <gd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "em_text.h"

enum { EM_INPUT_MAX = 8 };

struct em_painter_job {
  const char *model;
  const char *prompt;
  long long seed;
  const char *aspect_ratio; /* "16:9", "match_input_image", or NULL */
  const char *format;       /* "png" "jpg" "webp" */
  int quality;              /* 0..100; jpg and webp only */
  int step; /* 1 for a first edit, 2 for an edit of an edit, ... */
  struct em_bytes inputs[EM_INPUT_MAX]; /* encoded */
  int input_count;
  int width, height; /* of the result, held to 64..2048; 0: by aspect_ratio */
};

/* Renders the job. Outputs have about one megapixel and sides that are
 * multiples of 16, as FLUX.1 Kontext's have; shapes beyond 1:4 and 4:1 are
 * clamped.
 * Errors: NULL and one line. */
struct em_bytes em_painter_render(const struct em_painter_job *job,
                                  struct em_error *error);

/* A sample, as PNG, in place of a picture on the service's own hosts, which
 * cannot be fetched offline. The same name gives the same picture. Errors: as
 * above. */
struct em_bytes em_painter_stand_in(const char *name, struct em_error *error);

/* The pictures of --plain: 16 by 16 of one colour. They cost microseconds, so
 * that tests can run jobs by the thousand. Errors: as above. */
struct em_bytes em_painter_plain(uint32_t colour, const char *format,
                                 struct em_error *error);

/* The height of the caption on a picture of that size; 0 where it would take
 * more than half of it, or its words do not fit. */
int em_caption_height(int width, int height);

/* The height of the caption that `image` ends in, or 0. */
int em_caption_found(gdImagePtr image);

/* What an edit makes of a picture: a table of looks, each of them a few of
 * libgd's own operations. Words of the prompt choose a light ("night") and a
 * style ("pencil sketch"); where none is known, the key may. The key also
 * shifts the colours, so that two seeds are told apart.
 *
 * A prompt is searched for words, not understood. Only ASCII letters count as
 * letters, so that every UTF-8 prompt is safe to read. */
/* Whether `text` has one of the comma-separated `phrases`, in any case of
 * letters: from the start of a word to the end of one, or, where the phrase
 * ends with an asterisk, to anywhere. */
bool em_look_has_word(const char *text, const char *phrases);

/* Changes the truecolor image in place; the same key gives the same pixels.
 * `by_chance`: a prompt without a known word gets a look that the key chooses.
 * Errors: -1, out of memory. */
int em_look_apply(gdImagePtr image, const char *prompt, uint64_t key,
                  bool by_chance);

#endif
