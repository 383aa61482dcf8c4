/* What a pick and a claim take in a ledger of few rows and in one of many, in
 * turn: c_queue FEW MANY ROWS COUNT, two ledgers that are made here. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sm_ledger_queue.h"
#include "sm_ledger_rows.h"
#include "sm_ledger_tables.h"

#define MOST 2000

struct place {
  struct sm_db db;
  struct sm_transaction transaction;
  double pick_us[MOST], claim_us[MOST], budget_us[MOST];
};

static struct place few, many;
static struct sm_error e;

static void must(enum sm_db_status status) {
  if (!status)
    return;
  fprintf(stderr, "c_queue: %s\n", e.message);
  exit(1);
}

static const char steps_sql[] =
    "INSERT INTO segmind_steps (step_key, generation, model, api, params, "
    "state, body, submits, price, doubt, cost, submitted_at, result, "
    "lease_owner, lease_until) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL "
    "SELECT i + 1 FROM n WHERE i < $1) SELECT 'step' || i, 1, 'flux', 'v2', "
    "'{\"prompt\":\"a house\"}', 'completed', '{\"prompt\":\"a house\"}', 1, "
    "0.05, 0, 0.05, i, '{\"status\":\"COMPLETED\"}', '', 0 FROM n";

static const char queue_sql[] =
    "INSERT INTO segmind_queue (step_key, model, params, options, state, "
    "inputs_left, enqueued_at, lease_owner, lease_until) "
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
    "WHERE i < $1) SELECT 'wait' || i, 'flux', '{}', '{}', 'waiting', 0, i, "
    "'', 0 FROM n";

static void fill(struct place *place, double rows) {
  static const char *const texts[] = {steps_sql, queue_sql};
  for (int i = 0; i < 2; i++) {
    struct sm_db_query query = {.sql = texts[i],
                                .values = SM_DB_VALUES(sm_db_number(rows)),
                                .count = 1};
    must(sm_db_run(&place->db, &query, &e));
  }
  must(sm_db_exec(&place->db,
                  place->db.dialect->is_remote ? "VACUUM ANALYZE" : "ANALYZE",
                  &e));
}

static double carry_out(struct place *place, struct sm_write *write) {
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  must(sm_transaction_begin(&place->transaction, 1, &e));
  must(sm_ledger_rows_apply(&place->transaction, write, &e));
  must(sm_transaction_commit(&place->transaction, &e));
  clock_gettime(CLOCK_MONOTONIC, &to);
  if (write->error) {
    fprintf(stderr, "c_queue: %s\n", write->error->message);
    exit(1);
  }
  sm_write_clear(write);
  return (double)(to.tv_sec - from.tv_sec) * 1e6 +
         (double)(to.tv_nsec - from.tv_nsec) / 1e3;
}

static double pick(struct place *place) {
  struct sm_queue_ask ask = {.verb = SM_QUEUE_PICK, .most = 1};
  struct sm_write write = {0};
  sm_write_create(&write, SM_WRITE_QUEUE, NULL);
  write.queue = &ask;
  double us = carry_out(place, &write);
  sm_queue_ask_clear(&ask);
  return us;
}

static double claim(struct place *place, const char *kind, int i,
                    double budget) {
  char key[32];
  snprintf(key, sizeof key, "%s%d", kind, i);
  struct sm_ledger_step step = {.key = key,
                                .params = "{}",
                                .model = "flux",
                                .api = "v2",
                                .body = "{}",
                                .body_size = 2,
                                .seed = 7,
                                .price = 0.05,
                                .budget = budget};
  struct sm_write write = {0};
  sm_write_create(&write, SM_WRITE_CLAIM, &step);
  return carry_out(place, &write);
}

static void open_place(struct place *place, const char *target, double rows) {
  const struct sm_db_options options = {
      .target = target, .driver_folder = getenv("SEGMIND_DRIVER")};
  must(sm_db_open(&place->db, &options, &e));
  must(sm_ledger_tables_prepare(&place->db, "bench", &e));
  sm_transaction_create(&place->transaction, &place->db, "bench:1:2:3");
  (void)pick(place); /* which makes the queue's tables */
  fill(place, rows);
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *list, int count) {
  qsort(list, (size_t)count, sizeof *list, compare);
  return list[count / 2];
}

static void measure(struct place *place, int i) {
  place->pick_us[i] = pick(place);
  place->claim_us[i] = claim(place, "new", i, (double)NAN);
}

static void measure_budget(struct place *place, int i) {
  place->budget_us[i] = claim(place, "paid", i, 1e6);
}

/* In turn, so that what else the machine does falls on both. */
static void in_turn(void (*fn)(struct place *place, int i), int count) {
  for (int i = 0; i < count; i++) {
    fn(i % 2 ? &few : &many, i);
    fn(i % 2 ? &many : &few, i);
  }
}

int main(int argc, char **argv) {
  if (argc != 5)
    return 2;
  int count = atoi(argv[4]) < MOST ? atoi(argv[4]) : MOST;
  open_place(&few, argv[1], 100);
  open_place(&many, argv[2], atof(argv[3]));
  in_turn(measure, count);
  in_turn(measure_budget, count);
  printf("pick_few=%.0f pick_many=%.0f claim_few=%.0f claim_many=%.0f "
         "budget_few=%.0f budget_many=%.0f\n",
         median(few.pick_us, count), median(many.pick_us, count),
         median(few.claim_us, count), median(many.claim_us, count),
         median(few.budget_us, count), median(many.budget_us, count));
  sm_db_close(&few.db);
  sm_db_close(&many.db);
  return 0;
}
