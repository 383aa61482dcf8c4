#include "sm_engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sm_lanes.h"
#include "sm_registry.h"
#include "sm_slots.h"

#define IDLE_MS 60000
#define FIRST_RTT_MS 50

struct sm_engine {
  struct sm_transport transport;
  struct sm_limits limits;
  struct sm_pace pace;
  struct sm_rng rng;
  struct sm_registry registry;
  struct sm_timers timers;
  struct sm_lanes lanes;
  struct sm_slots slots;
  struct sm_task *probe;  /* asks an ailing service how it is */
  int64_t pace_ms;        /* the pace lets nothing go before */
  int64_t wall_offset_ms; /* Unix time less the monotonic clock's */
  double rtt_ms;          /* a poll's round trip, smoothed */
  bool has_checked_urls;
  struct sm_events events;
  struct sm_stats stats;
};

/* -- birth and death ----------------------------------------------------- */

enum sm_code sm_engine_new(struct sm_engine **out,
                           const struct sm_engine_options *options,
                           int64_t now_ms, struct sm_error *e) {
  struct sm_engine *engine = calloc(1, sizeof *engine);
  if (!engine)
    return sm_fail_memory(e);
  if (!sm_slots_create(&engine->slots, options->max_transfers)) {
    free(engine);
    return sm_fail_memory(e);
  }
  engine->transport = options->transport;
  engine->limits = options->limits;
  engine->rtt_ms = FIRST_RTT_MS;
  engine->wall_offset_ms = options->wall_ms - now_ms;
  sm_registry_create(&engine->registry);
  sm_events_create(&engine->events);
  sm_pace_create(&engine->pace, options->rpm, now_ms);
  sm_rng_seed(&engine->rng, options->seed);
  *out = engine;
  return SM_OK;
}

static struct sm_task *task_of(struct sm_timer *timer) {
  return (struct sm_task *)((char *)timer - offsetof(struct sm_task, timer));
}

static void drop(struct sm_engine *engine, struct sm_task *task);

void sm_engine_delete(struct sm_engine *engine) {
  struct sm_timer *timer;
  if (!engine)
    return;
  while ((timer = sm_timers_first(&engine->timers)) != NULL)
    drop(engine, task_of(timer));
  sm_slots_destroy(&engine->slots, &engine->transport);
  sm_timers_destroy(&engine->timers);
  sm_registry_destroy(&engine->registry);
  sm_events_destroy(&engine->events);
  free(engine);
}

/* -- the end of a task --------------------------------------------------- */

static void free_slot(struct sm_engine *engine, struct sm_task *task) {
  if (!task->transfer)
    return;
  sm_slots_give_back(&engine->slots, task->transfer,
                     sm_exchange_is_heavy(task));
  task->transfer = NULL;
}

static void drop(struct sm_engine *engine, struct sm_task *task) {
  if (task->transfer) {
    engine->transport.cancel(engine->transport.self, task->transfer);
    free_slot(engine, task);
  }
  sm_lanes_remove(&engine->lanes, task);
  sm_timers_remove(&engine->timers, &task->timer);
  sm_registry_remove(&engine->registry, task);
  if (task->model)
    task->model->in_flight--;
  engine->stats.jobs--;
  sm_task_delete(task);
}

/* Hands out the task's last event and takes the task down. */
static void end(struct sm_engine *engine, struct sm_task *task) {
  struct sm_event *event = task->last;
  task->last = NULL;
  event->id = task->id;
  if (task == engine->probe)
    engine->probe = NULL;
  if (task->is_quiet) {
    sm_event_delete(event);
  } else {
    sm_events_push(&engine->events, event);
    engine->stats.events++;
  }
  drop(engine, task);
}

static void end_with(struct sm_engine *engine, struct sm_task *task,
                     const struct sm_error *error) {
  sm_exchange_fail(task, task->transfer, error);
  end(engine, task);
}

/* -- news ---------------------------------------------------------------- */

/* That a submit was accepted is told in any case. */
static struct sm_event *event_for(struct sm_task *task, enum sm_state state) {
  struct sm_event *event = task->first;
  if (state != SM_STATE_ACCEPTED || !event)
    return sm_event_new(task->id);
  task->first = NULL;
  event->id = task->id;
  return event;
}

/* A state or a note that cannot be told for want of memory is left out. */
static void tell(struct sm_engine *engine, struct sm_task *task,
                 enum sm_event_kind kind, enum sm_state state,
                 const char *note) {
  struct sm_event *event = event_for(task, state);
  if (!event)
    return;
  event->kind = kind;
  event->state = state;
  event->note = note;
  if (task->kind == SM_TASK_JOB && task->job.request_id)
    sm_event_name(event, task->job.request_id);
  sm_events_push(&engine->events, event);
  engine->stats.events++;
}

