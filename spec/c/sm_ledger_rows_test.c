/* Which row stands for a key, and what becomes of it: one write a transaction,
 * as two processes would carry them out in turn. On a SQLite file, or on the
 * server of SEGMIND_POSTGRES. */
#include "one_ledger.h"
#include "sm_ledger_spent.h"

#define NOW 1700000000.0

/* Two that use the ledger: on one connection, for what they see is the same. */
static struct sm_db db;
static struct sm_transaction us, them;
static struct sm_write write_;
static struct sm_error e;
static double clock_s;

static void open_ledger(void) {
  make_folder();
  db = open_db();
  sm_transaction_create(&us, &db, "here:1:2:3");
  sm_transaction_create(&them, &db, ELSEWHERE);
  clock_s = NOW;
  memset(&write_, 0, sizeof write_);
  CHECK(sm_ledger_tables_prepare(&db, SERVICE, &e) == SM_DB_OK);
  CHECK(sm_ledger_spent_prepare(&db, &e) == SM_DB_OK);
}

static void close_ledger(void) {
  sm_write_clear(&write_);
  sm_db_close(&db);
  remove_folder();
}

static enum sm_standing commit_write(struct sm_transaction *rows) {
  enum sm_db_status status = sm_transaction_begin(rows, clock_s, &e);
  CHECK(status == SM_DB_OK);
  status = sm_ledger_rows_apply(rows, &write_, &e);
  if (!status)
    status = sm_transaction_commit(rows, &e);
  else
    sm_transaction_rollback(rows);
  CHECK(status == SM_DB_OK);
  if (status)
    fprintf(stderr, "%s\n", e.message);
  return write_.standing;
}

static void prepare_write(enum sm_write_kind kind,
                          const struct sm_ledger_step *step,
                          int64_t generation) {
  sm_write_clear(&write_);
  sm_write_create(&write_, kind, step);
  write_.generation = generation;
}

static enum sm_standing put(struct sm_transaction *rows,
                            enum sm_write_kind kind,
                            const struct sm_ledger_step *step) {
  prepare_write(kind, step, 0);
  return commit_write(rows);
}

static enum sm_standing accept(struct sm_transaction *rows,
                               const struct sm_ledger_step *step,
                               const char *id) {
  prepare_write(SM_WRITE_ACCEPT, step, 1);
  write_.request_id = id;
  return commit_write(rows);
}

static void complete(struct sm_transaction *rows,
                     const struct sm_ledger_step *step, double cost) {
  prepare_write(SM_WRITE_COMPLETE, step, 1);
  write_.request_id = ID;
  write_.text = "{\"status\":\"COMPLETED\"}";
  write_.text_size = 22;
  write_.cost = cost;
  commit_write(rows);
}

static void end_as(struct sm_transaction *rows,
                   const struct sm_ledger_step *step, const char *state,
                   double refund) {
  prepare_write(SM_WRITE_END, step, 1);
  write_.state = state;
  write_.refund = refund;
  write_.text = "why";
  write_.text_size = 3;
  commit_write(rows);
}

static double spent(void) {
  put(&us, SM_WRITE_SPENT, NULL);
  return write_.error ? -1 : write_.spent;
}

static bool is_near(double a, double b) { return fabs(a - b) < 1e-9; }

static bool row_says(enum sm_column column, const char *text) {
  const char *value = write_.row ? sm_row_text(write_.row, column) : NULL;
  return value && strcmp(value, text) == 0;
}

static bool fails_with(const char *text) {
  return write_.error && write_.error->code == SM_LEDGER &&
         strstr(write_.error->message, text);
}

/* -- the way of one step --------------------------------------------------- */

static void a_step_is_claimed_accepted_and_completed_once(void) {
  struct sm_ledger_step step = step_of("a1");
  open_ledger();
  CHECK(put(&us, SM_WRITE_LOOK, &step) == SM_STANDING_FREE && !write_.row);
  CHECK(put(&us, SM_WRITE_CLAIM, &step) == SM_STANDING_MINE);
  CHECK(write_.written == 1);
  CHECK(accept(&us, &step, ID) == SM_STANDING_FREE && write_.written == 1);
  complete(&us, &step, 0.04);
  prepare_write(SM_WRITE_KEEP, &step, 1);
  write_.file = "a1.png";
  write_.sha256 = "00ff";
  commit_write(&us);
  CHECK(put(&them, SM_WRITE_CLAIM, &step) == SM_STANDING_DONE);
  CHECK(row_says(SM_ROW_REQUEST_ID, ID) && row_says(SM_ROW_FILE, "a1.png"));
  CHECK(row_says(SM_ROW_RESULT, "{\"status\":\"COMPLETED\"}"));
  CHECK(sm_row_number(write_.row, SM_ROW_SEED) == 7);
  CHECK(is_near(spent(), 0.04));
  close_ledger();
}

