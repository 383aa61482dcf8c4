/* em_raster_scale, in a file of its own: a separable triangle filter with
 * weights of 14 bits. Colours are weighted by their opacity, or a cut-out
 * would carry a rim of the background it was cut from. */
#include "em_raster.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

enum { ONE = 1 << 14, OPAQUE = 127 };

/* Which source pixels make one target pixel, and in what shares. */
struct tap {
  int first, count;
  uint32_t *weights;
};

struct taps {
  struct tap *each;
  uint32_t *weights;
};

struct sums {
  uint32_t red, green, blue, opacity;
};

static void taps_free(struct taps *taps) {
  free(taps->each);
  free(taps->weights);
}

static void tap_place(struct tap *tap, double centre, double support,
                      int limit) {
  double total = 0;
  int first = (int)floor(centre - support + 0.5);
  int last = (int)ceil(centre + support - 0.5);
  tap->first = first < 0 ? 0 : first >= limit ? limit - 1 : first;
  last = last < tap->first ? tap->first : last >= limit ? limit - 1 : last;
  tap->count = last - tap->first + 1;
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < tap->count; i++) {
      double away = fabs(tap->first + i + 0.5 - centre) / support;
      double weight = away < 1 ? 1 - away : 0.0001;
      if (pass == 0)
        total += weight;
      else
        tap->weights[i] = (uint32_t)(weight / total * ONE);
    }
}

/* The shares of one pixel must sum to ONE or flat colours would drift. */
static void tap_balance(struct tap *tap) {
  uint32_t sum = 0;
  int best = 0;
  for (int i = 0; i < tap->count; i++) {
    sum += tap->weights[i];
    if (tap->weights[i] > tap->weights[best])
      best = i;
  }
  tap->weights[best] += ONE - sum;
}

static int taps_make(struct taps *taps, double from, double length, int limit,
                     int count) {
  double ratio = length / count;
  double support = ratio > 1 ? ratio : 1;
  size_t room = (size_t)(2 * support) + 4;
  taps->each = calloc((size_t)count, sizeof *taps->each);
  taps->weights = calloc((size_t)count * room, sizeof *taps->weights);
  if (!taps->each || !taps->weights)
    return -1;
  for (int i = 0; i < count; i++) {
    taps->each[i].weights = taps->weights + (size_t)i * room;
    tap_place(&taps->each[i], from + (i + 0.5) * ratio, support, limit);
    tap_balance(&taps->each[i]);
  }
  return 0;
}

static void sums_add(struct sums *sums, int pixel, uint32_t weight) {
  weight *= (uint32_t)(OPAQUE - (pixel >> 24 & 127));
  sums->red += weight * (uint32_t)em_red(pixel);
  sums->green += weight * (uint32_t)em_green(pixel);
  sums->blue += weight * (uint32_t)em_blue(pixel);
  sums->opacity += weight;
}

static int sums_pixel(const struct sums *sums) {
  uint32_t half = OPAQUE * ONE / 2, full = OPAQUE * ONE;
  if (sums->opacity == full)
    return em_rgb((int)((sums->red + half) / (OPAQUE * ONE)),
                  (int)((sums->green + half) / (OPAQUE * ONE)),
                  (int)((sums->blue + half) / (OPAQUE * ONE)));
  if (sums->opacity < ONE / 2)
    return OPAQUE << 24;
  int alpha = OPAQUE - (int)((sums->opacity + ONE / 2) / ONE);
  return alpha << 24 | em_rgb((int)(sums->red / sums->opacity),
                              (int)(sums->green / sums->opacity),
                              (int)(sums->blue / sums->opacity));
}

static int across(const int *row, const struct tap *tap) {
  struct sums sums = {0, 0, 0, 0};
  for (int i = 0; i < tap->count; i++)
    sums_add(&sums, row[tap->first + i], tap->weights[i]);
  return sums_pixel(&sums);
}

static int down(gdImagePtr image, int x, int top, const struct tap *tap) {
  struct sums sums = {0, 0, 0, 0};
  for (int i = 0; i < tap->count; i++)
    sums_add(&sums, image->tpixels[tap->first - top + i][x], tap->weights[i]);
  return sums_pixel(&sums);
}

/* Narrows first, over the rows that the second pass will ask for. */
static gdImagePtr scale(gdImagePtr source, const struct taps *columns,
                        const struct taps *rows, int width, int height) {
  const struct tap *last = &rows->each[height - 1];
  int top = rows->each[0].first, bottom = last->first + last->count;
  gdImagePtr narrow = gdImageCreateTrueColor(width, bottom - top);
  gdImagePtr image = gdImageCreateTrueColor(width, height);
  if (narrow && image) {
    for (int y = top; y < bottom; y++)
      for (int x = 0; x < width; x++)
        narrow->tpixels[y - top][x] =
            across(source->tpixels[y], &columns->each[x]);
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++)
        image->tpixels[y][x] = down(narrow, x, top, &rows->each[y]);
  } else if (image) {
    gdImageDestroy(image);
    image = NULL;
  }
  if (narrow)
    gdImageDestroy(narrow);
  return image;
}

static int at_least_one(int side) { return side < 1 ? 1 : side; }

gdImagePtr em_raster_scale(gdImagePtr source, struct em_box from, int width,
                           int height) {
  struct taps columns = {NULL, NULL}, rows = {NULL, NULL};
  gdImagePtr image = NULL;
  width = at_least_one(width);
  height = at_least_one(height);
  if (taps_make(&columns, from.x, from.width, source->sx, width) == 0 &&
      taps_make(&rows, from.y, from.height, source->sy, height) == 0)
    image = scale(source, &columns, &rows, width, height);
  taps_free(&columns);
  taps_free(&rows);
  return image;
}
