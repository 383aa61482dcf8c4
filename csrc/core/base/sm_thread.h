/* sm_thread: how the core's threads begin, wait and rest. */
#ifndef SM_THREAD_H
#define SM_THREAD_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* Starts a thread that takes no signals. Signals are the host's: Ctrl-C must
 * reach the thread that runs Lua. Returns what pthread_create does: 0, or why
 * there is no thread. */
int sm_thread_start(pthread_t *id, void *(*run)(void *), void *user);

/* Makes a condition that is waited for on the monotonic clock, which nobody
 * sets. */
void sm_thread_condition(pthread_cond_t *condition);

/* The time by that clock in so many milliseconds, for pthread_cond_timedwait.
 */
struct timespec sm_thread_until(int64_t after_ms);

/* Lets the thread rest, through signals. */
void sm_thread_sleep(int64_t ms);

#endif