static void one_that_another_works_on_is_waited_for(void) {
  struct sm_ledger_step step = step_of("a1");
  open_ledger();
  CHECK(put(&them, SM_WRITE_CLAIM, &step) == SM_STANDING_MINE);
  CHECK(put(&us, SM_WRITE_LOOK, &step) == SM_STANDING_HELD);
  CHECK(put(&us, SM_WRITE_CLAIM, &step) == SM_STANDING_HELD);
  clock_s += SM_LEASE_S - 1;
  CHECK(put(&us, SM_WRITE_LOOK, &step) == SM_STANDING_HELD);
  clock_s += 1; /* its lease has run out; a server has a clock of its own */
  sql("UPDATE segmind_steps SET lease_until = 1700000060");
  CHECK(put(&us, SM_WRITE_FIND, &step) == SM_STANDING_HELD);
  CHECK(put(&us, SM_WRITE_CLAIM, &step) == SM_STANDING_TAKEN);
  CHECK(row_says(SM_ROW_STATE, "intent") && row_says(SM_ROW_BODY, step.body));
  CHECK(put(&them, SM_WRITE_LOOK, &step) == SM_STANDING_HELD);
  close_ledger();
}

static void a_lease_that_is_renewed_does_not_run_out(void) {
  struct sm_ledger_step step = step_of("a1");
  if (is_on_server())
    return;
  open_ledger();
  put(&them, SM_WRITE_CLAIM, &step);
  CHECK(put(&them, SM_WRITE_RENEW, NULL) == SM_STANDING_HELD);
  for (int i = 0; i < 5; i++) {
    clock_s += 20;
    CHECK(put(&them, SM_WRITE_RENEW, NULL) == SM_STANDING_HELD);
    CHECK(put(&us, SM_WRITE_LOOK, &step) == SM_STANDING_HELD);
  }
  put(&them, SM_WRITE_RELEASE, NULL);
  CHECK(put(&them, SM_WRITE_RENEW, NULL) == SM_STANDING_FREE);
  CHECK(put(&us, SM_WRITE_LOOK, &step) == SM_STANDING_TAKEN);
  close_ledger();
}

static void one_that_failed_runs_again_in_its_row(void) {
  struct sm_ledger_step step = step_of("a1");
  open_ledger();
  put(&us, SM_WRITE_CLAIM, &step);
  end_as(&us, &step, "failed", 0);
  CHECK(is_near(spent(), 0));
  step.api = "v1";
  CHECK(put(&them, SM_WRITE_CLAIM, &step) == SM_STANDING_MINE);
  CHECK(write_.written == 1 && write_.submits == 2);
  put(&us, SM_WRITE_FIND, &step);
  CHECK(row_says(SM_ROW_API, "v1") && is_near(spent(), 0.05));
  close_ledger();
}

static void a_second_submit_in_doubt_counts_twice(void) {
  struct sm_ledger_step step = step_of("a1");
  open_ledger();
  put(&us, SM_WRITE_CLAIM, &step);
  end_as(&us, &step, "unknown", 0);
  prepare_write(SM_WRITE_CLAIM, &step, 1);
  CHECK(commit_write(&us) == SM_STANDING_MINE && write_.submits == 2);
  CHECK(is_near(spent(), 0.10));
  /* The second is refused: the first is in doubt still. */
  end_as(&us, &step, "unknown", 0.05);
  CHECK(is_near(spent(), 0.05));
  end_as(&us, &step, "unknown", 0.05); /* the same once more */
  CHECK(is_near(spent(), 0.05));
  close_ledger();
}

static void a_second_submit_stops_where_another_has_taken_over(void) {
  struct sm_ledger_step step = step_of("a1");
  open_ledger();
  put(&us, SM_WRITE_CLAIM, &step);
  sql("UPDATE segmind_steps SET lease_owner = '" ELSEWHERE "'");
  prepare_write(SM_WRITE_CLAIM, &step, 1);
  CHECK(commit_write(&us) == SM_STANDING_HELD);
  sql("UPDATE segmind_steps SET state = 'failed', lease_until = 0");
  CHECK(put(&us, SM_WRITE_CLAIM, &step) == SM_STANDING_MINE);
  sql("DELETE FROM segmind_steps");
  prepare_write(SM_WRITE_CLAIM, &step, 1);
  CHECK(commit_write(&us) == SM_STANDING_MINE && write_.written == 1);
  close_ledger();
}

/* Two jobs in one row would each write its id over the other's. */
static void a_second_submit_stops_where_a_fresh_job_has_taken_up_the_row(void) {
  struct sm_ledger_step step = step_of("a1");
  open_ledger();
  put(&us, SM_WRITE_CLAIM, &step);
  end_as(&us, &step, "unknown", 0);
  step.is_fresh = true;
  CHECK(put(&us, SM_WRITE_CLAIM, &step) == SM_STANDING_TAKEN);
  prepare_write(SM_WRITE_CLAIM, &step, 1);
  CHECK(commit_write(&us) == SM_STANDING_FREE);
  CHECK(number("SELECT submits FROM segmind_steps") == 1);
  prepare_write(SM_WRITE_CLAIM, &step, 0);
  CHECK(commit_write(&us) == SM_STANDING_MINE && write_.written == 2);
  close_ledger();
}

