/* "Make the dress red": when the prompt names a colour, the strongest colour
 * in the middle of the picture is exchanged for it, folds and shades kept. A
 * colour that is wanted somewhere else, or twice, is not understood. */
#ifndef EM_RECOLOUR_H
#define EM_RECOLOUR_H

#include <gd.h>

void em_recolour(gdImagePtr image, const char *prompt);

#endif
