/* The money rules of doc/money.md, over thousands of jobs on a virtual clock.
 *
 * A world has a service (model_service.h), a ledger (memory_store.h) that is
 * away or full for a while, and up to three processes that run the same script
 * over them: some steps, a few of them twice or anew, some of them saved. A
 * process may first take up what was left behind, attaches ids, adopts what it
 * finds in the history, and cancels jobs, most of all while something of them
 * is being written. A process dies at a put, a finished, a start or an
 * answer, any of them, before it or after; what its ledger had under way is
 * committed or lost. Or it closes, and what is to be written is. Another comes
 * after it and runs the script again. When all
 * is quiet a last one runs it, with a service that is well: what can be
 * finished is.
 *
 * All is drawn from one seed. A rule that is broken prints it:
 *
 *   SEGMIND_SEED=… build/spec/sm_money_test
 *
 * runs that world alone. SEGMIND_WORLDS says how many there are. */
#include "sm_engine.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <unistd.h>

#include "memory_store.h"
#include "model_service.h"
#include "sm_digest.h"

#define PROCESSES 3
#define STEPS 24
#define JOBS 128
#define PATIENCE_MS 10000 /* of a write before a submit, as in sm_ledger.c */
#define DRAIN_MS 2000
#define PRICE 0.05
#define LONGEST_MS (4 * 3600 * 1000)

struct job {
  int step;
  int64_t deadline_ms;
  bool is_extra;    /* the caller allows one more submit */
  bool is_attached; /* by an id of which the ledger may know nothing */
  bool is_over;
};

struct process {
  struct sm_engine *engine; /* NULL: dead */
  struct model_transport transport;
  struct sm_writes queued;
  char owner[32];
  struct job jobs[JOBS];
  int count;
  int over;
  int64_t rises_ms; /* when another comes after it */
  int64_t renew_ms;
  int64_t closes_ms;  /* when it is closing: at the latest */
  uint64_t cancelled; /* a job whose write is under way; 0: none */
  bool is_dead;       /* nothing that it does has an effect any more */
  bool is_closing;
  bool has_failed; /* a write of it has, since then */
};

/* What is wrong with the ledger for a while. */
enum outage {
  OUTAGE_AWAY, /* locked, or the server is gone: nothing comes home */
  OUTAGE_FULL  /* no room: what is after a submit waits, the rest fails */
};

static struct world {
  struct model_service service;
  struct memory_store store;
  struct sm_rng rng;
  struct process processes[PROCESSES];
  int process_count;
  int lives;       /* so far */
  int deaths;      /* yet to come */
  int until_death; /* effects */
  double trouble;  /* of the ledger: the chance that a write fails for good */
  double outages;  /* the chance that a write meets the start of one */
  enum outage outage;
  int64_t outage_ms; /* lasts until then */
  double allows;     /* the chance that an unknown outcome is sent again */
  double budget;     /* USD; NAN: none */
  bool is_quiet;     /* the last life */
  bool was_calm;     /* no ledger has failed, no process has died */
  int allowed[STEPS];
  int sent[STEPS];     /* submits that may have arrived, or not */
  bool damaged[STEPS]; /* a row of it is */
  /* Of the service's jobs: the process (and 1) that has got the id, and whether
   * its host was told it by an end. */
  int heard[SERVICE_JOBS];
  bool is_named[SERVICE_JOBS];
  char folder[64];
} world;

static uint64_t seed;
static struct sm_base base;
static uint64_t jobs_run, jobs_done, submits, deaths, closes, outages;
static uint64_t attached, adopted, taken_up, saved;

/* One that is broken says in which world. `rule` is that of doc/money.md, or
 * what else a caller relies on. */
