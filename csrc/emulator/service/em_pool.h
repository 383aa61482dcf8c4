/* The drawing threads: a few of them, first come first served. What takes
 * milliseconds or waits for a foreign host is done here, so that neither the
 * clock nor an answer waits for a picture. Tasks as in em_timer.h. */
#ifndef EM_POOL_H
#define EM_POOL_H

#include "em_timer.h"

struct em_pool;

/* Errors: NULL when out of memory or threads. */
struct em_pool *em_pool_new(int threads);

/* Lets running tasks end, hands back what waits; later tasks are refused. */
void em_pool_stop(struct em_pool *pool);
void em_pool_delete(struct em_pool *pool);

/* Always takes the task, as em_timer_at. */
void em_pool_add(struct em_pool *pool, em_task *task, void *arg);

#endif
