/* The kept sum of what has been spent: that it is the sum of all steps whoever
 * writes them, what becomes of an older ledger, and what a claim reads. On a
 * SQLite file, or on the server of SEGMIND_POSTGRES. */
#include "sm_ledger_spent.h"

#include <stdarg.h>
#include <sys/wait.h>

#include "one_ledger.h"

#define NOW 1700000000.0
#define CHANGES 400

static struct sm_db db;
static struct sm_transaction us;
static struct sm_write write_;
static struct sm_error e;

static void prepare(void) {
  CHECK(sm_ledger_spent_prepare(&db, &e) == SM_DB_OK);
}

/* As an older library left it: nothing keeps a sum. */
static void open_older(void) {
  make_folder();
  db = open_db();
  sm_transaction_create(&us, &db, "here:1:2:3");
  CHECK(sm_ledger_tables_prepare(&db, SERVICE, &e) == SM_DB_OK);
}

static void open_ledger(void) {
  open_older();
  prepare();
}

static void close_ledger(void) {
  sm_write_clear(&write_);
  sm_db_close(&db);
  remove_folder();
}

/* An older library knows of no sum that is kept. */
static struct sm_db as_older(const struct sm_db *of) {
  static struct sm_db_dialect dialect;
  struct sm_db older = *of;
  dialect = *of->dialect;
  dialect.has_triggers = "SELECT 1 WHERE CAST($1 AS TEXT) = '' "
                         "AND CAST($2 AS DOUBLE PRECISION) = 0";
  older.dialect = &dialect;
  return older;
}

static double sum_of(struct sm_db *of) {
  struct sm_transaction transaction;
  sm_transaction_create(&transaction, of, "here:1:2:3");
  bool is_sum = sm_ledger_spent_sum(&transaction, &e) == SM_DB_OK;
  return is_sum ? transaction.spent : -1;
}

static double sum_of_steps(void) {
  struct sm_db older = as_older(&db);
  return sum_of(&older);
}

static bool is_near(double a, double b) { return fabs(a - b) < 1e-9; }

/* Whether the kept sum is that of the steps, and such that it is used. */
static bool is_right(double usd) {
  return is_near(sum_of_steps(), usd) && is_near(sum_of(&db), usd) &&
         is_near(number("SELECT usd FROM segmind_spent"), usd) &&
         number("SELECT damaged FROM segmind_spent") == 0;
}

/* By another connection. */
static void run(const char *format, ...) {
  char text[600];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  sql(text);
}

/* A step that costs 0.05, by hand. */
static void insert(int i, const char *state) {
  run("INSERT INTO segmind_steps (step_key, generation, model, api, params, "
      "state, body, submits, price, doubt, submitted_at, lease_owner, "
      "lease_until) VALUES ('k%d', 1, 'm', 'v2', '{}', '%s', '{}', 1, 0.05, 0, "
      "1, '', 0)",
      i, state);
}

static enum sm_standing claim(struct sm_transaction *transaction,
                              const struct sm_ledger_step *step,
                              enum sm_db_status *status) {
  sm_write_clear(&write_);
  sm_write_create(&write_, SM_WRITE_CLAIM, step);
  *status = sm_transaction_begin(transaction, NOW, &e);
  if (!*status)
    *status = sm_ledger_rows_apply(transaction, &write_, &e);
  if (!*status)
    *status = sm_transaction_commit(transaction, &e);
  if (*status)
    sm_transaction_rollback(transaction);
  return write_.standing;
}

/* -- whoever writes -------------------------------------------------------- */

