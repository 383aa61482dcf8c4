/* People, drawn as flat illustrations: a portrait from the waist up, a full
 * figure, and a dress on its own. Stylised on purpose: these stand in for the
 * photographs that people send to be edited, and are meant to be recognised
 * after a look has been laid over them, not to be taken for photographs. */
#ifndef EM_FIGURE_H
#define EM_FIGURE_H

#include "em_paint.h"

struct em_figure {
  int skin, hair, garment, trousers, lips;
  int is_man;
};

/* A woman or a man; `variant` picks complexion, hair and clothes. */
struct em_figure em_figure_choose(int is_man, unsigned variant);

/* Head and shoulders. The brush's unit is the head's height, its origin the
 * middle of the face; the bust reaches down to y = 1.7. */
void em_figure_bust(const struct em_brush *brush,
                    const struct em_figure *figure);

/* Standing, in a dress or in shirt and trousers. The brush's unit is the
 * figure's height; it stands on its origin, so the crown is at y = -1. */
void em_figure_stand(const struct em_brush *brush,
                     const struct em_figure *figure);

/* A dress alone: from y = 0 to y = 1, centred on x = 0. */
void em_figure_dress(const struct em_brush *brush, int colour);

#endif
