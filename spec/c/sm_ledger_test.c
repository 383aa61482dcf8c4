/* The ledger's thread over a SQLite file: that it commits in groups, what it
 * makes of a database that fails, and what a kill leaves behind. */
#include "sm_ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "failing_db.h"
#include "one_ledger.h"

#define MANY 1000
#define ENOUGH_MS 20000

static struct sm_ledger *ledger;
static struct sm_store store;
static struct failing_db failing;
static struct sm_ledger_step steps[MANY];
static struct sm_write writes[MANY];
static char keys[MANY][8];
static int notes;

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_a_little(void) {
  nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static struct sm_ledger_options options_now(void) {
  return (struct sm_ledger_options){.target = path, .service = SERVICE};
}

static void make_steps(void) {
  for (int i = 0; i < MANY; i++) {
    snprintf(keys[i], sizeof keys[i], "k%d", i);
    steps[i] = step_of(keys[i]);
    writes[i] = (struct sm_write){0};
  }
}

static void open_over(const struct sm_ledger_options *options) {
  struct sm_error e;
  struct sm_db db = fail_over(&failing, open_db());
  make_steps();
  notes = 0;
  CHECK(sm_ledger_new_over(&ledger, &db, options, &e) == SM_OK);
  store = sm_ledger_store(ledger);
}

static void open_ledger(void) {
  const struct sm_ledger_options options = options_now();
  make_folder();
  open_over(&options);
}

static void forget_ledger(void) {
  sm_ledger_delete(ledger);
  for (int i = 0; i < MANY; i++)
    sm_write_clear(&writes[i]);
}

static void close_ledger(void) {
  forget_ledger();
  remove_folder();
}

static struct sm_write *put(int i, enum sm_write_kind kind) {
  struct sm_write *write = &writes[i];
  sm_write_clear(write);
  sm_write_create(write, kind, &steps[i]);
  write->generation = 1;
  write->request_id = keys[i];
  write->state = "failed";
  if (kind == SM_WRITE_CLAIM)
    write->generation = 0;
  return write;
}

static void send(int i, enum sm_write_kind kind) {
  store.put(store.self, put(i, kind));
}

/* The next write that comes home; NULL after `within_ms`. */
static struct sm_write *next_home(int64_t within_ms) {
  int64_t until = now_ms() + within_ms;
  do {
    struct sm_write *write = store.finished(store.self);
    if (write && write->kind == SM_WRITE_NOTE) {
      CHECK(strstr(write->error->message, path) != NULL);
      notes++;
    } else if (write) {
      return write;
    }
    pause_a_little();
  } while (now_ms() < until);
  return NULL;
}

static int count_home(int most) {
  int count = 0;
  while (count < most && next_home(ENOUGH_MS))
    count++;
  return count;
}

static struct sm_ledger_stats stats_now(void) {
  struct sm_ledger_stats stats;
  sm_ledger_stats(ledger, &stats);
  return stats;
}

static void fail_at(const char *text, enum sm_db_status status, int times) {
  failing.text = text;
  failing.status = status;
  failing.times = times;
  failing.after = 0;
}

/* -- what is of use, and no more ------------------------------------------- */

static struct sm_latency latency = {.service = SERVICE, .model = "flux"};

static struct sm_write *put_latency(int i, enum sm_write_kind kind) {
  struct sm_write *write = put(i, kind);
  write->latency = &latency;
  store.put(store.self, write);
  return write;
}

static void what_was_learned_costs_no_commit_of_its_own(void) {
  open_ledger();
  latency.jobs = 7;
  const struct sm_write *learned = put_latency(0, SM_WRITE_LEARN);
  CHECK(!next_home(20));
  CHECK(stats_now().commits == 0);
  send(1, SM_WRITE_CLAIM);
  CHECK(next_home(ENOUGH_MS) == &writes[1]);
  CHECK(next_home(ENOUGH_MS) == learned && !learned->error);
  CHECK(stats_now().commits == 1);
  latency.jobs = 0;
  (void)put_latency(0, SM_WRITE_RECALL);
  send(2, SM_WRITE_CLAIM);
  CHECK(count_home(2) == 2);
  CHECK(latency.jobs == 7 && stats_now().commits == 2);
  close_ledger();
}

/* Its own trouble is its own: the claim beside it goes through, and at once. */
static void what_cannot_be_learned_holds_no_claim_up(void) {
  open_ledger();
  fail_at("CREATE TABLE segmind_latencies", SM_DB_BUSY, 1);
  (void)put_latency(0, SM_WRITE_LEARN);
  send(1, SM_WRITE_CLAIM);
  CHECK(count_home(2) == 2);
  CHECK(failing.times == 0 && stats_now().retries == 0 && notes == 0);
  CHECK(!writes[0].error && !writes[1].error);
  CHECK(writes[1].standing == SM_STANDING_MINE);
  close_ledger();
}

/* What nothing has come along with is not worth a commit at the end. */
static void what_was_not_written_at_the_end_comes_home(void) {
  open_ledger();
  (void)put_latency(0, SM_WRITE_LEARN);
  sm_ledger_stop(ledger);
  CHECK(next_home(ENOUGH_MS) == &writes[0] && writes[0].error);
  CHECK(stats_now().commits == 0);
  (void)put_latency(1, SM_WRITE_LEARN);
  CHECK(next_home(ENOUGH_MS) == &writes[1] && writes[1].error);
  close_ledger();
}

/* -- groups ---------------------------------------------------------------- */

static void what_has_queued_up_is_one_commit(void) {
  open_ledger();
  for (int i = 0; i < MANY; i++)
    send(i, SM_WRITE_CLAIM);
  for (int i = 0; i < MANY; i++) {
    const struct sm_write *write = next_home(ENOUGH_MS);
    CHECK(write == &writes[i] && !write->error &&
          write->standing == SM_STANDING_MINE);
  }
  struct sm_ledger_stats stats = stats_now();
  CHECK(stats.writes == MANY && stats.commits <= 20);
  CHECK(number("SELECT COUNT(*) FROM segmind_steps") == MANY);
  close_ledger();
}

static void without_a_thread_the_caller_carries_it_out(void) {
  struct sm_ledger_options options = options_now();
  make_folder();
  options.is_inline = true;
  open_over(&options);
  CHECK(sm_ledger_wait_ms(ledger) == INT64_MAX);
  for (int i = 0; i < 3; i++)
    send(i, SM_WRITE_CLAIM);
  CHECK(sm_ledger_wait_ms(ledger) == 0);
  CHECK(count_home(3) == 3 && stats_now().commits == 1);
  close_ledger();
}

static void ask_what_was_spent(bool is_inline) {
  struct sm_ledger_options options = options_now();
  struct sm_write question = {0};
  options.is_inline = is_inline;
  make_folder();
  open_over(&options);
  send(0, SM_WRITE_CLAIM);
  sm_write_create(&question, SM_WRITE_SPENT, NULL);
  sm_ledger_ask(ledger, &question);
  CHECK(!question.error);
  CHECK(fabs(question.spent - 0.05) < 1e-9);
  sm_write_clear(&question);
  CHECK(next_home(ENOUGH_MS) == &writes[0]);
  CHECK(!next_home(1));
  fail_at("SELECT", SM_DB_BROKEN, 100);
  sm_write_create(&question, SM_WRITE_SPENT, NULL);
  sm_ledger_ask(ledger, &question);
  CHECK(question.error != NULL);
  sm_write_clear(&question);
  fail_at("SELECT", SM_DB_OK, 0);
  sm_ledger_stop(ledger);
  sm_write_create(&question, SM_WRITE_SPENT, NULL);
  sm_ledger_ask(ledger, &question);
  CHECK(question.error != NULL);
  sm_write_clear(&question);
  close_ledger();
}

static void the_host_has_an_answer_at_once(void) {
  ask_what_was_spent(false);
  ask_what_was_spent(true);
}

static bool has_threads = true;

/* The names are the linker's choice: NOLINTBEGIN(bugprone-reserved-identifier)
 */
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *), void *user);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *), void *user);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *), void *user) {
  return has_threads ? __real_pthread_create(thread, attributes, run, user)
                     : EAGAIN;
}
/* NOLINTEND(bugprone-reserved-identifier) */

