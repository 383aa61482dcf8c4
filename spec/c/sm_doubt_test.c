/* What a job asks the request history: after a submit whose answer was lost,
 * and after its record has expired. */
#include "sm_doubt.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "one_job.h"

#define ROW(id, body)                                                          \
  "{\"request_id\":\"" id "\",\"model_name\":\"flux\",\"request_body\":" body  \
  ",\"model_status\":\"COMPLETED\",\"created_at\":\"2023-11-14T22:13:20Z\","   \
  "\"generation_url\":\"https://h/p.png\",\"credits_deduction\":0.05}"

static void lose(void) {
  begin();
  answer(SM_NOT_SENT, 0, true, "");
}

static void a_lost_submit_is_found_in_the_history(void) {
  static const char *const pages[] = {
      "{\"data\":[" ROW(ID, "{\"prompt\":\"x\",\"seed\":7}") "]}",
      "[" ROW(ID, "{\"seed\":7.0,\"prompt\":\"x\",\"more\":1}") "]",
      "{\"results\":[" ROW(
          ID, "\"{\\\"prompt\\\":\\\"x\\\",\\\"seed\\\":7}\"") "]}",
  };
  for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
    lose();
    answer(SM_OK, 200, true, pages[i]);
    CHECK(verdict.news == SM_STATE_ACCEPTED && is_sent_again());
    CHECK(job.request_id && strcmp(job.request_id, ID) == 0);
    CHECK(job.phase == SM_PHASE_STATUS && job.doubt == NULL);
  }
}

static void another_submit_in_the_history_is_not_adopted(void) {
  static const char *const rows[] = {
      ROW(ID, "{\"prompt\":\"x\",\"seed\":8}"),
      ROW(ID, "{\"prompt\":\"x\"}"),
      ROW("another", "{\"prompt\":\"x\",\"seed\":7}"),
      ROW("../../x", "{\"prompt\":\"x\",\"seed\":7}"),
      "{\"request_id\":\"" ID "\",\"model_name\":\"flux-2\","
      "\"request_body\":{\"prompt\":\"x\",\"seed\":7}}",
      "{\"request_id\":\"" ID "\",\"model_name\":\"flux\","
      "\"created_at\":\"2023-11-14T20:00:00\","
      "\"request_body\":{\"prompt\":\"x\",\"seed\":7}}",
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char page[1024];
    snprintf(page, sizeof page, "{\"data\":[%s]}", rows[i]);
    lose();
    answer(SM_OK, 200, true, page);
    CHECK(is_looked_up());
  }
}

/* A twin's answer is awaited: the row may be the twin's. */
static void a_row_that_may_be_a_twin_s_is_left_to_it(void) {
  static const char *const twin = "{\"prompt\":\"x\",\"seed\":7}";
  static const char *const page =
      "{\"data\":[" ROW(ID, "{\"prompt\":\"x\",\"seed\":7}") "]}";
  lose();
  rival = twin;
  for (int i = 0; i < 8; i++) {
    answer(SM_OK, 200, true, page);
    CHECK(is_looked_up() && verdict.at_ms > now_ms);
    now_ms = verdict.at_ms;
  }
  rival = "{\"prompt\":\"x\",\"seed\":8}";
  answer(SM_OK, 200, true, page);
  CHECK(verdict.news == SM_STATE_ACCEPTED);
  lose();
  rival = NULL;
  answer(SM_OK, 200, true, page);
  CHECK(verdict.news == SM_STATE_ACCEPTED);
}

static void absence_is_told_and_never_acted_on(void) {
  lose();
  for (int i = 0; i < 3; i++) {
    answer(SM_OK, 200, true, "{\"data\":[]}");
    CHECK(is_looked_up());
    now_ms = verdict.at_ms;
  }
  answer(SM_OK, 200, true, "{\"data\":[]}");
  CHECK(failed_with(SM_UNKNOWN, SM_CHARGED_UNKNOWN));
  CHECK(verdict.error.lookup == SM_LOOKUP_ABSENT);
  lose();
  answer(SM_OK, 404, true, "<html>");
  CHECK(failed_with(SM_UNKNOWN, SM_CHARGED_UNKNOWN));
  CHECK(verdict.error.lookup == SM_LOOKUP_UNREACHABLE);
}

static void a_lookup_survives_trouble_until_its_own_deadline(void) {
  const struct sm_scene scene = scene_now();
  lose();
  answer(SM_NOT_SENT, 0, true, "");
  CHECK(is_looked_up());
  answer(SM_OK, 503, true, "");
  CHECK(is_looked_up());
  CHECK(sm_job_deadline_ms(&job) == now_ms + 60000);
  job.deadline_ms = now_ms + 3000;
  sm_job_destroy(&job);
  CHECK(sm_job_find(&job, 1700000000, now_ms, NULL) == SM_OK);
  CHECK(sm_job_deadline_ms(&job) == now_ms + 15000);
  sm_job_expire(&job, &scene, false, &verdict);
  CHECK(failed_with(SM_UNKNOWN, SM_CHARGED_UNKNOWN));
}

static void a_finished_job_is_found_after_its_record_expired(void) {
  accept();
  job.is_attached = true;
  for (int i = 0; i < 3; i++)
    answer(SM_OK, 404, true, "{}");
  CHECK(is_sent_again() && job.phase == SM_PHASE_RECORD);
  answer(SM_OK, 200, true, ROW(ID, "{}"));
  CHECK(verdict.step == SM_STEP_DONE);
}

int main(void) {
  a_lost_submit_is_found_in_the_history();
  another_submit_in_the_history_is_not_adopted();
  a_row_that_may_be_a_twin_s_is_left_to_it();
  absence_is_told_and_never_acted_on();
  a_lookup_survives_trouble_until_its_own_deadline();
  a_finished_job_is_found_after_its_record_expired();
  forget();
  return check_report("sm_doubt");
}