static void change_a_step(int i) {
  static const char *const states[] = {"intent", "accepted", "completed",
                                       "failed", "unknown"};
  static const char *const amounts[] = {"NULL", "0", "0.01", "1.5", "7e-3"};
  const char *amount = amounts[rand() % 5];
  int at = rand() % (i + 1);
  switch (rand() % 7) {
  case 0:
    run("UPDATE segmind_steps SET state = '%s' WHERE step_key = 'k%d'",
        states[rand() % 5], at);
    break;
  case 1:
    run("UPDATE segmind_steps SET cost = %s WHERE step_key = 'k%d'", amount,
        at);
    break;
  case 2:
    run("UPDATE segmind_steps SET price = %s WHERE step_key = 'k%d'", amount,
        at);
    break;
  case 4:
    run("UPDATE segmind_steps SET doubt = doubt + 0.02 WHERE step_key = 'k%d'",
        at);
    break;
  case 3:
    run("DELETE FROM segmind_steps WHERE step_key = 'k%d'", at);
    break;
  default:
    insert(i, states[rand() % 5]);
  }
}

/* M6. What a person or an older library writes is counted in the transaction
 * that writes it, and not counted when that is taken back. */
static void the_sum_is_that_of_all_steps_whoever_writes_them(void) {
  open_ledger();
  srand(7);
  for (int i = 0; i < CHANGES; i++) {
    change_a_step(i);
    if (i % 20 == 0)
      CHECK(is_right(sum_of_steps()));
  }
  double before = sum_of_steps();
  CHECK(is_right(before) && before > 0);
  CHECK(sm_db_exec(&db, "BEGIN", &e) == SM_DB_OK);
  CHECK(sm_db_exec(&db,
                   "UPDATE segmind_steps SET state = 'completed', cost = 3",
                   &e) == SM_DB_OK);
  CHECK(sum_of(&db) > before && is_near(sum_of(&db), sum_of_steps()));
  CHECK(sm_db_exec(&db, "ROLLBACK", &e) == SM_DB_OK);
  CHECK(is_right(before));
  run("DELETE FROM segmind_steps");
  CHECK(is_right(0));
  close_ledger();
}

static void the_steps_of_an_older_ledger_are_counted(void) {
  struct sm_ledger_step step = step_of("a1");
  enum sm_db_status status;
  open_older();
  CHECK(claim(&us, &step, &status) == SM_STANDING_MINE && !status);
  insert(1, "completed");
  insert(2, "failed");
  CHECK(is_near(sum_of(&db), 0.10));
  prepare();
  CHECK(is_right(0.10));
  CHECK(number("SELECT COUNT(*) FROM segmind_steps") == 3);
  CHECK(sm_ledger_tables_prepare(&db, SERVICE, &e) == SM_DB_OK);
  prepare(); /* as every client does */
  CHECK(is_right(0.10));
  close_ledger();
}

static void remove_trigger(void) {
  run(is_on_server() ? "DROP TRIGGER segmind_spent_changed ON segmind_steps"
                     : "DROP TRIGGER segmind_spent_changed");
}

/* On a server the tables are one role's, and another writes into them. */
static void who_may_write_the_steps_alone_is_counted(void) {
  static char url[300];
  if (!is_on_server())
    return;
  open_ledger();
  run("CREATE ROLE guest LOGIN");
  run("GRANT SELECT, INSERT, UPDATE ON segmind_steps, segmind_ledger TO guest");
  (void)snprintf(url, sizeof url, "postgresql://guest%s", strchr(path, '@'));
  struct sm_db guests;
  const struct sm_db_options options = {.target = url,
                                        .driver_folder = DRIVER_FOLDER};
  CHECK(sm_db_open(&guests, &options, &e) == SM_DB_OK);
  struct sm_transaction them;
  struct sm_ledger_step step = step_of("a1");
  enum sm_db_status status;
  sm_transaction_create(&them, &guests, ELSEWHERE);
  step.budget = 0.05;
  CHECK(sm_ledger_spent_prepare(&guests, &e) == SM_DB_OK);
  CHECK(claim(&them, &step, &status) == SM_STANDING_MINE && !status);
  CHECK(is_right(0.05));
  run("DROP TABLE segmind_spent"); /* and he may not make it again */
  remove_trigger();
  CHECK(sm_ledger_spent_prepare(&guests, &e) == SM_DB_OK);
  step.key = "b2";
  CHECK(claim(&them, &step, &status) == SM_STANDING_REFUSED && !status);
  sm_db_close(&guests);
  run("DROP OWNED BY guest");
  run("DROP ROLE guest");
  close_ledger();
}

