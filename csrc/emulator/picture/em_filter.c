#include "em_filter.h"

#include "em_raster.h"

#include <stdint.h>
#include <stdlib.h>

/* Sobel's operator on lightness, 0..255. */
static int edge_at(gdImagePtr light, int x, int y) {
  const int *up = light->tpixels[y - 1] + x, *at = light->tpixels[y] + x;
  const int *down = light->tpixels[y + 1] + x;
  int across = up[1] + 2 * at[1] + down[1] - up[-1] - 2 * at[-1] - down[-1];
  int along = down[-1] + 2 * down[0] + down[1] - up[-1] - 2 * up[0] - up[1];
  int edge = (abs(across) + abs(along)) / 3;
  return edge > 255 ? 255 : edge;
}

/* Lightness alone, as plain numbers instead of pixels. */
static gdImagePtr lightness(gdImagePtr image, int blur) {
  gdImagePtr light = em_raster_clone(image);
  if (!light)
    return NULL;
  if (blur > 0 && em_raster_blur(light, blur) != 0) {
    gdImageDestroy(light);
    return NULL;
  }
  for (int y = 0; y < light->sy; y++)
    for (int x = 0; x < light->sx; x++)
      light->tpixels[y][x] = em_luma(light->tpixels[y][x]);
  return light;
}

int em_filter_ink(gdImagePtr image, int strength) {
  gdImagePtr light = strength > 0 ? lightness(image, 2) : NULL;
  if (!light)
    return strength > 0 ? -1 : 0;
  for (int y = 1; y < image->sy - 1; y++)
    for (int x = 1; x < image->sx - 1; x++) {
      int ink = (edge_at(light, x, y) - 18) * strength * 6 / 256;
      if (ink > 0)
        image->tpixels[y][x] =
            em_mix(image->tpixels[y][x], 0x140f18, ink > 240 ? 240 : ink);
    }
  gdImageDestroy(light);
  return 0;
}

int em_filter_focus(gdImagePtr image, int radius) {
  gdImagePtr soft = radius > 0 ? em_raster_clone(image) : NULL;
  if (!soft || em_raster_blur(soft, radius) != 0) {
    if (soft)
      gdImageDestroy(soft);
    return radius > 0 ? -1 : 0;
  }
  for (int y = 0; y < image->sy; y++)
    for (int x = 0; x < image->sx; x++) {
      double dx = (x - image->sx * 0.5) / (image->sx * 0.34);
      double dy = (y - image->sy * 0.52) / (image->sy * 0.46);
      int share = (int)((dx * dx + dy * dy - 0.55) * 400);
      if (share > 0)
        image->tpixels[y][x] = em_mix(image->tpixels[y][x], soft->tpixels[y][x],
                                      share > 256 ? 256 : share);
    }
  gdImageDestroy(soft);
  return 0;
}

/* Lighter than its surroundings is paper, darker is graphite. */
static int pencil_tone(int value, int around, int strength) {
  int drawn = around > 0 ? value * 255 / around : 255;
  int tone = drawn > 255 ? 255 : drawn;
  return em_clamp(255 - (255 - tone) * strength / 100 - (255 - value) / 7);
}

int em_filter_pencil(gdImagePtr image, int strength, struct em_random *random) {
  gdImagePtr light = strength > 0 ? lightness(image, 0) : NULL;
  gdImagePtr around = strength > 0 ? lightness(image, 12) : NULL;
  int result = strength > 0 && (!light || !around) ? -1 : 0;
  for (int y = 0; light && around && y < image->sy; y++)
    for (int x = 0; x < image->sx; x++) {
      int value = light->tpixels[y][x];
      int tone = pencil_tone(value, around->tpixels[y][x], strength);
      int tooth = (int)(em_random_next(random) >> 28);
      int hatched = value < 110 && (x + y) % 7 < 2 ? 40 : 0;
      tone = em_clamp(tone - hatched - tooth);
      image->tpixels[y][x] =
          em_rgb(tone, em_clamp(tone - 3), em_clamp(tone - 12));
    }
  if (light)
    gdImageDestroy(light);
  if (around)
    gdImageDestroy(around);
  return result;
}

static int add_light(int pixel, int colour, int share) {
  return em_rgb(em_clamp(em_red(pixel) + (em_red(colour) * share >> 8)),
                em_clamp(em_green(pixel) + (em_green(colour) * share >> 8)),
                em_clamp(em_blue(pixel) + (em_blue(colour) * share >> 8)));
}

static void draw_tubes(gdImagePtr tubes, gdImagePtr light) {
  for (int y = 0; y < tubes->sy; y++)
    for (int x = 0; x < tubes->sx; x++) {
      int inside = x > 0 && y > 0 && x < tubes->sx - 1 && y < tubes->sy - 1;
      int edge = inside ? edge_at(light, x, y) - 16 : 0;
      int share = edge > 0 ? edge * 4 : 0;
      int hue = em_mix(0x18e8ff, 0xff2aa8, 256 * x / tubes->sx);
      tubes->tpixels[y][x] = em_mix(0, hue, share > 256 ? 256 : share);
    }
}

int em_filter_neon(gdImagePtr image, int strength) {
  gdImagePtr light = strength > 0 ? lightness(image, 3) : NULL;
  gdImagePtr tubes = strength > 0 ? em_raster_clone(image) : NULL;
  int result = strength > 0 ? -1 : 0;
  if (light && tubes) {
    draw_tubes(tubes, light);
    for (int y = 0; y < image->sy; y++)
      for (int x = 0; x < image->sx; x++)
        image->tpixels[y][x] =
            add_light(image->tpixels[y][x], tubes->tpixels[y][x], 230);
    result = em_raster_blur(tubes, 14);
    for (int y = 0; y < image->sy; y++)
      for (int x = 0; x < image->sx; x++)
        image->tpixels[y][x] =
            add_light(image->tpixels[y][x], tubes->tpixels[y][x], strength * 4);
  }
  if (light)
    gdImageDestroy(light);
  if (tubes)
    gdImageDestroy(tubes);
  return result;
}

int em_filter_bloom(gdImagePtr image, int strength) {
  gdImagePtr soft = strength > 0 ? em_raster_clone(image) : NULL;
  if (!soft || em_raster_blur(soft, 22) != 0) {
    if (soft)
      gdImageDestroy(soft);
    return strength > 0 ? -1 : 0;
  }
  for (int y = 0; y < image->sy; y++)
    for (int x = 0; x < image->sx; x++) {
      int light = em_luma(soft->tpixels[y][x]) - 110;
      if (light > 0)
        image->tpixels[y][x] = add_light(
            image->tpixels[y][x], soft->tpixels[y][x], light * strength / 100);
    }
  gdImageDestroy(soft);
  return 0;
}
