/* sm_tasks: every task by its id, and every model by its name.
 */
#ifndef SM_TASKS_H
#define SM_TASKS_H

#include "sm_task.h"

/* Some 4000 of the last ids are remembered, as hashes: the answer to a submit
 * that repeats one is no answer to it. In short rows, for one is looked for
 * with every submit. */
#define SM_RECENT_ROWS 512
#define SM_RECENT_IN_ROW 8

struct sm_tasks {
  uint64_t recent[SM_RECENT_ROWS][SM_RECENT_IN_ROW];
  struct sm_task **buckets;
  size_t bucket_count; /* a power of two */
  size_t task_count;
  struct sm_model *models;
};

void sm_tasks_create(struct sm_tasks *tasks);
/* Frees the models and the table; the tasks must be gone. */
void sm_tasks_destroy(struct sm_tasks *tasks);

/* False without memory. */
bool sm_tasks_add(struct sm_tasks *tasks, struct sm_task *task);
void sm_tasks_remove(struct sm_tasks *tasks, struct sm_task *task);
struct sm_task *sm_tasks_find(const struct sm_tasks *tasks, uint64_t id);

/* The model of that name, made with `mean_s` if it is new; NULL without
 * memory. */
struct sm_model *sm_tasks_model(struct sm_tasks *tasks, const char *name,
                                double mean_s);

void sm_tasks_note_id(struct sm_tasks *tasks, const char *request_id);
bool sm_tasks_has_id(const struct sm_tasks *tasks, const char *request_id);

#endif
