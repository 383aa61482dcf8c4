/* Steps that wait for a worker: when they are ready, who has them, how fast
 * they go, and what a failure blocks. One ask a transaction, on a clock that is
 * a table. On a SQLite file, or on the server of SEGMIND_POSTGRES. */
#include "one_ledger.h"
#include "sm_ledger_queue.h"
#include "sm_ledger_rows.h"

#define NOW 1700000000.0
#define WORKERS 8

static struct sm_db db;
static struct sm_db_dialect dialect;
static struct sm_transaction us, them, many[WORKERS];
static char names[WORKERS][32];
static struct sm_queue_ask ask;
static struct sm_write write_;
static struct sm_error e;
static double clock_s;

static void set_clock(double seconds) {
  clock_s = seconds;
  CHECK(sm_db_exec(&db, "DELETE FROM segmind_clock", &e) == SM_DB_OK);
  struct sm_db_query query = {.sql =
                                  "INSERT INTO segmind_clock (t) VALUES ($1)",
                              .values = SM_DB_VALUES(sm_db_number(seconds)),
                              .count = 1};
  CHECK(sm_db_run(&db, &query, &e) == SM_DB_OK);
}

static void open_queue(void) {
  make_folder();
  db = open_db();
  CHECK(sm_ledger_tables_prepare(&db, SERVICE, &e) == SM_DB_OK);
  CHECK(sm_db_exec(&db, "CREATE TABLE segmind_clock (t DOUBLE PRECISION)",
                   &e) == SM_DB_OK);
  dialect = *db.dialect;
  dialect.clock = dialect.now = "SELECT t FROM segmind_clock";
  db.dialect = &dialect;
  sm_transaction_create(&us, &db, "here:1:2:3");
  sm_transaction_create(&them, &db, ELSEWHERE);
  for (int i = 0; i < WORKERS; i++) {
    snprintf(names[i], sizeof names[i], "elsewhere:%d:2:3", i);
    sm_transaction_create(&many[i], &db, names[i]);
  }
  memset(&ask, 0, sizeof ask);
  memset(&write_, 0, sizeof write_);
  set_clock(NOW);
}

static void close_queue(void) {
  sm_queue_ask_clear(&ask);
  sm_write_clear(&write_);
  CHECK(sm_db_exec(&db, "DROP TABLE segmind_clock", &e) == SM_DB_OK);
  sm_db_close(&db);
  remove_folder();
}

/* Another ask, in place of the one before and what that has brought. */
static void renew(struct sm_queue_ask with) {
  sm_queue_ask_clear(&ask);
  ask = with;
}

/* Whether the write went through. */
static bool apply(struct sm_transaction *transaction) {
  CHECK(sm_transaction_begin(transaction, clock_s, &e) == SM_DB_OK);
  enum sm_db_status status = sm_ledger_rows_apply(transaction, &write_, &e);
  if (!status)
    status = sm_transaction_commit(transaction, &e);
  else
    sm_transaction_rollback(transaction);
  if (status)
    fprintf(stderr, "%s\n", e.message);
  return !status && !write_.error;
}

static bool put(struct sm_transaction *transaction, enum sm_queue_verb verb) {
  sm_write_clear(&write_);
  sm_write_create(&write_, SM_WRITE_QUEUE, NULL);
  ask.verb = verb;
  write_.queue = &ask;
  return apply(transaction);
}

static struct sm_queue_step step_named(const char *key,
                                       const char *const *inputs) {
  return (struct sm_queue_step){.key = key,
                                .name = key,
                                .model = "flux-kontext-pro",
                                .params = "{}",
                                .options = "{}",
                                .problem = "why",
                                .inputs = inputs};
}

/* One step, which takes the picture of `input` unless that is NULL. */
static bool enqueue(const char *key, const char *input) {
  const char *const inputs[] = {input, NULL};
  struct sm_queue_step step = step_named(key, inputs);
  renew((struct sm_queue_ask){.steps = &step, .count = 1});
  return put(&us, SM_QUEUE_ENQUEUE);
}

