/* A brush for flat illustrations: smooth closed shapes with soft gradients,
 * antialiased by exact coverage, on a truecolor raster.
 *
 * Coordinates are the scene's own, doubles; a brush maps them to pixels
 * (pixel = origin + scale * coordinate). So a head is written once and drawn
 * large in a portrait and small on a standing figure. Shapes have at most
 * EM_PAINT_POINTS points: more are ignored. */
#ifndef EM_PAINT_H
#define EM_PAINT_H

#include <gd.h>

enum { EM_PAINT_POINTS = 64 };

struct em_brush {
  gdImagePtr image;
  double x, y, scale;
};

struct em_point {
  double x, y;
};

/* From `top` to `bottom` down the shape (or from left to right), laid on with
 * `opacity` 0..1. */
struct em_fill {
  int top, bottom;
  double opacity;
  int sideways;
};

static inline struct em_fill em_flat(int colour) {
  return (struct em_fill){colour, colour, 1, 0};
}

static inline struct em_fill em_fade(int top, int bottom) {
  return (struct em_fill){top, bottom, 1, 0};
}

static inline struct em_fill em_clear(int colour, double opacity) {
  return (struct em_fill){colour, colour, opacity, 0};
}

/* A brush within a brush: its origin at x, y, its unit `scale` of the outer. */
struct em_brush em_brush_at(const struct em_brush *brush, double x, double y,
                            double scale);

/* A smooth closed curve through the points. */
void em_paint_blob(const struct em_brush *brush, const struct em_point *points,
                   int count, struct em_fill fill);

/* The same with straight sides. */
void em_paint_polygon(const struct em_brush *brush,
                      const struct em_point *points, int count,
                      struct em_fill fill);

void em_paint_box(const struct em_brush *brush, double x, double y,
                  double width, double height, struct em_fill fill);

void em_paint_ellipse(const struct em_brush *brush, double x, double y,
                      double radius_x, double radius_y, struct em_fill fill);

/* A smooth line through the points, as wide as `width` in the middle and
 * `taper` (0..1) times that at its ends. */
void em_paint_line(const struct em_brush *brush, const struct em_point *points,
                   int count, double width, double taper, int colour);

/* A soft light. */
void em_paint_glow(const struct em_brush *brush, double x, double y,
                   double radius, int colour, double opacity);

#endif
