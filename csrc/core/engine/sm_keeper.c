#include "sm_keeper.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sm_delivery.h"
#include "sm_engine_internal.h"
#include "sm_recall.h"
#include "sm_refusal.h"
#include "sm_takeover.h"

/* How often those who wait for another process look. */
#define GLANCE_MS 500
/* What is written of money that may have been spent has at least so long. */
#define LATE_MS 2000

/* -- putting --------------------------------------------------------------- */

void sm_keeper_put(struct sm_engine *engine, struct sm_task *task,
                   struct sm_write *write) {
  write->owner = task;
  task->entry->is_writing = true;
  engine->writing++;
  engine->store.put(engine->store.self, write);
}

int64_t sm_keeper_late_ms(const struct sm_engine *engine,
                          const struct sm_task *task) {
  int64_t least = engine->now_ms + (task->entry->has_failed ? 0 : LATE_MS);
  return task->entry->deadline_ms > least ? task->entry->deadline_ms : least;
}

/* -- ends ------------------------------------------------------------------ */

static const struct sm_error no_memory = {
    .code = SM_IO, .charged = SM_CHARGED_UNKNOWN, .message = "out of memory"};

static const struct sm_error *error_of(const struct sm_task *task) {
  return task->last->error ? task->last->error : &no_memory;
}

/* Takes the task out of whatever it is in. */
void sm_keeper_withdraw(struct sm_engine *engine, struct sm_task *task) {
  sm_inflight_leave(&engine->inflight, task);
  sm_queue_remove(&engine->queue, task);
  sm_digest_delete(task->digest);
  task->digest = NULL;
}

void sm_keeper_finish(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  struct sm_error *e = task->last->error;
  task->last->step->generation = entry->generation;
  if (e && entry->is_again && e->charged == SM_CHARGED_NO)
    e->charged = SM_CHARGED_UNKNOWN;
  task->is_quiet = entry->is_dropped;
  sm_engine_end(engine, task);
}

/* The last event is filled with an error, and no write is under way. */
void sm_keeper_put_end(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  entry->phase = SM_ENTRY_END;
  if (!entry->is_ours) {
    sm_keeper_finish(engine, task);
    return;
  }
  sm_keeper_put(
      engine, task,
      sm_entry_write_end(entry, error_of(task), sm_task_request_id(task),
                         entry->has_failed ? engine->now_ms
                                           : engine->now_ms + LATE_MS));
}

void sm_keeper_fail(struct sm_engine *engine, struct sm_task *task,
                    const struct sm_error *e) {
  sm_refusal_note(engine, task, e);
  (void)sm_inflight_cut(&engine->inflight, task);
  sm_task_http_fail(task, task->exchange, e);
  sm_keeper_withdraw(engine, task);
  task->entry->phase = SM_ENTRY_END;
  sm_engine_wake_at(engine, task, INT64_MAX);
  if (!task->entry->is_writing)
    sm_keeper_put_end(engine, task);
}

static void word_failure(const struct sm_task *task, const char *then,
                         struct sm_error *e) {
  sm_fail(e, SM_LEDGER, "%.380s%s", task->entry->write.error->message, then);
}

static void fail_write(struct sm_engine *engine, struct sm_task *task,
                       const char *then) {
  struct sm_error e;
  word_failure(task, then, &e);
  e.is_retryable = task->entry->write.error->is_retryable;
  sm_keeper_fail(engine, task, &e);
}

static bool is_copied(const struct sm_error *e) {
  return e->code != SM_CANCELLED && e->code != SM_TIMEOUT;
}

