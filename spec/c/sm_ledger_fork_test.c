/* A fork beside a ledger's file: SQLite notes its locks in memory, which a
 * child inherits. */
#include <pthread.h>
#include <sys/wait.h>

#include "one_ledger.h"

/* What a child's own connection to the file meets: 0, or its status. */
static int in_child(void) {
  struct sm_db db;
  struct sm_error e;
  const struct sm_db_options options = {.target = path};
  enum sm_db_status status = sm_db_open(&db, &options, &e);
  if (status)
    return strstr(e.message, "forked") ? (int)status : 100;
  return (int)sm_db_exec(&db, "BEGIN IMMEDIATE", &e);
}

static int status_of_child(void) {
  int status = -1;
  pid_t pid = fork();
  if (pid == 0)
    _exit(in_child());
  CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void a_child_forked_between_two_transactions_opens_the_ledger(void) {
  struct sm_error e;
  struct sm_db db = open_db();
  CHECK(status_of_child() == SM_DB_OK);
  CHECK(sm_db_exec(&db, "BEGIN IMMEDIATE", &e) == SM_DB_OK);
  CHECK(sm_db_exec(&db, "COMMIT", &e) == SM_DB_OK);
  CHECK(status_of_child() == SM_DB_OK);
  sm_db_close(&db);
  CHECK(status_of_child() == SM_DB_OK);
}

static void a_child_forked_amid_a_long_one_is_refused_it(void) {
  struct sm_error e;
  struct sm_db db = open_db();
  CHECK(sm_db_exec(&db, "BEGIN IMMEDIATE", &e) == SM_DB_OK);
  CHECK(status_of_child() == SM_DB_BROKEN);
  CHECK(sm_db_exec(&db, "ROLLBACK", &e) == SM_DB_OK);
  CHECK(status_of_child() == SM_DB_OK);
  sm_db_close(&db);
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)

static void *commit_soon(void *user) {
  struct sm_error e;
  const struct sm_db *db = user;
  (void)usleep(10000);
  CHECK(sm_db_exec(db, "COMMIT", &e) == SM_DB_OK);
  return NULL;
}

static void a_fork_waits_for_a_short_one(void) {
  struct sm_error e;
  struct sm_db db = open_db();
  pthread_t thread;
  CHECK(sm_db_exec(&db, "BEGIN IMMEDIATE", &e) == SM_DB_OK);
  CHECK(pthread_create(&thread, NULL, commit_soon, &db) == 0);
  CHECK(status_of_child() == SM_DB_OK);
  pthread_join(thread, NULL);
  sm_db_close(&db);
}

#else

static void a_fork_waits_for_a_short_one(void) {}

#endif

int main(void) {
  make_folder();
  a_child_forked_between_two_transactions_opens_the_ledger();
  a_child_forked_amid_a_long_one_is_refused_it();
  a_fork_waits_for_a_short_one();
  remove_file();
  (void)rmdir(folder);
  return check_report("sm_ledger_fork");
}
