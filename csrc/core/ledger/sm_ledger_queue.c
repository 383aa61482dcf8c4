#include "sm_ledger_queue.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sm_owner.h"
#include "sm_system.h"
#include "sm_timer.h"

/* Seconds of the rate that may be caught up at once. */
#define BURST_S 5
#define MOST_PICKS 256
#define MOST_OWNERS 64

/* Neither waiting nor failed, or behind inputs that are no count: no pick would
 * see it, nor would anybody wait for it. */
#define LOST                                                                   \
  "state <> 'failed' AND NOT (state = 'waiting' AND inputs_left >= 0 "         \
  "AND CAST(inputs_left AS BIGINT) = inputs_left)"

static const char *const tables[] = {
    "CREATE TABLE segmind_queue (step_key TEXT PRIMARY KEY, name TEXT, "
    "model TEXT NOT NULL, params TEXT NOT NULL, options TEXT NOT NULL, "
    "state TEXT NOT NULL, problem TEXT, inputs_left INTEGER NOT NULL, "
    "enqueued_at DOUBLE PRECISION NOT NULL, lease_owner TEXT NOT NULL, "
    "lease_until DOUBLE PRECISION NOT NULL)",
    "CREATE INDEX segmind_queue_ready ON segmind_queue (enqueued_at, step_key) "
    "WHERE state = 'waiting' AND inputs_left = 0",
    "CREATE INDEX segmind_queue_owner ON segmind_queue (lease_owner) "
    "WHERE lease_until > 0",
    "CREATE INDEX segmind_queue_failed ON segmind_queue (step_key) "
    "WHERE state = 'failed'",
    "CREATE INDEX segmind_queue_lost ON segmind_queue (step_key) WHERE " LOST,
    "CREATE TABLE segmind_edges (step_key TEXT NOT NULL, "
    "input_key TEXT NOT NULL, PRIMARY KEY (step_key, input_key))",
    "CREATE INDEX segmind_edges_input ON segmind_edges (input_key)",
    "CREATE TABLE segmind_limits (budget DOUBLE PRECISION, "
    "rpm DOUBLE PRECISION, due_at DOUBLE PRECISION NOT NULL)",
    "INSERT INTO segmind_limits (due_at) VALUES (0)",
};

/* In the order of enum sm_queue_column. A count, not EXISTS: PostgreSQL would
 * read all steps for that once, where a pick needs to know of a few. */
#define SELECT_WITH(state, problem)                                            \
  "SELECT q.step_key, q.name, q.model, q.params, q.options, " state            \
  ", " problem ", q.inputs_left, q.enqueued_at, q.lease_until, "               \
  "(SELECT COUNT(*) FROM segmind_steps s WHERE s.step_key = q.step_key "       \
  "AND s.state <> 'failed') FROM segmind_queue q "

#define READY "state = 'waiting' AND inputs_left = 0"

/* Nobody gives a step back for more than the minute of a lease: a clock that
 * was set back would keep it. A lease that is no number, as SQLite takes it, is
 * over. A queue without its edges is refused here, before a step is paid whose
 * end could not be written. */
#define PICK                                                                   \
  SELECT_WITH("q.state", "q.problem")                                          \
  "WHERE q.state = 'waiting' AND q.inputs_left = 0 "                           \
  "AND (SELECT COUNT(*) FROM segmind_edges WHERE step_key = '') >= 0 "         \
  "AND (CAST(q.lease_until AS DOUBLE PRECISION) <= $1 "                        \
  "OR q.lease_owner = '' AND q.lease_until > $1 + 60) "                        \
  "ORDER BY q.enqueued_at, q.step_key LIMIT CAST($2 AS BIGINT)"

#define PICK_LOST                                                              \
  SELECT_WITH("q.state", "q.problem")                                          \
  "WHERE " LOST " LIMIT CAST($1 AS BIGINT)"

/* Who holds the turn is alone with the rows, but for programs that do not ask
 * for it: what those have locked is left to them. */
