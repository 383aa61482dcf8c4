/* What is kept of a model's latency, and what a table does that cannot keep it:
 * on a SQLite file, or on the server of SEGMIND_POSTGRES. */
#include "failing_db.h"
#include "one_ledger.h"

#define NOW 1700000000.0
#define DAY_S (24 * 3600.0)
#define OTHER_SERVICE "https://gateway.example"

/* Two that use the ledger, each with a connection of its own; what ours asks is
 * counted. */
static struct failing_db counted;
static struct sm_db db, their_db;
static struct sm_transaction us, them;
static struct sm_error e;
static double clock_s;

static void begin_transactions(void) {
  sm_transaction_create(&us, &db, "here:1:2:3");
  sm_transaction_create(&them, &their_db, ELSEWHERE);
}

static void open_ledger(void) {
  make_folder();
  db = fail_over(&counted, open_db());
  their_db = open_db();
  begin_transactions();
  clock_s = NOW;
  CHECK(sm_ledger_tables_prepare(&db, SERVICE, &e) == SM_DB_OK);
}

static void close_ledger(void) {
  sm_db_close(&db);
  sm_db_close(&their_db);
  remove_folder();
}

/* Carries out writes in one transaction, and says whether it went through. */
static bool commit(struct sm_transaction *rows, struct sm_write *const *writes,
                   int count) {
  enum sm_db_status status = sm_transaction_begin(rows, clock_s, &e);
  for (int i = 0; i < count && !status; i++)
    status = sm_ledger_rows_apply(rows, writes[i], &e);
  if (!status)
    status = sm_transaction_commit(rows, &e);
  else
    sm_transaction_rollback(rows);
  return status == SM_DB_OK;
}

/* True without an error, too. */
static bool carry_out(struct sm_transaction *rows, enum sm_write_kind kind,
                      struct sm_latency *latency) {
  struct sm_write write = {0}, *const writes[] = {&write};
  sm_write_create(&write, kind, NULL);
  write.latency = latency;
  bool is_done = commit(rows, writes, 1) && !write.error;
  sm_write_clear(&write);
  return is_done;
}

static void learn(struct sm_transaction *rows, const char *service,
                  const char *model, double mu) {
  struct sm_latency latency = {.service = service,
                               .model = model,
                               .mu = mu,
                               .var = 0.01,
                               .jobs = 12,
                               .early_worth = 0.25,
                               .says_processing = 1};
  CHECK(carry_out(rows, SM_WRITE_LEARN, &latency));
}

static struct sm_latency recall(struct sm_transaction *rows,
                                const char *service, const char *model) {
  struct sm_latency latency = {
      .service = service, .model = model, .jobs = 99, .age_s = -1};
  CHECK(carry_out(rows, SM_WRITE_RECALL, &latency));
  return latency;
}

static void what_was_learned_is_recalled_with_its_age(void) {
  open_ledger();
  CHECK(recall(&us, SERVICE, "flux").jobs == 0); /* and no table is made */
  learn(&us, SERVICE, "flux", 2.5);
  clock_s += 5 * DAY_S;
  begin_transactions(); /* a second run */
  const struct sm_latency latency = recall(&us, SERVICE, "flux");
  CHECK(latency.mu == 2.5 && latency.var == 0.01 && latency.jobs == 12);
  CHECK(latency.early_worth == 0.25 && latency.says_processing == 1);
  CHECK(latency.age_s == 5 * DAY_S);
  close_ledger();
}

static void neither_models_nor_base_urls_are_mixed(void) {
  open_ledger();
  learn(&us, SERVICE, "flux", 2.5);
  learn(&us, SERVICE, "other", 3.5);
  learn(&us, OTHER_SERVICE, "flux", 1.5);
  CHECK(recall(&us, SERVICE, "flux").mu == 2.5);
  CHECK(recall(&us, SERVICE, "other").mu == 3.5);
  CHECK(recall(&us, OTHER_SERVICE, "flux").mu == 1.5);
  CHECK(recall(&us, OTHER_SERVICE, "other").jobs == 0);
  close_ledger();
}

static void of_two_processes_the_last_has_it(void) {
  open_ledger();
  CHECK(recall(&them, SERVICE, "flux").jobs == 0);
  learn(&us, SERVICE, "flux", 2.5);
  learn(&them, SERVICE, "flux", 2.6);
  CHECK(recall(&us, SERVICE, "flux").mu == 2.6);
  learn(&us, SERVICE, "flux", 2.7);
  CHECK(recall(&them, SERVICE, "flux").mu == 2.7);
  CHECK(number("SELECT COUNT(*) FROM segmind_latencies") == 1);
  close_ledger();
}

static void what_nobody_has_written_for_months_goes(void) {
  open_ledger();
  learn(&us, SERVICE, "old", 2.5);
  clock_s += 80 * DAY_S;
  learn(&us, SERVICE, "flux", 2.5);
  CHECK(recall(&us, SERVICE, "old").mu == 2.5);
  clock_s += 20 * DAY_S;
  CHECK(recall(&us, SERVICE, "flux").mu == 2.5);
  CHECK(number("SELECT COUNT(*) FROM segmind_latencies") == 1);
  close_ledger();
}

