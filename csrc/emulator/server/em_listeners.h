/* The emulator's further listeners, opened when their options are given: the
 * faulty wire before the service, and the foreign host. One thread serves both.
 */
#ifndef EM_LISTENERS_H
#define EM_LISTENERS_H

#include "em_error.h"
#include "em_foreign.h"
#include "em_relay.h"
#include "em_service.h"

struct em_listeners {
  struct em_loop *loop;
  struct em_relay *relay;
  struct em_foreign *foreign;
  char wire_url[64], foreign_url[64]; /* "" when there is none */
};

/* Errors: -1 and a message; then close is not needed. */
int em_listeners_open(struct em_listeners *listeners,
                      struct em_service *service, int service_port,
                      struct em_error *error);
void em_listeners_close(struct em_listeners *listeners);

#endif
