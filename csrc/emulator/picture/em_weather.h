/* What is in the air: particles and lights that a look scatters over the
 * picture, and the paper's edge. */
#ifndef EM_WEATHER_H
#define EM_WEATHER_H

#include "em_random.h"

#include <gd.h>

enum em_weather {
  EM_WEATHER_RAIN = 1 << 0,
  EM_WEATHER_SNOW = 1 << 1,
  EM_WEATHER_LEAVES = 1 << 2,
  EM_WEATHER_BOKEH = 1 << 3,
  EM_WEATHER_STARS = 1 << 4,
  EM_WEATHER_RAYS = 1 << 5,
  EM_WEATHER_FOG = 1 << 6,
  EM_WEATHER_PETALS = 1 << 7,
  EM_WEATHER_DUST = 1 << 8,   /* scratches on an old print */
  EM_WEATHER_PAPER = 1 << 9,  /* an uneven white margin */
  EM_WEATHER_FRAME = 1 << 10, /* a straight white margin */
  EM_WEATHER_DOTS = 1 << 11   /* a printer's screen */
};

void em_weather_draw(gdImagePtr image, unsigned weather,
                     struct em_random *random);

/* A soft coloured light somewhere: the seed's own mark on every picture. */
void em_weather_light(gdImagePtr image, struct em_random *random);

#endif
