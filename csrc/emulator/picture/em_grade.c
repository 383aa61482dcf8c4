/* em_filter's tones: what looks at one pixel at a time. */
#include "em_filter.h"
#include "em_raster.h"

#include <math.h>
#include <stdlib.h>

/* What a grade comes to, once for every value. */
struct tones {
  int red[256], green[256], blue[256]; /* exposure, contrast, warmth */
  int tinted[256][3];                  /* by lightness */
  int saturation, tint;                /* in 1/256 */
};

static int tone(int value, int exposure, int contrast) {
  double lit = 255 * pow(value / 255.0, 100.0 / exposure);
  return (int)((lit - 128) * contrast / 100 + 128);
}

static int blend_channel(int dark, int light, int lightness) {
  int tinted = dark + (light - dark) * lightness / 255;
  return tinted;
}

static void make_tones(struct tones *tones, const struct em_grade *grade) {
  int warm = grade->warmth - 100;
  tones->saturation = grade->saturation * 256 / 100;
  tones->tint = grade->tint * 256 / 100;
  for (int i = 0; i < 256; i++) {
    int value = tone(i, grade->exposure, grade->contrast);
    tones->red[i] = em_clamp(value + value * warm / 200);
    tones->green[i] = em_clamp(value + value * warm / 800);
    tones->blue[i] = em_clamp(value - value * warm / 160);
    int dark = grade->dark_tint, light = grade->light_tint;
    tones->tinted[i][0] = blend_channel(em_red(dark), em_red(light), i);
    tones->tinted[i][1] = blend_channel(em_green(dark), em_green(light), i);
    tones->tinted[i][2] = blend_channel(em_blue(dark), em_blue(light), i);
  }
}

static int graded(int value, int lightness, int tinted,
                  const struct tones *tones) {
  int full = lightness + (value - lightness) * tones->saturation / 256;
  return em_clamp(full + (tinted - full) * tones->tint / 256);
}

static int grade_pixel(int pixel, const struct tones *tones) {
  int red = tones->red[em_red(pixel)];
  int green = tones->green[em_green(pixel)];
  int blue = tones->blue[em_blue(pixel)];
  int lightness = (red * 77 + green * 150 + blue * 29) >> 8;
  const int *tinted = tones->tinted[lightness];
  return em_rgb(graded(red, lightness, tinted[0], tones),
                graded(green, lightness, tinted[1], tones),
                graded(blue, lightness, tinted[2], tones));
}

void em_filter_grade(gdImagePtr image, const struct em_grade *grade) {
  struct tones tones;
  if (grade->exposure <= 0)
    return;
  make_tones(&tones, grade);
  for (int y = 0; y < image->sy; y++)
    for (int x = 0; x < image->sx; x++)
      image->tpixels[y][x] = grade_pixel(image->tpixels[y][x], &tones);
}

static int brighten(int pixel, int add, int scale) {
  return em_rgb(em_clamp((em_red(pixel) * scale >> 8) + add),
                em_clamp((em_green(pixel) * scale >> 8) + add),
                em_clamp((em_blue(pixel) * scale >> 8) + add));
}

/* The light at a distance squared, in 1/256; 1 is the corner. */
static int falloff(double far, int vignette) {
  double dark = vignette / 100.0 * far * far;
  return (int)(256 * (1 - (dark > 1 ? 1 : dark)));
}

void em_filter_finish(gdImagePtr image, int vignette, int grain,
                      struct em_random *random) {
  double middle_x = image->sx / 2.0, middle_y = image->sy / 2.0;
  if (vignette <= 0 && grain <= 0)
    return;
  for (int y = 0; y < image->sy; y++) {
    int *row = image->tpixels[y], scale = 256, add = 0;
    double far_y = (y - middle_y) / middle_y;
    for (int x = 0; x < image->sx; x++) {
      double far_x = (x - middle_x) / middle_x;
      if (x % 4 == 0)
        scale = falloff((far_x * far_x + far_y * far_y) / 2, vignette);
      if (grain > 0 && x % 2 == 0)
        add = (int)(em_random_next(random) >> 16) * (2 * grain + 1) / 65536 -
              grain;
      row[x] = brighten(row[x], add, scale);
    }
  }
}

void em_filter_posterise(gdImagePtr image, int levels) {
  int steps[256];
  if (levels < 2)
    return;
  for (int i = 0; i < 256; i++)
    steps[i] = (i * (levels - 1) + 127) / 255 * 255 / (levels - 1);
  for (int y = 0; y < image->sy; y++)
    for (int x = 0; x < image->sx; x++) {
      int pixel = image->tpixels[y][x];
      image->tpixels[y][x] = em_rgb(
          steps[em_red(pixel)], steps[em_green(pixel)], steps[em_blue(pixel)]);
    }
}

void em_filter_mosaic(gdImagePtr image, int size) {
  for (int y = 0; size > 1 && y < image->sy; y++) {
    int *from = image->tpixels[y / size * size];
    for (int x = 0; x < image->sx; x++)
      image->tpixels[y][x] = from[x / size * size];
  }
}