static bool end(struct sm_transaction *transaction, enum sm_queue_verb verb,
                const char *key) {
  struct sm_queue_step step = step_named(key, NULL);
  renew((struct sm_queue_ask){.steps = &step, .count = 1});
  return put(transaction, verb);
}

/* The keys that were picked, each with a comma; good until the next ask. */
static const char *picked(struct sm_transaction *transaction, size_t most) {
  static char keys[256];
  keys[0] = '\0';
  renew((struct sm_queue_ask){.most = most});
  CHECK(put(transaction, SM_QUEUE_PICK));
  for (const struct sm_queue_row *row = ask.rows; row; row = row->next) {
    strncat(keys, row->value[SM_QUEUE_KEY].text,
            sizeof keys - strlen(keys) - 1);
    strncat(keys, ",", sizeof keys - strlen(keys) - 1);
  }
  return keys;
}

static bool picks(struct sm_transaction *transaction, size_t most,
                  const char *keys) {
  const char *got = picked(transaction, most);
  if (strcmp(got, keys) != 0)
    fprintf(stderr, "picked \"%s\", not \"%s\"\n", got, keys);
  return strcmp(got, keys) == 0;
}

/* As whoever has picked it does. */
static void complete(const char *key) {
  struct sm_ledger_step step = step_of(key);
  for (int i = 0; i < 3; i++) {
    static const enum sm_write_kind kinds[] = {SM_WRITE_CLAIM, SM_WRITE_ACCEPT,
                                               SM_WRITE_COMPLETE};
    sm_write_clear(&write_);
    sm_write_create(&write_, kinds[i], &step);
    write_.generation = i > 0;
    write_.request_id = key;
    write_.text = "{}";
    write_.text_size = 2;
    CHECK(apply(&us));
  }
}

static const char *state_of(const char *key, const char **problem) {
  sm_queue_ask_clear(&ask);
  CHECK(put(&us, SM_QUEUE_LIST));
  for (const struct sm_queue_row *row = ask.rows; row; row = row->next)
    if (strcmp(row->value[SM_QUEUE_KEY].text, key) == 0) {
      *problem = row->value[SM_QUEUE_PROBLEM].text;
      return row->value[SM_QUEUE_STATE].text;
    }
  return "gone";
}

static bool is_in(const char *key, const char *state) {
  const char *problem;
  return strcmp(state_of(key, &problem), state) == 0;
}

/* -- what is ready --------------------------------------------------------- */

static void a_step_is_ready_when_all_its_inputs_are_done(void) {
  static const char *const both[] = {"a", "b", NULL};
  struct sm_queue_step step = step_named("c", both);
  open_queue();
  CHECK(enqueue("a", NULL) && enqueue("b", NULL));
  renew((struct sm_queue_ask){.steps = &step, .count = 1});
  CHECK(put(&us, SM_QUEUE_ENQUEUE));
  CHECK(picks(&us, 9, "a,b,"));
  complete("a");
  CHECK(end(&us, SM_QUEUE_DONE, "a") && end(&us, SM_QUEUE_DONE, "a"));
  CHECK(picks(&us, 9, ""));
  complete("b");
  CHECK(end(&us, SM_QUEUE_DONE, "b"));
  CHECK(picks(&us, 9, "c,"));
  complete("c");
  CHECK(end(&us, SM_QUEUE_DONE, "c"));
  CHECK(picks(&us, 9, "") && ask.is_empty);
  CHECK(number("SELECT COUNT(*) FROM segmind_edges") == 0);
  close_queue();
}

static void nothing_is_done_without_its_picture(void) {
  open_queue();
  CHECK(enqueue("a", NULL) && enqueue("b", "a"));
  CHECK(picks(&us, 9, "a,"));
  CHECK(!end(&us, SM_QUEUE_DONE, "a"));
  CHECK(picks(&us, 9, ""));
  close_queue();
}

static void what_is_finished_is_not_queued_and_no_input(void) {
  open_queue();
  complete("a");
  CHECK(enqueue("a", NULL) && is_in("a", "gone"));
  CHECK(enqueue("b", "a"));
  CHECK(picks(&us, 9, "b,"));
  CHECK(!enqueue("c", "nobody") && is_in("c", "gone"));
  close_queue();
}

