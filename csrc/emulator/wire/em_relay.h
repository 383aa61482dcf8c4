/* The faulty wire: a second listener of the service, through which every byte
 * passes as it is until a rule (em_wire) says otherwise. One thread (em_loop),
 * one connection to the service for each of a client. Of a service that speaks
 * TLS the relay sees no exchanges: rules without a kind and without places
 * counted from the end apply, once a connection. */
#ifndef EM_RELAY_H
#define EM_RELAY_H

#include "em_loop.h"
#include "em_text.h"
#include "em_wire.h"

struct em_relay;

/* Listens on 127.0.0.1:*port, 0: any free one, and connects to the service's.
 * Errors: NULL and a message. */
struct em_relay *em_relay_new(struct em_loop *loop, struct em_wire *wire,
                              int *port, int service_port,
                              struct em_error *error);

/* Ends all connections. The loop must have ended. */
void em_relay_delete(struct em_relay *relay);

#endif