static void check_urls(struct sm_engine *engine, struct sm_task *task) {
  if (engine->has_checked_urls)
    return;
  engine->has_checked_urls = true;
  if (sm_exchange_names_foreign_host(task->transfer, engine->limits.base))
    tell(engine, task, SM_EVENT_NOTE, SM_STATE_NONE,
         "the service names a status_url on another host; it is not used, the "
         "base URL is");
}

static void tell_news(struct sm_engine *engine, struct sm_task *task,
                      const struct sm_verdict *verdict) {
  if (verdict->news != SM_STATE_NONE)
    tell(engine, task, SM_EVENT_STATE, verdict->news, NULL);
  if (verdict->note)
    tell(engine, task, SM_EVENT_NOTE, SM_STATE_NONE, verdict->note);
  if (verdict->news == SM_STATE_ACCEPTED) {
    sm_registry_note_id(&engine->registry, task->job.request_id);
    check_urls(engine, task);
    sm_task_shed(task);
  }
}

/* -- carrying out -------------------------------------------------------- */

static void wake_at(struct sm_engine *engine, struct sm_task *task,
                    int64_t at_ms) {
  int64_t deadline_ms = sm_task_deadline_ms(task);
  sm_timers_set(&engine->timers, &task->timer,
                at_ms < deadline_ms ? at_ms : deadline_ms);
}

static void send_later(struct sm_engine *engine, struct sm_task *task,
                       int64_t at_ms, int64_t now_ms) {
  if (at_ms > now_ms) {
    wake_at(engine, task, at_ms);
    return;
  }
  wake_at(engine, task, INT64_MAX);
  sm_lanes_push(&engine->lanes, task);
}

static void carry_out(struct sm_engine *engine, struct sm_task *task,
                      struct sm_verdict *verdict, int64_t now_ms) {
  tell_news(engine, task, verdict);
  if (verdict->step == SM_STEP_DONE)
    sm_exchange_settle(task, task->transfer, verdict);
  if (verdict->step == SM_STEP_FAIL) {
    end_with(engine, task, &verdict->error);
  } else if (verdict->step == SM_STEP_DONE) {
    end(engine, task);
  } else {
    free_slot(engine, task);
    send_later(engine, task, verdict->at_ms, now_ms);
  }
}

static bool is_taken(const void *user, const char *request_id) {
  const struct sm_engine *engine = user;
  return sm_registry_has_id(&engine->registry, request_id);
}

static bool is_awaited(const struct sm_task *task, const char *model) {
  return task && task->model && task->body && sm_exchange_is_submit(task) &&
         strcmp(task->model->name, model) == 0;
}

static const char *awaited(const void *user, const char *model, int n,
                           size_t *size) {
  const struct sm_slots *slots = &((const struct sm_engine *)user)->slots;
  for (int i = 0; i < slots->count; i++) {
    const struct sm_task *task = slots->all[i].owner;
    const char *text =
        is_awaited(task, model) ? sm_body_text(task->body, size) : NULL;
    if (text && n-- == 0)
      return text;
  }
  return NULL;
}

static struct sm_scene scene_for(struct sm_engine *engine,
                                 const struct sm_task *task, int64_t now_ms) {
  return (struct sm_scene){
      .learner = task->model ? &task->model->learner : NULL,
      .pace = &engine->pace,
      .rng = &engine->rng,
      .now_ms = now_ms,
      .rtt_ms = (int64_t)engine->rtt_ms,
      .in_flight = task->model ? task->model->in_flight : 0,
      .wall_s = (now_ms + engine->wall_offset_ms) / 1000,
      .model = task->model ? task->model->name : NULL,
      .body = task->body,
      .others = {is_taken, awaited, engine},
  };
}

static void learn_rtt(struct sm_engine *engine, const struct sm_task *task,
                      const struct sm_transfer *transfer) {
  if (sm_lane_of(task) == SM_LANE_POLL && transfer->answer.code == SM_OK)
    engine->rtt_ms += 0.1 * ((double)transfer->answer.took_ms - engine->rtt_ms);
}

static void receive(struct sm_engine *engine, struct sm_transfer *transfer,
                    int64_t now_ms) {
  struct sm_task *task = transfer->owner;
  struct sm_scene scene = scene_for(engine, task, now_ms);
  struct sm_verdict verdict;
  learn_rtt(engine, task, transfer);
  sm_exchange_judge(task, transfer, &scene, &verdict);
  carry_out(engine, task, &verdict, now_ms);
}