/* Another job of ours has taken the row up, and has ended since. */
static void a_second_submit_overwrites_nothing_that_was_paid(void) {
  struct sm_ledger_step step = step_of("a1");
  open_ledger();
  put(&us, SM_WRITE_CLAIM, &step);
  accept(&us, &step, ID);
  end_as(&us, &step, "accepted", 0);
  prepare_write(SM_WRITE_CLAIM, &step, 1);
  CHECK(commit_write(&us) == SM_STANDING_TAKEN);
  complete(&us, &step, 0.05);
  prepare_write(SM_WRITE_CLAIM, &step, 1);
  CHECK(commit_write(&us) == SM_STANDING_DONE);
  CHECK(number("SELECT submits FROM segmind_steps") == 1);
  close_ledger();
}

static void a_fresh_one_is_a_further_generation(void) {
  struct sm_ledger_step step = step_of("a1");
  open_ledger();
  put(&us, SM_WRITE_CLAIM, &step);
  complete(&us, &step, 0.05);
  step.is_fresh = true;
  CHECK(put(&us, SM_WRITE_CLAIM, &step) == SM_STANDING_MINE);
  CHECK(write_.written == 2);
  step.is_fresh = false;
  CHECK(put(&us, SM_WRITE_FIND, &step) == SM_STANDING_DONE);
  CHECK(write_.written == 1); /* the other has no picture yet */
  close_ledger();
}

/* One that was killed is not paid again by the next who wants it fresh. */
static void a_fresh_one_that_was_left_behind_is_taken_up(void) {
  struct sm_ledger_step step = step_of("a1");
  open_ledger();
  put(&them, SM_WRITE_CLAIM, &step);
  complete(&them, &step, 0.05);
  step.is_fresh = true;
  CHECK(put(&them, SM_WRITE_CLAIM, &step) == SM_STANDING_MINE);
  /* They live: ours is another picture; so is our second one. */
  CHECK(put(&us, SM_WRITE_LOOK, &step) == SM_STANDING_FREE);
  CHECK(put(&us, SM_WRITE_CLAIM, &step) == SM_STANDING_MINE);
  CHECK(put(&us, SM_WRITE_CLAIM, &step) == SM_STANDING_MINE);
  CHECK(write_.written == 4);
  put(&them, SM_WRITE_RELEASE, NULL);
  CHECK(put(&us, SM_WRITE_LOOK, &step) == SM_STANDING_TAKEN);
  CHECK(write_.written == 2 && row_says(SM_ROW_STATE, "intent"));
  close_ledger();
}

/* -- ids ------------------------------------------------------------------- */

static void an_id_of_another_step_is_not_believed(void) {
  struct sm_ledger_step one = step_of("a1"), two = step_of("b2");
  open_ledger();
  put(&us, SM_WRITE_CLAIM, &one);
  put(&us, SM_WRITE_CLAIM, &two);
  accept(&us, &one, ID);
  CHECK(accept(&us, &two, ID) == SM_STANDING_NOT_OURS);
  put(&us, SM_WRITE_FIND, &two);
  CHECK(row_says(SM_ROW_STATE, "intent"));
  close_ledger();
}

/* An ACCEPT may have failed: what comes after it brings the id, too. */
static void an_id_of_another_step_comes_with_no_end_and_no_result(void) {
  struct sm_ledger_step one = step_of("a1"), two = step_of("b2");
  open_ledger();
  put(&us, SM_WRITE_CLAIM, &one);
  put(&us, SM_WRITE_CLAIM, &two);
  accept(&us, &one, ID);
  prepare_write(SM_WRITE_END, &two, 1);
  write_.state = "accepted";
  write_.request_id = ID;
  CHECK(commit_write(&us) == SM_STANDING_NOT_OURS);
  complete(&us, &two, 0.05);
  CHECK(write_.standing == SM_STANDING_NOT_OURS);
  put(&us, SM_WRITE_FIND, &two);
  CHECK(row_says(SM_ROW_STATE, "intent") &&
        !sm_row_text(write_.row, SM_ROW_REQUEST_ID));
  CHECK(number("SELECT COUNT(*) FROM segmind_steps") == 2);
  close_ledger();
}

/* M4. */
static void an_id_gets_a_row_of_its_own_where_its_row_is_anothers(void) {
  struct sm_ledger_step step = step_of("a1");
  open_ledger();
  put(&us, SM_WRITE_CLAIM, &step);
  sql("UPDATE segmind_steps SET state = 'accepted', request_id = 'theirs', "
      "lease_owner = '" ELSEWHERE "'");
  CHECK(accept(&us, &step, ID) == SM_STANDING_FREE && write_.written == 2);
  sql("DELETE FROM segmind_steps");
  CHECK(accept(&us, &step, ID) == SM_STANDING_FREE && write_.written == 1);
  put(&us, SM_WRITE_FIND, &step);
  CHECK(row_says(SM_ROW_REQUEST_ID, ID) && row_says(SM_ROW_STATE, "accepted"));
  close_ledger();
}

