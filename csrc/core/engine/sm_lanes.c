#include "sm_lanes.h"

#define POLLS_BEFORE_OTHERS 4

enum sm_lane sm_lane_of(const struct sm_task *task) {
  if (task->digest)
    return SM_LANE_DIGEST;
  if (task->kind == SM_TASK_JOB)
    return task->job.phase == SM_PHASE_SUBMIT ? SM_LANE_SUBMIT : SM_LANE_POLL;
  return task->call.kind == SM_FETCH_GET ? SM_LANE_POLL : SM_LANE_HEAVY;
}

void sm_lanes_push(struct sm_lanes *lanes, struct sm_task *task) {
  enum sm_lane lane = sm_lane_of(task);
  task->next = NULL;
  task->previous = lanes->tail[lane];
  if (task->previous)
    task->previous->next = task;
  else
    lanes->head[lane] = task;
  lanes->tail[lane] = task;
  task->is_ready = true;
  lanes->count += lane != SM_LANE_DIGEST;
}

static void count_turn(struct sm_lanes *lanes, enum sm_lane lane) {
  if (lane == SM_LANE_POLL)
    lanes->polls_in_a_row++;
  else
    lanes->polls_in_a_row = 0;
}

void sm_lanes_remove(struct sm_lanes *lanes, struct sm_task *task) {
  enum sm_lane lane = sm_lane_of(task);
  if (!task->is_ready)
    return;
  if (task->previous)
    task->previous->next = task->next;
  else
    lanes->head[lane] = task->next;
  if (task->next)
    task->next->previous = task->previous;
  else
    lanes->tail[lane] = task->previous;
  task->next = task->previous = NULL;
  task->is_ready = false;
  lanes->count -= lane != SM_LANE_DIGEST;
  count_turn(lanes, lane);
}

static struct sm_task *open_head(const struct sm_lanes *lanes, unsigned closed,
                                 enum sm_lane lane) {
  return closed & 1U << lane ? NULL : lanes->head[lane];
}

struct sm_task *sm_lanes_next(const struct sm_lanes *lanes, unsigned closed) {
  struct sm_task *poll = open_head(lanes, closed, SM_LANE_POLL);
  struct sm_task *rest = open_head(lanes, closed, SM_LANE_SUBMIT);
  if (!rest)
    rest = open_head(lanes, closed, SM_LANE_HEAVY);
  if (!poll || (rest && lanes->polls_in_a_row >= POLLS_BEFORE_OTHERS))
    return rest;
  return poll;
}