static void fail_like(struct sm_engine *engine, struct sm_task *task,
                      const struct sm_event *event) {
  task->last->is_copied = true;
  sm_task_http_fail(task, NULL, event->error);
  (void)sm_event_name(task->last, event->request_id);
  sm_keeper_finish(engine, task);
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

void sm_keeper_forget(struct sm_engine *engine, struct sm_task *task) {
  sm_keeper_leave(engine, task, NULL);
  sm_engine_drop(engine, task);
}

/* -- looking --------------------------------------------------------------- */

static void set_waiting(struct sm_engine *engine, struct sm_task *task,
                        int64_t until_ms) {
  struct sm_entry *entry = task->entry;
  sm_keeper_withdraw(engine, task);
  entry->phase = SM_ENTRY_WAIT;
  entry->generation = 0;
  if (!entry->is_waiting)
    sm_engine_emit_state(engine, task, SM_STATE_WAITING);
  entry->is_waiting = true;
  sm_engine_wake_at(engine, task, until_ms);
}

static bool follows(struct sm_engine *engine, struct sm_task *task) {
  if (task->entry->step->is_fresh || !sm_keys_leader(&engine->keys, task)) {
    task->entry->is_leader = true;
    return false;
  }
  task->entry->is_leader = false;
  set_waiting(engine, task, INT64_MAX);
  return true;
}

static void look(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  if (follows(engine, task))
    return;
  entry->phase = SM_ENTRY_LOOK;
  sm_engine_wake_at(engine, task, INT64_MAX);
  sm_keeper_put(engine, task,
                sm_entry_write(entry, SM_WRITE_LOOK, entry->deadline_ms));
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
  sm_inflight_leave(&engine->inflight, task);
  entry->generation = 0;
  if (task->body) {
    be_ready(engine, task);
    return;
  }
  entry->phase = SM_ENTRY_FREE;
  entry->is_waiting = false;
  sm_engine_emit_state(engine, task, SM_STATE_FREE);
}

void sm_keeper_proceed(struct sm_engine *engine, struct sm_task *bearer) {
  struct sm_task *task = sm_tasks_find(&engine->tasks, bearer->id);
  if (!task || !task->entry || task->entry->is_dropped ||
      task->entry->phase != SM_ENTRY_FREE)
    return;
  task->body = bearer->body;
  bearer->body = NULL;
  be_ready(engine, task);
}

bool sm_keeper_wake(struct sm_engine *engine, struct sm_task *task) {
  if (!task->entry)
    return false;
  if (task->entry->phase == SM_ENTRY_WAIT)
    look(engine, task);
  else if (task->entry->phase == SM_ENTRY_DUE)
    sm_delivery_begin(engine, task);
  else
    return false;
  return true;
}

/* -- the submit ------------------------------------------------------------ */

static void note_waiting(struct sm_engine *engine, enum sm_lane lane) {
  struct sm_task *task = engine->queue.tail[lane];
  for (; task && task->entry && !task->entry->is_waiting;
       task = task->previous) {
    task->entry->is_waiting = true;
    if (task->entry->phase == SM_ENTRY_READY)
      sm_engine_emit_state(engine, task, SM_STATE_WAITING);
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
  if (entry->is_refused) {
    entry->phase = SM_ENTRY_WAIT;
    return true;
  }
  if (!sm_task_arm(task)) {
    sm_fail_memory(&e);
    sm_keeper_fail(engine, task, &e);
    return true;
  }
  sm_inflight_hold(&engine->inflight, task);
  entry->phase = SM_ENTRY_CLAIM;
  entry->step->body = sm_body_text(task->body, &entry->step->body_size);
  sm_keeper_put(engine, task,
                sm_entry_write(entry, SM_WRITE_CLAIM, entry->deadline_ms));
  return true;
}

/* The only place where a submit of a ledger begins (M1). */
static void begin_submit(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  const struct sm_row *before = entry->write.row;
  const char *ended = before ? sm_row_text(before, SM_ROW_REQUEST_ID) : NULL;
  if (ended) /* another submit's: a lookup must not take it for this one's */
    sm_tasks_note_id(&engine->tasks, ended);
  entry->generation = entry->write.written;
  entry->submits = entry->write.submits;
  entry->is_ours = true;
  entry->is_waiting = false;
  entry->phase = SM_ENTRY_OPEN;
  if (entry->is_refused) {
    sm_keeper_fail(engine, task, &engine->refusal);
    return;
  }
  if (engine->now_ms >= entry->deadline_ms) {
    sm_engine_expire(engine, task);
    return;
  }
  sm_engine_emit_state(engine, task, SM_STATE_SUBMITTING);
  sm_engine_start(engine, task);
}

static void refuse(struct sm_engine *engine, struct sm_task *task) {
  const struct sm_ledger_step *step = task->entry->step;
  struct sm_event *event = task->last;
  struct sm_error e;
  event->budget = task->entry->write.limit;
  event->spent = task->entry->write.spent;
  event->price = step->price;
  if (isnan(step->price))
    sm_fail(&e, SM_BUDGET,
            "the step has no declared price, so the budget cannot allow it");
  else
    sm_fail(&e, SM_BUDGET,
            "the step costs $%.2f, and $%.2f of $%.2f are spent or under way",
            step->price, event->spent, event->budget);
  sm_keeper_fail(engine, task, &e);
}

static struct sm_row *take_row(struct sm_entry *entry) {
  struct sm_row *row = entry->write.row;
  entry->write.row = NULL;
  return row;
}

/* -- the id ---------------------------------------------------------------- */

static void put_accept(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  struct sm_write *write =
      sm_entry_write(entry, SM_WRITE_ACCEPT, sm_keeper_late_ms(engine, task));
  sm_tasks_note_id(&engine->tasks, task->job.request_id);
  write->request_id = task->job.request_id; /* goes over to its last event */
  entry->phase = SM_ENTRY_ACCEPT;
  sm_keeper_put(engine, task, write);
}

/* The only place that reports it (M2). */
static void tell_accepted(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  if (entry->is_dropped)
    return;
  sm_engine_emit_state(engine, task, SM_STATE_ACCEPTED);
  if (entry->held_state)
    sm_engine_emit_state(engine, task, entry->held_state);
  entry->held_state = SM_STATE_NONE;
}

/* It may be a download by now, of a picture that is another's; or have ended,
 * with the id that could not be written before. */
static void be_not_ours(struct sm_engine *engine, struct sm_task *task) {
  struct sm_event *event = task->last;
  struct sm_error e;
  sm_fail(&e, SM_UNKNOWN,
          "the id that was given or found for the submit, %s, is that of "
          "another step of the ledger",
          sm_task_request_id(task));
  e.charged = SM_CHARGED_UNKNOWN;
  if (task->kind == SM_TASK_JOB) {
    free(task->job.request_id);
    task->job.request_id = NULL;
  }
  (void)sm_event_name(event, NULL);
  free(event->body);
  event->body = NULL;
  event->body_size = 0;
  sm_keeper_fail(engine, task, &e);
}

/* What has happened while the id was being written. */
static void go_on(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  if (entry->phase == SM_ENTRY_END)
    sm_keeper_put_end(engine, task);
  else if (entry->phase == SM_ENTRY_ACCEPT)
    entry->phase = SM_ENTRY_OPEN;
  else
    sm_delivery_go_on(engine, task);
}

/* A result carries the id, too, and so does an end. Who looks for a job whose
 * deadline has come finds no id in the ledger: that is what he is told. */
static void not_accepted(struct sm_engine *engine, struct sm_task *task) {
  static const char then[] = "; the request was accepted and goes on at the "
                             "service, client:attach takes it up";
  struct sm_entry *entry = task->entry;
  struct sm_error e;
  bool is_late = entry->phase == SM_ENTRY_END && task->last->error &&
                 task->last->error->code == SM_TIMEOUT;
  entry->has_failed = true;
  word_failure(task, then, &e);
  if (is_late)
    sm_task_http_fail(task, NULL, &e);
  if (entry->phase == SM_ENTRY_ACCEPT)
    sm_keeper_fail(engine, task, &e);
  else
    go_on(engine, task);
}

static void accepted(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  if (entry->write.error) {
    not_accepted(engine, task);
    return;
  }
  tell_accepted(engine, task);
  if (entry->phase != SM_ENTRY_END)
    sm_task_shed(task);
  go_on(engine, task);
}

/* -- what comes home ------------------------------------------------------- */

/* A row that was left behind, and that no other job of this process has got
 * meanwhile: by its id, when its key was not known yet; or whose lease lapsed
 * while the host slept. Two at one row would both poll, and the end of one be
 * written beside the other's. */
static void take_over(struct sm_engine *engine, struct sm_task *task,
                      struct sm_row *row) {
  bool is_owned = sm_keys_owner(&engine->keys, task, row) != NULL;
  if (!is_owned || task->entry->start == SM_START_ATTACH) {
    sm_takeover_begin(engine, task, row, !is_owned);
    return;
  }
  sm_row_delete(row);
  sm_keeper_withdraw(engine, task);
  task->entry->generation = 0;
  look(engine, task);
}

static void hold(struct sm_engine *engine, struct sm_task *task) {
  if (task->entry->start == SM_START_ATTACH)
    sm_takeover_begin(engine, task, take_row(task->entry), false);
  else
    set_waiting(engine, task, engine->now_ms + GLANCE_MS);
}

/* The ledger has no row of the id: the task is a job like those without one. */
static void attach_alone(struct sm_engine *engine, struct sm_task *task) {
  sm_entry_delete(task->entry);
  task->entry = NULL;
  sm_tasks_note_id(&engine->tasks, task->job.request_id);
  sm_engine_send(engine, task, engine->now_ms);
}

/* A claim that failed has perhaps made a row all the same, which is then free
 * again. One that it would have taken over is not: its submit may be paid. */
static bool may_be_mine(const struct sm_write *write) {
  return write->kind == SM_WRITE_CLAIM && write->error && write->is_in_doubt &&
         write->standing == SM_STANDING_MINE && write->written > 0;
}

/* Another works at its step, which goes on while the database is away. */
static bool can_look_again(const struct sm_entry *entry) {
  return entry->write.kind == SM_WRITE_LOOK && entry->is_waiting &&
         entry->write.error->is_retryable;
}

/* Nothing is paid where it cannot be written (M5). */
static void not_looked(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  if (can_look_again(entry)) {
    set_waiting(engine, task, engine->now_ms + GLANCE_MS);
    return;
  }
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
    take_over(engine, task, take_row(entry));
    break;
  case SM_STANDING_HELD:
    hold(engine, task);
    break;
  case SM_STANDING_DONE:
    row = take_row(entry);
    if (entry->start == SM_START_ATTACH && !sm_takeover_name(engine, task, row))
      entry->save = NULL;
    sm_delivery_replay(engine, task, row);
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
  bool is_taken = !write->error && write->standing == SM_STANDING_TAKEN &&
                  !sm_keys_owner(&engine->keys, task, write->row);
  if (is_mine || is_taken || may_be_mine(write)) {
    entry->is_ours = true;
    entry->generation = write->written;
  }
  if (is_taken)
    entry->row = take_row(entry);
  if (is_taken && !entry->key)
    entry->is_ours = sm_takeover_name(engine, task, entry->row);
  sm_keeper_put_end(engine, task);
}

/* An id or a result may have got a row of its own, and may have done so when
 * it is not known whether it was written. */
static void note_row(struct sm_entry *entry) {
  const struct sm_write *write = &entry->write;
  bool brings_id =
      write->kind == SM_WRITE_ACCEPT || write->kind == SM_WRITE_COMPLETE;
  if (!brings_id || write->written <= 0 ||
      (write->error && !write->is_in_doubt))
    return;
  entry->generation = write->written;
  entry->submits = write->submits;
}

static void receive(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  enum sm_write_kind kind = entry->write.kind;
  entry->is_writing = false;
  engine->writing--;
  note_row(entry);
  if (!entry->write.error && entry->write.standing == SM_STANDING_NOT_OURS) {
    be_not_ours(engine, task);
    return;
  }
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
  case SM_WRITE_END:
    sm_keeper_finish(engine, task);
    sm_refusal_end_others(engine);
    break;
  default:
    sm_delivery_come_home(engine, task);
  }
}

void sm_keeper_take_writes(struct sm_engine *engine) {
  struct sm_write *write;
  if (!engine->store.self)
    return;
  while ((write = engine->store.finished(engine->store.self)) != NULL) {
    if (write->kind == SM_WRITE_NOTE)
      sm_engine_emit_trouble(engine, write->error);
    else if (sm_write_is_minor(write))
      sm_recall_come_home(write->owner);
    else
      receive(engine, write->owner);
  }
}

/* -- what the state machines want ------------------------------------------ */

static void take_news(struct sm_engine *engine, struct sm_task *task,
                      const struct sm_action *action) {
  struct sm_entry *entry = task->entry;
  sm_engine_emit_news(engine, task, action);
  if (action->new_state == SM_STATE_ACCEPTED) {
    sm_engine_check_host(engine, task, action);
    put_accept(engine, task);
  } else if (action->new_state && entry->phase == SM_ENTRY_ACCEPT) {
    entry->held_state = action->new_state;
  } else if (action->new_state) {
    sm_engine_emit_state(engine, task, action->new_state);
  }
}

void sm_keeper_carry_out(struct sm_engine *engine, struct sm_task *task,
                         struct sm_action *action) {
  if (task->entry->phase == SM_ENTRY_FETCH) {
    sm_delivery_carry_out(engine, task, action);
    return;
  }
  take_news(engine, task, action);
  if (action->kind == SM_ACTION_FAIL) {
    if (task->entry->phase == SM_ENTRY_WAIT)
      sm_fail(&action->error, SM_TIMEOUT,
              "the deadline passed while another process or job was at the "
              "same step");
    sm_keeper_fail(engine, task, &action->error);
  } else if (action->kind == SM_ACTION_DONE) {
    sm_delivery_arrive(engine, task, action);
  } else {
    sm_inflight_leave(&engine->inflight, task);
    sm_engine_send(engine, task, action->at_ms);
  }
}

/* -- from the host --------------------------------------------------------- */

static void look_for_id(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  struct sm_write *write =
      sm_entry_write(entry, SM_WRITE_ATTACH, entry->deadline_ms);
  write->request_id = sm_task_request_id(task);
  entry->phase = SM_ENTRY_LOOK;
  sm_keeper_put(engine, task, write);
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
  take_over(engine, task, row);
}

void sm_keeper_begin(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  entry->deadline_ms = sm_task_deadline_ms(task);
  entry->step->budget = engine->budget;
  entry->step->model = task->model ? task->model->name : "";
  entry->step->api = task->kind == SM_TASK_JOB ? "v2" : "v1";
  if (entry->key)
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
    look_for_id(engine, task);
    break;
  }
}

