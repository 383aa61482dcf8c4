#include "sm_ledger_rows.h"

#include <math.h>
#include <string.h>

#include "sm_ledger_budget.h"
#include "sm_ledger_latency.h"
#include "sm_ledger_queue.h"
#include "sm_ledger_spent.h"
#include "sm_ledger_standing.h"

#define MOST 9007199254740992.0 /* 2^53 */

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
    "problem = NULL, lease_owner = $9, lease_until = $10 "
    "WHERE " SM_TRANSACTION_ROW;

/* An id that another row has is not believed (M4), whichever write brings it:
 * two submits of the same body look alike in the request history, and adopted
 * for both it would hide that the outcome of one is not known. */
#define NO_OTHER_HAS(id)                                                       \
  "(request_id = " id " OR NOT EXISTS "                                        \
  "(SELECT 1 FROM segmind_steps WHERE request_id = " id "))"

static const char is_others_sql[] =
    "SELECT 1 FROM segmind_steps WHERE request_id = $3 AND NOT "
    "(" SM_TRANSACTION_ROW ")";

/* A row, a generation and how many submits it has seen name one submit: what
 * comes after another has sent the step again is not told of that one. The
 * caller who brings an id himself says 0: it may be any. */
#define IS_OF_SUBMIT(submits) "(" submits " = 0 OR submits = " submits ")"

/* An end may have let the row go that the caller has found the id of. */
static const char accept_sql[] =
    "UPDATE segmind_steps SET state = 'accepted', request_id = $3, "
    "accepted_at = $4, lease_until = CASE WHEN lease_owner = $5 THEN $6 "
    "ELSE lease_until END WHERE " SM_TRANSACTION_ROW
    " AND (state IN ('intent', 'unknown') "
    "OR state = 'accepted' AND request_id IS NULL) AND " IS_OF_SUBMIT(
        "$7") " AND " NO_OTHER_HAS("$3");

/* The row that has the id, or that is the submit's: one in doubt may have the
 * id of a submit before it. */
static const char complete_sql[] =
    "UPDATE segmind_steps SET state = 'completed', "
    "request_id = COALESCE($3, request_id), result = $4, cost = $5, "
    "seed = COALESCE($6, seed), ended_at = $7, problem = NULL, "
    "lease_until = 0 WHERE " SM_TRANSACTION_ROW
    " AND (request_id = $3 OR " IS_OF_SUBMIT(
        "$8") " AND (request_id IS NULL OR $3 IS NULL "
              "OR state IN ('intent', 'unknown')) AND " NO_OTHER_HAS("$3") ")";

static const char keep_sql[] = "UPDATE segmind_steps SET file = $3, "
                               "file_sha256 = $4 WHERE " SM_TRANSACTION_ROW;

/* The id is given again: when it came, it may have been what could not be
 * written. Carried out a second time it finds no lease. The caller may have
 * found an id while a job looks for it, which does not end what was accepted.
 */
static const char end_sql[] =
    "UPDATE segmind_steps SET state = $3, "
    "request_id = COALESCE(request_id, $4), problem = $5, "
    "doubt = CASE WHEN doubt > $6 THEN doubt - $6 ELSE 0 END, "
    "ended_at = $7, lease_until = 0 WHERE " SM_TRANSACTION_ROW
    " AND state <> 'completed' AND lease_owner = $8 AND lease_until > 0 "
    "AND (state <> 'accepted' OR state = $3 OR request_id IS NULL "
    "OR request_id = $4) "
    "AND " NO_OTHER_HAS("$4");

static enum sm_db_status change(struct sm_transaction *transaction,
                                const char *sql,
                                const struct sm_db_value *values, int count,
                                struct sm_error *e) {
  struct sm_db_query query = {.sql = sql, .values = values, .count = count};
  return sm_db_run(transaction->db, &query, e);
}

/* -- the intent ------------------------------------------------------------ */

static struct sm_db_value sound_number(double number, double least) {
  return number >= least && number < MOST ? sm_db_number(number) : sm_db_null();
}

static struct sm_db_value seed_of(double seed) {
  return sound_number(seed, 1 - MOST);
}

static struct sm_db_value body_of(const struct sm_ledger_step *step) {
  struct sm_db_value body = sm_db_text(step->body);
  body.size = step->body_size;
  return body;
}