#define RULE(rule, cond)                                                       \
  do {                                                                         \
    bool holds_ = (cond);                                                      \
    CHECK(holds_ &&#cond);                                                     \
    if (!holds_)                                                               \
      fprintf(stderr, "%s:%d: broken: %s: %s (SEGMIND_SEED=%" PRIu64 ")\n",    \
              __FILE__, __LINE__, rule, #cond, seed);                          \
  } while (0)

static bool draw(double chance) { return sm_rng_next(&world.rng) < chance; }

static int draw_of(int most) { return (int)(sm_rng_next(&world.rng) * most); }

static int64_t now_ms(void) { return world.service.now_ms; }

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* -- steps and rows ----------------------------------------------------------
 */

/* The last quarter goes the synchronous way, the quarter before is fresh. */
static bool is_sync(int step) { return step >= STEPS * 3 / 4; }
static bool is_fresh(int step) {
  return step >= STEPS / 2 && step < STEPS * 3 / 4 && step % 2;
}

static const char *key_of(int step) {
  static char keys[2][16];
  static int turn;
  turn = !turn;
  snprintf(keys[turn], sizeof keys[turn], "step%d", step);
  return keys[turn];
}

static const struct sm_row *row_with_id(const char *id) {
  const struct sm_row *row = world.store.rows;
  while (row && !is_of(row, SM_ROW_REQUEST_ID, id))
    row = row->next;
  return row;
}

/* What the rows of a step say that it has cost, or may. */
static double booked(int step) {
  double sum = 0;
  for (const struct sm_row *row = world.store.rows; row; row = row->next)
    if (is_of(row, SM_ROW_STEP_KEY, key_of(step)))
      sum += amount(row, SM_ROW_DOUBT) +
             (is_in(row, "failed") ? 0 : amount(row, SM_ROW_PRICE));
  return sum;
}

static bool is_in_state(int step, const char *state, const char *owner) {
  for (const struct sm_row *row = world.store.rows; row; row = row->next)
    if (is_of(row, SM_ROW_STEP_KEY, key_of(step)) && is_in(row, state) &&
        (!owner || is_of(row, SM_ROW_LEASE_OWNER, owner)))
      return true;
  return false;
}

/* The id of one submit is in two rows, of which the other hides one. */
static bool is_doubled(const struct sm_row *row) {
  const char *id = sm_row_text(row, SM_ROW_REQUEST_ID);
  for (row = row->next; row; row = row->next)
    if (is_of(row, SM_ROW_REQUEST_ID, id))
      return true;
  return false;
}

/* M3, M4, M6: of everything that was accepted the ledger knows, and what may
 * run again is in no doubt. */
static void check_books(void) {
  double billed = 0;
  for (int step = 0; step < STEPS; step++) {
    int count = model_service_billed(&world.service, step);
    RULE("M3", count <= world.allowed[step]);
    RULE("M4", count * PRICE <= booked(step) + 1e-9);
    billed += count * PRICE;
  }
  for (const struct sm_row *row = world.store.rows; row; row = row->next) {
    RULE("M8", !is_in(row, "failed") || fabs(amount(row, SM_ROW_DOUBT)) < 1e-9);
    RULE("M4", !is_doubled(row));
  }
  if (!isnan(world.budget))
    RULE("M6", billed <= world.budget + 1e-9);
}

/* -- a death ------------------------------------------------------------------
 */

/* Asked before and after each effect on the world. */
static bool dies(struct process *process) {
  if (!process->is_dead && world.deaths > 0 && --world.until_death <= 0) {
    process->is_dead = true;
    world.deaths--;
    world.until_death = 1 + draw_of(400);
  }
  return process->is_dead;
}

static void apply(const struct process *process, struct sm_write *write) {
  world.store.owner = process->owner;
  world.store.now_ms = now_ms();
  memory_apply(&world.store, write);
}

/* What the ledger's thread had taken into its transaction is committed, though
 * nobody hears of it. */
static void bury(struct process *process) {
  int committed = draw_of(4);
  while (process->queued.head && committed-- > 0)
    apply(process, sm_writes_pop(&process->queued));
  process->queued = (struct sm_writes){0};
  model_transport_crash(&process->transport);
  sm_engine_delete(process->engine);
  process->engine = NULL;
  process->rises_ms = now_ms() + draw_of(120) * 1000;
  deaths++;
  world.was_calm = false;
  for (int i = 0; i < SERVICE_JOBS; i++)
    if (world.heard[i] == 1 + (int)(process - world.processes))
      world.heard[i] = 0;
  check_books();
}

/* -- the store ----------------------------------------------------------------
 */

static bool is_out(void) { return now_ms() < world.outage_ms; }

/* Of money that may have been spent, most of all. */
static void begin_outage(const struct sm_write *write) {
  bool is_late = sm_write_is_after_submit(write);
  if (world.is_quiet || is_out() || !draw(world.outages * (is_late ? 2 : 1)))
    return;
  world.outage = draw(0.5) ? OUTAGE_AWAY : OUTAGE_FULL;
  world.outage_ms = now_ms() + 500 + draw_of(draw(0.2) ? 90000 : 8000);
  outages++;
}

/* When a write that cannot be written is given up. */
static int64_t last_try_ms(const struct sm_write *write) {
  return sm_write_is_after_submit(write)
             ? write->deadline_ms
             : least(write->deadline_ms, now_ms() + PATIENCE_MS);
}

static void put(void *self, struct sm_write *write) {
  struct process *process = self;
  const struct sm_task *task = write->owner;
  if (dies(process))
    return;
  int64_t home_ms = now_ms() + (draw(0.05) ? 3000 : draw_of(40));
  if (process->queued.tail && process->queued.tail->give_up_ms > home_ms)
    home_ms = process->queued.tail->give_up_ms;
  write->deadline_ms = last_try_ms(write);
  write->give_up_ms = home_ms;
  sm_writes_push(&process->queued, write);
  begin_outage(write);
  if (!sm_write_is_minor(write) && !world.is_quiet && draw(0.01))
    process->cancelled = task->id;
  (void)dies(process);
}

/* Its time was over: the ledger has said no, or nothing. */
static void fail_write(struct process *process, struct sm_write *write,
                       bool is_in_doubt) {
  struct sm_error e;
  write->is_in_doubt = is_in_doubt;
  if (write->is_in_doubt)
    apply(process, write);
  sm_fail(&e, SM_LEDGER, "the ledger fails as it was told to");
  sm_write_fail(write, &e);
  process->has_failed |= process->is_closing;
}

/* M7: as sm_row_check has it. */
static bool is_damaged(const struct sm_write *write) {
  bool asks = write->kind <= SM_WRITE_CLAIM && write->key;
  for (int step = 0; asks && step < STEPS; step++)
    if (world.damaged[step] && strcmp(write->key, key_of(step)) == 0)
      return true;
  return false;
}

enum fortune { KEPT_WAITING, FAILS, SUCCEEDS };

static enum fortune fortune_of(const struct sm_write *write) {
  if (is_out() && world.outage == OUTAGE_FULL &&
      !sm_write_is_after_submit(write))
    return FAILS;
  if (is_out())
    return now_ms() < write->deadline_ms ? KEPT_WAITING : FAILS;
  return is_damaged(write) || draw(world.is_quiet ? 0 : world.trouble)
             ? FAILS
             : SUCCEEDS;
}

/* The first that comes home, and how; those that wait are overtaken. */
static struct sm_write *take_first(struct process *process,
                                   enum fortune *fortune) {
  struct sm_writes rest = {0};
  struct sm_write *write, *found = NULL;
  while ((write = sm_writes_pop(&process->queued)) != NULL) {
    *fortune = found || write->give_up_ms > now_ms() ? KEPT_WAITING
                                                     : fortune_of(write);
    if (!found && *fortune != KEPT_WAITING)
      break;
    sm_writes_push(&rest, write);
  }
  found = write;
  sm_writes_move(&rest, &process->queued);
  process->queued = rest;
  return found;
}

static struct sm_write *finished(void *self) {
  struct process *process = self;
  enum fortune fortune;
  if (!process->queued.head || process->queued.head->give_up_ms > now_ms() ||
      dies(process))
    return NULL;
  struct sm_write *write = take_first(process, &fortune);
  if (!write)
    return NULL;
  if (fortune == FAILS)
    fail_write(process, write, !is_out() && !is_damaged(write) && draw(0.5));
  else
    apply(process, write);
  return dies(process) ? NULL : write;
}

static void renew_leases(struct process *process) {
  if (now_ms() < process->renew_ms || is_out())
    return;
  process->renew_ms = now_ms() + SM_LEASE_S * 1000 / 3;
  world.store.owner = process->owner;
  world.store.now_ms = now_ms();
  for (struct sm_row **link = &world.store.rows; *link; link = &(*link)->next) {
    struct sm_db_value values[SM_ROW_COLUMNS];
    memcpy(values, (*link)->value, sizeof values);
    if (!is_of(*link, SM_ROW_LEASE_OWNER, process->owner) ||
        amount(*link, SM_ROW_LEASE_UNTIL) <= 0)
      continue;
    lease(&world.store, values);
    put_row(link, values);
  }
}

/* -- the transport ------------------------------------------------------------
 */

static void check_submit(const struct process *process,
                         const struct sm_exchange *exchange) {
  int step = step_of_submit(exchange);
  RULE("M1", step >= 0 && is_in_state(step, "intent", process->owner));
  RULE("M7", step < 0 || !world.damaged[step]);
  if (step >= 0)
    world.sent[step]++;
  submits++;
}

/* The answer to a submit brings an id into the process. */
static void hear(const struct process *process,
                 const struct sm_exchange *exchange) {
  int number =
      number_behind(sm_buf_text(&exchange->answer.body), "\"request_id\":\"r");
  if (exchange->request.method == SM_POST && number >= 0)
    world.heard[number] = 1 + (int)(process - world.processes);
}

static enum sm_code start(void *self, struct sm_exchange *exchange,
                          struct sm_error *e) {
  struct process *process = self;
  if (dies(process))
    return SM_OK;
  if (exchange->request.method == SM_POST)
    check_submit(process, exchange);
  enum sm_code code = service_start(&process->transport, exchange, e);
  (void)dies(process);
  return code;
}

static void cancel(void *self, struct sm_exchange *exchange) {
  struct process *process = self;
  service_cancel(&process->transport, exchange);
}

static struct sm_exchange *answered(void *self) {
  struct process *process = self;
  if (process->is_dead)
    return NULL;
  struct sm_exchange *exchange = service_finished(&process->transport);
  if (!exchange || dies(process))
    return NULL;
  hear(process, exchange);
  return exchange;
}

/* -- the script ---------------------------------------------------------------
 */

static struct sm_body *body_of(int step) {
  char text[64];
  int size =
      snprintf(text, sizeof text, "{\"prompt\":\"x\",\"seed\":%d}", step);
  struct sm_body *body = sm_body_new();
  sm_body_add_text(body, text, (size_t)size, NULL);
  return body;
}

/* What a step has waited for with its inputs: nothing is in the way. */
static void proceed(struct process *process, uint64_t id) {
  struct sm_task *bearer = sm_task_new(SM_TASK_PROCEED, "");
  bearer->id = id;
  bearer->body = body_of(process->jobs[id - 1].step);
  sm_engine_add(process->engine, bearer);
}

static struct sm_task *new_task(bool is_v1_step, int64_t timeout_ms) {
  const struct sm_dial dial = {.k = 0.25};
  struct sm_task *task =
      sm_task_new(is_v1_step ? SM_TASK_CALL : SM_TASK_JOB, "flux");
  if (is_v1_step)
    sm_fetch_create(&task->call, SM_FETCH_SYNC, now_ms() + timeout_ms);
  else
    sm_job_create(&task->job, &dial, now_ms() + timeout_ms);
  task->mean_s = 20;
  return task;
}

static int64_t draw_timeout_ms(void) {
  return draw(world.is_quiet ? 0 : 0.2) ? 2000 + draw_of(30000) : 600000;
}

/* Gives it to the engine with its line in the ledger. */
static struct job *post(struct process *process, struct sm_task *task,
                        struct sm_entry *entry, int step) {
  CHECK(process->count < JOBS);
  struct job *job = &process->jobs[process->count++];
  CHECK(sm_task_enter(task, entry));
  *job = (struct job){.step = step, .deadline_ms = sm_task_deadline_ms(task)};
  task->id = (uint64_t)process->count;
  jobs_run++;
  return job;
}

/* Where some want their picture, each in a file of its own. */
static const char *draw_target(const struct process *process) {
  static char path[128];
  snprintf(path, sizeof path, "%s/saved-%s-%d", world.folder, process->owner,
           process->count);
  return draw(0.3) ? path : NULL;
}

static struct sm_ledger_step what(int step) {
  return (struct sm_ledger_step){.key = key_of(step),
                                 .params = "{}",
                                 .seed = step,
                                 .price = PRICE,
                                 .budget = (double)NAN,
                                 .is_fresh = is_fresh(step)};
}

static void add(struct process *process, int step, int64_t generation) {
  const struct sm_ledger_step paid = what(step);
  struct sm_task *task = new_task(is_sync(step), draw_timeout_ms());
  if (generation || draw(0.7))
    task->body = body_of(step);
  struct sm_entry *entry = sm_entry_new(
      generation ? SM_START_AGAIN : SM_START_STEP, &paid, draw_target(process));
  entry->generation = generation;
  struct job *job = post(process, task, entry, step);
  job->is_extra = is_fresh(step) || generation > 0;
  world.allowed[step] += job->is_extra;
  sm_engine_add(process->engine, task);
}

static struct sm_task *new_attached(int number) {
  char id[16];
  struct sm_task *task = new_task(false, draw_timeout_ms());
  snprintf(id, sizeof id, "r%d", number);
  CHECK(sm_job_attach(&task->job, id, now_ms(), NULL) == SM_OK);
  return task;
}

/* An id that its host has from somewhere. */
static void attach(struct process *process, int number) {
  struct sm_task *task = new_attached(number);
  struct sm_entry *entry =
      sm_entry_new(SM_START_ATTACH, NULL, draw_target(process));
  post(process, task, entry, world.service.jobs[number].step)->is_attached =
      true;
  attached++;
  sm_engine_add(process->engine, task);
}

/* The host has found in the history what a step in doubt has become. */
static void adopt(struct process *process, int step, int64_t generation,
                  int number) {
  const struct sm_ledger_step paid = what(step);
  struct sm_task *task = new_attached(number);
  struct sm_entry *entry =
      sm_entry_new(SM_START_ADOPT, &paid, draw_target(process));
  entry->generation = generation;
  post(process, task, entry, step);
  adopted++;
  sm_engine_add(process->engine, task);
}

static void take_up(struct process *process, const struct sm_row *row) {
  int step = atoi(sm_row_text(row, SM_ROW_STEP_KEY) + strlen("step"));
  struct sm_ledger_step taken = what(step);
  taken.price = taken.seed = (double)NAN;
  struct sm_task *task = new_task(false, draw_timeout_ms());
  struct sm_entry *entry =
      sm_entry_new(SM_START_TAKEN, &taken, draw_target(process));
  entry->row = sm_row_new(row->value, SM_STANDING_TAKEN, NULL);
  post(process, task, entry, step);
  taken_up++;
  sm_engine_add(process->engine, task);
}

/* All that was left behind. */
static void resume(struct process *process) {
  struct sm_write write = {0};
  sm_write_create(&write, SM_WRITE_RESUME, NULL);
  apply(process, &write);
  for (const struct sm_row *row = write.row; row; row = row->next)
    if (row->standing == SM_STANDING_TAKEN)
      take_up(process, row);
  sm_write_clear(&write);
}

static void attach_some(struct process *process) {
  for (int i = 0; i < 3 && world.service.job_count > 0; i++) {
    int number = draw_of(world.service.job_count);
    if (!world.service.jobs[number].is_v1)
      attach(process, number);
  }
}

static void run_script(struct process *process) {
  for (int step = 0; step < STEPS; step++) {
    add(process, step, 0);
    if (!is_fresh(step) && draw(0.2))
      add(process, step, 0);
  }
}

static void rise(struct process *process) {
  const struct sm_engine_options options = {
      .transport = {process, start, cancel, answered, service_release},
      .limits = {.base = &base,
                 .max_json_bytes = 1 << 20,
                 .max_image_bytes = 1 << 20},
      .max_transfers = 8,
      .seed = (uint64_t)draw_of(1 << 30),
      .wall_ms = world.store.wall_s * 1000 + now_ms(),
      .store = {process, put, finished},
      .folder = world.folder,
      .has_budget = !isnan(world.budget),
      .budget = world.budget,
  };
  memset(process, 0, sizeof *process);
  process->transport.service = &world.service;
  process->renew_ms = now_ms() + SM_LEASE_S * 1000 / 3;
  snprintf(process->owner, sizeof process->owner, "host:%d", ++world.lives);
  CHECK(sm_engine_new(&process->engine, &options, now_ms(), NULL) == SM_OK);
  if (!is_out() && draw(0.4))
    resume(process);
  if (draw(world.is_quiet ? 0 : 0.2))
    attach_some(process);
  run_script(process);
}

/* -- what the host is told ----------------------------------------------------
 */

static bool has_hash(const char *path, const struct sm_row *row) {
  struct sm_digest *digest;
  char hex[SM_SHA256_HEX] = "";
  bool is_over = false;
  if (sm_digest_new(&digest, path, NULL) != SM_OK)
    return false;
  while (!is_over && sm_digest_step(digest, &is_over, hex, NULL) == SM_OK)
    ;
  sm_digest_delete(digest);
  return is_of(row, SM_ROW_FILE_SHA256, hex);
}

static const struct sm_row *row_of_event(const struct sm_event *event,
                                         int step) {
  const struct sm_row *row = world.store.rows;
  while (row &&
         !(is_of(row, SM_ROW_STEP_KEY, key_of(step)) &&
           (int64_t)amount(row, SM_ROW_GENERATION) == event->step->generation))
    row = row->next;
  return row;
}

static void check_done(const struct sm_event *event, const struct job *job) {
  const struct sm_row *row = row_of_event(event, job->step);
  bool is_alone = job->is_attached && event->step->generation == 0;
  if (event->error || is_alone)
    return;
  RULE("M10", row && is_in(row, "completed"));
  RULE("M10", event->step->kept && row && has_hash(event->step->kept, row));
  RULE("M10", !event->is_file || (row && has_hash(event->place, row)));
  saved += event->is_file;
  jobs_done++;
}

/* What is certainly not paid. */
static bool is_refusal(enum sm_code code) {
  return code == SM_FAILED || code == SM_REJECTED || code == SM_NOT_SENT ||
         code == SM_THROTTLED || code == SM_BUDGET;
}

/* M8: "not charged" is said of what is surely not. One that was not begun says
 * so of itself alone. */
static void check_error(const struct sm_event *event, const struct job *job) {
  int step = job->step;
  const struct sm_error *e = event->error;
  int failed = check_failed;
  bool is_about_itself = e->code == SM_TIMEOUT || e->code == SM_BUDGET ||
                         e->code == SM_LEDGER || e->code == SM_IO ||
                         job->is_attached;
  if (e->charged == SM_CHARGED_NO && !is_about_itself && !is_fresh(step))
    RULE("M8", model_service_billed(&world.service, step) == 0);
  if (e->code == SM_BUDGET && !event->is_copied)
    RULE("M6", event->spent + event->price > event->budget);
  /* What the service runs does not end because the ledger is away. */
  if (e->code == SM_LEDGER && event->request_id && world.trouble == 0 &&
      !job->is_attached && !event->is_copied)
    RULE("M4", now_ms() >= job->deadline_ms);
  if (is_refusal(e->code) && job->is_extra)
    world.allowed[step]--; /* not used, and not kept for later */
  if (e->code == SM_UNKNOWN)
    RULE("M8", e->charged == SM_CHARGED_UNKNOWN &&
                   (world.sent[step] > 0 || !world.was_calm));
  if (world.is_quiet)
    RULE("what can be finished is",
         e->code == SM_UNKNOWN || e->code == SM_BUDGET ||
             e->code == SM_FAILED || world.damaged[step]);
  if (check_failed > failed)
    fprintf(stderr, "step %d ended so: %s: %s\n", step, sm_code_name(e->code),
            e->message);
}

/* A job of the service that is the step's, in no row, not before the submit in
 * doubt, and no answer that is still awaited; -1. */
static int stray_of(int step, int64_t generation) {
  const struct sm_row *row = *row_of(&world.store, key_of(step), generation);
  double since_s = row ? amount(row, SM_ROW_SUBMITTED_AT) : 0;
  for (int i = 0; i < world.service.job_count; i++) {
    const struct service_job *job = &world.service.jobs[i];
    char id[16];
    int64_t accepted_s = world.store.wall_s + job->accepted_ms / 1000;
    snprintf(id, sizeof id, "r%d", i);
    if (job->step == step && !job->is_v1 && !row_with_id(id) &&
        now_ms() - job->accepted_ms > 10000 && (double)accepted_s >= since_s)
      return i;
  }
  return -1;
}

/* What the host does about an outcome that is not known. */
static void decide(struct process *process, const struct sm_event *event,
                   int step) {
  int64_t generation = event->step->generation;
  int stray = draw(0.5) ? stray_of(step, generation) : -1;
  if (event->is_copied || generation == 0 || process->count >= JOBS)
    return;
  if (stray >= 0)
    adopt(process, step, generation, stray);
  else if (draw(world.is_quiet ? 0 : world.allows))
    add(process, step, generation);
}

static void end_job(struct process *process, const struct sm_event *event) {
  struct job *job = &process->jobs[event->id - 1];
  int number = event->request_id ? number_behind(event->request_id, "r") : -1;
  RULE("a job ends once", !job->is_over);
  job->is_over = true;
  process->over++;
  if (number >= 0)
    world.is_named[number] = true;
  if (event->kind == SM_EVENT_DONE) {
    check_done(event, job);
    return;
  }
  check_error(event, job);
  if (event->error->code == SM_UNKNOWN && !job->is_attached)
    decide(process, event, job->step);
  else if (number >= 0 && event->error->code != SM_FAILED &&
           process->count < JOBS && draw(world.is_quiet ? 0 : 0.5))
    attach(process, number);
}

static void take_events(struct process *process) {
  struct sm_events events;
  struct sm_event *event;
  sm_events_create(&events);
  sm_engine_take_events(process->engine, &events);
  while ((event = sm_events_pop(&events)) != NULL) {
    bool is_end = event->kind == SM_EVENT_DONE || event->kind == SM_EVENT_ERROR;
    if (event->kind == SM_EVENT_STATE && event->state == SM_STATE_FREE)
      proceed(process, event->id);
    if (event->kind == SM_EVENT_STATE && event->request_id)
      RULE("M2", row_with_id(event->request_id) ||
                     process->jobs[event->id - 1].is_attached);
    if (is_end && event->id > 0)
      end_job(process, event);
    sm_event_delete(event);
  }
}

static bool has_heard(const struct process *process, int number) {
  return world.heard[number] == 1 + (int)(process - world.processes);
}

/* Of what is cancelled nobody waits for the id. */
static void unhear(const struct process *process, int step) {
  for (int i = 0; i < world.service.job_count; i++)
    if (has_heard(process, i) && world.service.jobs[i].step == step)
      world.heard[i] = 0;
}

static void cancel_job(struct process *process, uint64_t id) {
  struct job *job = &process->jobs[id - 1];
  if (job->is_over)
    return;
  job->is_over = true;
  process->over++;
  unhear(process, job->step);
  sm_engine_cancel(process->engine, id);
}

/* Now and then; and those whose write is under way. */
static void cancel_some(struct process *process) {
  if (process->cancelled > 0)
    cancel_job(process, process->cancelled);
  process->cancelled = 0;
  if (!world.is_quiet && process->over < process->count && draw(0.01))
    cancel_job(process, 1 + (uint64_t)draw_of(process->count));
}

/* M9: nobody is told any more what could not be written while its process
 * closed. The next one looks for it. */
static bool is_left(const struct process *process, int step) {
  return process->has_failed && is_in_state(step, "intent", NULL);
}

/* M4: what the process has got the id of is in the ledger, or was told. */
static void check_heard(const struct process *process) {
  for (int i = 0; i < world.service.job_count; i++) {
    char id[16];
    snprintf(id, sizeof id, "r%d", i);
    if (!has_heard(process, i))
      continue;
    world.heard[i] = 0;
    RULE("M4", row_with_id(id) || world.is_named[i] ||
                   is_left(process, world.service.jobs[i].step));
  }
}

/* -- a close ------------------------------------------------------------------
 */

static void let_leases_go(const struct process *process) {
  for (struct sm_row **link = &world.store.rows; *link; link = &(*link)->next) {
    struct sm_db_value values[SM_ROW_COLUMNS];
    memcpy(values, (*link)->value, sizeof values);
    if (!is_of(*link, SM_ROW_LEASE_OWNER, process->owner))
      continue;
    values[SM_ROW_LEASE_UNTIL] = sm_db_number(0);
    put_row(link, values);
  }
}

/* When a write may come home. */
static int64_t next_home_ms(const struct process *process) {
  if (!process->queued.head)
    return INT64_MAX;
  return is_out() ? now_ms() + 200 : process->queued.head->give_up_ms;
}

/* Its host wants no more of it; what is under way is written, for a while. */
static int64_t close_process(struct process *process) {
  sm_engine_take_writes(process->engine);
  if (process->is_dead) {
    bury(process);
    return process->rises_ms;
  }
  if (sm_engine_is_writing(process->engine) && now_ms() < process->closes_ms)
    return least(next_home_ms(process), process->closes_ms);
  if (process->queued.head) {
    process->has_failed = true;
    world.was_calm = false;
  }
  process->queued = (struct sm_writes){0};
  if (!is_out())
    let_leases_go(process);
  check_heard(process);
  sm_engine_delete(process->engine);
  process->engine = NULL;
  process->rises_ms = now_ms() + 1 + draw_of(20) * 1000;
  closes++;
  check_books();
  return process->rises_ms;
}

/* -- time ---------------------------------------------------------------------
 */

static bool is_waited_for(const struct process *process) {
  return process->engine ? process->over < process->count ||
                               sm_engine_is_writing(process->engine)
                         : process->rises_ms > 0;
}

/* One turn of a process. When it wants the next. */
static int64_t turn(struct process *process) {
  if (!process->engine) {
    if (process->rises_ms == 0 || now_ms() < process->rises_ms)
      return process->rises_ms ? process->rises_ms : INT64_MAX;
    rise(process);
  }
  renew_leases(process);
  service_arrivals(&process->transport);
  if (process->is_closing)
    return close_process(process);
  int64_t next_ms = now_ms() + sm_engine_turn(process->engine, now_ms());
  if (process->is_dead) {
    bury(process);
    return process->rises_ms;
  }
  take_events(process);
  cancel_some(process);
  if (world.deaths > 0 && draw(0.002)) {
    world.deaths--;
    process->is_closing = true;
    process->closes_ms = now_ms() + DRAIN_MS;
    sm_engine_stop(process->engine);
  }
  next_ms = least(next_ms, next_home_ms(process));
  return least(least(next_ms, process->renew_ms),
               model_transport_next_ms(&process->transport));
}

static void run(void) {
  bool goes_on = true;
  while (goes_on && now_ms() < LONGEST_MS) {
    int64_t next_ms = INT64_MAX;
    goes_on = false;
    for (int i = 0; i < world.process_count; i++) {
      next_ms = least(next_ms, turn(&world.processes[i]));
      goes_on |= is_waited_for(&world.processes[i]);
    }
    world.service.now_ms = next_ms > now_ms() ? next_ms : now_ms() + 1;
  }
  RULE("nobody waits for ever", !goes_on);
  check_books();
}

static void end_processes(void) {
  for (int i = 0; i < world.process_count; i++) {
    if (world.processes[i].engine)
      check_heard(&world.processes[i]);
    sm_engine_delete(world.processes[i].engine);
    world.processes[i].engine = NULL;
    world.processes[i].rises_ms = 0;
  }
}

/* -- a world ------------------------------------------------------------------
 */

static void make_folder(void) {
  snprintf(world.folder, sizeof world.folder, "%s/sm_money_XXXXXX",
           access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
  CHECK(mkdtemp(world.folder) != NULL);
}

/* No temporary file outlives its process, but one that died. */
static void remove_folder(void) {
  char path[400];
  DIR *folder = opendir(world.folder);
  for (struct dirent *at; (at = readdir(folder)) != NULL;) {
    snprintf(path, sizeof path, "%s/%s", world.folder, at->d_name);
    (void)unlink(path);
  }
  (void)closedir(folder);
  CHECK(rmdir(world.folder) == 0);
}

static void make_world(void) {
  static const double troubles[] = {0.05, 0.2, 0.4, 0.6};
  static const double fails[] = {0, 0.02, 0.1};
  static const double allows[] = {0, 0.5, 1};
  memset(&world, 0, sizeof world);
  sm_rng_seed(&world.rng, seed);
  sm_rng_seed(&world.service.rng, seed + 1);
  world.service.wall_s = world.store.wall_s = 1780000000;
  world.service.now_ms = 5000;
  world.service.trouble = troubles[draw_of(4)];
  world.service.lag_ms = draw_of(3) * 5000;
  world.trouble = fails[draw_of(3)];
  world.outages = fails[draw_of(3)] / 4;
  world.was_calm = world.trouble == 0 && world.outages == 0;
  world.allows = allows[draw_of(3)];
  world.budget = draw(0.3) ? PRICE * (4 + draw_of(20)) : (double)NAN;
  world.process_count = 1 + draw_of(PROCESSES);
  world.deaths = draw_of(6);
  world.until_death = 1 + draw_of(400);
  for (int step = 0; step < STEPS; step++)
    world.allowed[step] = !is_fresh(step);
  make_folder();
}

/* Somebody has written nonsense into rows, while nobody was at them. */
static void damage_some(void) {
  for (int i = 0; i < 2 && world.store.rows && draw(0.1); i++)
    world.damaged[draw_of(STEPS)] = true;
}

/* Of what was begun nothing is left that nobody has looked up (M9). */
static void check_ends(void) {
  for (int step = 0; step < STEPS; step++)
    RULE("M9", is_fresh(step) || world.damaged[step] ||
                   !is_in_state(step, "intent", NULL));
}

/* The last life meets no trouble and no other process. */
static void run_in_quiet(void) {
  end_processes();
  damage_some();
  world.is_quiet = true;
  world.deaths = 0;
  world.process_count = 1;
  world.service.trouble = 0;
  world.service.now_ms += 2 * SM_LEASE_S * 1000;
  world.processes[0].rises_ms = now_ms();
  run();
  check_ends();
  end_processes();
}

static void live(void) {
  make_world();
  for (int i = 0; i < world.process_count; i++)
    world.processes[i].rises_ms = now_ms() + i * draw_of(5000);
  run();
  run_in_quiet();
  memory_store_destroy(&world.store);
  remove_folder();
}

static uint64_t number_in(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  return text ? strtoull(text, NULL, 10) : otherwise;
}

int main(void) {
  uint64_t first = number_in("SEGMIND_SEED", 1);
  uint64_t count =
      number_in("SEGMIND_WORLDS", getenv("SEGMIND_SEED") ? 1 : 800);
  CHECK(sm_base_read(&base, "https://api.segmind.com", NULL) == SM_OK);
  for (seed = first; seed < first + count && check_failed == 0; seed++)
    live();
  printf("seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " jobs, %" PRIu64
         " done, %" PRIu64 " submits, %" PRIu64 " deaths, %" PRIu64
         " closes, %" PRIu64 " outages, %" PRIu64 " attached, %" PRIu64
         " adopted, %" PRIu64 " taken up, %" PRIu64 " saved\n",
         first, seed - 1, jobs_run, jobs_done, submits, deaths, closes, outages,
         attached, adopted, taken_up, saved);
  return check_report("sm_money");
}
