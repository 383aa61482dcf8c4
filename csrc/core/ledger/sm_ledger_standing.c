#include "sm_ledger_standing.h"

#include <string.h>

#include "sm_ledger_queue.h"
#include "sm_owner.h"

/* In the order of enum sm_column. */
#define COLUMNS                                                                \
  "step_key, generation, name, model, api, params, state, body, seed, "        \
  "request_id, submits, price, doubt, cost, submitted_at, accepted_at, "       \
  "ended_at, result, problem, file, file_sha256, lease_owner, lease_until"
#define SELECT "SELECT " COLUMNS " FROM segmind_steps "

static const char find_sql[] =
    SELECT "WHERE step_key = $1 ORDER BY generation DESC";

static const char get_sql[] = SELECT "WHERE " SM_TRANSACTION_ROW;

static const char by_request_sql[] = SELECT "WHERE request_id = $1";

static const char list_sql[] =
    SELECT "ORDER BY submitted_at, step_key, generation";

static const char unfinished_sql[] =
    SELECT "WHERE state NOT IN ('completed', 'failed', 'expired') "
           "ORDER BY submitted_at, step_key, generation";

/* Unless something has happened to it since it was read: a server's rows may be
 * written to by those who did not wait for the turn. */
static const char take_sql[] =
    "UPDATE segmind_steps SET lease_owner = $3, lease_until = $4 "
    "WHERE " SM_TRANSACTION_ROW
    " AND state = $5 AND lease_owner = $6 AND lease_until = $7";

static const char release_sql[] =
    "UPDATE segmind_steps SET lease_until = 0 WHERE lease_owner = $1";

static const char renew_sql[] =
    "UPDATE segmind_steps SET lease_until = $2 WHERE lease_owner = $1 "
    "AND lease_until > 0 AND lease_until <= $2";

/* -- reading --------------------------------------------------------------- */

/* What is read row by row: the best row of a key, or all rows, each checked. */
struct reading {
  struct sm_row *best;
  struct sm_row *last;    /* of all */
  struct sm_error damage; /* of the first row that cannot be relied on */
  double last_generation;
  bool wants_all;
};

/* The latest that has a picture, else the latest that may yet have one, else
 * the latest that failed. They come latest first. */
static bool is_better(const struct sm_row *best, const char *state) {
  if (!best)
    return true;
  const char *other = sm_row_text(best, SM_ROW_STATE);
  if (strcmp(other, "completed") == 0)
    return false;
  return strcmp(state, "completed") == 0 ||
         (strcmp(other, "failed") == 0 && strcmp(state, "failed") != 0);
}

static bool take_best(struct reading *reading,
                      const struct sm_db_value *values) {
  if (!is_better(reading->best, values[SM_ROW_STATE].text))
    return true;
  struct sm_row *row = sm_row_new(values, SM_STANDING_FREE, NULL);
  if (!row)
    return false;
  sm_row_delete(reading->best);
  reading->best = row;
  return true;
}

static bool take_all(struct reading *reading, const struct sm_db_value *values,
                     const struct sm_error *damage) {
  struct sm_row *row =
      sm_row_new(values, damage ? SM_STANDING_DAMAGED : SM_STANDING_HELD,
                 damage ? damage->message : NULL);
  if (!row)
    return false;
  if (reading->last)
    reading->last->next = row;
  else
    reading->best = row;
  reading->last = row;
  return true;
}

static bool take_row(void *user, const struct sm_db_value *values,
                     int columns) {
  struct reading *reading = user;
  struct sm_error damage;
  if (columns != SM_ROW_COLUMNS)
    return true;
  bool is_sound = sm_row_check(values, &damage) == SM_OK;
  if (reading->wants_all)
    return take_all(reading, values, is_sound ? NULL : &damage);
  if (!is_sound) {
    if (!reading->damage.code)
      reading->damage = damage;
    return true;
  }
  if (values[SM_ROW_GENERATION].number > reading->last_generation)
    reading->last_generation = values[SM_ROW_GENERATION].number;
  return take_best(reading, values);
}

/* A key with a damaged row is one that nothing is paid on. */
static enum sm_db_status read_rows(struct sm_transaction *transaction,
                                   struct sm_db_query *query,
                                   struct reading *reading,
                                   struct sm_error *e) {
  query->take = take_row;
  query->user = reading;
  enum sm_db_status status = sm_db_run(transaction->db, query, e);
  if (status == SM_DB_OK && reading->damage.code)
    status = sm_db_fail(transaction->db, SM_DB_REFUSED, e,
                        "cannot be relied on: %s", reading->damage.message);
  if (status != SM_DB_OK) {
    sm_row_delete(reading->best);
    reading->best = NULL;
  }
  return status;
}

static enum sm_db_status find_best(struct sm_transaction *transaction,
                                   const char *key, struct reading *reading,
                                   struct sm_error *e) {
  struct sm_db_query query = {
      .sql = find_sql, .values = SM_DB_VALUES(sm_db_text(key)), .count = 1};
  *reading = (struct reading){0};
  return read_rows(transaction, &query, reading, e);
}