/* -- a sum that another has written ---------------------------------------- */

static void without_its_trigger_the_sum_is_not_believed(void) {
  open_ledger();
  insert(1, "accepted");
  remove_trigger();
  run("UPDATE segmind_steps SET price = 2");
  CHECK(is_near(sum_of(&db), 2));
  prepare();
  CHECK(is_right(2));
  run("UPDATE segmind_steps SET price = 3");
  CHECK(is_right(3));
  close_ledger();
}

/* A server has one trigger. */
static void nor_is_it_without_one_of_its_triggers(void) {
  static const char *const names[] = {"new", "gone", "changed"};
  for (size_t i = 0; !is_on_server() && i < 3; i++) {
    open_ledger();
    insert(1, "accepted");
    run("DROP TRIGGER segmind_spent_%s", names[i]);
    insert(2, "accepted");
    run("DELETE FROM segmind_steps WHERE step_key = 'k1'");
    run("UPDATE segmind_steps SET price = 2");
    CHECK(is_near(sum_of(&db), 2));
    prepare();
    insert(3, "accepted");
    CHECK(is_right(2.05));
    close_ledger();
  }
}

static void a_sum_of_several_rows_is_not_believed(void) {
  open_ledger();
  insert(1, "accepted");
  run("INSERT INTO segmind_spent VALUES (0, 0)");
  CHECK(is_near(sum_of(&db), 0.05));
  prepare();
  CHECK(is_right(0.05));
  close_ledger();
}

static void a_sum_that_makes_no_sense_is_not_believed(void) {
  static const char *const changes[] = {"usd = -1", "usd = 1e17",
                                        "damaged = -1"};
  open_ledger();
  insert(1, "accepted");
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    run("UPDATE segmind_spent SET %s", changes[i]);
    CHECK(is_near(sum_of(&db), 0.05));
    prepare();
    CHECK(is_right(0.05));
  }
  run("DELETE FROM segmind_spent");
  CHECK(is_near(sum_of(&db), 0.05));
  close_ledger();
}

static void opening_puts_a_wrong_sum_right(void) {
  static const char *const changes[] = {
      "UPDATE segmind_spent SET usd = 0", "DELETE FROM segmind_spent",
      "INSERT INTO segmind_spent (usd, damaged) VALUES (0.05, 0)",
      "DROP TABLE segmind_spent"};
  open_ledger();
  insert(1, "accepted");
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    run("%s", changes[i]);
    prepare();
    CHECK(is_right(0.05));
  }
  insert(2, "accepted");
  CHECK(is_right(0.10));
  close_ledger();
}

/* -- what a claim reads ---------------------------------------------------- */

static struct sm_db inner;
static char scanned[200];

/* SQLite says SCAN, PostgreSQL Seq Scan, of a table that is read through. */
static bool note_scan(void *user, const struct sm_db_value *row, int columns) {
  const char *said = row[columns - 1].text;
  if (row[columns - 1].type == SM_DB_TEXT && strstr(said, "segmind_steps") &&
      (strstr(said, "SCAN ") || strstr(said, "Seq Scan")))
    (void)snprintf(user, sizeof scanned, "%.199s", said);
  return true;
}

