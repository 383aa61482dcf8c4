/* sm_refusal: a key or an account that is refused.
 *
 * A submit that HTTP 401, 402 or a 406 about credits refuses says what the next
 * ones would hear. With a ledger each of those would leave a failed row first:
 * the tasks that are not sent yet are held back until the host has heard of the
 * first, and end then like it, without a request and without a row.
 */
#ifndef SM_REFUSAL_H
#define SM_REFUSAL_H

#include "sm_engine.h"

/* The task is about to end with that error; others are held back if it is one
 * of these. */
void sm_refusal_note(struct sm_engine *engine, const struct sm_task *task,
                     const struct sm_error *e);

/* The host has heard of the first by now: ends those that were held back. */
void sm_refusal_end_others(struct sm_engine *engine);

#endif
