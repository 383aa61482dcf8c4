/* The emulator's painter: what stands in for a model that edits pictures.
 *
 * No model runs here. A job's pictures are decoded, fitted to the aspect ratio
 * that was asked for, composed when there are several, given a look that the
 * prompt's words and the seed choose, captioned, and encoded. It is enough of
 * an edit for a person to see in a thumbnail which job made a picture, out of
 * which other picture, and for a test to tell two jobs apart.
 *
 * It rests on libgd alone and on no file at run time, not even a font. All
 * randomness comes from the job itself, so the same job gives the same bytes,
 * whatever thread it is on. It refuses pictures of more than 40 megapixels
 * before it decodes them, and everything that is not PNG, JPEG, GIF or WebP;
 * it prints nothing (but see em_png.h), and it never reaches for the network.
 */
#ifndef EM_PICTURE_H
#define EM_PICTURE_H

#include <stddef.h>

enum { EM_INPUT_MAX = 8 };

/* An encoded picture. */
struct em_picture_input {
  const unsigned char *data;
  size_t size;
};

struct em_picture_job {
  const char *model;
  const char *prompt;
  long long seed;
  const char *aspect_ratio; /* "16:9", "match_input_image", or NULL */
  const char *format;       /* "png" "jpg" "webp" */
  int quality;              /* 0..100; jpg and webp only */
  int step; /* 1 for a first edit, 2 for an edit of an edit, ... */
  const struct em_picture_input *inputs;
  int input_count;   /* up to EM_INPUT_MAX */
  int width, height; /* of the result, held to 64..2048; 0: by aspect_ratio */
};

/* Renders the job.
 * Ownership: on success *data is the caller's to free().
 * Errors: -1 and one line in `message`; *data is then NULL. */
int em_picture_render(const struct em_picture_job *job, unsigned char **data,
                      size_t *size, char *message, size_t message_size);

/* Draws a stand-in photograph from a name, as PNG: for sample URLs that
 * cannot be fetched offline. The same name gives the same picture.
 * Ownership: as em_picture_render. Errors: -1 when memory is out. */
int em_picture_stand_in(const char *name, unsigned char **data, size_t *size);

/* The media type by the first bytes ("image/png", "image/jpeg", "image/gif",
 * "image/webp"), or NULL when it is not a picture that can be read. */
const char *em_picture_media_type(const unsigned char *data, size_t size);

#endif
