/* sm_outcome: what an answer means for the money. Pure.
 *
 * The one table from transport results and HTTP statuses to error kinds. A
 * submit is judged by what can be proved: twelve statuses are refusals; a
 * request whose last byte was never handed over was not sent; everything else
 * after that byte (a lost or cut answer, a 3xx, any other 4xx, a 5xx, a 200
 * that is no JSON) is unknown (M8), because the service has no way to ask
 * "did you get this?" and a second submit might be a second bill.
 */
#ifndef SM_OUTCOME_H
#define SM_OUTCOME_H

#include "sm_exchange.h"

/* Of a paid request. SM_OK: 2xx and whole, to be read. Otherwise `e` is filled,
 * with `charged` set. */
enum sm_code sm_outcome_of_submit(const struct sm_answer *answer,
                                  struct sm_error *e);

/* Of a request that is free to repeat. SM_OK: 2xx and whole. SM_NOT_SENT stands
 * for every trouble that may pass (network, 5xx, every 4xx that is no refusal);
 * `e` says which. */
enum sm_code sm_outcome_of_get(const struct sm_answer *answer,
                               struct sm_error *e);

/* Whether the body is neither JSON nor a picture: a firewall or a portal in
 * between answers with a page, the service does not. */
bool sm_outcome_is_page(const struct sm_answer *answer);

/* Whether the body is a picture, whole by the transport or, where that broke
 * off, by its format's end; whatever status and Content-Type say. */
bool sm_outcome_is_picture(const struct sm_answer *answer);

#endif
