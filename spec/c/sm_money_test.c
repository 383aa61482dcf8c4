/* The money rules of doc/money.md, over thousands of jobs on a virtual clock.
 *
 * A world has a service (model_service.h), a ledger (memory_store.h), and one
 * or two processes that run the same script over them: some steps, a few of
 * them twice or anew. A process dies at a put, a finished, a start or an
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

#define PROCESSES 2
#define STEPS 24
#define JOBS 48
#define PRICE 0.05
#define LONGEST_MS (4 * 3600 * 1000)

struct job {
  int step;
  bool is_extra; /* the caller allows one more submit */
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
  bool is_dead; /* nothing that it does has an effect any more */
  bool is_closing;
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
  double trouble;  /* of the ledger */
  double allows;   /* the chance that an unknown outcome is sent again */
  double budget;   /* USD; NAN: none */
  bool is_quiet;   /* the last life */
  bool was_calm;   /* no ledger has failed, no process has died */
  int allowed[STEPS];
  int sent[STEPS]; /* submits that may have arrived, or not */
  char folder[64];
} world;

static uint64_t seed;
static struct sm_base base;
static uint64_t jobs_run, jobs_done, submits, deaths, closes;

/* A rule that is broken names the world. */
#define RULE(cond)                                                             \
  do {                                                                         \
    bool holds_ = (cond);                                                      \
    CHECK(holds_ &&#cond);                                                     \
    if (!holds_)                                                               \
      fprintf(stderr, "%s:%d: broken: %s (SEGMIND_SEED=%" PRIu64 ")\n",        \
              __FILE__, __LINE__, #cond, seed);                                \
  } while (0)

static bool draw(double chance) { return sm_rng_next(&world.rng) < chance; }

static int draw_of(int most) { return (int)(sm_rng_next(&world.rng) * most); }

static int64_t now_ms(void) { return world.service.now_ms; }

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

/* M3, M4, M6: of everything that was accepted the ledger knows, and what may
 * run again is in no doubt. */
static void check_books(void) {
  double billed = 0;
  for (int step = 0; step < STEPS; step++) {
    int count = model_service_billed(&world.service, step);
    RULE(count <= world.allowed[step]);
    RULE(count * PRICE <= booked(step) + 1e-9);
    billed += count * PRICE;
  }
  for (const struct sm_row *row = world.store.rows; row; row = row->next)
    RULE(!is_in(row, "failed") || fabs(amount(row, SM_ROW_DOUBT)) < 1e-9);
  if (!isnan(world.budget))
    RULE(billed <= world.budget + 1e-9);
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
  check_books();
}

/* -- the store ----------------------------------------------------------------
 */

static void put(void *self, struct sm_write *write) {
  struct process *process = self;
  if (dies(process))
    return;
  int64_t home_ms = now_ms() + (draw(0.05) ? 3000 : draw_of(40));
  if (process->queued.tail && process->queued.tail->give_up_ms > home_ms)
    home_ms = process->queued.tail->give_up_ms;
  write->give_up_ms = home_ms;
  sm_writes_push(&process->queued, write);
  (void)dies(process);
}

/* Its time was over: the ledger has said no, or nothing. */
static void fail_write(const struct process *process, struct sm_write *write) {
  struct sm_error e;
  write->is_in_doubt = draw(0.5);
  if (write->is_in_doubt)
    apply(process, write);
  sm_fail(&e, SM_LEDGER, "the ledger fails as it was told to");
  sm_write_fail(write, &e);
}

static struct sm_write *finished(void *self) {
  struct process *process = self;
  struct sm_write *write = process->queued.head;
  if (!write || write->give_up_ms > now_ms() || dies(process))
    return NULL;
  (void)sm_writes_pop(&process->queued);
  if (draw(world.is_quiet ? 0 : world.trouble))
    fail_write(process, write);
  else
    apply(process, write);
  return dies(process) ? NULL : write;
}

static void renew_leases(struct process *process) {
  if (now_ms() < process->renew_ms)
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

/* M1, M5. */
static void check_submit(const struct process *process,
                         const struct sm_exchange *exchange) {
  int step = step_of_submit(exchange);
  RULE(step >= 0 && is_in_state(step, "intent", process->owner));
  if (step >= 0)
    world.sent[step]++;
  submits++;
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
  return exchange && dies(process) ? NULL : exchange;
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

static void add(struct process *process, int step, int64_t generation) {
  const struct sm_dial dial = {.k = 0.25};
  const struct sm_ledger_step what = {.key = key_of(step),
                                      .params = "{}",
                                      .seed = step,
                                      .price = PRICE,
                                      .budget = (double)NAN,
                                      .is_fresh = is_fresh(step)};
  int64_t timeout_ms =
      draw(world.is_quiet ? 0 : 0.2) ? 2000 + draw_of(30000) : 600000;
  struct sm_task *task =
      sm_task_new(is_sync(step) ? SM_TASK_CALL : SM_TASK_JOB, "flux");
  if (is_sync(step))
    sm_fetch_create(&task->call, SM_FETCH_SYNC, now_ms() + timeout_ms);
  else
    sm_job_create(&task->job, &dial, now_ms() + timeout_ms);
  task->mean_s = 20;
  if (generation || draw(0.7))
    task->body = body_of(step);
  struct sm_entry *entry =
      sm_entry_new(generation ? SM_START_AGAIN : SM_START_STEP, &what, NULL);
  entry->generation = generation;
  CHECK(sm_task_enter(task, entry));
  CHECK(process->count < JOBS);
  bool is_extra = is_fresh(step) || generation > 0;
  process->jobs[process->count++] =
      (struct job){.step = step, .is_extra = is_extra};
  task->id = (uint64_t)process->count;
  world.allowed[step] += is_extra;
  jobs_run++;
  sm_engine_add(process->engine, task);
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
  run_script(process);
}

/* -- what the host is told ----------------------------------------------------
 */

/* M10. */
static void check_picture(const struct sm_row *row,
                          const struct sm_event *event) {
  struct sm_digest *digest;
  char hex[SM_SHA256_HEX] = "";
  bool is_over = false;
  if (!event->step->kept)
    return;
  CHECK(sm_digest_new(&digest, event->step->kept, NULL) == SM_OK);
  while (!is_over && sm_digest_step(digest, &is_over, hex, NULL) == SM_OK)
    ;
  sm_digest_delete(digest);
  RULE(is_of(row, SM_ROW_FILE_SHA256, hex));
}

static void check_done(const struct sm_event *event, int step) {
  const struct sm_row *row = world.store.rows;
  if (event->error)
    return;
  while (row &&
         !(is_of(row, SM_ROW_STEP_KEY, key_of(step)) &&
           (int64_t)amount(row, SM_ROW_GENERATION) == event->step->generation))
    row = row->next;
  RULE(row && is_in(row, "completed"));
  RULE(event->step->kept);
  if (row)
    check_picture(row, event);
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
                         e->code == SM_LEDGER || e->code == SM_IO;
  if (e->charged == SM_CHARGED_NO && !is_about_itself && !is_fresh(step))
    RULE(model_service_billed(&world.service, step) == 0);
  if (is_refusal(e->code) && job->is_extra)
    world.allowed[step]--; /* not used, and not kept for later */
  if (e->code == SM_UNKNOWN)
    RULE(e->charged == SM_CHARGED_UNKNOWN &&
         (world.sent[step] > 0 || !world.was_calm));
  if (world.is_quiet)
    RULE(e->code == SM_UNKNOWN || e->code == SM_BUDGET || e->code == SM_FAILED);
  if (check_failed > failed)
    fprintf(stderr, "step %d ended so: %s: %s\n", step, sm_code_name(e->code),
            e->message);
}

static void end_job(struct process *process, const struct sm_event *event) {
  struct job *job = &process->jobs[event->id - 1];
  RULE(!job->is_over);
  job->is_over = true;
  process->over++;
  if (event->kind == SM_EVENT_DONE) {
    check_done(event, job->step);
    return;
  }
  check_error(event, job);
  if (event->error->code == SM_UNKNOWN && !event->step->is_copied &&
      event->step->generation > 0 && process->count < JOBS &&
      draw(world.is_quiet ? 0 : world.allows))
    add(process, job->step, event->step->generation);
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
      RULE(row_with_id(event->request_id)); /* M2 */
    if (is_end && event->id > 0)
      end_job(process, event);
    sm_event_delete(event);
  }
}

static void cancel_one(struct process *process) {
  int at = draw_of(process->count);
  struct job *job = &process->jobs[at];
  if (job->is_over)
    return;
  job->is_over = true;
  process->over++;
  sm_engine_cancel(process->engine, (uint64_t)at + 1);
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

/* Its host wants no more of it; what is under way is written. */
static int64_t close_process(struct process *process) {
  sm_engine_take_writes(process->engine);
  if (process->is_dead) {
    bury(process);
    return process->rises_ms;
  }
  if (sm_engine_is_writing(process->engine))
    return process->queued.head->give_up_ms;
  let_leases_go(process);
  sm_engine_delete(process->engine);
  process->engine = NULL;
  process->rises_ms = now_ms() + 1 + draw_of(20) * 1000;
  closes++;
  check_books();
  return process->rises_ms;
}

/* -- time ---------------------------------------------------------------------
 */

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

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
  if (!world.is_quiet && process->over < process->count && draw(0.01))
    cancel_one(process);
  if (world.deaths > 0 && draw(0.002)) {
    world.deaths--;
    process->is_closing = true;
    sm_engine_stop(process->engine);
  }
  if (process->queued.head)
    next_ms = least(next_ms, process->queued.head->give_up_ms);
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
  RULE(!goes_on); /* nobody waits for ever */
  check_books();
}

static void end_processes(void) {
  for (int i = 0; i < world.process_count; i++) {
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
  world.was_calm = world.trouble == 0;
  world.allows = allows[draw_of(3)];
  world.budget = draw(0.3) ? PRICE * (4 + draw_of(20)) : (double)NAN;
  world.process_count = 1 + draw_of(PROCESSES);
  world.deaths = draw_of(6);
  world.until_death = 1 + draw_of(400);
  for (int step = 0; step < STEPS; step++)
    world.allowed[step] = !is_fresh(step);
  make_folder();
}

/* The last life meets no trouble and no other process. */
static void run_in_quiet(void) {
  end_processes();
  world.is_quiet = true;
  world.deaths = 0;
  world.process_count = 1;
  world.service.trouble = 0;
  world.service.now_ms += 2 * SM_LEASE_S * 1000;
  world.processes[0].rises_ms = now_ms();
  run();
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
      number_in("SEGMIND_WORLDS", getenv("SEGMIND_SEED") ? 1 : 400);
  CHECK(sm_base_read(&base, "https://api.segmind.com", NULL) == SM_OK);
  for (seed = first; seed < first + count && check_failed == 0; seed++)
    live();
  printf("seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " jobs, %" PRIu64
         " done, %" PRIu64 " submits, %" PRIu64 " deaths, %" PRIu64 " closes\n",
         first, seed - 1, jobs_run, jobs_done, submits, deaths, closes);
  return check_report("sm_money");
}
