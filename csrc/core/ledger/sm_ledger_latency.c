#include "sm_ledger_latency.h"

#include <math.h>

#define OLD_S (90 * 24 * 3600.0)

static const char make_sql[] =
    "CREATE TABLE segmind_latencies (service TEXT NOT NULL, "
    "model TEXT NOT NULL, mu DOUBLE PRECISION NOT NULL, "
    "var DOUBLE PRECISION NOT NULL, jobs DOUBLE PRECISION NOT NULL, "
    "early_worth DOUBLE PRECISION NOT NULL, "
    "says_processing DOUBLE PRECISION NOT NULL, "
    "updated_at DOUBLE PRECISION NOT NULL, PRIMARY KEY (service, model))";

static const char forget_sql[] =
    "DELETE FROM segmind_latencies WHERE updated_at < $1";

static const char recall_sql[] =
    "SELECT mu, var, jobs, early_worth, says_processing, updated_at "
    "FROM segmind_latencies WHERE service = $1 AND model = $2";

static const char learn_sql[] =
    "INSERT INTO segmind_latencies (service, model, mu, var, jobs, "
    "early_worth, says_processing, updated_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
    "ON CONFLICT (service, model) DO UPDATE SET mu = excluded.mu, "
    "var = excluded.var, jobs = excluded.jobs, "
    "early_worth = excluded.early_worth, "
    "says_processing = excluded.says_processing, "
    "updated_at = excluded.updated_at";

/* The table is looked for once it is there; the transaction has the turn, so
 * nobody makes it meanwhile. */
static enum sm_db_status find_table(struct sm_transaction *transaction,
                                    struct sm_error *e) {
  if (transaction->has_latencies || transaction->lacks_latencies)
    return SM_DB_OK;
  return sm_db_has_table(transaction->db, "segmind_latencies",
                         &transaction->has_latencies, e);
}

/* A server that is away may have all of it. */
static enum sm_db_status judge(struct sm_transaction *transaction,
                               enum sm_db_status status) {
  transaction->lacks_latencies |= status && status != SM_DB_AWAY;
  transaction->has_latencies &= !transaction->lacks_latencies;
  return status;
}

static bool take_figures(void *user, const struct sm_db_value *row,
                         int columns) {
  struct sm_latency *latency = user;
  bool are_numbers = columns == 6;
  for (int i = 0; i < columns; i++)
    are_numbers = are_numbers && row[i].type == SM_DB_NUMBER;
  if (!are_numbers)
    return true;
  latency->mu = row[0].number;
  latency->var = row[1].number;
  latency->jobs = row[2].number;
  latency->early_worth = row[3].number;
  latency->says_processing = row[4].number;
  latency->age_s -= row[5].number;
  return true;
}

static enum sm_db_status read_figures(struct sm_transaction *transaction,
                                      struct sm_latency *latency,
                                      struct sm_error *e) {
  struct sm_db_query forget = {
      .sql = forget_sql,
      .values = SM_DB_VALUES(sm_db_number(transaction->now_s - OLD_S)),
      .count = 1};
  struct sm_db_query query = {.sql = recall_sql,
                              .values =
                                  SM_DB_VALUES(sm_db_text(latency->service),
                                               sm_db_text(latency->model)),
                              .count = 2,
                              .take = take_figures,
                              .user = latency};
  enum sm_db_status status = sm_db_run(transaction->db, &forget, e);
  return status ? status : sm_db_run(transaction->db, &query, e);
}

enum sm_db_status sm_ledger_latency_recall(struct sm_transaction *transaction,
                                           struct sm_latency *latency,
                                           struct sm_error *e) {
  latency->jobs = 0;
  latency->age_s = transaction->now_s;
  enum sm_db_status status = find_table(transaction, e);
  if (!status && transaction->has_latencies)
    status = read_figures(transaction, latency, e);
  return judge(transaction, status);
}

enum sm_db_status sm_ledger_latency_learn(struct sm_transaction *transaction,
                                          const struct sm_latency *latency,
                                          struct sm_error *e) {
  struct sm_db_query query = {
      .sql = learn_sql,
      .values = SM_DB_VALUES(
          sm_db_text(latency->service), sm_db_text(latency->model),
          sm_db_number(latency->mu), sm_db_number(latency->var),
          sm_db_number(latency->jobs), sm_db_number(latency->early_worth),
          sm_db_number(latency->says_processing),
          sm_db_number(transaction->now_s)),
      .count = 8};
  enum sm_db_status status = find_table(transaction, e);
  if (status || transaction->lacks_latencies)
    return judge(transaction, status);
  if (!transaction->has_latencies)
    status = sm_db_exec(transaction->db, make_sql, e);
  if (!status)
    status = sm_db_run(transaction->db, &query, e);
  return judge(transaction, status);
}
