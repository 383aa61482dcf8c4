/* sm_lanes: what is due and waits for a slot.
 *
 * First in, first out, in lanes: polls and other short GETs before submits
 * before transfers that last long, so that no upload and no batch of submits
 * makes a poll late; yet after some polls in a row the others get a turn, so
 * that a limited rate does not starve them. Pictures to read through wait in a
 * lane of their own, which needs no slot.
 */
#ifndef SM_LANES_H
#define SM_LANES_H

#include "sm_task.h"

enum sm_lane {
  SM_LANE_POLL,
  SM_LANE_SUBMIT,
  SM_LANE_HEAVY,
  SM_LANE_DIGEST,
  SM_LANES
};

struct sm_lanes {
  struct sm_task *head[SM_LANES];
  struct sm_task *tail[SM_LANES];
  size_t count; /* in the lanes that need a slot */
  int polls_in_a_row;
};

/* The lane of a task as it stands: a job changes lanes when it is accepted. */
enum sm_lane sm_lane_of(const struct sm_task *task);

void sm_lanes_push(struct sm_lanes *lanes, struct sm_task *task);
/* Nothing happens when the task is in no lane. */
void sm_lanes_remove(struct sm_lanes *lanes, struct sm_task *task);

/* Who is next, among the lanes whose bit in `closed` is not set, or NULL. */
struct sm_task *sm_lanes_next(const struct sm_lanes *lanes, unsigned closed);

#endif