#define UNLOCKED " FOR UPDATE OF q SKIP LOCKED"

static const char pick_sql[] = PICK;
static const char pick_unlocked_sql[] = PICK UNLOCKED;
static const char pick_lost_sql[] = PICK_LOST;
static const char pick_lost_unlocked_sql[] = PICK_LOST UNLOCKED;

static const char lease_sql[] =
    "UPDATE segmind_queue SET lease_owner = $2, lease_until = $3 "
    "WHERE step_key = $1";

static const char hold_sql[] =
    "UPDATE segmind_queue SET lease_until = $3 WHERE step_key = $1 "
    "AND lease_owner = $2 AND state = 'waiting'";

static const char return_sql[] =
    "UPDATE segmind_queue SET lease_owner = '', lease_until = $3 "
    "WHERE step_key = $1 AND lease_owner = $2 AND state = 'waiting'";

static const char fail_sql[] =
    "UPDATE segmind_queue SET state = 'failed', problem = $3, "
    "lease_owner = '', lease_until = 0 WHERE step_key = $1 "
    "AND lease_owner = $2";

/* By the key as it is there: bytes, or none, where only SQLite takes them. */
static const char fail_damaged_sql[] =
    "UPDATE segmind_queue SET state = 'failed', problem = $2, "
    "lease_owner = '', lease_until = 0 "
    "WHERE step_key = $1 OR step_key IS NULL AND $1 IS NULL";

static const char release_sql[] =
    "UPDATE segmind_queue SET lease_owner = '', lease_until = 0 "
    "WHERE lease_owner = $1 AND lease_until > 0";

static const char owners_sql[] =
    "SELECT DISTINCT lease_owner FROM segmind_queue WHERE lease_until > 0 "
    "AND lease_until > $1 AND lease_owner <> ''";

static const char is_ready_sql[] =
    "SELECT 1 FROM segmind_queue WHERE " READY " LIMIT 1";

static const char is_completed_sql[] =
    "SELECT 1 FROM segmind_steps WHERE step_key = $1 AND state = 'completed'";

static const char is_queued_sql[] =
    "SELECT 1 FROM segmind_queue WHERE step_key = $1";

static const char enqueue_sql[] =
    "INSERT INTO segmind_queue (step_key, name, model, params, options, state, "
    "inputs_left, enqueued_at, lease_owner, lease_until) "
    "VALUES ($1, $2, $3, $4, $5, 'waiting', 0, $6, '', 0) "
    "ON CONFLICT (step_key) DO UPDATE SET state = 'waiting', problem = NULL, "
    "options = excluded.options, "
    "lease_until = CASE WHEN segmind_queue.state = 'failed' THEN 0 "
    "ELSE segmind_queue.lease_until END";

static const char add_edge_sql[] =
    "INSERT INTO segmind_edges (step_key, input_key) VALUES ($1, $2) "
    "ON CONFLICT (step_key, input_key) DO NOTHING";

static const char count_inputs_sql[] =
    "UPDATE segmind_queue SET inputs_left = (SELECT COUNT(*) FROM "
    "segmind_edges WHERE segmind_edges.step_key = $1) WHERE step_key = $1";

static const char come_nearer_sql[] =
    "UPDATE segmind_queue SET inputs_left = inputs_left - 1 WHERE step_key IN "
    "(SELECT step_key FROM segmind_edges WHERE input_key = $1)";

static const char cut_edges_sql[] =
    "DELETE FROM segmind_edges WHERE input_key = $1 OR step_key = $1";

static const char remove_sql[] =
    "DELETE FROM segmind_queue WHERE step_key = $1";

static const char get_limits_sql[] =
    "SELECT budget, rpm, due_at FROM segmind_limits";

static const char set_limits_sql[] =
    "UPDATE segmind_limits SET budget = $1, rpm = $2";

static const char set_due_sql[] = "UPDATE segmind_limits SET due_at = $1";

