/* sm_registry: every task by its id, and every model by its name.
 */
#ifndef SM_REGISTRY_H
#define SM_REGISTRY_H

#include "sm_task.h"

/* So many of the last ids are remembered, as hashes: the answer to a submit
 * that repeats one is no answer to it. */
#define SM_RECENT_IDS 4096

struct sm_registry {
  uint64_t recent[SM_RECENT_IDS];
  size_t recent_next;
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
