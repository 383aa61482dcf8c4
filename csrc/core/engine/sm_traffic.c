#include "sm_traffic.h"

#include <string.h>

bool sm_traffic_create(struct sm_traffic *traffic,
                       const struct sm_transport *transport,
                       const struct sm_limits *limits, int max_transfers) {
  *traffic = (struct sm_traffic){.transport = *transport, .limits = *limits};
  return sm_slots_create(&traffic->slots, max_transfers);
}

void sm_traffic_destroy(struct sm_traffic *traffic) {
  sm_slots_destroy(&traffic->slots, &traffic->transport);
}

static enum sm_code dispatch(struct sm_traffic *traffic, struct sm_task *task,
                             int64_t now_ms, struct sm_error *e) {
  struct sm_exchange *exchange = task->exchange;
  if (!sm_task_arm(task))
    return sm_fail_memory(e);
  enum sm_code code =
      sm_task_http_prepare(task, exchange, &traffic->limits, now_ms, e);
  if (code != SM_OK)
    return code;
  return traffic->transport.start(traffic->transport.self, exchange, e);
}

static void count(struct sm_traffic *traffic, const struct sm_task *task) {
  traffic->transfers++;
  traffic->submits += sm_task_http_is_submit(task);
  traffic->polls +=
      task->kind == SM_TASK_JOB && task->job.phase != SM_PHASE_SUBMIT;
}

void sm_traffic_hold(struct sm_traffic *traffic, struct sm_task *task) {
  task->exchange = sm_slots_take(&traffic->slots, sm_task_http_is_heavy(task));
  task->exchange->owner = task;
}

enum sm_code sm_traffic_start(struct sm_traffic *traffic, struct sm_task *task,
                              int64_t now_ms, struct sm_error *e) {
  if (!task->exchange)
    sm_traffic_hold(traffic, task);
  enum sm_code code = dispatch(traffic, task, now_ms, e);
  if (code == SM_OK)
    count(traffic, task);
  return code;
}

struct sm_exchange *sm_traffic_finished(struct sm_traffic *traffic) {
  return traffic->transport.finished(traffic->transport.self);
}

bool sm_traffic_cut(struct sm_traffic *traffic, struct sm_task *task) {
  if (!task->exchange)
    return false;
  traffic->transport.cancel(traffic->transport.self, task->exchange);
  return task->exchange->answer.was_sent;
}

void sm_traffic_leave(struct sm_traffic *traffic, struct sm_task *task) {
  if (!task->exchange)
    return;
  sm_slots_give_back(&traffic->slots, task->exchange,
                     sm_task_http_is_heavy(task));
  task->exchange = NULL;
}

static bool is_awaited(const struct sm_task *task, const char *model) {
  return task && task->model && task->body && sm_task_http_is_submit(task) &&
         strcmp(task->model->name, model) == 0;
}

const char *sm_traffic_awaited(const struct sm_traffic *traffic,
                               const char *model, int n, size_t *size) {
  const struct sm_slots *slots = &traffic->slots;
  for (int i = 0; i < slots->count; i++) {
    const struct sm_task *task = slots->all[i].owner;
    const char *text =
        is_awaited(task, model) ? sm_body_text(task->body, size) : NULL;
    if (text && n-- == 0)
      return text;
  }
  return NULL;
}
