#include "sm_ledger_rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sm_ledger_tables.h"
#include "sm_owner.h"

/* Sums of cents are not exact in binary. */
#define EPSILON 1e-9
#define MOST_SUBMITS 1000000000 /* that are told apart */
#define MOST 9007199254740992.0 /* 2^53 */

#define TEXT(x) sm_db_text(x)
#define NUMBER(x) sm_db_number(x)
#define VALUES(...)                                                            \
  (const struct sm_db_value[]) { __VA_ARGS__ }

/* In the order of enum sm_column. */
#define COLUMNS                                                                \
  "step_key, generation, name, model, api, params, state, body, seed, "        \
  "request_id, submits, price, doubt, cost, submitted_at, accepted_at, "       \
  "ended_at, result, problem, file, file_sha256, lease_owner, lease_until"
#define SELECT "SELECT " COLUMNS " FROM segmind_steps "
#define ROW "step_key = $1 AND generation = $2"

static const char find_sql[] =
    SELECT "WHERE step_key = $1 ORDER BY generation DESC";

static const char get_sql[] = SELECT "WHERE " ROW;

static const char by_request_sql[] = SELECT "WHERE request_id = $1";

static const char list_sql[] =
    SELECT "ORDER BY submitted_at, step_key, generation";

static const char unfinished_sql[] =
    SELECT "WHERE state NOT IN ('completed', 'failed') "
           "ORDER BY submitted_at, step_key, generation";

/* Neither is a text that SQLite has kept as a cost, nor a NaN of PostgreSQL:
 * both are greater than any number. Of NULL it says nothing, so ELSE. */
#define SOUND(column) "(" column " >= 0 AND " column " < 9007199254740992)"

/* What a step counts with besides its doubt: a cost that makes no sense counts
 * as the price. Where nothing says what it may have cost, there is no sum. */
static const char spent_sql[] = "SELECT SUM(CASE WHEN " SOUND(
    "doubt") " THEN doubt ELSE 0 END + "
             "CASE WHEN state = 'failed' THEN 0 "
             "WHEN state = 'completed' AND " SOUND(
                 "cost") " THEN cost "
                         "WHEN " SOUND(
                             "price") " THEN price ELSE 0 END), "
                                      "MIN(CASE WHEN NOT " SOUND(
                                          "doubt") " OR "
                                                   "CASE WHEN state = 'failed' "
                                                   "THEN FALSE "
                                                   "WHEN state = 'completed' "
                                                   "AND " SOUND(
                                                       "cost") " THEN FALSE "
                                                               "ELSE price IS "
                                                               "NOT NULL AND "
                                                               "NOT " SOUND(
                                                                   "price") " E"
                                                                            "ND"
                                                                            " "
                                                                            "TH"
                                                                            "EN"
                                                                            " s"
                                                                            "te"
                                                                            "p_"
                                                                            "ke"
                                                                            "y "
                                                                            "EN"
                                                                            "D)"
                                                                            " F"
                                                                            "RO"
                                                                            "M "
                                                                            "se"
                                                                            "gm"
                                                                            "in"
                                                                            "d_"
                                                                            "st"
                                                                            "ep"
                                                                            "s";

static const char insert_sql[] =
    "INSERT INTO segmind_steps (step_key, generation, name, model, api, "
    "params, state, body, seed, request_id, submits, price, doubt, "
    "submitted_at, accepted_at, lease_owner, lease_until) VALUES ($1, $2, $3, "
    "$4, $5, $6, $7, $8, $9, $10, 1, $11, 0, $12, $13, $14, $15)";

/* While an earlier submit is in doubt, its time is what the request history is
 * asked from. */
static const char again_sql[] =
    "UPDATE segmind_steps SET state = 'intent', api = $3, body = $4, "
    "seed = $5, request_id = NULL, submits = submits + 1, price = $6, "
    "doubt = doubt + $7, submitted_at = CASE WHEN state = 'failed' THEN $8 "
    "ELSE submitted_at END, accepted_at = NULL, ended_at = NULL, "
    "problem = NULL, lease_owner = $9, lease_until = $10 WHERE " ROW;

/* Unless something has happened to it since it was read: a server's rows may be
 * written to by those who did not wait for the turn. */
static const char take_sql[] =
    "UPDATE segmind_steps SET lease_owner = $3, lease_until = $4 WHERE " ROW
    " AND state = $5 AND lease_owner = $6 AND lease_until = $7";

static const char is_others_sql[] =
    "SELECT 1 FROM segmind_steps WHERE request_id = $3 AND NOT (" ROW ")";

