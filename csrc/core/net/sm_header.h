/* sm_header: what an answer's own headers say. Pure.
 *
 * The v1 API reports its figures in headers (x-cost, x-request-id, ...). Date
 * is the service's clock, by which its times are meant: ours may be wrong. A
 * 429 of either API names the time when the limit is lifted in
 * x-rate-limit-reset-at-utc, in a spelling that is not published (sm_time reads
 * them all; a small number is seconds to go), and a gateway before it in
 * Retry-After, which is obeyed first.
 */
#ifndef SM_HEADER_H
#define SM_HEADER_H

#include "sm_exchange.h"

/* Reads one header line, as it came, into `answer`. A status line begins the
 * headers anew: those of a proxy or of a 1xx are not the answer's. */
void sm_header_note(struct sm_answer *answer, const char *line, size_t size);

/* The last Date that was read: most answers of a second repeat it. */
struct sm_date {
  char text[48];
  int64_t ms;
};

/* Once all lines are there: sets the answer's date_ms and retry_after_ms, the
 * latter in 0..300000. `clock_ms` is what the server's clock is believed to
 * show, Unix time, and counts where there is no Date, or within its second.
 * `last` is the same for all answers, and zero at first. */
void sm_header_settle(struct sm_answer *answer, struct sm_date *last,
                      int64_t clock_ms);

#endif
