/* One direction of a relayed connection: bytes that came from one side and
 * wait to go to the other, the message they are part of, and how far that
 * message may go on. Knows sockets only as descriptors to read and write. */
#ifndef EM_FLOW_H
#define EM_FLOW_H

#include "em_frame.h"
#include "em_random.h"
#include "em_wire.h"

struct em_flow {
  char *data; /* start to end waits: interim, then ready, then more */
  size_t start, end, capacity;
  size_t interim;  /* interim answers before the message, not counted in it */
  size_t ready;    /* of the message at hand */
  uint64_t passed; /* of it, gone on */
  struct em_frame frame;
  bool begun; /* the message's head was read */
  bool ended; /* nothing more comes */

  int64_t stop_at;  /* no further than this byte of the message; -1: all */
  size_t keep;      /* held back until the end is known, as a place is counted
                       from there */
  uint64_t corrupt; /* so many bytes to come are replaced by random ones */
  struct em_random random;
  double rate; /* bytes a second from slow_us on, 0: as fast as can be */
  int64_t slow_us;
  uint64_t slow_passed;
  const struct em_wire_terms *script; /* bytes from here, not from a socket */
  uint64_t scripted;
};

void em_flow_create(struct em_flow *flow);
void em_flow_destroy(struct em_flow *flow);

/* Forgets what waits. */
void em_flow_drop(struct em_flow *flow);

/* After a message: the next one comes, what of it is here stays. */
void em_flow_next(struct em_flow *flow);

/* Reads once. Returns whether anything came; *readable becomes false when
 * there is nothing left to read for now. */
bool em_flow_read(struct em_flow *flow, int fd, bool *readable);

/* Finds how much of what waits is of the message at hand. */
void em_flow_frame(struct em_flow *flow);

/* The part of what waits that no message has begun with yet. */
const char *em_flow_unframed(const struct em_flow *flow, size_t *size);

/* Writes once, what may go on at this time. Returns whether anything went;
 * *writable becomes false when there is no room for now. */
bool em_flow_write(struct em_flow *flow, int fd, int64_t now_us,
                   bool *writable);

/* Sets the place of the plan's fault; call it once the message has begun. */
void em_flow_aim(struct em_flow *flow, const struct em_wire_plan *plan);

/* Has the message come to that place? */
bool em_flow_is_due(const struct em_flow *flow);

void em_flow_slow_down(struct em_flow *flow, double rate, int64_t now_us);
void em_flow_corrupt(struct em_flow *flow, uint64_t length, uint64_t seed);
/* From now on the bytes come from the terms, which must outlive the flow's
 * message. */
void em_flow_replay(struct em_flow *flow, const struct em_wire_terms *terms);

/* Microseconds until a slowed-down flow may go on; -1: it does not wait. */
int64_t em_flow_wait_us(const struct em_flow *flow, int64_t now_us);

static inline size_t em_flow_waiting(const struct em_flow *flow) {
  return flow->end - flow->start;
}

/* The message's size, 0 while nobody can know. */
uint64_t em_flow_total(const struct em_flow *flow);

/* Is all of the message here, or all of it gone? */
static inline bool em_flow_is_whole(const struct em_flow *flow) {
  return flow->begun && flow->frame.state == EM_FRAME_DONE;
}
static inline bool em_flow_is_done(const struct em_flow *flow) {
  return em_flow_is_whole(flow) && !flow->ready;
}

#endif
