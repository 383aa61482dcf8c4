#include "sm_saving.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sm_engine_internal.h"
#include "sm_result.h"

/* The figures of the headers, and over them those of the result; the seed that
 * was sent is told already. */
static void describe(const struct sm_engine *engine, struct sm_task *task,
                     const struct sm_result *result) {
  const struct sm_event *event = task->last;
  char seed[32];
  (void)snprintf(seed, sizeof seed, "%.0f", result->seed); /* "nan": none */
  sm_metadata_tell(task->metadata, event->request_id, event->seed, event->cost,
                   engine->now_ms + engine->wall_offset_ms);
  sm_metadata_tell(task->metadata, NULL, seed, result->cost, 0);
  sm_file_describe(task->file, task->metadata);
}

bool sm_saving_begin(struct sm_engine *engine, struct sm_task *task) {
  const struct sm_event *event = task->last;
  struct sm_result result;
  struct sm_error e;
  if (task->kind != SM_TASK_JOB || !task->save || !event->body ||
      !sm_result_read(&result, event->body, event->body_size))
    return false;
  char *url = strndup(result.address.text, result.address.size);
  enum sm_code code = url ? sm_file_new(&task->file, task->save, false, &e)
                          : sm_fail_memory(&e);
  if (code != SM_OK) {
    free(url);
    sm_task_note_trouble(task, &e);
    return false;
  }
  describe(engine, task, &result);
  sm_inflight_leave(&engine->inflight, task);
  sm_task_become_download(task, url, sm_task_deadline_ms(task), engine->now_ms);
  sm_engine_emit_state(engine, task, SM_STATE_SAVING);
  sm_engine_send(engine, task, engine->now_ms);
  return true;
}
