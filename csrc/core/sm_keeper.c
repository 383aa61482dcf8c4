#include "sm_keeper.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sm_engine_parts.h"
#include "sm_output.h"

/* How often those who wait for another process look. */
#define GLANCE_MS 500
/* What is written of money that may have been spent has at least so long. */
#define LATE_MS 2000
#define LEAST_FETCH_MS 1000

/* -- putting --------------------------------------------------------------- */

static void put(struct sm_engine *engine, struct sm_task *task,
                struct sm_write *write) {
  write->owner = task;
  task->entry->is_writing = true;
  engine->writing++;
  engine->store.put(engine->store.self, write);
}

static int64_t late_ms(const struct sm_engine *engine,
                       const struct sm_task *task) {
  int64_t least = engine->now_ms + LATE_MS;
  return task->entry->deadline_ms > least ? task->entry->deadline_ms : least;
}

static const char *id_of(const struct sm_task *task) {
  return task->kind == SM_TASK_JOB ? task->job.request_id : NULL;
}

/* -- ends ------------------------------------------------------------------ */

static const struct sm_error no_memory = {
    .code = SM_IO, .charged = SM_CHARGED_UNKNOWN, .message = "out of memory"};

static const struct sm_error *error_of(const struct sm_task *task) {
  return task->last->error ? task->last->error : &no_memory;
}

/* Takes the task out of whatever it is in. */
static void withdraw(struct sm_engine *engine, struct sm_task *task) {
  sm_traffic_leave(&engine->traffic, task);
  sm_lanes_remove(&engine->queue.lanes, task);
  sm_digest_delete(task->digest);
  task->digest = NULL;
}

static void finish(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  struct sm_error *e = task->last->error;
  task->last->step->generation = entry->generation;
  if (e && entry->is_again && e->charged == SM_CHARGED_NO)
    e->charged = SM_CHARGED_UNKNOWN;
  task->is_quiet = entry->is_dropped;
  sm_engine_end(engine, task);
}

/* The last event is filled with an error, and no write is under way. */
static void put_end(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  entry->phase = SM_ENTRY_END;
  if (!entry->is_ours) {
    finish(engine, task);
    return;
  }
  put(engine, task,
      sm_entry_write_end(entry, error_of(task), id_of(task),
                         engine->now_ms + LATE_MS));
}

void sm_keeper_fail(struct sm_engine *engine, struct sm_task *task,
                    const struct sm_error *e) {
  (void)sm_traffic_cut(&engine->traffic, task);
  sm_exchange_fail(task, task->transfer, e);
  withdraw(engine, task);
  task->entry->phase = SM_ENTRY_END;
  sm_engine_wake_at(engine, task, INT64_MAX);
  if (!task->entry->is_writing)
    put_end(engine, task);
}

static void fail_write(struct sm_engine *engine, struct sm_task *task,
                       const char *then) {
  struct sm_error e;
  sm_fail(&e, SM_LEDGER, "%.380s%s", task->entry->write.error->message, then);
  sm_keeper_fail(engine, task, &e);
}

/* A result that is here, and what went wrong with it. */
static void note_trouble(struct sm_task *task, const struct sm_error *e) {
  struct sm_event *event = task->last;
  if (!event->error)
    event->error = malloc(sizeof *event->error);
  if (!event->error)
    return;
  *event->error = *e;
  event->error->charged = SM_CHARGED_YES;
}

static bool has_trouble(const struct sm_task *task) {
  return task->last->error && task->last->error->code != SM_OK;
}

static bool is_copied(const struct sm_error *e) {
  return e->code != SM_CANCELLED && e->code != SM_TIMEOUT;
}

static void fail_like(struct sm_engine *engine, struct sm_task *task,
                      const struct sm_event *event) {
  task->last->step->is_copied = true;
  if (event->request_id)
    sm_event_name(task->last, event->request_id);
  sm_exchange_fail(task, NULL, event->error);
  finish(engine, task);
}

static void look(struct sm_engine *engine, struct sm_task *task);

void sm_keeper_leave(struct sm_engine *engine, struct sm_task *task,
                     const struct sm_event *event) {
  struct sm_task *follower;
  if (!task->entry->key)
    return;
  sm_keys_remove(&engine->keys, task);
  if (!task->entry->is_leader || engine->is_stopping)
    return;
  bool ends_all = event && event->kind == SM_EVENT_ERROR && event->error &&
                  is_copied(event->error);
  while (!sm_keys_leader(&engine->keys, task) &&
         (follower = sm_keys_follower(&engine->keys, task->entry->key)) !=
             NULL) {
    if (ends_all)
      fail_like(engine, follower, event);
    else
      look(engine, follower);
  }
}

static void forget(struct sm_engine *engine, struct sm_task *task) {
  sm_keeper_leave(engine, task, NULL);
  sm_engine_drop(engine, task);
}

/* -- looking --------------------------------------------------------------- */

static void wait(struct sm_engine *engine, struct sm_task *task,
                 int64_t until_ms) {
  struct sm_entry *entry = task->entry;
  withdraw(engine, task);
  entry->phase = SM_ENTRY_WAIT;
  entry->generation = 0;
  if (!entry->is_waiting)
    sm_news_state(&engine->news, task, SM_STATE_WAITING);
  entry->is_waiting = true;
  sm_engine_wake_at(engine, task, until_ms);
}

