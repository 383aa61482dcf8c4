#include "em_paint.h"

#include "em_raster.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  SUBROWS = 4,   /* scanlines per row of pixels */
  STEPS = 8,     /* straight pieces per piece of a curve */
  CROSSINGS = 64 /* of a scanline with an outline */
};

/* An outline in pixels. */
struct outline {
  int count;
  struct em_point at[EM_PAINT_POINTS * STEPS * 2];
};

struct em_brush em_brush_at(const struct em_brush *brush, double x, double y,
                            double scale) {
  return (struct em_brush){brush->image, brush->x + x * brush->scale,
                           brush->y + y * brush->scale, brush->scale * scale};
}

static struct em_point place(const struct em_brush *brush, struct em_point at) {
  return (struct em_point){brush->x + at.x * brush->scale,
                           brush->y + at.y * brush->scale};
}

static int crossings(const struct outline *outline, double y, double *xs) {
  int found = 0;
  for (int i = 0; i < outline->count && found < CROSSINGS; i++) {
    struct em_point a = outline->at[i];
    struct em_point b = outline->at[i + 1 < outline->count ? i + 1 : 0];
    if ((a.y <= y) != (b.y <= y))
      xs[found++] = a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x);
  }
  return found;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Adds what the span covers of each pixel. */
static void cover_span(float *cover, int width, double from, double to) {
  from = from < 0 ? 0 : from;
  to = to > width ? width : to;
  if (from >= to)
    return;
  int first = (int)from, last = (int)to;
  const float full = 1.0f / SUBROWS;
  if (first == last) {
    cover[first] += (float)(to - from) * full;
    return;
  }
  cover[first] += (float)(first + 1 - from) * full;
  for (int x = first + 1; x < last; x++)
    cover[x] += full;
  if (last < width)
    cover[last] += (float)(to - last) * full;
}

static void cover_row(const struct outline *outline, int y, float *cover,
                      int width) {
  double xs[CROSSINGS];
  for (int i = 0; i < SUBROWS; i++) {
    int found = crossings(outline, y + (i + 0.5) / SUBROWS, xs);
    qsort(xs, (size_t)found, sizeof *xs, by_value);
    for (int k = 0; k + 1 < found; k += 2)
      cover_span(cover, width, xs[k], xs[k + 1]);
  }
}

struct extent {
  double left, top, right, bottom;
};

static struct extent extent_of(const struct outline *outline) {
  struct extent extent = {1e9, 1e9, -1e9, -1e9};
  for (int i = 0; i < outline->count; i++) {
    extent.left = fmin(extent.left, outline->at[i].x);
    extent.right = fmax(extent.right, outline->at[i].x);
    extent.top = fmin(extent.top, outline->at[i].y);
    extent.bottom = fmax(extent.bottom, outline->at[i].y);
  }
  return extent;
}

static int shade(const struct em_fill *fill, double at, double from,
                 double to) {
  double part = to > from ? (at - from) / (to - from) : 0;
  part = part < 0 ? 0 : part > 1 ? 1 : part;
  return em_mix(fill->top, fill->bottom, (int)(part * 256));
}

static void blend_row(int *row, const float *cover, int y,
                      const struct extent *extent, int last,
                      const struct em_fill *fill) {
  int colour = shade(fill, y, extent->top, extent->bottom);
  for (int x = extent->left > 0 ? (int)extent->left : 0; x <= last; x++) {
    if (cover[x] <= 0)
      continue;
    if (fill->sideways)
      colour = shade(fill, x, extent->left, extent->right);
    double part = cover[x] > 1 ? 1 : (double)cover[x];
    row[x] = em_mix(row[x], colour, (int)(part * fill->opacity * 256 + 0.5));
  }
}

static void paint(gdImagePtr image, const struct outline *outline,
                  const struct em_fill *fill) {
  struct extent extent = extent_of(outline);
  int top = extent.top > 0 ? (int)extent.top : 0;
  int bottom = extent.bottom < image->sy ? (int)extent.bottom : image->sy - 1;
  int last = extent.right < image->sx ? (int)extent.right : image->sx - 1;
  float *cover = malloc((size_t)image->sx * sizeof *cover);
  for (int y = top; cover && y <= bottom; y++) {
    memset(cover, 0, (size_t)image->sx * sizeof *cover);
    cover_row(outline, y, cover, image->sx);
    blend_row(image->tpixels[y], cover, y, &extent, last, fill);
  }
  free(cover);
}

/* Catmull-Rom between b and c. */
static struct em_point curve(const struct em_point *a, const struct em_point *b,
                             const struct em_point *c, const struct em_point *d,
                             double t) {
  double u = t * t, v = u * t;
  double wa = -t + 2 * u - v, wb = 2 - 5 * u + 3 * v;
  double wc = t + 4 * u - 3 * v, wd = v - u;
  return (struct em_point){(wa * a->x + wb * b->x + wc * c->x + wd * d->x) / 2,
                           (wa * a->y + wb * b->y + wc * c->y + wd * d->y) / 2};
}

