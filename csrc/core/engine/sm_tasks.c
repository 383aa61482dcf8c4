#include "sm_tasks.h"

#include <stdlib.h>
#include <string.h>

void sm_tasks_create(struct sm_tasks *tasks) {
  memset(tasks, 0, sizeof *tasks);
}

void sm_tasks_destroy(struct sm_tasks *tasks) {
  struct sm_model *model = tasks->models;
  while (model) {
    struct sm_model *next = model->next;
    sm_write_clear(&model->write);
    free(model);
    model = next;
  }
  free(tasks->buckets);
  sm_tasks_create(tasks);
}

/* Ids count up, so their low bits are spread as well as can be. */
static struct sm_task **bucket_of(const struct sm_tasks *tasks, uint64_t id) {
  return &tasks->buckets[id & (tasks->bucket_count - 1)];
}

static void link_task(struct sm_tasks *tasks, struct sm_task *task) {
  struct sm_task **bucket = bucket_of(tasks, task->id);
  task->chain = *bucket;
  *bucket = task;
}

static bool grow(struct sm_tasks *tasks) {
  struct sm_task **old = tasks->buckets;
  size_t old_count = tasks->bucket_count;
  size_t count = old_count ? old_count * 2 : 64;
  struct sm_task **buckets = calloc(count, sizeof(struct sm_task *));
  if (!buckets)
    return false;
  tasks->buckets = buckets;
  tasks->bucket_count = count;
  for (size_t i = 0; i < old_count; i++) {
    struct sm_task *task = old[i];
    while (task) {
      struct sm_task *next = task->chain;
      link_task(tasks, task);
      task = next;
    }
  }
  free(old);
  return true;
}

bool sm_tasks_add(struct sm_tasks *tasks, struct sm_task *task) {
  if (tasks->task_count == tasks->bucket_count && !grow(tasks))
    return false;
  link_task(tasks, task);
  tasks->task_count++;
  return true;
}

void sm_tasks_remove(struct sm_tasks *tasks, struct sm_task *task) {
  struct sm_task **link = bucket_of(tasks, task->id);
  while (*link && *link != task)
    link = &(*link)->chain;
  if (!*link)
    return;
  *link = task->chain;
  tasks->task_count--;
}

struct sm_task *sm_tasks_find(const struct sm_tasks *tasks, uint64_t id) {
  if (!tasks->bucket_count)
    return NULL;
  struct sm_task *task = *bucket_of(tasks, id);
  while (task && task->id != id)
    task = task->chain;
  return task;
}

struct sm_model *sm_tasks_model(struct sm_tasks *tasks, const char *name,
                                double mean_s) {
  struct sm_model *model = tasks->models;
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
  model->next = tasks->models;
  tasks->models = model;
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
void sm_tasks_note_id(struct sm_tasks *tasks, const char *request_id) {
  uint64_t hash = hash_of(request_id);
  uint64_t *row = tasks->recent[hash % SM_RECENT_ROWS];
  memmove(row + 1, row, (SM_RECENT_IN_ROW - 1) * sizeof *row);
  row[0] = hash;
}

bool sm_tasks_has_id(const struct sm_tasks *tasks, const char *request_id) {
  uint64_t hash = hash_of(request_id);
  const uint64_t *row = tasks->recent[hash % SM_RECENT_ROWS];
  for (size_t i = 0; i < SM_RECENT_IN_ROW; i++)
    if (row[i] == hash)
      return true;
  return false;
}