/* M4. */
static void an_end_without_the_id_of_its_row_ends_nothing(void) {
  struct sm_ledger_step step = step_of("a1");
  open_ledger();
  put(&us, SM_WRITE_CLAIM, &step);
  accept(&us, &step, ID);
  end_as(&us, &step, "unknown", 0);
  put(&us, SM_WRITE_FIND, &step);
  CHECK(row_says(SM_ROW_STATE, "accepted"));
  CHECK(sm_row_number(write_.row, SM_ROW_LEASE_UNTIL) > 0);
  end_as(&us, &step, "accepted", 0);
  CHECK(number("SELECT lease_until FROM segmind_steps") == 0);
  close_ledger();
}

static void an_id_that_could_not_be_written_comes_with_the_end(void) {
  struct sm_ledger_step step = step_of("a1");
  open_ledger();
  put(&us, SM_WRITE_CLAIM, &step);
  prepare_write(SM_WRITE_END, &step, 1);
  write_.state = "accepted";
  write_.request_id = ID;
  commit_write(&us);
  CHECK(put(&them, SM_WRITE_LOOK, &step) == SM_STANDING_TAKEN);
  CHECK(row_says(SM_ROW_REQUEST_ID, ID));
  close_ledger();
}

static void a_row_is_attached_by_its_id(void) {
  struct sm_ledger_step step = step_of("a1");
  open_ledger();
  put(&them, SM_WRITE_CLAIM, &step);
  accept(&them, &step, ID);
  prepare_write(SM_WRITE_ATTACH, NULL, 0);
  write_.request_id = ID;
  CHECK(commit_write(&us) == SM_STANDING_HELD &&
        row_says(SM_ROW_STEP_KEY, "a1"));
  sql("UPDATE segmind_steps SET lease_until = 0");
  CHECK(commit_write(&us) == SM_STANDING_TAKEN);
  complete(&us, &step, 0.05);
  prepare_write(SM_WRITE_ATTACH, NULL, 0);
  write_.request_id = ID;
  CHECK(commit_write(&us) == SM_STANDING_DONE);
  write_.request_id = OTHER_ID;
  CHECK(commit_write(&us) == SM_STANDING_FREE && !write_.row);
  close_ledger();
}

static void who_attaches_takes_no_row_that_may_be_sent_again(void) {
  struct sm_ledger_step step = step_of("a1");
  open_ledger();
  put(&us, SM_WRITE_CLAIM, &step);
  accept(&us, &step, ID);
  prepare_write(SM_WRITE_ATTACH, NULL, 0);
  write_.request_id = ID;
  CHECK(commit_write(&us) == SM_STANDING_HELD); /* our own job is at it */
  prepare_write(SM_WRITE_END, &step, 1);
  write_.state = "failed";
  write_.request_id = ID;
  commit_write(&us);
  prepare_write(SM_WRITE_ATTACH, NULL, 0);
  write_.request_id = ID;
  CHECK(commit_write(&us) == SM_STANDING_HELD && write_.row);
  CHECK(number("SELECT lease_until FROM segmind_steps") == 0);
  close_ledger();
}

/* -- a commit of which nobody knows whether it came through ---------------- */

/* Carries the write out twice, the second time as after a lost answer. */
static enum sm_standing commit_twice(struct sm_transaction *rows) {
  commit_write(rows);
  write_.is_in_doubt = true;
  return commit_write(rows);
}

static void a_claim_carried_out_twice_is_one(void) {
  struct sm_ledger_step step = step_of("a1");
  open_ledger();
  prepare_write(SM_WRITE_CLAIM, &step, 0);
  CHECK(commit_twice(&us) == SM_STANDING_MINE && write_.submits == 1);
  end_as(&us, &step, "failed", 0);
  prepare_write(SM_WRITE_CLAIM, &step, 0);
  CHECK(commit_twice(&us) == SM_STANDING_MINE && write_.submits == 2);
  end_as(&us, &step, "unknown", 0);
  prepare_write(SM_WRITE_CLAIM, &step, 1);
  CHECK(commit_twice(&us) == SM_STANDING_MINE && write_.submits == 3);
  CHECK(number("SELECT submits FROM segmind_steps") == 3);
  step.is_fresh = true;
  prepare_write(SM_WRITE_CLAIM, &step, 0);
  CHECK(commit_twice(&us) == SM_STANDING_MINE && write_.written == 2);
  CHECK(number("SELECT COUNT(*) FROM segmind_steps") == 2);
  close_ledger();
}

static void a_claim_that_did_not_come_through_is_made(void) {
  struct sm_ledger_step step = step_of("a1");
  open_ledger();
  prepare_write(SM_WRITE_CLAIM, &step, 0);
  commit_write(&us);
  sql("DELETE FROM segmind_steps");
  write_.is_in_doubt = true;
  CHECK(commit_write(&us) == SM_STANDING_MINE);
  CHECK(number("SELECT COUNT(*) FROM segmind_steps") == 1);
  close_ledger();
}

