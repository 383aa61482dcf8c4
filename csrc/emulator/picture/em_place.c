#include "em_place.h"

#include "em_raster.h"

static double half_width(const struct em_brush *brush) {
  return brush->image->sx / brush->scale / 2;
}

static void draw_window(const struct em_brush *brush, double x, double y) {
  struct em_brush own = em_brush_at(brush, x, y, 0.36);
  static const struct em_point hills[] = {
      {0.04, 0.74}, {0.22, 0.56}, {0.40, 0.66}, {0.60, 0.52},
      {0.76, 0.66}, {0.76, 0.94}, {0.04, 0.94}};
  em_paint_box(&own, 0, 0, 0.8, 1, em_fade(0xfffaf0, 0xeadfc8));
  em_paint_box(&own, 0.05, 0.05, 0.7, 0.9, em_fade(0x8cc8ec, 0xf2f4e0));
  em_paint_ellipse(&own, 0.56, 0.24, 0.08, 0.08, em_flat(0xfff2b0));
  em_paint_blob(&own, hills, 7, em_fade(0x86b98a, 0x4a8a62));
  em_paint_box(&own, 0.385, 0, 0.03, 1, em_flat(0xf4ead6));
  em_paint_box(&own, 0, 0.46, 0.8, 0.03, em_flat(0xf4ead6));
  em_paint_box(&own, -0.05, 1, 0.9, 0.05, em_fade(0xfffaf0, 0xd8c8a8));
  em_paint_box(&own, 0, 0.95, 0.8, 0.05, em_flat(0xe8dcc2));
}

static void draw_plant(const struct em_brush *brush, double x, double y) {
  struct em_brush own = em_brush_at(brush, x, y, 0.30);
  static const struct em_point pot[] = {
      {-0.17, -0.32}, {0.17, -0.32}, {0.12, 0.0}, {-0.12, 0.0}};
  for (int i = -2; i <= 2; i++) {
    double lean = i * 0.12, rise = -0.98 + 0.09 * i * i;
    const struct em_point leaf[] = {{lean * 0.1, -0.32},
                                    {lean * 0.9 - 0.06, (rise - 0.32) / 2},
                                    {lean * 2.0, rise},
                                    {lean * 1.3 + 0.07, (rise - 0.32) / 2}};
    em_paint_blob(&own, leaf, 4,
                  em_fade(i % 2 ? 0x4fa06a : 0x6fbf7c, 0x2a6a4a));
  }
  em_paint_polygon(&own, pot, 4, em_fade(0xd9825a, 0xa0523a));
}

static void draw_shelf(const struct em_brush *brush, double x, double y,
                       struct em_random *random) {
  static const int spines[] = {0xb5473c, 0x3f6f8f, 0xe0b24a,
                               0x5a7f5a, 0x8a5a86, 0xe8dcc6};
  em_paint_box(brush, x, y, 0.30, 0.016, em_fade(0x9a6a44, 0x6a4228));
  for (double at = x + 0.012; at < x + 0.24;) {
    double wide = em_random_between(random, 0.016, 0.030);
    double high = em_random_between(random, 0.085, 0.125);
    int spine = spines[em_random_below(random, 6)];
    em_paint_box(brush, at, y - high, wide, high,
                 em_fade(spine, em_mix(spine, 0x201820, 60)));
    em_paint_box(brush, at, y - high * 0.8, wide, 0.006, em_flat(0xf4e6b8));
    at += wide + 0.002;
  }
  em_paint_ellipse(brush, x + 0.27, y - 0.024, 0.024, 0.026,
                   em_fade(0x8fc4c0, 0x4a8a8c));
}

static void draw_frame(const struct em_brush *brush, double x, double y) {
  static const struct em_point dune[] = {{0.02, 0.12}, {0.07, 0.075},
                                         {0.13, 0.10}, {0.16, 0.075},
                                         {0.16, 0.15}, {0.02, 0.15}};
  struct em_brush own = em_brush_at(brush, x, y, 1);
  em_paint_box(&own, 0, 0, 0.18, 0.17, em_fade(0x7a5236, 0x4f321f));
  em_paint_box(&own, 0.016, 0.016, 0.148, 0.138, em_fade(0xf6c9a0, 0xf0e0c4));
  em_paint_ellipse(&own, 0.10, 0.06, 0.022, 0.022, em_flat(0xe0604a));
  em_paint_polygon(&own, dune, 6, em_fade(0x8a6a9a, 0x4a4a7a));
}

