#include "sm_ledger_spent.h"

#include <math.h>
#include <stdio.h>

#define EPSILON SM_LEDGER_SPENT_EPSILON
#define MOST 9007199254740992.0 /* 2^53 */

/* What is no amount is greater than any number: a text that SQLite has kept as
 * a cost, a NaN of PostgreSQL. Of NULL it says nothing, so ELSE. */
#define SOUND(row, column)                                                     \
  "(" #row #column " >= 0 AND " #row #column " < 9007199254740992)"
#define CASE_SOUND(row, column)                                                \
  "WHEN " SOUND(row, column) " THEN " #row #column " "
#define FAILED(row) "WHEN " #row "state = 'failed' "
#define SPENT(row) "WHEN " #row "state = 'completed' AND " SOUND(row, cost)

/* What a step counts with: a cost that makes no sense counts as the price. */
#define USD(row)                                                               \
  "(CASE " CASE_SOUND(row, doubt) "ELSE 0 END + CASE " FAILED(                 \
      row) "THEN 0 " SPENT(row) "THEN " #row                                   \
                                "cost " CASE_SOUND(row, price) "ELSE 0 END)"

/* 1 where nothing says what it may have cost: there is no sum then. */
#define DAMAGE(row)                                                            \
  "(CASE WHEN NOT " SOUND(row, doubt) " OR CASE " FAILED(                      \
      row) "THEN FALSE " SPENT(row) "THEN FALSE ELSE " #row                    \
                                    "price IS NOT NULL AND NOT " SOUND(        \
                                        row, price) " END THEN 1 ELSE 0 END)"

#define SUM_USD "COALESCE(SUM(" USD() "), 0)"
#define SUM_DAMAGED "COALESCE(SUM(" DAMAGE() "), 0)"

static const char sum_sql[] =
    "SELECT " SUM_USD ", " SUM_DAMAGED
    ", MIN(CASE WHEN " DAMAGE() " = 1 THEN step_key END) FROM segmind_steps";

/* Of several rows, which somebody else has written, none is the sum. */
static const char kept_sql[] = "SELECT usd, damaged FROM segmind_spent "
                               "WHERE (SELECT COUNT(*) FROM segmind_spent) = 1";

/* One statement sees the steps and the sum of one moment. What the order of
 * additions makes of 100,000 cents is not wrong. */
static const char is_wrong_sql[] =
    "SELECT 1 FROM (SELECT " SUM_USD " AS usd, " SUM_DAMAGED
    " AS damaged FROM segmind_steps) s "
    "WHERE (SELECT COUNT(*) FROM segmind_spent) <> 1 "
    "OR NOT EXISTS (SELECT 1 FROM segmind_spent k "
    "WHERE k.damaged = s.damaged AND k.usd - s.usd BETWEEN -1e-6 AND 1e-6)";

static const char forget_sql[] = "DELETE FROM segmind_spent";

static const char keep_sql[] =
    "INSERT INTO segmind_spent (usd, damaged) "
    "SELECT " SUM_USD ", " SUM_DAMAGED " FROM segmind_steps";

/* -- triggers -------------------------------------------------------------- */

#define CHANGE(sign, row)                                                      \
  "UPDATE segmind_spent SET usd = usd " #sign USD(                             \
      row) ", damaged = damaged " #sign DAMAGE(row) "; "
#define COME CHANGE(+, NEW.)
#define GO CHANGE(-, OLD.)

static const char make_table_sql[] =
    "CREATE TABLE segmind_spent (usd DOUBLE PRECISION NOT NULL, "
    "damaged INTEGER NOT NULL)";

/* All are looked for, by how their names begin: each counts what another does
 * not see. */
#define TRIGGERS "segmind_spent_"
#define TRIGGER TRIGGERS "changed"
#define OF_SQLITE 3
#define OF_PLPGSQL 1

static const char *const sqlite_triggers[] = {
    "DROP TRIGGER IF EXISTS segmind_spent_new",
    "DROP TRIGGER IF EXISTS segmind_spent_gone",
    "DROP TRIGGER IF EXISTS " TRIGGER,
    "CREATE TRIGGER segmind_spent_new AFTER INSERT ON segmind_steps "
    "BEGIN " COME "END",
    "CREATE TRIGGER segmind_spent_gone AFTER DELETE ON segmind_steps "
    "BEGIN " GO "END",
    "CREATE TRIGGER " TRIGGER " AFTER UPDATE OF state, price, doubt, cost "
    "ON segmind_steps BEGIN " GO COME "END",
    NULL,
};

/* Who may write the steps need not be allowed to write the sum: it is the
 * function's owner who does. */
static const char *const plpgsql_triggers[] = {
    "CREATE OR REPLACE FUNCTION segmind_count_spent() RETURNS trigger "
    "LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ "
    "BEGIN IF TG_OP <> 'INSERT' THEN " GO "END IF; "
    "IF TG_OP <> 'DELETE' THEN " COME "END IF; RETURN NULL; END $$",
    "GRANT SELECT ON segmind_spent TO PUBLIC",
    "DROP TRIGGER IF EXISTS " TRIGGER " ON segmind_steps",
    "CREATE TRIGGER " TRIGGER " AFTER INSERT OR DELETE OR "
    "UPDATE OF state, price, doubt, cost ON segmind_steps "
    "FOR EACH ROW EXECUTE PROCEDURE segmind_count_spent()",
    NULL,
};

