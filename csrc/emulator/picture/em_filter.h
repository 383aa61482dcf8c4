/* The filters looks are made of. Each works in place on a flattened raster and
 * takes a strength of its own kind; 0 always means "leave it". The ones that
 * need a second raster return -1 when memory is out. */
#ifndef EM_FILTER_H
#define EM_FILTER_H

#include "em_random.h"

#include <gd.h>

/* Percentages, 100 being neutral; tints are laid over dark and light tones
 * with a strength of 0..100. */
struct em_grade {
  int exposure, contrast, saturation, warmth;
  int dark_tint, light_tint, tint;
};

void em_filter_grade(gdImagePtr image, const struct em_grade *grade);

/* A smooth fall of light to the corners, and film grain. */
void em_filter_finish(gdImagePtr image, int vignette, int grain,
                      struct em_random *random);

/* Shades reduced to so many steps of lightness a channel. */
void em_filter_posterise(gdImagePtr image, int levels);

/* Lines where lightness changes, darkened by the strength in percent. */
int em_filter_ink(gdImagePtr image, int strength);

/* Blurred outside a soft oval, sharp within. */
int em_filter_focus(gdImagePtr image, int radius);

/* Brushwork: every pixel takes the calmest of its four neighbourhoods
 * (Kuwahara's filter). */
int em_filter_brush(gdImagePtr image, int radius);

/* Pencil on paper: what differs from its own blur is drawn. */
int em_filter_pencil(gdImagePtr image, int strength, struct em_random *random);

/* Dark, with edges that glow in two colours. */
int em_filter_neon(gdImagePtr image, int strength);

/* Square tiles. */
void em_filter_mosaic(gdImagePtr image, int size);

/* Light bleeding out of bright parts. */
int em_filter_bloom(gdImagePtr image, int strength);

#endif
