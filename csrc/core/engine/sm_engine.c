#include "sm_engine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sm_delivery.h"
#include "sm_engine_internal.h"
#include "sm_header.h"
#include "sm_keeper.h"
#include "sm_recall.h"
#include "sm_saving.h"

#define IDLE_MS 60000
#define FIRST_RTT_MS 50

/* -- clocks -------------------------------------------------------------- */

void sm_engine_note_wall(struct sm_engine *engine, int64_t wall_ms,
                         int64_t now_ms) {
  engine->wall_offset_ms = wall_ms - now_ms;
  engine->now_ms = now_ms;
}

static int64_t service_ms(const struct sm_engine *engine, int64_t now_ms) {
  return now_ms + (engine->has_service_clock ? engine->service_offset_ms
                                             : engine->wall_offset_ms);
}

/* The Date of a host that may get the key is the service's clock. It has
 * whole seconds: what lies within is known better already. */
static void learn_clock(struct sm_engine *engine, struct sm_exchange *exchange,
                        int64_t now_ms) {
  int64_t before_ms = service_ms(engine, now_ms);
  struct sm_answer *answer = &exchange->answer;
  sm_header_settle(answer, &engine->date, before_ms);
  if (!exchange->request.has_key || answer->date_ms < 0)
    return;
  bool agrees =
      before_ms >= answer->date_ms && before_ms < answer->date_ms + 1000;
  engine->service_offset_ms = (agrees ? before_ms : answer->date_ms) - now_ms;
  engine->has_service_clock = true;
}

/* -- birth and death ----------------------------------------------------- */

enum sm_code sm_engine_new(struct sm_engine **out,
                           const struct sm_engine_options *options,
                           int64_t now_ms, struct sm_error *e) {
  struct sm_engine *engine = calloc(1, sizeof *engine);
  if (!engine)
    return sm_fail_memory(e);
  if (!sm_inflight_create(&engine->inflight, &options->transport,
                          &options->limits, options->max_transfers)) {
    free(engine);
    return sm_fail_memory(e);
  }
  engine->rtt_ms = FIRST_RTT_MS;
  sm_engine_note_wall(engine, options->wall_ms, now_ms);
  sm_tasks_create(&engine->tasks);
  sm_queue_create(&engine->queue, options->rpm, now_ms);
  sm_events_create(&engine->events);
  sm_rng_seed(&engine->rng, options->seed);
  engine->store = options->store;
  engine->folder = options->folder;
  engine->budget = options->has_budget ? options->budget : (double)NAN;
  *out = engine;
  return SM_OK;
}

static struct sm_task *task_of(struct sm_timer *timer) {
  return (struct sm_task *)((char *)timer - offsetof(struct sm_task, timer));
}

struct sm_task *sm_engine_task_at(const struct sm_engine *engine, size_t i) {
  return task_of(engine->timers.heap[i]);
}

void sm_engine_delete(struct sm_engine *engine) {
  struct sm_timer *timer;
  if (!engine)
    return;
  while ((timer = sm_timers_first(&engine->timers)) != NULL)
    sm_engine_drop(engine, task_of(timer));
  sm_inflight_destroy(&engine->inflight);
  sm_timers_destroy(&engine->timers);
  sm_tasks_destroy(&engine->tasks);
  sm_events_destroy(&engine->events);
  sm_keys_destroy(&engine->keys);
  free(engine);
}

/* -- events -------------------------------------------------------------- */

static void push(struct sm_engine *engine, struct sm_event *event) {
  sm_events_push(&engine->events, event);
  engine->event_count++;
}

static struct sm_event *event_for(struct sm_task *task, enum sm_state state) {
  struct sm_event *event = task->first;
  if (state != SM_STATE_ACCEPTED || !event)
    return sm_event_new(task->id);
  task->first = NULL;
  event->id = task->id;
  return event;
}

/* Takes ownership of `event`, which may be NULL. */
static void emit(struct sm_engine *engine, struct sm_task *task,
                 struct sm_event *event) {
  if (event && sm_event_name(event, sm_task_request_id(task)))
    push(engine, event);
  else if (event)
    sm_event_delete(event);
}

void sm_engine_emit_state(struct sm_engine *engine, struct sm_task *task,
                          enum sm_state state) {
  struct sm_event *event = event_for(task, state);
  if (event) {
    event->kind = SM_EVENT_STATE;
    event->state = state;
  }
  emit(engine, task, event);
}

static struct sm_event *new_note(const struct sm_task *task, const char *note) {
  struct sm_event *event = sm_event_new(task->id);
  if (event) {
    event->kind = SM_EVENT_NOTE;
    event->note = note;
  }
  return event;
}

