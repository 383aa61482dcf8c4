/* The ledger's thread on a PostgreSQL server (spec/support/with_postgres): what
 * it makes of a connection that is closed, a server that is started again or
 * does not answer, and of others at the same rows. Without a server it has
 * nothing to do. */
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "one_ledger.h"
#include "sm_ledger.h"
#include "sm_ledger_queue.h"

#define STEPS 120
#define ENOUGH_MS 60000

static struct sm_ledger_step steps[STEPS];
static char keys[STEPS][8];

/* One that uses the ledger. */
struct session {
  struct sm_ledger *ledger;
  struct sm_store store;
  struct sm_write writes[STEPS];
};

static struct session ours, theirs;

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void open_session(struct session *session) {
  struct sm_error e;
  const struct sm_ledger_options options = {
      .target = path, .service = SERVICE, .driver_folder = DRIVER_FOLDER};
  memset(session->writes, 0, sizeof session->writes);
  bool is_open = sm_ledger_new(&session->ledger, &options, &e) == SM_OK;
  CHECK(is_open);
  if (!is_open)
    fprintf(stderr, "%s\n", e.message);
  session->store = sm_ledger_store(session->ledger);
}

static void close_session(struct session *session) {
  sm_ledger_delete(session->ledger);
  for (int i = 0; i < STEPS; i++)
    sm_write_clear(&session->writes[i]);
}

static void open_ledger(void) {
  make_folder();
  for (int i = 0; i < STEPS; i++) {
    snprintf(keys[i], sizeof keys[i], "k%d", i);
    steps[i] = step_of(keys[i]);
  }
  open_session(&ours);
}

static void close_ledger(void) {
  close_session(&ours);
  remove_folder();
}

static void send(struct session *session, int i, enum sm_write_kind kind) {
  struct sm_write *write = &session->writes[i];
  sm_write_clear(write);
  sm_write_create(write, kind, &steps[i]);
  write->generation = kind == SM_WRITE_CLAIM ? 0 : 1;
  write->request_id = keys[i];
  session->store.put(session->store.self, write);
}