/* An end may have let the row go that the caller has found the id of. */
static const char accept_sql[] =
    "UPDATE segmind_steps SET state = 'accepted', request_id = $3, "
    "accepted_at = $4, lease_until = CASE WHEN lease_owner = $5 THEN $6 "
    "ELSE lease_until END WHERE " ROW " AND (state IN ('intent', 'unknown') "
    "OR state = 'accepted' AND request_id IS NULL)";

static const char complete_sql[] =
    "UPDATE segmind_steps SET state = 'completed', "
    "request_id = COALESCE($3, request_id), result = $4, cost = $5, "
    "seed = COALESCE($6, seed), ended_at = $7, problem = NULL, "
    "lease_until = 0 WHERE " ROW;

static const char keep_sql[] =
    "UPDATE segmind_steps SET file = $3, file_sha256 = $4 WHERE " ROW;

/* The id is given again: when it came, it may have been what could not be
 * written. Carried out a second time it finds no lease. */
static const char end_sql[] =
    "UPDATE segmind_steps SET state = $3, "
    "request_id = COALESCE(request_id, $4), problem = $5, "
    "doubt = CASE WHEN doubt > $6 THEN doubt - $6 ELSE 0 END, "
    "ended_at = $7, lease_until = 0 WHERE " ROW
    " AND state <> 'completed' AND lease_owner = $8 AND lease_until > 0";

static const char release_sql[] =
    "UPDATE segmind_steps SET lease_until = 0 WHERE lease_owner = $1";

static const char renew_sql[] =
    "UPDATE segmind_steps SET lease_until = $2 WHERE lease_owner = $1 "
    "AND lease_until > 0 AND lease_until <= $2";

/* -- running --------------------------------------------------------------- */

static enum sm_db_status change(struct sm_ledger_rows *rows, const char *sql,
                                const struct sm_db_value *values, int count,
                                struct sm_error *e) {
  struct sm_db_query query = {.sql = sql, .values = values, .count = count};
  return sm_db_run(rows->db, &query, e);
}

/* As `change`, and says whether there was such a row. */
static enum sm_db_status change_one(struct sm_ledger_rows *rows,
                                    struct sm_db_query *query, bool *is_there,
                                    struct sm_error *e) {
  enum sm_db_status status = sm_db_run(rows->db, query, e);
  *is_there = status == SM_DB_OK && query->changed > 0;
  return status;
}

static bool note_number(void *user, const struct sm_db_value *row,
                        int columns) {
  if (columns > 0 && row[0].type == SM_DB_NUMBER)
    *(double *)user = row[0].number;
  return true;
}

/* The time of leases. Machines that share a server share its clock, too. */
static enum sm_db_status ask_time(struct sm_ledger_rows *rows,
                                  struct sm_error *e) {
  if (!isnan(rows->lease_now_s))
    return SM_DB_OK;
  if (!rows->db->dialect->now) {
    rows->lease_now_s = rows->now_s;
    return SM_DB_OK;
  }
  struct sm_db_query query = {.sql = rows->db->dialect->now,
                              .take = note_number,
                              .user = &rows->lease_now_s};
  return sm_db_run(rows->db, &query, e);
}

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
static enum sm_db_status read_rows(struct sm_ledger_rows *rows,
                                   struct sm_db_query *query,
                                   struct reading *reading,
                                   struct sm_error *e) {
  query->take = take_row;
  query->user = reading;
  enum sm_db_status status = sm_db_run(rows->db, query, e);
  if (status == SM_DB_OK && reading->damage.code)
    status = sm_db_fail(rows->db, SM_DB_REFUSED, e, "cannot be relied on: %s",
                        reading->damage.message);
  if (status != SM_DB_OK) {
    sm_row_delete(reading->best);
    reading->best = NULL;
  }
  return status;
}

static enum sm_db_status find_best(struct sm_ledger_rows *rows, const char *key,
                                   struct reading *reading,
                                   struct sm_error *e) {
  struct sm_db_query query = {
      .sql = find_sql, .values = VALUES(TEXT(key)), .count = 1};
  *reading = (struct reading){0};
  return read_rows(rows, &query, reading, e);
}

/* One row by its name, or NULL. Ownership: the caller's. */
static enum sm_db_status get(struct sm_ledger_rows *rows, const char *key,
                             int64_t generation, struct sm_row **row,
                             struct sm_error *e) {
  struct reading reading = {0};
  struct sm_db_query query = {.sql = get_sql,
                              .values =
                                  VALUES(TEXT(key), NUMBER((double)generation)),
                              .count = 2};
  enum sm_db_status status = read_rows(rows, &query, &reading, e);
  *row = reading.best;
  return status;
}