/* Without memory for its reason the note stands alone. */
void sm_engine_emit_news(struct sm_engine *engine, struct sm_task *task,
                         const struct sm_action *action) {
  struct sm_event *event = action->note ? new_note(task, action->note) : NULL;
  if (event && action->is_note_of_error && action->error.message[0])
    event->body = strdup(action->error.message);
  emit(engine, task, event);
}

void sm_engine_emit_trouble(struct sm_engine *engine,
                            const struct sm_error *e) {
  struct sm_event *event = sm_event_new(0);
  if (!event)
    return;
  event->kind = SM_EVENT_NOTE;
  event->body = strdup(e->message);
  event->body_size = event->body ? strlen(event->body) : 0;
  if (event->body)
    push(engine, event);
  else
    sm_event_delete(event);
}

void sm_engine_emit_row(struct sm_engine *engine, struct sm_task *task,
                        struct sm_row *row) {
  struct sm_event *event = sm_event_new(task->id);
  if (!event) {
    sm_row_delete(row);
    return;
  }
  event->kind = SM_EVENT_ROW;
  event->row = row;
  push(engine, event);
}

static bool is_on_base(const struct sm_engine *engine, const char *url) {
  struct sm_origin origin;
  return sm_origin_read(&origin, url, NULL) == SM_OK &&
         sm_origin_equal(&origin,
                         &engine->inflight.limits.base->origin[SM_HOST_API]);
}

/* Once: the service says the same with every answer. */
void sm_engine_check_host(struct sm_engine *engine, struct sm_task *task,
                          const struct sm_action *action) {
  const char *url = action->reply.status_url;
  if (engine->has_checked_host || !url[0])
    return;
  engine->has_checked_host = true;
  if (!is_on_base(engine, url))
    emit(engine, task,
         new_note(task, "the service names a status_url on another host; it is "
                        "not used, the base URL is"));
}

static void emit_action(struct sm_engine *engine, struct sm_task *task,
                        const struct sm_action *action) {
  if (action->new_state != SM_STATE_NONE)
    sm_engine_emit_state(engine, task, action->new_state);
  sm_engine_emit_news(engine, task, action);
  if (action->new_state == SM_STATE_ACCEPTED)
    sm_engine_check_host(engine, task, action);
}

/* Hands out the task's last event. */
static void emit_end(struct sm_engine *engine, struct sm_task *task) {
  struct sm_event *event = task->last;
  task->last = NULL;
  event->id = task->id;
  if (task->is_quiet)
    sm_event_delete(event);
  else
    push(engine, event);
}

/* -- the end of a task --------------------------------------------------- */

static void forget_plan(struct sm_task *task) {
  if (task->kind == SM_TASK_JOB && task->model)
    sm_plan_forget(&task->job.plan, &task->model->learner);
}

void sm_engine_drop(struct sm_engine *engine, struct sm_task *task) {
  (void)sm_inflight_cut(&engine->inflight, task);
  sm_inflight_leave(&engine->inflight, task);
  sm_queue_remove(&engine->queue, task);
  sm_timers_remove(&engine->timers, &task->timer);
  sm_tasks_remove(&engine->tasks, task);
  forget_plan(task);
  engine->jobs--;
  sm_task_delete(task);
}

void sm_engine_end(struct sm_engine *engine, struct sm_task *task) {
  const struct sm_event *event = task->is_quiet ? NULL : task->last;
  if (task == engine->probe)
    engine->probe = NULL;
  emit_end(engine, task);
  if (task->entry)
    sm_keeper_leave(engine, task, event);
  sm_engine_drop(engine, task);
}

static void end_with(struct sm_engine *engine, struct sm_task *task,
                     const struct sm_error *error) {
  if (task->entry) {
    sm_keeper_fail(engine, task, error);
    return;
  }
  sm_task_http_fail(task, task->exchange, error);
  sm_engine_end(engine, task);
}

/* -- carrying out -------------------------------------------------------- */

void sm_engine_wake_at(struct sm_engine *engine, struct sm_task *task,
                       int64_t at_ms) {
  int64_t deadline_ms = sm_task_deadline_ms(task);
  sm_timers_set(&engine->timers, &task->timer,
                at_ms < deadline_ms ? at_ms : deadline_ms);
}

void sm_engine_send(struct sm_engine *engine, struct sm_task *task,
                    int64_t at_ms) {
  if (at_ms > engine->now_ms) {
    sm_engine_wake_at(engine, task, at_ms);
    return;
  }
  sm_engine_wake_at(engine, task, INT64_MAX);
  sm_queue_push(&engine->queue, task);
}

