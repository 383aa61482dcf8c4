#include "sm_ledger_budget.h"

#include <math.h>
#include <stdio.h>

#include "sm_ledger_queue.h"

/* Sums of cents are not exact in binary. */
#define EPSILON 1e-9
#define MOST 9007199254740992.0 /* 2^53 */

/* Neither is a text that SQLite has kept as a cost, nor a NaN of PostgreSQL:
 * both are greater than any number. Of NULL it says nothing, so ELSE. */
#define SOUND(column) "(" column " >= 0 AND " column " < 9007199254740992)"
#define SOUND_DOUBT SOUND("doubt")
#define SOUND_PRICE SOUND("price")
#define IS_SPENT "state = 'completed' AND " SOUND("cost")

/* What a step counts with besides its doubt: a cost that makes no sense counts
 * as the price. Where nothing says what it may have cost, there is no sum, and
 * the step's key is found instead. */
static const char spent_sql[] =
    "SELECT SUM(CASE WHEN " SOUND_DOUBT " THEN doubt ELSE 0 END + "
    "CASE WHEN state = 'failed' THEN 0 WHEN " IS_SPENT " THEN cost "
    "WHEN " SOUND_PRICE " THEN price ELSE 0 END), "
    "MIN(CASE WHEN NOT " SOUND_DOUBT " OR "
    "CASE WHEN state = 'failed' THEN FALSE WHEN " IS_SPENT " THEN FALSE "
    "ELSE price IS NOT NULL AND NOT " SOUND_PRICE " END "
    "THEN step_key END) FROM segmind_steps";

struct sum {
  double usd;
  char damaged[65]; /* a step key */
};

static bool note_sum(void *user, const struct sm_db_value *row, int columns) {
  struct sum *sum = user;
  if (columns > 0 && row[0].type == SM_DB_NUMBER)
    sum->usd = row[0].number;
  if (columns > 1 && row[1].type == SM_DB_TEXT)
    (void)snprintf(sum->damaged, sizeof sum->damaged, "%.64s", row[1].text);
  return true;
}

enum sm_db_status sm_ledger_budget_sum(struct sm_transaction *transaction,
                                       struct sm_error *e) {
  struct sum sum = {0};
  struct sm_db_query query = {.sql = spent_sql, .take = note_sum, .user = &sum};
  if (!isnan(transaction->spent))
    return SM_DB_OK;
  enum sm_db_status status = sm_db_run(transaction->db, &query, e);
  if (status != SM_DB_OK)
    return status;
  if (sum.damaged[0] || !(sum.usd >= -EPSILON && sum.usd < MOST))
    return sm_db_fail(transaction->db, SM_DB_REFUSED, e,
                      "has a row that is damaged, of step %s: what it cost "
                      "cannot be told",
                      sum.damaged[0] ? sum.damaged : "?");
  transaction->spent = sum.usd;
  return SM_DB_OK;
}

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
  status = sm_ledger_budget_sum(transaction, e);
  if (status != SM_DB_OK)
    return status;
  write->spent = transaction->spent;
  if (!(transaction->spent + sm_ledger_budget_price(step) <=
        write->limit + EPSILON))
    write->standing = SM_STANDING_REFUSED;
  return SM_DB_OK;
}

void sm_ledger_budget_add(struct sm_transaction *transaction,
                          const struct sm_ledger_step *step) {
  if (!isnan(sm_ledger_budget_price(step)))
    transaction->spent += sm_ledger_budget_price(step);
}
