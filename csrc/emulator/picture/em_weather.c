#include "em_weather.h"

#include "em_paint.h"
#include "em_raster.h"

/* The picture as a brush: unit its height, origin its upper left corner. */
static struct em_brush whole(gdImagePtr image) {
  return (struct em_brush){image, 0, 0, image->sy};
}

static double wide(gdImagePtr image) { return (double)image->sx / image->sy; }

static void draw_rain(gdImagePtr image, struct em_random *random) {
  struct em_brush brush = whole(image);
  for (int i = 0; i < 420; i++) {
    double x = em_random_between(random, -0.1, wide(image));
    double y = em_random_between(random, -0.1, 1);
    double length = em_random_between(random, 0.02, 0.07);
    const struct em_point streak[] = {{x, y},
                                      {x + length * 0.18 + 0.0022, y + length},
                                      {x + length * 0.18, y + length}};
    em_paint_polygon(&brush, streak, 3, em_clear(0xdfeaf6, 0.55));
  }
}

static void draw_snow(gdImagePtr image, struct em_random *random) {
  struct em_brush brush = whole(image);
  for (int i = 0; i < 380; i++) {
    double near = em_random_between(random, 0, 1);
    double size = 0.0018 + 0.0085 * near * near * near;
    double x = em_random_between(random, 0, wide(image));
    double y = em_random_between(random, 0, 1);
    em_paint_ellipse(&brush, x, y, size, size, em_clear(0xffffff, 0.85));
  }
}

/* One petal or leaf, turned. */
static void draw_leaf(const struct em_brush *brush, double x, double y,
                      double size, int colour, struct em_random *random) {
  double dx = em_random_between(random, -1, 1) * size;
  double dy = em_random_between(random, -1, 1) * size;
  const struct em_point leaf[] = {{x - dx, y - dy},
                                  {x + dy * 0.45, y - dx * 0.45},
                                  {x + dx, y + dy},
                                  {x - dy * 0.45, y + dx * 0.45}};
  em_paint_blob(brush, leaf, 4, em_clear(colour, 0.9));
}

static void draw_leaves(gdImagePtr image, const int *colours,
                        struct em_random *random) {
  struct em_brush brush = whole(image);
  for (int i = 0; i < 90; i++) {
    double x = em_random_between(random, 0, wide(image));
    double y = em_random_between(random, 0, 1);
    double size = em_random_between(random, 0.008, 0.026);
    draw_leaf(&brush, x, y, size, colours[em_random_below(random, 4)], random);
  }
}

static void draw_bokeh(gdImagePtr image, struct em_random *random) {
  static const int lights[] = {0xffe2a0, 0xffb878, 0xfff2d8, 0xa8d8ff,
                               0xffa0b8};
  struct em_brush brush = whole(image);
  for (int i = 0; i < 46; i++) {
    double x = em_random_between(random, 0, 1),
           y = em_random_between(random, 0, 1);
    double dx = (x - 0.5) / 0.30, dy = (y - 0.58) / 0.46;
    double size = em_random_between(random, 0.018, 0.055);
    int light = lights[em_random_below(random, 5)];
    if (dx * dx + dy * dy < 1)
      continue;
    em_paint_ellipse(&brush, x * wide(image), y, size, size,
                     em_clear(light, 0.26));
    em_paint_ellipse(&brush, x * wide(image), y, size * 0.88, size * 0.88,
                     em_clear(light, 0.24));
  }
}

static void draw_stars(gdImagePtr image, struct em_random *random) {
  struct em_brush brush = whole(image);
  double moon = em_random_between(random, 0.12, 0.88) * wide(image);
  for (int i = 0; i < 130; i++) {
    double x = em_random_between(random, 0, wide(image));
    double y = em_random_between(random, 0, 0.42);
    double size = em_random_between(random, 0.0010, 0.0030);
    em_paint_ellipse(&brush, x, y, size, size, em_clear(0xfffbe6, 0.85));
  }
  em_paint_glow(&brush, moon, 0.10, 0.30, 0xcfdcff, 0.45);
  em_paint_ellipse(&brush, moon, 0.10, 0.036, 0.036, em_flat(0xf7f4e2));
}

static void draw_rays(gdImagePtr image, struct em_random *random) {
  struct em_brush brush = whole(image);
  double x = em_random_between(random, 0.05, 0.95) * wide(image);
  em_paint_glow(&brush, x, -0.02, 0.62, 0xfff0b8, 0.50);
  for (int i = 0; i < 9; i++) {
    double to = em_random_between(random, -0.3, 1.3) * wide(image);
    double thick = em_random_between(random, 0.03, 0.09);
    const struct em_point ray[] = {{x - 0.01, -0.05},
                                   {x + 0.01, -0.05},
                                   {to + thick, 1.1},
                                   {to - thick, 1.1}};
    em_paint_polygon(&brush, ray, 4, em_clear(0xfff4c8, 0.10));
  }
}

