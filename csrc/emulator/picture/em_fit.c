#include "em_fit.h"

#include <math.h>
#include <stdlib.h>

enum { GRID = 16, MEGAPIXEL = 1024 * 1024, SHORTEST = 512, LONGEST = 2048 };

/* Below this share of the picture, a plain crop takes too much away. */
static const double least_kept = 0.62;

/* What a padded picture gives up, so that the padding is narrower. */
static const double padded_kept = 0.8;

static double clamp_ratio(double ratio) {
  return ratio < 0.25 ? 0.25 : ratio > 4 ? 4 : ratio;
}

/* 0 when it is not two positive numbers. */
static double parse_ratio(const char *text) {
  char *end = NULL;
  long width = text ? strtol(text, &end, 10) : 0;
  if (width <= 0 || *end != ':')
    return 0;
  long height = strtol(end + 1, &end, 10);
  return height > 0 && *end == 0 ? (double)width / (double)height : 0;
}

static int is_output_size(struct em_size size) {
  int pixels = size.width <= LONGEST && size.height <= LONGEST
                   ? size.width * size.height
                   : 0;
  return size.width % GRID == 0 && size.height % GRID == 0 &&
         pixels > MEGAPIXEL / 10 * 8 && pixels < MEGAPIXEL / 10 * 12;
}

/* A wrong shape weighs ten times a wrong area. */
static double misfit(double width, double height, double ratio) {
  return 10 * fabs(width / height / ratio - 1) +
         fabs(width * height / MEGAPIXEL - 1);
}

static struct em_size closest(double ratio) {
  struct em_size best = {1024, 1024};
  double least = HUGE_VAL;
  for (int height = SHORTEST; height <= LONGEST; height += GRID) {
    int width = (int)(height * ratio / GRID + 0.5) * GRID;
    double cost = misfit(width, height, ratio);
    if (cost < least) {
      least = cost;
      best = (struct em_size){width, height};
    }
  }
  return best;
}

struct em_size em_fit_size(const char *aspect_ratio, struct em_size input) {
  double ratio = parse_ratio(aspect_ratio);
  if (ratio > 0)
    return closest(clamp_ratio(ratio));
  if (input.width <= 0 || input.height <= 0)
    return closest(1);
  if (is_output_size(input)) /* so that a chain of edits keeps its size */
    return input;
  return closest(clamp_ratio((double)input.width / input.height));
}

/* The largest part of `box` of that ratio: centred from left to right; of a
 * tall picture the upper part, so that nobody loses their head. */
static struct em_box cover(struct em_box box, double ratio) {
  struct em_box part = box;
  if (box.width / box.height > ratio)
    part.width = box.height * ratio;
  else
    part.height = box.width / ratio;
  part.x += (box.width - part.width) / 2;
  part.y += (box.height - part.height) * (box.height > box.width ? 0.1 : 0.35);
  return part;
}

gdImagePtr em_fit_crop(gdImagePtr source, struct em_box from, int width,
                       int height) {
  struct em_box part = cover(from, (double)width / height);
  if (part.width == width && part.height == height && part.x == floor(part.x) &&
      part.y == floor(part.y)) {
    gdImagePtr same = gdImageCreateTrueColor(width, height);
    if (same)
      em_raster_paste(same, source, (int)-part.x, (int)-part.y);
    return same;
  }
  return em_raster_scale(source, part, width, height);
}

static void darken(gdImagePtr image) {
  for (int y = 0; y < image->sy; y++)
    for (int x = 0; x < image->sx; x++)
      image->tpixels[y][x] = em_mix(image->tpixels[y][x], 0x101018, 70);
}

/* Blurred at a quarter of the size: cheaper, and softer still. */
static gdImagePtr backdrop(gdImagePtr source, struct em_box from, int width,
                           int height) {
  gdImagePtr image = NULL;
  gdImagePtr small = em_fit_crop(source, from, width / 4, height / 4);
  if (small && em_raster_blur(small, 9) == 0) {
    darken(small);
    image = em_raster_scale(small, (struct em_box){0, 0, small->sx, small->sy},
                            width, height);
  }
  if (small)
    gdImageDestroy(small);
  return image;
}

/* Wears the edges of the inner picture's alpha away, so that it melts into the
 * backdrop on the two sides where it ends. */
static void feather(gdImagePtr image, int sideways) {
  int reach = (sideways ? image->sx : image->sy) / 14;
  for (int y = 0; y < image->sy; y++)
    for (int x = 0; x < image->sx; x++) {
      int at = sideways ? x : y, last = (sideways ? image->sx : image->sy) - 1;
      int edge = at < last - at ? at : last - at;
      if (edge < reach)
        image->tpixels[y][x] = (image->tpixels[y][x] & 0xffffff) |
                               (127 - 127 * edge / reach) << 24;
    }
}

static gdImagePtr inner_picture(gdImagePtr source, struct em_box from,
                                double shape, int width, int height) {
  int sideways = (double)width / height > shape;
  int inner_width = sideways ? (int)(height * shape) : width;
  int inner_height = sideways ? height : (int)(width / shape);
  gdImagePtr inner = em_fit_crop(source, from, inner_width, inner_height);
  if (inner)
    feather(inner, sideways);
  return inner;
}

/* Meets half way: the picture gives up what `padded_kept` lets it. */
static gdImagePtr pad(gdImagePtr source, struct em_box from, int width,
                      int height) {
  double own = from.width / from.height, asked = (double)width / height;
  double shape = own < asked ? own / padded_kept : own * padded_kept;
  gdImagePtr image = backdrop(source, from, width, height);
  gdImagePtr inner = inner_picture(source, from, shape, width, height);
  if (image && inner)
    em_raster_paste(image, inner, (width - inner->sx) / 2,
                    (height - inner->sy) / 2);
  else if (image) {
    gdImageDestroy(image);
    image = NULL;
  }
  if (inner)
    gdImageDestroy(inner);
  return image;
}

gdImagePtr em_fit_picture(gdImagePtr source, struct em_box from, int width,
                          int height) {
  double own = from.width / from.height, asked = (double)width / height;
  double kept = own < asked ? own / asked : asked / own;
  if (kept < least_kept)
    return pad(source, from, width, height);
  return em_fit_crop(source, from, width, height);
}