static void a_step_that_is_enqueued_twice_is_there_once(void) {
  open_queue();
  CHECK(enqueue("a", NULL) && enqueue("b", "a"));
  CHECK(picks(&them, 9, "a,"));
  CHECK(enqueue("a", NULL) && enqueue("b", "a"));
  CHECK(picks(&us, 9, ""));
  CHECK(number("SELECT COUNT(*) FROM segmind_queue") == 2);
  close_queue();
}

/* -- who has it ------------------------------------------------------------ */

static void a_pick_is_its_workers_until_its_lease_ends(void) {
  open_queue();
  CHECK(enqueue("a", NULL) && enqueue("b", NULL));
  CHECK(picks(&them, 1, "a,"));
  CHECK(picks(&us, 9, "b,"));
  set_clock(NOW + SM_LEASE_S - 1);
  CHECK(end(&us, SM_QUEUE_HOLD, "b"));
  set_clock(NOW + SM_LEASE_S + 1);
  CHECK(picks(&us, 9, "a,"));
  CHECK(end(&them, SM_QUEUE_FAIL, "a") && is_in("a", "waiting"));
  CHECK(picks(&them, 9, "") && !ask.is_empty);
  close_queue();
}

static void what_is_given_back_is_picked_when_its_time_comes(void) {
  open_queue();
  CHECK(enqueue("a", NULL) && enqueue("b", NULL));
  CHECK(picks(&them, 9, "a,b,"));
  CHECK(end(&them, SM_QUEUE_RETURN, "a"));
  CHECK(picks(&us, 9, "a,"));
  struct sm_queue_step step = step_named("b", NULL);
  renew((struct sm_queue_ask){.steps = &step, .count = 1, .wait_s = 5});
  CHECK(put(&them, SM_QUEUE_RETURN));
  CHECK(picks(&us, 9, ""));
  set_clock(NOW + 6);
  CHECK(picks(&us, 9, "b,"));
  close_queue();
}

static void what_is_given_back_waits_for_no_clock_that_was_set_back(void) {
  open_queue();
  CHECK(enqueue("a", NULL));
  set_clock(NOW + 86400);
  CHECK(picks(&them, 9, "a,"));
  struct sm_queue_step step = step_named("a", NULL);
  renew((struct sm_queue_ask){.steps = &step, .count = 1, .wait_s = 5});
  CHECK(put(&them, SM_QUEUE_RETURN));
  set_clock(NOW);
  CHECK(picks(&us, 9, "a,"));
  close_queue();
}

static void a_worker_that_ends_lets_its_picks_go(void) {
  open_queue();
  CHECK(enqueue("a", NULL));
  CHECK(picks(&them, 9, "a,"));
  sm_write_clear(&write_);
  sm_write_create(&write_, SM_WRITE_RELEASE, NULL);
  CHECK(apply(&them));
  CHECK(picks(&us, 9, "a,"));
  close_queue();
}

/* -- failures -------------------------------------------------------------- */

static void a_failure_blocks_what_hangs_on_it_until_it_is_enqueued_again(void) {
  const char *problem = NULL;
  open_queue();
  CHECK(enqueue("a", NULL) && enqueue("b", "a") && enqueue("c", "b"));
  CHECK(picks(&us, 9, "a,"));
  CHECK(end(&us, SM_QUEUE_FAIL, "a"));
  CHECK(is_in("a", "failed") && is_in("b", "blocked"));
  CHECK(strcmp(state_of("c", &problem), "blocked") == 0);
  CHECK(problem && strcmp(problem, "needs a, which has failed: why") == 0);
  CHECK(picks(&us, 9, "") && ask.is_empty);
  CHECK(enqueue("a", NULL));
  CHECK(is_in("a", "waiting") && is_in("c", "waiting"));
  CHECK(picks(&us, 9, "a,"));
  close_queue();
}

/* -- a network's volume -----------------------------------------------------
 */

