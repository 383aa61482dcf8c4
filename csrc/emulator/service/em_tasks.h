/* Work for later: tasks by time, run by one or more threads.
 *
 * A task is called exactly once, with run = true when its time has come, or
 * with run = false when the threads are stopped before that, so that what its
 * argument holds is always given back. The service has two of them: one thread
 * that keeps the time, whose tasks are short, and a few that draw pictures and
 * wait for foreign hosts. */
#ifndef EM_TASKS_H
#define EM_TASKS_H

#include <stdbool.h>
#include <stdint.h>

typedef void em_task(void *arg, bool run);

struct em_tasks;

/* Errors: NULL when out of memory or threads. */
struct em_tasks *em_tasks_new(int threads);

/* Lets running tasks end and hands back what waits; later tasks are refused. */
void em_tasks_stop(struct em_tasks *tasks);
void em_tasks_delete(struct em_tasks *tasks);

/* Calls the task at that time, or as soon as a thread is free; always takes it:
 * when it cannot be kept, it is called at once with run = false. */
void em_tasks_at(struct em_tasks *tasks, int64_t at_us, em_task *task,
                 void *arg);

#endif
