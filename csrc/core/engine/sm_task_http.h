/* sm_task_http: a task's next request, and what its answer makes of the task.
 *
 * The bridge between what the engine schedules (tasks) and what the transport
 * carries (transfers). It holds no state of its own: it writes a request from a
 * task, asks the task's state machine about an answer, and fills the event that
 * ends a task.
 */
#ifndef SM_TASK_HTTP_H
#define SM_TASK_HTTP_H

#include "sm_task.h"

struct sm_limits {
  const struct sm_base *base;
  const char *const *media_hosts; /* NULL-terminated, or NULL */
  size_t max_json_bytes;
  size_t max_image_bytes;
};

/* Writes url and request of the task's next exchange. Errors: SM_SECURITY for
 * an address that may not be fetched, SM_IO. */
enum sm_code sm_task_http_prepare(struct sm_task *task,
                                  struct sm_exchange *exchange,
                                  const struct sm_limits *limits,
                                  int64_t now_ms, struct sm_error *e);

/* Asks the task's state machine. */
void sm_task_http_judge(struct sm_task *task, struct sm_exchange *exchange,
                        const struct sm_context *context,
                        struct sm_action *action);

/* Fills the task's last event from the answer that ended it well; may turn the
 * action into a failure (a file that cannot be renamed, say). */
void sm_task_http_settle(struct sm_task *task, struct sm_exchange *exchange,
                         struct sm_action *action);

/* The same of the file alone, which is renamed. */
void sm_task_http_settle_file(struct sm_task *task, struct sm_action *action);

/* Fills the task's last event with an error. `exchange` may be NULL. */
void sm_task_http_fail(struct sm_task *task, struct sm_exchange *exchange,
                       const struct sm_error *error);

#endif
