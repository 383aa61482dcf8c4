#include "sm_worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "sm_http.h"
#include "sm_system.h"
#include "sm_thread.h"
#include "sm_timer.h"

struct thread {
  struct thread *next;
  struct sm_worker worker;
  pthread_t id;
  atomic_bool is_over;
  bool is_stopped;
  bool is_joined; /* at exit, and not stopped yet */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t settled; /* made by prepare */
static struct thread *threads;
static bool is_exiting;
static struct thread *volatile parents_threads; /* in a forked child */
static atomic_uint forks;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *preparation_trouble;

static void release(struct thread *thread) {
  thread->worker.release(thread->worker.self);
  free(thread);
}

/* Takes the whole list, or only the threads that have ended. */
static struct thread *take_threads(bool only_over) {
  struct thread *taken = NULL;
  pthread_mutex_lock(&lock);
  for (struct thread **link = &threads; *link;) {
    struct thread *thread = *link;
    if (thread->is_joined || (only_over && !atomic_load(&thread->is_over))) {
      link = &thread->next;
      continue;
    }
    *link = thread->next;
    thread->next = taken;
    taken = thread;
  }
  pthread_mutex_unlock(&lock);
  return taken;
}

static void join_all(struct thread *thread) {
  while (thread) {
    struct thread *next = thread->next;
    pthread_join(thread->id, NULL);
    release(thread);
    thread = next;
  }
}

/* Those that nobody has stopped are joined, too, and not released: an exit
 * handler that was registered before ours, and so runs after it, may yet close
 * what they worked for. */
static void join_at_exit(struct thread *thread) {
  pthread_join(thread->id, NULL);
  if (thread->is_stopped) {
    release(thread);
    return;
  }
  pthread_mutex_lock(&lock);
  thread->is_joined = true;
  thread->next = threads;
  threads = thread;
  pthread_mutex_unlock(&lock);
}

static void at_exit(void) {
  pthread_mutex_lock(&lock);
  is_exiting = true;
  pthread_mutex_unlock(&lock);
  struct thread *all = take_threads(false);
  for (struct thread *thread = all; thread; thread = thread->next)
    thread->worker.stop(thread->worker.self);
  while (all) {
    struct thread *next = all->next;
    join_at_exit(all);
    all = next;
  }
}

/* In a child the threads do not exist; their memory is left alone, and is no
 * leak. */
static void in_child(void) {
  atomic_fetch_add(&forks, 1);
  parents_threads = threads;
  threads = NULL;
  sm_system_condition(&settled);
  pthread_mutex_unlock(&lock); /* taken before the fork, by this thread */
}

static void before_fork(void) { pthread_mutex_lock(&lock); }

static void in_parent(void) { pthread_mutex_unlock(&lock); }

/* Handlers run in reverse order of registration, so ours, registered after
 * libcurl's TLS library has registered its own, runs before it
 * (https://curl.se/libcurl/c/curl_global_init.html). */
static void prepare(void) {
  sm_system_condition(&settled);
  if (!sm_http_prepare())
    preparation_trouble = "libcurl could not be initialised";
  else if (atexit(at_exit) != 0 ||
           pthread_atfork(before_fork, in_parent, in_child) != 0)
    preparation_trouble = "exit handlers could not be registered";
}

enum sm_code sm_worker_prepare(struct sm_error *e) {
  pthread_once(&once, prepare);
  return preparation_trouble ? sm_fail(e, SM_IO, "%s", preparation_trouble)
                             : SM_OK;
}

/* A thread that wakes may push another one off its processor. Here that would
 * be the host's, in the midst of the step that gave the worker something to do,
 * and half a millisecond of a frame would be gone. */
static void *run(void *user) {
  struct thread *thread = user;
  sm_system_wait_its_turn();
  thread->worker.run(thread->worker.self);
  atomic_store(&thread->is_over, true);
  return NULL;
}

/* A thread that started while the process ends would be joined by nobody. */
static int start(struct thread *thread) {
  pthread_mutex_lock(&lock);
  int rc = is_exiting ? ECANCELED : sm_thread_start(&thread->id, run, thread);
  if (rc == 0) {
    thread->next = threads;
    threads = thread;
  }
  pthread_mutex_unlock(&lock);
  return rc;
}

enum sm_code sm_worker_start(const struct sm_worker *worker,
                             struct sm_error *e) {
  join_all(take_threads(true));
  struct thread *thread = calloc(1, sizeof *thread);
  if (!thread)
    return sm_fail_memory(e);
  thread->worker = *worker;
  int rc = start(thread);
  if (rc == 0)
    return SM_OK;
  free(thread);
  return sm_fail(e, SM_IO, "no worker thread: %s", strerror(rc));
}

/* Where the thread of a worker is in the list; what is there may be NULL. */
static struct thread **find(const void *self) {
  struct thread **link = &threads;
  while (*link && (*link)->worker.self != self)
    link = &(*link)->next;
  return link;
}

void sm_worker_stop(void *self) {
  pthread_mutex_lock(&lock);
  struct thread **link = find(self), *thread = *link;
  bool is_joined = thread && thread->is_joined;
  if (is_joined) {
    *link = thread->next;
  } else if (thread) {
    thread->is_stopped = true;
    thread->worker.stop(self);
  }
  pthread_mutex_unlock(&lock);
  if (is_joined)
    release(thread);
}

void sm_worker_is_settled(void *self) {
  pthread_mutex_lock(&lock);
  struct thread *thread = *find(self);
  if (thread)
    thread->worker.is_awaited = false;
  pthread_cond_broadcast(&settled);
  pthread_mutex_unlock(&lock);
}

static bool is_unsettled(void) {
  const struct thread *thread = threads;
  while (thread && !(thread->is_stopped && thread->worker.is_awaited))
    thread = thread->next;
  return thread != NULL;
}

void sm_worker_settle(int64_t most_ms) {
  const int64_t until_ms = sm_now_ms() + most_ms;
  pthread_mutex_lock(&lock);
  while (is_unsettled() && sm_system_wait(&settled, &lock, until_ms) == 0)
    ;
  pthread_mutex_unlock(&lock);
}

unsigned sm_worker_forks(void) {
  return atomic_load_explicit(&forks, memory_order_relaxed);
}