/* Host and worker ask at the same time: neither may carry anything out. */
static void who_gets_no_thread_hears_so_and_the_next_one_may(void) {
  struct sm_write question = {0};
  open_ledger();
  int before = failing.statements;
  has_threads = false;
  send(0, SM_WRITE_CLAIM);
  const struct sm_write *write = next_home(0);
  CHECK(write == &writes[0] && write->error &&
        write->error->code == SM_LEDGER &&
        strstr(write->error->message, "has no thread") != NULL);
  sm_write_create(&question, SM_WRITE_SPENT, NULL);
  sm_ledger_ask(ledger, &question);
  CHECK(question.error != NULL);
  sm_write_clear(&question);
  CHECK(failing.statements == before && !next_home(0));
  has_threads = true;
  send(1, SM_WRITE_CLAIM);
  CHECK(next_home(ENOUGH_MS) == &writes[1]);
  CHECK(!writes[1].error && writes[1].standing == SM_STANDING_MINE);
  close_ledger();
}

static void the_caller_is_woken(void *user) {
  atomic_fetch_add((atomic_int *)user, 1);
}

static void what_comes_home_wakes_the_caller(void) {
  atomic_int woken = 0;
  struct sm_ledger_options options = options_now();
  make_folder();
  options.wake = the_caller_is_woken;
  options.user = &woken;
  open_over(&options);
  send(0, SM_WRITE_CLAIM);
  for (int i = 0; i < ENOUGH_MS && atomic_load(&woken) == 0; i++)
    pause_a_little();
  CHECK(atomic_load(&woken) == 1 && store.finished(store.self) == &writes[0]);
  close_ledger();
}