static bool is_on_network;

/* The name is the linker's choice: NOLINTBEGIN(bugprone-reserved-identifier) */
bool __wrap_sm_system_is_on_network(const char *place);

bool __wrap_sm_system_is_on_network(const char *place) {
  CHECK(strcmp(place, path) == 0);
  return is_on_network;
}
/* NOLINTEND(bugprone-reserved-identifier) */

/* Several machines cannot lock such a file. Who shares it with nobody may keep
 * a ledger there. */
static void a_queue_on_a_networks_volume_is_refused(void) {
  struct sm_ledger_step step = step_of("a");
  open_queue();
  is_on_network = true;
  if (is_on_server()) {
    CHECK(enqueue("a", NULL));
  } else {
    CHECK(!enqueue("a", NULL) && write_.error);
    CHECK(strstr(write_.error->message, "network file system") &&
          strstr(write_.error->message, "postgresql://"));
    renew((struct sm_queue_ask){.most = 1});
    CHECK(!put(&us, SM_QUEUE_PICK));
    CHECK(number("SELECT COUNT(*) FROM sqlite_master "
                 "WHERE name = 'segmind_queue'") == 0);
    is_on_network = false; /* but of the machine that has the disk */
    CHECK(enqueue("a", NULL));
    is_on_network = true;
    CHECK(!enqueue("b", NULL));
  }
  sm_write_clear(&write_);
  sm_write_create(&write_, SM_WRITE_CLAIM, &step);
  CHECK(apply(&us) && write_.standing == SM_STANDING_MINE);
  is_on_network = false;
  close_queue();
}

/* -- limits ---------------------------------------------------------------- */

static void set_limit(enum sm_queue_verb verb, double budget, double rpm) {
  renew((struct sm_queue_ask){.limits = {budget, rpm}});
  CHECK(put(&us, verb));
}

static void the_smaller_limit_rules_until_it_is_replaced(void) {
  open_queue();
  set_limit(SM_QUEUE_LIMIT, 5, (double)NAN);
  set_limit(SM_QUEUE_LIMIT, 9, 60);
  CHECK(ask.limits.budget == 5 && ask.limits.rpm == 60);
  set_limit(SM_QUEUE_REPLACE, 9, (double)NAN);
  CHECK(ask.limits.budget == 9 && ask.limits.rpm == 60);
  close_queue();
}

static void the_budget_of_all_workers_refuses_a_claim_of_each(void) {
  struct sm_ledger_step step = step_of("a");
  open_queue();
  set_limit(SM_QUEUE_LIMIT, 0.04, (double)NAN);
  CHECK(picks(&us, 1, ""));
  sm_write_clear(&write_);
  sm_write_create(&write_, SM_WRITE_CLAIM, &step);
  CHECK(apply(&us) && write_.standing == SM_STANDING_REFUSED);
  CHECK(write_.limit == 0.04);
  set_limit(SM_QUEUE_REPLACE, 0.06, (double)NAN);
  sm_write_clear(&write_);
  sm_write_create(&write_, SM_WRITE_CLAIM, &step);
  CHECK(apply(&us) && write_.standing == SM_STANDING_MINE);
  close_queue();
}

static void set_by_hand(const char *sql) {
  CHECK(sm_db_exec(&db, sql, &e) == SM_DB_OK);
}

/* M6. Whoever wrote it meant a limit. */
static void a_limit_that_is_no_amount_lets_nothing_pass(void) {
  struct sm_ledger_step step = step_of("a");
  open_queue();
  CHECK(picks(&us, 1, "") && enqueue("a", NULL));
  set_by_hand("UPDATE segmind_limits SET budget = -1");
  sm_write_clear(&write_);
  sm_write_create(&write_, SM_WRITE_CLAIM, &step);
  CHECK(!apply(&us) && number("SELECT COUNT(*) FROM segmind_steps") == 0);
  set_by_hand("UPDATE segmind_limits SET budget = NULL, rpm = -1");
  CHECK(!put(&us, SM_QUEUE_PICK));
  CHECK(write_.error && strstr(write_.error->message, "segmind_limits"));
  set_by_hand("UPDATE segmind_limits SET rpm = NULL");
  CHECK(picks(&us, 1, "a,"));
  close_queue();
}

