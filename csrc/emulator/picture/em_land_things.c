#include "em_land_things.h"

#include "em_raster.h"

void em_land_stars(const struct em_brush *brush, double half,
                   struct em_random *random) {
  for (int i = 0; i < 90; i++) {
    double x = em_random_between(random, -half, half);
    double y = em_random_between(random, 0, 0.5);
    double size = em_random_between(random, 0.0010, 0.0032);
    em_paint_ellipse(brush, x, y, size, size,
                     em_clear(0xfffbe8, em_random_between(random, 0.4, 1)));
  }
}

void em_land_clouds(const struct em_brush *brush, double half, int colour,
                    struct em_random *random) {
  for (int i = 0; i < 4; i++) {
    double x = em_random_between(random, -half, half);
    double y = em_random_between(random, 0.08, 0.34), size = 0.10 + 0.02 * i;
    struct em_fill fill = em_flat(colour);
    em_paint_ellipse(brush, x, y, size * 1.5, size * 0.22, fill);
    em_paint_ellipse(brush, x - size * 0.4, y - size * 0.18, size * 0.6,
                     size * 0.28, fill);
    em_paint_ellipse(brush, x + size * 0.35, y - size * 0.26, size * 0.7,
                     size * 0.36, fill);
  }
}

void em_land_peaks(const struct em_brush *brush, double half, int rock,
                   int haze, struct em_random *random) {
  for (int i = 0; i < 5; i++) {
    double x = -half + 2 * half * (i + em_random_between(random, 0.2, 0.8)) / 5;
    double top = em_random_between(random, 0.20, 0.34), wide = 0.36;
    double cap = (0.60 - top) * 0.30, run = wide * 0.30;
    const struct em_point peak[] = {
        {x - wide, 0.60}, {x, top}, {x + wide, 0.60}};
    const struct em_point shade[] = {
        {x, top}, {x + wide, 0.60}, {x + wide * 0.2, 0.60}};
    const struct em_point snow[] = {{x, top},
                                    {x + run, top + cap},
                                    {x + run * 0.35, top + cap * 0.75},
                                    {x, top + cap * 1.15},
                                    {x - run * 0.4, top + cap * 0.7},
                                    {x - run, top + cap}};
    em_paint_polygon(brush, peak, 3, em_fade(rock, haze));
    em_paint_polygon(brush, shade, 3, em_clear(0x1a2038, 0.22));
    em_paint_polygon(brush, snow, 6, em_fade(0xffffff, 0xe2ebf4));
  }
}

static void draw_windows(const struct em_brush *brush, double x, double y,
                         double width, int lit, struct em_random *random) {
  for (double wy = y + 0.02; wy < 0.66; wy += 0.026)
    for (double wx = x + 0.012; wx < x + width - 0.012; wx += 0.022)
      if (em_random_below(random, 3))
        em_paint_box(brush, wx, wy, 0.010, 0.013,
                     lit ? em_flat(0xffd98a) : em_clear(0xe8f4fb, 0.55));
}

void em_land_city(const struct em_brush *brush, double half, int colour,
                  int lit, struct em_random *random) {
  for (double x = -half; x < half;) {
    double width = em_random_between(random, 0.06, 0.13);
    double top = em_random_between(random, 0.24, 0.50);
    int wall = em_mix(colour, 0x8090a8, em_random_below(random, 90));
    em_paint_box(brush, x, top, width, 0.72 - top,
                 em_fade(wall, em_mix(wall, 0x101828, 60)));
    if (em_random_below(random, 3) == 0)
      em_paint_box(brush, x + width / 2 - 0.003, top - 0.06, 0.006, 0.06,
                   em_flat(wall));
    draw_windows(brush, x, top, width, lit, random);
    x += width + em_random_between(random, -0.004, 0.012);
  }
}

void em_land_sea(const struct em_brush *brush, double half, int water,
                 int gleam, struct em_random *random) {
  em_paint_box(brush, -half, 0.60, 2 * half, 0.45,
               em_fade(em_mix(water, gleam, 120), water));
  for (int i = 0; i < 46; i++) {
    double y = 0.61 + 0.36 * i / 46, reach = 0.02 + (y - 0.6) * 0.30;
    double x = em_random_between(random, -half, half);
    const struct em_point wave[] = {
        {x - reach, y}, {x, y - 0.003}, {x + reach, y}};
    em_paint_line(brush, wave, 3, 0.004 + (y - 0.6) * 0.014, 0.1,
                  em_mix(water, gleam, 190));
  }
}