static bool has_state(const struct sm_row *row, const char *state) {
  return strcmp(sm_row_text(row, SM_ROW_STATE), state) == 0;
}

static bool is_owned_by(const struct sm_row *row, const char *owner) {
  return strcmp(sm_row_text(row, SM_ROW_LEASE_OWNER), owner) == 0;
}

/* -- money ----------------------------------------------------------------- */

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

/* Summed up once a transaction; a claim adds to it. */
static enum sm_db_status ask_spent(struct sm_ledger_rows *rows,
                                   struct sm_error *e) {
  struct sum sum = {0};
  struct sm_db_query query = {.sql = spent_sql, .take = note_sum, .user = &sum};
  if (!isnan(rows->spent))
    return SM_DB_OK;
  enum sm_db_status status = sm_db_run(rows->db, &query, e);
  if (status != SM_DB_OK)
    return status;
  if (sum.damaged[0] || !(sum.usd >= -EPSILON && sum.usd < MOST))
    return sm_db_fail(rows->db, SM_DB_REFUSED, e,
                      "has a row that is damaged, of step %s: what it cost "
                      "cannot be told",
                      sum.damaged[0] ? sum.damaged : "?");
  rows->spent = sum.usd;
  return SM_DB_OK;
}

static double price_of(const struct sm_ledger_step *step) {
  return step->price >= 0 && step->price < MOST ? step->price : (double)NAN;
}

/* Whether the budget allows one more submit of the step, in the transaction
 * that writes its intent (M6); without a declared price it cannot. */
static enum sm_db_status check_budget(struct sm_ledger_rows *rows,
                                      struct sm_write *write,
                                      struct sm_error *e) {
  const struct sm_ledger_step *step = write->step;
  if (isnan(step->budget))
    return SM_DB_OK;
  enum sm_db_status status = ask_spent(rows, e);
  if (status != SM_DB_OK)
    return status;
  write->spent = rows->spent;
  if (!(rows->spent + price_of(step) <= step->budget + EPSILON))
    write->standing = SM_STANDING_REFUSED;
  return SM_DB_OK;
}

/* -- the intent ------------------------------------------------------------ */

static struct sm_db_value sound_number(double number, double least) {
  return number >= least && number < MOST ? NUMBER(number) : sm_db_null();
}

static struct sm_db_value seed_of(double seed) {
  return sound_number(seed, 1 - MOST);
}

static struct sm_db_value body_of(const struct sm_ledger_step *step) {
  struct sm_db_value body = TEXT(step->body);
  body.size = step->body_size;
  return body;
}

/* What this library writes it must be able to read again. */
static enum sm_db_status check_step(struct sm_ledger_rows *rows,
                                    const struct sm_ledger_step *step,
                                    struct sm_error *e) {
  if (!step)
    return sm_db_fail(rows->db, SM_DB_BROKEN, e, "does not know the step");
  struct sm_db_value values[SM_ROW_COLUMNS] = {
      [SM_ROW_STEP_KEY] = TEXT(step->key),
      [SM_ROW_GENERATION] = NUMBER(1),
      [SM_ROW_MODEL] = TEXT(step->model),
      [SM_ROW_API] = TEXT(step->api),
      [SM_ROW_PARAMS] = TEXT(step->params),
      [SM_ROW_STATE] = TEXT("intent"),
      [SM_ROW_BODY] = body_of(step),
      [SM_ROW_SUBMITS] = NUMBER(1),
      [SM_ROW_DOUBT] = NUMBER(0),
      [SM_ROW_SUBMITTED_AT] = NUMBER(0),
      [SM_ROW_LEASE_OWNER] = TEXT(rows->owner),
      [SM_ROW_LEASE_UNTIL] = NUMBER(0),
  };
  struct sm_error why;
  if (sm_row_check(values, &why) == SM_OK)
    return SM_DB_OK;
  return sm_db_fail(rows->db, SM_DB_REFUSED, e, "cannot keep the step: %s",
                    why.message);
}

/* A further generation; with a request id it has been accepted. */
static enum sm_db_status insert(struct sm_ledger_rows *rows,
                                struct sm_write *write, const char *request_id,
                                struct sm_error *e) {
  const struct sm_ledger_step *step = write->step;
  struct reading reading;
  enum sm_db_status status = check_step(rows, step, e);
  if (!status)
    status = find_best(rows, step->key, &reading, e);
  if (!status)
    status = ask_time(rows, e);
  if (status)
    return status;
  sm_row_delete(reading.best);
  write->written = (int64_t)reading.last_generation + 1;
  write->submits = 1;
  return change(
      rows, insert_sql,
      VALUES(TEXT(step->key), NUMBER((double)write->written), TEXT(step->name),
             TEXT(step->model), TEXT(step->api), TEXT(step->params),
             TEXT(request_id ? "accepted" : "intent"), body_of(step),
             seed_of(step->seed), TEXT(request_id), NUMBER(price_of(step)),
             NUMBER(rows->now_s),
             request_id ? NUMBER(rows->now_s) : sm_db_null(), TEXT(rows->owner),
             NUMBER(rows->lease_now_s + SM_LEASE_S)),
      15, e);
}

