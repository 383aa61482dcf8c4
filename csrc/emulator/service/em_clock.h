/* Time: microseconds of the monotonic clock for everything that waits, the
 * wall clock only where the service prints a date. */
#ifndef EM_CLOCK_H
#define EM_CLOCK_H

#include <stdint.h>

int64_t em_clock_now_us(void);

/* The service's clock, which is so many seconds ahead of the host's. */
int64_t em_clock_wall_ms(double ahead_s);

static inline int64_t em_clock_us(double seconds) {
  return (int64_t)(seconds * 1e6);
}

static inline double em_clock_s(int64_t us) { return (double)us / 1e6; }

#endif
