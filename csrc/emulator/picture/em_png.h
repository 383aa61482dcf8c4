/* PNG files made safe for libgd, which lets libpng write its warnings to the
 * terminal. Checksums are verified, chunks are brought down to those that make
 * the picture (IHDR, PLTE, tRNS, IDAT, IEND), and whatever is out of order is
 * refused, so that a damaged file is refused in silence. One warning is out of
 * reach: libpng's remark on interlacing, for sound interlaced pictures. */
#ifndef EM_PNG_H
#define EM_PNG_H

#include <stddef.h>

/* Copies the picture's chunks.
 * Ownership: the result is the caller's to free().
 * Errors: NULL when the file is damaged or memory is out. */
unsigned char *em_png_clean(const unsigned char *data, size_t size,
                            size_t *clean_size);

#endif
