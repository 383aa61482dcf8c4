#include "sm_keys.h"

#include <stdlib.h>
#include <string.h>

void sm_keys_destroy(struct sm_keys *keys) {
  free(keys->buckets);
  *keys = (struct sm_keys){0};
}

/* FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/). */
static struct sm_task **bucket_of(const struct sm_keys *keys, const char *key) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (; *key; key++)
    hash = (hash ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
  return &keys->buckets[hash & (keys->bucket_count - 1)];
}

static void link_task(struct sm_keys *keys, struct sm_task *task) {
  struct sm_task **bucket = bucket_of(keys, task->entry->key);
  task->entry->chain = *bucket;
  *bucket = task;
}

bool sm_keys_reserve(struct sm_keys *keys) {
  if (keys->count < keys->bucket_count)
    return true;
  struct sm_keys longer = {.bucket_count =
                               keys->bucket_count ? keys->bucket_count * 2 : 64,
                           .count = keys->count};
  longer.buckets = calloc(longer.bucket_count, sizeof(struct sm_task *));
  if (!longer.buckets)
    return false;
  for (size_t i = 0; i < keys->bucket_count; i++) {
    struct sm_task *task = keys->buckets[i];
    while (task) {
      struct sm_task *next = task->entry->chain;
      link_task(&longer, task);
      task = next;
    }
  }
  free(keys->buckets);
  *keys = longer;
  return true;
}

void sm_keys_add(struct sm_keys *keys, struct sm_task *task) {
  link_task(keys, task);
  keys->count++;
}

void sm_keys_remove(struct sm_keys *keys, struct sm_task *task) {
  if (!keys->bucket_count || !task->entry->key)
    return;
  struct sm_task **link = bucket_of(keys, task->entry->key);
  while (*link && *link != task)
    link = &(*link)->entry->chain;
  if (!*link)
    return;
  *link = task->entry->chain;
  keys->count--;
}

struct sm_task *sm_keys_leader(const struct sm_keys *keys,
                               const struct sm_task *task) {
  const char *key = task->entry->key;
  if (!keys->bucket_count)
    return NULL;
  struct sm_task *at = *bucket_of(keys, key);
  while (at && (at == task || !at->entry->is_leader ||
                strcmp(at->entry->key, key) != 0))
    at = at->entry->chain;
  return at;
}

struct sm_task *sm_keys_owner(const struct sm_keys *keys,
                              const struct sm_task *task,
                              const struct sm_row *row) {
  const char *key = sm_row_text(row, SM_ROW_STEP_KEY);
  int64_t generation = (int64_t)sm_row_number(row, SM_ROW_GENERATION);
  if (!keys->bucket_count)
    return NULL;
  struct sm_task *at = *bucket_of(keys, key);
  while (at && (at == task || !at->entry->is_ours ||
                at->entry->generation != generation ||
                strcmp(at->entry->key, key) != 0))
    at = at->entry->chain;
  return at;
}

struct sm_task *sm_keys_follower(const struct sm_keys *keys, const char *key) {
  struct sm_task *oldest = NULL;
  if (!keys->bucket_count)
    return NULL;
  for (struct sm_task *at = *bucket_of(keys, key); at; at = at->entry->chain)
    if (!at->entry->is_leader && at->entry->phase == SM_ENTRY_WAIT &&
        !at->entry->is_dropped && strcmp(at->entry->key, key) == 0 &&
        (!oldest || at->id < oldest->id))
      oldest = at;
  return oldest;
}
