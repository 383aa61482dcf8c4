/* Sizes and cropping. Outputs have about one megapixel and sides that are
 * multiples of 16, as FLUX.1 Kontext's have. A picture whose shape is near the
 * asked one is cropped; one that would lose half of itself keeps more of it,
 * in front of its own blurred enlargement. */
#ifndef EM_FIT_H
#define EM_FIT_H

#include "em_raster.h"

struct em_size {
  int width, height;
};

/* The output size for "16:9" and the like; for "match_input_image", NULL or
 * anything else, the size closest to the input's shape (a square when there is
 * no input: 0 x 0). Shapes beyond 1:4 and 4:1 are clamped. */
struct em_size em_fit_size(const char *aspect_ratio, struct em_size input);

/* The part `from` of `source`, filling width x height as described above.
 * Ownership: the caller's, gdImageDestroy. NULL when memory is out. */
gdImagePtr em_fit_picture(gdImagePtr source, struct em_box from, int width,
                          int height);

/* The same, always cropped. */
gdImagePtr em_fit_crop(gdImagePtr source, struct em_box from, int width,
                       int height);

#endif
