/* sm_thread: how the core's threads begin and rest. They wait for each other by
 * sm_system_wait. */
#ifndef SM_THREAD_H
#define SM_THREAD_H

#include <pthread.h>
#include <stdint.h>

/* Starts a thread that takes no signals. Signals are the host's: Ctrl-C must
 * reach the thread that runs Lua. Returns what pthread_create does: 0, or why
 * there is no thread. */
int sm_thread_start(pthread_t *id, void *(*run)(void *), void *user);

/* Lets the thread rest, through signals. */
void sm_thread_sleep(int64_t ms);

#endif
