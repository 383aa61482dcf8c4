/* sm_digest: SHA-256, of bytes at once or of a file in pieces.
 *
 * A picture is uploaded once per content, and the content is named by its
 * hash. A file is read on the worker thread, a piece a turn, so that neither
 * the host nor the polls of other jobs wait for a slow disk. libcrypto does the
 * hashing.
 */
#ifndef SM_DIGEST_H
#define SM_DIGEST_H

#include <stdbool.h>

#include "sm_error.h"
#include "sm_file_probe.h"

#define SM_SHA256_HEX 65

/* Errors: SM_IO. */
enum sm_code sm_sha256(char hex[SM_SHA256_HEX], const void *bytes, size_t size,
                       struct sm_error *e);

struct sm_digest;

/* Checks and opens the file. Errors: SM_INVALID, SM_IO. */
enum sm_code sm_digest_new(struct sm_digest **digest, const char *path,
                           struct sm_error *e);
void sm_digest_delete(struct sm_digest *digest);

/* Reads the next piece; `is_over` tells whether it was the last, and `hex` is
 * filled then. Errors: SM_IO. */
enum sm_code sm_digest_step(struct sm_digest *digest, bool *is_over,
                            char hex[SM_SHA256_HEX], struct sm_error *e);

const struct sm_file_facts *sm_digest_facts(const struct sm_digest *digest);

#endif
