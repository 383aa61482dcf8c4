/* A client's connection through the faulty wire: its socket, one of our own to
 * the service, what flows between them, and the fault of the exchange at hand.
 *
 * One exchange at a time: the bytes of a next request wait until the answer is
 * through, so that rules can count exchanges one after the other. Whatever
 * came from a client before it went is passed on, as a wire does. */
#ifndef EM_LINK_H
#define EM_LINK_H

#include "em_flow.h"
#include "em_loop.h"

struct em_relay;

enum em_side { EM_CLIENT, EM_SERVICE_SIDE, EM_SIDE_COUNT };

struct em_side_socket {
  struct em_watch watch;
  struct em_link *link;
  bool readable, writable, broken;
  bool hung_up; /* it has said all, which was not told to the other yet */
};

enum em_link_state {
  EM_LINK_OPEN,
  EM_LINK_FINISHING, /* our end is said; what the client still sends is lost */
  EM_LINK_BREAKING,  /* waits for the last bytes to leave before the reset */
  EM_LINK_CLOSED,
};

struct em_link {
  struct em_relay *relay;
  struct em_link *next, *previous;
  unsigned long long number;
  enum em_link_state state;
  struct em_side_socket sides[EM_SIDE_COUNT];
  struct em_flow flows[EM_DIRECTION_COUNT];
  struct em_watch clock;
  int64_t give_up_us; /* BREAKING: no longer than this */
  struct em_later later;
  struct em_wire_plan plan;
  bool to_head; /* the request is a HEAD */
  bool paused;  /* nothing goes on in the plan's direction */
};

/* Takes both sockets. Errors: NULL, and they are closed. */
struct em_link *em_link_new(struct em_relay *relay, int client, int service,
                            unsigned long long number);

/* At once; the loop must have ended. */
void em_link_delete(struct em_link *link);

/* Does the exchange's fault, whose place has come (em_link_fault.c). */
void em_link_strike(struct em_link *link);

/* The clock has run out (em_link_fault.c). */
void em_link_time_out(struct em_link *link);

/* Ends it: with what was passed on delivered, and a proper end. */
void em_link_finish(struct em_link *link);

/* Ends it: gone, and freed when the loop has no more events of it. */
void em_link_close(struct em_link *link);

/* Ends it with a reset, once what was passed on has left. */
void em_link_break(struct em_link *link);

#endif