void em_land_flowers(const struct em_brush *brush, double half,
                     struct em_random *random) {
  static const int petals[] = {0xf25f6b, 0xffd24a, 0xffffff, 0xc777d8};
  for (int i = 0; i < 70; i++) {
    double x = em_random_between(random, -half, half);
    double y = em_random_between(random, 0.90, 1.0), size = (y - 0.8) * 0.05;
    em_paint_ellipse(brush, x, y, size, size,
                     em_flat(petals[em_random_below(random, 4)]));
    em_paint_ellipse(brush, x, y, size * 0.4, size * 0.4, em_flat(0xf0a020));
  }
}

void em_land_tree(const struct em_brush *brush, double x, double y, double size,
                  int leaf, int top) {
  em_paint_box(brush, x - size * 0.04, y - size * 0.35, size * 0.08,
               size * 0.35, em_fade(0x5a3c2a, 0x3a2619));
  for (int tier = 0; tier < 3; tier++) {
    double wide = size * (0.34 - 0.07 * tier),
           low = y - size * (0.2 + 0.23 * tier);
    const struct em_point crown[] = {
        {x - wide, low},        {x - wide * 0.35, low - size * 0.17},
        {x, low - size * 0.36}, {x + wide * 0.35, low - size * 0.17},
        {x + wide, low},        {x, low + size * 0.04}};
    em_paint_blob(
        brush, crown, 6,
        em_fade(em_mix(top, 0xfff0c0, 40), em_mix(leaf, 0x10202a, 60)));
  }
}

static void draw_window(const struct em_brush *brush, double x, double y,
                        int lit) {
  int glass = lit ? 0xffd886 : 0x9fcbe0;
  em_paint_box(brush, x, y, 0.18, 0.18, em_flat(0xfff8ea));
  em_paint_box(brush, x + 0.02, y + 0.02, 0.065, 0.14,
               em_fade(glass, em_mix(glass, 0xffffff, 90)));
  em_paint_box(brush, x + 0.095, y + 0.02, 0.065, 0.14,
               em_fade(glass, em_mix(glass, 0xffffff, 90)));
}

void em_land_house(const struct em_brush *brush, double x, double y,
                   double size, int lit) {
  struct em_brush own = em_brush_at(brush, x, y, size);
  static const struct em_point roof[] = {
      {-0.70, -0.52}, {-0.42, -0.98}, {0.42, -0.98}, {0.70, -0.52}};
  em_paint_box(&own, 0.18, -1.16, 0.14, 0.30, em_fade(0xa85a44, 0x7a3c30));
  em_paint_box(&own, -0.58, -0.54, 1.16, 0.56, em_fade(0xfdf1dc, 0xd9c4a2));
  em_paint_polygon(&own, roof, 4, em_fade(0xd0624a, 0x9a3c30));
  em_paint_box(&own, -0.10, -0.36, 0.20, 0.38, em_fade(0x4a6f8a, 0x2f4d63));
  em_paint_ellipse(&own, 0.06, -0.17, 0.014, 0.014, em_flat(0xf0cf80));
  draw_window(&own, -0.45, -0.38, lit);
  draw_window(&own, 0.27, -0.38, lit);
  if (lit)
    em_paint_glow(&own, 0, -0.25, 1.0, 0xffc060, 0.35);
}

void em_land_boat(const struct em_brush *brush, double x, double y) {
  struct em_brush own = em_brush_at(brush, x, y, 0.11);
  static const struct em_point hull[] = {
      {-0.60, -0.12}, {0.62, -0.12}, {0.40, 0.14}, {-0.42, 0.14}};
  static const struct em_point main_sail[] = {
      {0.02, -1.05}, {0.02, -0.18}, {0.52, -0.18}};
  static const struct em_point jib[] = {
      {-0.03, -0.95}, {-0.03, -0.18}, {-0.42, -0.18}};
  em_paint_polygon(&own, hull, 4, em_fade(0xb5523c, 0x7a2f28));
  em_paint_polygon(&own, main_sail, 3, em_fade(0xffffff, 0xe6e0d2));
  em_paint_polygon(&own, jib, 3, em_fade(0xfff4de, 0xe8d0b0));
}