/* What this library writes it must be able to read again. */
static enum sm_db_status check_step(struct sm_transaction *transaction,
                                    const struct sm_ledger_step *step,
                                    struct sm_error *e) {
  if (!step)
    return sm_db_fail(transaction->db, SM_DB_BROKEN, e,
                      "does not know the step");
  struct sm_db_value values[SM_ROW_COLUMNS] = {
      [SM_ROW_STEP_KEY] = sm_db_text(step->key),
      [SM_ROW_GENERATION] = sm_db_number(1),
      [SM_ROW_MODEL] = sm_db_text(step->model),
      [SM_ROW_API] = sm_db_text(step->api),
      [SM_ROW_PARAMS] = sm_db_text(step->params),
      [SM_ROW_STATE] = sm_db_text("intent"),
      [SM_ROW_BODY] = body_of(step),
      [SM_ROW_SUBMITS] = sm_db_number(1),
      [SM_ROW_DOUBT] = sm_db_number(0),
      [SM_ROW_SUBMITTED_AT] = sm_db_number(0),
      [SM_ROW_LEASE_OWNER] = sm_db_text(transaction->owner),
      [SM_ROW_LEASE_UNTIL] = sm_db_number(0),
  };
  struct sm_error why;
  if (sm_row_check(values, &why) == SM_OK)
    return SM_DB_OK;
  return sm_db_fail(transaction->db, SM_DB_REFUSED, e,
                    "cannot keep the step: %s", why.message);
}

/* A further generation; with a request id it has been accepted. */
static enum sm_db_status insert(struct sm_transaction *transaction,
                                struct sm_write *write, const char *request_id,
                                struct sm_error *e) {
  const struct sm_ledger_step *step = write->step;
  enum sm_db_status status = check_step(transaction, step, e);
  if (!status)
    status =
        sm_ledger_standing_last(transaction, step->key, &write->written, e);
  if (!status)
    status = sm_transaction_ask_time(transaction, e);
  if (status)
    return status;
  write->written++;
  write->submits = 1;
  return change(
      transaction, insert_sql,
      SM_DB_VALUES(sm_db_text(step->key), sm_db_number((double)write->written),
                   sm_db_text(step->name), sm_db_text(step->model),
                   sm_db_text(step->api), sm_db_text(step->params),
                   sm_db_text(request_id ? "accepted" : "intent"),
                   body_of(step), seed_of(step->seed), sm_db_text(request_id),
                   sm_db_number(sm_ledger_budget_price(step)),
                   sm_db_number(transaction->now_s),
                   request_id ? sm_db_number(transaction->now_s) : sm_db_null(),
                   sm_db_text(transaction->owner),
                   sm_db_number(transaction->lease_now_s + SM_LEASE_S)),
      15, e);
}

/* The row of a step that is sent once more. */
static enum sm_db_status again(struct sm_transaction *transaction,
                               struct sm_write *write, const struct sm_row *row,
                               struct sm_error *e) {
  const struct sm_ledger_step *step = write->step;
  double before = sm_row_number(row, SM_ROW_PRICE);
  double doubt = sm_row_is_in(row, "failed") || isnan(before) ? 0 : before;
  enum sm_db_status status = check_step(transaction, step, e);
  if (!status)
    status = sm_transaction_ask_time(transaction, e);
  if (status)
    return status;
  write->written = (int64_t)sm_row_number(row, SM_ROW_GENERATION);
  write->submits = sm_row_submits(row) + 1;
  return change(
      transaction, again_sql,
      SM_DB_VALUES(sm_db_text(step->key), sm_db_number((double)write->written),
                   sm_db_text(step->api), body_of(step), seed_of(step->seed),
                   sm_db_number(sm_ledger_budget_price(step)),
                   sm_db_number(doubt), sm_db_number(transaction->now_s),
                   sm_db_text(transaction->owner),
                   sm_db_number(transaction->lease_now_s + SM_LEASE_S)),
      10, e);
}

/* Writes that the step is about to be sent, if the budget allows it. */
static enum sm_db_status intend(struct sm_transaction *transaction,
                                struct sm_write *write,
                                const struct sm_row *row, struct sm_error *e) {
  enum sm_db_status status = sm_ledger_budget_check(transaction, write, e);
  if (status || write->standing == SM_STANDING_REFUSED)
    return status;
  status = row ? again(transaction, write, row, e)
               : insert(transaction, write, NULL, e);
  if (status)
    return status;
  write->standing = SM_STANDING_MINE;
  sm_ledger_budget_add(transaction, write->step);
  return SM_DB_OK;
}

/* The same in a row (or NULL), which the write brings home as it was: an id
 * that it had is that of an earlier submit. Ownership of the row is the
 * write's. */