/* -- dropping -------------------------------------------------------------- */

/* Ends what runs for the task; says so in its last event. */
static void cut(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  struct sm_error e;
  bool may_have_left = sm_inflight_cut(&engine->inflight, task) &&
                       entry->phase != SM_ENTRY_FETCH &&
                       sm_class_is_submit(task->class);
  entry->was_sent = may_have_left || (task->kind == SM_TASK_JOB &&
                                      task->job.phase == SM_PHASE_LOOKUP);
  sm_fail(&e, SM_CANCELLED, "the job was cancelled");
  if (entry->was_sent)
    e.charged = SM_CHARGED_UNKNOWN;
  if (task->last->kind != SM_EVENT_DONE)
    sm_task_http_fail(task, NULL, &e);
  sm_keeper_withdraw(engine, task);
}

static void stop_fetch(struct sm_engine *engine, struct sm_task *task) {
  (void)sm_inflight_cut(&engine->inflight, task);
  sm_keeper_withdraw(engine, task);
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
    sm_delivery_store_now(engine, task);
  } else {
    stop_fetch(engine, task);
  }
  sm_engine_wake_at(engine, task, INT64_MAX);
  if (entry->is_writing)
    return;
  if (entry->phase == SM_ENTRY_END && entry->is_ours)
    sm_keeper_put_end(engine, task);
  else if (entry->phase != SM_ENTRY_END)
    sm_delivery_go_on(engine, task);
  else
    sm_keeper_forget(engine, task);
}

