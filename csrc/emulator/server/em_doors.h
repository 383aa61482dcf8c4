/* The emulator's further doors, open when their options are given: the faulty
 * wire before the service, and the foreign host. One thread turns both. */
#ifndef EM_DOORS_H
#define EM_DOORS_H

#include "em_foreign.h"
#include "em_relay.h"
#include "em_service.h"

struct em_doors {
  struct em_loop *loop;
  struct em_relay *relay;
  struct em_foreign *foreign;
  char wire_url[64], foreign_url[64]; /* "" when there is none */
};

/* Errors: -1 and a message; then close is not needed. */
int em_doors_open(struct em_doors *doors, struct em_service *service,
                  int service_port, char *message, size_t message_size);
void em_doors_close(struct em_doors *doors);

#endif