static int32_t submits_of(const struct sm_row *row) {
  double submits = sm_row_number(row, SM_ROW_SUBMITS);
  return submits > -MOST_SUBMITS && submits < MOST_SUBMITS ? (int32_t)submits
                                                           : MOST_SUBMITS;
}

/* The row of a step that is sent once more. */
static enum sm_db_status again(struct sm_ledger_rows *rows,
                               struct sm_write *write, const struct sm_row *row,
                               struct sm_error *e) {
  const struct sm_ledger_step *step = write->step;
  double before = sm_row_number(row, SM_ROW_PRICE);
  double doubt = has_state(row, "failed") || isnan(before) ? 0 : before;
  enum sm_db_status status = check_step(rows, step, e);
  if (!status)
    status = ask_time(rows, e);
  if (status)
    return status;
  write->written = (int64_t)sm_row_number(row, SM_ROW_GENERATION);
  write->submits = submits_of(row) + 1;
  return change(rows, again_sql,
                VALUES(TEXT(step->key), NUMBER((double)write->written),
                       TEXT(step->api), body_of(step), seed_of(step->seed),
                       NUMBER(price_of(step)), NUMBER(doubt),
                       NUMBER(rows->now_s), TEXT(rows->owner),
                       NUMBER(rows->lease_now_s + SM_LEASE_S)),
                10, e);
}

/* Writes that the step is about to be sent, if the budget allows it. */
static enum sm_db_status intend(struct sm_ledger_rows *rows,
                                struct sm_write *write,
                                const struct sm_row *row, struct sm_error *e) {
  enum sm_db_status status = check_budget(rows, write, e);
  if (status || write->standing == SM_STANDING_REFUSED)
    return status;
  status = row ? again(rows, write, row, e) : insert(rows, write, NULL, e);
  if (status)
    return status;
  write->standing = SM_STANDING_MINE;
  if (!isnan(price_of(write->step)))
    rows->spent += price_of(write->step);
  return SM_DB_OK;
}

/* The same in a row (or NULL), which the write brings home as it was: an id
 * that it had is that of an earlier submit. Ownership of the row is the
 * write's. */
static enum sm_db_status intend_in(struct sm_ledger_rows *rows,
                                   struct sm_write *write, struct sm_row *row,
                                   struct sm_error *e) {
  enum sm_db_status status = intend(rows, write, row, e);
  if (status || write->standing != SM_STANDING_MINE)
    sm_row_delete(row);
  else
    write->row = row;
  return status;
}

/* -- whose step it is ------------------------------------------------------ */

/* Its owner has let go, is gone, or has not renewed its lease. */
static bool is_left_behind(const struct sm_ledger_rows *rows,
                           const struct sm_row *row) {
  return sm_row_number(row, SM_ROW_LEASE_UNTIL) <= rows->lease_now_s ||
         (!is_owned_by(row, rows->owner) &&
          sm_owner_is_gone(sm_row_text(row, SM_ROW_LEASE_OWNER)));
}

/* Takes a row that was begun and not ended, if it was left behind. One that is
 * the asker's counts as such where `may_be_own`: where he asks only for what
 * none of his jobs is at. */
static enum sm_db_status take_over(struct sm_ledger_rows *rows,
                                   struct sm_row *row, bool may_be_own,
                                   struct sm_error *e) {
  bool is_taken = false;
  row->standing = SM_STANDING_HELD;
  enum sm_db_status status = ask_time(rows, e);
  bool is_free = is_left_behind(rows, row) ||
                 (may_be_own && is_owned_by(row, rows->owner));
  if (status || !is_free)
    return status;
  struct sm_db_query query = {
      .sql = take_sql,
      .values =
          VALUES(row->value[SM_ROW_STEP_KEY], row->value[SM_ROW_GENERATION],
                 TEXT(rows->owner), NUMBER(rows->lease_now_s + SM_LEASE_S),
                 row->value[SM_ROW_STATE], row->value[SM_ROW_LEASE_OWNER],
                 row->value[SM_ROW_LEASE_UNTIL]),
      .count = 7};
  status = change_one(rows, &query, &is_taken, e);
  if (is_taken)
    row->standing = SM_STANDING_TAKEN;
  return status;
}