/* All that is there, with those that a worker has begun. What is blocked, and
 * by which failure: those that hang on one, and those that hang on them. */
static const char list_sql[] =
    "WITH RECURSIVE blocked (step_key, cause) AS ("
    "SELECT e.step_key, e.input_key FROM segmind_edges e "
    "JOIN segmind_queue f ON f.step_key = e.input_key "
    "WHERE f.state = 'failed' UNION "
    "SELECT e.step_key, b.cause FROM segmind_edges e "
    "JOIN blocked b ON e.input_key = b.step_key) " SELECT_WITH(
        "CASE WHEN q.state = 'waiting' AND EXISTS (SELECT 1 FROM blocked b "
        "WHERE b.step_key = q.step_key) THEN 'blocked' ELSE q.state END",
        "COALESCE(q.problem, (SELECT MIN('needs ' || "
        "COALESCE(f.name, f.model) || ', which has failed: ' || f.problem) "
        "FROM blocked b JOIN segmind_queue f ON f.step_key = b.cause "
        "WHERE b.step_key = q.step_key))") "ORDER BY q.enqueued_at, q.step_key";

/* -- rows ------------------------------------------------------------------ */

const char *sm_queue_column_name(enum sm_queue_column column) {
  static const char *const names[SM_QUEUE_COLUMNS] = {
      "key",         "name",        "model",   "params",
      "options",     "state",       "problem", "inputs_left",
      "enqueued_at", "lease_until", "is_begun"};
  return names[column];
}

static bool has_text(const struct sm_db_value *value) {
  return value->type == SM_DB_TEXT || value->type == SM_DB_BYTES;
}

static struct sm_queue_row *new_row(const struct sm_db_value *values) {
  size_t texts = 0;
  for (int i = 0; i < SM_QUEUE_COLUMNS; i++)
    texts += has_text(&values[i]) ? values[i].size + 1 : 0;
  struct sm_queue_row *row = calloc(1, sizeof *row + texts);
  if (!row)
    return NULL;
  char *room = (char *)(row + 1);
  for (int i = 0; i < SM_QUEUE_COLUMNS; i++) {
    row->value[i] = values[i];
    if (!has_text(&values[i]))
      continue;
    if (values[i].size > 0)
      memcpy(room, values[i].text, values[i].size);
    row->value[i].text = room;
    room += values[i].size + 1;
  }
  return row;
}

static void delete_rows(struct sm_queue_row *row) {
  while (row) {
    struct sm_queue_row *next = row->next;
    free(row);
    row = next;
  }
}

void sm_queue_ask_clear(struct sm_queue_ask *ask) {
  delete_rows(ask->rows);
  ask->rows = NULL;
}

/* Where the next row goes. */
struct reading {
  struct sm_queue_row **end;
};

static bool take_row(void *user, const struct sm_db_value *values,
                     int columns) {
  struct reading *reading = user;
  if (columns != SM_QUEUE_COLUMNS)
    return true;
  *reading->end = new_row(values);
  if (!*reading->end)
    return false;
  reading->end = &(*reading->end)->next;
  return true;
}

static const char *text_of(const struct sm_queue_row *row,
                           enum sm_queue_column column) {
  const struct sm_db_value *value = &row->value[column];
  return value->type == SM_DB_TEXT ? value->text : "";
}

/* -- statements ------------------------------------------------------------ */

static enum sm_db_status run(struct sm_transaction *transaction,
                             const char *sql, const struct sm_db_value *values,
                             int count, struct sm_error *e) {
  struct sm_db_query query = {.sql = sql, .values = values, .count = count};
  return sm_db_run(transaction->db, &query, e);
}

static enum sm_db_status is_any(struct sm_transaction *transaction,
                                const char *sql, const char *key, bool *is_so,
                                struct sm_error *e) {
  struct sm_db_query query = {.sql = sql,
                              .values = SM_DB_VALUES(sm_db_text(key)),
                              .count = key ? 1 : 0};
  return sm_db_has_row(transaction->db, &query, is_so, e);
}