static bool follows(struct sm_engine *engine, struct sm_task *task) {
  if (task->entry->step.is_fresh || !sm_keys_leader(&engine->keys, task)) {
    task->entry->is_leader = true;
    return false;
  }
  task->entry->is_leader = false;
  wait(engine, task, INT64_MAX);
  return true;
}

static void look(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  if (follows(engine, task))
    return;
  entry->phase = SM_ENTRY_LOOK;
  sm_engine_wake_at(engine, task, INT64_MAX);
  put(engine, task, sm_entry_write(entry, SM_WRITE_LOOK, entry->deadline_ms));
}

static void be_ready(struct sm_engine *engine, struct sm_task *task) {
  task->entry->phase = SM_ENTRY_READY;
  task->entry->is_waiting = false;
  sm_engine_send(engine, task, engine->now_ms);
}

static void be_free(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  sm_write_clear(&entry->write);
  /* A second submit holds a slot, and its row is another's by now. */
  sm_traffic_leave(&engine->traffic, task);
  entry->generation = 0;
  if (task->body) {
    be_ready(engine, task);
    return;
  }
  entry->phase = SM_ENTRY_FREE;
  entry->is_waiting = false;
  sm_news_state(&engine->news, task, SM_STATE_FREE);
}

void sm_keeper_proceed(struct sm_engine *engine, struct sm_task *bearer) {
  struct sm_task *task = sm_registry_find(&engine->registry, bearer->id);
  if (!task || !task->entry || task->entry->is_dropped ||
      task->entry->phase != SM_ENTRY_FREE)
    return;
  task->body = bearer->body;
  bearer->body = NULL;
  be_ready(engine, task);
}

bool sm_keeper_wake(struct sm_engine *engine, struct sm_task *task) {
  if (!task->entry || task->entry->phase != SM_ENTRY_WAIT)
    return false;
  look(engine, task);
  return true;
}

/* -- the submit ------------------------------------------------------------ */

static void note_waiting(struct sm_engine *engine, enum sm_lane lane) {
  struct sm_task *task = engine->queue.lanes.tail[lane];
  for (; task && task->entry && !task->entry->is_waiting;
       task = task->previous) {
    task->entry->is_waiting = true;
    if (task->entry->phase == SM_ENTRY_READY)
      sm_news_state(&engine->news, task, SM_STATE_WAITING);
  }
}

void sm_keeper_note_waiting(struct sm_engine *engine) {
  note_waiting(engine, SM_LANE_SUBMIT);
  note_waiting(engine, SM_LANE_HEAVY);
}

bool sm_keeper_claim(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  struct sm_error e;
  if (!entry || entry->phase != SM_ENTRY_READY)
    return false;
  if (!sm_task_arm(task)) {
    sm_fail_memory(&e);
    sm_keeper_fail(engine, task, &e);
    return true;
  }
  sm_traffic_hold(&engine->traffic, task);
  entry->phase = SM_ENTRY_CLAIM;
  entry->step.body = sm_body_text(task->body, &entry->step.body_size);
  put(engine, task, sm_entry_write(entry, SM_WRITE_CLAIM, entry->deadline_ms));
  return true;
}

/* The only place where a submit of a ledger begins (M1). */
static void begin_submit(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  entry->generation = entry->write.written;
  entry->is_ours = true;
  entry->is_waiting = false;
  entry->phase = SM_ENTRY_OPEN;
  if (engine->now_ms >= entry->deadline_ms) {
    sm_engine_expire(engine, task);
    return;
  }
  sm_news_state(&engine->news, task, SM_STATE_SUBMITTING);
  sm_engine_start(engine, task);
}

static void refuse(struct sm_engine *engine, struct sm_task *task) {
  const struct sm_ledger_step *step = &task->entry->step;
  struct sm_event_step *facts = task->last->step;
  struct sm_error e;
  facts->budget = step->budget;
  facts->spent = task->entry->write.spent;
  facts->price = step->price;
  if (isnan(step->price))
    sm_fail(&e, SM_BUDGET,
            "the step has no declared price, so the budget cannot allow it");
  else
    sm_fail(&e, SM_BUDGET,
            "the step costs $%.2f, and $%.2f of $%.2f are spent or under way",
            step->price, facts->spent, step->budget);
  sm_keeper_fail(engine, task, &e);
}

/* -- a row that was left behind -------------------------------------------- */

static void note_id(struct sm_engine *engine, struct sm_task *task) {
  sm_registry_note_id(&engine->registry, task->job.request_id);
}

/* A step that was to go the synchronous way is a job when its row is one. */
static void become_job(struct sm_task *task) {
  const struct sm_dial dial = {.k = 0.25};
  if (task->kind == SM_TASK_JOB)
    return;
  task->kind = SM_TASK_JOB;
  sm_job_create(&task->job, &dial, task->entry->deadline_ms);
}

static void fail_sync(struct sm_engine *engine, struct sm_task *task) {
  struct sm_error e;
  sm_fail(&e, SM_UNKNOWN,
          "a synchronous submit was begun and its answer never seen");
  e.charged = SM_CHARGED_UNKNOWN;
  sm_keeper_fail(engine, task, &e);
}

/* What was only needed until its id was durable. */
static void shed(struct sm_task *task) {
  sm_entry_shed(task->entry);
  sm_task_shed(task);
}