static void leases_are_renewed_without_the_caller(void) {
  struct sm_ledger_options options = options_now();
  make_folder();
  options.renew_ms = 5;
  open_over(&options);
  send(0, SM_WRITE_CLAIM);
  CHECK(count_home(1) == 1);
  sql("UPDATE segmind_steps SET lease_until = 1");
  for (int i = 0; i < ENOUGH_MS; i++) {
    if (number("SELECT lease_until FROM segmind_steps") > 1)
      break;
    pause_a_little();
  }
  CHECK(number("SELECT lease_until FROM segmind_steps") > 1);
  close_ledger();
}

static void closing_carries_out_what_is_queued_and_lets_go(void) {
  open_ledger();
  fail_at("COMMIT", SM_DB_BUSY, 1);
  for (int i = 0; i < 100; i++)
    send(i, SM_WRITE_CLAIM);
  sm_ledger_stop(ledger);
  int count = 0;
  for (const struct sm_write *write; (write = store.finished(store.self));)
    count += !write->error;
  CHECK(count == 100);
  CHECK(number("SELECT MAX(lease_until) FROM segmind_steps") == 0);
  send(0, SM_WRITE_ACCEPT); /* too late, but not lost */
  const struct sm_write *late = store.finished(store.self);
  CHECK(late == &writes[0] && late->error &&
        strstr(late->error->message, "was closed"));
  close_ledger();
}

/* -- a database that fails ------------------------------------------------- */

