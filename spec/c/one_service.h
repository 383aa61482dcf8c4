/* The service in a few lines, on a clock that is moved by hand, and an engine
 * over it: tests say what it answers, and count what it was asked. */
#ifndef ONE_SERVICE_H
#define ONE_SERVICE_H

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "sample_pictures.h"
#include "sm_engine.h"

#define MAX_ACTIVE 64

/* A service in memory: jobs take `duration_ms`, answers `trip_ms`. */
struct service {
  int64_t now_ms;
  int64_t trip_ms;
  int64_t duration_ms;
  struct sm_exchange *active[MAX_ACTIVE];
  int64_t due_ms[MAX_ACTIVE];
  int active_count;
  int most_active;
  int64_t *accepted_ms;
  int accepted;
  int polls;
  int submits;
  int probes;
  int downloads;
  int picture_status;
  int submit_status;     /* what a submit is answered with */
  const char *history;   /* the request history; NULL: there is none */
  const char *result;    /* of a job that has ended; NULL: a picture */
  bool is_silent;        /* answers nothing at all */
  bool is_out_of_memory; /* begins nothing but submits */
};

static struct service service;
static struct sm_base base;

static inline enum sm_code play_start(void *self, struct sm_exchange *exchange,
                                      struct sm_error *e) {
  (void)self;
  if (service.is_out_of_memory && exchange->request.method == SM_GET)
    return sm_fail_memory(e);
  int i = service.active_count++;
  service.active[i] = exchange;
  service.due_ms[i] = service.now_ms + service.trip_ms;
  if (service.active_count > service.most_active)
    service.most_active = service.active_count;
  return SM_OK;
}

static inline void forget(int i) {
  service.active[i] = service.active[--service.active_count];
  service.due_ms[i] = service.due_ms[service.active_count];
}

static inline void play_cancel(void *self, struct sm_exchange *exchange) {
  (void)self;
  for (int i = 0; i < service.active_count; i++)
    if (service.active[i] == exchange) {
      exchange->answer.was_sent = true;
      forget(i);
      return;
    }
}

static inline void answer_submit(struct sm_exchange *exchange) {
  struct sm_buf *body = &exchange->answer.body;
  exchange->answer.status = service.submit_status;
  service.submits++;
  if (service.submit_status != 200)
    return;
  if (strstr(sm_buf_text(&exchange->url), "/v1/")) {
    exchange->answer.is_all = true;
    sm_buf_append(body, sample_png, sizeof sample_png, NULL);
    return;
  }
  sm_buf_printf(body, NULL, "{\"request_id\":\"r%d\",\"status\":\"QUEUED\"}",
                service.accepted);
  service.accepted_ms[service.accepted++] = service.now_ms;
}

/* A download: the bytes go where they are wanted. */
static inline void answer_picture(struct sm_exchange *exchange) {
  service.downloads++;
  exchange->answer.status = service.picture_status;
  exchange->answer.is_all = true;
  if (service.picture_status == 200)
    sm_file_write(exchange->request.file, sample_png, sizeof sample_png, NULL);
}

static inline void answer_get(struct sm_exchange *exchange) {
  const char *url = sm_buf_text(&exchange->url);
  if (exchange->request.file) {
    answer_picture(exchange);
    return;
  }
  if (strstr(url, "/v1/get-user-credits")) {
    exchange->answer.status = 200;
    service.probes++;
    return;
  }
  if (strstr(url, "/request-history")) {
    exchange->answer.status = service.history ? 200 : 404;
    sm_buf_add_text(&exchange->answer.body,
                    service.history ? service.history : "", NULL);
    return;
  }
  int number = atoi(strstr(url, "/requests/r") + 11);
  bool is_over =
      service.now_ms >= service.accepted_ms[number] + service.duration_ms;
  service.polls++;
  exchange->answer.status = 200;
  sm_buf_add_text(&exchange->answer.body,
                  !is_over                 ? "{\"status\":\"PROCESSING\"}"
                  : service.result         ? service.result
                  : strstr(url, "/status") ? "{\"status\":\"COMPLETED\"}"
                                           : "{\"status\":\"COMPLETED\","
                                             "\"output\":\"https://h/p.png\"}",
                  NULL);
}

