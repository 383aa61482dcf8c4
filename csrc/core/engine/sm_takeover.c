#include "sm_takeover.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sm_engine_internal.h"
#include "sm_keeper.h"

/* A step that was to go the synchronous way is a job when its row is one. */
static void become_job(struct sm_task *task) {
  const struct sm_dial dial = {.k = 0.25};
  if (task->kind == SM_TASK_JOB)
    return;
  task->kind = SM_TASK_JOB;
  sm_job_create(&task->job, &dial, task->entry->deadline_ms);
}

static void fail_sync(struct sm_engine *engine, struct sm_task *task) {
  struct sm_error e;
  sm_fail(&e, SM_UNKNOWN,
          "a synchronous submit was begun and its answer never seen");
  e.charged = SM_CHARGED_UNKNOWN;
  sm_keeper_fail(engine, task, &e);
}

static enum sm_code take_body(struct sm_task *task, const struct sm_row *row,
                              struct sm_error *e) {
  const struct sm_db_value *body = &row->value[SM_ROW_BODY];
  sm_body_delete(task->body);
  task->body = sm_body_new();
  if (!task->body)
    return sm_fail_memory(e);
  enum sm_code code = sm_body_add_text(task->body, body->text, body->size, e);
  task->entry->step->body =
      sm_body_text(task->body, &task->entry->step->body_size);
  return code;
}

/* The id of a row whose job runs, or ran, at the service; NULL: look it up. */
static const char *id_in(const struct sm_task *task, const struct sm_row *row) {
  if (sm_task_request_id(task))
    return sm_task_request_id(task);
  bool is_accepted =
      sm_row_is_in(row, "accepted") || sm_row_is_in(row, "expired");
  return is_accepted ? sm_row_text(row, SM_ROW_REQUEST_ID) : NULL;
}

/* What a process that was killed has left (M9): polled by its id, or looked up.
 */
static enum sm_code follow_row(struct sm_engine *engine, struct sm_task *task,
                               const struct sm_row *row, struct sm_error *e) {
  const char *id = id_in(task, row);
  int64_t now_ms = engine->now_ms;
  const char *ended = sm_row_text(row, SM_ROW_REQUEST_ID);
  become_job(task);
  if (!id) {
    if (ended) /* in doubt is a submit before that one: see state_after */
      sm_tasks_note_id(&engine->tasks, ended);
    enum sm_code code = take_body(task, row, e);
    return code == SM_OK
               ? sm_job_find(&task->job,
                             (int64_t)sm_row_number(row, SM_ROW_SUBMITTED_AT),
                             now_ms + engine->wall_offset_ms, now_ms, e)
               : code;
  }
  if (!task->job.request_id) {
    enum sm_code code = sm_job_attach(&task->job, id, now_ms, e);
    if (code != SM_OK)
      return code;
  }
  task->job.is_known = true;
  sm_tasks_note_id(&engine->tasks, task->job.request_id);
  return SM_OK;
}

bool sm_takeover_name(struct sm_engine *engine, struct sm_task *task,
                      const struct sm_row *row) {
  struct sm_entry *entry = task->entry;
  const char *key = sm_row_text(row, SM_ROW_STEP_KEY);
  sm_entry_be_at(entry, row);
  entry->is_leader = entry->is_ours;
  if (entry->key && strcmp(entry->key, key) == 0)
    return true;
  if (!sm_entry_name(entry, key))
    return false;
  sm_keys_add(&engine->keys, task);
  return true;
}

/* The seed that the row's picture is made with, unless the service says so. */
static void tell_seed(struct sm_task *task, double seed) {
  char digits[32];
  if (isnan(seed))
    return;
  (void)snprintf(digits, sizeof digits, "%.0f", seed);
  sm_metadata_tell(task->metadata, NULL, digits, (double)NAN, 0);
}

void sm_takeover_begin(struct sm_engine *engine, struct sm_task *task,
                       struct sm_row *row, bool is_ours) {
  struct sm_entry *entry = task->entry;
  struct sm_error e;
  sm_keeper_withdraw(engine, task);
  entry->phase = SM_ENTRY_OPEN;
  entry->is_ours = is_ours;
  entry->is_taken = true;
  entry->is_again = sm_row_number(row, SM_ROW_DOUBT) > 0;
  entry->is_waiting = false;
  entry->price = entry->step->price = sm_row_number(row, SM_ROW_PRICE);
  entry->step->seed = sm_row_number(row, SM_ROW_SEED);
  tell_seed(task, entry->step->seed);
  bool is_sync = strcmp(sm_row_text(row, SM_ROW_API), "v1") == 0;
  enum sm_code code =
      sm_takeover_name(engine, task, row) ? SM_OK : sm_fail_memory(&e);
  if (code == SM_OK && !is_sync)
    code = follow_row(engine, task, row, &e);
  sm_engine_emit_row(engine, task, row);
  if (code != SM_OK) {
    sm_keeper_fail(engine, task, &e);
  } else if (is_sync) {
    fail_sync(engine, task);
  } else {
    sm_engine_emit_state(engine, task,
                         sm_task_request_id(task) ? SM_STATE_ACCEPTED
                                                  : SM_STATE_SUBMITTING);
    if (sm_task_request_id(task))
      sm_task_shed(task);
    sm_engine_send(engine, task, engine->now_ms);
  }
}