/* Fills in how the row stands to the asker; the write owns it from here on.
 * What was left behind is taken over, but by FIND. */
static enum sm_db_status answer_with(struct sm_ledger_rows *rows,
                                     struct sm_write *write, struct sm_row *row,
                                     struct sm_error *e) {
  enum sm_db_status status = SM_DB_OK;
  write->row = row;
  if (row && has_state(row, "completed"))
    row->standing = SM_STANDING_DONE;
  else if (row && !has_state(row, "failed") && write->kind == SM_WRITE_FIND)
    row->standing = SM_STANDING_HELD;
  else if (row && !has_state(row, "failed"))
    status = take_over(rows, row, write->kind != SM_WRITE_ATTACH, e);
  write->standing = row ? row->standing : SM_STANDING_FREE;
  if (row)
    write->written = (int64_t)sm_row_number(row, SM_ROW_GENERATION);
  return status;
}

static bool is_open(const struct sm_row *row) {
  return !has_state(row, "completed") && !has_state(row, "failed");
}

/* The first of a list that was left behind is taken over. */
static enum sm_db_status take_first(struct sm_ledger_rows *rows,
                                    struct sm_write *write, struct sm_row *list,
                                    struct sm_error *e) {
  enum sm_db_status status = SM_DB_OK;
  for (struct sm_row *row = list; row && !status; row = row->next) {
    if (row->standing == SM_STANDING_DAMAGED)
      return sm_db_fail(rows->db, SM_DB_REFUSED, e, "cannot be relied on: %s",
                        row->damage);
    if (!is_open(row))
      continue;
    status = take_over(rows, row, false, e);
    if (row->standing != SM_STANDING_TAKEN)
      continue;
    write->row = sm_row_new(row->value, SM_STANDING_TAKEN, NULL);
    write->standing = SM_STANDING_TAKEN;
    write->written = (int64_t)sm_row_number(row, SM_ROW_GENERATION);
    return write->row
               ? SM_DB_OK
               : sm_db_fail(rows->db, SM_DB_BUSY, e, "fails: out of memory");
  }
  return status;
}

/* For a fresh one: what an earlier call has begun, and perhaps paid, is taken
 * up instead of paid again. */
static enum sm_db_status look_for_open(struct sm_ledger_rows *rows,
                                       struct sm_write *write,
                                       struct sm_error *e) {
  struct reading reading = {.wants_all = true};
  struct sm_db_query query = {
      .sql = find_sql, .values = VALUES(TEXT(write->key)), .count = 1};
  enum sm_db_status status = read_rows(rows, &query, &reading, e);
  if (!status)
    status = take_first(rows, write, reading.best, e);
  sm_row_delete(reading.best);
  return status;
}

static enum sm_db_status look(struct sm_ledger_rows *rows,
                              struct sm_write *write, struct sm_error *e) {
  struct reading reading;
  if (write->step->is_fresh && write->kind != SM_WRITE_FIND)
    return look_for_open(rows, write, e);
  enum sm_db_status status = find_best(rows, write->key, &reading, e);
  if (status)
    return status;
  return answer_with(rows, write, reading.best, e);
}

/* The row is as a claim of ours has left it: that was committed. */
static bool is_claimed(const struct sm_ledger_rows *rows,
                       const struct sm_write *write, const struct sm_row *row) {
  return row && has_state(row, "intent") && is_owned_by(row, rows->owner) &&
         submits_of(row) == write->submits;
}

static enum sm_db_status find_own_claim(struct sm_ledger_rows *rows,
                                        struct sm_write *write, bool *is_found,
                                        struct sm_error *e) {
  struct sm_row *row = NULL;
  *is_found = false;
  if (!write->is_in_doubt || !write->submits)
    return SM_DB_OK;
  enum sm_db_status status = get(rows, write->key, write->written, &row, e);
  *is_found = is_claimed(rows, write, row);
  if (*is_found)
    write->standing = SM_STANDING_MINE;
  sm_row_delete(row);
  return status;
}

/* It was the asker's, and no job of his is at it. */
static bool was_let_go(const struct sm_ledger_rows *rows,
                       const struct sm_row *row) {
  return is_owned_by(row, rows->owner) &&
         sm_row_number(row, SM_ROW_LEASE_UNTIL) <= rows->lease_now_s;
}

/* A second submit, which the caller allows (M8), goes into the row that the
 * step has already, unless another job works on that by now: one of another
 * process, or one of this that has taken it up since. */
