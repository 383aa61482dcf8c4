/* A foreign host: a second listener that belongs to nobody's service. It
 * answers whatever it is asked (em_visits says what) and remembers it. */
#ifndef EM_FOREIGN_H
#define EM_FOREIGN_H

#include <stddef.h>

#include "em_loop.h"
#include "em_visits.h"

struct em_foreign;

/* Listens on 127.0.0.1:port, 0: any free one. Errors: NULL and a message. */
struct em_foreign *em_foreign_new(struct em_loop *loop,
                                  struct em_visits *visits, int port,
                                  char *message, size_t message_size);
int em_foreign_port(const struct em_foreign *foreign);

/* Ends all connections. The loop must have ended. */
void em_foreign_delete(struct em_foreign *foreign);

#endif
