/* Cutting a thing out of its background: the background is what can be reached
 * from the picture's edges over colours like theirs. When that leaves nothing,
 * or everything, a soft oval is cut instead. */
#ifndef EM_CUTOUT_H
#define EM_CUTOUT_H

#include "em_raster.h"

/* Makes the background clear, in place, and tells what is left. A picture that
 * comes with transparency keeps its own. Errors: -1 when memory is out. */
int em_cutout(gdImagePtr image, struct em_box *left_over);

#endif
