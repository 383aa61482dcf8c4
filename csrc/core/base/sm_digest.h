/* sm_digest: a picture that is read through once, in pieces.
 *
 * Its bytes are hashed, and written to a file of their own on the way where one
 * is named: that is how an input is named by its content, how a picture that
 * was kept is checked, and how one that is at hand gets to the path that the
 * caller wants it at. The worker thread does it, a piece a step, so that
 * neither the host nor the polls of other jobs wait for a slow disk. Nothing
 * but the making is done before the first step.
 */
#ifndef SM_DIGEST_H
#define SM_DIGEST_H

#include <stdbool.h>

#include "sm_error.h"
#include "sm_file.h"
#include "sm_sha256.h"

struct sm_digest;

/* Of a file, which the first step checks and opens. */
enum sm_code sm_digest_new(struct sm_digest **digest, const char *path,
                           struct sm_error *e);

/* Of bytes, which are borrowed; whether they are a picture is not asked. */
enum sm_code sm_digest_new_of_bytes(struct sm_digest **digest,
                                    const void *bytes, size_t size,
                                    struct sm_error *e);

void sm_digest_delete(struct sm_digest *digest);

/* The bytes go to a file, too, by the rules of sm_file. */
enum sm_code sm_digest_copy_to(struct sm_digest *digest, const char *path,
                               bool is_private, struct sm_error *e);

/* The copy says how the picture was made, see sm_file_describe; the hash is of
 * what was read. `metadata` is borrowed. */
void sm_digest_describe(struct sm_digest *digest,
                        const struct sm_metadata *metadata);

/* What the hash must be (M10): another is an error, and no file is made then.
 */
void sm_digest_expect(struct sm_digest *digest, const char *sha256);

/* Reads the next piece; `is_over` says whether it was the last, and `hex` is
 * filled then. Errors: SM_INVALID for a file that is no picture, SM_PROTOCOL
 * for another hash than was expected, or a copy of what is no picture, SM_IO.
 */
enum sm_code sm_digest_step(struct sm_digest *digest, bool *is_over,
                            char hex[SM_SHA256_HEX], struct sm_error *e);

/* Whether it was the copy that a step failed for; the picture may be well. */
bool sm_digest_is_copy_at_fault(const struct sm_digest *digest);

/* Known after the first step; of bytes that are no picture the size alone. */
const struct sm_file_facts *sm_digest_facts(const struct sm_digest *digest);

/* The path that the copy took, after the last step; NULL without one. */
const char *sm_digest_copy(const struct sm_digest *digest);

#endif
