/* The network: libmicrohttpd in front of the service.
 *
 * One thread answers everything; it never waits. A request that has to (a v1
 * job, a delay) is suspended and taken up again by whoever ends the waiting.
 * Faults are met here, on the way in and on the way out, so that no endpoint
 * knows of them. Nothing but loopback is ever listened on. */
#ifndef EM_SERVER_H
#define EM_SERVER_H

#include "em_service.h"
#include "em_text.h"

struct em_server;

/* Errors: NULL and a message. */
struct em_server *em_server_new(struct em_service *service,
                                struct em_error *error);

/* On 127.0.0.1. */
int em_server_port(const struct em_server *server);

/* Ends all connections. The service must have been stopped before: then
 * nobody else can take up a suspended request. */
void em_server_delete(struct em_server *server);

#endif
