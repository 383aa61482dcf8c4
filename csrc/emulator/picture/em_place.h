/* Where figures stand: a room with a window, and a street. The brush is as
 * em_land's: unit the picture's height, origin the middle of the upper edge. */
#ifndef EM_PLACE_H
#define EM_PLACE_H

#include "em_paint.h"
#include "em_random.h"

void em_place_room(const struct em_brush *brush, struct em_random *random);
void em_place_street(const struct em_brush *brush, struct em_random *random);

#endif