static void an_id_written_twice_has_one_row(void) {
  struct sm_ledger_step step = step_of("a1");
  open_ledger();
  put(&us, SM_WRITE_CLAIM, &step);
  sql("UPDATE segmind_steps SET state = 'accepted', request_id = 'theirs'");
  prepare_write(SM_WRITE_ACCEPT, &step, 1);
  write_.request_id = ID;
  CHECK(commit_twice(&us) != SM_STANDING_NOT_OURS && write_.written == 2);
  CHECK(number("SELECT COUNT(*) FROM segmind_steps") == 2);
  close_ledger();
}

/* -- another submit's row -------------------------------------------------- */

static void let_lapse(void) { sql("UPDATE segmind_steps SET lease_until = 1"); }

/* Ours is not heard of for long: the host sleeps. They find it in doubt, and
 * send the step again with leave. */
static void be_sent_again(const struct sm_ledger_step *step) {
  open_ledger();
  put(&us, SM_WRITE_CLAIM, step);
  let_lapse();
  CHECK(put(&them, SM_WRITE_LOOK, step) == SM_STANDING_TAKEN);
  end_as(&them, step, "unknown", 0);
  prepare_write(SM_WRITE_CLAIM, step, 1);
  CHECK(commit_write(&them) == SM_STANDING_MINE && write_.submits == 2);
}

/* What our first submit has brought at last. */
static void prepare_late(enum sm_write_kind kind,
                         const struct sm_ledger_step *step, const char *id) {
  prepare_write(kind, step, 1);
  write_.request_id = id;
  write_.submits = 1;
  write_.text = kind == SM_WRITE_COMPLETE ? "{\"late\":1}" : NULL;
  write_.text_size = write_.text ? strlen(write_.text) : 0;
  write_.cost = 0.03;
}

static bool is_row(int generation, const char *state, const char *id) {
  const struct sm_row *row;
  put(&us, SM_WRITE_LIST, NULL);
  for (row = write_.row; row; row = row->next)
    if (sm_row_number(row, SM_ROW_GENERATION) == generation)
      break;
  const char *has = row ? sm_row_text(row, SM_ROW_REQUEST_ID) : NULL;
  return row && sm_row_is_in(row, state) &&
         (has && id ? strcmp(has, id) == 0 : !has && !id);
}

static void an_id_that_comes_late_is_in_no_row_of_another_submit(void) {
  struct sm_ledger_step step = step_of("a1");
  be_sent_again(&step);
  prepare_late(SM_WRITE_ACCEPT, &step, ID);
  CHECK(commit_write(&us) == SM_STANDING_FREE && write_.written == 2);
  CHECK(is_row(1, "intent", NULL) && is_row(2, "accepted", ID));
  CHECK(accept(&them, &step, OTHER_ID) == SM_STANDING_FREE);
  CHECK(write_.written == 1 && is_row(1, "accepted", OTHER_ID));
  close_ledger();
}

/* M3, M4: both pictures are paid. */
static void a_result_that_comes_late_overwrites_none_of_another_submit(void) {
  static const char *const states[] = {"intent", "accepted", "completed"};
  struct sm_ledger_step step = step_of("a1");
  for (int i = 0; i < 3; i++) {
    be_sent_again(&step);
    if (i > 0)
      accept(&them, &step, OTHER_ID);
    if (i > 1)
      sql("UPDATE segmind_steps SET state = 'completed', result = '{}'");
    prepare_late(SM_WRITE_COMPLETE, &step, ID);
    CHECK(commit_twice(&us) == SM_STANDING_FREE && write_.written == 2);
    CHECK(is_row(1, states[i], i > 0 ? OTHER_ID : NULL));
    CHECK(is_row(2, "completed", ID));
    CHECK(number("SELECT COUNT(*) FROM segmind_steps") == 2);
    put(&us, SM_WRITE_FIND, &step);
    CHECK(row_says(SM_ROW_MODEL, step.model) &&
          row_says(SM_ROW_RESULT, "{\"late\":1}"));
    close_ledger();
  }
}

/* The synchronous way has no ids. */
static void a_picture_that_comes_late_overwrites_none_of_another_submit(void) {
  struct sm_ledger_step step = step_of("a1");
  step.api = "v1";
  be_sent_again(&step);
  prepare_late(SM_WRITE_COMPLETE, &step, NULL);
  write_.submits = 2;
  commit_write(&them);
  CHECK(is_row(1, "completed", NULL));
  prepare_late(SM_WRITE_COMPLETE, &step, NULL);
  write_.file = "a1.png";
  write_.sha256 = "00";
  CHECK(commit_twice(&us) == SM_STANDING_FREE && write_.written == 2);
  CHECK(is_row(2, "completed", NULL));
  CHECK(number("SELECT COUNT(*) FROM segmind_steps") == 2);
  close_ledger();
}