static enum sm_db_status intend_in(struct sm_transaction *transaction,
                                   struct sm_write *write, struct sm_row *row,
                                   struct sm_error *e) {
  enum sm_db_status status = intend(transaction, write, row, e);
  if (status || write->standing != SM_STANDING_MINE)
    sm_row_delete(row);
  else
    write->row = row;
  return status;
}

/* The row is as a claim of ours has left it: that was committed. */
static bool is_claimed(const struct sm_transaction *transaction,
                       const struct sm_write *write, const struct sm_row *row) {
  return row && sm_row_is_in(row, "intent") &&
         sm_transaction_owns(transaction, row) &&
         sm_row_submits(row) == write->submits;
}

static enum sm_db_status find_own_claim(struct sm_transaction *transaction,
                                        struct sm_write *write, bool *is_found,
                                        struct sm_error *e) {
  struct sm_row *row = NULL;
  *is_found = false;
  if (!write->is_in_doubt || !write->submits)
    return SM_DB_OK;
  enum sm_db_status status =
      sm_ledger_standing_get(transaction, write->key, write->written, &row, e);
  *is_found = is_claimed(transaction, write, row);
  if (*is_found)
    write->standing = SM_STANDING_MINE;
  sm_row_delete(row);
  return status;
}

/* Nobody works on it, and no id of it is known that might be asked for. */
static bool is_open_again(const struct sm_transaction *transaction,
                          const struct sm_row *row) {
  return sm_row_is_in(row, "failed") ||
         ((sm_row_is_in(row, "intent") || sm_row_is_in(row, "unknown")) &&
          sm_ledger_standing_was_let_go(transaction, row));
}

/* A second submit, which the caller allows (M8), goes into the row that the
 * step has already, unless another job works on that by now: one of another
 * process, or one of this that has taken it up since. */
static enum sm_db_status claim_again(struct sm_transaction *transaction,
                                     struct sm_write *write,
                                     struct sm_error *e) {
  struct sm_row *row = NULL;
  enum sm_db_status status = sm_ledger_standing_get(transaction, write->key,
                                                    write->generation, &row, e);
  if (!status)
    status = sm_transaction_ask_time(transaction, e);
  if (!status && (!row || is_open_again(transaction, row)))
    return intend_in(transaction, write, row, e);
  sm_row_delete(row);
  return status ? status : sm_ledger_standing_look(transaction, write, e);
}

/* What is free is claimed, by one (M3): in the row of the step's last failure,
 * if there is one and the step is not fresh. */
static enum sm_db_status claim(struct sm_transaction *transaction,
                               struct sm_write *write, struct sm_error *e) {
  bool is_found;
  enum sm_db_status status = find_own_claim(transaction, write, &is_found, e);
  if (status || is_found)
    return status;
  if (write->generation > 0)
    return claim_again(transaction, write, e);
  status = sm_ledger_standing_look(transaction, write, e);
  if (status || write->standing != SM_STANDING_FREE)
    return status;
  struct sm_row *row = write->row;
  write->row = NULL;
  return intend_in(transaction, write, row, e);
}

static enum sm_db_status spent(struct sm_transaction *transaction,
                               struct sm_write *write, struct sm_error *e) {
  enum sm_db_status status = sm_ledger_spent_sum(transaction, e);
  write->spent = transaction->spent;
  return status;
}

/* -- what became of it ----------------------------------------------------- */

/* Of a write that has changed nothing: its id may be another row's. */
static enum sm_db_status find_other(struct sm_transaction *transaction,
                                    struct sm_write *write, int64_t generation,
                                    struct sm_error *e) {
  bool is_others = false;
  struct sm_db_query query = {.sql = is_others_sql,
                              .values =
                                  SM_DB_VALUES(sm_db_text(write->key),
                                               sm_db_number((double)generation),
                                               sm_db_text(write->request_id)),
                              .count = 3};
  if (!write->request_id)
    return SM_DB_OK;
  enum sm_db_status status =
      sm_db_has_row(transaction->db, &query, &is_others, e);
  if (is_others)
    write->standing = SM_STANDING_NOT_OURS;
  return status;
}

