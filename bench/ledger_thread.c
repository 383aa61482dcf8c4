/* ledger_thread: what a ledger's thread carries, without a network: three
 * writes a job (its intent, its id, its result), each put when the one before
 * is durable, so many jobs at a time. Ours, or with --bare one written by hand:
 * a queue, three statements, one commit for all that has queued up. That checks
 * nothing, knows no lease and no budget.
 */
#include <getopt.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>

#include "gauge.h"
#include "sm_ledger.h"

#define MOST 4096
#define PHASES 3

struct job {
  struct sm_write write; /* first */
  struct sm_ledger_step step;
  char key[65], id[33];
  int phase; /* of the write that is out */
  struct job *next;
};

struct options {
  const char *file;
  long jobs, at_a_time;
  bool is_bare;
};

static struct options options = {.jobs = 1000, .at_a_time = 16};
static struct job jobs[MOST];
static long started, finished;
static sem_t home; /* something has come */

static void die(const char *what) {
  (void)fprintf(stderr, "ledger_thread: %s\n", what);
  exit(1);
}

static void begin_job(struct job *job) {
  (void)snprintf(job->key, sizeof job->key, "%064lx", started);
  (void)snprintf(job->id, sizeof job->id, "%032lx", started);
  job->phase = 0;
  started++;
}

/* -- by hand --------------------------------------------------------------- */

static struct job *queued, **queue_end = &queued, *done;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static sqlite3_stmt *statements[PHASES];

static void run_sql(sqlite3 *db, const char *sql) {
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
    die(sqlite3_errmsg(db));
}

static sqlite3 *open_bare(void) {
  static const char *const texts[PHASES] = {
      "INSERT INTO steps VALUES (?1, 'intent', '{}', NULL, NULL)",
      "UPDATE steps SET state = 'accepted', id = ?2 WHERE key = ?1",
      "UPDATE steps SET state = 'completed', result = '{}' WHERE key = ?1"};
  sqlite3 *db;
  if (sqlite3_open(options.file, &db) != SQLITE_OK)
    die(options.file);
  run_sql(db, "PRAGMA journal_mode = PERSIST; PRAGMA synchronous = FULL; "
              "CREATE TABLE steps (key TEXT PRIMARY KEY, state TEXT, "
              "body TEXT, id TEXT, result TEXT); "
              "CREATE INDEX steps_id ON steps (id); "
              "CREATE INDEX steps_state ON steps (state)");
  for (int i = 0; i < PHASES; i++)
    if (sqlite3_prepare_v2(db, texts[i], -1, &statements[i], NULL) != SQLITE_OK)
      die(sqlite3_errmsg(db));
  return db;
}

static void write_bare(sqlite3 *db, const struct job *job) {
  sqlite3_stmt *statement = statements[job->phase];
  sqlite3_bind_text(statement, 1, job->key, -1, SQLITE_STATIC);
  sqlite3_bind_text(statement, 2, job->id, -1, SQLITE_STATIC);
  if (sqlite3_step(statement) != SQLITE_DONE)
    die(sqlite3_errmsg(db));
  sqlite3_reset(statement);
}

static struct job *take_queued(void) {
  pthread_mutex_lock(&lock);
  while (!queued)
    pthread_cond_wait(&work, &lock);
  struct job *all = queued;
  queued = NULL;
  queue_end = &queued;
  pthread_mutex_unlock(&lock);
  return all;
}

static void *live(void *unused) {
  sqlite3 *db = open_bare();
  for (;;) {
    struct job *all = take_queued(), *last = all;
    run_sql(db, "BEGIN IMMEDIATE");
    for (struct job *job = all; job; job = job->next) {
      write_bare(db, job);
      last = job;
    }
    run_sql(db, "COMMIT");
    pthread_mutex_lock(&lock);
    last->next = done;
    done = all;
    pthread_mutex_unlock(&lock);
    sem_post(&home);
  }
  return unused;
}

static void put_bare(struct job *job) {
  pthread_mutex_lock(&lock);
  job->next = NULL;
  *queue_end = job;
  queue_end = &job->next;
  pthread_cond_signal(&work);
  pthread_mutex_unlock(&lock);
}

static struct job *finished_bare(void) {
  pthread_mutex_lock(&lock);
  struct job *job = done;
  if (job)
    done = job->next;
  pthread_mutex_unlock(&lock);
  return job;
}