static void a_rate_of_0_keeps_what_is_ready(void) {
  open_queue();
  CHECK(picks(&us, 1, "") && enqueue("a", NULL));
  set_by_hand("UPDATE segmind_limits SET rpm = 0");
  CHECK(picks(&us, 1, "") && !ask.is_empty && ask.limits.rpm == 0);
  close_queue();
}

#define STEPS 700
#define RPM 120

/* Eight ask in turn, each some times a second, for ten minutes. */
static void eight_workers_keep_to_the_rate_and_use_it(void) {
  static char keys[STEPS][8];
  static double at[STEPS];
  int count = 0, most = 0;
  open_queue();
  set_limit(SM_QUEUE_LIMIT, (double)NAN, RPM);
  for (int i = 0; i < STEPS; i++) {
    snprintf(keys[i], sizeof keys[i], "k%d", i);
    CHECK(enqueue(keys[i], NULL));
  }
  CHECK(sm_db_exec(&db, "UPDATE segmind_queue SET lease_until = 0", &e) ==
        SM_DB_OK);
  for (int tick = 0; count < STEPS - WORKERS && tick < 4000; tick++) {
    set_clock(NOW + tick * 0.13);
    (void)picked(&many[tick % WORKERS], 3);
    for (const struct sm_queue_row *row = ask.rows; row; row = row->next) {
      at[count++] = clock_s;
      /* It does not come again when its lease ends. */
      struct sm_db_query query = {
          .sql = "DELETE FROM segmind_queue WHERE step_key = $1",
          .values = SM_DB_VALUES(row->value[SM_QUEUE_KEY]),
          .count = 1};
      CHECK(sm_db_run(&db, &query, &e) == SM_DB_OK);
    }
  }
  for (int i = 0, first = 0; i < count; i++) {
    while (at[i] - at[first] >= 60)
      first++;
    most = i - first + 1 > most ? i - first + 1 : most;
  }
  CHECK(count >= STEPS - WORKERS);
  CHECK(most <= RPM + RPM / 12 + 1);
  CHECK(count * 60 / (at[count - 1] - NOW) >= 0.9 * RPM);
  close_queue();
}

static void what_was_begun_is_taken_up_whatever_the_rate(void) {
  open_queue();
  set_limit(SM_QUEUE_LIMIT, (double)NAN, 1);
  CHECK(enqueue("a", NULL) && enqueue("b", NULL) && enqueue("c", NULL));
  CHECK(picks(&them, 2, "a,") && ask.wait_s > 0);
  struct sm_ledger_step step = step_of("b");
  sm_write_clear(&write_);
  sm_write_create(&write_, SM_WRITE_CLAIM, &step);
  CHECK(apply(&them));
  CHECK(picks(&us, 2, "b,"));
  close_queue();
}

int main(void) {
  a_step_is_ready_when_all_its_inputs_are_done();
  nothing_is_done_without_its_picture();
  what_is_finished_is_not_queued_and_no_input();
  a_step_that_is_enqueued_twice_is_there_once();
  a_pick_is_its_workers_until_its_lease_ends();
  what_is_given_back_is_picked_when_its_time_comes();
  what_is_given_back_waits_for_no_clock_that_was_set_back();
  a_worker_that_ends_lets_its_picks_go();
  a_failure_blocks_what_hangs_on_it_until_it_is_enqueued_again();
  a_queue_on_a_networks_volume_is_refused();
  the_smaller_limit_rules_until_it_is_replaced();
  the_budget_of_all_workers_refuses_a_claim_of_each();
  a_limit_that_is_no_amount_lets_nothing_pass();
  a_rate_of_0_keeps_what_is_ready();
  eight_workers_keep_to_the_rate_and_use_it();
  what_was_begun_is_taken_up_whatever_the_rate();
  return check_report("sm_ledger_queue_test");
}