/* The row that the id was given, by an earlier try of this very write. */
static enum sm_db_status find_own_accept(struct sm_transaction *transaction,
                                         const struct sm_write *write,
                                         bool *is_found, struct sm_error *e) {
  struct sm_row *row = NULL;
  *is_found = false;
  if (!write->is_in_doubt || !write->written)
    return SM_DB_OK;
  enum sm_db_status status =
      sm_ledger_standing_get(transaction, write->key, write->written, &row, e);
  const char *id = row ? sm_row_text(row, SM_ROW_REQUEST_ID) : NULL;
  *is_found = id && strcmp(id, write->request_id) == 0 &&
              sm_transaction_owns(transaction, row);
  sm_row_delete(row);
  return status;
}

/* When somebody else has submitted the step meanwhile, with leave and because
 * we seemed dead, the id gets a row of its own: it is a second picture. So it
 * does when the row has vanished. */
static enum sm_db_status accept_apart(struct sm_transaction *transaction,
                                      struct sm_write *write,
                                      struct sm_error *e) {
  struct sm_row *row = NULL;
  enum sm_db_status status =
      find_other(transaction, write, write->generation, e);
  if (status || write->standing == SM_STANDING_NOT_OURS)
    return status;
  status = sm_ledger_standing_get(transaction, write->key, write->generation,
                                  &row, e);
  const char *id = row ? sm_row_text(row, SM_ROW_REQUEST_ID) : NULL;
  bool is_there = id && strcmp(id, write->request_id) == 0;
  sm_row_delete(row);
  if (status || is_there)
    return status;
  return insert(transaction, write, write->request_id, e);
}

static enum sm_db_status accept(struct sm_transaction *transaction,
                                struct sm_write *write, struct sm_error *e) {
  bool is_found, is_there;
  enum sm_db_status status = find_own_accept(transaction, write, &is_found, e);
  if (status || is_found)
    return status;
  status = sm_transaction_ask_time(transaction, e);
  if (status)
    return status;
  struct sm_db_query query = {
      .sql = accept_sql,
      .values = SM_DB_VALUES(
          sm_db_text(write->key), sm_db_number((double)write->generation),
          sm_db_text(write->request_id), sm_db_number(transaction->now_s),
          sm_db_text(transaction->owner),
          sm_db_number(transaction->lease_now_s + SM_LEASE_S),
          sm_db_number(write->submits)),
      .count = 7};
  write->written = write->generation;
  status = sm_transaction_change(transaction, &query, &is_there, e);
  return status || is_there ? status : accept_apart(transaction, write, e);
}

static struct sm_db_value text_of(const struct sm_write *write) {
  struct sm_db_value text = sm_db_text(write->text);
  if (write->text)
    text.size = write->text_size;
  return text;
}

static enum sm_db_status keep(struct sm_transaction *transaction,
                              const struct sm_write *write, int64_t generation,
                              struct sm_error *e) {
  bool is_there;
  struct sm_db_query query = {
      .sql = keep_sql,
      .values =
          SM_DB_VALUES(sm_db_text(write->key), sm_db_number((double)generation),
                       sm_db_text(write->file), sm_db_text(write->sha256)),
      .count = 4};
  enum sm_db_status status =
      sm_transaction_change(transaction, &query, &is_there, e);
  return status || is_there
             ? status
             : sm_db_fail(transaction->db, SM_DB_REFUSED, e,
                          "has lost the row of the step %s", write->key);
}

static enum sm_db_status fill_in(struct sm_transaction *transaction,
                                 const struct sm_write *write, bool *is_there,
                                 struct sm_error *e) {
  struct sm_db_query query = {
      .sql = complete_sql,
      .values = SM_DB_VALUES(
          sm_db_text(write->key), sm_db_number((double)write->written),
          sm_db_text(write->request_id), text_of(write),
          sound_number(write->cost, 0), seed_of(write->seed),
          sm_db_number(write->ended_at), sm_db_number(write->submits)),
      .count = 8};
  return sm_transaction_change(transaction, &query, is_there, e);
}

/* The row has vanished, or it is another submit's: one that was made with leave
 * and because we seemed dead. The result is paid all the same, and gets a row
 * of its own. */
static enum sm_db_status complete_apart(struct sm_transaction *transaction,
                                        struct sm_write *write, bool *is_there,
                                        struct sm_error *e) {
  const struct sm_ledger_step *step = write->step;
  struct sm_row *row = NULL;
  enum sm_db_status status = sm_ledger_standing_get(transaction, write->key,
                                                    write->generation, &row, e);
  if (status)
    return status;
  const struct sm_ledger_step sent = sm_row_step(row, write->key);
  write->step = &sent;
  status = insert(transaction, write, write->request_id, e);
  write->step = step;
  sm_row_delete(row);
  return status ? status : fill_in(transaction, write, is_there, e);
}