/* They have taken our row over, and sent nothing: it is that of our submit. */
static void a_result_that_comes_late_ends_the_doubt_about_it(void) {
  struct sm_ledger_step step = step_of("a1");
  for (int is_looked_up = 0; is_looked_up < 2; is_looked_up++) {
    open_ledger();
    put(&us, SM_WRITE_CLAIM, &step);
    let_lapse();
    CHECK(put(&them, SM_WRITE_LOOK, &step) == SM_STANDING_TAKEN);
    if (is_looked_up)
      end_as(&them, &step, "unknown", 0);
    prepare_late(SM_WRITE_COMPLETE, &step, ID);
    CHECK(commit_write(&us) == SM_STANDING_FREE && write_.written == 1);
    CHECK(accept(&them, &step, ID) == SM_STANDING_FREE);
    CHECK(write_.written == 1 && is_row(1, "completed", ID));
    CHECK(is_near(spent(), 0.03));
    close_ledger();
  }
}

/* -- money ----------------------------------------------------------------- */

static void a_budget_is_that_of_all_rows(void) {
  struct sm_ledger_step one = step_of("a1"), two = step_of("b2"),
                        three = step_of("c");
  open_ledger();
  one.budget = two.budget = three.budget = 0.10;
  CHECK(put(&us, SM_WRITE_CLAIM, &one) == SM_STANDING_MINE);
  CHECK(put(&them, SM_WRITE_CLAIM, &two) == SM_STANDING_MINE);
  CHECK(put(&us, SM_WRITE_CLAIM, &three) == SM_STANDING_REFUSED);
  CHECK(is_near(write_.spent, 0.10));
  CHECK(put(&us, SM_WRITE_FIND, &three) == SM_STANDING_FREE);
  /* Whose step it is comes before what it costs. */
  two.budget = 0;
  CHECK(put(&us, SM_WRITE_CLAIM, &two) == SM_STANDING_HELD);
  complete(&us, &one, 0.01);
  three.price = (double)NAN; /* what has no price cannot be allowed */
  CHECK(put(&us, SM_WRITE_CLAIM, &three) == SM_STANDING_REFUSED);
  three.price = 0.04;
  CHECK(put(&us, SM_WRITE_CLAIM, &three) == SM_STANDING_MINE);
  close_ledger();
}

/* M6. */
static void a_budget_holds_within_one_transaction(void) {
  struct sm_ledger_step steps[4];
  struct sm_write claims[4];
  const char *keys[] = {"a", "b", "c", "d"};
  open_ledger();
  CHECK(sm_transaction_begin(&us, clock_s, &e) == SM_DB_OK);
  for (int i = 0; i < 4; i++) {
    steps[i] = step_of(keys[i]);
    steps[i].budget = 0.12;
    memset(&claims[i], 0, sizeof claims[i]);
    sm_write_create(&claims[i], SM_WRITE_CLAIM, &steps[i]);
    CHECK(sm_ledger_rows_apply(&us, &claims[i], &e) == SM_DB_OK);
    CHECK(claims[i].standing ==
          (i < 2 ? SM_STANDING_MINE : SM_STANDING_REFUSED));
  }
  CHECK(sm_transaction_commit(&us, &e) == SM_DB_OK);
  CHECK(is_near(spent(), 0.10));
  close_ledger();
}

static void money_that_is_no_amount_is_not_written(void) {
  struct sm_ledger_step step = step_of("a1");
  const double costs[] = {-1, (double)NAN, (double)INFINITY, 1e300};
  open_ledger();
  for (size_t i = 0; i < sizeof costs / sizeof costs[0]; i++) {
    step.is_fresh = true;
    step.seed = costs[i];
    put(&us, SM_WRITE_CLAIM, &step);
    prepare_write(SM_WRITE_COMPLETE, &step, write_.written);
    write_.cost = costs[i];
    write_.seed = costs[i];
    commit_write(&us);
    step.is_fresh = false;
    CHECK(put(&us, SM_WRITE_FIND, &step) == SM_STANDING_DONE);
    CHECK(isnan(sm_row_number(write_.row, SM_ROW_COST)));
  }
  CHECK(is_near(spent(), 4 * 0.05));
  close_ledger();
}

static void money_that_another_wrote_is_not_believed(void) {
  const char *const damages[] = {
      "doubt = -0.01", "doubt = 9e99", "cost = NULL, price = 1e17",
      "cost = -5, price = -5", "state = 'unknown', price = 9e99"};
  static const char key[] = /* whole: it is looked for in the database */
      "5ee48c2e340767031bfea44ed1236c301b78915a9f8dcc30fd9c1c8e4ee51a43";
  struct sm_ledger_step step = step_of(key), other = step_of("b2");
  for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
    char text[96];
    open_ledger();
    put(&us, SM_WRITE_CLAIM, &step);
    complete(&us, &step, 0.05);
    snprintf(text, sizeof text, "UPDATE segmind_steps SET %s", damages[i]);
    sql(text);
    CHECK(spent() == -1 && fails_with("damaged") && fails_with(key));
    other.budget = 1;
    put(&us, SM_WRITE_CLAIM, &other);
    CHECK(fails_with("damaged"));
    close_ledger();
  }
}

