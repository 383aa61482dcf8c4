/* sm_keys: which tasks are at a step of the ledger, and which wait for them.
 *
 * A table of tasks by the key of their step. The first of a key that is no
 * further one on purpose (`fresh`) leads: it alone asks the ledger, the others
 * follow it (the contract of sm_store.h).
 */
#ifndef SM_KEYS_H
#define SM_KEYS_H

#include "sm_task.h"

struct sm_keys {
  struct sm_task **buckets;
  size_t bucket_count; /* a power of two */
  size_t count;
};

void sm_keys_destroy(struct sm_keys *keys);

/* Room for one more, so that sm_keys_add cannot fail. */
bool sm_keys_reserve(struct sm_keys *keys);

/* The task's entry has a key. */
void sm_keys_add(struct sm_keys *keys, struct sm_task *task);
/* Fine when it is not there. */
void sm_keys_remove(struct sm_keys *keys, struct sm_task *task);

/* Another task that is at the step of this one; NULL when there is none. */
struct sm_task *sm_keys_leader(const struct sm_keys *keys,
                               const struct sm_task *task);

/* Another task whose row that is: it writes what becomes of it. */
struct sm_task *sm_keys_owner(const struct sm_keys *keys,
                              const struct sm_task *task,
                              const struct sm_row *row);

/* The oldest of those that wait for one at this key; NULL: nobody does. */
struct sm_task *sm_keys_follower(const struct sm_keys *keys, const char *key);

#endif
