#include "em_tasks.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

#include "em_clock.h"

enum { THREADS_MAX = 4 };

struct entry {
  TAILQ_ENTRY(entry) link;
  int64_t at_us;
  em_task *task;
  void *arg;
};

struct em_tasks {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  pthread_t threads[THREADS_MAX];
  int thread_count;
  bool stopped;
  TAILQ_HEAD(entries, entry) entries; /* the earliest first */
};

static void wait_until(struct em_tasks *tasks, int64_t at_us) {
  struct timespec at = {.tv_sec = (time_t)(at_us / 1000000),
                        .tv_nsec = (long)(at_us % 1000000) * 1000};
  pthread_cond_timedwait(&tasks->changed, &tasks->lock, &at);
}

static void run(struct entry *entry, bool is_due) {
  entry->task(entry->arg, is_due);
  free(entry);
}

static void *turn(void *arg) {
  struct em_tasks *tasks = arg;
  pthread_mutex_lock(&tasks->lock);
  while (!tasks->stopped) {
    struct entry *first = TAILQ_FIRST(&tasks->entries);
    if (!first) {
      pthread_cond_wait(&tasks->changed, &tasks->lock);
    } else if (first->at_us > em_clock_now_us()) {
      wait_until(tasks, first->at_us);
    } else {
      TAILQ_REMOVE(&tasks->entries, first, link);
      pthread_mutex_unlock(&tasks->lock);
      run(first, true);
      pthread_mutex_lock(&tasks->lock);
    }
  }
  pthread_mutex_unlock(&tasks->lock);
  return NULL;
}

struct em_tasks *em_tasks_new(int threads) {
  struct em_tasks *tasks = calloc(1, sizeof *tasks);
  if (!tasks)
    return NULL;
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&tasks->changed, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&tasks->lock, NULL);
  TAILQ_INIT(&tasks->entries);
  while (
      tasks->thread_count < threads && tasks->thread_count < THREADS_MAX &&
      !pthread_create(&tasks->threads[tasks->thread_count], NULL, turn, tasks))
    tasks->thread_count++;
  if (tasks->thread_count)
    return tasks;
  em_tasks_delete(tasks);
  return NULL;
}

void em_tasks_stop(struct em_tasks *tasks) {
  if (!tasks)
    return;
  pthread_mutex_lock(&tasks->lock);
  tasks->stopped = true;
  pthread_cond_broadcast(&tasks->changed);
  pthread_mutex_unlock(&tasks->lock);
  for (; tasks->thread_count; tasks->thread_count--)
    pthread_join(tasks->threads[tasks->thread_count - 1], NULL);
  struct entry *entry;
  while ((entry = TAILQ_FIRST(&tasks->entries))) {
    TAILQ_REMOVE(&tasks->entries, entry, link);
    run(entry, false);
  }
}

void em_tasks_delete(struct em_tasks *tasks) {
  if (!tasks)
    return;
  em_tasks_stop(tasks);
  pthread_cond_destroy(&tasks->changed);
  pthread_mutex_destroy(&tasks->lock);
  free(tasks);
}

/* Behind those of the same time. Most tasks come last, so the list is searched
 * from its end. */
static void insert(struct em_tasks *tasks, struct entry *entry) {
  struct entry *before = TAILQ_LAST(&tasks->entries, entries);
  while (before && before->at_us > entry->at_us)
    before = TAILQ_PREV(before, entries, link);
  if (before)
    TAILQ_INSERT_AFTER(&tasks->entries, before, entry, link);
  else
    TAILQ_INSERT_HEAD(&tasks->entries, entry, link);
}

void em_tasks_at(struct em_tasks *tasks, int64_t at_us, em_task *task,
                 void *arg) {
  struct entry *entry = malloc(sizeof *entry);
  pthread_mutex_lock(&tasks->lock);
  bool taken = entry && !tasks->stopped;
  if (taken) {
    *entry = (struct entry){.at_us = at_us, .task = task, .arg = arg};
    insert(tasks, entry);
    pthread_cond_signal(&tasks->changed);
  }
  pthread_mutex_unlock(&tasks->lock);
  if (taken)
    return;
  free(entry);
  task(arg, false);
}