static enum sm_code take_body(struct sm_task *task, const struct sm_row *row,
                              struct sm_error *e) {
  const struct sm_db_value *body = &row->value[SM_ROW_BODY];
  sm_body_delete(task->body);
  task->body = sm_body_new();
  if (!task->body)
    return sm_fail_memory(e);
  enum sm_code code = sm_body_add_text(task->body, body->text, body->size, e);
  task->entry->step.body =
      sm_body_text(task->body, &task->entry->step.body_size);
  return code;
}

/* The id of a row whose job runs, or ran, at the service; NULL: look it up. */
static const char *id_in(const struct sm_task *task, const struct sm_row *row) {
  if (id_of(task))
    return id_of(task);
  return strcmp(sm_row_text(row, SM_ROW_STATE), "accepted") == 0
             ? sm_row_text(row, SM_ROW_REQUEST_ID)
             : NULL;
}

static enum sm_code follow_row(struct sm_engine *engine, struct sm_task *task,
                               const struct sm_row *row, struct sm_error *e) {
  const char *id = id_in(task, row);
  int64_t now_ms = engine->now_ms;
  const char *ended = sm_row_text(row, SM_ROW_REQUEST_ID);
  become_job(task);
  if (!id) {
    if (ended) /* in doubt is a submit before that one: see state_after */
      sm_registry_note_id(&engine->registry, ended);
    enum sm_code code = take_body(task, row, e);
    return code == SM_OK
               ? sm_job_find(&task->job,
                             (int64_t)sm_row_number(row, SM_ROW_SUBMITTED_AT),
                             now_ms + engine->wall_offset_ms, now_ms, e)
               : code;
  }
  if (!task->job.request_id) {
    enum sm_code code = sm_job_attach(&task->job, id, now_ms, e);
    if (code != SM_OK)
      return code;
  }
  task->job.is_known = true;
  note_id(engine, task);
  return SM_OK;
}

static bool take_name(struct sm_engine *engine, struct sm_task *task,
                      const struct sm_row *row) {
  struct sm_entry *entry = task->entry;
  const char *key = sm_row_text(row, SM_ROW_STEP_KEY);
  entry->generation = (int64_t)sm_row_number(row, SM_ROW_GENERATION);
  entry->is_leader = true;
  if (entry->key && strcmp(entry->key, key) == 0)
    return true;
  if (!sm_entry_name(entry, key))
    return false;
  sm_keys_add(&engine->keys, task);
  return true;
}

/* The task becomes the one that the row tells of. */
static void become(struct sm_engine *engine, struct sm_task *task,
                   struct sm_row *row, bool is_ours) {
  struct sm_entry *entry = task->entry;
  struct sm_error e;
  withdraw(engine, task);
  entry->phase = SM_ENTRY_OPEN;
  entry->is_ours = is_ours;
  entry->is_taken = true;
  entry->is_again = sm_row_number(row, SM_ROW_DOUBT) > 0;
  entry->is_waiting = false;
  entry->step.price = sm_row_number(row, SM_ROW_PRICE);
  entry->step.seed = sm_row_number(row, SM_ROW_SEED);
  bool is_sync = strcmp(sm_row_text(row, SM_ROW_API), "v1") == 0;
  enum sm_code code = take_name(engine, task, row) ? SM_OK : sm_fail_memory(&e);
  if (code == SM_OK && !is_sync)
    code = follow_row(engine, task, row, &e);
  sm_news_row(&engine->news, task, row);
  if (code != SM_OK) {
    sm_keeper_fail(engine, task, &e);
  } else if (is_sync) {
    fail_sync(engine, task);
  } else {
    sm_news_state(&engine->news, task,
                  id_of(task) ? SM_STATE_ACCEPTED : SM_STATE_SUBMITTING);
    if (id_of(task))
      shed(task);
    sm_engine_send(engine, task, engine->now_ms);
  }
}

static struct sm_row *take_row(struct sm_entry *entry) {
  struct sm_row *row = entry->write.row;
  entry->write.row = NULL;
  return row;
}

/* -- a step that is finished ----------------------------------------------- */

static char *first_url(const char *text, size_t size) {
  size_t room = text ? sm_output_of_text(NULL, 0, text, size).bytes : 0;
  char *urls = room ? malloc(room) : NULL;
  if (urls)
    (void)sm_output_of_text(urls, room, text, size);
  return urls;
}

static void save_or_finish(struct sm_engine *engine, struct sm_task *task);
static void fetch(struct sm_engine *engine, struct sm_task *task, char *url);

static void read_through(struct sm_engine *engine, struct sm_task *task,
                         enum sm_entry_phase phase) {
  task->entry->phase = phase;
  sm_engine_wake_at(engine, task, INT64_MAX);
  sm_lanes_push(&engine->queue.lanes, task);
}

/* A result that is here ends with what went wrong. */
static void give_up(struct sm_engine *engine, struct sm_task *task,
                    const struct sm_error *e) {
  withdraw(engine, task);
  note_trouble(task, e);
  finish(engine, task);
}

static void be_gone(struct sm_engine *engine, struct sm_task *task,
                    const char *why) {
  struct sm_error e;
  sm_fail(&e, SM_IO,
          "the step is finished and paid, but its picture is gone: %.200s/%s "
          "(%.120s); the option fresh makes another",
          engine->folder, task->entry->key, why);
  e.charged = SM_CHARGED_YES;
  if (task->last->body) {
    note_trouble(task, &e);
    finish(engine, task);
    return;
  }
  task->entry->is_ours = false;
  sm_keeper_fail(engine, task, &e);
}

/* The kept picture is not there, or not as it was: as long as the service has
 * it, it is fetched again. */
