/* sm_ledger_spent: what all steps of a ledger have cost or may yet cost.
 *
 * A step counts with its cost when it is completed, with its price before, with
 * nothing when it failed, and with what earlier submits of it may have cost. An
 * amount that is negative or no number stops the sum.
 *
 * The sum is kept in the one row of `segmind_spent`, so that a claim costs the
 * same among 100 steps and among 100,000. It is changed by triggers of the
 * database, in the transaction that changes a step, whoever writes: this
 * library, an older one that knows nothing of it, a person with a tool. Where
 * the triggers are not there, or the row makes no sense, all steps are summed
 * up as before it. A client that opens the ledger does so, too, and puts the
 * row right; it makes row and triggers for a ledger that is older. The version
 * of the ledger stays what it is.
 */
#ifndef SM_LEDGER_SPENT_H
#define SM_LEDGER_SPENT_H

#include "sm_ledger_transaction.h"

/* Sums of cents are not exact in binary. */
#define SM_LEDGER_SPENT_EPSILON 1e-9

/* Makes what keeps the sum, or checks it, in a transaction of its own. Where
 * this user may not, the steps are summed up each time. */
enum sm_db_status sm_ledger_spent_prepare(const struct sm_db *db,
                                          struct sm_error *e);

/* Fills in `spent` of the transaction, in which nobody else can spend. Errors:
 * SM_DB_REFUSED names the step whose row is damaged. */
enum sm_db_status sm_ledger_spent_sum(struct sm_transaction *transaction,
                                      struct sm_error *e);

#endif
