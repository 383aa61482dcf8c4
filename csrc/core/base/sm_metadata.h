/* sm_metadata: what a saved picture says of how it was made.
 *
 * The caller gives two texts, which are opaque here: an XMP packet that goes
 * into the picture, and what goes into a file beside one that cannot take it.
 * What is known only at the end has places in them, \1 and a letter:
 *
 *   \1i request id   \1c cost, USD   \1s seed   \1d date   \1h the picture's
 *                                                          SHA-256, beside only
 *
 * A line whose place has no value is left out.
 *
 * The packet is a PNG's iTXt after IHDR, a JPEG's APP1 after JFIF and Exif, a
 * WebP's last chunk, with VP8X put before a frame that has none. Every other
 * byte stays as it is. No packet goes into
 *
 *   a picture that is signed (C2PA: PNG caBX, JPEG APP11 with JUMBF, RIFF
 * C2PA), one that has an XMP packet: what another has said is not ours to
 * merge, a GIF, and a container that does not hold together, a JPEG, when the
 * packet is longer than a segment takes.
 *
 * (XMP part 3, https://developer.adobe.com/xmp/docs/XMPSpecifications/;
 * https://developers.google.com/speed/webp/docs/riff_container; C2PA 2.1, A.3.)
 */
#ifndef SM_METADATA_H
#define SM_METADATA_H

#include <stdbool.h>
#include <stdint.h>

#include "sm_buf.h"
#include "sm_error.h"
#include "sm_image.h"
#include "sm_sha256.h"

/* The longest text, its places filled. */
#define SM_METADATA_MAX (4u << 20)

struct sm_metadata;

/* Copies the texts. Errors: SM_IO without memory. */
enum sm_code sm_metadata_new(struct sm_metadata **metadata, const char *xmp,
                             const char *beside, struct sm_error *e);
void sm_metadata_delete(struct sm_metadata *metadata);

/* Takes a secret out of the texts, wherever it stands. */
void sm_metadata_hide(struct sm_metadata *metadata, const char *secret);

/* What is known at the end; NULL, NAN and 0 leave what is known already. A
 * request id or a seed that has other characters than such have is not taken.
 */
void sm_metadata_tell(struct sm_metadata *metadata, const char *request_id,
                      const char *seed, double cost, int64_t unix_ms);

/* What a picture's container holds. */
struct sm_metadata_found {
  struct sm_image image;
  bool is_whole; /* it holds together as far as a reader looks */
  bool is_signed;
  bool has_xmp;
  uint64_t xmp_at; /* the packet; of one that is compressed nothing is told */
  uint64_t xmp_size;
  uint64_t insert_at; /* where a packet would go */
  uint64_t end;       /* WebP: of the RIFF */
};

/* Reads heads of chunks and segments only. False when it is no picture. */
bool sm_metadata_find(const struct sm_source *source,
                      struct sm_metadata_found *found);

/* Writes what the next bytes of the described picture are. */
typedef enum sm_code sm_metadata_write(void *context, const void *bytes,
                                       size_t size, struct sm_error *e);

/* Writes the picture with the packet in it, or nothing (`is_put` false) where
 * none can go. Errors: SM_IO, and those of `write`. */
enum sm_code sm_metadata_put(const struct sm_metadata *metadata,
                             const struct sm_source *source,
                             sm_metadata_write *write, void *context,
                             bool *is_put, struct sm_error *e);

/* The text that goes beside the picture. Errors: SM_IO. */
enum sm_code sm_metadata_beside(const struct sm_metadata *metadata,
                                const struct sm_source *source,
                                struct sm_buf *text, struct sm_error *e);

/* The hash of a whole source. Errors: SM_IO. */
enum sm_code sm_metadata_sha256(const struct sm_source *source,
                                char hex[SM_SHA256_HEX], struct sm_error *e);

#endif