void em_paint_blob(const struct em_brush *brush, const struct em_point *points,
                   int count, struct em_fill fill) {
  struct outline outline = {.count = 0};
  count = count > EM_PAINT_POINTS ? EM_PAINT_POINTS : count;
  for (int i = 0; i < count; i++)
    for (int step = 0; step < STEPS; step++) {
      struct em_point at =
          curve(&points[(i + count - 1) % count], &points[i],
                &points[(i + 1) % count], &points[(i + 2) % count],
                (double)step / STEPS);
      outline.at[outline.count++] = place(brush, at);
    }
  paint(brush->image, &outline, &fill);
}

void em_paint_polygon(const struct em_brush *brush,
                      const struct em_point *points, int count,
                      struct em_fill fill) {
  struct outline outline = {.count = 0};
  for (int i = 0; i < count && i < EM_PAINT_POINTS; i++)
    outline.at[outline.count++] = place(brush, points[i]);
  paint(brush->image, &outline, &fill);
}

void em_paint_box(const struct em_brush *brush, double x, double y,
                  double width, double height, struct em_fill fill) {
  const struct em_point corners[] = {
      {x, y}, {x + width, y}, {x + width, y + height}, {x, y + height}};
  em_paint_polygon(brush, corners, 4, fill);
}

void em_paint_ellipse(const struct em_brush *brush, double x, double y,
                      double radius_x, double radius_y, struct em_fill fill) {
  enum { SIDES = 12 };
  struct em_point points[SIDES];
  for (int i = 0; i < SIDES; i++) {
    double angle = i * 6.283185307179586 / SIDES;
    points[i] =
        (struct em_point){x + radius_x * cos(angle), y + radius_y * sin(angle)};
  }
  em_paint_blob(brush, points, SIDES, fill);
}

static struct em_point open_curve(const struct em_point *points, int count,
                                  int piece, double t) {
  int before = piece > 0 ? piece - 1 : 0, after = piece + 1;
  int beyond = piece + 2 < count ? piece + 2 : count - 1;
  return curve(&points[before], &points[piece], &points[after], &points[beyond],
               t);
}

/* Steps a quarter of a piece to either side for the direction. */
static void line_sides(const struct em_point *points, int count, int step,
                       double half, struct em_point *left,
                       struct em_point *right) {
  int pieces = count - 1, last = pieces * STEPS;
  int from = step > 0 ? step - 1 : 0, to = step < last ? step + 1 : last;
  struct em_point spots[3];
  const int steps[3] = {from, step, to};
  for (int i = 0; i < 3; i++) {
    int piece = steps[i] < last ? steps[i] / STEPS : pieces - 1;
    spots[i] = open_curve(points, count, piece,
                          (double)(steps[i] - piece * STEPS) / STEPS);
  }
  double dx = spots[2].x - spots[0].x, dy = spots[2].y - spots[0].y;
  double length = sqrt(dx * dx + dy * dy);
  double nx = length > 0 ? dy / length * half : 0;
  double ny = length > 0 ? -dx / length * half : 0;
  *left = (struct em_point){spots[1].x + nx, spots[1].y + ny};
  *right = (struct em_point){spots[1].x - nx, spots[1].y - ny};
}

void em_paint_line(const struct em_brush *brush, const struct em_point *points,
                   int count, double width, double taper, int colour) {
  struct outline outline = {.count = 0};
  struct em_fill fill = em_flat(colour);
  count = count > EM_PAINT_POINTS ? EM_PAINT_POINTS : count;
  int last = (count - 1) * STEPS;
  outline.count = 2 * (last + 1);
  for (int step = 0; count > 1 && step <= last; step++) {
    double along = 2.0 * step / last - 1;
    double half = width / 2 * (1 - (1 - taper) * along * along);
    struct em_point left, right;
    line_sides(points, count, step, half, &left, &right);
    outline.at[step] = place(brush, left);
    outline.at[outline.count - 1 - step] = place(brush, right);
  }
  if (count > 1)
    paint(brush->image, &outline, &fill);
}

void em_paint_glow(const struct em_brush *brush, double x, double y,
                   double radius, int colour, double opacity) {
  gdImagePtr image = brush->image;
  struct em_point middle = place(brush, (struct em_point){x, y});
  double reach = radius * brush->scale;
  int left = middle.x > reach ? (int)(middle.x - reach) : 0;
  int top = middle.y > reach ? (int)(middle.y - reach) : 0;
  for (int py = top; py < image->sy && py < middle.y + reach; py++)
    for (int px = left; px < image->sx && px < middle.x + reach; px++) {
      double dx = px - middle.x, dy = py - middle.y;
      double near = 1 - (dx * dx + dy * dy) / (reach * reach);
      if (near > 0)
        image->tpixels[py][px] =
            em_mix(image->tpixels[py][px], colour,
                   (int)(near * near * near * opacity * 256));
    }
}