static void a_lock_of_another_is_waited_for_and_told(void) {
  open_ledger();
  struct sm_db other = open_db();
  struct sm_error e;
  send(0, SM_WRITE_CLAIM);
  CHECK(count_home(1) == 1);
  CHECK(sm_db_exec(&other, "BEGIN EXCLUSIVE", &e) == SM_DB_OK);
  send(0, SM_WRITE_ACCEPT);
  put(1, SM_WRITE_CLAIM)->deadline_ms = now_ms() + 50;
  store.put(store.self, &writes[1]);
  const struct sm_write *late = next_home(ENOUGH_MS);
  CHECK(late == &writes[1] && late->error && late->error->code == SM_LEDGER);
  CHECK(late->error && strstr(late->error->message, "another program"));
  for (int64_t until = now_ms() + ENOUGH_MS; notes == 0 && now_ms() < until;)
    CHECK(next_home(5) == NULL);
  CHECK(notes == 1);
  CHECK(sm_db_exec(&other, "ROLLBACK", &e) == SM_DB_OK);
  CHECK(next_home(ENOUGH_MS) == &writes[0] && !writes[0].error);
  sm_db_close(&other);
  CHECK(number("SELECT state = 'accepted' FROM segmind_steps") == 1);
  close_ledger();
}

/* M5, M4. */
static void a_claim_is_waited_for_ten_seconds_and_an_id_to_its_deadline(void) {
  open_ledger();
  int64_t from = now_ms();
  store.put(store.self, put(0, SM_WRITE_CLAIM));
  CHECK(writes[0].give_up_ms >= from + 10000);
  CHECK(writes[0].give_up_ms <= now_ms() + 10000);
  CHECK(count_home(1) == 1);
  put(0, SM_WRITE_ACCEPT)->deadline_ms = from + 3600000;
  store.put(store.self, &writes[0]);
  CHECK(writes[0].give_up_ms == from + 3600000);
  CHECK(count_home(1) == 1);
  close_ledger();
}

static void a_server_that_is_away_for_a_while_ends_nothing(void) {
  open_ledger();
  fail_at("BEGIN", SM_DB_AWAY, 5);
  send(0, SM_WRITE_CLAIM);
  send(1, SM_WRITE_CLAIM);
  CHECK(count_home(2) == 2 && !writes[0].error && !writes[1].error);
  CHECK(stats_now().retries == 5);
  close_ledger();
}

static void a_commit_whose_answer_is_lost_is_one(void) {
  open_ledger();
  fail_at("COMMIT", SM_DB_AWAY, 2);
  failing.is_carried_out = true;
  send(0, SM_WRITE_CLAIM);
  CHECK(count_home(1) == 1 && writes[0].standing == SM_STANDING_MINE);
  CHECK(number("SELECT SUM(submits) FROM segmind_steps") == 1);
  fail_at("COMMIT", SM_DB_AWAY, 1);
  send(0, SM_WRITE_ACCEPT);
  CHECK(count_home(1) == 1 && !writes[0].error && writes[0].written == 1);
  close_ledger();
}

/* M4, M5. */
static void a_full_disk_keeps_a_submit_back_and_an_id_waiting(void) {
  open_ledger();
  send(0, SM_WRITE_CLAIM);
  CHECK(count_home(1) == 1);
  fail_at("COMMIT", SM_DB_FULL, 6);
  send(0, SM_WRITE_ACCEPT);
  send(1, SM_WRITE_CLAIM);
  const struct sm_write *first = next_home(ENOUGH_MS);
  CHECK(first == &writes[1] && first->error);
  CHECK(next_home(ENOUGH_MS) == &writes[0] && !writes[0].error);
  close_ledger();
}

static void what_waits_for_room_has_a_deadline(void) {
  open_ledger();
  send(0, SM_WRITE_CLAIM);
  CHECK(count_home(1) == 1);
  fail_at("COMMIT", SM_DB_FULL, 1 << 20);
  put(0, SM_WRITE_ACCEPT)->deadline_ms = now_ms() + 30;
  store.put(store.self, &writes[0]);
  CHECK(next_home(ENOUGH_MS) == &writes[0] && writes[0].error);
  failing.times = 0;
  close_ledger();
}

