/* sm_image: what a picture's own bytes say about it.
 *
 * File names and Content-Type headers lie; magic bytes do not. This reads the
 * format and the size in pixels from the first bytes of a PNG, JPEG, WebP or
 * GIF, and tells from the last bytes whether the file is whole: libcurl reports
 * success for an answer without a length that was cut, so "200" does not mean
 * "complete" (https://curl.se/libcurl/c/CURLINFO_RESPONSE_CODE.html gives the
 * status, not the end). It decodes nothing.
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
/* The last bytes that sm_image_is_whole looks at. */
#define SM_IMAGE_TAIL_BYTES 64

struct sm_image {
  enum sm_format format;
  uint32_t width; /* pixels, 0 when unknown */
  uint32_t height;
  unsigned orientation; /* of a JPEG's Exif, 1 to 8; 0 when it has none */
};

/* False when these are not the first bytes of a known picture. */
bool sm_image_read(const void *head, size_t size, struct sm_image *image);

/* Whether a file of `total` bytes that starts with `head` and ends with `tail`
 * ends as its format must: PNG with its IEND chunk, JPEG with EOI (zero bytes
 * may follow), WebP at its RIFF size, GIF with its trailer. */
bool sm_image_is_whole(const struct sm_image *image, const void *head,
                       size_t head_size, const void *tail, size_t tail_size,
                       uint64_t total);

const char *sm_format_name(enum sm_format format);       /* "png", "jpeg" */
const char *sm_format_extension(enum sm_format format);  /* "png", "jpg" */
const char *sm_format_media_type(enum sm_format format); /* "image/png" */

#endif
