/* The engine on a virtual clock, over a transport of a few lines that plays the
 * service: what 10,000 jobs cost, in which order requests go, what a deadline
 * and a cancellation leave behind. */
#include "sm_engine.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "one_folder.h"
#include "one_service.h"
#include "sample_pictures.h"

static void ten_thousand_jobs_finish_over_sixteen_slots(void) {
  struct sm_engine *engine = open_engine(16);
  service.trip_ms = 0;
  for (uint64_t id = 1; id <= 10000; id++)
    sm_engine_add(engine, new_job(id, 600000));
  run(engine, service.now_ms + 120000);
  CHECK(count_all(engine).done == 10000);
  CHECK(service.accepted == 10000);
  CHECK(service.most_active <= 16);
  close_engine(engine);
}

/* Of a batch on a server that is quicker than published, the first that is
 * found done has the others looked at. */
static void one_that_is_done_has_the_others_looked_at(void) {
  struct sm_engine *engine = open_engine(16);
  service.duration_ms = 2500;
  for (uint64_t id = 1; id <= 40; id++)
    sm_engine_add(engine, new_job(id, 600000));
  run(engine, service.now_ms + 3500);
  CHECK(count_all(engine).done == 40);
  CHECK(service.polls < 40 * 4);
  close_engine(engine);
}

static void a_deadline_ends_a_job_and_keeps_its_id(void) {
  struct sm_engine *engine = open_engine(4);
  struct sm_events events;
  struct sm_event *event;
  sm_engine_add(engine, new_job(1, 3000));
  run(engine, service.now_ms + 4000);
  sm_events_create(&events);
  sm_engine_take_events(engine, &events);
  while ((event = sm_events_pop(&events)) != NULL &&
         event->kind != SM_EVENT_ERROR)
    sm_event_delete(event);
  CHECK(event && event->error->code == SM_TIMEOUT);
  CHECK(event && event->error->charged == SM_CHARGED_YES);
  CHECK(event && strcmp(event->request_id, "r0") == 0);
  sm_event_delete(event);
  sm_events_destroy(&events);
  close_engine(engine);
}

static void a_silent_server_makes_a_submit_unknown(void) {
  struct sm_engine *engine = open_engine(4);
  service.is_silent = true;
  sm_engine_add(engine, new_job(1, 1000));
  run(engine, service.now_ms + 65000);
  CHECK(count_all(engine).errors[SM_UNKNOWN] == 1);
  CHECK(service.active_count == 0);
  close_engine(engine);
}

static void a_500_to_a_submit_is_not_repeated(void) {
  struct sm_engine *engine = open_engine(4);
  service.submit_status = 500;
  sm_engine_add(engine, new_job(1, 60000));
  run(engine, service.now_ms + 60000);
  CHECK(count_all(engine).errors[SM_UNKNOWN] == 1);
  CHECK(service.polls == 0);
  close_engine(engine);
}

/* The first of two submits of one body is answered 500 and never arrived; the
 * second arrived, shows in the history, and its answer is on the way. */
static void a_lookup_leaves_a_twin_its_row(void) {
  struct sm_engine *engine = open_engine(4);
  service.history = "[{\"request_id\":\"r0\",\"model_name\":\"flux\","
                    "\"request_body\":{}}]";
  service.submit_status = 500;
  sm_engine_add(engine, new_job(1, 60000));
  run(engine, service.now_ms + 100);
  CHECK(service.submits == 1);
  service.trip_ms = 5000;
  sm_engine_add(engine, new_job(2, 60000));
  sm_engine_turn(engine, service.now_ms);
  service.trip_ms = 2;
  service.submit_status = 200;
  run(engine, service.now_ms + 4000);
  CHECK(service.polls == 0);
  run(engine, service.now_ms + 60000);
  CHECK(service.accepted == 1);
  const struct count count = count_all(engine);
  CHECK(count.done == 1 && count.errors[SM_UNKNOWN] == 1);
  close_engine(engine);
}

/* Every submit is answered 500, the history knows none of them: after five the
 * breaker is open, and it is a GET that finds out when the service is well. */
static void a_storm_of_500s_is_probed_by_a_get(void) {
  struct sm_engine *engine = open_engine(4);
  service.submit_status = 500;
  for (uint64_t id = 1; id <= 5; id++)
    sm_engine_add(engine, new_job(id, 600000));
  run(engine, service.now_ms + 1000);
  CHECK(service.submits == 5);
  service.submit_status = 200;
  sm_engine_add(engine, new_job(6, 600000));
  run(engine, service.now_ms + 25000);
  CHECK(service.submits == 5 && service.probes == 0);
  run(engine, service.now_ms + 10000);
  CHECK(service.probes == 1);
  CHECK(service.submits == 6 && service.accepted == 1);
  close_engine(engine);
}

static void a_lookup_that_cannot_begin_leaves_the_submit_unknown(void) {
  struct sm_engine *engine = open_engine(4);
  service.submit_status = 500;
  service.is_out_of_memory = true;
  sm_engine_add(engine, new_job(1, 60000));
  run(engine, service.now_ms + 60000);
  CHECK(count_all(engine).errors[SM_UNKNOWN] == 1);
  close_engine(engine);
}

