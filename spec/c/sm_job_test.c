/* The job's state machine: every answer to a submit, a poll and a result, on a
 * clock that is passed in. */
#include "sm_job.h"

#include <string.h>

#include "check.h"
#include "one_job.h"

#define COMPLETED "{\"status\":\"COMPLETED\",\"request_id\":\"" ID "\"}"
#define RESULT "{\"status\":\"COMPLETED\",\"output\":\"https://h/p.png\"}"

static void a_job_goes_from_submit_to_result(void) {
  accept();
  CHECK(verdict.news == SM_STATE_ACCEPTED && is_sent_again());
  CHECK(strcmp(job.request_id, ID) == 0 && job.phase == SM_PHASE_STATUS);
  CHECK(verdict.at_ms == now_ms + 1000);
  now_ms += 1000;
  answer(SM_OK, 200, true, "{\"status\":\"QUEUED\"}");
  CHECK(verdict.news == SM_STATE_QUEUED && is_sent_again());
  now_ms = verdict.at_ms;
  answer(SM_OK, 200, true, "{\"status\":\"PROCESSING\"}");
  CHECK(verdict.news == SM_STATE_PROCESSING && is_sent_again());
  now_ms = verdict.at_ms;
  answer(SM_OK, 200, true, COMPLETED);
  CHECK(verdict.at_ms == now_ms && job.phase == SM_PHASE_RESULT);
  answer(SM_OK, 200, true, RESULT);
  CHECK(verdict.step == SM_STEP_DONE);
}