static void a_cost_that_makes_no_sense_counts_as_the_price(void) {
  const char *const costs[] = {"'lots'", "-5", "9e99", "NULL"};
  struct sm_ledger_step step = step_of("a1");
  for (size_t i = is_on_server() ? 1 : 0; i < sizeof costs / sizeof *costs;
       i++) {
    char text[96];
    open_ledger();
    put(&us, SM_WRITE_CLAIM, &step);
    complete(&us, &step, 0.07);
    snprintf(text, sizeof text, "UPDATE segmind_steps SET cost = %s", costs[i]);
    sql(text);
    CHECK(is_near(spent(), 0.05));
    CHECK(put(&us, SM_WRITE_FIND, &step) == SM_STANDING_DONE);
    CHECK(isnan(sm_row_number(write_.row, SM_ROW_COST)));
    close_ledger();
  }
}

/* -- damage ---------------------------------------------------------------- */

/* M7. */

static void a_damaged_row_concerns_its_own_step(void) {
  const char *const damages[] = {
      "model = '../x'",        "request_id = 'a/b'",
      "state = 'foo'",         "file = '../../.ssh/id'",
      "lease_until = 9e99",    "submitted_at = 'yesterday'",
      "lease_until = 'never'", "request_id = CAST(x'6100' AS TEXT)"};
  struct sm_ledger_step step = step_of("a1"), other = step_of("b2");
  size_t count = is_on_server() ? 5 : sizeof damages / sizeof damages[0];
  for (size_t i = 0; i < count; i++) {
    char text[96], column[32] = "";
    open_ledger();
    put(&us, SM_WRITE_CLAIM, &step);
    snprintf(text, sizeof text, "UPDATE segmind_steps SET %s", damages[i]);
    sql(text);
    sscanf(damages[i], "%31s", column);
    put(&us, SM_WRITE_CLAIM, &step);
    CHECK(fails_with("damaged") && fails_with(column) && fails_with("a1"));
    CHECK(put(&us, SM_WRITE_CLAIM, &other) == SM_STANDING_MINE);
    CHECK(!write_.error);
    put(&them, SM_WRITE_RESUME, NULL);
    CHECK(!write_.error && write_.row && write_.row->next);
    close_ledger();
  }
}

static void a_write_that_fails_leaves_the_others_of_its_transaction(void) {
  struct sm_ledger_step one = step_of("a1"), bad = step_of("b/2"),
                        three = step_of("c");
  struct sm_ledger_step *steps[] = {&one, &bad, &three};
  struct sm_write writes[3];
  open_ledger();
  CHECK(sm_transaction_begin(&us, clock_s, &e) == SM_DB_OK);
  for (int i = 0; i < 3; i++) {
    memset(&writes[i], 0, sizeof writes[i]);
    sm_write_create(&writes[i], SM_WRITE_CLAIM, steps[i]);
    CHECK(sm_ledger_rows_apply(&us, &writes[i], &e) == SM_DB_OK);
    CHECK((writes[i].error != NULL) == (i == 1));
  }
  CHECK(sm_transaction_commit(&us, &e) == SM_DB_OK);
  sm_write_clear(&writes[1]);
  CHECK(number("SELECT COUNT(*) FROM segmind_steps") == 2);
  close_ledger();
}

static void all_that_was_left_behind_is_resumed(void) {
  struct sm_ledger_step steps[] = {step_of("a"), step_of("b"), step_of("c"),
                                   step_of("d")};
  open_ledger();
  for (int i = 0; i < 4; i++) {
    put(&them, SM_WRITE_CLAIM, &steps[i]);
    clock_s += 1;
  }
  complete(&them, &steps[0], 0.05);
  end_as(&them, &steps[1], "unknown", 0);
  sql("UPDATE segmind_steps SET state = 'odd' WHERE step_key = 'd'");
  put(&us, SM_WRITE_RESUME, NULL);
  const struct sm_row *row = write_.row;
  CHECK(row && row->standing == SM_STANDING_TAKEN &&
        row_says(SM_ROW_STEP_KEY, "b"));
  row = row ? row->next : NULL;
  CHECK(row && row->standing == SM_STANDING_HELD);
  row = row ? row->next : NULL;
  CHECK(row && row->standing == SM_STANDING_DAMAGED && !row->next);
  CHECK(row && strstr(row->damage, "state cannot be \"odd\""));
  close_ledger();
}