static void note_id(struct sm_engine *engine, struct sm_task *task) {
  sm_tasks_note_id(&engine->tasks, task->job.request_id);
  sm_task_shed(task);
}

static void carry_out(struct sm_engine *engine, struct sm_task *task,
                      struct sm_action *action) {
  if (task->entry) {
    sm_keeper_carry_out(engine, task, action);
    return;
  }
  emit_action(engine, task, action);
  if (action->new_state == SM_STATE_ACCEPTED)
    note_id(engine, task);
  if (action->kind == SM_ACTION_DONE)
    sm_task_http_settle(task, task->exchange, action);
  if (action->kind == SM_ACTION_FAIL) {
    end_with(engine, task, &action->error);
  } else if (action->kind == SM_ACTION_DONE) {
    if (!sm_saving_begin(engine, task))
      sm_engine_end(engine, task);
  } else {
    sm_inflight_leave(&engine->inflight, task);
    sm_engine_send(engine, task, action->at_ms);
  }
}

static bool is_taken(const void *user, const char *request_id) {
  const struct sm_engine *engine = user;
  return sm_tasks_has_id(&engine->tasks, request_id);
}

static const char *awaited(const void *user, const char *model, int n,
                           size_t *size) {
  const struct sm_engine *engine = user;
  return sm_inflight_awaited(&engine->inflight, model, n, size);
}

static struct sm_context context_for(struct sm_engine *engine,
                                     const struct sm_task *task,
                                     int64_t now_ms) {
  return (struct sm_context){
      .learner = task->model ? &task->model->learner : NULL,
      .pace = &engine->queue.pace,
      .rng = &engine->rng,
      .now_ms = now_ms,
      .rtt_ms = (int64_t)engine->rtt_ms,
      .wall_ms = now_ms + engine->wall_offset_ms,
      .service_ms = service_ms(engine, now_ms),
      .has_service_clock = engine->has_service_clock,
      .model = task->model ? task->model->name : NULL,
      .body = task->body,
      .others = {is_taken, awaited, engine},
  };
}

static void learn_rtt(struct sm_engine *engine, const struct sm_task *task,
                      const struct sm_exchange *exchange) {
  if (task->class == SM_CLASS_POLL && exchange->answer.code == SM_OK)
    engine->rtt_ms += 0.1 * ((double)exchange->answer.took_ms - engine->rtt_ms);
}

/* When a task that sleeps until its next regular poll is to make it; 0 for any
 * other, one too whose end is only being written. */
static int64_t poll_ms(struct sm_engine *engine, const struct sm_task *task,
                       int64_t now_ms) {
  if (task->kind != SM_TASK_JOB || task->exchange || task->is_ready ||
      (task->entry && sm_entry_is_over(task->entry)))
    return 0;
  const struct sm_context context = context_for(engine, task, now_ms);
  return sm_job_poll_ms(&task->job, &context);
}

/* One of the first jobs of a model is over, and that says when to look at the
 * others. */
static void plan_anew(struct sm_engine *engine, const struct sm_model *model,
                      int64_t now_ms) {
  const struct sm_tasks *tasks = &engine->tasks;
  for (size_t i = 0; i < tasks->bucket_count; i++)
    for (struct sm_task *task = tasks->buckets[i]; task; task = task->chain) {
      int64_t at_ms = task->model == model ? poll_ms(engine, task, now_ms) : 0;
      if (at_ms)
        sm_engine_wake_at(engine, task, at_ms);
    }
}

static void receive(struct sm_engine *engine, struct sm_exchange *exchange,
                    int64_t now_ms) {
  struct sm_task *task = exchange->owner;
  learn_clock(engine, exchange, now_ms);
  struct sm_context context = context_for(engine, task, now_ms);
  struct sm_action action;
  learn_rtt(engine, task, exchange);
  struct sm_model *model = task->model;
  uint32_t jobs = model ? model->learner.jobs : 0;
  sm_task_http_judge(task, exchange, &context, &action);
  if (action.kind != SM_ACTION_SEND)
    forget_plan(task);
  bool has_learned = model && model->learner.jobs != jobs;
  if (has_learned)
    sm_recall_keep(engine, model);
  carry_out(engine, task, &action);
  if (has_learned && sm_learner_is_new(&model->learner))
    plan_anew(engine, model, now_ms);
}

/* -- starting ------------------------------------------------------------ */