/* Whoever waits for something to become ready hears of it at the commit. */
static enum sm_db_status notify(struct sm_transaction *transaction,
                                struct sm_error *e) {
  const char *sql = transaction->db->dialect->notify;
  return sql ? sm_db_exec(transaction->db, sql, e) : SM_DB_OK;
}

static bool note_number(void *user, const struct sm_db_value *row,
                        int columns) {
  if (columns > 0 && row[0].type == SM_DB_NUMBER)
    *(double *)user = row[0].number;
  return true;
}

/* With its fractions, as a rate needs it. */
static enum sm_db_status ask_clock(struct sm_transaction *transaction,
                                   double *now_s, struct sm_error *e) {
  struct sm_db_query query = {.sql = transaction->db->dialect->clock,
                              .take = note_number,
                              .user = now_s};
  *now_s = (double)sm_wall_ms() / 1000;
  return query.sql ? sm_db_run(transaction->db, &query, e) : SM_DB_OK;
}

/* -- tables ---------------------------------------------------------------- */

static enum sm_db_status check_place(const struct sm_db *db,
                                     struct sm_error *e) {
  if (db->dialect->is_remote || !sm_system_is_on_network(db->name))
    return SM_DB_OK;
  return sm_db_fail(db, SM_DB_MISUSE, e,
                    "is a file on a network file system, which several "
                    "machines cannot lock: keep the queue of several machines "
                    "in a ledger on a server (postgresql://…)");
}

static enum sm_db_status make_tables(struct sm_transaction *transaction,
                                     struct sm_error *e) {
  enum sm_db_status status = SM_DB_OK;
  for (size_t i = 0; !status && i < sizeof tables / sizeof tables[0]; i++)
    status = sm_db_exec(transaction->db, tables[i], e);
  return status;
}

/* The transaction has the turn, so nobody makes them meanwhile. The machine
 * that has made them may have the file on a disk of its own, and others by a
 * network. */
static enum sm_db_status need_tables(struct sm_transaction *transaction,
                                     bool may_make, bool *are_there,
                                     struct sm_error *e) {
  enum sm_db_status status =
      may_make ? check_place(transaction->db, e) : SM_DB_OK;
  if (!status)
    status = sm_db_has_table(transaction->db, "segmind_limits", are_there, e);
  if (!status && !*are_there) /* or were, and whoever asks misses one */
    status = sm_db_has_table(transaction->db, "segmind_queue", are_there, e);
  transaction->has_queue |= !status && *are_there;
  if (status || *are_there || !may_make)
    return status;
  *are_there = true;
  return make_tables(transaction, e);
}

/* -- limits ---------------------------------------------------------------- */

struct limits {
  struct sm_queue_limits of;
  double due_at; /* when the next submit is due by the rate */
  bool is_damaged;
};

/* A limit that somebody has written and that is none must not let all pass. */
static double limit_of(const struct sm_db_value *value, bool *is_damaged) {
  if (value->type == SM_DB_NULL)
    return (double)NAN;
  bool is_sound = value->type == SM_DB_NUMBER && value->number >= 0;
  *is_damaged |= !is_sound;
  return is_sound ? value->number : 0;
}

static bool note_limits(void *user, const struct sm_db_value *row,
                        int columns) {
  struct limits *limits = user;
  if (columns != 3)
    return true;
  limits->of.budget = limit_of(&row[0], &limits->is_damaged);
  limits->of.rpm = limit_of(&row[1], &limits->is_damaged);
  limits->due_at = row[2].type == SM_DB_NUMBER ? row[2].number : 0;
  return true;
}