static void a_list_has_all_rows_and_takes_none_over(void) {
  struct sm_ledger_step steps[] = {step_of("a"), step_of("b"), step_of("c")};
  open_ledger();
  for (int i = 0; i < 3; i++) {
    put(&them, SM_WRITE_CLAIM, &steps[i]);
    clock_s += 1;
  }
  complete(&them, &steps[0], 0.05);
  sql("UPDATE segmind_steps SET lease_until = 0 WHERE step_key = 'b'");
  sql("UPDATE segmind_steps SET state = 'odd' WHERE step_key = 'c'");
  put(&us, SM_WRITE_LIST, NULL);
  const struct sm_row *row = write_.row;
  CHECK(row && row_says(SM_ROW_STEP_KEY, "a"));
  row = row ? row->next : NULL;
  CHECK(row && row->standing == SM_STANDING_HELD);
  row = row ? row->next : NULL;
  CHECK(row && row->standing == SM_STANDING_DAMAGED && !row->next);
  CHECK(number("SELECT COUNT(*) FROM segmind_steps WHERE lease_owner = "
               "'here:1:2:3'") == 0);
  close_ledger();
}

/* -- the tables ------------------------------------------------------------ */

static bool is_refused(const char *service, const char *text) {
  return sm_ledger_tables_prepare(&db, service, &e) == SM_DB_MISUSE &&
         e.code == SM_LEDGER && strstr(e.message, text);
}

static void another_ones_database_is_refused(void) {
  open_ledger();
  CHECK(sm_ledger_tables_prepare(&db, SERVICE, &e) == SM_DB_OK);
  CHECK(is_refused("an emulator on loopback",
                   "is one of https://api.segmind.com, and this client speaks "
                   "to an emulator"));
  sql("UPDATE segmind_ledger SET version = 7");
  CHECK(is_refused(SERVICE, "version 7"));
  sql("DELETE FROM segmind_ledger");
  CHECK(is_refused(SERVICE, "lost its version"));
  sql("DROP TABLE segmind_ledger");
  /* A server's database may hold other tables, too. */
  if (!is_on_server())
    CHECK(is_refused(SERVICE, "another program"));
  close_ledger();
}

/* As the Lua of version 1 wrote it: integers where whole, times in seconds. */
static void a_ledger_of_the_first_version_goes_on(void) {
  struct sm_ledger_step step = step_of("a1");
  open_ledger();
  sql("INSERT INTO segmind_steps (step_key, generation, model, api, params, "
      "state, body, seed, submits, price, doubt, submitted_at, lease_owner, "
      "lease_until) VALUES ('a1', 1, 'flux-kontext-pro', 'v2', '{}', 'intent', "
      "'{\"prompt\":\"x\"}', 42, 1, 0.05, 0, 1700000000, 'x:1:2:3:1-2', "
      "1600000000)");
  CHECK(put(&us, SM_WRITE_CLAIM, &step) == SM_STANDING_TAKEN);
  CHECK(sm_row_number(write_.row, SM_ROW_SEED) == 42);
  CHECK(sm_row_number(write_.row, SM_ROW_SUBMITTED_AT) == 1700000000);
  accept(&us, &step, ID);
  complete(&us, &step, 0.05);
  CHECK(put(&them, SM_WRITE_LOOK, &step) == SM_STANDING_DONE);
  close_ledger();
}

int main(void) {
  a_step_is_claimed_accepted_and_completed_once();
  one_that_another_works_on_is_waited_for();
  a_lease_that_is_renewed_does_not_run_out();
  one_that_failed_runs_again_in_its_row();
  a_second_submit_in_doubt_counts_twice();
  a_second_submit_stops_where_another_has_taken_over();
  a_second_submit_stops_where_a_fresh_job_has_taken_up_the_row();
  a_second_submit_overwrites_nothing_that_was_paid();
  a_fresh_one_is_a_further_generation();
  a_fresh_one_that_was_left_behind_is_taken_up();
  an_id_of_another_step_is_not_believed();
  an_id_of_another_step_comes_with_no_end_and_no_result();
  an_id_gets_a_row_of_its_own_where_its_row_is_anothers();
  an_end_without_the_id_of_its_row_ends_nothing();
  an_id_that_could_not_be_written_comes_with_the_end();
  a_row_is_attached_by_its_id();
  who_attaches_takes_no_row_that_may_be_sent_again();
  a_claim_carried_out_twice_is_one();
  a_claim_that_did_not_come_through_is_made();
  an_id_written_twice_has_one_row();
  an_id_that_comes_late_is_in_no_row_of_another_submit();
  a_result_that_comes_late_overwrites_none_of_another_submit();
  a_picture_that_comes_late_overwrites_none_of_another_submit();
  a_result_that_comes_late_ends_the_doubt_about_it();
  a_budget_is_that_of_all_rows();
  a_budget_holds_within_one_transaction();
  money_that_is_no_amount_is_not_written();
  money_that_another_wrote_is_not_believed();
  a_cost_that_makes_no_sense_counts_as_the_price();
  a_damaged_row_concerns_its_own_step();
  a_write_that_fails_leaves_the_others_of_its_transaction();
  all_that_was_left_behind_is_resumed();
  a_list_has_all_rows_and_takes_none_over();
  another_ones_database_is_refused();
  a_ledger_of_the_first_version_goes_on();
  return check_report("sm_ledger_rows");
}
