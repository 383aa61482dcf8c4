/* Text in libgd's built-in font at twice its size, and the wrapping of it.
 * Everything is drawn in ASCII: see em_letters_line for what becomes of the
 * rest. */
#ifndef EM_LETTERS_H
#define EM_LETTERS_H

#include <gd.h>
#include <stddef.h>

/* The width in pixels of `text`, one column per byte. */
int em_letters_width(const char *text);

/* Draws ASCII text, clipped to the image; x, y is its top left corner. */
void em_letters_draw(gdImagePtr image, int x, int y, const char *text,
                     int colour);

/* Takes the next line of at most `columns` letters off the UTF-8 text at
 * *text, broken at a space where there is one, and moves *text on. Quotes and
 * dashes become plain ones, accented Latin letters lose their accents, other
 * letters become '?', and control characters a space. When the line is the
 * `last` one and text is left, it ends in "...". Returns its length. */
int em_letters_line(const char **text, char *line, size_t line_size,
                    int columns, int last);

#endif