static enum sm_db_status get_limits(struct sm_transaction *transaction,
                                    struct limits *limits, struct sm_error *e) {
  struct sm_db_query query = {
      .sql = get_limits_sql, .take = note_limits, .user = limits};
  *limits = (struct limits){.of = {(double)NAN, (double)NAN}};
  enum sm_db_status status = sm_db_run(transaction->db, &query, e);
  if (status || !limits->is_damaged)
    return status;
  return sm_db_fail(transaction->db, SM_DB_REFUSED, e,
                    "has a limit of its queue that is no amount: set budget "
                    "and rpm of segmind_limits to a number or to NULL");
}

static double smaller(double one, double other) {
  return isnan(one) || one > other ? other : one;
}

static enum sm_db_status limit(struct sm_transaction *transaction,
                               struct sm_queue_ask *ask, struct sm_error *e) {
  struct limits limits;
  bool replaces = ask->verb == SM_QUEUE_REPLACE;
  enum sm_db_status status = get_limits(transaction, &limits, e);
  if (status)
    return status;
  struct sm_queue_limits *given = &ask->limits, there = limits.of;
  if (!replaces || isnan(given->budget))
    given->budget = isnan(given->budget) ? there.budget
                                         : smaller(there.budget, given->budget);
  if (!replaces || isnan(given->rpm))
    given->rpm = isnan(given->rpm) ? there.rpm : smaller(there.rpm, given->rpm);
  return run(
      transaction, set_limits_sql,
      SM_DB_VALUES(sm_db_number(given->budget), sm_db_number(given->rpm)), 2,
      e);
}

enum sm_db_status sm_ledger_queue_budget(struct sm_transaction *transaction,
                                         double *budget, struct sm_error *e) {
  struct limits limits = {.of = {.budget = (double)NAN}};
  enum sm_db_status status = SM_DB_OK;
  if (transaction->has_queue)
    status = get_limits(transaction, &limits, e);
  *budget = limits.of.budget;
  return status;
}

/* -- enqueue --------------------------------------------------------------- */

/* Its row goes, and those that take its picture come nearer. A second time
 * there is nothing left to do. */
static enum sm_db_status finish(struct sm_transaction *transaction,
                                const char *key, struct sm_error *e) {
  const struct sm_db_value values[] = {sm_db_text(key)};
  enum sm_db_status status = run(transaction, come_nearer_sql, values, 1, e);
  if (!status)
    status = run(transaction, cut_edges_sql, values, 1, e);
  return status ? status : run(transaction, remove_sql, values, 1, e);
}

/* An input that is finished is none any more; one that nobody makes is
 * refused. */
static enum sm_db_status add_input(struct sm_transaction *transaction,
                                   const struct sm_queue_step *step,
                                   const char *input, struct sm_error *e) {
  bool is_so;
  enum sm_db_status status =
      is_any(transaction, is_completed_sql, input, &is_so, e);
  if (status || is_so)
    return status;
  status = is_any(transaction, is_queued_sql, input, &is_so, e);
  if (!status && !is_so)
    return sm_db_fail(transaction->db, SM_DB_REFUSED, e,
                      "cannot queue the step %.64s: it takes the picture of "
                      "%.64s, which is neither finished nor in the queue",
                      step->name ? step->name : step->key, input);
  return status ? status
                : run(transaction, add_edge_sql,
                      SM_DB_VALUES(sm_db_text(step->key), sm_db_text(input)), 2,
                      e);
}

static enum sm_db_status insert(struct sm_transaction *transaction,
                                const struct sm_queue_step *step, double now_s,
                                struct sm_error *e) {
  enum sm_db_status status =
      run(transaction, enqueue_sql,
          SM_DB_VALUES(sm_db_text(step->key), sm_db_text(step->name),
                       sm_db_text(step->model), sm_db_text(step->params),
                       sm_db_text(step->options), sm_db_number(now_s)),
          6, e);
  for (const char *const *at = step->inputs; !status && at && *at; at++)
    status = add_input(transaction, step, *at, e);
  return status ? status
                : run(transaction, count_inputs_sql,
                      SM_DB_VALUES(sm_db_text(step->key)), 1, e);
}

