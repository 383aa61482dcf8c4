/* Things that happen later: one thread and a heap of tasks by time.
 *
 * A task is called exactly once, with run = true when its time has come, or
 * with run = false when the timer is stopped before that, so that what its
 * argument holds is always given back. Tasks are short: drawing is done by
 * em_pool. */
#ifndef EM_TIMER_H
#define EM_TIMER_H

#include <stdbool.h>
#include <stdint.h>

typedef void em_task(void *arg, bool run);

struct em_timer;

/* Errors: NULL when out of memory or threads. */
struct em_timer *em_timer_new(void);

/* Joins the thread and hands back what waits; later tasks are refused. */
void em_timer_stop(struct em_timer *timer);
void em_timer_delete(struct em_timer *timer);

/* Calls the task at that time, from the timer's thread; always takes it: when
 * it cannot be kept, it is called at once with run = false. */
void em_timer_at(struct em_timer *timer, int64_t at_us, em_task *task,
                 void *arg);

#endif