enum sm_db_status sm_ledger_standing_get(struct sm_transaction *transaction,
                                         const char *key, int64_t generation,
                                         struct sm_row **row,
                                         struct sm_error *e) {
  struct reading reading = {0};
  struct sm_db_query query = {
      .sql = get_sql,
      .values = SM_DB_VALUES(sm_db_text(key), sm_db_number((double)generation)),
      .count = 2};
  enum sm_db_status status = read_rows(transaction, &query, &reading, e);
  *row = reading.best;
  return status;
}

enum sm_db_status sm_ledger_standing_last(struct sm_transaction *transaction,
                                          const char *key, int64_t *generation,
                                          struct sm_error *e) {
  struct reading reading;
  enum sm_db_status status = find_best(transaction, key, &reading, e);
  sm_row_delete(reading.best);
  *generation = (int64_t)reading.last_generation;
  return status;
}

/* -- whose step it is ------------------------------------------------------ */

/* Its owner has let go, is gone, or has not renewed its lease. */
static bool is_left_behind(const struct sm_transaction *transaction,
                           const struct sm_row *row) {
  return sm_row_number(row, SM_ROW_LEASE_UNTIL) <= transaction->lease_now_s ||
         (!sm_transaction_owns(transaction, row) &&
          sm_owner_is_gone(sm_row_text(row, SM_ROW_LEASE_OWNER)));
}

/* Takes a row that was begun and not ended, if it was left behind. One that is
 * the asker's counts as such where `may_be_own`: where he asks only for what
 * none of his jobs is at. */
static enum sm_db_status take_over(struct sm_transaction *transaction,
                                   struct sm_row *row, bool may_be_own,
                                   struct sm_error *e) {
  bool is_taken = false;
  row->standing = SM_STANDING_HELD;
  enum sm_db_status status = sm_transaction_ask_time(transaction, e);
  bool is_free = is_left_behind(transaction, row) ||
                 (may_be_own && sm_transaction_owns(transaction, row));
  if (status || !is_free)
    return status;
  struct sm_db_query query = {
      .sql = take_sql,
      .values = SM_DB_VALUES(
          row->value[SM_ROW_STEP_KEY], row->value[SM_ROW_GENERATION],
          sm_db_text(transaction->owner),
          sm_db_number(transaction->lease_now_s + SM_LEASE_S),
          row->value[SM_ROW_STATE], row->value[SM_ROW_LEASE_OWNER],
          row->value[SM_ROW_LEASE_UNTIL]),
      .count = 7};
  status = sm_transaction_change(transaction, &query, &is_taken, e);
  if (is_taken)
    row->standing = SM_STANDING_TAKEN;
  return status;
}

/* Fills in how the row stands to the asker; the write owns it from here on.
 * What was left behind is taken over, but by FIND. */
static enum sm_db_status answer_with(struct sm_transaction *transaction,
                                     struct sm_write *write, struct sm_row *row,
                                     struct sm_error *e) {
  enum sm_db_status status = SM_DB_OK;
  write->row = row;
  if (row && sm_row_is_in(row, "completed"))
    row->standing = SM_STANDING_DONE;
  else if (row && !sm_row_is_in(row, "failed") && write->kind == SM_WRITE_FIND)
    row->standing = SM_STANDING_HELD;
  else if (row && !sm_row_is_in(row, "failed"))
    status = take_over(transaction, row, write->kind != SM_WRITE_ATTACH, e);
  write->standing = SM_STANDING_FREE;
  if (row)
    write->standing = row->standing;
  if (row)
    write->written = (int64_t)sm_row_number(row, SM_ROW_GENERATION);
  return status;
}

/* One that the service has forgotten is waited for by nobody, yet stays paid:
 * only who asks for a fresh one passes it by. */
static bool is_open(const struct sm_row *row) {
  return !sm_row_is_in(row, "completed") && !sm_row_is_in(row, "failed") &&
         !sm_row_is_in(row, "expired");
}

/* The first of a list that was left behind is taken over. */
static enum sm_db_status take_first(struct sm_transaction *transaction,
                                    struct sm_write *write, struct sm_row *list,
                                    struct sm_error *e) {
  enum sm_db_status status = SM_DB_OK;
  for (struct sm_row *row = list; row && !status; row = row->next) {
    if (row->standing == SM_STANDING_DAMAGED)
      return sm_db_fail(transaction->db, SM_DB_REFUSED, e,
                        "cannot be relied on: %s", row->damage);
    if (!is_open(row))
      continue;
    status = take_over(transaction, row, false, e);
    if (row->standing != SM_STANDING_TAKEN)
      continue;
    write->row = sm_row_new(row->value, SM_STANDING_TAKEN, NULL);
    write->standing = SM_STANDING_TAKEN;
    write->written = (int64_t)sm_row_number(row, SM_ROW_GENERATION);
    return write->row ? SM_DB_OK
                      : sm_db_fail(transaction->db, SM_DB_BUSY, e,
                                   "fails: out of memory");
  }
  return status;
}

