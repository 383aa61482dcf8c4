#include "sm_registry.h"

#include <stdlib.h>
#include <string.h>

void sm_registry_create(struct sm_registry *registry) {
  memset(registry, 0, sizeof *registry);
}

void sm_registry_destroy(struct sm_registry *registry) {
  struct sm_model *model = registry->models;
  while (model) {
    struct sm_model *next = model->next;
    free(model);
    model = next;
  }
  free(registry->buckets);
  sm_registry_create(registry);
}

/* Ids count up, so their low bits are spread as well as can be. */
static struct sm_task **bucket_of(const struct sm_registry *registry,
                                  uint64_t id) {
  return &registry->buckets[id & (registry->bucket_count - 1)];
}

static void link_task(struct sm_registry *registry, struct sm_task *task) {
  struct sm_task **bucket = bucket_of(registry, task->id);
  task->chain = *bucket;
  *bucket = task;
}

static bool grow(struct sm_registry *registry) {
  struct sm_task **old = registry->buckets;
  size_t old_count = registry->bucket_count;
  size_t count = old_count ? old_count * 2 : 64;
  struct sm_task **buckets = calloc(count, sizeof(struct sm_task *));
  if (!buckets)
    return false;
  registry->buckets = buckets;
  registry->bucket_count = count;
  for (size_t i = 0; i < old_count; i++) {
    struct sm_task *task = old[i];
    while (task) {
      struct sm_task *next = task->chain;
      link_task(registry, task);
      task = next;
    }
  }
  free(old);
  return true;
}

bool sm_registry_add(struct sm_registry *registry, struct sm_task *task) {
  if (registry->task_count == registry->bucket_count && !grow(registry))
    return false;
  link_task(registry, task);
  registry->task_count++;
  return true;
}

void sm_registry_remove(struct sm_registry *registry, struct sm_task *task) {
  struct sm_task **link = bucket_of(registry, task->id);
  while (*link && *link != task)
    link = &(*link)->chain;
  if (!*link)
    return;
  *link = task->chain;
  registry->task_count--;
}

struct sm_task *sm_registry_find(const struct sm_registry *registry,
                                 uint64_t id) {
  if (!registry->bucket_count)
    return NULL;
  struct sm_task *task = *bucket_of(registry, id);
  while (task && task->id != id)
    task = task->chain;
  return task;
}

struct sm_model *sm_registry_model(struct sm_registry *registry,
                                   const char *name, double mean_s) {
  struct sm_model *model = registry->models;
  while (model && strcmp(model->name, name) != 0)
    model = model->next;
  if (model)
    return model;
  size_t size = strlen(name) + 1;
  model = calloc(1, sizeof *model + size);
  if (!model)
    return NULL;
  memcpy(model->name, name, size);
  sm_learner_create(&model->learner, mean_s);
  model->next = registry->models;
  registry->models = model;
  return model;
}

/* FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), never 0. The history may
 * spell an id with dashes or in capitals that a submit's answer did not. */
static uint64_t hash_of(const char *text) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c >= 'A' && c <= 'Z')
      c = (unsigned char)(c | 0x20);
    if (c != '-')
      hash = (hash ^ c) * UINT64_C(0x100000001b3);
  }
  return hash ? hash : 1;
}

/* The oldest of its row makes room. */
void sm_registry_note_id(struct sm_registry *registry, const char *request_id) {
  uint64_t hash = hash_of(request_id);
  uint64_t *row = registry->recent[hash % SM_RECENT_ROWS];
  memmove(row + 1, row, (SM_RECENT_IN_ROW - 1) * sizeof *row);
  row[0] = hash;
}

bool sm_registry_has_id(const struct sm_registry *registry,
                        const char *request_id) {
  uint64_t hash = hash_of(request_id);
  const uint64_t *row = registry->recent[hash % SM_RECENT_ROWS];
  for (size_t i = 0; i < SM_RECENT_IN_ROW; i++)
    if (row[i] == hash)
      return true;
  return false;
}