static enum sm_db_status enqueue(struct sm_transaction *transaction,
                                 struct sm_queue_ask *ask, struct sm_error *e) {
  double now_s;
  enum sm_db_status status = ask_clock(transaction, &now_s, e);
  for (size_t i = 0; !status && i < ask->count; i++) {
    struct sm_queue_step *step = &ask->steps[i];
    status =
        is_any(transaction, is_completed_sql, step->key, &step->is_done, e);
    if (status)
      break;
    /* In their order, also those of one moment. */
    status = step->is_done
                 ? finish(transaction, step->key, e)
                 : insert(transaction, step, now_s + (double)i * 1e-6, e);
  }
  return status ? status : notify(transaction, e);
}

/* -- pick ------------------------------------------------------------------ */

/* Whether the rate allows one more submit, which is counted then; otherwise
 * `wait_s` says when it will. */
static bool grant(struct limits *limits, double now_s, double *wait_s) {
  if (!(limits->of.rpm > 0))
    return isnan(limits->of.rpm);
  double every_s = 60 / limits->of.rpm;
  double ahead_s = every_s > BURST_S ? 0 : BURST_S - every_s;
  double due_at = limits->due_at > now_s ? limits->due_at : now_s;
  /* A clock that was set back would keep all waiting. */
  if (due_at > now_s + ahead_s + 2 * every_s + BURST_S)
    due_at = now_s;
  if (due_at - ahead_s > now_s) {
    *wait_s = due_at - ahead_s - now_s;
    return false;
  }
  limits->due_at = due_at + every_s;
  return true;
}

static enum sm_db_status lease(struct sm_transaction *transaction,
                               const char *sql, const char *key, double until_s,
                               struct sm_error *e) {
  return run(transaction, sql,
             SM_DB_VALUES(sm_db_text(key), sm_db_text(transaction->owner),
                          sm_db_number(until_s)),
             3, e);
}

/* Whether a step can be named by the key of its row. */
static bool is_readable(const struct sm_queue_row *row) {
  const struct sm_db_value *key = &row->value[SM_QUEUE_KEY];
  return key->type == SM_DB_TEXT && strlen(key->text) == key->size;
}

static enum sm_db_status fail_damaged(struct sm_transaction *transaction,
                                      struct sm_queue_row *row,
                                      const char *problem, struct sm_error *e) {
  row->value[SM_QUEUE_STATE] = sm_db_text("failed");
  row->value[SM_QUEUE_PROBLEM] = sm_db_text(problem);
  return run(
      transaction, fail_damaged_sql,
      SM_DB_VALUES(row->value[SM_QUEUE_KEY], row->value[SM_QUEUE_PROBLEM]), 2,
      e);
}

/* Keeps of the rows those that may go, each under a lease, and those that can
 * never, which have failed. */
static enum sm_db_status take(struct sm_transaction *transaction,
                              struct sm_queue_ask *ask, struct limits *limits,
                              double now_s, struct sm_error *e) {
  enum sm_db_status status = SM_DB_OK;
  for (struct sm_queue_row **at = &ask->rows; *at && !status;) {
    struct sm_queue_row *row = *at;
    bool is_begun = row->value[SM_QUEUE_IS_BEGUN].number != 0;
    if (!is_readable(row)) {
      /* No worker could say what became of it, and each would pick it again. */
      status = fail_damaged(
          transaction, row,
          "the row of the queue is damaged: its step_key is no key", e);
      at = &row->next;
    } else if (is_begun || grant(limits, now_s, &ask->wait_s)) {
      status = lease(transaction, lease_sql, text_of(row, SM_QUEUE_KEY),
                     now_s + SM_LEASE_S, e);
      transaction->has_picks = true;
      at = &row->next;
    } else {
      *at = row->next;
      row->next = NULL;
      delete_rows(row);
    }
  }
  return status;
}

static double most_of(const struct sm_queue_ask *ask) {
  return (double)(ask->most < MOST_PICKS ? ask->most : MOST_PICKS);
}

