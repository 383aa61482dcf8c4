/* sm_sha256: the hash that names a picture's content.
 *
 * Of bytes at once, or of a stream in as many pieces as it comes in. The
 * system's library does the hashing (sm_system).
 */
#ifndef SM_SHA256_H
#define SM_SHA256_H

#include <stddef.h>

#include "sm_error.h"

#define SM_SHA256_HEX 65

/* Errors: SM_IO. */
enum sm_code sm_sha256_of(char hex[SM_SHA256_HEX], const void *bytes,
                          size_t size, struct sm_error *e);

struct sm_sha256 {
  void *context; /* the library's; NULL when not begun */
};

/* Begins a stream, or begins it anew. Errors: SM_IO. */
enum sm_code sm_sha256_begin(struct sm_sha256 *hash, struct sm_error *e);

/* Errors: SM_IO. */
enum sm_code sm_sha256_add(struct sm_sha256 *hash, const void *bytes,
                           size_t size, struct sm_error *e);

/* Of all that was added. It must be begun again before more is. Errors: SM_IO.
 */
enum sm_code sm_sha256_end(struct sm_sha256 *hash, char hex[SM_SHA256_HEX],
                           struct sm_error *e);

void sm_sha256_destroy(struct sm_sha256 *hash);

#endif
