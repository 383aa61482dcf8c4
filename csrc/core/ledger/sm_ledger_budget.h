/* sm_ledger_budget: what all steps of a ledger have cost or may yet cost.
 *
 * Summed up once a transaction, in which nobody else can spend; a claim that is
 * allowed adds to it, so that the next of the same transaction knows of it
 * (M6). A step counts with its cost when it is completed, with its price
 * before, with nothing when it failed, and with what earlier submits of it may
 * have cost. An amount that is negative or no number stops the sum.
 */
#ifndef SM_LEDGER_BUDGET_H
#define SM_LEDGER_BUDGET_H

#include "sm_ledger_transaction.h"

/* Fills in `spent`. SM_DB_REFUSED: a row is damaged. */
enum sm_db_status sm_ledger_budget_sum(struct sm_transaction *transaction,
                                       struct sm_error *e);

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
