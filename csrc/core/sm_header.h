/* sm_header: what an answer's own headers say.
 *
 * The v1 API reports its figures in headers (x-cost, x-request-id, ...), and a
 * 429 of either API names the time when the limit is lifted in
 * x-rate-limit-reset-at-utc, in a format that is not published: epoch seconds,
 * ISO 8601 and HTTP dates are understood.
 */
#ifndef SM_HEADER_H
#define SM_HEADER_H

#include "sm_transfer.h"

/* Reads one header line, as it came, into `answer`. */
void sm_header_note(struct sm_answer *answer, const char *line, size_t size);

/* Seconds from now, as ms in 0..300000: libcurl hands out what a Retry-After
 * says unchecked, be it negative or a thousand years. */
int64_t sm_header_wait_ms(double seconds);

#endif