/* The next that comes home, NULL when none does for long. */
static struct sm_write *next_home(struct session *session) {
  for (int64_t until = now_ms() + ENOUGH_MS; now_ms() < until;) {
    struct sm_write *write = session->store.finished(session->store.self);
    if (write && write->kind != SM_WRITE_NOTE)
      return write;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  return NULL;
}

/* Takes `count` home; how many of them are as they should be. */
static int count_well(struct session *session, int count,
                      enum sm_standing standing) {
  int well = 0;
  for (int i = 0; i < count; i++) {
    const struct sm_write *write = next_home(session);
    if (write && write->error)
      fprintf(stderr, "%s\n", write->error->message);
    well += write && !write->error && write->standing == standing;
  }
  return well;
}

static void close_connections(void) {
  (void)number("SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity "
               "WHERE pid <> pg_backend_pid() AND application_name = "
               "'segmind'");
}

static pid_t server_of_ours(void) {
  return (pid_t)number("SELECT pid FROM pg_stat_activity WHERE pid <> "
                       "pg_backend_pid() AND application_name = 'segmind'");
}

static void a_connection_that_is_closed_is_made_again(void) {
  open_ledger();
  send(&ours, 0, SM_WRITE_CLAIM);
  CHECK(count_well(&ours, 1, SM_STANDING_MINE) == 1);
  close_connections();
  send(&ours, 0, SM_WRITE_ACCEPT);
  CHECK(count_well(&ours, 1, SM_STANDING_FREE) == 1);
  CHECK(number("SELECT COUNT(*) FROM segmind_steps "
               "WHERE state = 'accepted'") == 1);
  close_ledger();
}

static void a_server_started_again_ends_nothing(void) {
  open_ledger();
  int well = 0;
  for (int i = 0; i < STEPS; i++) {
    send(&ours, i, SM_WRITE_CLAIM);
    if (i % 40 == 20)
      CHECK(system("$SEGMIND_POSTGRES_AS pg_ctl -D \"$SEGMIND_POSTGRES_DATA\" "
                   "-m immediate -w -l \"$SEGMIND_POSTGRES_DATA/again\" "
                   "restart >/dev/null") == 0);
  }
  well = count_well(&ours, STEPS, SM_STANDING_MINE);
  CHECK(well == STEPS);
  CHECK(number("SELECT SUM(submits) FROM segmind_steps") == STEPS);
  close_ledger();
}

static void a_server_that_stops_for_a_moment_ends_nothing(void) {
  open_ledger();
  pid_t server = server_of_ours();
  CHECK(server > 0 && kill(server, SIGSTOP) == 0);
  send(&ours, 0, SM_WRITE_CLAIM);
  nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
  CHECK(kill(server, SIGCONT) == 0);
  CHECK(count_well(&ours, 1, SM_STANDING_MINE) == 1);
  close_ledger();
}

static void closing_waits_two_seconds_for_a_server_and_no_more(void) {
  open_ledger();
  pid_t server = server_of_ours();
  send(&ours, 0, SM_WRITE_CLAIM);
  CHECK(count_well(&ours, 1, SM_STANDING_MINE) == 1);
  CHECK(kill(server, SIGSTOP) == 0);
  send(&ours, 0, SM_WRITE_ACCEPT);
  int64_t before = now_ms();
  sm_ledger_stop(ours.ledger);
  CHECK(now_ms() - before < 3000);
  CHECK(kill(server, SIGCONT) == 0);
  const struct sm_write *write = next_home(&ours);
  CHECK(write == &ours.writes[0] && write->error);
  close_ledger();
}

/* M3. */
static void two_at_the_same_steps_claim_each_once(void) {
  open_ledger();
  open_session(&theirs);
  for (int i = 0; i < STEPS; i++) {
    send(&ours, i, SM_WRITE_CLAIM);
    send(&theirs, STEPS - 1 - i, SM_WRITE_CLAIM);
  }
  int mine = count_well(&ours, STEPS, SM_STANDING_MINE);
  for (int i = 0; i < STEPS; i++)
    mine += next_home(&theirs)->standing == SM_STANDING_MINE;
  CHECK(mine == STEPS);
  CHECK(number("SELECT SUM(submits) FROM segmind_steps") == STEPS);
  close_session(&theirs);
  close_ledger();
}

/* A server keeps no zero byte and no broken UTF-8; the rest is kept. */
static void odd_bytes_do_not_lose_a_result(void) {
  static const char odd[] = "{\"a\":\"\xff\xc3\xa9\0\xed\xa0\x80\"}";
  struct sm_write *write = &ours.writes[0];
  open_ledger();
  send(&ours, 0, SM_WRITE_CLAIM);
  CHECK(next_home(&ours) == write);
  sm_write_create(write, SM_WRITE_COMPLETE, &steps[0]);
  write->generation = 1;
  write->text = odd;
  write->text_size = sizeof odd - 1;
  ours.store.put(ours.store.self, write);
  CHECK(next_home(&ours) == write && !write->error);
  send(&ours, 0, SM_WRITE_LOOK);
  CHECK(next_home(&ours) == write && write->standing == SM_STANDING_DONE);
  const char *kept = write->row ? sm_row_text(write->row, SM_ROW_RESULT) : "";
  CHECK(strcmp(kept, "{\"a\":\"?\xc3\xa9????\"}") == 0);
  close_ledger();
}

static void a_commit_is_on_the_disk_whatever_the_server_was_told(void) {
  make_folder();
  sql("ALTER ROLE segmind SET synchronous_commit = off");
  struct sm_db db = open_db();
  struct sm_error e;
  double is_on = 0;
  struct sm_db_query query = {
      .sql = "SELECT current_setting('synchronous_commit') = 'on'",
      .take = keep_number,
      .user = &is_on};
  CHECK(sm_db_run(&db, &query, &e) == SM_DB_OK && is_on == 1);
  sm_db_close(&db);
  sql("ALTER ROLE segmind RESET synchronous_commit");
  remove_folder();
}

static bool ask_queue(struct session *session, enum sm_queue_verb verb,
                      struct sm_queue_ask *ask) {
  struct sm_write write = {0};
  sm_write_create(&write, SM_WRITE_QUEUE, NULL);
  ask->verb = verb;
  write.queue = ask;
  sm_ledger_ask(session->ledger, &write);
  bool is_well = !write.error;
  sm_write_clear(&write);
  sm_queue_ask_clear(ask);
  return is_well;
}

static void who_waits_for_a_step_is_told_when_one_is_ready(void) {
  struct sm_queue_step step = {
      .key = "a", .model = "flux", .params = "{}", .options = "{}"};
  struct sm_queue_ask none = {.most = 1}, one = {.steps = &step, .count = 1};
  open_ledger();
  open_session(&theirs);
  CHECK(ask_queue(&ours, SM_QUEUE_PICK, &none) && none.is_empty);
  CHECK(none.is_told && sm_ledger_notices(ours.ledger) == 0);
  CHECK(ask_queue(&theirs, SM_QUEUE_ENQUEUE, &one));
  for (int64_t until = now_ms() + ENOUGH_MS;
       now_ms() < until && sm_ledger_notices(ours.ledger) == 0;)
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  CHECK(sm_ledger_notices(ours.ledger) == 1);
  close_session(&theirs);
  close_ledger();
}

/* What is said of a server that cannot be opened. */
static const char *refusal_of(const char *url) {
  static struct sm_error e;
  struct sm_ledger *ledger = NULL;
  const struct sm_ledger_options options = {
      .target = url, .service = SERVICE, .driver_folder = DRIVER_FOLDER};
  CHECK(sm_ledger_new(&ledger, &options, &e) == SM_LEDGER);
  return e.message;
}

static void who_asked_a_server_that_cannot_be_opened_is_named(void) {
  char url[300];
  const char *said =
      refusal_of("postgresql://me:hidden@127.0.0.1:1/pictures?password=secret");
  CHECK(strstr(said, "by the role me in the database pictures at 127.0.0.1"));
  CHECK(strstr(said, "(is the server running?)"));
  CHECK(!strstr(said, "hidden") && !strstr(said, "secret"));
  CHECK(setenv("PGUSER", "us", 1) == 0);
  CHECK(strstr(refusal_of("postgresql://127.0.0.1:1/x"), "by the role us in"));
  CHECK(unsetenv("PGUSER") == 0);
  const char *server = strchr(getenv("SEGMIND_POSTGRES"), '@');
  (void)snprintf(url, sizeof url, "postgresql://nobody%s", server);
  said = refusal_of(url);
  CHECK(strstr(said, "by the role nobody") && strstr(said, "does not exist"));
  CHECK(!strstr(said, "is the server running?"));
}

int main(void) {
  if (!is_on_server())
    return check_report("sm_ledger_postgres");
  who_asked_a_server_that_cannot_be_opened_is_named();
  a_connection_that_is_closed_is_made_again();
  who_waits_for_a_step_is_told_when_one_is_ready();
  a_server_that_stops_for_a_moment_ends_nothing();
  closing_waits_two_seconds_for_a_server_and_no_more();
  two_at_the_same_steps_claim_each_once();
  odd_bytes_do_not_lose_a_result();
  a_commit_is_on_the_disk_whatever_the_server_was_told();
  a_server_started_again_ends_nothing();
  return check_report("sm_ledger_postgres");
}
