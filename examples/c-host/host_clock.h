/* host_clock: a loop's sense of time. Frames of a fixed length, and how long
 * each of them, and a part of each, took. */
#ifndef HOST_CLOCK_H
#define HOST_CLOCK_H

#include <stdint.h>

/* Durations in nanoseconds: their count, the sum, the worst, and the figures
 * themselves to take a median of, as many as fit. */
struct host_times {
  uint64_t count;
  int64_t worst_ns;
  int64_t kept_ns[16384];
};

/* Nanoseconds on the monotonic clock. */
int64_t host_now_ns(void);

/* Sleeps until `ns` on that clock; signals do not cut it short. */
void host_sleep_until(int64_t ns);

void host_times_add(struct host_times *times, int64_t ns);

/* The smallest duration that `percent` of all do not exceed, in microseconds;
 * 0 without any. Sorts what is kept. */
double host_times_us(struct host_times *times, double percent);

#endif
