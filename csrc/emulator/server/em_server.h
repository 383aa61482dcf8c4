/* The network: libmicrohttpd in front of the service.
 *
 * One thread answers everything; it never waits. A request that has to (a v1
 * job, a delay) is suspended and taken up again by whoever ends the waiting.
 * Faults are met here, on the way in and on the way out, so that no endpoint
 * knows of them. Nothing but loopback is ever listened on. */
#ifndef EM_SERVER_H
#define EM_SERVER_H

#include <sys/queue.h>

#include "em_service.h"

struct em_server;

/* Errors: NULL and a message. */
struct em_server *em_server_new(struct em_service *service,
                                struct em_error *error);

/* On 127.0.0.1. */
int em_server_port(const struct em_server *server);

/* Ends all connections. The service must have been stopped before: then
 * nobody else can take up a suspended request. */
void em_server_delete(struct em_server *server);

/* One request and its answer, between libmicrohttpd and the service: the stages
 * it passes, and how it waits without holding a thread (em_exchange.c). */
struct em_exchange;

/* Requests that wait, so that the end of the server can find them. */
struct em_waiting {
  pthread_mutex_t lock;
  LIST_HEAD(, em_exchange) exchanges;
  bool closed; /* nothing may wait any more */
  int wake;    /* an eventfd: one of them may go on */
};

/* Errors: -1 without a descriptor. */
int em_waiting_create(struct em_waiting *waiting);
/* Lets all go on, to be answered with a closed connection. */
void em_waiting_release(struct em_waiting *waiting);
void em_waiting_destroy(struct em_waiting *waiting);

/* Errors: NULL when out of memory. */
struct em_exchange *em_exchange_new(struct em_service *service,
                                    struct em_waiting *waiting,
                                    struct MHD_Connection *connection,
                                    const char *method, const char *path,
                                    const char *own_base);
void em_exchange_delete(struct em_exchange *exchange);

/* A piece of the body; with too much of it the request is too_large. */
void em_exchange_receive(struct em_exchange *exchange, const char *data,
                         size_t size);

/* Goes on as far as it can. Returns the request when its reply can be sent,
 * NULL when the connection was suspended; then it is called again. */
struct em_request *em_exchange_step(struct em_exchange *exchange);

#endif