static void draw_fog(gdImagePtr image, struct em_random *random) {
  struct em_brush brush = whole(image);
  for (int i = 0; i < 14; i++) {
    double x = em_random_between(random, 0, wide(image));
    double y = em_random_between(random, 0.2, 1);
    em_paint_glow(&brush, x, y, em_random_between(random, 0.25, 0.5), 0xe8eef2,
                  0.27);
  }
}

static void draw_dust(gdImagePtr image, struct em_random *random) {
  struct em_brush brush = whole(image);
  for (int i = 0; i < 26; i++) {
    double x = em_random_between(random, 0, wide(image));
    double y = em_random_between(random, 0, 1);
    double bend = em_random_between(random, -0.02, 0.02);
    double length = em_random_between(random, 0.01, 0.10);
    const struct em_point scratch[] = {
        {x, y}, {x + bend, y + length / 2}, {x, y + length}};
    em_paint_line(&brush, scratch, 3, 0.0014, 0.3, 0xf2e6cc);
  }
}

/* How far the margin reaches in; a wavering depth makes it torn. */
static void draw_margin(gdImagePtr image, int colour, int torn,
                        struct em_random *random) {
  int depth = image->sy / (torn ? 26 : 34), wander = 0;
  int width = image->sx, height = image->sy;
  for (int i = 0; i < 2 * (width + height); i++) {
    int reach, along = i % (width + height);
    wander += torn ? em_random_below(random, 3) - 1 : 0;
    wander = wander > depth / 2    ? depth / 2
             : wander < -depth / 2 ? -depth / 2
                                   : wander;
    reach = depth + wander;
    for (int k = 0; k < reach; k++) {
      int x = along < width ? along : i < width + height ? k : width - 1 - k;
      int y = along >= width       ? along - width
              : i < width + height ? k
                                   : height - 1 - k;
      image->tpixels[y][x] = em_mix(image->tpixels[y][x], colour,
                                    torn && k > reach - 4 ? 120 : 256);
    }
  }
}

static void draw_dots(gdImagePtr image) {
  enum { CELL = 8 };
  for (int y = 0; y < image->sy; y++)
    for (int x = 0; x < image->sx; x++) {
      int dx = (x + y) % CELL - CELL / 2,
          dy = (x - y + 65536) % CELL - CELL / 2;
      int pixel = image->tpixels[y][x];
      int dark = (255 - em_luma(pixel)) * CELL * CELL / 4 / 255;
      if (dx * dx + dy * dy < dark)
        image->tpixels[y][x] = em_mix(pixel, 0x1a1230, 90);
    }
}

void em_weather_draw(gdImagePtr image, unsigned weather,
                     struct em_random *random) {
  static const int leaves[] = {0xd9702c, 0xc23b2a, 0xe6a534, 0x9a4a26};
  static const int petals[] = {0xffc8d8, 0xffe4ec, 0xf7a8c0, 0xffffff};
  if (weather & EM_WEATHER_FOG)
    draw_fog(image, random);
  if (weather & EM_WEATHER_STARS)
    draw_stars(image, random);
  if (weather & EM_WEATHER_RAYS)
    draw_rays(image, random);
  if (weather & EM_WEATHER_BOKEH)
    draw_bokeh(image, random);
  if (weather & EM_WEATHER_RAIN)
    draw_rain(image, random);
  if (weather & EM_WEATHER_SNOW)
    draw_snow(image, random);
  if (weather & EM_WEATHER_LEAVES)
    draw_leaves(image, leaves, random);
  if (weather & EM_WEATHER_PETALS)
    draw_leaves(image, petals, random);
  if (weather & EM_WEATHER_DUST)
    draw_dust(image, random);
  if (weather & EM_WEATHER_DOTS)
    draw_dots(image);
  if (weather & (EM_WEATHER_PAPER | EM_WEATHER_FRAME))
    draw_margin(image, 0xfbf6ea, (weather & EM_WEATHER_PAPER) != 0, random);
}

void em_weather_light(gdImagePtr image, struct em_random *random) {
  static const int lights[] = {0xffd890, 0xff9a70, 0x90c8ff,
                               0xc8a0ff, 0x90f0d0, 0xffa8c8};
  struct em_brush brush = whole(image);
  int side = em_random_below(random, 4);
  double along = em_random_between(random, 0.1, 0.9);
  double x = side == 0 ? 0 : side == 1 ? 1 : along;
  double y = side == 2 ? 0 : side == 3 ? 1 : along;
  em_paint_glow(&brush, x * wide(image), y,
                em_random_between(random, 0.45, 0.70),
                lights[em_random_below(random, 6)],
                em_random_between(random, 0.35, 0.55));
}