/* -- starting ------------------------------------------------------------ */

/* A job's request that could not be begun is one that was not answered: a look
 * into the history or a poll that fails for want of memory says nothing about
 * the money, and the job's state machine knows what to say instead. */
static void give_up_start(struct sm_engine *engine, struct sm_task *task,
                          const struct sm_error *e, int64_t now_ms) {
  struct sm_answer *answer = &task->transfer->answer;
  if (task->kind != SM_TASK_JOB) {
    end_with(engine, task, e);
    return;
  }
  answer->code = e->code;
  (void)snprintf(answer->reason, sizeof answer->reason, "%.255s", e->message);
  receive(engine, task->transfer, now_ms);
}

static enum sm_code dispatch(struct sm_engine *engine, struct sm_task *task,
                             int64_t now_ms, struct sm_error *e) {
  struct sm_transfer *transfer = task->transfer;
  if (!sm_task_arm(task))
    return sm_fail_memory(e);
  enum sm_code code =
      sm_exchange_prepare(task, transfer, &engine->limits, now_ms, e);
  if (code != SM_OK)
    return code;
  return engine->transport.start(engine->transport.self, transfer, e);
}

static void start(struct sm_engine *engine, struct sm_task *task,
                  int64_t now_ms) {
  struct sm_transfer *transfer =
      sm_slots_take(&engine->slots, sm_exchange_is_heavy(task));
  struct sm_error e;
  transfer->owner = task;
  task->transfer = transfer;
  if (task->kind == SM_TASK_JOB)
    task->job.sent_ms = now_ms;
  if (dispatch(engine, task, now_ms, &e) != SM_OK) {
    give_up_start(engine, task, &e, now_ms);
    return;
  }
  engine->stats.transfers++;
  engine->stats.submits += sm_exchange_is_submit(task);
  engine->stats.polls +=
      task->kind == SM_TASK_JOB && task->job.phase != SM_PHASE_SUBMIT;
}

/* What the pace says; a picture's download is no request to the gateway. */
static int64_t pace_of(struct sm_engine *engine, const struct sm_task *task,
                       int64_t now_ms) {
  if (task->kind == SM_TASK_CALL && task->call.kind == SM_CALL_DOWNLOAD)
    return 0;
  return sm_pace_take(&engine->pace, sm_exchange_is_submit(task), now_ms);
}

/* The breaker keeps submits from an ailing service until a GET was answered
 * well. The polls of running jobs are such GETs; where there are none, the
 * cheapest request there is takes their place. */
static bool probe(struct sm_engine *engine, int64_t now_ms) {
  const struct sm_pace *pace = &engine->pace;
  if (engine->probe || !engine->lanes.head[SM_LANE_SUBMIT] ||
      engine->lanes.head[SM_LANE_POLL] || !sm_pace_is_open(pace, now_ms))
    return false;
  if (now_ms < pace->probe_ms) {
    if (pace->probe_ms < engine->pace_ms)
      engine->pace_ms = pace->probe_ms;
    return false;
  }
  struct sm_task *task = sm_task_new(SM_TASK_CALL, "/v1/get-user-credits");
  if (!task)
    return false; /* the breaker gives in by itself a little later */
  task->is_quiet = true;
  sm_call_create(&task->call, SM_CALL_GET, pace->breaker_ms);
  engine->probe = task;
  sm_engine_add(engine, task);
  return true;
}

/* Starts what may start. A lane that the pace holds back is closed for this
 * turn, and pace_ms says when to try again. */
static void pump(struct sm_engine *engine, int64_t now_ms) {
  unsigned closed = 0;
  struct sm_task *task;
  engine->pace_ms = INT64_MAX;
  while ((task = sm_lanes_next(&engine->lanes, closed)) != NULL) {
    int64_t wait = 0;
    if (sm_slots_has_room(&engine->slots, sm_exchange_is_heavy(task)))
      wait = pace_of(engine, task, now_ms);
    else
      wait = INT64_MAX; /* until a transfer ends */
    if (wait == 0) {
      sm_lanes_remove(&engine->lanes, task);
      start(engine, task, now_ms);
      continue;
    }
    closed |= 1U << sm_lane_of(task);
    if (wait < INT64_MAX && now_ms + wait < engine->pace_ms)
      engine->pace_ms = now_ms + wait;
  }
}

/* -- timers -------------------------------------------------------------- */

