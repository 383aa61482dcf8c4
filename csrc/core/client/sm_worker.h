/* sm_worker: threads that are stopped and joined before the process ends.
 *
 * The one piece of global state in the core, because exit handlers are global:
 * a list of the worker threads that run. atexit stops and joins them all, and
 * no other starts from then on; what its owner has not stopped by then is
 * released when that is done, or not at all. A thread that has ended is joined
 * when the next one starts. A fork is counted, so that a child knows that its
 * workers stayed behind.
 */
#ifndef SM_WORKER_H
#define SM_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sm_error.h"

/* Prepares libcurl and the exit handler, once per process. Errors: SM_IO. */
enum sm_code sm_worker_prepare(struct sm_error *e);

struct sm_worker {
  /* The thread's work. It ends soon after `stop` was called. */
  void (*run)(void *self);
  /* Called from another thread: makes `run` end soon. */
  void (*stop)(void *self);
  /* Called after the thread was joined: frees `self`. */
  void (*release)(void *self);
  void *self;
  /* It has something to finish that others may want: see sm_worker_settle. */
  bool is_awaited;
};

/* Starts a thread with all signals blocked, which does not push others off the
 * processor when it wakes. Errors: SM_IO, and nothing was called. */
enum sm_code sm_worker_start(const struct sm_worker *worker,
                             struct sm_error *e);

/* Makes the worker of `self` end soon and returns at once. `self` is released
 * later, after atexit at once, and must not be used any more. */
void sm_worker_stop(void *self);

/* Waits for those that were stopped and are awaited, at most so long. */
void sm_worker_settle(int64_t most_ms);

/* Called by a worker that was stopped: it need not be awaited any more. */
void sm_worker_is_settled(void *self);

/* How often this process and its ancestors have forked since loading. */
unsigned sm_worker_forks(void);

#endif
