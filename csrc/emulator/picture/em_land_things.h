/* What stands, floats and shines in em_land's landscapes; the brush is
 * em_land's, and `half` is half the picture's width in its units. */
#ifndef EM_LAND_THINGS_H
#define EM_LAND_THINGS_H

#include "em_paint.h"
#include "em_random.h"

void em_land_stars(const struct em_brush *brush, double half,
                   struct em_random *random);
void em_land_clouds(const struct em_brush *brush, double half, int colour,
                    struct em_random *random);
void em_land_peaks(const struct em_brush *brush, double half, int rock,
                   int haze, struct em_random *random);
void em_land_city(const struct em_brush *brush, double half, int colour,
                  int lit, struct em_random *random);
void em_land_sea(const struct em_brush *brush, double half, int water,
                 int gleam, struct em_random *random);
void em_land_flowers(const struct em_brush *brush, double half,
                     struct em_random *random);

/* Each stands on x, y and is `size` high. */
void em_land_tree(const struct em_brush *brush, double x, double y, double size,
                  int leaf, int top);
void em_land_house(const struct em_brush *brush, double x, double y,
                   double size, int lit);
void em_land_boat(const struct em_brush *brush, double x, double y);

#endif
