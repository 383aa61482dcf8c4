#include "em_cutout.h"

#include <stdlib.h>
#include <string.h>

enum { CLEAR = 127, TOLERANCE = 54, STEP = 16 };

static int distance(int a, int b) {
  return abs(em_red(a) - em_red(b)) + abs(em_green(a) - em_green(b)) +
         abs(em_blue(a) - em_blue(b));
}

static int is_clear(int pixel) { return (pixel >> 24 & 127) == CLEAR; }

static int has_transparency(gdImagePtr image) {
  int clear = 0, samples = 0;
  for (int y = 0; y < image->sy; y += 4)
    for (int x = 0; x < image->sx; x += 4, samples++)
      clear += is_clear(image->tpixels[y][x]);
  return clear * 10 > samples;
}

/* The places still to be looked at; each place enters it once at most, since
 * it is marked when it does. */
struct flood {
  int *queue;
  size_t count;
  int ground; /* the edges' average colour */
};

/* Takes a place as background if its colour goes with the edges' and with its
 * neighbour's: gradients pass, outlines do not. */
static void visit(gdImagePtr image, struct flood *flood, int x, int y,
                  int from) {
  if (x < 0 || y < 0 || x >= image->sx || y >= image->sy)
    return;
  int pixel = image->tpixels[y][x];
  if (is_clear(pixel) || distance(pixel, from) > STEP ||
      distance(pixel, flood->ground) > TOLERANCE)
    return;
  image->tpixels[y][x] = (pixel & 0xffffff) | CLEAR << 24;
  flood->queue[flood->count++] = y * image->sx + x;
}

static int edge_colour(gdImagePtr image) {
  long sum[3] = {0, 0, 0}, count = 0;
  for (int x = 0; x < image->sx; x += 2, count++) {
    int pixel = image->tpixels[2][x];
    sum[0] += em_red(pixel), sum[1] += em_green(pixel);
    sum[2] += em_blue(pixel);
  }
  for (int y = 0; y < image->sy; y += 2, count += 2)
    for (int side = 0; side < 2; side++) {
      int pixel = image->tpixels[y][side ? image->sx - 1 : 0];
      sum[0] += em_red(pixel), sum[1] += em_green(pixel);
      sum[2] += em_blue(pixel);
    }
  return em_rgb((int)(sum[0] / count), (int)(sum[1] / count),
                (int)(sum[2] / count));
}

static int clear_background(gdImagePtr image) {
  size_t area = (size_t)image->sx * (size_t)image->sy;
  struct flood flood = {malloc(area * sizeof(int)), 0, edge_colour(image)};
  if (!flood.queue)
    return -1;
  for (int x = 0; x < image->sx; x++) {
    visit(image, &flood, x, 0, flood.ground);
    visit(image, &flood, x, image->sy - 1, flood.ground);
  }
  for (int y = 0; y < image->sy; y++) {
    visit(image, &flood, 0, y, flood.ground);
    visit(image, &flood, image->sx - 1, y, flood.ground);
  }
  for (size_t next = 0; next < flood.count; next++) {
    int x = flood.queue[next] % image->sx, y = flood.queue[next] / image->sx;
    int from = image->tpixels[y][x] & 0xffffff;
    visit(image, &flood, x - 1, y, from);
    visit(image, &flood, x + 1, y, from);
    visit(image, &flood, x, y - 1, from);
    visit(image, &flood, x, y + 1, from);
  }
  free(flood.queue);
  return 0;
}

static struct em_box extent(gdImagePtr image, long *kept) {
  int left = image->sx, top = image->sy, right = 0, bottom = 0;
  *kept = 0;
  for (int y = 0; y < image->sy; y++)
    for (int x = 0; x < image->sx; x++) {
      if (is_clear(image->tpixels[y][x]))
        continue;
      ++*kept;
      left = x < left ? x : left, right = x > right ? x : right;
      top = y < top ? y : top, bottom = y;
    }
  return (struct em_box){left, top, right - left + 1, bottom - top + 1};
}

static void cut_oval(gdImagePtr image) {
  for (int y = 0; y < image->sy; y++)
    for (int x = 0; x < image->sx; x++) {
      double dx = 2.0 * x / image->sx - 1, dy = 2.0 * y / image->sy - 1;
      int alpha = (int)((dx * dx + dy * dy - 0.86) * 127 / 0.12);
      alpha = alpha < 0 ? 0 : alpha > CLEAR ? CLEAR : alpha;
      image->tpixels[y][x] = (image->tpixels[y][x] & 0xffffff) | alpha << 24;
    }
}

int em_cutout(gdImagePtr image, struct em_box *left_over) {
  long kept, area = (long)image->sx * image->sy;
  if (!has_transparency(image)) {
    em_raster_flatten(image, 0xffffff);
    if (clear_background(image) != 0)
      return -1;
  }
  *left_over = extent(image, &kept);
  if (kept < area / 50 || kept > area / 10 * 7) {
    cut_oval(image);
    *left_over = extent(image, &kept);
  }
  return 0;
}