static void a_ledger_that_keeps_latencies_is_still_of_the_first_version(void) {
  open_ledger();
  learn(&us, SERVICE, "flux", 2.5);
  CHECK(number("SELECT version FROM segmind_ledger") == 1);
  CHECK(sm_ledger_tables_prepare(&their_db, SERVICE, &e) == SM_DB_OK);
  close_ledger();
}

/* Beside a claim, which is written whatever becomes of the others. */
static void claim_beside(const char *key, double *jobs) {
  const struct sm_ledger_step step = step_of(key);
  struct sm_latency latency = {.service = SERVICE, .model = "flux"};
  struct sm_latency news = {
      .service = SERVICE, .model = "flux", .mu = 3, .var = 0.1, .jobs = 5};
  struct sm_write recalled = {0}, claimed = {0}, learned = {0};
  struct sm_write *const writes[] = {&recalled, &claimed, &learned};
  sm_write_create(&recalled, SM_WRITE_RECALL, NULL);
  recalled.latency = &latency;
  sm_write_create(&claimed, SM_WRITE_CLAIM, &step);
  sm_write_create(&learned, SM_WRITE_LEARN, NULL);
  learned.latency = &news;
  CHECK(commit(&us, writes, 3));
  CHECK(!recalled.error && !claimed.error && !learned.error);
  CHECK(claimed.standing == SM_STANDING_MINE);
  *jobs = latency.jobs;
  for (int i = 0; i < 3; i++)
    sm_write_clear(writes[i]);
}

static void another_programs_table_is_nothing_known(void) {
  double jobs;
  open_ledger();
  sql("CREATE TABLE segmind_latencies (weather TEXT)");
  claim_beside("a1", &jobs);
  CHECK(jobs == 0);
  int before = counted.statements;
  claim_beside("a2", &jobs);
  CHECK(jobs == 0);
  CHECK(number("SELECT COUNT(*) FROM segmind_steps") == 2);
  /* A savepoint each, and the claim's own: the table is not asked again. */
  CHECK(counted.statements - before < 20);
  close_ledger();
}

static void a_table_that_is_gone_is_nothing_known(void) {
  double jobs;
  open_ledger();
  learn(&us, SERVICE, "flux", 2.5);
  sql("DROP TABLE segmind_latencies");
  claim_beside("a1", &jobs);
  CHECK(jobs == 0);
  close_ledger();
}

static void figures_that_another_wrote_are_nothing_known(void) {
  if (is_on_server())
    return; /* which keeps numbers in columns of numbers */
  open_ledger();
  learn(&us, SERVICE, "flux", 2.5);
  sql("UPDATE segmind_latencies SET mu = 'soon'");
  CHECK(recall(&us, SERVICE, "flux").jobs == 0);
  learn(&us, SERVICE, "flux", 2.5);
  CHECK(recall(&us, SERVICE, "flux").jobs == 12);
  close_ledger();
}

/* Whatever a database says of these statements is said of these alone. */
static void a_table_that_fails_costs_no_claim(void) {
  static const enum sm_db_status failures[] = {
      SM_DB_BUSY, SM_DB_FULL, SM_DB_REFUSED, SM_DB_BROKEN, SM_DB_MISUSE};
  static const char *const statements[] = {
      "CREATE TABLE segmind_latencies", "DELETE FROM segmind_latencies",
      "SELECT mu", "INSERT INTO segmind_latencies"};
  for (int i = 0; i < 5; i++)
    for (int k = 0; k < 4; k++) {
      double jobs;
      open_ledger();
      if (k > 0)
        learn(&them, SERVICE, "flux", 2.5);
      counted.status = failures[i];
      counted.text = statements[k];
      counted.times = 1;
      claim_beside("a1", &jobs);
      CHECK(counted.times == 0);
      CHECK(number("SELECT COUNT(*) FROM segmind_steps") == 1);
      close_ledger();
    }
}

/* Nor is it read from the rows of the steps, of which there may be many. */
static void no_step_is_read_for_it(void) {
  open_ledger();
  learn(&us, SERVICE, "flux", 2.5);
  CHECK(recall(&us, SERVICE, "flux").jobs == 12); /* there is such a table */
  counted.text = "SELECT";
  counted.status = SM_DB_BROKEN;
  counted.after = 1; /* the one of the figures */
  counted.times = 9;
  CHECK(recall(&us, SERVICE, "flux").jobs == 12);
  CHECK(counted.times == 9);
  counted.times = 0;
  close_ledger();
}

int main(void) {
  what_was_learned_is_recalled_with_its_age();
  neither_models_nor_base_urls_are_mixed();
  of_two_processes_the_last_has_it();
  what_nobody_has_written_for_months_goes();
  a_ledger_that_keeps_latencies_is_still_of_the_first_version();
  another_programs_table_is_nothing_known();
  a_table_that_is_gone_is_nothing_known();
  figures_that_another_wrote_are_nothing_known();
  a_table_that_fails_costs_no_claim();
  no_step_is_read_for_it();
  return check_report("sm_ledger_latency");
}