static void a_refusal_concerns_only_its_write(void) {
  open_ledger();
  sql("CREATE TRIGGER stop BEFORE INSERT ON segmind_steps "
      "WHEN NEW.step_key = 'k1' BEGIN SELECT RAISE(ABORT, 'not this'); END");
  for (int i = 0; i < 3; i++)
    send(i, SM_WRITE_CLAIM);
  CHECK(count_home(3) == 3);
  CHECK(!writes[0].error && writes[1].error && !writes[2].error);
  CHECK(writes[1].error && strstr(writes[1].error->message, "not this"));
  fail_at("COMMIT", SM_DB_BROKEN, 1); /* of three together, not of each */
  for (int i = 3; i < 6; i++)
    send(i, SM_WRITE_CLAIM);
  CHECK(count_home(3) == 3);
  CHECK(number("SELECT COUNT(*) FROM segmind_steps") >= 4);
  close_ledger();
}

/* -- a ledger that cannot be used any more --------------------------------- */

/* A claim, and an id whose write the ledger refuses as it is now. */
static void meet_a_broken_ledger(void) {
  send(0, SM_WRITE_ACCEPT);
  int64_t until = now_ms() + ENOUGH_MS;
  while (notes == 0 && now_ms() < until)
    CHECK(next_home(0) == NULL);
  CHECK(next_home(30) == NULL && notes == 1);
  send(1, SM_WRITE_CLAIM);
  const struct sm_write *refused = next_home(ENOUGH_MS);
  CHECK(refused == &writes[1] && refused->error);
  CHECK(next_home(30) == NULL && notes == 1);
}

static void open_with_a_claim(void) {
  open_ledger();
  send(0, SM_WRITE_CLAIM);
  CHECK(count_home(1) == 1 && !writes[0].error);
}

static bool comes_home_well(int i) {
  const struct sm_write *write = next_home(ENOUGH_MS);
  if (write && write->error)
    fprintf(stderr, "%d: %s\n", i, write->error->message);
  return write == &writes[i] && !write->error;
}

/* M4, M5, as the next. */
static void an_id_waits_for_a_ledger_to_be_mended(void) {
  open_with_a_claim();
  sql("ALTER TABLE segmind_steps RENAME TO elsewhere");
  meet_a_broken_ledger();
  sql("ALTER TABLE elsewhere RENAME TO segmind_steps");
  CHECK(comes_home_well(0));
  send(1, SM_WRITE_CLAIM);
  CHECK(comes_home_well(1) && writes[1].standing == SM_STANDING_MINE);
  CHECK(number("SELECT state = 'accepted' FROM segmind_steps "
               "WHERE step_key = 'k0'") == 1);
  close_ledger();
}

static void copy_file(const char *from, const char *to) {
  char command[2 * sizeof path + 32];
  snprintf(command, sizeof command, "cp %s %s", from, to);
  CHECK(system(command) == 0);
}

static void an_id_goes_into_the_ledger_that_was_restored(void) {
  char copy[sizeof path + 16];
  open_with_a_claim();
  snprintf(copy, sizeof copy, "%s.copy", path);
  copy_file(path, copy);
  CHECK(rename(copy, path) == 0);
  send(0, SM_WRITE_ACCEPT);
  CHECK(comes_home_well(0));
  send(1, SM_WRITE_CLAIM);
  CHECK(comes_home_well(1));
  CHECK(number("SELECT COUNT(*) FROM segmind_steps WHERE request_id = 'k0'") ==
        1);
  close_ledger();
}

/* What was paid before is not in it: nothing is claimed there. */
static void an_id_goes_into_a_new_file_where_the_ledger_was_removed(void) {
  open_with_a_claim();
  remove_file();
  send(0, SM_WRITE_ACCEPT);
  CHECK(comes_home_well(0));
  send(1, SM_WRITE_CLAIM);
  const struct sm_write *refused = next_home(ENOUGH_MS);
  CHECK(refused == &writes[1] && refused->error &&
        strstr(refused->error->message, "was removed"));
  CHECK(number("SELECT COUNT(*) FROM segmind_steps") == 1);
  CHECK(number("SELECT COUNT(*) FROM segmind_steps WHERE request_id = 'k0'") ==
        1);
  close_ledger();
}

