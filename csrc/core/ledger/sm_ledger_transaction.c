#include "sm_ledger_transaction.h"

#include <math.h>
#include <string.h>

#include "sm_ledger_tables.h"

void sm_transaction_create(struct sm_transaction *transaction, struct sm_db *db,
                           const char *owner) {
  *transaction = (struct sm_transaction){.db = db,
                                         .owner = owner,
                                         .lease_now_s = (double)NAN,
                                         .spent = (double)NAN};
}

enum sm_db_status sm_transaction_begin(struct sm_transaction *transaction,
                                       double now_s, struct sm_error *e) {
  transaction->now_s = now_s;
  transaction->lease_now_s = transaction->spent = (double)NAN;
  transaction->has_budget = false;
  enum sm_db_status status =
      sm_db_exec(transaction->db, transaction->db->dialect->begin, e);
  if (!status && transaction->db->dialect->needs_turn)
    status = sm_db_exec(transaction->db, sm_ledger_turn_sql, e);
  return status;
}

enum sm_db_status sm_transaction_commit(struct sm_transaction *transaction,
                                        struct sm_error *e) {
  return sm_db_exec(transaction->db, "COMMIT", e);
}

void sm_transaction_rollback(struct sm_transaction *transaction) {
  (void)sm_db_exec(transaction->db, "ROLLBACK", NULL);
}

enum sm_db_status sm_transaction_change(struct sm_transaction *transaction,
                                        struct sm_db_query *query,
                                        bool *is_there, struct sm_error *e) {
  enum sm_db_status status = sm_db_run(transaction->db, query, e);
  *is_there = status == SM_DB_OK && query->changed > 0;
  return status;
}

static bool note_number(void *user, const struct sm_db_value *row,
                        int columns) {
  if (columns > 0 && row[0].type == SM_DB_NUMBER)
    *(double *)user = row[0].number;
  return true;
}

enum sm_db_status sm_transaction_ask_time(struct sm_transaction *transaction,
                                          struct sm_error *e) {
  if (!isnan(transaction->lease_now_s))
    return SM_DB_OK;
  if (!transaction->db->dialect->now) {
    transaction->lease_now_s = transaction->now_s;
    return SM_DB_OK;
  }
  struct sm_db_query query = {.sql = transaction->db->dialect->now,
                              .take = note_number,
                              .user = &transaction->lease_now_s};
  return sm_db_run(transaction->db, &query, e);
}

bool sm_transaction_owns(const struct sm_transaction *transaction,
                         const struct sm_row *row) {
  return strcmp(sm_row_text(row, SM_ROW_LEASE_OWNER), transaction->owner) == 0;
}
