#include "sm_queue.h"

#include "sm_task_http.h"

#define UNTIL_A_TRANSFER_ENDS INT64_MAX

void sm_queue_create(struct sm_queue *queue, double rpm, int64_t now_ms) {
  *queue = (struct sm_queue){.again_ms = INT64_MAX};
  sm_pace_create(&queue->pace, rpm, now_ms);
}

void sm_queue_open(struct sm_queue *queue) {
  queue->closed = 0;
  queue->again_ms = INT64_MAX;
}

static void come_again(struct sm_queue *queue, int64_t at_ms) {
  if (at_ms < queue->again_ms)
    queue->again_ms = at_ms;
}

/* What the pace says; a picture's download is no request to the gateway. */
static int64_t pace_of(struct sm_queue *queue, const struct sm_task *task,
                       int64_t now_ms) {
  if (task->kind == SM_TASK_CALL && task->call.kind == SM_FETCH_DOWNLOAD)
    return 0;
  return sm_pace_take(&queue->pace, sm_task_http_is_submit(task), now_ms);
}

struct sm_task *sm_queue_next(struct sm_queue *queue,
                              const struct sm_slots *slots, int64_t now_ms) {
  struct sm_task *task;
  while ((task = sm_lanes_next(&queue->lanes, queue->closed)) != NULL) {
    int64_t wait_ms = UNTIL_A_TRANSFER_ENDS;
    if (sm_slots_has_room(slots, sm_task_http_is_heavy(task)))
      wait_ms = pace_of(queue, task, now_ms);
    if (wait_ms == 0) {
      sm_lanes_remove(&queue->lanes, task);
      return task;
    }
    queue->closed |= 1U << sm_lane_of(task);
    if (wait_ms != UNTIL_A_TRANSFER_ENDS)
      come_again(queue, now_ms + wait_ms);
  }
  return NULL;
}

bool sm_queue_wants_probe(struct sm_queue *queue, int64_t now_ms) {
  const struct sm_pace *pace = &queue->pace;
  if (!queue->lanes.head[SM_LANE_SUBMIT] || queue->lanes.head[SM_LANE_POLL] ||
      !sm_pace_is_open(pace, now_ms))
    return false;
  if (now_ms >= pace->probe_ms)
    return true;
  come_again(queue, pace->probe_ms);
  return false;
}