static void a_ledger_that_stays_broken_is_tried_to_the_deadline(void) {
  open_with_a_claim();
  sql("DROP TABLE segmind_steps");
  put(0, SM_WRITE_ACCEPT)->deadline_ms = now_ms() + 300;
  store.put(store.self, &writes[0]);
  CHECK(next_home(40) == NULL);
  CHECK(next_home(ENOUGH_MS) == &writes[0] && writes[0].error);
  CHECK(notes == 1);
  close_ledger();
}

/* The id of one step waits, the others do not wait for it. */
static void a_refusal_after_a_submit_holds_up_no_other(void) {
  open_ledger();
  for (int i = 0; i < 3; i++)
    send(i, SM_WRITE_CLAIM);
  CHECK(count_home(3) == 3);
  sql("CREATE TRIGGER stop BEFORE UPDATE ON segmind_steps "
      "WHEN NEW.step_key = 'k1' BEGIN SELECT RAISE(ABORT, 'not this'); END");
  for (int i = 0; i < 3; i++)
    send(i, SM_WRITE_ACCEPT);
  CHECK(comes_home_well(0) && comes_home_well(2));
  int64_t before = now_ms();
  for (int i = 0; i < 20; i++) {
    send(2, SM_WRITE_KEEP);
    CHECK(comes_home_well(2));
  }
  CHECK(now_ms() - before < 20 * 200);
  sql("DROP TRIGGER stop");
  CHECK(comes_home_well(1));
  close_ledger();
}

/* -- what cannot be a ledger ----------------------------------------------- */

static bool is_refused(const char *target, const char *text) {
  struct sm_error e;
  struct sm_ledger_options options = options_now();
  options.target = target;
  bool is_kind = sm_ledger_new(&ledger, &options, &e) == SM_LEDGER;
  if (!is_kind || !strstr(e.message, text))
    fprintf(stderr, "%s: %s\n", target, is_kind ? e.message : "opened");
  return is_kind && strstr(e.message, text);
}

static void write_file(const char *text) {
  FILE *file = fopen(path, "w");
  for (int i = 0; i < 100; i++)
    fputs(text, file);
  fclose(file);
}

static void what_is_no_ledger_is_refused_with_a_reason(void) {
  make_folder();
  write_file("hello, world\n");
  CHECK(is_refused(path, "not a database"));
  remove_file();
  sql("CREATE TABLE recipes (name TEXT)");
  CHECK(is_refused(path, "another program"));
  CHECK(is_refused(folder, "not a regular file"));
  CHECK(is_refused("/no/such/folder/edits.db", "No such file"));
  CHECK(is_refused("postgresql://me:hidden@127.0.0.1:1/x?password=secret",
                   "postgresql://127.0.0.1:1/x"));
  remove_folder();
}

static void the_file_is_its_owners_alone(void) {
  struct stat facts;
  mode_t before = umask(0);
  open_ledger();
  umask(before);
  send(0, SM_WRITE_CLAIM);
  CHECK(count_home(1) == 1);
  CHECK(stat(path, &facts) == 0 && (facts.st_mode & 0777) == 0600);
  close_ledger();
}

/* Runs `work` in a child of its own, which has no thread yet. */
static int in_child(int (*work)(int), int argument) {
  int status = -1;
  pid_t pid = fork();
  if (pid == 0)
    _exit(work(argument));
  CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
  return status;
}

static int open_as_nobody(int none) {
  (void)none;
  if (geteuid() == 0 && seteuid(65534) != 0)
    return 1;
  return is_refused(path, "must be able to write") ? 0 : 1;
}