static enum sm_db_status find_ready(struct sm_transaction *transaction,
                                    struct sm_queue_ask *ask, double now_s,
                                    struct sm_error *e) {
  struct reading reading = {.end = &ask->rows};
  struct sm_db_query query = {
      .sql = transaction->db->dialect->is_remote ? pick_unlocked_sql : pick_sql,
      .values = SM_DB_VALUES(sm_db_number(now_s), sm_db_number(most_of(ask))),
      .count = 2,
      .take = take_row,
      .user = &reading};
  return sm_db_run(transaction->db, &query, e);
}

/* What nobody would ever pick has failed by that. */
static enum sm_db_status fail_lost(struct sm_transaction *transaction,
                                   struct sm_queue_ask *ask,
                                   struct sm_error *e) {
  struct reading reading = {.end = &ask->rows};
  struct sm_db_query query = {
      .sql = transaction->db->dialect->is_remote ? pick_lost_unlocked_sql
                                                 : pick_lost_sql,
      .values = SM_DB_VALUES(sm_db_number(most_of(ask))),
      .count = 1,
      .take = take_row,
      .user = &reading};
  enum sm_db_status status = sm_db_run(transaction->db, &query, e);
  for (struct sm_queue_row *row = ask->rows; row && !status; row = row->next)
    status = fail_damaged(transaction, row,
                          "the row of the queue is damaged: its state, or its "
                          "inputs_left, is none",
                          e);
  return status;
}

struct owners {
  char name[MOST_OWNERS][128];
  size_t count;
};

static bool note_owner(void *user, const struct sm_db_value *row, int columns) {
  struct owners *owners = user;
  if (columns == 1 && row[0].type == SM_DB_TEXT &&
      owners->count < MOST_OWNERS && row[0].size < sizeof owners->name[0] &&
      sm_owner_is_gone(row[0].text))
    memcpy(owners->name[owners->count++], row[0].text, row[0].size + 1);
  return true;
}

/* What workers of this machine had that are gone need not wait for the end of
 * its lease. */
static enum sm_db_status free_gone(struct sm_transaction *transaction,
                                   struct sm_queue_ask *ask, double now_s,
                                   struct sm_error *e) {
  struct owners gone = {.count = 0};
  struct sm_db_query query = {.sql = owners_sql,
                              .values = SM_DB_VALUES(sm_db_number(now_s)),
                              .count = 1,
                              .take = note_owner,
                              .user = &gone};
  enum sm_db_status status = sm_db_run(transaction->db, &query, e);
  for (size_t i = 0; !status && i < gone.count; i++)
    status = run(transaction, release_sql,
                 SM_DB_VALUES(sm_db_text(gone.name[i])), 1, e);
  ask->is_freed = !status && gone.count > 0;
  return status;
}

/* Nothing was ready: who is to be told when something is. */
static enum sm_db_status look_out(struct sm_transaction *transaction,
                                  struct sm_queue_ask *ask,
                                  struct sm_error *e) {
  const char *listen = transaction->db->dialect->listen;
  bool is_ready = true;
  enum sm_db_status status =
      is_any(transaction, is_ready_sql, NULL, &is_ready, e);
  ask->is_empty = !is_ready;
  ask->is_told = !status && listen;
  return status || !listen ? status : sm_db_exec(transaction->db, listen, e);
}

static enum sm_db_status pick(struct sm_transaction *transaction,
                              struct sm_queue_ask *ask, struct sm_error *e) {
  struct limits limits;
  double now_s, due_at;
  ask->wait_s = 0;
  ask->is_empty = ask->is_freed = ask->is_told = false;
  enum sm_db_status status = ask_clock(transaction, &now_s, e);
  if (!status)
    status = get_limits(transaction, &limits, e);
  if (!status)
    status = find_ready(transaction, ask, now_s, e);
  if (status)
    return status;
  due_at = limits.due_at;
  status = take(transaction, ask, &limits, now_s, e);
  ask->limits = limits.of;
  if (!status && limits.due_at != due_at)
    status = run(transaction, set_due_sql,
                 SM_DB_VALUES(sm_db_number(limits.due_at)), 1, e);
  if (!status && !ask->rows)
    status = fail_lost(transaction, ask, e);
  if (status || ask->rows)
    return status;
  status = free_gone(transaction, ask, now_s, e);
  return status || ask->wait_s > 0 ? status : look_out(transaction, ask, e);
}