static enum sm_db_status claim_again(struct sm_ledger_rows *rows,
                                     struct sm_write *write,
                                     struct sm_error *e) {
  struct sm_row *row = NULL;
  enum sm_db_status status = get(rows, write->key, write->generation, &row, e);
  if (!status)
    status = ask_time(rows, e);
  if (!status && (!row || has_state(row, "failed") || was_let_go(rows, row)))
    return intend_in(rows, write, row, e);
  sm_row_delete(row);
  return status ? status : look(rows, write, e);
}

/* What is free is claimed, by one (M3): in the row of the step's last failure,
 * if there is one and the step is not fresh. */
static enum sm_db_status claim(struct sm_ledger_rows *rows,
                               struct sm_write *write, struct sm_error *e) {
  bool is_found;
  enum sm_db_status status = find_own_claim(rows, write, &is_found, e);
  if (status || is_found)
    return status;
  if (write->generation > 0)
    return claim_again(rows, write, e);
  status = look(rows, write, e);
  if (status || write->standing != SM_STANDING_FREE)
    return status;
  struct sm_row *row = write->row;
  write->row = NULL;
  return intend_in(rows, write, row, e);
}

/* A job of the asker's may be at the row, and it may be submitted again once it
 * has failed: who attaches its id only looks on then, for his end must not be
 * written into the row of a submit that is under way (M3). */
static enum sm_db_status attach(struct sm_ledger_rows *rows,
                                struct sm_write *write, struct sm_error *e) {
  struct reading reading = {0};
  struct sm_db_query query = {.sql = by_request_sql,
                              .values = VALUES(TEXT(write->request_id)),
                              .count = 1};
  enum sm_db_status status = read_rows(rows, &query, &reading, e);
  if (!status)
    status = answer_with(rows, write, reading.best, e);
  if (!status && write->row && write->standing == SM_STANDING_FREE)
    write->standing = write->row->standing = SM_STANDING_HELD;
  return status;
}

static enum sm_db_status resume(struct sm_ledger_rows *rows,
                                struct sm_write *write, struct sm_error *e) {
  struct reading reading = {.wants_all = true};
  struct sm_db_query query = {.sql = unfinished_sql};
  enum sm_db_status status = read_rows(rows, &query, &reading, e);
  write->row = reading.best;
  for (struct sm_row *row = write->row; row && !status; row = row->next)
    if (row->standing != SM_STANDING_DAMAGED)
      status = take_over(rows, row, false, e);
  return status;
}

/* Rows that cannot be relied on are in it, and say so. */
static enum sm_db_status list(struct sm_ledger_rows *rows,
                              struct sm_write *write, struct sm_error *e) {
  struct reading reading = {.wants_all = true};
  struct sm_db_query query = {.sql = list_sql};
  enum sm_db_status status = read_rows(rows, &query, &reading, e);
  write->row = reading.best;
  return status;
}

static enum sm_db_status spent(struct sm_ledger_rows *rows,
                               struct sm_write *write, struct sm_error *e) {
  enum sm_db_status status = ask_spent(rows, e);
  write->spent = rows->spent;
  return status;
}

/* -- what became of it ----------------------------------------------------- */

static enum sm_db_status find_other(struct sm_ledger_rows *rows,
                                    const struct sm_write *write,
                                    bool *is_others, struct sm_error *e) {
  struct sm_db_query query = {
      .sql = is_others_sql,
      .values = VALUES(TEXT(write->key), NUMBER((double)write->generation),
                       TEXT(write->request_id)),
      .count = 3};
  return sm_db_has_row(rows->db, &query, is_others, e);
}

/* The row that the id was given, by an earlier try of this very write. */
static enum sm_db_status find_own_accept(struct sm_ledger_rows *rows,
                                         const struct sm_write *write,
                                         bool *is_found, struct sm_error *e) {
  struct sm_row *row = NULL;
  *is_found = false;
  if (!write->is_in_doubt || !write->written)
    return SM_DB_OK;
  enum sm_db_status status = get(rows, write->key, write->written, &row, e);
  const char *id = row ? sm_row_text(row, SM_ROW_REQUEST_ID) : NULL;
  *is_found =
      id && strcmp(id, write->request_id) == 0 && is_owned_by(row, rows->owner);
  sm_row_delete(row);
  return status;
}

/* When somebody else has submitted the step meanwhile, with leave and because
 * we seemed dead, the id gets a row of its own: it is a second picture. So it
 * does when the row has vanished. */
static enum sm_db_status accept_apart(struct sm_ledger_rows *rows,
                                      struct sm_write *write,
                                      struct sm_error *e) {
  struct sm_row *row = NULL;
  enum sm_db_status status = get(rows, write->key, write->generation, &row, e);
  const char *id = row ? sm_row_text(row, SM_ROW_REQUEST_ID) : NULL;
  bool is_there = id && strcmp(id, write->request_id) == 0;
  sm_row_delete(row);
  if (status || is_there)
    return status;
  return insert(rows, write, write->request_id, e);
}

