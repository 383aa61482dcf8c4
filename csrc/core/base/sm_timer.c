#include "sm_timer.h"

#include <stdlib.h>
#include <time.h>

void sm_timer_create(struct sm_timer *timer) {
  timer->at_ms = 0;
  timer->place = SM_TIMER_OFF;
}

void sm_timers_destroy(struct sm_timers *timers) {
  free(timers->heap);
  timers->heap = NULL;
  timers->count = timers->capacity = 0;
}

bool sm_timers_reserve(struct sm_timers *timers) {
  if (timers->count < timers->capacity)
    return true;
  size_t capacity = timers->capacity ? timers->capacity * 2 : 32;
  struct sm_timer **heap = realloc(timers->heap, capacity * sizeof *heap);
  if (!heap)
    return false;
  timers->heap = heap;
  timers->capacity = capacity;
  return true;
}

static void put(struct sm_timers *timers, size_t place,
                struct sm_timer *timer) {
  timers->heap[place] = timer;
  timer->place = place;
}

static void rise(struct sm_timers *timers, struct sm_timer *timer) {
  size_t place = timer->place;
  while (place > 0) {
    struct sm_timer *parent = timers->heap[(place - 1) / 2];
    if (parent->at_ms <= timer->at_ms)
      break;
    put(timers, place, parent);
    place = (place - 1) / 2;
  }
  put(timers, place, timer);
}

static void sink(struct sm_timers *timers, struct sm_timer *timer) {
  size_t place = timer->place;
  for (;;) {
    size_t child = 2 * place + 1;
    if (child >= timers->count)
      break;
    if (child + 1 < timers->count &&
        timers->heap[child + 1]->at_ms < timers->heap[child]->at_ms)
      child++;
    if (timers->heap[child]->at_ms >= timer->at_ms)
      break;
    put(timers, place, timers->heap[child]);
    place = child;
  }
  put(timers, place, timer);
}

void sm_timers_set(struct sm_timers *timers, struct sm_timer *timer,
                   int64_t at_ms) {
  timer->at_ms = at_ms;
  if (timer->place == SM_TIMER_OFF)
    put(timers, timers->count++, timer);
  rise(timers, timer);
  sink(timers, timer);
}

void sm_timers_remove(struct sm_timers *timers, struct sm_timer *timer) {
  if (timer->place == SM_TIMER_OFF)
    return;
  struct sm_timer *last = timers->heap[--timers->count];
  if (last != timer) {
    put(timers, timer->place, last);
    rise(timers, last);
    sink(timers, last);
  }
  timer->place = SM_TIMER_OFF;
}

struct sm_timer *sm_timers_first(const struct sm_timers *timers) {
  return timers->count ? timers->heap[0] : NULL;
}

static int64_t read_ms(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t sm_now_ms(void) { return read_ms(CLOCK_MONOTONIC); }

int64_t sm_wall_ms(void) { return read_ms(CLOCK_REALTIME); }