static enum sm_db_status has_triggers(const struct sm_db *db, bool *is_so,
                                      struct sm_error *e) {
  double all = db->dialect->has_plpgsql ? OF_PLPGSQL : OF_SQLITE;
  struct sm_db_query query = {
      .sql = db->dialect->has_triggers,
      .values = SM_DB_VALUES(sm_db_text(TRIGGERS), sm_db_number(all)),
      .count = 2};
  return sm_db_has_row(db, &query, is_so, e);
}

static enum sm_db_status make_triggers(const struct sm_db *db,
                                       struct sm_error *e) {
  const char *const *at =
      db->dialect->has_plpgsql ? plpgsql_triggers : sqlite_triggers;
  enum sm_db_status status = SM_DB_OK;
  for (; !status && *at; at++)
    status = sm_db_exec(db, *at, e);
  return status;
}

static enum sm_db_status need_triggers(const struct sm_db *db,
                                       struct sm_error *e) {
  bool is_table, are_triggers = false;
  enum sm_db_status status = sm_db_has_table(db, "segmind_spent", &is_table, e);
  if (!status && !is_table)
    status = sm_db_exec(db, make_table_sql, e);
  if (!status)
    status = has_triggers(db, &are_triggers, e);
  return status || (is_table && are_triggers) ? status : make_triggers(db, e);
}

/* -- the sum --------------------------------------------------------------- */

struct sum {
  double usd;           /* NAN: there is none */
  double damaged;       /* steps */
  char damaged_key[65]; /* of one */
};

static bool note_sum(void *user, const struct sm_db_value *row, int columns) {
  struct sum *sum = user;
  bool is_sum = columns >= 2 && row[0].type == SM_DB_NUMBER &&
                row[1].type == SM_DB_NUMBER;
  if (is_sum) {
    sum->usd = row[0].number;
    sum->damaged = row[1].number;
  }
  if (columns > 2 && row[2].type == SM_DB_TEXT)
    (void)snprintf(sum->damaged_key, sizeof sum->damaged_key, "%.64s",
                   row[2].text);
  return true;
}

static enum sm_db_status ask(const struct sm_db *db, const char *sql,
                             struct sum *sum, struct sm_error *e) {
  struct sm_db_query query = {.sql = sql, .take = note_sum, .user = sum};
  *sum = (struct sum){.usd = (double)NAN};
  return sm_db_run(db, &query, e);
}

static bool is_sound(const struct sum *sum) {
  return sum->damaged == 0 && sum->usd >= -EPSILON && sum->usd < MOST;
}

/* Where beginning a transaction does not keep others from the steps. */
static const char lock_sql[] = "LOCK TABLE segmind_steps IN SHARE MODE";

static enum sm_db_status need_sum(const struct sm_db *db, struct sm_error *e) {
  struct sm_db_query query = {.sql = is_wrong_sql};
  bool is_wrong;
  enum sm_db_status status = sm_db_has_row(db, &query, &is_wrong, e);
  if (status || !is_wrong)
    return status;
  if (db->dialect->needs_turn)
    status = sm_db_exec(db, lock_sql, e);
  if (!status)
    status = sm_db_exec(db, forget_sql, e);
  return status ? status : sm_db_exec(db, keep_sql, e);
}

enum sm_db_status sm_ledger_spent_prepare(const struct sm_db *db,
                                          struct sm_error *e) {
  const struct sm_db_dialect *dialect = db->dialect;
  enum sm_db_status status = sm_db_exec(db, dialect->begin, e);
  if (!status && dialect->make_alone)
    status = sm_db_exec(db, dialect->make_alone, e);
  if (!status)
    status = need_triggers(db, e);
  if (!status)
    status = need_sum(db, e);
  if (!status)
    status = sm_db_exec(db, "COMMIT", e);
  if (status)
    (void)sm_db_exec(db, "ROLLBACK", NULL);
  return sm_db_is_broken(status) ? SM_DB_OK : status;
}

/* The triggers keep the sum as long as they are there. */
static enum sm_db_status ask_kept(const struct sm_db *db, struct sum *sum,
                                  struct sm_error *e) {
  bool is_kept;
  *sum = (struct sum){.usd = (double)NAN};
  enum sm_db_status status = has_triggers(db, &is_kept, e);
  return status || !is_kept ? status : ask(db, kept_sql, sum, e);
}

enum sm_db_status sm_ledger_spent_sum(struct sm_transaction *transaction,
                                      struct sm_error *e) {
  struct sum sum;
  if (!isnan(transaction->spent))
    return SM_DB_OK;
  enum sm_db_status status = ask_kept(transaction->db, &sum, e);
  if (!status && !is_sound(&sum))
    status = ask(transaction->db, sum_sql, &sum, e);
  if (status)
    return status;
  if (!is_sound(&sum))
    return sm_db_fail(transaction->db, SM_DB_REFUSED, e,
                      "has a row that is damaged, of step %s: what it cost "
                      "cannot be told",
                      sum.damaged_key[0] ? sum.damaged_key : "?");
  transaction->spent = sum.usd;
  return SM_DB_OK;
}
