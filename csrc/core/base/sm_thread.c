#include "sm_thread.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

int sm_thread_start(pthread_t *id, void *(*run)(void *), void *user) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int rc = pthread_create(id, NULL, run, user);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return rc;
}

void sm_thread_sleep(int64_t ms) {
  struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  while (nanosleep(&time, &time) != 0 && errno == EINTR)
    ;
}
