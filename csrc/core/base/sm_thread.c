#include "sm_thread.h"

#include <errno.h>
#include <signal.h>

int sm_thread_start(pthread_t *id, void *(*run)(void *), void *user) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int rc = pthread_create(id, NULL, run, user);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return rc;
}

void sm_thread_condition(pthread_cond_t *condition) {
  pthread_condattr_t clock;
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_cond_init(condition, &clock);
  pthread_condattr_destroy(&clock);
}

struct timespec sm_thread_until(int64_t after_ms) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += (long)(after_ms % 1000) * 1000000;
  until.tv_sec += after_ms / 1000 + until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  return until;
}

void sm_thread_sleep(int64_t ms) {
  struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  while (nanosleep(&time, &time) != 0 && errno == EINTR)
    ;
}
