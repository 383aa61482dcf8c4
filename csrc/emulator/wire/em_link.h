/* A client's connection through the faulty wire: its socket, one of our own to
 * the service, what flows between them, and the fault of the current exchange.
 *
 * One exchange at a time: the bytes of a next request wait until the answer is
 * through, so that rules can count exchanges one after the other. Whatever
 * came from a client before it went is passed on, as a wire does.
 *
 * A link lives on the loop and ends by itself, with one of the sides or by its
 * fault; `closed` informs whoever keeps count of links. */
#ifndef EM_LINK_H
#define EM_LINK_H

#include "em_loop.h"
#include "em_wire.h"

struct em_link;

struct em_link_config {
  struct em_loop *loop;
  struct em_wire *wire;
  int client, service; /* connected sockets */
  unsigned long long number;
  void (*closed)(void *user); /* the link has ended and is freed */
  void *user;
};

/* Takes both sockets. Errors: NULL, and they are closed. */
struct em_link *em_link_new(const struct em_link_config *config);

/* At once, without a call of `closed`; the loop must have ended. */
void em_link_delete(struct em_link *link);

#endif