/* A download that this machine has no room for may have some later. */
static bool may_be_begun_later(const struct sm_task *task,
                               const struct sm_error *e) {
  return task->kind == SM_TASK_CALL && task->call.kind == SM_FETCH_DOWNLOAD &&
         e->code == SM_IO;
}

/* A job's request that could not be begun is one that was not answered: a look
 * into the history or a poll that fails for want of memory says nothing about
 * the money, and the job's state machine knows what to say instead. */
static void give_up_start(struct sm_engine *engine, struct sm_task *task,
                          const struct sm_error *e, int64_t now_ms) {
  struct sm_answer *answer = &task->exchange->answer;
  if (task->kind != SM_TASK_JOB && !may_be_begun_later(task, e)) {
    end_with(engine, task, e);
    return;
  }
  answer->code = e->code;
  (void)snprintf(answer->reason, sizeof answer->reason, "%.255s", e->message);
  receive(engine, task->exchange, now_ms);
}

/* Where the breaker waits for a GET that is answered well, and no poll is there
 * to be one, the cheapest request there is takes its place. */
static bool probe(struct sm_engine *engine, int64_t now_ms) {
  if (engine->probe || !sm_queue_wants_probe(&engine->queue, now_ms))
    return false;
  struct sm_task *task = sm_task_new(SM_TASK_CALL, "/v1/get-user-credits");
  if (!task)
    return false; /* the breaker gives in by itself a little later */
  task->is_quiet = true;
  sm_fetch_create(&task->call, SM_FETCH_GET, engine->queue.pace.breaker_ms);
  engine->probe = task;
  sm_engine_add(engine, task);
  return true;
}

void sm_engine_start(struct sm_engine *engine, struct sm_task *task) {
  int64_t now_ms = engine->now_ms;
  struct sm_error e;
  if (task->kind == SM_TASK_JOB) {
    task->job.sent_ms = now_ms;
    task->job.sent_wall_ms = now_ms + engine->wall_offset_ms;
  }
  if (sm_inflight_start(&engine->inflight, task, now_ms, &e) != SM_OK)
    give_up_start(engine, task, &e, now_ms);
}

/* Starts what may start. */
static void pump(struct sm_engine *engine, int64_t now_ms) {
  struct sm_task *task;
  sm_queue_open(&engine->queue);
  while ((task = sm_queue_next(&engine->queue, &engine->inflight, now_ms)) !=
         NULL)
    if (!sm_keeper_claim(engine, task))
      sm_engine_start(engine, task);
  sm_keeper_note_waiting(engine);
}

/* -- timers -------------------------------------------------------------- */

void sm_engine_expire(struct sm_engine *engine, struct sm_task *task) {
  struct sm_context context = context_for(engine, task, engine->now_ms);
  struct sm_action action;
  bool was_sent = sm_inflight_cut(&engine->inflight, task);
  if (task->kind == SM_TASK_JOB)
    sm_job_expire(&task->job, &context, was_sent, &action);
  else
    sm_fetch_expire(&task->call, was_sent, &action);
  carry_out(engine, task, &action);
}

static void wake_due(struct sm_engine *engine, int64_t now_ms) {
  struct sm_timer *timer;
  while ((timer = sm_timers_first(&engine->timers)) != NULL &&
         timer->at_ms <= now_ms) {
    struct sm_task *task = task_of(timer);
    int64_t at_ms = poll_ms(engine, task, now_ms);
    if (now_ms >= sm_task_deadline_ms(task)) {
      sm_engine_expire(engine, task);
    } else if (at_ms > now_ms) { /* more is known than when it was planned */
      sm_engine_wake_at(engine, task, at_ms);
    } else if (!sm_keeper_wake(engine, task)) {
      sm_engine_wake_at(engine, task, INT64_MAX);
      sm_queue_push(&engine->queue, task);
    }
  }
}

/* -- pictures that are read through --------------------------------------- */

static enum sm_code settle_digest(struct sm_event *event,
                                  const struct sm_digest *digest,
                                  struct sm_error *e) {
  const char *copy = sm_digest_copy(digest);
  event->kind = SM_EVENT_DONE;
  event->image = sm_digest_facts(digest)->image;
  event->bytes = sm_digest_facts(digest)->size_bytes;
  event->is_file = copy != NULL;
  event->place = copy ? strdup(copy) : NULL;
  return copy && !event->place ? sm_fail_memory(e) : SM_OK;
}

