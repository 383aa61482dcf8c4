/* sm_queue: the requests that are due, and which of them may be sent now.
 *
 * First in, first out, in lanes: polls and other short GETs before submits
 * before transfers that last long, so that no upload and no batch of submits
 * makes a poll late; yet after some polls in a row the others get a turn, so
 * that a limited rate does not starve them. Pictures to read through wait in a
 * lane of their own, which needs no slot.
 *
 * A request waits until a slot is free for it (sm_inflight) and the pace allows
 * it (sm_pace). This queue is ours and not libcurl's, whose timeouts would
 * count the waiting. A lane whose first request is held back is closed for the
 * rest of the turn, so that nothing overtakes within a lane and a held submit
 * delays no poll.
 *
 * The queue sends nothing, takes no slot and reads no clock.
 */
#ifndef SM_QUEUE_H
#define SM_QUEUE_H

#include "sm_inflight.h"

enum sm_lane {
  SM_LANE_POLL,
  SM_LANE_SUBMIT,
  SM_LANE_HEAVY,
  SM_LANE_DIGEST,
  SM_LANES
};

struct sm_queue {
  struct sm_task *head[SM_LANES];
  struct sm_task *tail[SM_LANES];
  size_t count; /* in the lanes that need a slot */
  int polls_in_a_row;
  struct sm_pace pace;
  unsigned closed;  /* lanes, a bit for each */
  int64_t again_ms; /* the pace lets nothing go before; INT64_MAX: never */
};

/* `rpm` as sm_pace_create has it. */
void sm_queue_create(struct sm_queue *queue, double rpm, int64_t now_ms);

/* Classifies the task's next request (task->class) and appends it to the lane
 * of that class. */
void sm_queue_push(struct sm_queue *queue, struct sm_task *task);
/* Nothing happens when the task is in no lane. */
void sm_queue_remove(struct sm_queue *queue, struct sm_task *task);

/* Opens all lanes again. */
void sm_queue_open(struct sm_queue *queue);

/* Takes out the next task that may be sent now; NULL when all lanes are empty
 * or closed, and `again_ms` is when to open them again. The pace has counted
 * it. */
struct sm_task *sm_queue_next(struct sm_queue *queue,
                              const struct sm_inflight *inflight,
                              int64_t now_ms);

/* The next picture to read through, which stays where it is; or NULL. */
struct sm_task *sm_queue_digest(const struct sm_queue *queue);

/* Whether it takes a request of our own to learn if the service is well again:
 * the breaker keeps submits from an ailing service until a GET was answered
 * well, and no poll is there to be that GET. If not yet, `again_ms` is when.
 */
bool sm_queue_wants_probe(struct sm_queue *queue, int64_t now_ms);

#endif
