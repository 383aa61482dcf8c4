/* One thread that waits for many descriptors: those of the faulty wire
 * (em_relay) and of the foreign host (em_foreign).
 *
 * Descriptors are watched edge-triggered, once and for all: who is called
 * remembers what is ready until a read or a write says otherwise. Calls come
 * from the loop's thread only. What has more to do than is fair in one call,
 * or wants to be freed while events for it may still be on their way, asks to
 * be called again later. */
#ifndef EM_LOOP_H
#define EM_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "em_text.h"

struct em_watch {
  int fd; /* -1: none */
  void (*ready)(void *owner, uint32_t events);
  void *owner;
  struct em_watch *next; /* of those to be called later */
  bool waits;
};

struct em_loop;

/* Errors: NULL without descriptors or memory. */
struct em_loop *em_loop_new(void);

/* Errors: -1. */
int em_loop_start(struct em_loop *loop);

/* Joins the thread; then what was watched can be freed. May be called twice. */
void em_loop_stop(struct em_loop *loop);
void em_loop_delete(struct em_loop *loop);

/* Watches for reading and writing. Closing the descriptor ends it.
 * Errors: -1. */
int em_loop_watch(struct em_loop *loop, struct em_watch *watch);

/* Calls ready with no events, whether the watch has a descriptor or not, once
 * the events at hand are done with. */
void em_loop_later(struct em_loop *loop, struct em_watch *watch);

/* Listens (see em_listen) and watches. Errors: -1 and why. */
int em_loop_listen(struct em_loop *loop, struct em_watch *watch, int *port,
                   struct em_error *error);

/* One shot of a clock that is made when it is first set (its fd -1 before).
 * It is over when the descriptor is ready; setting it again moves it. */
int em_loop_set_clock(struct em_loop *loop, struct em_watch *clock,
                      int64_t from_now_us);

/* Closes and forgets the descriptor; one of -1 is fine. */
void em_watch_close(struct em_watch *watch);

/* Listens on 127.0.0.1:*port, on loopback and nowhere else, without blocking; 0
 * becomes the port found. Errors: -1 and why. */
int em_listen(int *port, struct em_error *error);

#endif
