/* Time: microseconds of the monotonic clock for everything that waits, the
 * wall clock only where the service prints a date. */
#ifndef EM_CLOCK_H
#define EM_CLOCK_H

#include <stdint.h>

enum { EM_ISO_SIZE = 32 };

int64_t em_clock_now_us(void);
int64_t em_clock_wall_ms(void);

/* "2026-11-20T12:00:00.000Z" */
void em_clock_iso(int64_t wall_ms, char out[EM_ISO_SIZE]);

/* Reads YYYY-MM-DD, or that with THH:MM:SS. With `day_end`, a bare date means
 * the end of that day. Errors: -1 when it is no date. */
int64_t em_clock_parse_ms(const char *text, int day_end);

static inline int64_t em_clock_us(double seconds) {
  return (int64_t)(seconds * 1e6);
}

static inline double em_clock_s(int64_t us) { return (double)us / 1e6; }

#endif
