#include "sm_ledger_budget.h"

#include <math.h>

#include "sm_ledger_queue.h"
#include "sm_ledger_spent.h"

#define MOST 9007199254740992.0 /* 2^53 */

double sm_ledger_budget_price(const struct sm_ledger_step *step) {
  return step->price >= 0 && step->price < MOST ? step->price : (double)NAN;
}

/* The client's own, or that of all workers, if that is smaller. */
static enum sm_db_status find_limit(struct sm_transaction *transaction,
                                    const struct sm_ledger_step *step,
                                    double *limit, struct sm_error *e) {
  enum sm_db_status status = SM_DB_OK;
  if (!transaction->has_budget)
    status = sm_ledger_queue_budget(transaction, &transaction->budget, e);
  transaction->has_budget = !status;
  *limit = isnan(step->budget) || transaction->budget < step->budget
               ? transaction->budget
               : step->budget;
  return status;
}

enum sm_db_status sm_ledger_budget_check(struct sm_transaction *transaction,
                                         struct sm_write *write,
                                         struct sm_error *e) {
  const struct sm_ledger_step *step = write->step;
  enum sm_db_status status = find_limit(transaction, step, &write->limit, e);
  if (status || isnan(write->limit))
    return status;
  status = sm_ledger_spent_sum(transaction, e);
  if (status != SM_DB_OK)
    return status;
  write->spent = transaction->spent;
  if (!(transaction->spent + sm_ledger_budget_price(step) <=
        write->limit + SM_LEDGER_SPENT_EPSILON))
    write->standing = SM_STANDING_REFUSED;
  return SM_DB_OK;
}

void sm_ledger_budget_add(struct sm_transaction *transaction,
                          const struct sm_ledger_step *step) {
  if (!isnan(sm_ledger_budget_price(step)))
    transaction->spent += sm_ledger_budget_price(step);
}
