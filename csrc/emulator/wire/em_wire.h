/* Faults of the wire, scripted by tests over /_emulator/wire and applied by the
 * links of the relay (em_link):
 *
 *   {"match": {"kind": "submit", "nth": 2},
 *    "direction": "response", "at": 17, "action": "close"}
 *
 * doc/emulator.md has the format. What a rule leaves to chance follows from its
 * seed and number, the kind of the exchange and its number among those of its
 * kind: never from the time or from other kinds, so that the third submit meets
 * the same fault in every run, however often was polled. The first rule that
 * applies is used, and only that one, once an exchange. Thread-safe. */
#ifndef EM_WIRE_H
#define EM_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "em_endpoints.h"
#include "em_loop.h"
#include "em_rules.h"

enum em_direction { EM_REQUEST, EM_RESPONSE, EM_DIRECTION_COUNT };

enum em_wire_action {
  EM_WIRE_CLOSE,
  EM_WIRE_RESET,
  EM_WIRE_STALL,
  EM_WIRE_DELAY,
  EM_WIRE_TRICKLE,
  EM_WIRE_GARBAGE,
  EM_WIRE_REPLACE,
  EM_WIRE_ACTION_COUNT
};

struct em_wire;
struct em_wire_rule;

/* What the actions need to know; read from the rule when it is made. */
struct em_wire_terms {
  int64_t seconds_us;
  double rate;     /* bytes a second, 0: as fast as can be */
  uint64_t length; /* UINT64_MAX: all that follow */
  struct em_bytes bytes;
  uint64_t total; /* of them all, repeated; UINT64_MAX: endless */
};

/* An exchange, and what shall become of it. */
struct em_wire_plan {
  unsigned long long exchange, connection; /* from 1 on */
  unsigned long long of_kind;              /* its number among its kind */
  enum em_endpoint endpoint;
  char path[512];

  struct em_wire_rule *rule;         /* a reference; NULL: all goes well */
  const struct em_wire_terms *terms; /* of the rule */
  enum em_direction direction;
  enum em_wire_action action;
  bool anywhere; /* at a random place: this part of the message */
  double part;
  int64_t at; /* else here */
  uint64_t seed;
};

struct em_wire *em_wire_new(uint64_t seed);
void em_wire_delete(struct em_wire *wire);

/* Its rules, to be added to, listed and cleared. */
struct em_rules *em_wire_rules(struct em_wire *wire);

/* Forgets rules, log and numbers: what is drawn then repeats. */
void em_wire_reset(struct em_wire *wire);

/* The seed, the counts, and every fault that was done, oldest first, without
 * the first `from`, as JSON. */
json_t *em_wire_log_tree(struct em_wire *wire, size_t from);

/* Counts the exchange; fills in the plan but its connection.
 * Ownership: dropped by em_wire_drop. */
void em_wire_match(struct em_wire *wire, const char *path,
                   struct em_wire_plan *plan);
void em_wire_drop(struct em_wire_plan *plan);

/* Notes that the fault was done before that byte of a message of `total`
 * (0: not known). */
void em_wire_log(struct em_wire *wire, const struct em_wire_plan *plan,
                 uint64_t byte, uint64_t total);

/* The faulty wire: a second listener of the service, through which
 * every byte passes as it is until a rule (em_wire) says otherwise. One thread
 * (em_loop), one connection to the service for each of a client. Of a service
 * that speaks TLS the relay sees no exchanges: rules without a kind and without
 * places counted from the end apply, once a connection. */
struct em_relay;

/* Listens on 127.0.0.1:*port, 0: any free one, and connects to the service's.
 * Errors: NULL and a message. */
struct em_relay *em_relay_new(struct em_loop *loop, struct em_wire *wire,
                              int *port, int service_port,
                              struct em_error *error);

/* Ends all connections. The loop must have ended. */
void em_relay_delete(struct em_relay *relay);

#endif