static void every_answer_to_a_submit_has_its_kind(void) {
  static const struct {
    int status;
    const char *body;
    enum sm_code code;
    enum sm_charged charged;
  } rows[] = {
      {400, "{\"error\":\"bad\"}", SM_REJECTED, SM_CHARGED_NO},
      {401, "{\"error\":\"Unauthorized\"}", SM_AUTH, SM_CHARGED_NO},
      {402, "{}", SM_NO_CREDITS, SM_CHARGED_NO},
      {403, "{}", SM_AUTH, SM_CHARGED_NO},
      {404, "{}", SM_REJECTED, SM_CHARGED_NO},
      {405, "<html>", SM_REJECTED, SM_CHARGED_NO},
      {406, "{\"error\":\"Insufficient credits\"}", SM_NO_CREDITS,
       SM_CHARGED_NO},
      {406, "{\"error\":\"the team's spending cap is reached\"}", SM_NO_CREDITS,
       SM_CHARGED_NO},
      {406, "{\"error\":\"Content-Type\"}", SM_REJECTED, SM_CHARGED_NO},
      {406, "{\"error\":\"Team spend limit reached\"}", SM_NO_CREDITS,
       SM_CHARGED_NO},
      {410, "{}", SM_REJECTED, SM_CHARGED_NO},
      {413, "{}", SM_REJECTED, SM_CHARGED_NO},
      {415, "{}", SM_REJECTED, SM_CHARGED_NO},
      {422, "{}", SM_REJECTED, SM_CHARGED_NO},
      {408, "{}", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {409, "{}", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {418, "{}", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {421, "{}", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {423, "{}", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {425, "{}", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {451, "{}", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {499, "", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {302, "", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {500, "{}", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {502, "<html>", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {504, "", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {200, "", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {200, "{\"request_id\":\"2c7f", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {200, "<html>hello</html>", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {200, "{\"status\":\"QUEUED\"}", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {200, "[1]", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {200, "{\"request_id\":\"../../etc\"}", SM_SECURITY, SM_CHARGED_UNKNOWN},
      {200, "{\"request_id\":17}", SM_SECURITY, SM_CHARGED_UNKNOWN},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    begin();
    answer(SM_OK, rows[i].status, true, rows[i].body);
    if (rows[i].code == SM_UNKNOWN) {
      CHECK(is_looked_up() && job.doubt->error.status == rows[i].status);
      continue;
    }
    CHECK(failed_with(rows[i].code, rows[i].charged));
    CHECK(verdict.error.status == rows[i].status);
  }
}

static void a_submit_that_never_left_is_repeated_five_times(void) {
  begin();
  for (int i = 1; i < 5; i++) {
    answer(SM_NOT_SENT, 0, false, "");
    CHECK(is_sent_again() && verdict.at_ms >= now_ms + 500 &&
          verdict.at_ms <= now_ms + 10000);
    now_ms = verdict.at_ms;
  }
  answer(SM_NOT_SENT, 0, false, "");
  CHECK(failed_with(SM_NOT_SENT, SM_CHARGED_NO) && verdict.error.is_retryable);
}

static void a_submit_whose_answer_is_lost_is_never_repeated(void) {
  begin();
  answer(SM_NOT_SENT, 0, true, "");
  CHECK(is_looked_up());
  begin();
  answer(SM_TIMEOUT, 0, true, "");
  CHECK(is_looked_up());
  begin();
  answer(SM_PROTOCOL, 200, true, "{");
  CHECK(is_looked_up());
}

static void an_id_given_twice_is_not_believed(void) {
  begin();
  answer(SM_OK, 200, true, "{\"request_id\":\"another\"}");
  CHECK(failed_with(SM_PROTOCOL, SM_CHARGED_UNKNOWN));
}

static void a_bad_certificate_stops_the_job(void) {
  begin();
  answer(SM_SECURITY, 0, false, "");
  CHECK(failed_with(SM_SECURITY, SM_CHARGED_NO));
}

static void a_429_waits_and_is_sent_again(void) {
  begin();
  answer(SM_OK, 429, true, "{\"error\":\"slow\"}");
  CHECK(is_sent_again() && verdict.at_ms >= now_ms + 1000);
  CHECK(sm_pace_take(&pace, true, now_ms) > 0);
  CHECK(sm_pace_take(&pace, false, now_ms) == 0);
}

static void polling_survives_whatever_a_server_says(void) {
  static const struct {
    enum sm_code code;
    int status;
    const char *body;
  } rows[] = {
      {SM_NOT_SENT, 0, ""},
      {SM_TIMEOUT, 0, ""},
      {SM_OK, 500, "{}"},
      {SM_OK, 502, "<html>"},
      {SM_OK, 504, ""},
      {SM_OK, 429, "{}"},
      {SM_OK, 408, "{}"},
      {SM_OK, 200, "<html>"},
      {SM_OK, 200, "{\"status\":\"COMPL"},
      {SM_OK, 200, "{\"status\":\"DANCING\"}"},
      {SM_OK, 200, "{\"status\":7}"},
      {SM_OK, 302, ""},
      {SM_OK, 400, "{}"},
      {SM_OK, 404, "{\"error\":\"Request not found\"}"},
      {SM_OK, 200, "{\"status\":\"COMPLETED\",\"request_id\":\"another\"}"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    accept();
    answer(rows[i].code, rows[i].status, true, rows[i].body);
    CHECK(is_sent_again() && job.phase == SM_PHASE_STATUS);
    CHECK(strcmp(job.request_id, ID) == 0);
  }
}

static void processing_may_go_back_to_queued(void) {
  accept();
  answer(SM_OK, 200, true, "{\"status\":\"PROCESSING\"}");
  answer(SM_OK, 200, true, "{\"status\":\"QUEUED\"}");
  CHECK(verdict.news == SM_STATE_QUEUED && is_sent_again());
}

static void a_refused_key_ends_polling_and_says_charged(void) {
  accept();
  answer(SM_OK, 401, true, "{\"error\":\"Unauthorized\"}");
  CHECK(failed_with(SM_AUTH, SM_CHARGED_YES));
}

static void failed_is_failed_with_422_and_with_200(void) {
  accept();
  answer(SM_OK, 422, true,
         "{\"status\":\"FAILED\",\"error\":\"Prompt is required\"}");
  CHECK(failed_with(SM_FAILED, SM_CHARGED_NO));
  CHECK(strcmp(verdict.error.message, "Prompt is required") == 0);
  accept();
  answer(SM_OK, 200, true, "{\"status\":\"FAILED\"}");
  CHECK(failed_with(SM_FAILED, SM_CHARGED_NO));
}

static void completed_and_then_failed_is_failed(void) {
  accept();
  answer(SM_OK, 200, true, COMPLETED);
  answer(SM_OK, 422, true, "{\"status\":\"FAILED\",\"error\":\"late\"}");
  CHECK(failed_with(SM_FAILED, SM_CHARGED_NO));
}

static void a_422_without_a_state_is_tried_three_times(void) {
  accept();
  answer(SM_OK, 422, true, "{}");
  CHECK(is_sent_again());
  answer(SM_OK, 422, true, "<html>");
  CHECK(is_sent_again());
  answer(SM_OK, 422, true, "{}");
  CHECK(failed_with(SM_FAILED, SM_CHARGED_NO));
}

static void a_result_without_output_is_tried_three_times(void) {
  accept();
  answer(SM_OK, 200, true, COMPLETED);
  for (int i = 0; i < 2; i++) {
    answer(SM_OK, 200, true, "{\"status\":\"COMPLETED\",\"output\":null}");
    CHECK(is_sent_again() && job.phase == SM_PHASE_RESULT);
  }
  answer(SM_OK, 200, true, "{\"status\":\"COMPLETED\",\"output\":[]}");
  CHECK(failed_with(SM_PROTOCOL, SM_CHARGED_YES));
}

static void an_output_has_many_shapes(void) {
  static const char *const rows[] = {
      RESULT,
      "{\"status\":\"COMPLETED\",\"output\":[\"https://h/p.png\"]}",
      "{\"status\":\"COMPLETED\",\"output\":{\"url\":\"https://h/p.png\"}}",
      "{\"status\":\"COMPLETED\",\"output\":[{\"url\":\"https://h/p.png\"}]}",
      "{\"status\":\"COMPLETED\",\"images\":[{\"url\":\"https://h/p.png\"}]}",
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    accept();
    answer(SM_OK, 200, true, COMPLETED);
    answer(SM_OK, 200, true, rows[i]);
    CHECK(verdict.step == SM_STEP_DONE);
  }
}

static void a_result_that_still_runs_is_polled_again(void) {
  accept();
  answer(SM_OK, 200, true, COMPLETED);
  answer(SM_OK, 200, true, "{\"status\":\"PROCESSING\"}");
  CHECK(is_sent_again() && job.phase == SM_PHASE_STATUS);
}

static void a_lost_record_has_grace_and_then_three_tries(void) {
  accept();
  now_ms += 14000;
  answer(SM_OK, 404, true, "{}");
  CHECK(is_sent_again());
  now_ms += 2000;
  answer(SM_OK, 404, true, "{}");
  CHECK(is_sent_again() && verdict.at_ms == now_ms + 5000);
  now_ms += 5000;
  answer(SM_OK, 404, true, "{}");
  CHECK(is_sent_again());
  now_ms += 5000;
  answer(SM_OK, 404, true, "{\"error\":\"Request not found\"}");
  CHECK(is_sent_again() && job.phase == SM_PHASE_RECORD);
  answer(SM_OK, 404, true, "{\"error\":\"Request not found\"}");
  CHECK(failed_with(SM_EXPIRED, SM_CHARGED_YES));
}

static void an_id_is_checked_before_it_is_attached(void) {
  struct sm_error e;
  begin();
  CHECK(sm_job_attach(&job, "../x", now_ms, &e) == SM_SECURITY);
  CHECK(sm_job_attach(&job, "", now_ms, &e) == SM_SECURITY);
  CHECK(sm_job_attach(&job, ID, now_ms, &e) == SM_OK);
  CHECK(job.phase == SM_PHASE_STATUS);
}

static void expire(bool was_sent) {
  const struct sm_scene scene = scene_now();
  sm_job_expire(&job, &scene, was_sent, &verdict);
}

static void a_deadline_says_what_is_known(void) {
  begin();
  expire(false);
  CHECK(failed_with(SM_TIMEOUT, SM_CHARGED_NO));
  expire(true);
  CHECK(is_looked_up());
  begin();
  answer(SM_OK, 429, true, "{}");
  expire(false);
  CHECK(failed_with(SM_THROTTLED, SM_CHARGED_NO));
  accept();
  expire(false);
  CHECK(failed_with(SM_TIMEOUT, SM_CHARGED_YES));
}

int main(void) {
  a_job_goes_from_submit_to_result();
  every_answer_to_a_submit_has_its_kind();
  a_submit_that_never_left_is_repeated_five_times();
  a_submit_whose_answer_is_lost_is_never_repeated();
  an_id_given_twice_is_not_believed();
  a_bad_certificate_stops_the_job();
  a_429_waits_and_is_sent_again();
  polling_survives_whatever_a_server_says();
  processing_may_go_back_to_queued();
  a_refused_key_ends_polling_and_says_charged();
  failed_is_failed_with_422_and_with_200();
  completed_and_then_failed_is_failed();
  a_422_without_a_state_is_tried_three_times();
  a_result_without_output_is_tried_three_times();
  an_output_has_many_shapes();
  a_result_that_still_runs_is_polled_again();
  a_lost_record_has_grace_and_then_three_tries();
  an_id_is_checked_before_it_is_attached();
  a_deadline_says_what_is_known();
  forget();
  return check_report("sm_job");
}
