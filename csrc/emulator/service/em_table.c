#include "em_table.h"

#include <stdlib.h>
#include <string.h>

uint64_t em_hash(const void *bytes, size_t size) {
  const unsigned char *byte = bytes;
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ byte[i]) * 0x100000001b3u;
  return hash;
}

/* The key's entry, or the free one where it belongs. */
static struct em_table_entry *locate(const struct em_table *table,
                                     uint64_t hash, const char *key) {
  size_t mask = table->capacity - 1;
  size_t i = (size_t)(hash ^ (hash >> 32)) & mask;
  for (;; i = (i + 1) & mask) {
    struct em_table_entry *entry = &table->entries[i];
    if (!entry->key || (entry->hash == hash && !strcmp(entry->key, key)))
      return entry;
  }
}

static int grow(struct em_table *table) {
  struct em_table bigger = {.capacity =
                                table->capacity ? table->capacity * 2 : 64};
  bigger.entries = calloc(bigger.capacity, sizeof *bigger.entries);
  if (!bigger.entries)
    return -1;
  for (size_t i = 0; i < table->capacity; i++) {
    const struct em_table_entry *entry = &table->entries[i];
    if (entry->key)
      *locate(&bigger, entry->hash, entry->key) = *entry;
  }
  bigger.count = table->count;
  free(table->entries);
  *table = bigger;
  return 0;
}

void *em_table_find(const struct em_table *table, const char *key) {
  if (!table->capacity)
    return NULL;
  return locate(table, em_hash(key, strlen(key)), key)->value;
}

int em_table_put(struct em_table *table, const char *key, void *value) {
  if ((table->count + 1) * 4 > table->capacity * 3 && grow(table))
    return -1;
  uint64_t hash = em_hash(key, strlen(key));
  struct em_table_entry *entry = locate(table, hash, key);
  if (!entry->key)
    table->count++;
  *entry = (struct em_table_entry){hash, key, value};
  return 0;
}

void em_table_clear(struct em_table *table, void (*drop)(void *value)) {
  for (size_t i = 0; drop && i < table->capacity; i++)
    if (table->entries[i].key)
      drop(table->entries[i].value);
  free(table->entries);
  *table = (struct em_table){0};
}
