#include "sm_inflight.h"

#include <stdlib.h>
#include <string.h>

/* -- slots --------------------------------------------------------------- */

bool sm_inflight_create(struct sm_inflight *inflight,
                        const struct sm_transport *transport,
                        const struct sm_limits *limits, int max_transfers) {
  *inflight = (struct sm_inflight){
      .transport = *transport,
      .limits = *limits,
      .slots = calloc((size_t)max_transfers, sizeof *inflight->slots)};
  if (!inflight->slots)
    return false;
  inflight->slot_count = max_transfers;
  for (int i = max_transfers; i-- > 0;) {
    sm_exchange_create(&inflight->slots[i]);
    inflight->slots[i].next = inflight->idle;
    inflight->idle = &inflight->slots[i];
  }
  return true;
}

void sm_inflight_destroy(struct sm_inflight *inflight) {
  const struct sm_transport *transport = &inflight->transport;
  for (int i = 0; i < inflight->slot_count; i++) {
    transport->release(transport->self, &inflight->slots[i]);
    sm_exchange_destroy(&inflight->slots[i]);
  }
  free(inflight->slots);
  memset(inflight, 0, sizeof *inflight);
}

bool sm_inflight_has_room(const struct sm_inflight *inflight,
                          enum sm_request_class class) {
  int reserve = inflight->slot_count / 4;
  return inflight->idle && (!sm_class_is_heavy(class) ||
                            inflight->heavy < inflight->slot_count - reserve);
}

void sm_inflight_hold(struct sm_inflight *inflight, struct sm_task *task) {
  struct sm_exchange *exchange = inflight->idle;
  inflight->idle = exchange->next;
  inflight->active++;
  inflight->heavy += sm_class_is_heavy(task->class);
  task->exchange = exchange;
  exchange->owner = task;
}

void sm_inflight_leave(struct sm_inflight *inflight, struct sm_task *task) {
  struct sm_exchange *exchange = task->exchange;
  if (!exchange)
    return;
  sm_exchange_reset(exchange);
  exchange->next = inflight->idle;
  inflight->idle = exchange;
  inflight->active--;
  inflight->heavy -= sm_class_is_heavy(task->class);
  task->exchange = NULL;
}

/* -- sending ------------------------------------------------------------- */

static enum sm_code dispatch(struct sm_inflight *inflight, struct sm_task *task,
                             int64_t now_ms, struct sm_error *e) {
  struct sm_exchange *exchange = task->exchange;
  if (!sm_task_arm(task))
    return sm_fail_memory(e);
  enum sm_code code =
      sm_task_http_prepare(task, exchange, &inflight->limits, now_ms, e);
  if (code != SM_OK)
    return code;
  return inflight->transport.start(inflight->transport.self, exchange, e);
}

static void count(struct sm_inflight *inflight, const struct sm_task *task) {
  inflight->transfers++;
  inflight->submits += sm_class_is_submit(task->class);
  inflight->polls += task->kind == SM_TASK_JOB && task->class == SM_CLASS_POLL;
}

enum sm_code sm_inflight_start(struct sm_inflight *inflight,
                               struct sm_task *task, int64_t now_ms,
                               struct sm_error *e) {
  if (!task->exchange)
    sm_inflight_hold(inflight, task);
  enum sm_code code = dispatch(inflight, task, now_ms, e);
  if (code == SM_OK)
    count(inflight, task);
  return code;
}

struct sm_exchange *sm_inflight_finished(struct sm_inflight *inflight) {
  return inflight->transport.finished(inflight->transport.self);
}

bool sm_inflight_cut(struct sm_inflight *inflight, struct sm_task *task) {
  if (!task->exchange)
    return false;
  inflight->transport.cancel(inflight->transport.self, task->exchange);
  return task->exchange->answer.was_sent;
}

/* -- submits whose answer is awaited ------------------------------------- */

static bool is_awaited(const struct sm_task *task, const char *model) {
  return task && task->model && task->body && sm_class_is_submit(task->class) &&
         strcmp(task->model->name, model) == 0;
}

const char *sm_inflight_awaited(const struct sm_inflight *inflight,
                                const char *model, int n, size_t *size) {
  for (int i = 0; i < inflight->slot_count; i++) {
    const struct sm_task *task = inflight->slots[i].owner;
    const char *text =
        is_awaited(task, model) ? sm_body_text(task->body, size) : NULL;
    if (text && n-- == 0)
      return text;
  }
  return NULL;
}