static void a_poll_that_cannot_begin_is_tried_again(void) {
  struct sm_engine *engine = open_engine(4);
  service.is_out_of_memory = true;
  sm_engine_add(engine, new_job(1, 120000));
  run(engine, service.now_ms + 30000);
  service.is_out_of_memory = false;
  run(engine, service.now_ms + 30000);
  CHECK(service.accepted == 1);
  CHECK(count_all(engine).done == 1);
  close_engine(engine);
}

static void a_cancelled_job_says_no_more(void) {
  struct sm_engine *engine = open_engine(4);
  struct sm_stats stats;
  sm_engine_add(engine, new_job(1, 60000));
  sm_engine_add(engine, new_job(2, 60000));
  sm_engine_turn(engine, service.now_ms);
  sm_engine_cancel(engine, 1);
  sm_engine_cancel(engine, 99);
  run(engine, service.now_ms + 40000);
  CHECK(count_all(engine).done == 1);
  sm_engine_stats(engine, &stats);
  CHECK(stats.jobs == 0 && stats.active == 0 && stats.queued == 0);
  close_engine(engine);
}

static void uploads_leave_room_for_polls(void) {
  struct sm_engine *engine = open_engine(8);
  service.is_silent = true;
  for (uint64_t id = 1; id <= 20; id++) {
    struct sm_task *task = sm_task_new(SM_TASK_CALL, "/upload-asset");
    task->id = id;
    task->body = sm_body_new();
    sm_fetch_create(&task->call, SM_FETCH_UPLOAD, service.now_ms + 60000);
    sm_engine_add(engine, task);
  }
  sm_engine_turn(engine, service.now_ms);
  CHECK(service.active_count == 6);
  sm_engine_add(engine, new_job(100, 60000));
  sm_engine_turn(engine, service.now_ms);
  CHECK(service.active_count == 7);
  close_engine(engine);
}

/* ... and a job that only waits to be sent does not hold it. */
static void what_reports_a_paid_job_is_there_before_its_submit_leaves(void) {
  struct sm_engine *engine = open_engine(1);
  struct sm_task *sent = new_job(1, 60000), *waiting = new_job(2, 60000);
  sm_engine_add(engine, sent);
  sm_engine_add(engine, waiting);
  sm_engine_turn(engine, service.now_ms);
  CHECK(sent->exchange && sent->first && sent->last->error);
  CHECK(sent->first->has_room && sent->job.room);
  CHECK(!waiting->exchange && !waiting->first && !waiting->last->error);
  close_engine(engine);
}

/* The host hands the bytes over and turns to other things. */
static void bytes_are_hashed_and_saved_by_the_engine(void) {
  struct sm_engine *engine = open_engine(1);
  struct sm_events events;
  struct sm_task *task = sm_task_new(SM_TASK_DIGEST, "");
  char hex[SM_SHA256_HEX];
  size_t size;
  enter();
  task->body = sm_body_new();
  sm_body_add_text(task->body, sample_png, sizeof sample_png, NULL);
  const char *bytes = sm_body_text(task->body, &size);
  sm_digest_new_of_bytes(&task->digest, bytes, size, NULL);
  sm_digest_copy_to(task->digest, in_folder("a"), false, NULL);
  sm_engine_add(engine, task);
  CHECK(!holds(in_folder("a.png"), sample_png, sizeof sample_png));
  while (sm_engine_turn(engine, service.now_ms) == 0)
    ;
  sm_events_create(&events);
  sm_engine_take_events(engine, &events);
  struct sm_event *event = sm_events_pop(&events);
  CHECK(event && event->kind == SM_EVENT_DONE && event->is_file);
  CHECK(event && strcmp(event->place, in_folder("a.png")) == 0);
  sm_sha256_of(hex, sample_png, sizeof sample_png, NULL);
  CHECK(event && strcmp(event->sha256, hex) == 0);
  sm_event_delete(event);
  CHECK(holds(in_folder("a.png"), sample_png, sizeof sample_png));
  CHECK(leave() == 1);
  close_engine(engine);
}

/* -- a job that is saved --------------------------------------------------- */

static struct sm_engine *run_saved_job(int64_t timeout_ms, int64_t for_ms) {
  struct sm_engine *engine = open_engine(4);
  struct sm_task *task = new_job(1, timeout_ms);
  task->save = strdup(in_folder("a"));
  sm_engine_add(engine, task);
  run(engine, service.now_ms + for_ms);
  return engine;
}

/* The event that ends it; NULL for none. Counts how often SAVING was told. */
static struct sm_event *take_end(struct sm_engine *engine, int *saving) {
  struct sm_events events;
  struct sm_event *event;
  *saving = 0;
  sm_events_create(&events);
  sm_engine_take_events(engine, &events);
  while ((event = sm_events_pop(&events)) != NULL &&
         (event->kind == SM_EVENT_STATE || event->kind == SM_EVENT_NOTE)) {
    *saving += event->state == SM_STATE_SAVING;
    sm_event_delete(event);
  }
  CHECK(!events.head);
  sm_events_destroy(&events);
  return event;
}

