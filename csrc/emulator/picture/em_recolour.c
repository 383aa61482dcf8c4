#include "em_recolour.h"

#include "em_raster.h"
#include "em_words.h"

#include <stddef.h>
#include <stdlib.h>

/* Hues are counted round a circle of six times 256. */
enum { CIRCLE = 1536, BINS = 24, REACH = CIRCLE / 16 };

/* The colour that is exchanged. */
struct target {
  int hue, saturation;
};

struct colour {
  const char *words;
  int hue, saturation; /* of 1536, of 256 */
};

static const struct colour colours[] = {
    {"red,scarlet,crimson,ruby", 1530, 215},
    {"orange", 130, 230},
    {"yellow,gold,mustard", 225, 220},
    {"lime", 400, 210},
    {"green,emerald", 590, 190},
    {"teal,turquoise,cyan", 745, 190},
    {"blue,navy,azure", 920, 200},
    {"purple,violet,indigo", 1120, 170},
    {"magenta,fuchsia", 1290, 200},
    {"pink,rose", 1420, 130},
    {"white,silver,grey,gray", 0, 12},
};

static int largest(int a, int b, int c) {
  int most = a > b ? a : b;
  return most > c ? most : c;
}

static int smallest(int a, int b, int c) {
  int least = a < b ? a : b;
  return least < c ? least : c;
}

static int hue_of(int pixel, int spread) {
  int red = em_red(pixel), green = em_green(pixel), blue = em_blue(pixel);
  int most = largest(red, green, blue);
  if (most == red)
    return ((green - blue) * 256 / spread + CIRCLE) % CIRCLE;
  return most == green ? 512 + (blue - red) * 256 / spread
                       : 1024 + (red - green) * 256 / spread;
}

static int spread_of(int pixel) {
  int red = em_red(pixel), green = em_green(pixel), blue = em_blue(pixel);
  return largest(red, green, blue) - smallest(red, green, blue);
}

/* Skin and wood: orange, and neither pale nor vivid. */
static int is_skin(int hue, int spread) {
  return hue > 20 && hue < 200 && spread < 130;
}

static int saturation_of(int pixel, int spread) {
  int most = largest(em_red(pixel), em_green(pixel), em_blue(pixel));
  return most > 0 ? spread * 256 / most : 0;
}

/* The most frequent span of hues in the middle; its saturation is 0 when
 * nothing there has a colour worth the name. */
static struct target find_target(gdImagePtr image) {
  long weights[BINS] = {0}, depths[BINS] = {0};
  long least = (long)image->sx * image->sy / 12;
  int best = 0;
  for (int y = image->sy / 4; y < image->sy; y += 2)
    for (int x = image->sx / 4; x < image->sx * 3 / 4; x += 2) {
      int pixel = image->tpixels[y][x], spread = spread_of(pixel);
      int hue = spread > 40 ? hue_of(pixel, spread) : 0;
      if (spread > 40 && !is_skin(hue, spread)) {
        weights[hue * BINS / CIRCLE] += spread;
        depths[hue * BINS / CIRCLE] +=
            (long)spread * saturation_of(pixel, spread);
      }
    }
  for (int i = 1; i < BINS; i++)
    if (weights[i] > weights[best])
      best = i;
  struct target target = {best * CIRCLE / BINS + CIRCLE / BINS / 2, 0};
  if (weights[best] > least)
    target.saturation = (int)(depths[best] / weights[best]);
  return target;
}

static int from_hue(int hue, int saturation, int value) {
  int rise = hue % 256, low = value * (256 - saturation) / 256;
  int up = low + (value - low) * rise / 256;
  int fall = value - (value - low) * rise / 256;
  switch (hue / 256) {
  case 0:
    return em_rgb(value, up, low);
  case 1:
    return em_rgb(fall, value, low);
  case 2:
    return em_rgb(low, value, up);
  case 3:
    return em_rgb(low, fall, value);
  case 4:
    return em_rgb(up, low, value);
  default:
    return em_rgb(value, low, fall);
  }
}

/* How much of a pixel is exchanged, of 256. What is much paler than the target
 * is something else of a similar hue, such as skin. */
static int share_of(int pixel, const struct target *target) {
  int spread = spread_of(pixel);
  int saturation = saturation_of(pixel, spread);
  if (spread < 14 || saturation * 20 < target->saturation * 13)
    return 0;
  int away = abs(hue_of(pixel, spread) - target->hue);
  away = away > CIRCLE / 2 ? CIRCLE - away : away;
  int share = (REACH - away) * 512 / REACH;
  return share < 0 ? 0 : share > 256 ? 256 : share;
}

static int exchange(int pixel, const struct target *target,
                    const struct colour *colour) {
  int share = share_of(pixel, target);
  int value = largest(em_red(pixel), em_green(pixel), em_blue(pixel));
  if (share == 0)
    return pixel;
  if (colour->saturation < 20)
    value += (255 - value) / 2;
  return em_mix(pixel, from_hue(colour->hue, colour->saturation, value), share);
}

static const struct colour *colour_in(const char *prompt) {
  for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
    if (em_words_has(prompt, colours[i].words))
      return &colours[i];
  return NULL;
}

void em_recolour(gdImagePtr image, const char *prompt) {
  const struct colour *colour = colour_in(prompt);
  struct target target = {0, 0};
  if (colour)
    target = find_target(image);
  for (int y = 0; target.saturation > 0 && y < image->sy; y++)
    for (int x = 0; x < image->sx; x++)
      image->tpixels[y][x] = exchange(image->tpixels[y][x], &target, colour);
}
