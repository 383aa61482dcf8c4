#include "em_land.h"

#include "em_land_things.h"
#include "em_raster.h"

#include <math.h>

/* Colours by the hour: sky from top to horizon, light, far and near ground. */
struct hour {
  int zenith, horizon, light, far, near;
};

static struct hour choose_hour(unsigned features) {
  static const struct hour day = {0x4f9fdc, 0xdff1f4, 0xfff3c4, 0x8fb7b0,
                                  0x4c8a4a};
  static const struct hour dusk = {0x4a4a8c, 0xffb27a, 0xffdf9a, 0x9a7a9c,
                                   0x4d5a52};
  static const struct hour night = {0x0c1436, 0x35508a, 0xf4f1dc, 0x2c3f6c,
                                    0x14283a};
  struct hour hour = features & EM_LAND_NIGHT  ? night
                     : features & EM_LAND_DUSK ? dusk
                                               : day;
  int bright = features & EM_LAND_NIGHT ? 60 : 210;
  if (features & EM_LAND_SNOW) {
    hour.near = em_mix(hour.near, 0xf4f8fc, bright);
    hour.far = em_mix(hour.far, 0xe4edf6, bright * 2 / 3);
  } else if (features & EM_LAND_DESERT) {
    hour.near = em_mix(hour.near, 0xe8b470, bright);
    hour.far = em_mix(hour.far, 0xd08a60, bright);
  } else if (features & EM_LAND_AUTUMN) {
    hour.near = em_mix(hour.near, 0xb9783a, bright * 3 / 4);
    hour.far = em_mix(hour.far, 0xb98a5a, bright / 2);
  }
  return hour;
}

static double half_width(const struct em_brush *brush) {
  return brush->image->sx / brush->scale / 2;
}

static void draw_sky(const struct em_brush *brush, unsigned features,
                     const struct hour *hour, struct em_random *random) {
  double half = half_width(brush);
  double x = em_random_between(random, -0.6, 0.6) * half;
  double y =
      features & EM_LAND_DUSK ? 0.40 : em_random_between(random, 0.14, 0.24);
  em_paint_box(brush, -half, 0, 2 * half, 0.62,
               em_fade(hour->zenith, hour->horizon));
  if (features & EM_LAND_NIGHT)
    em_land_stars(brush, half, random);
  em_paint_glow(brush, x, y, 0.55, hour->light, 0.75);
  em_paint_ellipse(brush, x, y, 0.075, 0.075, em_flat(hour->light));
  if (features & EM_LAND_NIGHT)
    em_paint_ellipse(brush, x + 0.03, y - 0.012, 0.062, 0.062,
                     em_flat(em_mix(hour->zenith, hour->light, 60)));
  if (features & EM_LAND_CLOUDS)
    em_land_clouds(brush, half, em_mix(hour->horizon, hour->light, 160),
                   random);
}

/* A ridge is a sum of three sines, filled down to the lower edge. */
static void draw_ridge(const struct em_brush *brush, double y, double height,
                       struct em_fill fill, struct em_random *random) {
  enum { POINTS = 40 };
  struct em_point ridge[POINTS + 2];
  double half = half_width(brush) + 0.05, phase[3], pace[3];
  for (int i = 0; i < 3; i++) {
    phase[i] = em_random_between(random, 0, 6.28);
    pace[i] = em_random_between(random, 2.2, 3.4) * (i + 1);
  }
  for (int i = 0; i < POINTS; i++) {
    double x = -half + 2 * half * i / (POINTS - 1), rise = 0;
    for (int k = 0; k < 3; k++)
      rise += sin(phase[k] + x * pace[k]) / (k + 1.6);
    ridge[i] = (struct em_point){x, y - height * (0.5 + rise * 0.5)};
  }
  ridge[POINTS] = (struct em_point){half, 1.1};
  ridge[POINTS + 1] = (struct em_point){-half, 1.1};
  em_paint_polygon(brush, ridge, POINTS + 2, fill);
}

static void draw_distance(const struct em_brush *brush, unsigned features,
                          const struct hour *hour, struct em_random *random) {
  int haze = em_mix(hour->far, hour->horizon, 130);
  if (features & EM_LAND_PEAKS)
    em_land_peaks(
        brush, half_width(brush),
        em_mix(hour->far, features & EM_LAND_NIGHT ? 0x6a7cb8 : 0x3a4668, 100),
        hour->horizon, random);
  draw_ridge(brush, 0.56, 0.14, em_fade(haze, hour->far), random);
  if (features & EM_LAND_CITY)
    em_land_city(brush, half_width(brush), em_mix(hour->far, 0x2c3352, 130),
                 features & EM_LAND_NIGHT || features & EM_LAND_DUSK, random);
  else
    draw_ridge(brush, 0.60, 0.10,
               em_fade(hour->far, em_mix(hour->far, hour->near, 160)), random);
}

static void draw_trees(const struct em_brush *brush, unsigned features,
                       const struct hour *hour, struct em_random *random) {
  static const int autumn[] = {0xd9702c, 0xc23b2a, 0xe6a534, 0x8e3f26};
  double half = half_width(brush);
  int sea = (features & EM_LAND_SEA) != 0;
  double first = sea ? 0.88 : 0.70, apart = sea ? 0.008 : 0.022;
  for (int i = 0; i < 9; i++) {
    double x = em_random_between(random, -1, 1) * half;
    double y = first + i * apart, size = 0.14 + i * 0.014;
    int leaf = features & EM_LAND_AUTUMN ? autumn[em_random_below(random, 4)]
                                         : em_mix(0x2f6b46, hour->near, 60);
    if (features & EM_LAND_NIGHT)
      leaf = em_mix(leaf, 0x0d1a30, 150);
    if (fabs(x) > 0.25 * half)
      em_land_tree(brush, x, y, size, leaf,
                   features & EM_LAND_SNOW ? 0xf2f7fb : leaf);
  }
}

static void draw_foreground(const struct em_brush *brush, unsigned features,
                            const struct hour *hour, struct em_random *random) {
  double half = half_width(brush);
  int near = hour->near, shade = em_mix(near, 0x10202a, 90);
  if (features & EM_LAND_SEA)
    em_land_sea(brush, half, em_mix(0x2f86a8, hour->zenith, 110),
                em_mix(hour->horizon, hour->light, 120), random);
  if (features & EM_LAND_BOAT)
    em_land_boat(brush, -0.30 * half, 0.70);
  draw_ridge(brush, features & EM_LAND_SEA ? 0.90 : 0.74, 0.10,
             em_fade(near, shade), random);
  if (features & EM_LAND_TREES)
    draw_trees(brush, features, hour, random);
  draw_ridge(brush, features & EM_LAND_SEA ? 1.0 : 0.92, 0.10,
             em_fade(em_mix(near, 0xfff0b0, 30), shade), random);
  if (features & EM_LAND_HOUSE)
    em_land_house(brush, 0.36 * half, 0.86, 0.24,
                  (features & EM_LAND_NIGHT) != 0);
  if (features & EM_LAND_FLOWERS)
    em_land_flowers(brush, half, random);
}

void em_land_draw(const struct em_brush *brush, unsigned features,
                  struct em_random *random) {
  struct hour hour = choose_hour(features);
  draw_sky(brush, features, &hour, random);
  draw_distance(brush, features, &hour, random);
  draw_foreground(brush, features, &hour, random);
}
