/* A ledger's file in a folder of its own, or one on the server that
 * SEGMIND_POSTGRES names, and the steps that the tests of the ledger put into
 * it. */
#ifndef ONE_LEDGER_H
#define ONE_LEDGER_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "sm_ledger_rows.h"
#include "sm_ledger_tables.h"

#define SERVICE "https://api.segmind.com"
#define ID "2c7f59ea13f1402c9353915a2b5a2124"
#define OTHER_ID "9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6"
/* Leases of a machine that is not this one live as long as their time. */
#define ELSEWHERE "elsewhere:1:2:3"

#ifndef DRIVER_FOLDER
#define DRIVER_FOLDER NULL
#endif

static char folder[64];
static char path[256];

static inline bool is_on_server(void) {
  return getenv("SEGMIND_POSTGRES") != NULL;
}

static inline void make_folder(void) {
  /* In memory where that can be had: no test here asks for a power cut. */
  snprintf(folder, sizeof folder, "%s/segmind-ledger-XXXXXX",
           access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
  CHECK(mkdtemp(folder) != NULL);
  if (is_on_server())
    snprintf(path, sizeof path, "%s", getenv("SEGMIND_POSTGRES"));
  else
    snprintf(path, sizeof path, "%s/edits.db", folder);
}

static inline void remove_file(void) {
  char journal[sizeof path + 8];
  snprintf(journal, sizeof journal, "%s-journal", path);
  (void)unlink(path);
  (void)unlink(journal);
}

static inline struct sm_db open_db(void) {
  struct sm_db db;
  struct sm_error e;
  const struct sm_db_options options = {.target = path,
                                        .driver_folder = DRIVER_FOLDER};
  enum sm_db_status status = sm_db_open(&db, &options, &e);
  CHECK(status == SM_DB_OK);
  if (status)
    fprintf(stderr, "%s\n", e.message);
  return db;
}

/* Runs a statement as another program would. */
static inline void sql(const char *text) {
  struct sm_db db = open_db();
  struct sm_error e;
  bool is_done = sm_db_exec(&db, text, &e) == SM_DB_OK;
  CHECK(is_done);
  if (!is_done)
    fprintf(stderr, "%s: %s\n", text, e.message);
  sm_db_close(&db);
}

static inline bool keep_number(void *user, const struct sm_db_value *row,
                               int columns) {
  if (columns > 0 && row[0].type == SM_DB_NUMBER)
    *(double *)user = row[0].number;
  return true;
}

static inline void remove_folder(void) {
  if (is_on_server()) {
    sql("DROP TABLE IF EXISTS segmind_ledger");
    sql("DROP TABLE IF EXISTS segmind_steps");
    sql("DROP TABLE IF EXISTS segmind_spent");
    sql("DROP TABLE IF EXISTS segmind_queue");
    sql("DROP TABLE IF EXISTS segmind_edges");
    sql("DROP TABLE IF EXISTS segmind_limits");
    sql("DROP TABLE IF EXISTS segmind_latencies");
  } else {
    remove_file();
  }
  CHECK(rmdir(folder) == 0);
}

/* The number that a statement selects, NAN for none. */
static inline double number(const char *text) {
  struct sm_db db = open_db();
  struct sm_error e;
  double value = (double)NAN;
  struct sm_db_query query = {.sql = text, .take = keep_number, .user = &value};
  CHECK(sm_db_run(&db, &query, &e) == SM_DB_OK);
  sm_db_close(&db);
  return value;
}

static inline struct sm_ledger_step step_of(const char *key) {
  return (struct sm_ledger_step){.key = key,
                                 .params = "{\"model\":\"flux\"}",
                                 .model = "flux-kontext-pro",
                                 .api = "v2",
                                 .body = "{\"prompt\":\"x\"}",
                                 .body_size = 14,
                                 .seed = 7,
                                 .price = 0.05,
                                 .budget = (double)NAN};
}

#endif