static void a_file_that_cannot_be_written_is_told_at_once(void) {
  open_ledger();
  sm_ledger_stop(ledger);
  CHECK(chmod(path, 0444) == 0 && chmod(folder, 0555) == 0);
  CHECK(in_child(open_as_nobody, 0) == 0);
  CHECK(chmod(path, 0600) == 0 && chmod(folder, 0700) == 0);
  close_ledger();
}

static void a_file_that_was_replaced_takes_no_claim(void) {
  open_ledger();
  send(0, SM_WRITE_CLAIM);
  CHECK(count_home(1) == 1);
  CHECK(unlink(path) == 0);
  write_file("");
  send(1, SM_WRITE_CLAIM);
  const struct sm_write *late = next_home(ENOUGH_MS);
  CHECK(late && late->error &&
        strstr(late->error->message, "removed or replaced"));
  close_ledger();
}

/* Files may not grow any more; SQLite meets EFBIG. */
static int claim_without_room(int none) {
  (void)none;
  struct stat facts;
  const struct sm_ledger_options options = options_now();
  open_over(&options);
  signal(SIGXFSZ, SIG_IGN);
  stat(path, &facts);
  const struct rlimit most = {(rlim_t)facts.st_size, (rlim_t)facts.st_size};
  setrlimit(RLIMIT_FSIZE, &most);
  for (int i = 0; i < MANY; i++)
    send(i, SM_WRITE_CLAIM);
  int failed = 0;
  for (int i = 0; i < MANY; i++)
    failed += next_home(ENOUGH_MS)->error != NULL;
  forget_ledger();
  return failed > 0 && check_failed == 0 ? 0 : 1;
}

static void a_disk_that_takes_no_more_loses_nothing_that_came_home(void) {
  make_folder();
  CHECK(in_child(claim_without_room, 0) == 0);
  CHECK(number("SELECT COUNT(*) FROM segmind_steps") < MANY);
  remove_folder();
}

/* -- kills ----------------------------------------------------------------- */

static int reports[2];

static bool tell(const char *report) {
  return write(reports[1], report, 2) == 2;
}

/* Takes some steps through their lives, reports what has come home, and is
 * killed at a statement: `at`, odd ones after it was carried out. */
static int live_and_be_killed(int at) {
  static const enum sm_write_kind kinds[] = {SM_WRITE_CLAIM, SM_WRITE_ACCEPT,
                                             SM_WRITE_COMPLETE};
  const struct sm_ledger_options options = options_now();
  open_over(&options);
  failing.after = at / 2;
  failing.times = 1;
  failing.is_fatal = true;
  failing.is_carried_out = at % 2;
  for (size_t phase = 0; phase < sizeof kinds / sizeof kinds[0]; phase++) {
    for (int i = 0; i < 4; i++)
      send(i, kinds[phase]);
    for (int i = 0; i < 4; i++) {
      const struct sm_write *write = next_home(ENOUGH_MS);
      char report[2] = {(char)('0' + (write - writes)), (char)('1' + phase)};
      if (!write || write->error || !tell(report))
        return 1;
    }
  }
  forget_ledger();
  return 0;
}

static double phase_of(int i) {
  char text[160];
  snprintf(text, sizeof text,
           "SELECT CASE state WHEN 'intent' THEN 1 WHEN 'accepted' THEN 2 "
           "WHEN 'completed' THEN 3 END FROM segmind_steps "
           "WHERE step_key = 'k%d'",
           i);
  return number(text);
}

/* M1, M9. */
static void what_came_home_is_there_after_a_kill_at_any_statement(void) {
  bool is_whole = false;
  for (int at = 0; !is_whole && at < 400; at++) {
    char report[2];
    make_folder();
    CHECK(pipe(reports) == 0);
    int status = in_child(live_and_be_killed, at);
    close(reports[1]);
    is_whole = WIFEXITED(status);
    CHECK(is_whole ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGKILL);
    open_over(&(struct sm_ledger_options){.target = path, .service = SERVICE});
    while (read(reports[0], report, 2) == 2)
      CHECK(phase_of(report[0] - '0') >= report[1] - '0');
    close(reports[0]);
    close_ledger();
  }
  CHECK(is_whole);
}

