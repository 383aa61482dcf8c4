/* Landscapes: a sky, what is in it, ridges behind each other, and what stands
 * in front. The brush's unit is the picture's height, its origin the middle of
 * the upper edge, so y runs from 0 to 1 and x to half the aspect ratio on
 * either side. */
#ifndef EM_LAND_H
#define EM_LAND_H

#include "em_paint.h"
#include "em_random.h"

enum em_land_feature {
  EM_LAND_NIGHT = 1 << 0,
  EM_LAND_DUSK = 1 << 1,
  EM_LAND_SEA = 1 << 2,
  EM_LAND_PEAKS = 1 << 3,
  EM_LAND_CITY = 1 << 4,
  EM_LAND_TREES = 1 << 5,
  EM_LAND_HOUSE = 1 << 6,
  EM_LAND_SNOW = 1 << 7,
  EM_LAND_AUTUMN = 1 << 8,
  EM_LAND_CLOUDS = 1 << 9,
  EM_LAND_BOAT = 1 << 10,
  EM_LAND_DESERT = 1 << 11,
  EM_LAND_FLOWERS = 1 << 12
};

/* Draws over the whole raster; `random` decides where things are. */
void em_land_draw(const struct em_brush *brush, unsigned features,
                  struct em_random *random);

#endif
