#include "sm_db_fork.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

/* Who forks is the host, which is never held up for longer than a disk may take
 * to commit. */
#define PATIENCE_MS 50

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static int at_work;
static bool is_forking;
static bool is_amid;

static void make_condition(void) {
  pthread_condattr_t clock;
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_cond_init(&changed, &clock);
  pthread_condattr_destroy(&clock);
}

static struct timespec end_of_patience(void) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += PATIENCE_MS * 1000000L;
  until.tv_sec += until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  return until;
}

/* Nobody begins meanwhile, else one of many would always be at work. */
static void before_fork(void) {
  const struct timespec until = end_of_patience();
  int rc = 0;
  pthread_mutex_lock(&lock);
  is_forking = true;
  while (at_work > 0 && rc != ETIMEDOUT)
    rc = pthread_cond_timedwait(&changed, &lock, &until);
}

static void in_parent(void) {
  is_forking = false;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

/* The thread that forked has the lock; who waited for the condition is not in
 * the child. */
static void in_child(void) {
  is_amid |= at_work > 0;
  at_work = 0;
  is_forking = false;
  make_condition();
  pthread_mutex_unlock(&lock);
}

static void watch(void) {
  make_condition();
  (void)pthread_atfork(before_fork, in_parent, in_child);
}

void sm_db_fork_enter(void) {
  pthread_once(&once, watch);
  pthread_mutex_lock(&lock);
  while (is_forking)
    pthread_cond_wait(&changed, &lock);
  at_work++;
  pthread_mutex_unlock(&lock);
}

void sm_db_fork_leave(void) {
  pthread_mutex_lock(&lock);
  if (--at_work == 0)
    pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

bool sm_db_fork_is_amid(void) { return is_amid; }
