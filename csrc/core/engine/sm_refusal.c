#include "sm_refusal.h"

#include "sm_engine_internal.h"
#include "sm_keeper.h"

static bool is_refusal(const struct sm_task *task, const struct sm_error *e) {
  return (e->code == SM_AUTH || e->code == SM_NO_CREDITS) && e->status &&
         task->entry->phase == SM_ENTRY_OPEN && !sm_task_request_id(task);
}

/* Those that are not sent yet would be refused one by one. They are held back
 * until the host has heard of the first; HTTP 403 is about one model. */
static void hold_back(struct sm_engine *engine, const struct sm_task *refused,
                      const struct sm_error *e) {
  sm_fail(&engine->refusal, e->code, "not sent, as another was refused: %.400s",
          e->message);
  engine->refusal.is_retryable = e->is_retryable;
  for (size_t i = 0; i < engine->timers.count; i++) {
    struct sm_task *task = sm_engine_task_at(engine, i);
    bool is_met = e->status != 403 || task->model == refused->model;
    if (!is_met || !task->entry || task->entry->phase > SM_ENTRY_CLAIM)
      continue;
    task->entry->is_refused = true;
    if (task->entry->phase != SM_ENTRY_READY)
      continue;
    sm_keeper_withdraw(engine, task);
    task->entry->phase = SM_ENTRY_WAIT;
  }
}

void sm_refusal_note(struct sm_engine *engine, const struct sm_task *task,
                     const struct sm_error *e) {
  if (is_refusal(task, e))
    hold_back(engine, task, e);
}

/* Whether there was any: a task that ends moves the others. */
static bool refuse_some(struct sm_engine *engine) {
  bool is_any = false;
  for (size_t i = 0; i < engine->timers.count; i++) {
    struct sm_task *task = sm_engine_task_at(engine, i);
    if (!task->entry || !task->entry->is_refused)
      continue;
    task->entry->is_refused = false;
    is_any = true;
    if (task->entry->phase <= SM_ENTRY_CLAIM)
      sm_keeper_fail(engine, task, &engine->refusal);
  }
  return is_any;
}

void sm_refusal_end_others(struct sm_engine *engine) {
  if (engine->refusal.code == SM_OK || engine->is_stopping)
    return;
  while (refuse_some(engine))
    ;
  engine->refusal.code = SM_OK;
}