static enum sm_db_status complete(struct sm_transaction *transaction,
                                  struct sm_write *write, struct sm_error *e) {
  bool is_there;
  if (!write->is_in_doubt || !write->written)
    write->written = write->generation;
  transaction->spent = (double)NAN;
  enum sm_db_status status = fill_in(transaction, write, &is_there, e);
  if (!status && !is_there)
    status = find_other(transaction, write, write->written, e);
  if (status || write->standing == SM_STANDING_NOT_OURS)
    return status;
  if (!is_there)
    status = complete_apart(transaction, write, &is_there, e);
  return status || !write->file ? status
                                : keep(transaction, write, write->written, e);
}

static enum sm_db_status end(struct sm_transaction *transaction,
                             struct sm_write *write, struct sm_error *e) {
  bool is_there;
  double refund = write->refund > 0 ? write->refund : 0;
  struct sm_db_query query = {
      .sql = end_sql,
      .values = SM_DB_VALUES(
          sm_db_text(write->key), sm_db_number((double)write->generation),
          sm_db_text(write->state), sm_db_text(write->request_id),
          text_of(write), sm_db_number(refund),
          sm_db_number(transaction->now_s), sm_db_text(transaction->owner)),
      .count = 8};
  transaction->spent = (double)NAN;
  enum sm_db_status status =
      sm_transaction_change(transaction, &query, &is_there, e);
  return status || is_there
             ? status
             : find_other(transaction, write, write->generation, e);
}

/* -- one write ------------------------------------------------------------- */

static enum sm_db_status carry_out(struct sm_transaction *transaction,
                                   struct sm_write *write, struct sm_error *e) {
  switch (write->kind) {
  case SM_WRITE_LOOK:
  case SM_WRITE_FIND:
  case SM_WRITE_ATTACH:
  case SM_WRITE_RESUME:
  case SM_WRITE_LIST:
  case SM_WRITE_RENEW:
  case SM_WRITE_RELEASE:
    return sm_ledger_standing_apply(transaction, write, e);
  case SM_WRITE_CLAIM:
    return claim(transaction, write, e);
  case SM_WRITE_SPENT:
    return spent(transaction, write, e);
  case SM_WRITE_ACCEPT:
    return accept(transaction, write, e);
  case SM_WRITE_COMPLETE:
    return complete(transaction, write, e);
  case SM_WRITE_KEEP:
    return keep(transaction, write, write->generation, e);
  case SM_WRITE_END:
    return end(transaction, write, e);
  case SM_WRITE_QUEUE:
    return sm_ledger_queue_apply(transaction, write->queue, e);
  case SM_WRITE_RECALL:
    return sm_ledger_latency_recall(transaction, write->latency, e);
  case SM_WRITE_LEARN:
    return sm_ledger_latency_learn(transaction, write->latency, e);
  case SM_WRITE_PICTURE: /* see sm_pictures */
  case SM_WRITE_SHARE:
  case SM_WRITE_NOTE:
    break;
  }
  return SM_DB_OK;
}

/* Takes back what one write has done; the rest of the transaction stays, unless
 * the database has given that up by itself. */
static enum sm_db_status take_back(struct sm_transaction *transaction,
                                   struct sm_write *write,
                                   enum sm_db_status status,
                                   struct sm_error *e) {
  bool is_minor = sm_write_is_minor(write);
  transaction->spent = (double)NAN;
  if ((status != SM_DB_REFUSED && !sm_db_is_broken(status) && !is_minor) ||
      sm_db_exec(transaction->db, "ROLLBACK TO SAVEPOINT one", NULL) !=
          SM_DB_OK ||
      sm_db_exec(transaction->db, "RELEASE SAVEPOINT one", NULL) != SM_DB_OK)
    return status;
  if (is_minor)
    return SM_DB_OK;
  sm_write_fail(write, e);
  write->is_broken = sm_db_is_broken(status);
  return SM_DB_OK;
}

enum sm_db_status sm_ledger_rows_apply(struct sm_transaction *transaction,
                                       struct sm_write *write,
                                       struct sm_error *e) {
  sm_write_clear(write);
  write->standing = SM_STANDING_FREE;
  enum sm_db_status status = sm_db_exec(transaction->db, "SAVEPOINT one", e);
  if (status)
    return status;
  status = carry_out(transaction, write, e);
  if (status)
    return take_back(transaction, write, status, e);
  return sm_db_exec(transaction->db, "RELEASE SAVEPOINT one", e);
}
