/* poll_lateness: how late the engine's polls are, with ten thousand jobs that
 * wait and are asked for each second.
 *
 * The engine over the real transport, as the worker thread turns it, but with a
 * transport in between that notes when each poll is handed on. A poll is due
 * one gap after the answer before it.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "gauge.h"
#include "sm_client.h"
#include "sm_http.h"

#define GAP_MS 1000
#define BINS 5001 /* of 1 ms; the last holds what is later */

struct watch {
  struct sm_transport inner;
  bool is_counting;
  long polls;
  long bins[BINS];
};

static enum sm_code watch_start(void *self, struct sm_exchange *exchange,
                                struct sm_error *e) {
  struct watch *watch = self;
  const struct sm_task *task = exchange->owner;
  if (watch->is_counting && task->job.phase == SM_PHASE_STATUS) {
    int64_t late = sm_now_ms() - task->job.plan.asked_ms - GAP_MS;
    watch->bins[late < 0 ? 0 : late < BINS ? late : BINS - 1]++;
    watch->polls++;
  }
  return watch->inner.start(watch->inner.self, exchange, e);
}

static void watch_cancel(void *self, struct sm_exchange *exchange) {
  struct watch *watch = self;
  watch->inner.cancel(watch->inner.self, exchange);
}

static struct sm_exchange *watch_finished(void *self) {
  struct watch *watch = self;
  return watch->inner.finished(watch->inner.self);
}

static void watch_release(void *self, struct sm_exchange *exchange) {
  struct watch *watch = self;
  watch->inner.release(watch->inner.self, exchange);
}

static void die(const char *what) {
  (void)fprintf(stderr, "poll_lateness: %s\n", what);
  exit(1);
}

static void add_job(struct sm_engine *engine, uint64_t id) {
  const struct sm_dial dial = {.k = 0.25, .fixed_ms = GAP_MS};
  struct sm_error e;
  struct sm_task *task = sm_task_new(SM_TASK_JOB, "flux-kontext-pro");
  static const char json[] = "{\"prompt\":\"a lighthouse\"}";
  if (!task || !(task->body = sm_body_new()) ||
      sm_body_add_text(task->body, json, sizeof json - 1, &e) != SM_OK)
    die("no memory");
  sm_job_create(&task->job, &dial, sm_now_ms() + 600000);
  task->id = id;
  sm_engine_add(engine, task);
}

static void turn(struct sm_engine *engine, struct sm_http *http,
                 long *accepted) {
  struct sm_events events;
  struct sm_event *event;
  sm_http_perform(http);
  int64_t wait_ms = sm_engine_turn(engine, sm_now_ms());
  sm_events_create(&events);
  sm_engine_take_events(engine, &events);
  while ((event = sm_events_pop(&events)) != NULL) {
    *accepted +=
        event->kind == SM_EVENT_STATE && event->state == SM_STATE_ACCEPTED;
    if (event->kind == SM_EVENT_ERROR)
      die(event->error->message);
    sm_event_delete(event);
  }
  if (wait_ms > 0)
    sm_http_wait(http, wait_ms);
}

static long late_at(const struct watch *watch, double share) {
  long seen = 0, wanted = (long)((double)watch->polls * share);
  for (long ms = 0; ms < BINS; ms++)
    if ((seen += watch->bins[ms]) > wanted)
      return ms;
  return BINS;
}

static long latest(const struct watch *watch) {
  long ms = BINS - 1;
  while (ms > 0 && !watch->bins[ms])
    ms--;
  return ms;
}

static void measure(struct sm_engine *engine, struct sm_http *http,
                    struct watch *watch, long jobs, double seconds) {
  long accepted = 0;
  for (long i = 0; i < jobs; i++)
    add_job(engine, (uint64_t)i + 1);
  while (accepted < jobs)
    turn(engine, http, &accepted);
  watch->is_counting = true;
  int64_t cpu_us = gauge_cpu_us(), from_us = gauge_wall_us();
  while (gauge_wall_us() < from_us + (int64_t)(seconds * 1e6))
    turn(engine, http, &accepted);
  printf("jobs=%ld polls=%ld cpu_us=%lld wall_us=%lld late50_ms=%ld "
         "late99_ms=%ld latest_ms=%ld\n",
         jobs, watch->polls, (long long)(gauge_cpu_us() - cpu_us),
         (long long)(gauge_wall_us() - from_us), late_at(watch, 0.5),
         late_at(watch, 0.99), latest(watch));
}

int main(int argc, char **argv) {
  static struct watch watch;
  static struct sm_base base;
  static atomic_bool stop;
  struct sm_http *http;
  struct sm_engine *engine;
  struct sm_error e;
  if (argc != 4) {
    puts("usage: poll_lateness URL JOBS SECONDS\n\n"
         "Has so many jobs wait, each polled every second, and prints how\n"
         "late the polls are, as name=value.");
    return 2;
  }
  const struct sm_http_options options = {.key = "SG_0123456789abcdef",
                                          .base = &base,
                                          .user_agent = "bench",
                                          .max_transfers = 16,
                                          .stop = &stop};
  if (!sm_http_prepare() || sm_base_read(&base, argv[1], &e) != SM_OK ||
      sm_http_new(&http, &options, &e) != SM_OK)
    die("cannot begin");
  watch.inner = sm_http_transport(http);
  const struct sm_engine_options engine_options = {
      .transport = {&watch, watch_start, watch_cancel, watch_finished,
                    watch_release},
      .limits = {.base = &base,
                 .max_json_bytes = 1 << 20,
                 .max_image_bytes = 1 << 20},
      .max_transfers = 16,
      .seed = 1,
  };
  if (sm_engine_new(&engine, &engine_options, sm_now_ms(), &e) != SM_OK)
    die(e.message);
  measure(engine, http, &watch, strtol(argv[2], NULL, 10),
          strtod(argv[3], NULL));
  sm_engine_delete(engine);
  sm_http_delete(http);
  return 0;
}
