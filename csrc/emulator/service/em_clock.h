/* Time: microseconds of the monotonic clock for everything that waits, the
 * wall clock only where the service prints a date. How the service writes a
 * time, in the request history and in the header of the rate limit, is not
 * published: a table of forms has them all, and options pick one for each. */
#ifndef EM_CLOCK_H
#define EM_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

int64_t em_clock_now_us(void);

/* The service's clock, which is so many seconds ahead of the host's. */
int64_t em_clock_wall_ms(double ahead_s);

static inline int64_t em_clock_us(double seconds) {
  return (int64_t)(seconds * 1e6);
}

static inline double em_clock_s(int64_t us) { return (double)us / 1e6; }

enum { EM_DATE_SIZE = 48 };

struct em_date_form;

/* "iso", "http", "epoch", ...: --help lists them. NULL: there is none. */
const struct em_date_form *em_date_form(const char *name);

/* Does it spell a time as a number, not as text? */
bool em_date_form_is_number(const struct em_date_form *form);

/* The zone is in minutes east of UTC; spellings that say UTC ignore it. */
void em_date_write(const struct em_date_form *form, int64_t wall_ms,
                   int zone_min, char out[EM_DATE_SIZE]);

/* Reads YYYY-MM-DD: the beginning of that day, or its end.
 * Errors: -1 when it is no date. */
int64_t em_date_read(const char *text, bool day_end);

#endif
