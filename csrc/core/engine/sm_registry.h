/* sm_registry: every task by its id, and every model by its name.
 */
#ifndef SM_REGISTRY_H
#define SM_REGISTRY_H

#include "sm_task.h"

/* Some 4000 of the last ids are remembered, as hashes: the answer to a submit
 * that repeats one is no answer to it. In short rows, for one is looked for
 * with every submit. */
#define SM_RECENT_ROWS 512
#define SM_RECENT_IN_ROW 8

struct sm_registry {
  uint64_t recent[SM_RECENT_ROWS][SM_RECENT_IN_ROW];
  struct sm_task **buckets;
  size_t bucket_count; /* a power of two */
  size_t task_count;
  struct sm_model *models;
};

void sm_registry_create(struct sm_registry *registry);
/* Frees the models and the table; the tasks must be gone. */
void sm_registry_destroy(struct sm_registry *registry);

/* False without memory. */
bool sm_registry_add(struct sm_registry *registry, struct sm_task *task);
void sm_registry_remove(struct sm_registry *registry, struct sm_task *task);
struct sm_task *sm_registry_find(const struct sm_registry *registry,
                                 uint64_t id);

/* The model of that name, made with `mean_s` if it is new; NULL without
 * memory. */
struct sm_model *sm_registry_model(struct sm_registry *registry,
                                   const char *name, double mean_s);

void sm_registry_note_id(struct sm_registry *registry, const char *request_id);
bool sm_registry_has_id(const struct sm_registry *registry,
                        const char *request_id);

#endif
