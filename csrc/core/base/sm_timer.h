/* sm_timer: a binary heap of times.
 *
 * A timer is embedded in what it wakes and knows its own place in the heap, so
 * moving or removing one costs O(log n) and no search. Time is passed in.
 */
#ifndef SM_TIMER_H
#define SM_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SM_TIMER_OFF ((size_t)-1)

struct sm_timer {
  int64_t at_ms;
  size_t place; /* SM_TIMER_OFF when it is in no heap */
};

struct sm_timers {
  struct sm_timer **heap;
  size_t count;
  size_t capacity;
};

void sm_timer_create(struct sm_timer *timer);
void sm_timers_destroy(struct sm_timers *timers);

/* Room for one timer more, so that sm_timers_set cannot fail. */
bool sm_timers_reserve(struct sm_timers *timers);

/* Adds or moves. */
void sm_timers_set(struct sm_timers *timers, struct sm_timer *timer,
                   int64_t at_ms);
void sm_timers_remove(struct sm_timers *timers, struct sm_timer *timer);

/* The earliest, or NULL. */
struct sm_timer *sm_timers_first(const struct sm_timers *timers);

/* Milliseconds on the monotonic clock, and since 1970 on this machine's own,
 * for those who pass the time in. */
int64_t sm_now_ms(void);
int64_t sm_wall_ms(void);

#endif