static enum sm_db_status explain_first(const struct sm_db *outer,
                                       struct sm_db_query *query,
                                       struct sm_error *why) {
  (void)outer;
  if (strncmp(query->sql, "SELECT", 6) == 0 ||
      strncmp(query->sql, "UPDATE", 6) == 0 ||
      strncmp(query->sql, "INSERT", 6) == 0) {
    static char texts[40][2000]; /* they live on: see sm_db_query */
    static int count;
    char *text = texts[count++ % 40];
    (void)snprintf(text, sizeof texts[0], "EXPLAIN %s%s",
                   is_on_server() ? "" : "QUERY PLAN ", query->sql);
    struct sm_db_query plan = *query;
    plan.sql = text;
    plan.take = note_scan;
    plan.user = scanned;
    CHECK(sm_db_run(&inner, &plan, why) == SM_DB_OK);
  }
  return sm_db_run(&inner, query, why);
}

static void close_nothing(const struct sm_db *outer) { (void)outer; }

/* With 100,000 steps it costs what it costs with 10: by the plan of each of its
 * statements. */
static void a_claim_under_a_budget_reads_no_step_but_its_own(void) {
  struct sm_ledger_step step = step_of("a1");
  enum sm_db_status status;
  open_ledger();
  for (int i = 0; i < 10; i++)
    insert(i, "completed");
  if (is_on_server())
    CHECK(sm_db_exec(&db, "SET enable_seqscan = off", &e) == SM_DB_OK);
  inner = db;
  struct sm_db explained = db;
  explained.run = explain_first;
  explained.close = close_nothing;
  sm_transaction_create(&us, &explained, "here:1:2:3");
  step.budget = 1;
  CHECK(claim(&us, &step, &status) == SM_STANDING_MINE && !status);
  CHECK(is_near(write_.spent, 0.50) && !scanned[0]);
  if (scanned[0])
    fprintf(stderr, "%s\n", scanned);
  CHECK(is_near(sum_of_steps(), 0.55));
  struct sm_db older = as_older(&explained); /* the test sees such a scan */
  CHECK(is_near(sum_of(&older), 0.55) && scanned[0]);
  close_ledger();
}

/* -- several processes ----------------------------------------------------- */

#define PROCESSES 6
#define CLAIMS 12
#define ALLOWED 17

/* Every second one is of an older library. */
static int claim_many(int number_) {
  struct sm_db mine = open_db();
  struct sm_db older = as_older(&mine);
  sm_transaction_create(&us, number_ % 2 ? &older : &mine, ELSEWHERE);
  for (int i = 0; i < CLAIMS; i++) {
    char key[16];
    enum sm_db_status status = SM_DB_BUSY;
    (void)snprintf(key, sizeof key, "k%d", number_ * CLAIMS + i);
    struct sm_ledger_step step = step_of(key);
    step.budget = ALLOWED * 0.05;
    while (sm_db_is_transient(status))
      (void)claim(&us, &step, &status);
    if (status || write_.error)
      return 1;
  }
  sm_write_clear(&write_);
  sm_db_close(&mine);
  return 0;
}

/* M6. */
static void a_budget_is_never_passed_by_several_processes(void) {
  pid_t children[PROCESSES];
  open_ledger();
  sm_db_close(&db);
  for (int i = 0; i < PROCESSES; i++)
    if ((children[i] = fork()) == 0)
      _exit(claim_many(i));
  for (int i = 0; i < PROCESSES; i++) {
    int status = -1;
    CHECK(waitpid(children[i], &status, 0) == children[i]);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  db = open_db();
  CHECK(number("SELECT COUNT(*) FROM segmind_steps") == ALLOWED);
  CHECK(is_right(ALLOWED * 0.05));
  close_ledger();
}

int main(void) {
  the_sum_is_that_of_all_steps_whoever_writes_them();
  the_steps_of_an_older_ledger_are_counted();
  who_may_write_the_steps_alone_is_counted();
  without_its_trigger_the_sum_is_not_believed();
  nor_is_it_without_one_of_its_triggers();
  a_sum_of_several_rows_is_not_believed();
  a_sum_that_makes_no_sense_is_not_believed();
  opening_puts_a_wrong_sum_right();
  a_claim_under_a_budget_reads_no_step_but_its_own();
  a_budget_is_never_passed_by_several_processes();
  return check_report("sm_ledger_spent");
}
