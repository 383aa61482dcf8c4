/* Two pictures made one, for the multi-image models. The prompt's words choose
 * how: side by side on one sheet, the second cut out and put onto the first,
 * or as a photograph pinned into its corner. Both are always seen. */
#ifndef EM_COMPOSE_H
#define EM_COMPOSE_H

#include "em_raster.h"

#include <stdint.h>

/* A decoded picture and the part of it that counts. */
struct em_part {
  gdImagePtr image;
  struct em_box box;
};

/* Ownership: the caller's, gdImageDestroy. NULL when memory is out. */
gdImagePtr em_compose(const struct em_part *first, const struct em_part *second,
                      int width, int height, const char *prompt, uint64_t key);

#endif