static void draw_lamp(const struct em_brush *brush, double x, double y) {
  const struct em_point shade[] = {{x - 0.05, y},
                                   {x + 0.05, y},
                                   {x + 0.085, y + 0.11},
                                   {x - 0.085, y + 0.11}};
  em_paint_box(brush, x - 0.005, y + 0.10, 0.010, 0.9 - y, em_flat(0x5a4632));
  em_paint_glow(brush, x, y + 0.08, 0.30, 0xffe2a0, 0.55);
  em_paint_polygon(brush, shade, 4, em_fade(0xfff0c8, 0xf2c878));
}

void em_place_room(const struct em_brush *brush, struct em_random *random) {
  double half = half_width(brush);
  static const int walls[] = {0xe6c8a4, 0xc4d0c0, 0xd8c0c8, 0xb8c8d8};
  int wall = walls[em_random_below(random, 4)];
  em_paint_box(brush, -half, 0, 2 * half, 0.80,
               em_fade(em_mix(wall, 0xffffff, 60), em_mix(wall, 0x604838, 40)));
  em_paint_box(brush, -half, 0.78, 2 * half, 0.03, em_flat(0xf6eee0));
  em_paint_box(brush, -half, 0.81, 2 * half, 0.19, em_fade(0xa8744a, 0x6a4228));
  for (int i = 1; i < 4; i++)
    em_paint_box(brush, -half, 0.81 + i * 0.045, 2 * half, 0.003,
                 em_clear(0x3a2418, 0.5));
  draw_window(brush, -half + 0.035, 0.08);
  draw_shelf(brush, half - 0.33, 0.24, random);
  draw_frame(brush, half - 0.26, 0.33);
  draw_lamp(brush, half - 0.11, 0.52);
  draw_plant(brush, -half + 0.13, 0.90);
}

static void draw_facade(const struct em_brush *brush, double x, double width,
                        double top, int wall) {
  em_paint_box(brush, x, top, width, 0.80 - top,
               em_fade(em_mix(wall, 0xffffff, 50), em_mix(wall, 0x403040, 50)));
  em_paint_box(brush, x - 0.008, top - 0.018, width + 0.016, 0.026,
               em_flat(em_mix(wall, 0x302028, 110)));
  for (double y = top + 0.05; y < 0.56; y += 0.12)
    for (double wx = x + 0.035; wx < x + width - 0.06; wx += 0.10) {
      em_paint_box(brush, wx - 0.006, y - 0.006, 0.062, 0.086,
                   em_flat(0xfdf6e8));
      em_paint_box(brush, wx, y, 0.050, 0.074, em_fade(0x5f8aa8, 0xbcdcec));
    }
  em_paint_box(brush, x + width * 0.12, 0.62, width * 0.76, 0.18,
               em_fade(0x35506a, 0x7aa0b4));
}

static void draw_awning(const struct em_brush *brush, double x, double width,
                        int colour) {
  for (int i = 0; i < 6; i++)
    em_paint_box(brush, x + width * i / 6, 0.60, width / 6 + 0.001, 0.05,
                 em_flat(i % 2 ? 0xfff6e8 : colour));
}

static void draw_street_lamp(const struct em_brush *brush, double x) {
  em_paint_box(brush, x - 0.006, 0.34, 0.012, 0.50, em_flat(0x2c3440));
  em_paint_ellipse(brush, x, 0.33, 0.026, 0.036, em_fade(0xfff6d8, 0xf2d48a));
  em_paint_box(brush, x - 0.02, 0.285, 0.04, 0.012, em_flat(0x2c3440));
}

void em_place_street(const struct em_brush *brush, struct em_random *random) {
  static const int walls[] = {0xd98f6a, 0x8fb0b8, 0xe8c88a, 0xb08a9a, 0xa8b88a};
  static const int cloths[] = {0xc0473c, 0x3f7a5a, 0x3f5f9a};
  double half = half_width(brush);
  int first = em_random_below(random, 5);
  em_paint_box(brush, -half, 0, 2 * half, 0.6, em_fade(0x7fbce6, 0xf4efdc));
  double x = -half - 0.02;
  for (int i = 0; x < half; i++) {
    double width = em_random_between(random, 0.24, 0.32);
    draw_facade(brush, x, width, em_random_between(random, 0.06, 0.24),
                walls[(first + i) % 5]);
    draw_awning(brush, x + width * 0.08, width * 0.84, cloths[i % 3]);
    x += width;
  }
  em_paint_box(brush, -half, 0.79, 2 * half, 0.21, em_fade(0xcfc6b8, 0x9a9084));
  em_paint_box(brush, -half, 0.79, 2 * half, 0.012, em_flat(0x8a8278));
  draw_street_lamp(brush, -half + 0.09);
  draw_street_lamp(brush, half - 0.09);
}