static void a_picture_gets_to_its_file_without_the_host(void) {
  int saving;
  enter();
  struct sm_engine *engine = run_saved_job(60000, 30000);
  struct sm_event *event = take_end(engine, &saving);
  CHECK(event && event->kind == SM_EVENT_DONE && !event->error);
  CHECK(event && event->is_file && !strcmp(event->place, in_folder("a.png")));
  CHECK(event && strcmp(event->request_id, "r0") == 0);
  CHECK(event && event->body && strstr(event->body, "https://h/p.png"));
  CHECK(event && event->image.format == SM_PNG && event->download_ms > 0);
  CHECK(saving == 1 && service.downloads == 1);
  CHECK(holds(in_folder("a.png"), sample_png, sizeof sample_png));
  sm_event_delete(event);
  close_engine(engine);
  CHECK(leave() == 1);
}

static void a_picture_that_cannot_be_had_stands_beside_its_result(void) {
  int saving;
  enter();
  struct sm_engine *engine = run_saved_job(60000, 15000);
  service.picture_status = 403;
  run(engine, service.now_ms + 30000);
  struct sm_event *event = take_end(engine, &saving);
  CHECK(event && event->kind == SM_EVENT_DONE && event->body && !event->place);
  CHECK(event && event->error && event->error->status == 403);
  CHECK(event && event->error && event->error->charged == SM_CHARGED_YES);
  sm_event_delete(event);
  close_engine(engine);
  CHECK(leave() == 0);
}

/* Which its reader may refuse. */
static void a_result_that_is_not_usual_is_the_hosts_to_save(void) {
  int saving;
  enter();
  struct sm_engine *engine = run_saved_job(60000, 1000);
  service.result =
      "{\"status\":\"COMPLETED\",\"output\":[\"https://h/p.png\"]}";
  run(engine, service.now_ms + 30000);
  struct sm_event *event = take_end(engine, &saving);
  CHECK(event && event->kind == SM_EVENT_DONE && !event->place);
  CHECK(saving == 0 && service.downloads == 0);
  sm_event_delete(event);
  close_engine(engine);
  CHECK(leave() == 0);
}

static void a_picture_that_does_not_come_ends_with_the_deadline(void) {
  int saving;
  enter();
  struct sm_engine *engine = run_saved_job(25000, 1000);
  service.picture_status = 500;
  run(engine, service.now_ms + 26000);
  struct sm_event *event = take_end(engine, &saving);
  CHECK(saving == 1 && service.downloads > 1);
  CHECK(event && event->kind == SM_EVENT_DONE && event->body);
  CHECK(event && event->error && event->error->charged == SM_CHARGED_YES);
  sm_event_delete(event);
  close_engine(engine);
  CHECK(leave() == 0);
}

static void a_job_that_is_cancelled_leaves_no_part_of_its_picture(void) {
  int saving;
  enter();
  struct sm_engine *engine = run_saved_job(60000, 1000);
  service.picture_status = 500;
  run(engine, service.now_ms + 23000);
  CHECK(service.downloads > 0);
  sm_engine_cancel(engine, 1);
  run(engine, service.now_ms + 30000);
  CHECK(take_end(engine, &saving) == NULL && saving == 1);
  close_engine(engine);
  CHECK(leave() == 0);
}

static void an_engine_may_end_in_the_middle_of_everything(void) {
  struct sm_engine *engine = open_engine(8);
  for (uint64_t id = 1; id <= 100; id++)
    sm_engine_add(engine, new_job(id, 60000));
  run(engine, service.now_ms + 1001);
  close_engine(engine);
  CHECK(service.active_count == 0);
}

int main(void) {
  CHECK(sm_base_read(&base, "https://api.segmind.com", NULL) == SM_OK);
  ten_thousand_jobs_finish_over_sixteen_slots();
  one_that_is_done_has_the_others_looked_at();
  a_deadline_ends_a_job_and_keeps_its_id();
  a_silent_server_makes_a_submit_unknown();
  a_500_to_a_submit_is_not_repeated();
  a_lookup_leaves_a_twin_its_row();
  a_storm_of_500s_is_probed_by_a_get();
  a_lookup_that_cannot_begin_leaves_the_submit_unknown();
  a_poll_that_cannot_begin_is_tried_again();
  a_cancelled_job_says_no_more();
  uploads_leave_room_for_polls();
  what_reports_a_paid_job_is_there_before_its_submit_leaves();
  bytes_are_hashed_and_saved_by_the_engine();
  a_picture_gets_to_its_file_without_the_host();
  a_picture_that_cannot_be_had_stands_beside_its_result();
  a_result_that_is_not_usual_is_the_hosts_to_save();
  a_picture_that_does_not_come_ends_with_the_deadline();
  a_job_that_is_cancelled_leaves_no_part_of_its_picture();
  an_engine_may_end_in_the_middle_of_everything();
  return check_report("sm_engine");
}
