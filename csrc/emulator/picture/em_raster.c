#include "em_raster.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

gdImagePtr em_raster_new(int width, int height, int colour) {
  gdImagePtr image = gdImageCreateTrueColor(width, height);
  for (int y = 0; image && y < height; y++)
    for (int x = 0; x < width; x++)
      image->tpixels[y][x] = colour;
  return image;
}

gdImagePtr em_raster_clone(gdImagePtr source) {
  gdImagePtr image = gdImageCreateTrueColor(source->sx, source->sy);
  for (int y = 0; image && y < source->sy; y++)
    memcpy(image->tpixels[y], source->tpixels[y],
           (size_t)source->sx * sizeof(int));
  return image;
}

void em_raster_flatten(gdImagePtr image, int colour) {
  for (int y = 0; y < image->sy; y++) {
    int *row = image->tpixels[y];
    for (int x = 0; x < image->sx; x++) {
      int alpha = row[x] >> 24 & 127;
      if (alpha)
        row[x] = em_mix(row[x], colour, alpha * 256 / 127);
      else
        row[x] &= 0xffffff;
    }
  }
}

static void paste_row(int *target, const int *source, int count) {
  for (int i = 0; i < count; i++) {
    int alpha = source[i] >> 24 & 127;
    if (alpha == 0)
      target[i] = source[i];
    else if (alpha < 127)
      target[i] = em_mix(source[i], target[i], alpha * 256 / 127);
  }
}

void em_raster_paste(gdImagePtr target, gdImagePtr source, int x, int y) {
  int first = x < 0 ? -x : 0;
  int last = source->sx < target->sx - x ? source->sx : target->sx - x;
  if (first >= last)
    return;
  for (int row = 0; row < source->sy; row++)
    if (y + row >= 0 && y + row < target->sy)
      paste_row(target->tpixels[y + row] + x + first,
                source->tpixels[row] + first, last - first);
}

int em_raster_average(gdImagePtr image) {
  uint64_t red = 0, green = 0, blue = 0, count = 0;
  for (int y = 0; y < image->sy; y += 4)
    for (int x = 0; x < image->sx; x += 4, count++) {
      int pixel = image->tpixels[y][x];
      red += (uint64_t)em_red(pixel);
      green += (uint64_t)em_green(pixel);
      blue += (uint64_t)em_blue(pixel);
    }
  return em_rgb((int)(red / count), (int)(green / count), (int)(blue / count));
}

/* A box blur keeps running sums; a row of them for the vertical pass, so that
 * memory is walked along its rows in both directions. */
struct box_blur {
  int radius;
  uint32_t reciprocal; /* of the window, in 1/65536 */
  int *row;            /* one row's copy */
  int *sums;           /* red, green, blue per column */
};

static int share(const struct box_blur *blur, int red, int green, int blue) {
  return em_rgb((int)(((uint32_t)red * blur->reciprocal + 32768) >> 16),
                (int)(((uint32_t)green * blur->reciprocal + 32768) >> 16),
                (int)(((uint32_t)blue * blur->reciprocal + 32768) >> 16));
}

static int within(int i, int count) {
  return i < 0 ? 0 : i >= count ? count - 1 : i;
}

static void blur_row(const struct box_blur *blur, int *row, int count) {
  int red = 0, green = 0, blue = 0, radius = blur->radius;
  memcpy(blur->row, row, (size_t)count * sizeof(int));
  for (int i = -radius; i <= radius; i++) {
    int pixel = blur->row[within(i, count)];
    red += em_red(pixel), green += em_green(pixel), blue += em_blue(pixel);
  }
  for (int x = 0; x < count; x++) {
    row[x] = share(blur, red, green, blue);
    int in = blur->row[within(x + radius + 1, count)];
    int out = blur->row[within(x - radius, count)];
    red += em_red(in) - em_red(out);
    green += em_green(in) - em_green(out);
    blue += em_blue(in) - em_blue(out);
  }
}

static void add_row(int *sums, const int *row, int count, int sign) {
  for (int x = 0; x < count; x++, sums += 3) {
    sums[0] += sign * em_red(row[x]);
    sums[1] += sign * em_green(row[x]);
    sums[2] += sign * em_blue(row[x]);
  }
}

static void blur_columns(const struct box_blur *blur, gdImagePtr from,
                         gdImagePtr to) {
  int width = from->sx, height = from->sy, radius = blur->radius;
  memset(blur->sums, 0, (size_t)width * 3 * sizeof(int));
  for (int i = -radius; i <= radius; i++)
    add_row(blur->sums, from->tpixels[within(i, height)], width, 1);
  for (int y = 0; y < height; y++) {
    const int *sums = blur->sums;
    for (int x = 0; x < width; x++, sums += 3)
      to->tpixels[y][x] = share(blur, sums[0], sums[1], sums[2]);
    add_row(blur->sums, from->tpixels[within(y + radius + 1, height)], width,
            1);
    add_row(blur->sums, from->tpixels[within(y - radius, height)], width, -1);
  }
}

/* Two box blurs of half the radius come close enough to a Gaussian. */
int em_raster_blur(gdImagePtr image, int radius) {
  int half = (radius + 1) / 2, result = -1;
  struct box_blur blur = {.radius = half,
                          .reciprocal = 65536u / (uint32_t)(2 * half + 1)};
  gdImagePtr other = gdImageCreateTrueColor(image->sx, image->sy);
  blur.row = malloc((size_t)image->sx * sizeof(int));
  blur.sums = malloc((size_t)image->sx * 3 * sizeof(int));
  if (other && blur.row && blur.sums) {
    for (int y = 0; y < image->sy; y++)
      blur_row(&blur, image->tpixels[y], image->sx);
    blur_columns(&blur, image, other);
    for (int y = 0; y < image->sy; y++)
      blur_row(&blur, other->tpixels[y], image->sx);
    blur_columns(&blur, other, image);
    result = 0;
  }
  free(blur.row);
  free(blur.sums);
  if (other)
    gdImageDestroy(other);
  return result;
}
