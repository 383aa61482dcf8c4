#include "sm_db_fork.h"

#include <errno.h>
#include <pthread.h>

#include "sm_system.h"
#include "sm_timer.h"

/* Who forks is the host, which is never held up for longer than a disk may take
 * to commit. */
#define PATIENCE_MS 50

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static int at_work;
static bool is_forking;
static bool is_amid;

/* Nobody begins meanwhile, else one of many would always be at work. */
static void before_fork(void) {
  const int64_t until_ms = sm_now_ms() + PATIENCE_MS;
  int rc = 0;
  pthread_mutex_lock(&lock);
  is_forking = true;
  while (at_work > 0 && rc != ETIMEDOUT)
    rc = sm_system_wait(&changed, &lock, until_ms);
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
  sm_system_condition(&changed);
  pthread_mutex_unlock(&lock);
}

static void watch(void) {
  sm_system_condition(&changed);
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
