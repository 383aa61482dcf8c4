/* The strip below every picture that says where it comes from: the model, the
 * step in a chain of edits, the seed, the prompt, and that no model was run.
 *
 * Its height depends on the picture's size alone and it begins with a coloured
 * rule, so that the next edit finds the strip and cuts it off: captions of a
 * chain do not pile up. The font is one of libgd's own, drawn at twice its
 * size; it is ASCII, other letters are drawn as '?'. */
#ifndef EM_CAPTION_H
#define EM_CAPTION_H

#include <gd.h>

struct em_caption {
  const char *title;  /* "flux-kontext-pro" */
  const char *detail; /* "step 2  seed 42" */
  const char *text;   /* the prompt: two lines of it at most */
};

/* The strip's height on a picture of that size; 0 where a strip would take
 * more than half of it, or its words do not fit. */
int em_caption_height(int width, int height);

/* The height of the strip that `image` ends in, or 0. */
int em_caption_found(gdImagePtr image);

/* Draws the strip over the lowest em_caption_height() rows.
 * Errors: -1, out of memory. */
int em_caption_draw(gdImagePtr image, const struct em_caption *caption);

#endif