static void fetch_again(struct sm_engine *engine, struct sm_task *task,
                        const char *why) {
  char *url = first_url(task->last->body, task->last->body_size);
  if (url)
    fetch(engine, task, url);
  else if (task->last->body)
    finish(engine, task);
  else
    be_gone(engine, task, why);
}

static const char *name_in(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static char *join(const char *folder, const char *name) {
  size_t size = strlen(folder) + strlen(name) + 2;
  char *path = malloc(size);
  if (path)
    (void)snprintf(path, size, "%s/%s", folder, name);
  return path;
}

/* The kept picture is compared with its hash, and copied on the way. */
static void verify(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  struct sm_error e;
  enum sm_code code = sm_digest_new(&task->digest, task->last->step->kept, &e);
  if (code == SM_OK && entry->save)
    code = sm_digest_copy_to(task->digest, entry->save, false, &e);
  if (code != SM_OK) {
    give_up(engine, task, &e);
    return;
  }
  sm_digest_expect(task->digest, entry->sha256);
  if (entry->save)
    sm_news_state(&engine->news, task, SM_STATE_SAVING);
  read_through(engine, task, SM_ENTRY_VERIFY);
}

static void fill_from_row(struct sm_task *task, const struct sm_row *row) {
  struct sm_event *event = task->last;
  const struct sm_db_value *result = &row->value[SM_ROW_RESULT];
  const char *id = sm_row_text(row, SM_ROW_REQUEST_ID);
  double cost = sm_row_number(row, SM_ROW_COST);
  double seed = sm_row_number(row, SM_ROW_SEED);
  event->kind = SM_EVENT_DONE;
  event->status = 200;
  event->cost = cost >= 0 ? cost : -1;
  event->step->is_replayed = true;
  event->step->ended_at = sm_row_number(row, SM_ROW_ENDED_AT);
  task->entry->generation = (int64_t)sm_row_number(row, SM_ROW_GENERATION);
  if (id)
    sm_event_name(event, id);
  if (!isnan(seed))
    (void)snprintf(event->seed, sizeof event->seed, "%.0f", seed);
  if (result->type == SM_DB_TEXT &&
      (event->body = malloc(result->size + 1)) != NULL) {
    memcpy(event->body, result->text, result->size + 1);
    event->body_size = result->size;
  }
}

static void replay(struct sm_engine *engine, struct sm_task *task,
                   const struct sm_row *row) {
  const char *name = sm_row_text(row, SM_ROW_FILE);
  const char *sha256 = sm_row_text(row, SM_ROW_FILE_SHA256);
  struct sm_error e;
  withdraw(engine, task);
  fill_from_row(task, row);
  task->entry->phase = SM_ENTRY_VERIFY;
  sm_engine_wake_at(engine, task, INT64_MAX);
  if (!name || !sha256) {
    fetch_again(engine, task, "it was not fetched");
    return;
  }
  (void)snprintf(task->entry->sha256, sizeof task->entry->sha256, "%s", sha256);
  task->last->step->kept = join(engine->folder, name);
  if (task->last->step->kept) {
    verify(engine, task);
    return;
  }
  sm_fail_memory(&e);
  give_up(engine, task, &e);
}

/* A picture that came without a text is the result itself. */
static bool load_kept(struct sm_task *task) {
  struct sm_event *event = task->last;
  size_t size = event->bytes;
  FILE *file = fopen(event->step->kept, "rbe");
  event->body = file ? malloc(size + 1) : NULL;
  if (event->body) {
    event->body_size = fread(event->body, 1, size, file);
    event->body[event->body_size] = '\0';
  }
  if (file)
    (void)fclose(file);
  return event->body && event->body_size == size;
}

static void verified(struct sm_engine *engine, struct sm_task *task) {
  if (!task->last->body && !load_kept(task))
    be_gone(engine, task, "it cannot be read");
  else
    finish(engine, task);
}

/* What the row names is not in the folder, or not as it was: a server's ledger
 * may have the bytes itself. */
static void not_verified(struct sm_engine *engine, struct sm_task *task,
                         const struct sm_error *e) {
  struct sm_entry *entry = task->entry;
  struct sm_event_step *facts = task->last->step;
  if (!entry->why) {
    entry->why = e->code == SM_PROTOCOL ? "damaged" : "it cannot be read";
    struct sm_write *write =
        sm_entry_write(entry, SM_WRITE_PICTURE, entry->deadline_ms);
    write->file = name_in(facts->kept);
    write->sha256 = entry->sha256;
    put(engine, task, write);
    return;
  }
  free(facts->kept);
  facts->kept = NULL;
  fetch_again(engine, task, entry->why);
}

static void brought(struct sm_engine *engine, struct sm_task *task) {
  const struct sm_write *write = &task->entry->write;
  if (task->entry->is_dropped)
    forget(engine, task);
  else if (!write->error && write->standing == SM_STANDING_DONE)
    verify(engine, task);
  else
    not_verified(engine, task, NULL);
}

/* -- the picture ----------------------------------------------------------- */

static void put_complete(struct sm_engine *engine, struct sm_task *task);

/* The download could not be, or could not be kept. */
static void note_unfetched(struct sm_task *task, const struct sm_error *e) {
  struct sm_error told = *e;
  char *url = first_url(task->last->body, task->last->body_size);
  (void)snprintf(told.message, sizeof told.message,
                 "%.240s (the picture is at %.200s)", e->message,
                 url ? url : "no address");
  free(url);
  note_trouble(task, &told);
}

static void unfetched(struct sm_engine *engine, struct sm_task *task,
                      const struct sm_error *e) {
  withdraw(engine, task);
  if (task->last->step->is_replayed) {
    be_gone(engine, task, e->message);
    return;
  }
  note_unfetched(task, e);
  finish(engine, task);
}

static enum sm_code open_file(struct sm_engine *engine, struct sm_task *task,
                              struct sm_error *e) {
  char *path = sm_entry_path(task->entry, engine->folder);
  if (!path)
    return sm_fail_memory(e);
  enum sm_code code = sm_file_new(&task->file, path, true, e);
  if (code == SM_OK)
    code = sm_file_want_sha256(task->file, e);
  free(path);
  return code;
}

/* The task becomes the download of its picture: what it was as a job stands in
 * its last event. */
static void become_download(struct sm_engine *engine, struct sm_task *task,
                            char *url) {
  int64_t least = engine->now_ms + LEAST_FETCH_MS;
  int64_t deadline_ms = task->entry->deadline_ms;
  if (task->kind == SM_TASK_JOB)
    sm_job_destroy(&task->job);
  task->kind = SM_TASK_CALL;
  sm_call_create(&task->call, SM_CALL_DOWNLOAD,
                 deadline_ms > least ? deadline_ms : least);
  free(task->target);
  task->target = url;
  sm_body_delete(task->body);
  task->body = NULL;
}

static void fetch(struct sm_engine *engine, struct sm_task *task, char *url) {
  struct sm_error e;
  become_download(engine, task, url);
  task->entry->phase = SM_ENTRY_FETCH;
  if (open_file(engine, task, &e) != SM_OK)
    unfetched(engine, task, &e);
  else
    sm_engine_send(engine, task, engine->now_ms);
}

static void put_keep(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  struct sm_write *write =
      sm_entry_write(entry, SM_WRITE_KEEP, late_ms(engine, task));
  write->file = name_in(task->last->step->kept);
  write->sha256 = task->last->sha256;
  entry->phase = SM_ENTRY_KEEP;
  sm_engine_wake_at(engine, task, INT64_MAX);
  put(engine, task, write);
}

static void fetched(struct sm_engine *engine, struct sm_task *task,
                    struct sm_verdict *verdict) {
  struct sm_event *event = task->last;
  sm_exchange_settle_file(task, verdict);
  withdraw(engine, task);
  sm_file_delete(task->file);
  task->file = NULL;
  event->step->kept = event->place;
  event->place = NULL;
  event->is_file = false;
  if (verdict->step == SM_STEP_FAIL)
    unfetched(engine, task, &verdict->error);
  else
    put_keep(engine, task);
}

static void kept(struct sm_engine *engine, struct sm_task *task) {
  if (task->entry->write.error)
    note_trouble(task, task->entry->write.error);
  save_or_finish(engine, task);
}

static void save_or_finish(struct sm_engine *engine, struct sm_task *task) {
  const char *from = task->last->step->kept, *to = task->entry->save;
  struct sm_error e;
  if (!to || !from || has_trouble(task) || task->entry->is_dropped) {
    finish(engine, task);
    return;
  }
  enum sm_code code = sm_digest_new(&task->digest, from, &e);
  if (code == SM_OK)
    code = sm_digest_copy_to(task->digest, to, false, &e);
  if (code != SM_OK) {
    give_up(engine, task, &e);
    return;
  }
  sm_news_state(&engine->news, task, SM_STATE_SAVING);
  read_through(engine, task, SM_ENTRY_SAVE);
}

/* A picture that came by itself goes to its file before the step is called
 * finished. */
static void store_picture(struct sm_engine *engine, struct sm_task *task) {
  struct sm_event *event = task->last;
  struct sm_error e;
  char *path = sm_entry_path(task->entry, engine->folder);
  enum sm_code code = path ? SM_OK : sm_fail_memory(&e);
  if (code == SM_OK)
    code = sm_digest_new_of_bytes(&task->digest, event->body, event->body_size,
                                  &e);
  if (code == SM_OK)
    code = sm_digest_copy_to(task->digest, path, true, &e);
  free(path);
  if (code == SM_OK) {
    read_through(engine, task, SM_ENTRY_STORE);
    return;
  }
  sm_digest_delete(task->digest);
  task->digest = NULL;
  note_trouble(task, &e);
  put_complete(engine, task);
}

void sm_keeper_read(struct sm_engine *engine, struct sm_task *task,
                    const struct sm_error *e) {
  struct sm_event *event = task->last;
  bool is_kept = !e || sm_digest_is_copy_at_fault(task->digest);
  const char *copy = e ? NULL : sm_digest_copy(task->digest);
  enum sm_entry_phase phase = task->entry->phase;
  char *path = copy ? strdup(copy) : NULL;
  event->image = sm_digest_facts(task->digest)->image;
  event->bytes = sm_digest_facts(task->digest)->size_bytes;
  withdraw(engine, task);
  if (phase == SM_ENTRY_STORE) {
    event->step->kept = path;
  } else {
    event->is_file = path != NULL;
    event->place = path;
  }
  if (e && (is_kept || phase != SM_ENTRY_VERIFY))
    note_trouble(task, e);
  if (phase == SM_ENTRY_STORE)
    put_complete(engine, task);
  else if (phase == SM_ENTRY_SAVE)
    finish(engine, task);
  else if (is_kept)
    verified(engine, task);
  else
    not_verified(engine, task, e);
}

/* -- the result ------------------------------------------------------------ */

static void put_complete(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  struct sm_event *event = task->last;
  bool is_picture = event->image.format != SM_NO_IMAGE;
  entry->phase = SM_ENTRY_COMPLETE;
  sm_engine_wake_at(engine, task, INT64_MAX);
  if (entry->is_writing)
    return;
  struct sm_write *write =
      sm_entry_write(entry, SM_WRITE_COMPLETE, late_ms(engine, task));
  write->request_id = event->request_id;
  write->text = is_picture ? NULL : event->body;
  write->text_size = is_picture ? 0 : event->body_size;
  sm_reply_read_bill(&write->cost, &write->seed, write->text, write->text_size,
                     event->cost, event->seed);
  if (event->step->kept) {
    write->file = name_in(event->step->kept);
    write->sha256 = event->sha256;
  }
  put(engine, task, write);
}

static void arrive(struct sm_engine *engine, struct sm_task *task,
                   struct sm_verdict *verdict) {
  sm_exchange_settle(task, task->transfer, verdict);
  if (verdict->step == SM_STEP_FAIL) {
    sm_keeper_fail(engine, task, &verdict->error);
    return;
  }
  withdraw(engine, task);
  if (task->last->image.format != SM_NO_IMAGE)
    store_picture(engine, task);
  else
    put_complete(engine, task);
}

static void completed(struct sm_engine *engine, struct sm_task *task) {
  struct sm_event *event = task->last;
  if (task->entry->write.error) {
    note_trouble(task, task->entry->write.error);
    put_end(engine, task);
    return;
  }
  task->entry->is_ours = false;
  if (task->entry->is_dropped) {
    forget(engine, task);
    return;
  }
  char *url = event->image.format == SM_NO_IMAGE
                  ? first_url(event->body, event->body_size)
                  : NULL;
  if (url)
    fetch(engine, task, url);
  else
    save_or_finish(engine, task);
}

/* -- the id ---------------------------------------------------------------- */

static void put_accept(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  struct sm_write *write =
      sm_entry_write(entry, SM_WRITE_ACCEPT, late_ms(engine, task));
  note_id(engine, task);
  write->request_id = task->job.request_id;
  entry->phase = SM_ENTRY_ACCEPT;
  put(engine, task, write);
}

/* The only place where it is told (M2). */
static void tell_accepted(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  if (entry->is_dropped)
    return;
  sm_news_state(&engine->news, task, SM_STATE_ACCEPTED);
  if (entry->held_news)
    sm_news_state(&engine->news, task, entry->held_news);
  entry->held_news = SM_STATE_NONE;
}

static void be_not_ours(struct sm_engine *engine, struct sm_task *task) {
  struct sm_event *event = task->last;
  struct sm_error e;
  sm_fail(&e, SM_UNKNOWN,
          "the id that was given or found for the submit, %s, is that of "
          "another step of the ledger",
          task->job.request_id);
  e.charged = SM_CHARGED_UNKNOWN;
  task->job.request_id = NULL;
  event->request_id = NULL;
  free(event->body);
  event->body = NULL;
  event->body_size = 0;
  sm_keeper_fail(engine, task, &e);
}

/* What has happened while the id was being written. */
static void go_on(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  if (entry->phase == SM_ENTRY_COMPLETE)
    put_complete(engine, task);
  else if (entry->phase == SM_ENTRY_END)
    put_end(engine, task);
  else if (entry->phase == SM_ENTRY_ACCEPT)
    entry->phase = SM_ENTRY_OPEN;
}

/* A result carries the id, too, and so does an end. */
static void not_accepted(struct sm_engine *engine, struct sm_task *task) {
  if (task->entry->phase == SM_ENTRY_ACCEPT)
    fail_write(engine, task,
               "; the request was accepted and goes on at the service, "
               "client:attach takes it up");
  else
    go_on(engine, task);
}

static void accepted(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  if (entry->write.error) {
    not_accepted(engine, task);
    return;
  }
  if (entry->write.standing == SM_STANDING_NOT_OURS) {
    be_not_ours(engine, task);
    return;
  }
  entry->generation = entry->write.written;
  tell_accepted(engine, task);
  if (entry->phase != SM_ENTRY_END)
    shed(task);
  go_on(engine, task);
}

/* -- what comes home ------------------------------------------------------- */

static void hold(struct sm_engine *engine, struct sm_task *task) {
  if (task->entry->start == SM_START_ATTACH)
    become(engine, task, take_row(task->entry), false);
  else
    wait(engine, task, engine->now_ms + GLANCE_MS);
}

/* The ledger has no row of the id: the task is a job like those without one. */
static void attach_alone(struct sm_engine *engine, struct sm_task *task) {
  sm_entry_delete(task->entry);
  task->entry = NULL;
  sm_registry_note_id(&engine->registry, task->job.request_id);
  sm_engine_send(engine, task, engine->now_ms);
}

/* A claim that failed has perhaps made a row all the same, which is then free
 * again. One that it would have taken over is not: its submit may be paid. */
static bool may_be_mine(const struct sm_write *write) {
  return write->kind == SM_WRITE_CLAIM && write->error && write->is_in_doubt &&
         write->standing == SM_STANDING_MINE && write->written > 0;
}

static void not_looked(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  if (may_be_mine(&entry->write)) {
    entry->is_ours = true;
    entry->generation = entry->write.written;
  }
  fail_write(engine, task,
             entry->start == SM_START_ATTACH ? "" : "; nothing was submitted");
}

static void looked(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  struct sm_row *row;
  if (entry->write.error) {
    not_looked(engine, task);
    return;
  }
  switch (entry->write.standing) {
  case SM_STANDING_MINE:
    begin_submit(engine, task);
    break;
  case SM_STANDING_TAKEN:
    become(engine, task, take_row(entry), true);
    break;
  case SM_STANDING_HELD:
    hold(engine, task);
    break;
  case SM_STANDING_DONE:
    row = take_row(entry);
    if (entry->start == SM_START_ATTACH && !take_name(engine, task, row))
      entry->save = NULL;
    replay(engine, task, row);
    sm_row_delete(row);
    break;
  case SM_STANDING_REFUSED:
    refuse(engine, task);
    break;
  default:
    if (entry->start == SM_START_ATTACH)
      attach_alone(engine, task);
    else
      be_free(engine, task);
  }
}

static void answered(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  struct sm_event *event = task->last;
  if (entry->write.error) {
    sm_exchange_fail(task, NULL, entry->write.error);
  } else {
    event->kind = SM_EVENT_ROWS;
    event->rows = take_row(entry);
    if (entry->asks == SM_WRITE_SPENT)
      event->sum = entry->write.spent;
  }
  finish(engine, task);
}

/* The task has ended while this was under way: a row that it got by it is let
 * go as it was found. */
static void come_late(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  const struct sm_write *write = &entry->write;
  if (write->kind == SM_WRITE_ACCEPT) {
    accepted(engine, task);
    return;
  }
  bool is_mine = !write->error && write->standing == SM_STANDING_MINE;
  bool is_taken = !write->error && write->standing == SM_STANDING_TAKEN;
  if (is_mine || is_taken || may_be_mine(write)) {
    entry->is_ours = true;
    entry->generation = write->written;
  }
  if (is_taken)
    entry->row = take_row(entry);
  if (is_taken && !entry->key)
    entry->is_ours = take_name(engine, task, entry->row);
  put_end(engine, task);
}

static void receive(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  enum sm_write_kind kind = entry->write.kind;
  entry->is_writing = false;
  engine->writing--;
  if (entry->phase == SM_ENTRY_END && kind != SM_WRITE_END) {
    come_late(engine, task);
    return;
  }
  switch (kind) {
  case SM_WRITE_LOOK:
  case SM_WRITE_CLAIM:
  case SM_WRITE_ATTACH:
    looked(engine, task);
    break;
  case SM_WRITE_ACCEPT:
    accepted(engine, task);
    break;
  case SM_WRITE_COMPLETE:
    completed(engine, task);
    break;
  case SM_WRITE_KEEP:
    kept(engine, task);
    break;
  case SM_WRITE_PICTURE:
    brought(engine, task);
    break;
  case SM_WRITE_END:
    finish(engine, task);
    break;
  default:
    answered(engine, task);
  }
}

void sm_keeper_take_writes(struct sm_engine *engine) {
  struct sm_write *write;
  if (!engine->store.self)
    return;
  while ((write = engine->store.finished(engine->store.self)) != NULL) {
    if (write->kind == SM_WRITE_NOTE)
      sm_news_ledger(&engine->news, write->error);
    else
      receive(engine, write->owner);
  }
}

/* -- what the state machines want ------------------------------------------ */

static void carry_out_download(struct sm_engine *engine, struct sm_task *task,
                               struct sm_verdict *verdict) {
  if (verdict->note)
    sm_news_note(&engine->news, task, verdict->note);
  if (verdict->step == SM_STEP_DONE) {
    fetched(engine, task, verdict);
  } else if (verdict->step == SM_STEP_FAIL) {
    (void)sm_traffic_cut(&engine->traffic, task);
    unfetched(engine, task, &verdict->error);
  } else {
    sm_traffic_leave(&engine->traffic, task);
    sm_engine_send(engine, task, verdict->at_ms);
  }
}

static void take_news(struct sm_engine *engine, struct sm_task *task,
                      const struct sm_verdict *verdict) {
  struct sm_entry *entry = task->entry;
  if (verdict->note)
    sm_news_note(&engine->news, task, verdict->note);
  if (verdict->news == SM_STATE_ACCEPTED) {
    sm_news_check(&engine->news, task);
    put_accept(engine, task);
  } else if (verdict->news && entry->phase == SM_ENTRY_ACCEPT) {
    entry->held_news = verdict->news;
  } else if (verdict->news) {
    sm_news_state(&engine->news, task, verdict->news);
  }
}

void sm_keeper_carry_out(struct sm_engine *engine, struct sm_task *task,
                         struct sm_verdict *verdict) {
  if (task->entry->phase == SM_ENTRY_FETCH) {
    carry_out_download(engine, task, verdict);
    return;
  }
  take_news(engine, task, verdict);
  if (verdict->step == SM_STEP_FAIL) {
    if (task->entry->phase == SM_ENTRY_WAIT)
      sm_fail(&verdict->error, SM_TIMEOUT,
              "the deadline passed while another process or job was at the "
              "same step");
    sm_keeper_fail(engine, task, &verdict->error);
  } else if (verdict->step == SM_STEP_DONE) {
    arrive(engine, task, verdict);
  } else {
    sm_traffic_leave(&engine->traffic, task);
    sm_engine_send(engine, task, verdict->at_ms);
  }
}

/* -- from the host --------------------------------------------------------- */

static void ask(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  enum sm_write_kind kind =
      entry->start == SM_START_ATTACH ? SM_WRITE_ATTACH : entry->asks;
  struct sm_write *write = sm_entry_write(entry, kind, entry->deadline_ms);
  write->request_id = id_of(task);
  entry->phase = SM_ENTRY_LOOK;
  put(engine, task, write);
}

static void begin_again(struct sm_engine *engine, struct sm_task *task) {
  task->entry->is_again = true;
  if (!follows(engine, task))
    be_ready(engine, task);
}

static void adopt(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  entry->is_leader = entry->is_ours = entry->is_again = true;
  put_accept(engine, task);
  sm_engine_send(engine, task, engine->now_ms);
}

static void take_up(struct sm_engine *engine, struct sm_task *task) {
  struct sm_row *row = task->entry->row;
  task->entry->row = NULL;
  become(engine, task, row, true);
}

void sm_keeper_begin(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  entry->deadline_ms = sm_task_deadline_ms(task);
  entry->step.budget = engine->budget;
  entry->step.model = task->model ? task->model->name : "";
  entry->step.api = task->kind == SM_TASK_JOB ? "v2" : "v1";
  if (entry->key && entry->start != SM_START_ASK)
    sm_keys_add(&engine->keys, task);
  sm_engine_wake_at(engine, task, INT64_MAX);
  switch (entry->start) {
  case SM_START_STEP:
    look(engine, task);
    break;
  case SM_START_AGAIN:
    begin_again(engine, task);
    break;
  case SM_START_ADOPT:
    adopt(engine, task);
    break;
  case SM_START_TAKEN:
    take_up(engine, task);
    break;
  case SM_START_ATTACH:
  case SM_START_ASK:
    ask(engine, task);
    break;
  }
}

/* -- dropping -------------------------------------------------------------- */

/* Ends what runs for the task; says so in its last event. */
static void cut(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  struct sm_error e;
  bool may_have_left = sm_traffic_cut(&engine->traffic, task) &&
                       entry->phase != SM_ENTRY_FETCH &&
                       sm_exchange_is_submit(task);
  entry->was_sent = may_have_left || (task->kind == SM_TASK_JOB &&
                                      task->job.phase == SM_PHASE_LOOKUP);
  sm_fail(&e, SM_CANCELLED, "the job was cancelled");
  if (entry->was_sent)
    e.charged = SM_CHARGED_UNKNOWN;
  if (task->last->kind != SM_EVENT_DONE)
    sm_exchange_fail(task, NULL, &e);
  withdraw(engine, task);
}

static void stop_fetch(struct sm_engine *engine, struct sm_task *task) {
  (void)sm_traffic_cut(&engine->traffic, task);
  withdraw(engine, task);
}

/* The service has told the picture once and will not again. */
static void store_now(struct sm_engine *engine, struct sm_task *task) {
  struct sm_error e;
  bool is_over = false;
  enum sm_code code = SM_OK;
  while (code == SM_OK && !is_over)
    code = sm_digest_step(task->digest, &is_over, task->last->sha256, &e);
  sm_keeper_read(engine, task, code == SM_OK ? NULL : &e);
}

void sm_keeper_drop(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  if (entry->is_dropped)
    return;
  entry->is_dropped = true;
  if (entry->phase < SM_ENTRY_STORE) {
    cut(engine, task);
    entry->phase = SM_ENTRY_END;
  } else if (entry->phase == SM_ENTRY_STORE) {
    store_now(engine, task);
  } else {
    stop_fetch(engine, task);
  }
  sm_engine_wake_at(engine, task, INT64_MAX);
  if (entry->is_writing)
    return;
  if (entry->phase == SM_ENTRY_END && entry->is_ours)
    put_end(engine, task);
  else
    forget(engine, task);
}

/* Rows that were begun keep their state, for whoever takes them up; only what
 * was surely not sent is free. */
static void stop(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  bool is_unsent =
      entry->phase == SM_ENTRY_LOOK || entry->phase == SM_ENTRY_CLAIM;
  if (entry->is_dropped || entry->phase == SM_ENTRY_END)
    return;
  if (entry->phase == SM_ENTRY_STORE) {
    withdraw(engine, task);
    put_complete(engine, task);
  }
  if (entry->phase <= SM_ENTRY_OPEN) {
    cut(engine, task);
    is_unsent = is_unsent || (entry->is_ours && !entry->was_sent &&
                              !entry->is_taken && !entry->is_again);
  }
  entry->is_dropped = true;
  if (is_unsent && !id_of(task)) {
    entry->phase = SM_ENTRY_END;
    if (!entry->is_writing)
      put_end(engine, task);
  }
}

void sm_engine_stop(struct sm_engine *engine) {
  engine->is_stopping = true;
  for (size_t i = 0; engine->store.self && i < engine->timers.count; i++) {
    struct sm_timer *timer = engine->timers.heap[i];
    struct sm_task *task =
        (struct sm_task *)((char *)timer - offsetof(struct sm_task, timer));
    if (task->entry)
      stop(engine, task);
  }
}

void sm_engine_take_writes(struct sm_engine *engine) {
  sm_keeper_take_writes(engine);
}

bool sm_engine_is_writing(const struct sm_engine *engine) {
  return engine->writing > 0;
}