static inline struct sm_exchange *play_finished(void *self) {
  (void)self;
  for (int i = 0; !service.is_silent && i < service.active_count; i++)
    if (service.due_ms[i] <= service.now_ms) {
      struct sm_exchange *exchange = service.active[i];
      forget(i);
      exchange->answer.body.ceiling = 4096;
      exchange->answer.was_sent = true;
      if (exchange->request.method == SM_POST)
        answer_submit(exchange);
      else
        answer_get(exchange);
      return exchange;
    }
  return NULL;
}

static inline void play_release(void *self, struct sm_exchange *exchange) {
  (void)self, (void)exchange;
}

static inline void begin_service(void) {
  memset(&service, 0, sizeof service);
  service.now_ms = 5000;
  service.trip_ms = 2;
  service.duration_ms = 20000;
  service.submit_status = service.picture_status = 200;
  service.accepted_ms = calloc(20000, sizeof *service.accepted_ms);
}

static inline struct sm_engine_options engine_options(int max_transfers) {
  static const char *const hosts[] = {"h", NULL};
  return (struct sm_engine_options){
      .transport = {NULL, play_start, play_cancel, play_finished, play_release},
      .limits = {.base = &base,
                 .media_hosts = hosts,
                 .max_json_bytes = 1 << 20,
                 .max_image_bytes = 1 << 20},
      .max_transfers = max_transfers,
      .seed = 1,
  };
}

static inline struct sm_engine *open_engine(int max_transfers) {
  static struct sm_engine *engine;
  const struct sm_engine_options options = engine_options(max_transfers);
  begin_service();
  CHECK(sm_engine_new(&engine, &options, service.now_ms, NULL) == SM_OK);
  return engine;
}

static inline void close_engine(struct sm_engine *engine) {
  sm_engine_delete(engine);
  free(service.accepted_ms);
}

static inline struct sm_task *new_job(uint64_t id, int64_t timeout_ms) {
  const struct sm_dial dial = {.k = 0.25};
  struct sm_task *task = sm_task_new(SM_TASK_JOB, "flux");
  task->id = id;
  task->mean_s = 20;
  task->body = sm_body_new();
  sm_body_add_text(task->body, "{}", 2, NULL);
  sm_job_create(&task->job, &dial, service.now_ms + timeout_ms);
  return task;
}

/* Turns until `until_ms`, jumping from one due time to the next. */
static inline void run(struct sm_engine *engine, int64_t until_ms) {
  while (service.now_ms < until_ms) {
    int64_t wait_ms = sm_engine_turn(engine, service.now_ms);
    for (int i = 0; i < service.active_count; i++)
      if (service.due_ms[i] - service.now_ms < wait_ms)
        wait_ms = service.due_ms[i] - service.now_ms;
    if (wait_ms > until_ms - service.now_ms)
      wait_ms = until_ms - service.now_ms;
    service.now_ms += wait_ms > 0 && !service.is_silent ? wait_ms : 1;
  }
}

struct count {
  int done;
  int errors[SM_CODE_COUNT];
};

static inline struct count count_all(struct sm_engine *engine) {
  struct count count = {0};
  struct sm_events events;
  struct sm_event *event;
  sm_events_create(&events);
  sm_engine_take_events(engine, &events);
  while ((event = sm_events_pop(&events)) != NULL) {
    count.done += event->kind == SM_EVENT_DONE;
    if (event->kind == SM_EVENT_ERROR)
      count.errors[event->error->code]++;
    sm_event_delete(event);
  }
  return count;
}

#endif