/* -- ours ------------------------------------------------------------------ */

static struct sm_ledger *ledger;
static struct sm_store store;

static void wake(void *user) { sem_post(user); }

static void open_ours(void) {
  struct sm_error e;
  const struct sm_ledger_options given = {.target = options.file,
                                          .service = "http://127.0.0.1",
                                          .wake = wake,
                                          .user = &home};
  if (sm_ledger_new(&ledger, &given, &e) != SM_OK)
    die(e.message);
  store = sm_ledger_store(ledger);
}

static void put_ours(struct job *job) {
  static const enum sm_write_kind kinds[PHASES] = {
      SM_WRITE_CLAIM, SM_WRITE_ACCEPT, SM_WRITE_COMPLETE};
  int64_t generation = job->phase ? job->write.written : 0;
  job->step = (struct sm_ledger_step){.key = job->key,
                                      .params = "{}",
                                      .model = "flux-kontext-pro",
                                      .api = "v2",
                                      .body = "{}",
                                      .body_size = 2,
                                      .seed = 1,
                                      .price = 0.05,
                                      .budget = (double)NAN};
  sm_write_create(&job->write, kinds[job->phase], &job->step);
  job->write.deadline_ms = INT64_MAX;
  job->write.generation = generation;
  job->write.request_id = job->id;
  job->write.cost = 0.05;
  job->write.text = job->phase == 2 ? "{}" : NULL;
  job->write.text_size = 2;
  store.put(store.self, &job->write);
}

static struct job *finished_ours(void) {
  struct job *job = (struct job *)store.finished(store.self);
  if (job && job->write.error)
    die(job->write.error->message);
  if (job)
    sm_write_clear(&job->write);
  return job;
}

/* -- the host -------------------------------------------------------------- */

static void put(struct job *job) {
  if (options.is_bare)
    put_bare(job);
  else
    put_ours(job);
}

static void go_on(struct job *job) {
  if (++job->phase == PHASES) {
    finished++;
    if (started >= options.jobs)
      return;
    begin_job(job);
  }
  put(job);
}

static void run_jobs(void) {
  for (long i = 0; i < options.at_a_time && started < options.jobs; i++) {
    begin_job(&jobs[i]);
    put(&jobs[i]);
  }
  while (finished < options.jobs) {
    struct job *job = options.is_bare ? finished_bare() : finished_ours();
    if (job)
      go_on(job);
    else
      sem_wait(&home);
  }
}

static const char help[] =
    "usage: ledger_thread [--bare] [--jobs N] [--at-a-time N] FILE\n\n"
    "Writes jobs (1000) into a new ledger in FILE, so many at a time (16), "
    "and\n"
    "prints jobs a second and the host's thread's microseconds a job.\n";

static bool read_options(int argc, char **argv) {
  static const struct option names[] = {{"bare", 0, NULL, 'b'},
                                        {"jobs", 1, NULL, 'n'},
                                        {"at-a-time", 1, NULL, 'a'},
                                        {NULL, 0, NULL, 0}};
  int option;
  while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
    if (option == 'b')
      options.is_bare = true;
    else if (option == 'n')
      options.jobs = strtol(optarg, NULL, 10);
    else if (option == 'a')
      options.at_a_time = strtol(optarg, NULL, 10);
    else
      return false;
  options.file = argv[optind];
  return options.file && options.at_a_time > 0 && options.at_a_time <= MOST;
}

int main(int argc, char **argv) {
  pthread_t thread;
  if (!read_options(argc, argv)) {
    (void)fputs(help, stdout);
    return 2;
  }
  sem_init(&home, 0, 0);
  if (!options.is_bare)
    open_ours();
  else if (pthread_create(&thread, NULL, live, NULL) != 0)
    die("no thread");
  int64_t host_us = gauge_thread_us(), wall_us = gauge_wall_us();
  run_jobs();
  host_us = gauge_thread_us() - host_us;
  wall_us = gauge_wall_us() - wall_us;
  printf("jobs_s=%.1f host_us=%.2f cpu_us=%.1f\n",
         (double)options.jobs * 1e6 / (double)wall_us,
         (double)host_us / (double)options.jobs,
         (double)gauge_cpu_us() / (double)options.jobs);
  sm_ledger_delete(ledger);
  return 0;
}