/* An id that another row has is not believed (M4): two submits of the same body
 * look alike in the request history, and adopted for both it would hide that
 * the outcome of one is not known. */
static enum sm_db_status accept(struct sm_ledger_rows *rows,
                                struct sm_write *write, struct sm_error *e) {
  bool is_found, is_others, is_there;
  enum sm_db_status status = find_own_accept(rows, write, &is_found, e);
  if (status || is_found)
    return status;
  status = find_other(rows, write, &is_others, e);
  if (status)
    return status;
  if (is_others) {
    write->standing = SM_STANDING_NOT_OURS;
    return SM_DB_OK;
  }
  status = ask_time(rows, e);
  if (status)
    return status;
  struct sm_db_query query = {
      .sql = accept_sql,
      .values =
          VALUES(TEXT(write->key), NUMBER((double)write->generation),
                 TEXT(write->request_id), NUMBER(rows->now_s),
                 TEXT(rows->owner), NUMBER(rows->lease_now_s + SM_LEASE_S)),
      .count = 6};
  write->written = write->generation;
  status = change_one(rows, &query, &is_there, e);
  return status || is_there ? status : accept_apart(rows, write, e);
}

static struct sm_db_value text_of(const struct sm_write *write) {
  struct sm_db_value text = TEXT(write->text);
  if (write->text)
    text.size = write->text_size;
  return text;
}

static enum sm_db_status keep(struct sm_ledger_rows *rows,
                              const struct sm_write *write, int64_t generation,
                              struct sm_error *e) {
  bool is_there;
  struct sm_db_query query = {
      .sql = keep_sql,
      .values = VALUES(TEXT(write->key), NUMBER((double)generation),
                       TEXT(write->file), TEXT(write->sha256)),
      .count = 4};
  enum sm_db_status status = change_one(rows, &query, &is_there, e);
  return status || is_there
             ? status
             : sm_db_fail(rows->db, SM_DB_REFUSED, e,
                          "has lost the row of the step %s", write->key);
}

static enum sm_db_status fill_in(struct sm_ledger_rows *rows,
                                 const struct sm_write *write, bool *is_there,
                                 struct sm_error *e) {
  struct sm_db_query query = {
      .sql = complete_sql,
      .values = VALUES(TEXT(write->key), NUMBER((double)write->written),
                       TEXT(write->request_id), text_of(write),
                       sound_number(write->cost, 0), seed_of(write->seed),
                       NUMBER(rows->now_s)),
      .count = 7};
  return change_one(rows, &query, is_there, e);
}

/* The row has vanished, with a ledger that was removed or of which an older
 * copy was restored: the result gets another. What was sent is not known any
 * more. */
static enum sm_db_status complete_apart(struct sm_ledger_rows *rows,
                                        struct sm_write *write, bool *is_there,
                                        struct sm_error *e) {
  const struct sm_ledger_step *step = write->step;
  const struct sm_ledger_step bare = {.key = write->key,
                                      .params = "{}",
                                      .model = "unknown",
                                      .api = "v2",
                                      .body = "{}",
                                      .body_size = 2,
                                      .seed = (double)NAN,
                                      .price = (double)NAN};
  write->step = &bare;
  enum sm_db_status status = insert(rows, write, write->request_id, e);
  write->step = step;
  return status ? status : fill_in(rows, write, is_there, e);
}

static enum sm_db_status complete(struct sm_ledger_rows *rows,
                                  struct sm_write *write, struct sm_error *e) {
  bool is_there;
  if (!write->is_in_doubt || !write->written)
    write->written = write->generation;
  rows->spent = (double)NAN;
  enum sm_db_status status = fill_in(rows, write, &is_there, e);
  if (!status && !is_there)
    status = complete_apart(rows, write, &is_there, e);
  return status || !write->file ? status : keep(rows, write, write->written, e);
}

static enum sm_db_status end(struct sm_ledger_rows *rows,
                             struct sm_write *write, struct sm_error *e) {
  double refund = write->refund > 0 ? write->refund : 0;
  rows->spent = (double)NAN;
  return change(rows, end_sql,
                VALUES(TEXT(write->key), NUMBER((double)write->generation),
                       TEXT(write->state), TEXT(write->request_id),
                       text_of(write), NUMBER(refund), NUMBER(rows->now_s),
                       TEXT(rows->owner)),
                8, e);
}

