/* A foreign host: a second listener, which is not the service's. It keeps every
 * request that it receives, byte for byte, so that a test can prove what never
 * left the service's own origin, and answers them all alike.
 *
 * Posted to /_emulator/foreign, {"status": 302, "headers": {"Location": "..."},
 * "body": "..."} is the answer from then on; body may be body_base64. Without
 * it, the answer is 200 and a tiny PNG. Thread-safe, but for listen and
 * close. */
#ifndef EM_FOREIGN_H
#define EM_FOREIGN_H

#include <jansson.h>

#include "em_loop.h"
#include "em_text.h"

struct em_foreign;

/* Errors: NULL when out of memory. */
struct em_foreign *em_foreign_new(void);
void em_foreign_delete(struct em_foreign *foreign);

/* Forgets the requests and the answer. */
void em_foreign_reset(struct em_foreign *foreign);

/* Sets the answer. Errors: -1 and what is wrong. */
int em_foreign_script(struct em_foreign *foreign, const json_t *script,
                      struct em_error *error);

/* The requests as a JSON array, oldest first: method, path with its query,
 * headers by their names in lower case, body_size, size, and the first bytes as
 * a string of the characters U+0000 to U+00FF. */
json_t *em_foreign_tree(struct em_foreign *foreign);

/* Listens on 127.0.0.1:*port, 0: any free one. Errors: -1 and why. */
int em_foreign_listen(struct em_foreign *foreign, struct em_loop *loop,
                      int *port, struct em_error *error);

/* Ends all connections. The loop must have ended. */
void em_foreign_close(struct em_foreign *foreign);

#endif
