/* sm_image: what a picture's own bytes say about it.
 *
 * File names and Content-Type headers lie; magic bytes do not. This reads the
 * format and the size in pixels from the first bytes of a PNG, JPEG, WebP or
 * GIF, and finds the picture's own end, whatever stands behind it: cameras
 * append films and gain maps, editors leave the rest of an older file. That end
 * decides only where nothing else does: libcurl reports success for an answer
 * without a length that was cut, so "200" does not mean "complete"
 * (https://curl.se/libcurl/c/CURLINFO_RESPONSE_CODE.html gives the status, not
 * the end). It decodes nothing.
 */
#ifndef SM_IMAGE_H
#define SM_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sm_format { SM_NO_IMAGE = 0, SM_PNG, SM_JPEG, SM_WEBP, SM_GIF };

/* The first bytes that a caller should offer; a JPEG's size may stand behind
 * its metadata, so more is better, and 0 x 0 means "not found in these". */
#define SM_IMAGE_HEAD_BYTES 65536
struct sm_image {
  enum sm_format format;
  uint32_t width; /* pixels, 0 when unknown */
  uint32_t height;
  unsigned orientation; /* of a JPEG's Exif, 1 to 8; 0 when it has none */
};

/* False when these are not the first bytes of a known picture. */
bool sm_image_read(const void *head, size_t size, struct sm_image *image);

/* Where a picture's bytes are: in memory, or in an open file. */
struct sm_source {
  const unsigned char *bytes; /* NULL: in `fd` */
  int fd;
  uint64_t size;
  uint64_t most; /* read no more than so many bytes of it; 0: all */
};

/* Whether the picture's own end is among the bytes: PNG's IEND, JPEG's EOI, all
 * chunks of a WebP, GIF's trailer or its last whole block. Where `most` was not
 * enough to tell, or the file cannot be read, the answer is yes. Reads each
 * byte once at most. */
bool sm_image_has_end(const struct sm_image *image,
                      const struct sm_source *source);

const char *sm_format_name(enum sm_format format);       /* "png", "jpeg" */
const char *sm_format_extension(enum sm_format format);  /* "png", "jpg" */
const char *sm_format_media_type(enum sm_format format); /* "image/png" */

/* Whether a name ends in one that such pictures have ("a.JPEG"; ".png" alone is
 * a hidden file without one). */
bool sm_format_is_named(const char *name);

#endif
