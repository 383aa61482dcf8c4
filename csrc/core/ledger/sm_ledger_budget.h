/* sm_ledger_budget: whether what has been spent leaves room for one more
 * submit.
 *
 * Asked once a transaction, in which nobody else can spend; a claim that is
 * allowed adds to the sum, so that the next of the same transaction knows of it
 * (M6).
 */
#ifndef SM_LEDGER_BUDGET_H
#define SM_LEDGER_BUDGET_H

#include "sm_ledger_transaction.h"

/* A step's declared price, USD; NAN for none. */
double sm_ledger_budget_price(const struct sm_ledger_step *step);

/* Whether the budget allows one more submit of the write's step, in the
 * transaction that writes its intent (M6); without a declared price it cannot.
 * The write's standing is REFUSED then. */
enum sm_db_status sm_ledger_budget_check(struct sm_transaction *transaction,
                                         struct sm_write *write,
                                         struct sm_error *e);

/* The step's intent is written. */
void sm_ledger_budget_add(struct sm_transaction *transaction,
                          const struct sm_ledger_step *step);

#endif