/* -- several processes ----------------------------------------------------- */

#define PROCESSES 4
#define SHARED 120

/* Claims the shared steps, in an order of its own, and reports those that are
 * its own to send; the first is killed halfway. */
static int claim_all(int number_) {
  const struct sm_ledger_options options = options_now();
  open_over(&options);
  for (int i = 0; i < SHARED; i++)
    send((i * 7 + number_ * 31) % SHARED, SM_WRITE_CLAIM);
  for (int i = 0; i < SHARED; i++) {
    const struct sm_write *write = next_home(ENOUGH_MS);
    char report[2];
    if (!write || write->error)
      return 1;
    report[0] = (char)(write - writes);
    report[1] = (char)write->standing;
    if (!tell(report))
      return 1;
    if (number_ == 0 && i == SHARED / 2)
      raise(SIGKILL);
  }
  forget_ledger();
  return 0;
}

/* M3. */
static void several_processes_claim_each_step_once(void) {
  int mine[SHARED] = {0};
  pid_t children[PROCESSES];
  char report[2];
  make_folder();
  CHECK(pipe(reports) == 0);
  for (int i = 0; i < PROCESSES; i++)
    if ((children[i] = fork()) == 0)
      _exit(claim_all(i));
  for (int i = 0; i < PROCESSES; i++) {
    int status = -1;
    CHECK(waitpid(children[i], &status, 0) == children[i]);
    CHECK(i == 0 ? WIFSIGNALED(status)
                 : WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  close(reports[1]);
  while (read(reports[0], report, 2) == 2)
    mine[(int)report[0]] += report[1] == SM_STANDING_MINE;
  close(reports[0]);
  for (int i = 0; i < SHARED; i++)
    CHECK(mine[i] <= 1);
  CHECK(number("SELECT COUNT(*) FROM segmind_steps") == SHARED);
  CHECK(number("SELECT MAX(submits) FROM segmind_steps") == 1);
  remove_folder();
}

int main(void) {
  a_file_that_cannot_be_written_is_told_at_once();
  a_file_that_was_replaced_takes_no_claim();
  a_disk_that_takes_no_more_loses_nothing_that_came_home();
  what_came_home_is_there_after_a_kill_at_any_statement();
  several_processes_claim_each_step_once();
  what_has_queued_up_is_one_commit();
  what_was_learned_costs_no_commit_of_its_own();
  what_cannot_be_learned_holds_no_claim_up();
  what_was_not_written_at_the_end_comes_home();
  without_a_thread_the_caller_carries_it_out();
  the_host_has_an_answer_at_once();
  who_gets_no_thread_hears_so_and_the_next_one_may();
  what_comes_home_wakes_the_caller();
  leases_are_renewed_without_the_caller();
  closing_carries_out_what_is_queued_and_lets_go();
  a_lock_of_another_is_waited_for_and_told();
  a_claim_is_waited_for_ten_seconds_and_an_id_to_its_deadline();
  a_server_that_is_away_for_a_while_ends_nothing();
  a_commit_whose_answer_is_lost_is_one();
  a_full_disk_keeps_a_submit_back_and_an_id_waiting();
  what_waits_for_room_has_a_deadline();
  a_refusal_concerns_only_its_write();
  an_id_waits_for_a_ledger_to_be_mended();
  an_id_goes_into_the_ledger_that_was_restored();
  an_id_goes_into_a_new_file_where_the_ledger_was_removed();
  a_ledger_that_stays_broken_is_tried_to_the_deadline();
  a_refusal_after_a_submit_holds_up_no_other();
  what_is_no_ledger_is_refused_with_a_reason();
  the_file_is_its_owners_alone();
  return check_report("sm_ledger");
}
