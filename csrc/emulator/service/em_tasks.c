#include "em_tasks.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "em_clock.h"

enum { THREADS_MAX = 4 };

struct entry {
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
  struct entry *heap; /* the earliest first */
  size_t count, capacity;
};

static void swap(struct entry *a, struct entry *b) {
  struct entry c = *a;
  *a = *b;
  *b = c;
}

static void sift_up(struct entry *heap, size_t i) {
  for (; i && heap[i].at_us < heap[(i - 1) / 2].at_us; i = (i - 1) / 2)
    swap(&heap[i], &heap[(i - 1) / 2]);
}

static void sift_down(struct entry *heap, size_t count) {
  for (size_t i = 0, child; (child = 2 * i + 1) < count; i = child) {
    if (child + 1 < count && heap[child + 1].at_us < heap[child].at_us)
      child++;
    if (heap[i].at_us <= heap[child].at_us)
      return;
    swap(&heap[i], &heap[child]);
  }
}

static struct entry take_first(struct em_tasks *tasks) {
  struct entry first = tasks->heap[0];
  tasks->heap[0] = tasks->heap[--tasks->count];
  sift_down(tasks->heap, tasks->count);
  return first;
}

static void wait_until(struct em_tasks *tasks, int64_t at_us) {
  struct timespec at = {.tv_sec = (time_t)(at_us / 1000000),
                        .tv_nsec = (long)(at_us % 1000000) * 1000};
  pthread_cond_timedwait(&tasks->changed, &tasks->lock, &at);
}

static void *turn(void *arg) {
  struct em_tasks *tasks = arg;
  pthread_mutex_lock(&tasks->lock);
  while (!tasks->stopped) {
    if (!tasks->count) {
      pthread_cond_wait(&tasks->changed, &tasks->lock);
    } else if (tasks->heap[0].at_us > em_clock_now_us()) {
      wait_until(tasks, tasks->heap[0].at_us);
    } else {
      struct entry due = take_first(tasks);
      pthread_mutex_unlock(&tasks->lock);
      due.task(due.arg, true);
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
  while (tasks->count) {
    struct entry entry = take_first(tasks);
    entry.task(entry.arg, false);
  }
}

void em_tasks_delete(struct em_tasks *tasks) {
  if (!tasks)
    return;
  em_tasks_stop(tasks);
  free(tasks->heap);
  pthread_cond_destroy(&tasks->changed);
  pthread_mutex_destroy(&tasks->lock);
  free(tasks);
}

static bool has_room(struct em_tasks *tasks) {
  if (tasks->count < tasks->capacity)
    return true;
  size_t capacity = tasks->capacity ? tasks->capacity * 2 : 64;
  struct entry *heap = realloc(tasks->heap, capacity * sizeof *heap);
  if (!heap)
    return false;
  tasks->heap = heap;
  tasks->capacity = capacity;
  return true;
}

void em_tasks_at(struct em_tasks *tasks, int64_t at_us, em_task *task,
                 void *arg) {
  pthread_mutex_lock(&tasks->lock);
  bool taken = !tasks->stopped && has_room(tasks);
  if (taken) {
    tasks->heap[tasks->count] = (struct entry){at_us, task, arg};
    sift_up(tasks->heap, tasks->count++);
    pthread_cond_signal(&tasks->changed);
  }
  pthread_mutex_unlock(&tasks->lock);
  if (!taken)
    task(arg, false);
}