/* `standing` tells whether any lease is held. */
static enum sm_db_status renew(struct sm_ledger_rows *rows,
                               struct sm_write *write, struct sm_error *e) {
  bool is_there = false;
  enum sm_db_status status = ask_time(rows, e);
  if (status)
    return status;
  struct sm_db_query query = {
      .sql = renew_sql,
      .values =
          VALUES(TEXT(rows->owner), NUMBER(rows->lease_now_s + SM_LEASE_S)),
      .count = 2};
  status = change_one(rows, &query, &is_there, e);
  write->standing = is_there ? SM_STANDING_HELD : SM_STANDING_FREE;
  return status;
}

static enum sm_db_status release(struct sm_ledger_rows *rows,
                                 struct sm_error *e) {
  return change(rows, release_sql, VALUES(TEXT(rows->owner)), 1, e);
}

/* -- one write ------------------------------------------------------------- */

static enum sm_db_status carry_out(struct sm_ledger_rows *rows,
                                   struct sm_write *write, struct sm_error *e) {
  switch (write->kind) {
  case SM_WRITE_LOOK:
  case SM_WRITE_FIND:
    return look(rows, write, e);
  case SM_WRITE_CLAIM:
    return claim(rows, write, e);
  case SM_WRITE_ATTACH:
    return attach(rows, write, e);
  case SM_WRITE_RESUME:
    return resume(rows, write, e);
  case SM_WRITE_SPENT:
    return spent(rows, write, e);
  case SM_WRITE_LIST:
    return list(rows, write, e);
  case SM_WRITE_ACCEPT:
    return accept(rows, write, e);
  case SM_WRITE_COMPLETE:
    return complete(rows, write, e);
  case SM_WRITE_KEEP:
    return keep(rows, write, write->generation, e);
  case SM_WRITE_END:
    return end(rows, write, e);
  case SM_WRITE_RENEW:
    return renew(rows, write, e);
  case SM_WRITE_RELEASE:
    return release(rows, e);
  case SM_WRITE_PICTURE: /* see sm_transfers */
  case SM_WRITE_NOTE:
    break;
  }
  return SM_DB_OK;
}

/* Takes back what one write has done; the rest of the transaction stays, unless
 * the database has given that up by itself. */
static enum sm_db_status take_back(struct sm_ledger_rows *rows,
                                   struct sm_write *write,
                                   enum sm_db_status status,
                                   struct sm_error *e) {
  rows->spent = (double)NAN;
  if ((status != SM_DB_REFUSED && !sm_db_is_broken(status)) ||
      sm_db_exec(rows->db, "ROLLBACK TO SAVEPOINT one", NULL) != SM_DB_OK ||
      sm_db_exec(rows->db, "RELEASE SAVEPOINT one", NULL) != SM_DB_OK)
    return status;
  sm_write_fail(write, e);
  write->is_broken = sm_db_is_broken(status);
  return SM_DB_OK;
}

enum sm_db_status sm_ledger_rows_apply(struct sm_ledger_rows *rows,
                                       struct sm_write *write,
                                       struct sm_error *e) {
  sm_write_clear(write);
  write->standing = SM_STANDING_FREE;
  enum sm_db_status status = sm_db_exec(rows->db, "SAVEPOINT one", e);
  if (status)
    return status;
  status = carry_out(rows, write, e);
  if (status)
    return take_back(rows, write, status, e);
  return sm_db_exec(rows->db, "RELEASE SAVEPOINT one", e);
}

/* -- transactions ---------------------------------------------------------- */

void sm_ledger_rows_create(struct sm_ledger_rows *rows, struct sm_db *db,
                           const char *owner) {
  *rows = (struct sm_ledger_rows){.db = db,
                                  .owner = owner,
                                  .lease_now_s = (double)NAN,
                                  .spent = (double)NAN};
}

enum sm_db_status sm_ledger_rows_begin(struct sm_ledger_rows *rows,
                                       double now_s, struct sm_error *e) {
  rows->now_s = now_s;
  rows->lease_now_s = rows->spent = (double)NAN;
  enum sm_db_status status = sm_db_exec(rows->db, rows->db->dialect->begin, e);
  if (!status && rows->db->dialect->needs_turn)
    status = sm_db_exec(rows->db, sm_ledger_turn_sql, e);
  return status;
}

enum sm_db_status sm_ledger_rows_commit(struct sm_ledger_rows *rows,
                                        struct sm_error *e) {
  return sm_db_exec(rows->db, "COMMIT", e);
}

void sm_ledger_rows_rollback(struct sm_ledger_rows *rows) {
  (void)sm_db_exec(rows->db, "ROLLBACK", NULL);
}
