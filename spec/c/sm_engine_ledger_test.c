/* The engine with a ledger in memory: what is written before and after what,
 * who waits for whom, and what an end leaves, whenever it comes. */
#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "memory_store.h"
#include "one_folder.h"
#include "one_service.h"
#include "sm_engine_internal.h"

#define KEY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
/* A task that has no row. */
#define STRANGER 4
#define OTHER "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct memory_store store;
static struct sm_engine *engine;
/* What was told so far, in words; and the last event that ended a task. */
static char told[2000];
static int sent;
static struct sm_event *last;

/* -- the engine's two sides ------------------------------------------------ */

/* M1. */
static enum sm_code checked_start(void *self, struct sm_exchange *exchange,
                                  struct sm_error *e) {
  const struct sm_task *task = exchange->owner;
  bool is_intended = !task->entry;
  for (const struct sm_row *row = store.rows; row; row = row->next)
    is_intended = is_intended || is_in(row, "intent");
  if (exchange->request.is_once)
    CHECK(is_intended);
  sent += exchange->request.is_once;
  return play_start(self, exchange, e);
}

static bool knows(const char *request_id) {
  for (const struct sm_row *row = store.rows; row; row = row->next)
    if (is_of(row, SM_ROW_REQUEST_ID, request_id))
      return true;
  return false;
}

/* While it is away, who looks is told that after a while. */
static bool is_away;
/* The disk does not take the picture. */
static bool is_unsyncable;
/* The answer to the commit of an id is lost. */
static bool is_in_doubt;

static struct sm_write *finished_or_away(void *self) {
  struct sm_write *write = memory_store(&store).finished(self);
  struct sm_error e;
  sm_fail(&e, SM_LEDGER, "the ledger does not answer");
  e.is_retryable = true;
  if (write && is_away && !sm_write_is_after_submit(write))
    sm_write_fail(write, &e);
  sm_fail(&e, SM_IO, "cannot write the picture");
  if (write && is_unsyncable && write->kind == SM_WRITE_KEEP)
    sm_write_fail(write, &e);
  if (write && is_in_doubt && write->kind == SM_WRITE_ACCEPT) {
    write->is_in_doubt = true;
    sm_write_fail(write, &e);
  }
  return write;
}

/* A result is not refused for a picture that cannot be synced. */
static void put_or_complain(void *self, struct sm_write *write) {
  CHECK(!(write->kind == SM_WRITE_COMPLETE && write->is_unsynced));
  memory_store(&store).put(self, write);
}

/* Of the folder of pictures. */
static int syncs;

int fsync(int fd) {
  struct stat facts, other;
  syncs += fstat(fd, &facts) == 0 && stat(folder, &other) == 0 &&
           facts.st_ino == other.st_ino;
  return 0;
}

static void open_here(const char *owner) {
  struct sm_engine_options options = engine_options(4);
  options.transport.start = checked_start;
  options.store = memory_store(&store);
  options.store.put = put_or_complain;
  options.store.finished = finished_or_away;
  options.folder = folder;
  options.has_budget = true;
  options.budget = 1;
  options.wall_ms = store.wall_s * 1000 + service.now_ms;
  store.owner = owner;
  store.now_ms = service.now_ms;
  CHECK(sm_engine_new(&engine, &options, service.now_ms, NULL) == SM_OK);
}

static void open_all(void) {
  enter();
  begin_service();
  store = (struct memory_store){.latency_ms = 5, .wall_s = 1700000000};
  told[0] = '\0';
  sent = 0;
  open_here("me");
}

static void close_all(void) {
  sm_engine_delete(engine);
  memory_store_destroy(&store);
  sm_event_delete(last);
  last = NULL;
  free(service.accepted_ms);
  (void)leave();
}

static void tell(const char *word, uint64_t id) {
  size_t at = strlen(told);
  (void)snprintf(told + at, sizeof told - at, "%s%d:%s", at ? " " : "", (int)id,
                 word);
}

/* M2; of an id that was attached the ledger may know nothing. */
static void hear(struct sm_event *event) {
  if (event->kind == SM_EVENT_STATE && event->request_id &&
      event->id != STRANGER)
    CHECK(knows(event->request_id));
  if (event->kind == SM_EVENT_STATE)
    tell(sm_state_name(event->state), event->id);
  if (event->kind == SM_EVENT_ROW)
    tell("row", event->id);
  if (event->kind == SM_EVENT_DONE)
    tell("done", event->id);
  if (event->kind == SM_EVENT_ERROR)
    tell(event->error ? sm_code_name(event->error->code) : "nothing",
         event->id);
  if (event->kind == SM_EVENT_DONE || event->kind == SM_EVENT_ERROR) {
    sm_event_delete(last);
    last = event;
  } else {
    sm_event_delete(event);
  }
}

static void listen(void) {
  struct sm_events events;
  struct sm_event *event;
  sm_events_create(&events);
  sm_engine_take_events(engine, &events);
  while ((event = sm_events_pop(&events)) != NULL)
    hear(event);
}

static void pass(int64_t ms) {
  int64_t until_ms = service.now_ms + ms;
  while (service.now_ms < until_ms) {
    int64_t wait_ms = sm_engine_turn(engine, service.now_ms);
    listen();
    if (store.queued.head || service.active_count)
      wait_ms = 1;
    if (wait_ms > until_ms - service.now_ms)
      wait_ms = until_ms - service.now_ms;
    service.now_ms += wait_ms > 0 ? wait_ms : 1;
    store.now_ms = service.now_ms;
  }
}

/* -- tasks ----------------------------------------------------------------- */

static struct sm_ledger_step step_of(const char *key) {
  return (struct sm_ledger_step){.key = key,
                                 .params = "{}",
                                 .seed = 7,
                                 .price = 0.04,
                                 .budget = (double)NAN};
}

static struct sm_task *new_step(uint64_t id, const char *key) {
  const struct sm_ledger_step step = step_of(key);
  struct sm_task *task = new_job(id, 120000);
  CHECK(sm_task_enter(task, sm_entry_new(SM_START_STEP, &step, NULL)));
  return task;
}

static void add_step(uint64_t id, const char *key) {
  sm_engine_add(engine, new_step(id, key));
}

static const struct sm_row *row_at(const char *key) {
  return *best_of(&store, key);
}

