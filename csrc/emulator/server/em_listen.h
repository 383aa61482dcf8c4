/* Sockets that listen, on loopback and nowhere else. */
#ifndef EM_LISTEN_H
#define EM_LISTEN_H

#include <stddef.h>

/* Listens on 127.0.0.1:*port without blocking; 0 becomes the port found.
 * Errors: -1 and a message. */
int em_listen(int *port, char *message, size_t message_size);

#endif
