/* Truecolor rasters: the few operations on pixels that everything else in the
 * painter is made of. A raster is a libgd truecolor image whose rows are read
 * and written directly, since gdImageGetPixel costs more than most of what is
 * done to a pixel here.
 *
 * A pixel is libgd's: 0xAARRGGBB with alpha 0 opaque and 127 clear. Scaling and
 * pasting honour alpha; blurring and the filters want a flattened raster. */
#ifndef EM_RASTER_H
#define EM_RASTER_H

#include <gd.h>

/* A rectangle in a picture, in pixels; edges may fall between two. */
struct em_box {
  double x, y, width, height;
};

static inline int em_red(int pixel) { return pixel >> 16 & 255; }
static inline int em_green(int pixel) { return pixel >> 8 & 255; }
static inline int em_blue(int pixel) { return pixel & 255; }

static inline int em_rgb(int red, int green, int blue) {
  return red << 16 | green << 8 | blue;
}

static inline int em_clamp(int value) {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/* Perceived lightness, 0..255. */
static inline int em_luma(int pixel) {
  return (em_red(pixel) * 77 + em_green(pixel) * 150 + em_blue(pixel) * 29) >>
         8;
}

/* From `a` (share 0) to `b` (share 256). */
static inline int em_mix(int a, int b, int share) {
  int keep = 256 - share;
  return em_rgb((em_red(a) * keep + em_red(b) * share) >> 8,
                (em_green(a) * keep + em_green(b) * share) >> 8,
                (em_blue(a) * keep + em_blue(b) * share) >> 8);
}

/* A raster of one colour. Ownership: the caller's, gdImageDestroy. NULL when
 * memory is out. */
gdImagePtr em_raster_new(int width, int height, int colour);

/* A copy. Ownership and errors: as em_raster_new. */
gdImagePtr em_raster_clone(gdImagePtr source);

/* The part `from` of `source`, scaled to width x height with a triangle
 * filter: smooth when it grows, free of moire when it shrinks.
 * Ownership and errors: as em_raster_new. */
gdImagePtr em_raster_scale(gdImagePtr source, struct em_box from, int width,
                           int height);

/* Blurs in place, about as a Gaussian of that radius. -1: memory is out. */
int em_raster_blur(gdImagePtr image, int radius);

/* Lays a raster with alpha on a colour, in place. */
void em_raster_flatten(gdImagePtr image, int colour);

/* Draws `source` at x, y, alpha honoured, clipped to `target`. */
void em_raster_paste(gdImagePtr target, gdImagePtr source, int x, int y);

/* The average colour of a flattened raster. */
int em_raster_average(gdImagePtr image);

#endif
