#include "host_clock.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define KEPT (sizeof((struct host_times *)0)->kept_ns / sizeof(int64_t))

int64_t host_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void host_sleep_until(int64_t ns) {
  struct timespec until = {.tv_sec = (time_t)(ns / 1000000000),
                           .tv_nsec = (long)(ns % 1000000000)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
    ;
}

void host_times_add(struct host_times *times, int64_t ns) {
  times->kept_ns[times->count++ % KEPT] = ns; /* the newest, in a long run */
  if (ns > times->worst_ns)
    times->worst_ns = ns;
}

static int compare(const void *left, const void *right) {
  int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
  return (a > b) - (a < b);
}

double host_times_us(struct host_times *times, double percent) {
  size_t kept = times->count < KEPT ? (size_t)times->count : KEPT;
  if (kept == 0)
    return 0;
  qsort(times->kept_ns, kept, sizeof(int64_t), compare);
  size_t at = (size_t)((double)(kept - 1) * percent / 100);
  return (double)times->kept_ns[at] / 1000;
}
