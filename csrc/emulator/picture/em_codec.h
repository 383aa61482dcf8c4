/* Encoded pictures in and out. The header is read here, before libgd sees a
 * byte: a picture that claims more than 40 megapixels is refused for the price
 * of a few dozen bytes. libgd's own messages never reach a terminal; libpng's
 * warnings about a damaged file do. */
#ifndef EM_CODEC_H
#define EM_CODEC_H

#include <gd.h>
#include <stddef.h>

#include "em_text.h"

enum { EM_CODEC_MAX_PIXELS = 40 * 1000 * 1000 };

/* The media type by the first bytes ("image/png", "image/jpeg", "image/gif",
 * "image/webp"), or NULL when it is not a picture that can be read. */
const char *em_codec_media_type(struct em_bytes file);

/* Width and height as the header tells. -1: no header that can be read. */
int em_codec_dimensions(struct em_bytes file, int *width, int *height);

/* Decodes into a truecolor raster, alpha kept.
 * Ownership: the caller's, gdImageDestroy.
 * Errors: NULL. */
gdImagePtr em_codec_decode(struct em_bytes file, struct em_error *error);

/* Encodes as "png", "jpg" or "webp"; any other format is refused.
 * Errors: NULL. */
struct em_bytes em_codec_encode(gdImagePtr image, const char *format,
                                int quality, struct em_error *error);

/* Makes an encoded picture look signed (C2PA): puts a manifest where a reader
 * looks for one (PNG caBX after IHDR, JPEG APP11 with a JUMBF box, WebP a C2PA
 * chunk at the end). It is a box of the right type and signs nothing. A GIF
 * stays as it is. Errors: -1 without memory, and the picture stays. */
int em_codec_sign(struct em_bytes *file);

#endif
