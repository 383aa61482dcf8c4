#include "sm_task.h"

#include <stdlib.h>
#include <string.h>

/* A download of what was paid has at least so long. */
#define LEAST_FETCH_MS 1000

static bool reserve_error(struct sm_event *event) {
  if (!event->error)
    event->error = calloc(1, sizeof *event->error);
  return event->error != NULL;
}

struct sm_task *sm_task_new(enum sm_task_kind kind, const char *target) {
  struct sm_task *task = calloc(1, sizeof *task);
  if (!task)
    return NULL;
  task->kind = kind;
  sm_timer_create(&task->timer);
  task->target = strdup(target);
  task->last = sm_event_new(0);
  if (task->target && task->last &&
      (kind == SM_TASK_JOB || reserve_error(task->last)))
    return task;
  sm_task_delete(task);
  return NULL;
}

void sm_task_delete(struct sm_task *task) {
  if (!task)
    return;
  if (task->kind == SM_TASK_JOB)
    sm_job_destroy(&task->job);
  sm_digest_delete(task->digest);
  sm_entry_delete(task->entry);
  sm_body_delete(task->body);
  sm_file_delete(task->file);
  sm_metadata_delete(task->metadata);
  sm_event_delete(task->first);
  sm_event_delete(task->last);
  free(task->save);
  free(task->target);
  free(task);
}

bool sm_task_enter(struct sm_task *task, struct sm_entry *entry) {
  task->entry = entry;
  if (entry && !task->last->step)
    task->last->step = calloc(1, sizeof *task->last->step);
  return entry && task->last->step;
}

static bool arm_job(struct sm_task *task) {
  if (!task->first)
    task->first = sm_event_new(0);
  return task->first && sm_event_reserve(&task->first) &&
         sm_job_reserve(&task->job) && reserve_error(task->last);
}

bool sm_task_arm(struct sm_task *task) {
  if (task->kind == SM_TASK_JOB)
    return task->job.request_id || arm_job(task);
  return task->kind != SM_TASK_CALL || task->call.kind != SM_FETCH_SYNC ||
         sm_event_reserve(&task->last);
}

void sm_task_become_download(struct sm_task *task, char *url,
                             int64_t deadline_ms, int64_t now_ms) {
  int64_t least = now_ms + LEAST_FETCH_MS;
  if (task->kind == SM_TASK_JOB)
    sm_job_destroy(&task->job);
  task->kind = SM_TASK_CALL;
  sm_fetch_create(&task->call, SM_FETCH_DOWNLOAD,
                  deadline_ms > least ? deadline_ms : least);
  free(task->target);
  task->target = url;
}

void sm_task_note_trouble(struct sm_task *task, const struct sm_error *e) {
  struct sm_event *event = task->last;
  if (!event->error)
    event->error = malloc(sizeof *event->error);
  if (!event->error)
    return;
  *event->error = *e;
  event->error->charged = SM_CHARGED_YES;
}

static bool is_download(const struct sm_task *task) {
  return sm_task_is_saving(task) ||
         (task->kind == SM_TASK_CALL && task->entry &&
          task->call.kind == SM_FETCH_DOWNLOAD);
}

const char *sm_task_request_id(const struct sm_task *task) {
  if (task->kind == SM_TASK_JOB && task->job.request_id)
    return task->job.request_id;
  return task->kind == SM_TASK_JOB || is_download(task) ? task->last->request_id
                                                        : NULL;
}

enum sm_code sm_task_step_digest(struct sm_task *task, bool *is_over,
                                 struct sm_error *e) {
  char hex[SM_SHA256_HEX];
  enum sm_code code = sm_digest_step(task->digest, is_over, hex, e);
  if (code != SM_OK || !*is_over)
    return code;
  free(task->last->sha256);
  task->last->sha256 = strdup(hex);
  return task->last->sha256 ? SM_OK : sm_fail_memory(e);
}

/* An error that comes without words later is still one with an id, and so it
 * cannot be taken for one that cost nothing. */
void sm_task_shed(struct sm_task *task) {
  if (task->entry)
    sm_entry_shed(task->entry);
  sm_body_delete(task->body);
  task->body = NULL;
  sm_event_delete(task->first);
  task->first = NULL;
  if (task->last->error && task->last->error->code == SM_OK) {
    free(task->last->error);
    task->last->error = NULL;
  }
}

int64_t sm_task_deadline_ms(const struct sm_task *task) {
  if (task->entry && sm_entry_is_over(task->entry))
    return INT64_MAX;
  switch (task->kind) {
  case SM_TASK_JOB:
    return sm_job_deadline_ms(&task->job);
  case SM_TASK_CALL:
    return task->call.deadline_ms;
  default:
    return INT64_MAX;
  }
}