/* Rows that were begun keep their state for the next process; only what
 * was surely not sent is free, and what is being asked for is let go. */
static void stop(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  bool is_asking =
      entry->phase == SM_ENTRY_LOOK || entry->phase == SM_ENTRY_CLAIM;
  bool is_unsent = false;
  if (entry->phase == SM_ENTRY_STORE) {
    entry->is_dropped = true;
    sm_delivery_store_now(engine, task);
  }
  if (entry->phase <= SM_ENTRY_OPEN) {
    cut(engine, task);
    is_unsent = entry->is_ours && !entry->was_sent && !entry->is_taken &&
                !entry->is_again && !sm_task_request_id(task);
  }
  entry->is_dropped = true;
  if (is_asking || is_unsent) {
    entry->phase = SM_ENTRY_END;
    if (!entry->is_writing)
      sm_keeper_put_end(engine, task);
  }
}

/* Whether there was anything left to stop: a timer may move meanwhile. */
static bool stop_some(struct sm_engine *engine) {
  bool is_any = false;
  for (size_t i = 0; i < engine->timers.count; i++) {
    struct sm_task *task = sm_engine_task_at(engine, i);
    if (!task->entry || task->entry->is_dropped ||
        task->entry->phase == SM_ENTRY_END)
      continue;
    stop(engine, task);
    is_any = true;
  }
  return is_any;
}

void sm_keeper_stop(struct sm_engine *engine) {
  while (engine->store.self && stop_some(engine))
    ;
}