static void expire(struct sm_engine *engine, struct sm_task *task,
                   int64_t now_ms) {
  struct sm_scene scene = scene_for(engine, task, now_ms);
  struct sm_verdict verdict;
  bool was_sent = false;
  if (task->transfer) {
    engine->transport.cancel(engine->transport.self, task->transfer);
    was_sent = task->transfer->answer.was_sent;
  }
  if (task->kind == SM_TASK_JOB)
    sm_job_expire(&task->job, &scene, was_sent, &verdict);
  else
    sm_call_expire(&task->call, was_sent, &verdict);
  carry_out(engine, task, &verdict, now_ms);
}

static void wake_due(struct sm_engine *engine, int64_t now_ms) {
  struct sm_timer *timer;
  while ((timer = sm_timers_first(&engine->timers)) != NULL &&
         timer->at_ms <= now_ms) {
    struct sm_task *task = task_of(timer);
    if (now_ms >= sm_task_deadline_ms(task)) {
      expire(engine, task, now_ms);
    } else {
      wake_at(engine, task, INT64_MAX);
      sm_lanes_push(&engine->lanes, task);
    }
  }
}

/* -- hashing ------------------------------------------------------------- */

static void step_digest(struct sm_engine *engine) {
  struct sm_task *task = engine->lanes.head[SM_LANE_DIGEST];
  struct sm_event *event;
  struct sm_error e;
  bool is_over = false;
  if (!task)
    return;
  event = task->last;
  if (sm_digest_step(task->digest, &is_over, event->sha256, &e) != SM_OK) {
    end_with(engine, task, &e);
  } else if (is_over) {
    event->kind = SM_EVENT_DONE;
    event->image = sm_digest_facts(task->digest)->image;
    event->bytes = sm_digest_facts(task->digest)->size_bytes;
    end(engine, task);
  }
}

/* -- the public verbs ---------------------------------------------------- */

static bool needs_model(const struct sm_task *task) {
  return task->kind == SM_TASK_JOB ||
         (task->kind == SM_TASK_CALL && task->call.kind == SM_CALL_SYNC);
}

static bool find_model(struct sm_engine *engine, struct sm_task *task) {
  if (!needs_model(task))
    return true;
  task->model =
      sm_registry_model(&engine->registry, task->target, task->mean_s);
  if (!task->model)
    return false;
  task->model->in_flight++;
  free(task->target);
  task->target = NULL;
  return true;
}

static void begin(struct sm_engine *engine, struct sm_task *task) {
  if (task->kind == SM_TASK_JOB && task->job.request_id) {
    sm_registry_note_id(&engine->registry, task->job.request_id);
    sm_task_shed(task);
  }
  wake_at(engine, task, INT64_MAX);
  sm_lanes_push(&engine->lanes, task);
}

void sm_engine_add(struct sm_engine *engine, struct sm_task *task) {
  struct sm_error e;
  engine->stats.jobs++;
  if (sm_timers_reserve(&engine->timers) && find_model(engine, task) &&
      sm_registry_add(&engine->registry, task)) {
    begin(engine, task);
    return;
  }
  sm_fail_memory(&e);
  sm_exchange_fail(task, NULL, &e);
  task->last->id = task->id;
  if (task == engine->probe)
    engine->probe = NULL;
  if (!task->is_quiet) {
    sm_events_push(&engine->events, task->last);
    task->last = NULL;
  }
  engine->stats.jobs--;
  if (task->model)
    task->model->in_flight--;
  sm_task_delete(task);
}

void sm_engine_cancel(struct sm_engine *engine, uint64_t id) {
  struct sm_task *task = sm_registry_find(&engine->registry, id);
  if (task)
    drop(engine, task);
}

static int64_t time_to_next(const struct sm_engine *engine, int64_t now_ms) {
  const struct sm_timer *timer = sm_timers_first(&engine->timers);
  int64_t next = timer ? timer->at_ms : INT64_MAX;
  if (engine->lanes.head[SM_LANE_DIGEST])
    return 0;
  if (engine->pace_ms < next)
    next = engine->pace_ms;
  if (next <= now_ms)
    return 0;
  return next - now_ms < IDLE_MS ? next - now_ms : IDLE_MS;
}

int64_t sm_engine_turn(struct sm_engine *engine, int64_t now_ms) {
  struct sm_transfer *transfer;
  while ((transfer = engine->transport.finished(engine->transport.self)) !=
         NULL)
    receive(engine, transfer, now_ms);
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
  *stats = engine->stats;
  stats->active = (uint64_t)engine->slots.active;
  stats->queued = engine->lanes.count;
}
