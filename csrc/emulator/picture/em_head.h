/* Heads for em_figure: the brush's unit is the head's height, its origin the
 * middle of the face, so crown and chin are at -0.5 and 0.5. */
#ifndef EM_HEAD_H
#define EM_HEAD_H

#include "em_figure.h"

/* What falls behind the shoulders: to be drawn before them. */
void em_head_back_hair(const struct em_brush *brush,
                       const struct em_figure *figure);

void em_head_draw(const struct em_brush *brush, const struct em_figure *figure);

#endif
