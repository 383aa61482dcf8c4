/* The strip below every picture that says where it comes from: the model, the
 * step in a chain of edits, the seed, the prompt, and that no model ran.
 *
 * The strip is added below the picture rather than painted over it, and its
 * height depends on the picture's size alone. So the next edit finds it by
 * its coloured rule, cuts it off, and puts its own in its place: a chain of
 * edits neither repeats captions nor loses a row of the picture.
 *
 * Text is drawn with libgd's built-in bitmap font at twice its size, corners
 * smoothed: no font file, the same pixels everywhere. The font is ASCII only;
 * other letters lose their accents or become '?'. */
#ifndef EM_CAPTION_H
#define EM_CAPTION_H

#include <gd.h>

struct em_caption {
  const char *title;  /* "flux-kontext-pro" */
  const char *detail; /* "edit 2  seed 42" */
  const char *text;   /* the prompt: two lines of it at most */
  const char *badge;  /* "emulator - no model ran" */
};

/* The strip's height on a picture of that size; a multiple of 16. 0 where a
 * strip would take more than half of it, or its words do not fit. */
int em_caption_height(int width, int height);

/* The height of the strip that `image` ends in, or 0. */
int em_caption_found(gdImagePtr image);

/* Draws the strip over the lowest em_caption_height() rows. */
void em_caption_draw(gdImagePtr image, const struct em_caption *caption);

#endif
