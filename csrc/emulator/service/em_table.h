/* A table from strings to pointers, for jobs, media and renders.
 *
 * It only grows, or is emptied as a whole: nothing here is forgotten singly.
 * Keys are not copied: each is part of the value it leads to. Not locked; its
 * owner is. */
#ifndef EM_TABLE_H
#define EM_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct em_table_entry {
  uint64_t hash;
  const char *key; /* NULL: free */
  void *value;
};

struct em_table {
  struct em_table_entry *entries;
  size_t capacity; /* a power of two, or 0 */
  size_t count;
};

/* A 64-bit FNV-1a hash; also used as a fingerprint of pictures. */
uint64_t em_hash(const void *bytes, size_t size);

void *em_table_find(const struct em_table *table, const char *key);

/* Adds or replaces. Errors: -1 when out of memory, the table unchanged. */
int em_table_put(struct em_table *table, const char *key, void *value);

/* Empties the table; `drop` is called with every value. */
void em_table_clear(struct em_table *table, void (*drop)(void *value));

#endif
