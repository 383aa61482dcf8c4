#include "sm_queue.h"

#define POLLS_BEFORE_OTHERS 4
#define UNTIL_A_TRANSFER_ENDS INT64_MAX

void sm_queue_create(struct sm_queue *queue, double rpm, int64_t now_ms) {
  *queue = (struct sm_queue){.again_ms = INT64_MAX};
  sm_pace_create(&queue->pace, rpm, now_ms);
}

/* -- lanes --------------------------------------------------------------- */

static enum sm_request_class class_of(const struct sm_task *task) {
  static const enum sm_request_class fetches[] = {
      [SM_FETCH_GET] = SM_CLASS_POLL,
      [SM_FETCH_UPLOAD] = SM_CLASS_UPLOAD,
      [SM_FETCH_SYNC] = SM_CLASS_SYNC,
      [SM_FETCH_DOWNLOAD] = SM_CLASS_DOWNLOAD,
  };
  if (task->digest)
    return SM_CLASS_DIGEST;
  if (task->kind == SM_TASK_JOB)
    return task->job.phase == SM_PHASE_SUBMIT ? SM_CLASS_SUBMIT : SM_CLASS_POLL;
  return fetches[task->call.kind];
}

static enum sm_lane lane_of(const struct sm_task *task) {
  static const enum sm_lane lanes[] = {
      [SM_CLASS_POLL] = SM_LANE_POLL,      [SM_CLASS_SUBMIT] = SM_LANE_SUBMIT,
      [SM_CLASS_SYNC] = SM_LANE_HEAVY,     [SM_CLASS_UPLOAD] = SM_LANE_HEAVY,
      [SM_CLASS_DOWNLOAD] = SM_LANE_HEAVY, [SM_CLASS_DIGEST] = SM_LANE_DIGEST,
  };
  return lanes[task->class];
}

void sm_queue_push(struct sm_queue *queue, struct sm_task *task) {
  task->class = class_of(task);
  enum sm_lane lane = lane_of(task);
  task->next = NULL;
  task->previous = queue->tail[lane];
  if (task->previous)
    task->previous->next = task;
  else
    queue->head[lane] = task;
  queue->tail[lane] = task;
  task->is_ready = true;
  queue->count += lane != SM_LANE_DIGEST;
}

static void count_turn(struct sm_queue *queue, enum sm_lane lane) {
  if (lane == SM_LANE_POLL)
    queue->polls_in_a_row++;
  else
    queue->polls_in_a_row = 0;
}

void sm_queue_remove(struct sm_queue *queue, struct sm_task *task) {
  enum sm_lane lane = lane_of(task);
  if (!task->is_ready)
    return;
  if (task->previous)
    task->previous->next = task->next;
  else
    queue->head[lane] = task->next;
  if (task->next)
    task->next->previous = task->previous;
  else
    queue->tail[lane] = task->previous;
  task->next = task->previous = NULL;
  task->is_ready = false;
  queue->count -= lane != SM_LANE_DIGEST;
  count_turn(queue, lane);
}

static struct sm_task *open_head(const struct sm_queue *queue,
                                 enum sm_lane lane) {
  return queue->closed & 1U << lane ? NULL : queue->head[lane];
}

static struct sm_task *first_in_turn(const struct sm_queue *queue) {
  struct sm_task *poll = open_head(queue, SM_LANE_POLL);
  struct sm_task *rest = open_head(queue, SM_LANE_SUBMIT);
  if (!rest)
    rest = open_head(queue, SM_LANE_HEAVY);
  if (!poll || (rest && queue->polls_in_a_row >= POLLS_BEFORE_OTHERS))
    return rest;
  return poll;
}

struct sm_task *sm_queue_digest(const struct sm_queue *queue) {
  return queue->head[SM_LANE_DIGEST];
}

/* -- what may be sent ---------------------------------------------------- */

void sm_queue_open(struct sm_queue *queue) {
  queue->closed = 0;
  queue->again_ms = INT64_MAX;
}

static void come_again(struct sm_queue *queue, int64_t at_ms) {
  if (at_ms < queue->again_ms)
    queue->again_ms = at_ms;
}

/* A picture's download is no request to the service. */
static int64_t take_pace(struct sm_queue *queue, enum sm_request_class class,
                         int64_t now_ms) {
  if (class == SM_CLASS_DOWNLOAD)
    return 0;
  return sm_pace_take(&queue->pace, sm_class_is_submit(class), now_ms);
}

struct sm_task *sm_queue_next(struct sm_queue *queue,
                              const struct sm_inflight *inflight,
                              int64_t now_ms) {
  struct sm_task *task;
  while ((task = first_in_turn(queue)) != NULL) {
    int64_t wait_ms = UNTIL_A_TRANSFER_ENDS;
    if (sm_inflight_has_room(inflight, task->class))
      wait_ms = take_pace(queue, task->class, now_ms);
    if (wait_ms == 0) {
      sm_queue_remove(queue, task);
      return task;
    }
    queue->closed |= 1U << lane_of(task);
    if (wait_ms != UNTIL_A_TRANSFER_ENDS)
      come_again(queue, now_ms + wait_ms);
  }
  return NULL;
}

bool sm_queue_wants_probe(struct sm_queue *queue, int64_t now_ms) {
  const struct sm_pace *pace = &queue->pace;
  if (!queue->head[SM_LANE_SUBMIT] || queue->head[SM_LANE_POLL] ||
      !sm_pace_is_open(pace, now_ms))
    return false;
  if (now_ms >= pace->probe_ms)
    return true;
  come_again(queue, pace->probe_ms);
  return false;
}