static bool is_row_in(const char *key, const char *state) {
  const struct sm_row *row = row_at(key);
  return row && is_in(row, state);
}

static bool was_told(const char *words) {
  bool is_same = strcmp(told, words) == 0;
  if (!is_same)
    (void)fprintf(stderr, "told: %s\nwant: %s\n", told, words);
  told[0] = '\0';
  return is_same;
}

static bool is_settled(void) {
  struct sm_stats stats;
  sm_engine_stats(engine, &stats);
  return stats.jobs == 0 && stats.active == 0 && stats.queued == 0 &&
         !store.queued.head && !sm_engine_is_writing(engine);
}

/* -- what waits --------------------------------------------------------------
 */

static size_t size_of(void *block) {
  return block ? malloc_usable_size(block) + sizeof(size_t) : 0;
}

/* Its blocks, and its places in a heap and in two tables. */
static size_t owned_by(const struct sm_task *task) {
  const struct sm_entry *entry = task->entry;
  size_t bytes = size_of((void *)task) + size_of(task->last) +
                 size_of(task->last->step) + size_of(task->last->error) +
                 size_of(task->job.request_id) + 3 * sizeof(void *);
  CHECK(!task->first && !task->body && !task->target && !task->job.room);
  CHECK(!task->job.kept && !task->job.lookup);
  if (!entry)
    return bytes;
  CHECK(!entry->step && !entry->save && !entry->row && !entry->sha256);
  CHECK(!entry->write.row && !entry->write.error);
  return bytes + size_of((void *)entry) + size_of(entry->key);
}

/* By malloc of the C library; a sanitizer's blocks are as large as asked for.
 */