/* For a fresh one: what an earlier call has begun, and perhaps paid, is taken
 * up instead of paid again. */
static enum sm_db_status look_for_open(struct sm_transaction *transaction,
                                       struct sm_write *write,
                                       struct sm_error *e) {
  struct reading reading = {.wants_all = true};
  struct sm_db_query query = {.sql = find_sql,
                              .values = SM_DB_VALUES(sm_db_text(write->key)),
                              .count = 1};
  enum sm_db_status status = read_rows(transaction, &query, &reading, e);
  if (!status)
    status = take_first(transaction, write, reading.best, e);
  sm_row_delete(reading.best);
  return status;
}

enum sm_db_status sm_ledger_standing_look(struct sm_transaction *transaction,
                                          struct sm_write *write,
                                          struct sm_error *e) {
  struct reading reading;
  if (write->step->is_fresh && write->kind != SM_WRITE_FIND)
    return look_for_open(transaction, write, e);
  enum sm_db_status status = find_best(transaction, write->key, &reading, e);
  if (status)
    return status;
  return answer_with(transaction, write, reading.best, e);
}

/* A job of the asker's may be at the row, and it may be submitted again once it
 * has failed: who attaches its id only looks on then, for his end must not be
 * written into the row of a submit that is under way (M3). */
static enum sm_db_status attach(struct sm_transaction *transaction,
                                struct sm_write *write, struct sm_error *e) {
  struct reading reading = {0};
  struct sm_db_query query = {.sql = by_request_sql,
                              .values =
                                  SM_DB_VALUES(sm_db_text(write->request_id)),
                              .count = 1};
  enum sm_db_status status = read_rows(transaction, &query, &reading, e);
  if (!status)
    status = answer_with(transaction, write, reading.best, e);
  if (!status && write->row && write->standing == SM_STANDING_FREE)
    write->standing = write->row->standing = SM_STANDING_HELD;
  return status;
}

static enum sm_db_status resume(struct sm_transaction *transaction,
                                struct sm_write *write, struct sm_error *e) {
  struct reading reading = {.wants_all = true};
  struct sm_db_query query = {.sql = unfinished_sql};
  enum sm_db_status status = read_rows(transaction, &query, &reading, e);
  write->row = reading.best;
  for (struct sm_row *row = write->row; row && !status; row = row->next)
    if (row->standing != SM_STANDING_DAMAGED)
      status = take_over(transaction, row, false, e);
  return status;
}

static enum sm_db_status list(struct sm_transaction *transaction,
                              struct sm_write *write, struct sm_error *e) {
  struct reading reading = {.wants_all = true};
  struct sm_db_query query = {.sql = list_sql};
  enum sm_db_status status = read_rows(transaction, &query, &reading, e);
  write->row = reading.best;
  return status;
}

/* -- leases ---------------------------------------------------------------- */

bool sm_ledger_standing_was_let_go(const struct sm_transaction *transaction,
                                   const struct sm_row *row) {
  return sm_transaction_owns(transaction, row) &&
         sm_row_number(row, SM_ROW_LEASE_UNTIL) <= transaction->lease_now_s;
}

static enum sm_db_status renew(struct sm_transaction *transaction,
                               struct sm_write *write, struct sm_error *e) {
  bool is_there = false;
  enum sm_db_status status = sm_transaction_ask_time(transaction, e);
  if (status)
    return status;
  struct sm_db_query query = {
      .sql = renew_sql,
      .values =
          SM_DB_VALUES(sm_db_text(transaction->owner),
                       sm_db_number(transaction->lease_now_s + SM_LEASE_S)),
      .count = 2};
  status = sm_transaction_change(transaction, &query, &is_there, e);
  write->standing = is_there ? SM_STANDING_HELD : SM_STANDING_FREE;
  return status;
}

static enum sm_db_status release(struct sm_transaction *transaction,
                                 struct sm_error *e) {
  struct sm_db_query query = {.sql = release_sql,
                              .values =
                                  SM_DB_VALUES(sm_db_text(transaction->owner)),
                              .count = 1};
  enum sm_db_status status = sm_db_run(transaction->db, &query, e);
  return status ? status : sm_ledger_queue_release(transaction, e);
}

enum sm_db_status sm_ledger_standing_apply(struct sm_transaction *transaction,
                                           struct sm_write *write,
                                           struct sm_error *e) {
  switch (write->kind) {
  case SM_WRITE_ATTACH:
    return attach(transaction, write, e);
  case SM_WRITE_RESUME:
    return resume(transaction, write, e);
  case SM_WRITE_LIST:
    return list(transaction, write, e);
  case SM_WRITE_RENEW:
    return renew(transaction, write, e);
  case SM_WRITE_RELEASE:
    return release(transaction, e);
  default:
    return sm_ledger_standing_look(transaction, write, e);
  }
}
