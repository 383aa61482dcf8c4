/* sm_body: a request body of text and base64 pieces, made as it is read.
 *
 * An upload is JSON with the whole picture as base64 inside. Holding that
 * string costs a third more than the file, several times over in a naive
 * client; here the pieces are kept as they are (text, bytes, a file that is
 * open) and encoded while libcurl asks for more, so an upload of any size takes
 * constant memory. The length is known beforehand and exact: a body is always
 * counted, never chunked.
 *
 * sm_body_is_spent is the money rule's witness: while it is false, the last
 * byte was never handed to libcurl, hence the request cannot have arrived
 * whole.
 */
#ifndef SM_BODY_H
#define SM_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sm_error.h"

struct sm_body;

/* What sm_body_read returns when a file cannot be read or was changed. */
#define SM_BODY_BROKEN ((size_t)-1)

/* NULL without memory. */
struct sm_body *sm_body_new(void);
void sm_body_delete(struct sm_body *body);

/* Adds a copy of the bytes, sent as they are. */
enum sm_code sm_body_add_text(struct sm_body *body, const void *text,
                              size_t size, struct sm_error *e);

/* Adds bytes, sent as base64. They are copied. */
enum sm_code sm_body_add_base64(struct sm_body *body, const void *bytes,
                                size_t size, struct sm_error *e);

/* Adds a file, sent as base64. Its size is taken now; a file that is shorter,
 * longer or written to by the time it is read breaks the body, before the last
 * byte is out. Errors: SM_IO. */
enum sm_code sm_body_add_file(struct sm_body *body, const char *path,
                              struct sm_error *e);

/* The exact number of bytes that reading will give. */
int64_t sm_body_size(const struct sm_body *body);

/* Up to `size` bytes into `out`; 0 at the end; SM_BODY_BROKEN on trouble. */
size_t sm_body_read(struct sm_body *body, char *out, size_t size);

/* Whether the last byte was handed out. */
bool sm_body_is_spent(const struct sm_body *body);

/* The bytes of a body of one text piece, NULL for any other. A NUL follows. */
const char *sm_body_text(const struct sm_body *body, size_t *size);

/* Back to the start, for a request that may be repeated. Errors: SM_IO when a
 * file was changed. */
enum sm_code sm_body_rewind(struct sm_body *body, struct sm_error *e);

#endif