static void a_job_that_waits_owns_little(void) {
  open_all();
  struct sm_task *kept = new_step(
      1, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
  struct sm_task *bare = new_job(STRANGER, 120000);
  sm_engine_add(engine, kept);
  sm_engine_add(engine, bare);
  pass(5000);
  CHECK(strstr(told, "1:ACCEPTED") && strstr(told, "4:ACCEPTED"));
  CHECK(owned_by(kept) <= 944);
  CHECK(owned_by(bare) <= 576);
  close_all();
}

/* -- one step -------------------------------------------------------------- */

static void a_step_is_written_down_as_it_goes(void) {
  open_all();
  add_step(1, KEY);
  pass(60000);
  CHECK(was_told("1:submitting 1:ACCEPTED 1:PROCESSING 1:done"));
  CHECK(is_row_in(KEY, "completed") && knows("r0"));
  CHECK(is_of(row_at(KEY), SM_ROW_FILE, KEY ".png"));
  CHECK(is_of(row_at(KEY), SM_ROW_FILE_SHA256, last->sha256));
  CHECK(strcmp(last->step->kept, in_folder(KEY ".png")) == 0);
  CHECK(holds(in_folder(KEY ".png"), sample_png, sizeof sample_png));
  CHECK(last->step->generation == 1 && !last->is_replayed);
  CHECK(service.submits == 1 && is_settled());
  close_all();
}

static void what_is_finished_is_not_sent_again(void) {
  open_all();
  add_step(1, KEY);
  pass(60000);
  (void)was_told("1:submitting 1:ACCEPTED 1:PROCESSING 1:done");
  add_step(2, KEY);
  pass(1000);
  CHECK(was_told("2:done") && last->is_replayed);
  CHECK(last->step->kept && last->body && strstr(last->body, "p.png"));
  CHECK(strcmp(last->request_id, "r0") == 0 && last->error == NULL);
  CHECK(service.submits == 1 && service.downloads == 1 && is_settled());
  close_all();
}

static void a_kept_picture_that_changed_is_fetched_again(void) {
  open_all();
  add_step(1, KEY);
  pass(60000);
  put(in_folder(KEY ".png"), sample_jpeg, sizeof sample_jpeg);
  add_step(2, KEY);
  pass(1000);
  CHECK(last->id == 2 && last->kind == SM_EVENT_DONE && last->step->kept);
  CHECK(service.submits == 1 && service.downloads == 2);
  CHECK(holds(in_folder(KEY ".png"), sample_png, sizeof sample_png));
  service.picture_status = 404;
  CHECK(remove(in_folder(KEY ".png")) == 0);
  add_step(3, KEY);
  pass(60000);
  CHECK(last->id == 3 && last->kind == SM_EVENT_DONE && !last->step->kept);
  CHECK(last->error && last->error->code == SM_IO &&
        last->error->charged == SM_CHARGED_YES);
  CHECK(service.submits == 1 && is_settled());
  close_all();
}

static void a_picture_goes_where_the_caller_wants_it(void) {
  open_all();
  for (uint64_t id = 1; id <= 2; id++) {
    struct sm_task *task = new_step(id, KEY);
    task->entry->save = strdup(in_folder(id == 1 ? "one" : "two.png"));
    sm_engine_add(engine, task);
    pass(60000);
    CHECK(last->id == id && last->is_file && last->step->kept);
  }
  CHECK(was_told("1:submitting 1:ACCEPTED 1:PROCESSING 1:saving 1:done "
                 "2:saving 2:done"));
  CHECK(holds(in_folder("one.png"), sample_png, sizeof sample_png));
  CHECK(holds(in_folder("two.png"), sample_png, sizeof sample_png));
  close_all();
}

static void a_slow_ledger_keeps_no_poll_waiting(void) {
  open_all();
  add_step(1, KEY);
  pass(8);
  store.latency_ms = 40000;
  pass(30000);
  CHECK(service.accepted == 1 && service.polls > 0);
  CHECK(was_told("1:submitting"));
  store.latency_ms = 5;
  pass(60000);
  CHECK(was_told("1:ACCEPTED 1:PROCESSING 1:done"));
  CHECK(is_settled());
  close_all();
}

static void a_step_without_a_body_waits_for_it(void) {
  open_all();
  struct sm_task *task = new_step(1, KEY);
  struct sm_body *body = task->body;
  task->body = NULL;
  sm_engine_add(engine, task);
  pass(1000);
  CHECK(was_told("1:free") && service.submits == 0);
  struct sm_task *bearer = sm_task_new(SM_TASK_PROCEED, "");
  bearer->id = 1;
  bearer->body = body;
  sm_engine_add(engine, bearer);
  pass(60000);
  CHECK(was_told("1:submitting 1:ACCEPTED 1:PROCESSING 1:done"));
  close_all();
}

static void a_step_that_waits_for_a_slot_says_so_and_has_no_row(void) {
  open_all();
  service.is_silent = true;
  for (uint64_t id = 1; id <= 4; id++) {
    char key[] = KEY;
    key[0] = (char)('0' + id);
    add_step(id, key);
  }
  pass(20);
  told[0] = '\0';
  add_step(5, KEY);
  pass(100);
  CHECK(was_told("5:waiting") && row_at(KEY) == NULL);
  sm_engine_cancel(engine, 5);
  pass(10);
  CHECK(row_at(KEY) == NULL);
  close_all();
}

static void add_sync(uint64_t id, const char *key) {
  const struct sm_ledger_step step = step_of(key);
  struct sm_task *task = sm_task_new(SM_TASK_CALL, "flux");
  task->id = id;
  task->body = sm_body_new();
  sm_body_add_text(task->body, "{}", 2, NULL);
  sm_fetch_create(&task->call, SM_FETCH_SYNC, service.now_ms + 120000);
  CHECK(sm_task_enter(task, sm_entry_new(SM_START_STEP, &step, NULL)));
  sm_engine_add(engine, task);
}

static bool has_picture(const struct sm_event *event) {
  return event->body && event->body_size == sizeof sample_png &&
         memcmp(event->body, sample_png, sizeof sample_png) == 0;
}

static void a_picture_that_comes_by_itself_is_kept(void) {
  open_all();
  add_sync(1, KEY);
  pass(1000);
  CHECK(was_told("1:submitting 1:done") && has_picture(last));
  CHECK(holds(in_folder(KEY ".png"), sample_png, sizeof sample_png));
  CHECK(is_row_in(KEY, "completed") &&
        is_of(row_at(KEY), SM_ROW_FILE, KEY ".png"));
  add_sync(2, KEY);
  pass(1000);
  CHECK(was_told("2:done") && has_picture(last) && last->is_replayed);
  CHECK(service.submits == 1 && is_settled());
  close_all();
}

/* -- several --------------------------------------------------------------- */

static void two_at_a_step_are_sent_once(void) {
  open_all();
  add_step(1, KEY);
  add_step(2, KEY);
  pass(60000);
  CHECK(was_told("2:waiting 1:submitting 1:ACCEPTED 1:PROCESSING 1:done "
                 "2:done"));
  CHECK(service.submits == 1 && last->is_replayed && is_settled());
  close_all();
}

static void a_leaders_error_is_that_of_those_who_wait(void) {
  open_all();
  service.submit_status = 400;
  add_step(1, KEY);
  add_step(2, KEY);
  pass(10000);
  CHECK(was_told("2:waiting 1:submitting 1:rejected 2:rejected"));
  CHECK(last->is_copied && service.submits == 1);
  CHECK(is_row_in(KEY, "failed") && is_settled());
  close_all();
}

static void one_who_waits_goes_on_when_the_leader_is_cancelled(void) {
  open_all();
  add_step(1, KEY);
  add_step(2, KEY);
  pass(100);
  told[0] = '\0';
  sm_engine_cancel(engine, 1);
  pass(60000);
  CHECK(was_told("2:row 2:ACCEPTED 2:PROCESSING 2:done"));
  CHECK(service.submits == 1 && is_settled());
  close_all();
}

static void a_fresh_one_is_sent_beside_the_other(void) {
  open_all();
  add_step(1, KEY);
  struct sm_task *task = new_step(2, KEY);
  task->entry->step->is_fresh = true;
  sm_engine_add(engine, task);
  pass(60000);
  CHECK(service.accepted == 2 && is_settled());
  CHECK(holds(in_folder(KEY "-2.png"), sample_png, sizeof sample_png));
  close_all();
}

static void another_processs_step_is_waited_for(void) {
  open_all();
  add_step(1, KEY);
  pass(1000);
  struct sm_engine *other = engine;
  open_here("another");
  told[0] = '\0';
  add_step(2, KEY);
  pass(5000);
  is_away = true;
  pass(5000);
  is_away = false;
  CHECK(was_told("2:waiting") && service.submits == 1);
  struct sm_engine *here = engine;
  engine = other;
  store.owner = "me";
  pass(30000);
  CHECK(is_row_in(KEY, "completed"));
  sm_engine_delete(engine);
  engine = here;
  told[0] = '\0';
  pass(2000);
  CHECK(was_told("2:done") && last->is_replayed);
  CHECK(service.submits == 1 && is_settled());
  close_all();
}

/* -- taking over ----------------------------------------------------------- */

static void crash(void) {
  listen();
  memory_store_crash(&store, "heir");
  sm_engine_delete(engine);
  service.active_count = 0;
  open_here("heir");
  told[0] = '\0';
}

static void an_accepted_step_is_taken_up_by_its_id(void) {
  open_all();
  add_step(1, KEY);
  pass(1000);
  crash();
  add_step(2, KEY);
  pass(60000);
  CHECK(was_told("2:row 2:ACCEPTED 2:PROCESSING 2:done"));
  CHECK(service.submits == 1 && is_row_in(KEY, "completed") && is_settled());
  close_all();
}

static void an_intent_is_looked_up_and_what_is_found_is_written(void) {
  open_all();
  service.trip_ms = 500;
  add_step(1, KEY);
  pass(100);
  CHECK(is_row_in(KEY, "intent"));
  service.accepted_ms[service.accepted++] = service.now_ms;
  crash();
  service.trip_ms = 2;
  service.history = "[{\"request_id\":\"r0\",\"model_name\":\"flux\","
                    "\"model_created\":1700000005,\"request_body\":{}}]";
  add_step(2, KEY);
  pass(60000);
  CHECK(was_told("2:row 2:submitting 2:ACCEPTED 2:PROCESSING 2:done"));
  CHECK(service.submits == 0 && is_row_in(KEY, "completed"));
  close_all();
}

/* With leave of the caller. */
static void send_again(uint64_t id) {
  struct sm_task *task = new_step(id, KEY);
  task->entry->start = SM_START_AGAIN;
  task->entry->generation = 1;
  sm_engine_add(engine, task);
}

static void an_intent_that_nobody_knows_is_unknown_and_not_repeated(void) {
  open_all();
  service.trip_ms = 500;
  add_step(1, KEY);
  pass(100);
  crash();
  service.trip_ms = 2;
  service.history = "[]";
  add_step(2, KEY);
  pass(90000);
  CHECK(was_told("2:row 2:submitting 2:unknown"));
  CHECK(last->error->charged == SM_CHARGED_UNKNOWN);
  CHECK(service.submits == 0 && is_row_in(KEY, "unknown") && is_settled());
  CHECK(last->step->generation == 1);
  send_again(3);
  pass(60000);
  CHECK(was_told("3:submitting 3:ACCEPTED 3:PROCESSING 3:done"));
  CHECK(amount(row_at(KEY), SM_ROW_DOUBT) > 0.03);
  close_all();
}

static void adopt(uint64_t id, const char *key, const char *request_id) {
  struct sm_task *task = new_step(id, key);
  task->entry->start = SM_START_ADOPT;
  task->entry->generation = 1;
  CHECK(sm_job_attach(&task->job, request_id, service.now_ms, NULL) == SM_OK);
  sm_engine_add(engine, task);
}

static void an_id_that_the_caller_knows_is_written_first(void) {
  open_all();
  service.submit_status = 500;
  service.history = "[]";
  add_step(1, KEY);
  add_step(2, OTHER);
  pass(90000);
  CHECK(is_row_in(KEY, "unknown") && is_row_in(OTHER, "unknown"));
  told[0] = '\0';
  service.accepted_ms[service.accepted++] = service.now_ms;
  adopt(3, KEY, "r0");
  pass(60000);
  CHECK(was_told("3:ACCEPTED 3:PROCESSING 3:done"));
  CHECK(is_row_in(KEY, "completed"));
  adopt(4, OTHER, "r0");
  pass(60000);
  CHECK(was_told("4:unknown") && is_row_in(OTHER, "unknown"));
  CHECK(last->request_id == NULL && is_settled());
  close_all();
}

/* Which has found nothing, and ends: the row is that of an accepted request. */
static void an_id_that_the_caller_knows_is_kept_from_a_job_that_looks(void) {
  open_all();
  service.submit_status = 500;
  service.history = "[]";
  add_step(1, KEY);
  pass(90000);
  CHECK(is_row_in(KEY, "unknown"));
  told[0] = '\0';
  service.duration_ms = 100000;
  service.accepted_ms[service.accepted++] = service.now_ms;
  add_step(2, KEY);
  pass(100);
  adopt(3, KEY, "r0");
  pass(60000);
  CHECK(was_told("2:row 2:submitting 3:ACCEPTED 3:PROCESSING 2:unknown"));
  CHECK(is_row_in(KEY, "accepted"));
  CHECK(amount(row_at(KEY), SM_ROW_LEASE_UNTIL) > 0);
  pass(60000);
  CHECK(was_told("3:done") && is_row_in(KEY, "completed") && is_settled());
  close_all();
}

/* The ledger is mended when the id has been given up, and what comes after that
 * is about to be written. */
static void mend_at(enum sm_write_kind kind) {
  while (store.is_broken && service.now_ms < 1000000) {
    pass(1);
    store.is_broken = !store.queued.head || store.queued.head->kind != kind;
  }
}

/* The outcome of OTHER is not known, and r0 is the id of KEY; the caller takes
 * it for that of OTHER, while the ledger cannot be written. */
static void mistake_an_id(int64_t duration_ms) {
  open_all();
  service.submit_status = 500;
  service.history = "[]";
  add_step(2, OTHER);
  pass(90000);
  service.submit_status = 200;
  add_step(1, KEY);
  pass(60000);
  CHECK(is_row_in(OTHER, "unknown") && is_row_in(KEY, "completed"));
  service.duration_ms = duration_ms;
  told[0] = '\0';
  store.is_broken = true;
  adopt(3, OTHER, "r0");
}

static bool is_disbelieved(void) {
  const struct sm_row *row = row_at(OTHER);
  pass(1000);
  return last->error && last->error->code == SM_UNKNOWN &&
         last->error->charged == SM_CHARGED_UNKNOWN && !last->request_id &&
         is_in(row, "unknown") && !sm_row_text(row, SM_ROW_REQUEST_ID) &&
         is_settled();
}

/* M3. */
static void an_id_of_another_step_is_not_believed_when_it_comes_late(void) {
  mistake_an_id(10000000);
  mend_at(SM_WRITE_END);
  CHECK(is_disbelieved() && was_told("3:unknown"));
  close_all();
  mistake_an_id(1000);
  mend_at(SM_WRITE_COMPLETE);
  CHECK(is_disbelieved() && was_told("3:unknown"));
  close_all();
}

static void attach(uint64_t id, const char *request_id) {
  struct sm_task *task = new_job(id, 120000);
  CHECK(sm_task_enter(task, sm_entry_new(SM_START_ATTACH, NULL, NULL)));
  CHECK(sm_job_attach(&task->job, request_id, service.now_ms, NULL) == SM_OK);
  sm_engine_add(engine, task);
}

static void an_id_is_attached_to_its_row(void) {
  open_all();
  add_step(1, KEY);
  pass(1000);
  crash();
  attach(2, "r0");
  pass(60000);
  CHECK(was_told("2:row 2:ACCEPTED 2:PROCESSING 2:done"));
  CHECK(is_row_in(KEY, "completed"));
  attach(3, "r0");
  pass(1000);
  CHECK(was_told("3:done") && last->is_replayed);
  service.accepted_ms[service.accepted++] = service.now_ms;
  attach(STRANGER, "r1");
  pass(60000);
  CHECK(was_told("4:PROCESSING 4:done") && is_settled());
  close_all();
}

/* The key of the step is not known while its id is being looked for. */
static void a_row_that_is_taken_by_its_id_and_its_key_has_one_job(void) {
  open_all();
  add_step(1, KEY);
  pass(1000);
  crash();
  attach(2, "r0");
  add_step(3, KEY);
  pass(60000);
  CHECK(was_told("2:row 2:ACCEPTED 3:waiting 2:PROCESSING 2:done 3:done"));
  CHECK(service.submits == 1 && is_row_in(KEY, "completed") && is_settled());
  close_all();
}

/* One of two at a row ends while it asks for it: the row is the other's. */
static void who_asks_for_a_row_of_another_job_lets_nothing_go(void) {
  open_all();
  add_step(1, KEY);
  pass(1000);
  crash();
  attach(2, "r0");
  add_step(3, KEY);
  pass(1);
  sm_engine_cancel(engine, 3);
  pass(1000);
  CHECK(was_told("2:row 2:ACCEPTED 2:PROCESSING"));
  CHECK(amount(row_at(KEY), SM_ROW_LEASE_UNTIL) > 0);
  pass(60000);
  CHECK(was_told("2:done") && is_settled());
  close_all();
}

/* When one of the first jobs of a model is over, the others are looked at. */
static void a_cancelled_job_whose_end_is_being_written_is_not_polled(void) {
  open_all();
  add_step(1, KEY);
  add_step(2, OTHER);
  pass(1000);
  told[0] = '\0';
  store.latency_ms = 120000;
  sm_engine_cancel(engine, 2);
  bool is_planned = false;
  for (int ms = 0; ms < 60000; ms++) {
    pass(1);
    const struct sm_task *task = sm_tasks_find(&engine->tasks, 2);
    is_planned |= !task || task->timer.at_ms < INT64_MAX;
  }
  CHECK(was_told("1:PROCESSING") && service.downloads == 1 && !is_planned);
  pass(240000);
  CHECK(was_told("1:done") && is_settled());
  close_all();
}

/* The host slept for longer than a lease lasts, and nothing renewed it. */
static void a_lease_that_lapsed_gives_a_row_to_no_second_job(void) {
  open_all();
  service.duration_ms = 200000;
  add_step(1, KEY);
  pass(65000);
  told[0] = '\0';
  attach(2, "r0");
  pass(10);
  CHECK(was_told("2:row 2:ACCEPTED 2:PROCESSING"));
  sm_engine_cancel(engine, 2);
  pass(10);
  CHECK(amount(row_at(KEY), SM_ROW_LEASE_UNTIL) > 0);
  close_all();
}

/* Another process carries out a write. */
static enum sm_standing commit_of_another(enum sm_write_kind kind,
                                          int64_t generation) {
  struct sm_ledger_step step = step_of(KEY);
  struct sm_write write = {0};
  step.api = "v2";
  step.body = "{}";
  step.body_size = 2;
  sm_write_create(&write, kind, &step);
  write.generation = generation;
  write.state = kind == SM_WRITE_END ? "unknown" : NULL;
  store.owner = "other";
  store.is_alone = true;
  memory_apply(&store, &write);
  store.owner = "me";
  store.is_alone = false;
  sm_write_clear(&write);
  return write.standing;
}

/* The host slept while its submit was under way; another process has found it
 * in doubt, and sends the step again with leave. */
static void what_comes_late_is_beside_the_submit_that_followed_it(void) {
  open_all();
  service.trip_ms = 500;
  add_step(1, KEY);
  pass(100);
  CHECK(commit_of_another(SM_WRITE_LOOK, 0) == SM_STANDING_TAKEN);
  (void)commit_of_another(SM_WRITE_END, 1);
  CHECK(commit_of_another(SM_WRITE_CLAIM, 1) == SM_STANDING_MINE);
  pass(60000);
  CHECK(was_told("1:submitting 1:ACCEPTED 1:PROCESSING 1:done"));
  const struct sm_row *theirs = *row_of(&store, KEY, 1);
  CHECK(is_in(theirs, "intent") && sm_row_submits(theirs) == 2);
  CHECK(is_of(row_at(KEY), SM_ROW_REQUEST_ID, "r0"));
  CHECK(is_of(row_at(KEY), SM_ROW_FILE, KEY "-2.png") &&
        last->step->generation == 2 && is_settled());
  close_all();
}

/* -- trouble --------------------------------------------------------------- */

static void a_budget_refuses_before_a_row_is_written(void) {
  open_all();
  struct sm_task *task = new_step(1, KEY);
  task->entry->step->price = 2;
  sm_engine_add(engine, task);
  pass(1000);
  CHECK(was_told("1:budget") && row_at(KEY) == NULL && service.submits == 0);
  CHECK(last->budget > 0.9 && last->price > 1.9);
  CHECK(is_settled());
  close_all();
}

static void who_waits_is_not_sent_when_the_key_is_refused(void) {
  for (int status = 401; status <= 403; status++) {
    open_all();
    service.submit_status = status;
    for (uint64_t id = 1; id <= 9; id++) {
      char key[] = KEY;
      key[0] = (char)('0' + id);
      add_step(id, key);
    }
    pass(20000);
    CHECK(sent == 4 && is_settled());
    int failures = 0;
    for (const struct sm_row *row = store.rows; row; row = row->next)
      failures += is_in(row, "failed");
    CHECK(failures == 4);
    service.submit_status = 200;
    add_step(20, KEY);
    pass(60000);
    CHECK(sent == 5 && last->kind == SM_EVENT_DONE);
    close_all();
  }
}

static void a_failed_job_is_free_to_run_again(void) {
  open_all();
  service.result = "{\"status\":\"FAILED\",\"error\":\"no\"}";
  add_step(1, KEY);
  pass(60000);
  CHECK(was_told("1:submitting 1:ACCEPTED 1:PROCESSING 1:FAILED 1:failed"));
  CHECK(is_row_in(KEY, "failed"));
  service.result = NULL;
  add_step(2, KEY);
  pass(60000);
  CHECK(last->kind == SM_EVENT_DONE && service.submits == 2 && is_settled());
  close_all();
}

/* The history shows the failed job, whose body is the same. */
static bool is_taken_for_nothing(uint64_t id, const char *model_created) {
  static char history[160];
  (void)snprintf(history, sizeof history,
                 "[{\"request_id\":\"r0\",\"model_name\":\"flux\","
                 "\"model_created\":%s,\"request_body\":{}}]",
                 model_created);
  service.history = history;
  add_step(id, KEY);
  pass(100000);
  return last->id == id && last->request_id == NULL && service.submits == 2 &&
         is_row_in(KEY, "unknown") && is_settled();
}

static void a_failed_job_is_not_taken_for_the_submit_that_follows_it(void) {
  open_all();
  service.result = "{\"status\":\"FAILED\",\"error\":\"no\"}";
  add_step(1, KEY);
  pass(60000);
  crash();
  service.submit_status = 500;
  CHECK(is_taken_for_nothing(2, "1700000070"));
  CHECK(was_told("2:submitting 2:unknown"));
  close_all();
}

/* The first submit is in doubt, the second was paid to nobody: its row, which
 * another process takes over, has its id. */
static void a_failed_job_is_not_taken_for_the_submit_before_it(void) {
  open_all();
  service.submit_status = 500;
  service.history = "[]";
  add_step(1, KEY);
  pass(90000);
  service.submit_status = 200;
  service.result = "{\"status\":\"FAILED\",\"error\":\"no\"}";
  send_again(2);
  pass(60000);
  CHECK(last->id == 2 && last->error->code == SM_FAILED);
  CHECK(is_row_in(KEY, "unknown") && knows("r0"));
  crash();
  CHECK(is_taken_for_nothing(3, "1700000095"));
  CHECK(was_told("3:row 3:submitting 3:unknown"));
  close_all();
}

/* M5. */
static void nothing_is_sent_where_the_claim_is_not_written(void) {
  open_all();
  add_step(1, KEY);
  while (!store.queued.head || store.queued.head->kind != SM_WRITE_CLAIM)
    pass(1);
  store.is_broken = true;
  pass(1000);
  CHECK(was_told("1:ledger") && last->error->charged == SM_CHARGED_NO);
  CHECK(service.submits == 0 && is_settled());
  close_all();
}

static void nothing_is_sent_while_the_ledger_is_away(void) {
  open_all();
  add_step(1, KEY);
  pass(6);
  store.is_down = true;
  pass(130000);
  CHECK(was_told("") && service.submits == 0);
  store.is_down = false;
  pass(1000);
  CHECK(was_told("1:timeout") && last->error->charged == SM_CHARGED_NO);
  CHECK(service.submits == 0 && is_row_in(KEY, "failed") && is_settled());
  is_away = true;
  add_step(2, OTHER);
  pass(1000);
  is_away = false;
  CHECK(last->error && last->error->code == SM_LEDGER);
  CHECK(last->error->charged == SM_CHARGED_NO && service.submits == 0);
  close_all();
}

/* -- a ledger that cannot be used any more --------------------------------- */

static void add_saved_step(void) {
  struct sm_task *task = new_step(1, KEY);
  task->entry->save = strdup(in_folder("mine.png"));
  sm_engine_add(engine, task);
}

static bool is_delivered(void) {
  return holds(in_folder(KEY ".png"), sample_png, sizeof sample_png) &&
         holds(in_folder("mine.png"), sample_png, sizeof sample_png);
}

/* M4. The end of a job whose result is here and cannot be written. */
static bool ends_with_all_it_knows(void) {
  return last && last->kind == SM_EVENT_DONE && last->error &&
         last->error->code == SM_LEDGER &&
         last->error->charged == SM_CHARGED_YES && last->request_id &&
         strcmp(last->request_id, "r0") == 0 &&
         strstr(last->body, "https://h/p.png") && last->is_file &&
         strcmp(last->place, in_folder("mine.png")) == 0;
}

static void a_ledger_that_fails_keeps_no_picture_from_the_caller(void) {
  open_all();
  add_saved_step();
  pass(12);
  store.is_broken = true;
  pass(60000);
  CHECK(service.accepted == 1 && service.polls > 0 && is_delivered());
  CHECK(was_told("1:submitting"));
  pass(60100);
  CHECK(was_told("1:done") && ends_with_all_it_knows());
  CHECK(is_row_in(KEY, "intent") && is_settled());
  close_all();
}

static void a_ledger_that_is_mended_has_it_all(void) {
  open_all();
  add_saved_step();
  pass(12);
  store.is_broken = true;
  pass(60000);
  CHECK(was_told("1:submitting"));
  store.is_broken = false;
  pass(100);
  CHECK(was_told("1:ACCEPTED 1:saving 1:done") && !last->error);
  CHECK(is_row_in(KEY, "completed") && knows("r0"));
  CHECK(is_of(row_at(KEY), SM_ROW_FILE, KEY ".png"));
  CHECK(sm_row_text(row_at(KEY), SM_ROW_RESULT));
  CHECK(is_delivered() && service.downloads == 1 && is_settled());
  close_all();
}

static void add_described_step(uint64_t id, const char *path) {
  struct sm_task *task = new_step(id, KEY);
  task->entry->save = strdup(path);
  CHECK(sm_metadata_new(&task->metadata, "at \1d, of \1i\n", "", NULL) ==
        SM_OK);
  sm_engine_add(engine, task);
}

static size_t read_copy(const char *path, char *bytes, size_t room) {
  FILE *file = fopen(path, "rb");
  CHECK(file != NULL);
  size_t size = fread(bytes, 1, room, file);
  (void)fclose(file);
  return size;
}

/* A step that takes it as a picture is known by its bytes. */
static void a_copy_is_the_same_bytes_whenever_it_is_made(void) {
  static char first[8192], second[8192];
  open_all();
  add_described_step(1, in_folder("first.png"));
  pass(12);
  store.is_broken = true; /* the row is completed much later than it is saved */
  pass(60000);
  store.is_broken = false;
  pass(100);
  CHECK(last->id == 1 && last->kind == SM_EVENT_DONE && last->is_file);
  pass(5000);
  add_described_step(2, in_folder("second.png"));
  pass(1000);
  CHECK(last->id == 2 && last->is_replayed && last->is_file);
  size_t size = read_copy(in_folder("first.png"), first, sizeof first);
  CHECK(size > sizeof sample_png);
  CHECK(read_copy(in_folder("second.png"), second, sizeof second) == size);
  CHECK(memcmp(first, second, size) == 0);
  CHECK(service.submits == 1);
  close_all();
}

static void a_result_that_cannot_be_written_is_told_at_the_deadline(void) {
  open_all();
  add_saved_step();
  pass(1000);
  CHECK(was_told("1:submitting 1:ACCEPTED"));
  store.is_broken = true;
  pass(60000);
  CHECK(was_told("1:PROCESSING 1:saving") && is_delivered());
  pass(60100);
  CHECK(was_told("1:done") && ends_with_all_it_knows());
  CHECK(is_row_in(KEY, "accepted") && is_settled());
  close_all();
}

/* Whether the engine makes the sync of a job that has ended. */
static bool syncs_at_the_end(bool is_in_trouble) {
  syncs = 0;
  pass(60000);
  CHECK(service.downloads == 1 && syncs == 0);
  pass(60100);
  CHECK(last && last->kind == SM_EVENT_DONE && !last->error == !is_in_trouble);
  close_all();
  return syncs == 1;
}

/* M10. A store that carries the write out has made the sync. */
static void a_picture_that_no_row_names_is_synced_at_the_end(void) {
  open_all();
  add_step(1, KEY);
  pass(1000);
  store.is_broken = true; /* before the result is written */
  CHECK(syncs_at_the_end(true));
  open_all();
  add_step(1, KEY);
  pass(1000);
  while (!is_row_in(KEY, "completed"))
    pass(1);
  store.is_broken = true; /* before the picture is */
  CHECK(syncs_at_the_end(true));
  open_all();
  add_step(1, KEY);
  CHECK(!syncs_at_the_end(false));
}

static void a_picture_that_the_disk_does_not_take_leaves_the_result(void) {
  open_all();
  is_unsyncable = true;
  add_step(1, KEY);
  pass(60000);
  is_unsyncable = false;
  CHECK(last && last->kind == SM_EVENT_DONE && last->error);
  CHECK(last->error->code == SM_IO && last->error->charged == SM_CHARGED_YES &&
        strstr(last->error->message, "the picture is at https://h/p.png"));
  CHECK(is_row_in(KEY, "completed") && is_settled());
  close_all();
}

static void a_job_whose_id_could_not_be_written_ends_with_it(void) {
  open_all();
  service.duration_ms = 1000000;
  add_step(1, KEY);
  pass(12);
  store.is_broken = true;
  pass(119000);
  CHECK(was_told("1:submitting"));
  pass(1500);
  CHECK(was_told("1:ledger") && strcmp(last->request_id, "r0") == 0);
  CHECK(last->error->charged == SM_CHARGED_YES &&
        strstr(last->error->message, "client:attach"));
  CHECK(is_settled());
  close_all();
}

/* M4. Another process has made its own of the row meanwhile. */
static void an_id_that_may_have_got_a_row_of_its_own_ends_there(void) {
  open_all();
  add_step(1, KEY);
  while (!service.accepted)
    pass(1);
  struct sm_db_value values[SM_ROW_COLUMNS];
  memcpy(values, store.rows->value, sizeof values);
  values[SM_ROW_STATE] = sm_db_text("accepted");
  values[SM_ROW_REQUEST_ID] = sm_db_text("theirs");
  values[SM_ROW_LEASE_OWNER] = sm_db_text("they");
  put_row(&store.rows, values);
  is_in_doubt = true;
  pass(1000);
  is_in_doubt = false;
  CHECK(was_told("1:submitting 1:ledger"));
  CHECK(last->request_id && strcmp(last->request_id, "r0") == 0);
  CHECK(last->step->generation == 2 &&
        is_of(row_at(KEY), SM_ROW_REQUEST_ID, "r0"));
  CHECK(amount(row_at(KEY), SM_ROW_LEASE_UNTIL) == 0 && is_settled());
  close_all();
}

/* M5. */
static void nothing_is_sent_with_a_ledger_that_fails(void) {
  open_all();
  store.is_broken = true;
  add_step(1, KEY);
  pass(1000);
  CHECK(was_told("1:ledger") && last->error->charged == SM_CHARGED_NO);
  CHECK(last->error->is_retryable); /* as the ledger said */
  CHECK(service.submits == 0 && is_settled());
  close_all();
}

/* All descriptors but so many of those that are free are used up. */
static void leave_descriptors(int count) {
  struct rlimit limit;
  int free_one = open("/dev/null", O_RDONLY);
  CHECK(free_one >= 0 && close(free_one) == 0);
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = count < 0 ? limit.rlim_max : (rlim_t)(free_one + count);
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* The folder is opened, the file in it is not. */
static void a_picture_that_no_descriptor_is_left_for_is_fetched_later(void) {
  for (int is_short = 0; is_short < 2; is_short++) {
    open_all();
    add_step(1, KEY);
    while (!is_row_in(KEY, "accepted"))
      pass(1);
    leave_descriptors(1);
    pass(is_short ? 1500 : 100000);
    leave_descriptors(-1);
    pass(60000);
    CHECK(last && last->kind == SM_EVENT_DONE && is_row_in(KEY, "completed"));
    CHECK((last->error == NULL) == is_short);
    CHECK(is_short || (last->error->code == SM_IO &&
                       last->error->charged == SM_CHARGED_YES &&
                       strstr(last->error->message, "https://h/p.png")));
    close_all();
  }
}

static void a_download_that_fails_leaves_the_result(void) {
  open_all();
  service.picture_status = 404;
  add_step(1, KEY);
  pass(60000);
  CHECK(last->kind == SM_EVENT_DONE && last->error &&
        last->error->code == SM_IO);
  CHECK(last->body && strstr(last->error->message, "https://h/p.png"));
  CHECK(is_row_in(KEY, "completed") && is_settled());
  close_all();
}

/* -- ends at any time ------------------------------------------------------ */

/* Nothing accepted is forgotten, nothing is sent twice, and what was surely not
 * sent is free. */
static void check_left(int at) {
  char id[16];
  for (int i = 0; i < service.accepted; i++) {
    (void)snprintf(id, sizeof id, "r%d", i);
    if (!knows(id) && !is_row_in(KEY, "intent"))
      (void)fprintf(stderr, "at %d: %s is lost\n", at, id);
    CHECK(knows(id) || is_row_in(KEY, "intent"));
  }
  CHECK(service.accepted <= 1);
  if (row_at(KEY) && sent == 0)
    CHECK(is_row_in(KEY, "failed"));
}

static void a_job_may_be_cancelled_at_any_time(void) {
  for (int at = 0; at < 80; at++) {
    open_all();
    service.duration_ms = 20;
    add_step(1, KEY);
    pass(at + 1);
    bool was_over = last != NULL;
    sm_engine_cancel(engine, 1);
    pass(1000);
    check_left(at);
    CHECK(is_settled() && (was_over || last == NULL));
    close_all();
  }
}

static void a_deadline_may_come_at_any_time(void) {
  for (int at = 1; at < 80; at++) {
    open_all();
    service.duration_ms = 20;
    service.history = "[]";
    struct sm_task *task = new_step(1, KEY);
    task->job.deadline_ms = service.now_ms + at;
    sm_engine_add(engine, task);
    pass(90000);
    check_left(at);
    CHECK(is_settled() && last);
    close_all();
  }
}

static void stop_engine(void) {
  sm_engine_stop(engine);
  for (int i = 0; i < 100 && sm_engine_is_writing(engine); i++) {
    store.now_ms++;
    sm_engine_take_writes(engine);
  }
  CHECK(!sm_engine_is_writing(engine) && !store.queued.head);
}

static void an_engine_may_be_stopped_at_any_time(void) {
  for (int at = 0; at < 80; at++) {
    open_all();
    service.duration_ms = 20;
    add_step(1, KEY);
    add_step(2, KEY);
    add_step(3, OTHER);
    pass(at + 1);
    stop_engine();
    if (sent == 0 && row_at(KEY))
      CHECK(is_row_in(KEY, "failed"));
    close_all();
  }
}

/* Its row, and its key, are known only when the ledger has found it: that is
 * let go then. */
static void an_engine_may_be_stopped_while_an_id_is_looked_for(void) {
  for (int at = 0; at < 12; at++) {
    open_all();
    add_step(1, KEY);
    pass(1000);
    crash();
    attach(2, "r0");
    pass(at + 1);
    stop_engine();
    CHECK(is_row_in(KEY, "accepted") && knows("r0"));
    CHECK(told[0] || amount(row_at(KEY), SM_ROW_LEASE_UNTIL) < 1);
    close_all();
  }
}

/* A v1 answer comes once: a row that is finished has its picture. */
static void a_picture_is_never_lost_between_its_answer_and_its_row(void) {
  for (int at = 0; at < 60; at++) {
    open_all();
    add_sync(1, KEY);
    pass(at + 1);
    if (at % 2)
      sm_engine_cancel(engine, 1);
    stop_engine();
    if (is_row_in(KEY, "completed"))
      CHECK(holds(in_folder(KEY ".png"), sample_png, sizeof sample_png) &&
            is_of(row_at(KEY), SM_ROW_FILE, KEY ".png"));
    else if (row_at(KEY))
      CHECK(is_row_in(KEY, sent ? "intent" : "failed"));
    close_all();
  }
}

/* -- what was learned ------------------------------------------------------ */

/* Runs a step alone. How late its end is known, in ms. */
static int64_t run_alone(uint64_t id) {
  char key[] = KEY;
  int64_t begun_ms = service.now_ms;
  key[0] = (char)('a' + id);
  add_step(id, key);
  while (!is_row_in(key, "completed") && service.now_ms < begun_ms + 30000)
    pass(1);
  return service.now_ms - begun_ms - service.duration_ms;
}

static void a_second_run_knows_how_long_a_model_takes(void) {
  open_all();
  service.duration_ms = 3000; /* and twenty seconds are published */
  CHECK(run_alone(1) > 1000);
  for (uint64_t id = 2; id < 6; id++)
    (void)run_alone(id);
  pass(100);
  sm_engine_delete(engine);
  open_here("you");
  CHECK(run_alone(6) < 300);
  CHECK(store.latency.jobs > 1 && fabs(exp(store.latency.mu) - 3) < 0.3);
  close_all();
}

int main(void) {
  CHECK(sm_base_read(&base, "https://api.segmind.com", NULL) == SM_OK);
  a_job_that_waits_owns_little();
  a_step_is_written_down_as_it_goes();
  what_is_finished_is_not_sent_again();
  a_kept_picture_that_changed_is_fetched_again();
  a_picture_goes_where_the_caller_wants_it();
  a_slow_ledger_keeps_no_poll_waiting();
  a_step_without_a_body_waits_for_it();
  a_second_run_knows_how_long_a_model_takes();
  a_step_that_waits_for_a_slot_says_so_and_has_no_row();
  a_picture_that_comes_by_itself_is_kept();
  two_at_a_step_are_sent_once();
  a_leaders_error_is_that_of_those_who_wait();
  one_who_waits_goes_on_when_the_leader_is_cancelled();
  a_fresh_one_is_sent_beside_the_other();
  another_processs_step_is_waited_for();
  an_accepted_step_is_taken_up_by_its_id();
  an_intent_is_looked_up_and_what_is_found_is_written();
  an_intent_that_nobody_knows_is_unknown_and_not_repeated();
  an_id_that_the_caller_knows_is_written_first();
  an_id_that_the_caller_knows_is_kept_from_a_job_that_looks();
  an_id_of_another_step_is_not_believed_when_it_comes_late();
  an_id_is_attached_to_its_row();
  a_row_that_is_taken_by_its_id_and_its_key_has_one_job();
  who_asks_for_a_row_of_another_job_lets_nothing_go();
  a_cancelled_job_whose_end_is_being_written_is_not_polled();
  a_lease_that_lapsed_gives_a_row_to_no_second_job();
  what_comes_late_is_beside_the_submit_that_followed_it();
  a_budget_refuses_before_a_row_is_written();
  who_waits_is_not_sent_when_the_key_is_refused();
  a_failed_job_is_free_to_run_again();
  a_failed_job_is_not_taken_for_the_submit_that_follows_it();
  a_failed_job_is_not_taken_for_the_submit_before_it();
  nothing_is_sent_where_the_claim_is_not_written();
  nothing_is_sent_while_the_ledger_is_away();
  a_ledger_that_fails_keeps_no_picture_from_the_caller();
  a_ledger_that_is_mended_has_it_all();
  a_copy_is_the_same_bytes_whenever_it_is_made();
  a_result_that_cannot_be_written_is_told_at_the_deadline();
  a_picture_that_no_row_names_is_synced_at_the_end();
  a_picture_that_the_disk_does_not_take_leaves_the_result();
  a_job_whose_id_could_not_be_written_ends_with_it();
  an_id_that_may_have_got_a_row_of_its_own_ends_there();
  nothing_is_sent_with_a_ledger_that_fails();
  a_picture_that_no_descriptor_is_left_for_is_fetched_later();
  a_download_that_fails_leaves_the_result();
  a_job_may_be_cancelled_at_any_time();
  a_deadline_may_come_at_any_time();
  an_engine_may_be_stopped_at_any_time();
  an_engine_may_be_stopped_while_an_id_is_looked_for();
  a_picture_is_never_lost_between_its_answer_and_its_row();
  return check_report("sm_engine_ledger");
}
