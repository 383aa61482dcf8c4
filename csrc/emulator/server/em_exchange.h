/* One request and its answer, between libmicrohttpd and the service: the
 * stages it passes, and how it waits without holding a thread. */
#ifndef EM_EXCHANGE_H
#define EM_EXCHANGE_H

#include <sys/queue.h>

#include "em_service.h"

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

struct em_exchange;

/* Errors: NULL when out of memory. */
struct em_exchange *em_exchange_new(struct em_service *service,
                                    struct em_waiting *waiting,
                                    struct MHD_Connection *connection,
                                    const char *method, const char *path,
                                    const char *own_base);
void em_exchange_delete(struct em_exchange *exchange);

/* A piece of the body. */
void em_exchange_receive(struct em_exchange *exchange, const char *data,
                         size_t size);

/* Goes on as far as it can. Returns the request when its reply can be sent,
 * NULL when the connection was suspended; then it is called again. */
struct em_request *em_exchange_step(struct em_exchange *exchange);

#endif