static void step_digest(struct sm_engine *engine) {
  struct sm_task *task = sm_queue_digest(&engine->queue);
  struct sm_error e;
  bool is_over = false;
  if (!task)
    return;
  enum sm_code code = sm_task_step_digest(task, &is_over, &e);
  if (task->entry) {
    if (code != SM_OK || is_over)
      sm_delivery_read(engine, task, code == SM_OK ? NULL : &e);
    return;
  }
  if (code == SM_OK && is_over)
    code = settle_digest(task->last, task->digest, &e);
  if (code != SM_OK)
    end_with(engine, task, &e);
  else if (is_over)
    sm_engine_end(engine, task);
}

/* -- the public verbs ---------------------------------------------------- */

static bool needs_model(const struct sm_task *task) {
  return task->kind == SM_TASK_JOB ||
         (task->kind == SM_TASK_CALL && task->call.kind == SM_FETCH_SYNC);
}

static bool find_model(struct sm_engine *engine, struct sm_task *task) {
  if (!needs_model(task))
    return true;
  task->model = sm_tasks_model(&engine->tasks, task->target, task->mean_s);
  if (!task->model)
    return false;
  free(task->target);
  task->target = NULL;
  sm_recall_ask(engine, task->model);
  return true;
}

static void begin(struct sm_engine *engine, struct sm_task *task) {
  if (task->entry) {
    sm_keeper_begin(engine, task);
    return;
  }
  if (task->kind == SM_TASK_JOB && task->job.request_id)
    note_id(engine, task);
  sm_engine_wake_at(engine, task, INT64_MAX);
  sm_queue_push(&engine->queue, task);
}

static bool reserve(struct sm_engine *engine, const struct sm_task *task) {
  return sm_timers_reserve(&engine->timers) &&
         (!task->entry || sm_keys_reserve(&engine->keys));
}

void sm_engine_add(struct sm_engine *engine, struct sm_task *task) {
  struct sm_error e;
  if (task->kind == SM_TASK_PROCEED) {
    sm_keeper_proceed(engine, task);
    sm_task_delete(task);
    return;
  }
  engine->jobs++;
  if (reserve(engine, task) && find_model(engine, task) &&
      sm_tasks_add(&engine->tasks, task)) {
    begin(engine, task);
    return;
  }
  sm_fail_memory(&e);
  sm_task_http_fail(task, NULL, &e);
  if (task == engine->probe)
    engine->probe = NULL;
  emit_end(engine, task);
  engine->jobs--;
  sm_task_delete(task);
}

void sm_engine_cancel(struct sm_engine *engine, uint64_t id) {
  struct sm_task *task = sm_tasks_find(&engine->tasks, id);
  if (task && task->entry)
    sm_keeper_drop(engine, task);
  else if (task)
    sm_engine_drop(engine, task);
}

void sm_engine_stop(struct sm_engine *engine) {
  engine->is_stopping = true;
  sm_keeper_stop(engine);
}

void sm_engine_take_writes(struct sm_engine *engine) {
  sm_keeper_take_writes(engine);
}

bool sm_engine_is_writing(const struct sm_engine *engine) {
  return engine->writing > 0;
}

static int64_t time_to_next(const struct sm_engine *engine, int64_t now_ms) {
  const struct sm_timer *timer = sm_timers_first(&engine->timers);
  int64_t next = timer ? timer->at_ms : INT64_MAX;
  if (sm_queue_digest(&engine->queue))
    return 0;
  if (engine->queue.again_ms < next)
    next = engine->queue.again_ms;
  if (next <= now_ms)
    return 0;
  return next - now_ms < IDLE_MS ? next - now_ms : IDLE_MS;
}

int64_t sm_engine_turn(struct sm_engine *engine, int64_t now_ms) {
  struct sm_exchange *exchange;
  engine->now_ms = now_ms;
  sm_keeper_take_writes(engine);
  while ((exchange = sm_inflight_finished(&engine->inflight)) != NULL)
    receive(engine, exchange, now_ms);
  wake_due(engine, now_ms);
  step_digest(engine);
  pump(engine, now_ms);
  if (probe(engine, now_ms))
    pump(engine, now_ms);
  return time_to_next(engine, now_ms);
}

void sm_engine_take_events(struct sm_engine *engine, struct sm_events *events) {
  sm_events_move(events, &engine->events);
}

void sm_engine_stats(const struct sm_engine *engine, struct sm_stats *stats) {
  const struct sm_inflight *inflight = &engine->inflight;
  *stats = (struct sm_stats){
      .jobs = engine->jobs,
      .active = (uint64_t)inflight->active,
      .queued = engine->queue.count,
      .submits = inflight->submits,
      .polls = inflight->polls,
      .transfers = inflight->transfers,
      .events = engine->event_count,
  };
}