/* -- what became of it ----------------------------------------------------- */

static enum sm_db_status done(struct sm_transaction *transaction,
                              const char *key, struct sm_error *e) {
  bool is_there;
  enum sm_db_status status =
      is_any(transaction, is_completed_sql, key, &is_there, e);
  if (!status && !is_there)
    return sm_db_fail(transaction->db, SM_DB_REFUSED, e,
                      "does not have the picture of the step %.64s, so nothing "
                      "can be made of it",
                      key);
  return status ? status : finish(transaction, key, e);
}

static enum sm_db_status end_one(struct sm_transaction *transaction,
                                 const struct sm_queue_ask *ask, size_t i,
                                 double now_s, struct sm_error *e) {
  const struct sm_queue_step *step = &ask->steps[i];
  switch (ask->verb) {
  case SM_QUEUE_HOLD:
    return lease(transaction, hold_sql, step->key, now_s + SM_LEASE_S, e);
  case SM_QUEUE_RETURN:
    return lease(transaction, return_sql, step->key,
                 ask->wait_s > 0 ? now_s + ask->wait_s : 0, e);
  case SM_QUEUE_DONE:
    return done(transaction, step->key, e);
  default:
    return run(transaction, fail_sql,
               SM_DB_VALUES(sm_db_text(step->key),
                            sm_db_text(transaction->owner),
                            sm_db_text(step->problem)),
               3, e);
  }
}

/* The last failure may have made the rest blocked, which ends who waits for
 * it. */
static enum sm_db_status end_all(struct sm_transaction *transaction,
                                 const struct sm_queue_ask *ask,
                                 struct sm_error *e) {
  double now_s;
  enum sm_db_status status = ask_clock(transaction, &now_s, e);
  for (size_t i = 0; !status && i < ask->count; i++)
    status = end_one(transaction, ask, i, now_s, e);
  return status || ask->verb == SM_QUEUE_HOLD ? status : notify(transaction, e);
}

enum sm_db_status sm_ledger_queue_release(struct sm_transaction *transaction,
                                          struct sm_error *e) {
  if (!transaction->has_picks)
    return SM_DB_OK;
  return run(transaction, release_sql,
             SM_DB_VALUES(sm_db_text(transaction->owner)), 1, e);
}

/* -- one ask --------------------------------------------------------------- */

static enum sm_db_status list(struct sm_transaction *transaction,
                              struct sm_queue_ask *ask, struct sm_error *e) {
  struct reading reading = {.end = &ask->rows};
  struct sm_db_query query = {
      .sql = list_sql, .take = take_row, .user = &reading};
  return sm_db_run(transaction->db, &query, e);
}

enum sm_db_status sm_ledger_queue_apply(struct sm_transaction *transaction,
                                        struct sm_queue_ask *ask,
                                        struct sm_error *e) {
  bool are_there;
  sm_queue_ask_clear(ask);
  enum sm_db_status status =
      need_tables(transaction, ask->verb != SM_QUEUE_LIST, &are_there, e);
  if (status || !are_there)
    return status;
  switch (ask->verb) {
  case SM_QUEUE_ENQUEUE:
    return enqueue(transaction, ask, e);
  case SM_QUEUE_PICK:
    return pick(transaction, ask, e);
  case SM_QUEUE_LIMIT:
  case SM_QUEUE_REPLACE:
    return limit(transaction, ask, e);
  case SM_QUEUE_LIST:
    return list(transaction, ask, e);
  default:
    return end_all(transaction, ask, e);
  }
}
