#include "em_timer.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "em_clock.h"

struct entry {
  int64_t at_us;
  em_task *task;
  void *arg;
};

struct em_timer {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  pthread_t thread;
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

static struct entry take_first(struct em_timer *timer) {
  struct entry first = timer->heap[0];
  timer->heap[0] = timer->heap[--timer->count];
  sift_down(timer->heap, timer->count);
  return first;
}

static void wait_until(struct em_timer *timer, int64_t at_us) {
  struct timespec at = {.tv_sec = (time_t)(at_us / 1000000),
                        .tv_nsec = (long)(at_us % 1000000) * 1000};
  pthread_cond_timedwait(&timer->changed, &timer->lock, &at);
}

static void *turn(void *arg) {
  struct em_timer *timer = arg;
  pthread_mutex_lock(&timer->lock);
  while (!timer->stopped) {
    if (!timer->count) {
      pthread_cond_wait(&timer->changed, &timer->lock);
    } else if (timer->heap[0].at_us > em_clock_now_us()) {
      wait_until(timer, timer->heap[0].at_us);
    } else {
      struct entry due = take_first(timer);
      pthread_mutex_unlock(&timer->lock);
      due.task(due.arg, true);
      pthread_mutex_lock(&timer->lock);
    }
  }
  pthread_mutex_unlock(&timer->lock);
  return NULL;
}

struct em_timer *em_timer_new(void) {
  struct em_timer *timer = calloc(1, sizeof *timer);
  if (!timer)
    return NULL;
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&timer->changed, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&timer->lock, NULL);
  if (pthread_create(&timer->thread, NULL, turn, timer)) {
    timer->stopped = true;
    em_timer_delete(timer);
    return NULL;
  }
  return timer;
}

void em_timer_stop(struct em_timer *timer) {
  if (!timer)
    return;
  pthread_mutex_lock(&timer->lock);
  bool was_stopped = timer->stopped;
  timer->stopped = true;
  pthread_cond_signal(&timer->changed);
  pthread_mutex_unlock(&timer->lock);
  if (was_stopped)
    return;
  pthread_join(timer->thread, NULL);
  for (size_t i = 0; i < timer->count; i++)
    timer->heap[i].task(timer->heap[i].arg, false);
  timer->count = 0;
}

void em_timer_delete(struct em_timer *timer) {
  if (!timer)
    return;
  em_timer_stop(timer);
  free(timer->heap);
  pthread_cond_destroy(&timer->changed);
  pthread_mutex_destroy(&timer->lock);
  free(timer);
}

static bool has_room(struct em_timer *timer) {
  if (timer->count < timer->capacity)
    return true;
  size_t capacity = timer->capacity ? timer->capacity * 2 : 64;
  struct entry *heap = realloc(timer->heap, capacity * sizeof *heap);
  if (!heap)
    return false;
  timer->heap = heap;
  timer->capacity = capacity;
  return true;
}

void em_timer_at(struct em_timer *timer, int64_t at_us, em_task *task,
                 void *arg) {
  pthread_mutex_lock(&timer->lock);
  bool taken = !timer->stopped && has_room(timer);
  if (taken) {
    timer->heap[timer->count] = (struct entry){at_us, task, arg};
    sift_up(timer->heap, timer->count++);
    if (timer->heap[0].arg == arg)
      pthread_cond_signal(&timer->changed);
  }
  pthread_mutex_unlock(&timer->lock);
  if (!taken)
    task(arg, false);
}
