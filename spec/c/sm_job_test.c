/* The job's state machine: every answer to a submit, a poll and a result, on a
 * clock that is passed in. */
#include "sm_job.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "one_job.h"

#define COMPLETED "{\"status\":\"COMPLETED\",\"request_id\":\"" ID "\"}"
#define RESULT "{\"status\":\"COMPLETED\",\"output\":\"https://h/p.png\"}"

static void a_job_goes_from_submit_to_result(void) {
  accept();
  CHECK(action.new_state == SM_STATE_ACCEPTED && is_sent_again());
  CHECK(strcmp(job.request_id, ID) == 0 && job.phase == SM_PHASE_STATUS);
  CHECK(action.at_ms == now_ms + 1000);
  now_ms += 1000;
  answer(SM_OK, 200, true, "{\"status\":\"QUEUED\"}");
  CHECK(action.new_state == SM_STATE_QUEUED && is_sent_again());
  now_ms = action.at_ms;
  answer(SM_OK, 200, true, "{\"status\":\"PROCESSING\"}");
  CHECK(action.new_state == SM_STATE_PROCESSING && is_sent_again());
  now_ms = action.at_ms;
  answer(SM_OK, 200, true, COMPLETED);
  CHECK(action.at_ms == now_ms && job.phase == SM_PHASE_RESULT);
  answer(SM_OK, 200, true, RESULT);
  CHECK(action.kind == SM_ACTION_DONE);
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
      {406, "<html><title>Blocked</title></html>", SM_REJECTED, SM_CHARGED_NO},
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
      {200, "{\"request_id\":\"\",\"status\":\"QUEUED\"}", SM_UNKNOWN,
       SM_CHARGED_UNKNOWN},
      {200, "{\"request_id\":\"2c7f", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {200, "<html>hello</html>", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {200, "{\"status\":\"QUEUED\"}", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {200, "[1]", SM_UNKNOWN, SM_CHARGED_UNKNOWN},
      {200, "{\"request_id\":\"../../etc\"}", SM_SECURITY, SM_CHARGED_UNKNOWN},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    begin();
    answer(SM_OK, rows[i].status, true, rows[i].body);
    if (rows[i].code == SM_UNKNOWN) {
      CHECK(is_looked_up() && job.lookup->error.status == rows[i].status);
      continue;
    }
    CHECK(failed_with(rows[i].code, rows[i].charged));
    CHECK(action.error.status == rows[i].status);
  }
}

static void a_submit_that_never_left_is_repeated_five_times(void) {
  begin();
  for (int i = 1; i < 5; i++) {
    answer(SM_NOT_SENT, 0, false, "");
    CHECK(is_sent_again() && action.at_ms >= now_ms + 500 &&
          action.at_ms <= now_ms + 10000);
    now_ms = action.at_ms;
  }
  answer(SM_NOT_SENT, 0, false, "");
  CHECK(failed_with(SM_NOT_SENT, SM_CHARGED_NO) && action.error.is_retryable);
}

/* M8. */
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
  CHECK(is_sent_again() && action.at_ms >= now_ms + 1000);
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
  CHECK(action.new_state == SM_STATE_QUEUED && is_sent_again());
}

static void a_key_that_the_service_goes_on_refusing_ends_polling(void) {
  accept();
  for (int i = 0; i < 4; i++) {
    answer(SM_OK, 401, true, "{\"error\":\"Unauthorized\"}");
    CHECK(is_sent_again());
    now_ms += 3000;
  }
  answer(SM_OK, 401, true, "{\"error\":\"Unauthorized\"}");
  CHECK(failed_with(SM_AUTH, SM_CHARGED_YES));
}

static void a_result_counts_in_a_cut_frame_and_under_any_status(void) {
  static const struct {
    enum sm_code code;
    int status;
    const char *body;
  } rows[] = {{SM_NOT_SENT, 200, RESULT},
              {SM_PROTOCOL, 200, RESULT},
              {SM_OK, 500, RESULT},
              {SM_OK, 200, "{\"data\":" RESULT "}"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    accept();
    answer(SM_OK, 200, true, COMPLETED);
    answer(rows[i].code, rows[i].status, true, rows[i].body);
    CHECK(action.kind == SM_ACTION_DONE);
  }
  accept();
  answer(SM_NOT_SENT, 200, true, "{\"status\":\"FAILED\",\"error\":\"x\"}");
  CHECK(failed_with(SM_FAILED, SM_CHARGED_NO));
}

static void a_state_under_a_5xx_is_not_believed(void) {
  accept();
  for (int i = 0; i < 9; i++) {
    answer(SM_OK, 503, true,
           i % 2 ? "{\"status\":\"error\"}" : "{\"status\":\"FAILED\"}");
    CHECK(is_sent_again());
  }
}

static void a_refusal_between_good_answers_is_forgotten(void) {
  accept();
  for (int i = 0; i < 6; i++) {
    answer(SM_OK, 401, true, "{\"error\":\"Unauthorized\"}");
    CHECK(is_sent_again());
    now_ms += 5000;
    answer(SM_OK, 200, true, "{\"status\":\"PROCESSING\"}");
    CHECK(is_sent_again());
  }
}

static void the_page_of_a_firewall_never_ends_polling(void) {
  accept();
  for (int i = 0; i < 20; i++) {
    answer(SM_OK, i % 2 ? 403 : 401, true, "<html>Attention Required!</html>");
    CHECK(is_sent_again() && job.phase == SM_PHASE_STATUS);
    now_ms = action.at_ms;
  }
  answer(SM_OK, 200, true, COMPLETED);
  CHECK(is_sent_again() && job.phase == SM_PHASE_RESULT);
}

static void an_answer_that_is_no_http_never_ends_polling(void) {
  accept();
  for (int i = 0; i < 20; i++) {
    answer(i % 2 ? SM_PROTOCOL : SM_NOT_SENT, 0, true, "");
    CHECK(is_sent_again() && job.phase == SM_PHASE_STATUS);
    now_ms = action.at_ms;
  }
}

static void an_id_that_was_told_is_used_whatever_is_wrong_beside_it(void) {
  static const struct {
    enum sm_code code;
    int status;
    const char *body;
  } rows[] = {
      {SM_NOT_SENT, 200, ACCEPTED}, /* the last chunk did not come */
      {SM_NOT_SENT, 200, "{\"request_id\":\"" ID "\",\"sta"},
      {SM_PROTOCOL, 200, ACCEPTED "                       "},
      {SM_OK, 200, "{\"request_id\":\"" ID "\",\"status\":\"QUE"},
      {SM_OK, 200, "{\"seed\":18446744073709551615,\"request_id\":\"" ID "\"}"},
      {SM_OK, 200, "{\"x\":1e400,\"y\":NaN,\"request_id\":\"" ID "\"}"},
      {SM_OK, 200, "{\"p\":\"\\ud83d \xe2\x82\",\"request_id\":\"" ID "\"}"},
      {SM_OK, 200, "\xef\xbb\xbf" ACCEPTED},
      {SM_OK, 200, "{\"data\":{\"request_id\":\"" ID "\"}}"},
      {SM_OK, 200, "[{\"request_id\" : \"" ID "\"}]"},
      {SM_OK, 202, ACCEPTED},
      {SM_OK, 302, ACCEPTED},
      {SM_OK, 409, ACCEPTED},
      {SM_OK, 500, "{\"error\":\"x\",\"request_id\":\"" ID "\"}"},
      {SM_OK, 502, "oops " ACCEPTED},
      {SM_OK, 400, ACCEPTED}, /* it names a state: not a refusal's number */
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    begin();
    answer(rows[i].code, rows[i].status, true, rows[i].body);
    CHECK(is_sent_again() && job.phase == SM_PHASE_STATUS);
    CHECK(job.request_id && strcmp(job.request_id, ID) == 0);
  }
}

static void an_id_whose_closing_quote_did_not_come_is_none(void) {
  begin();
  answer(SM_NOT_SENT, 200, true, "{\"status\":\"QUEUED\",\"request_id\":\"" ID);
  CHECK(is_looked_up());
}

static void a_refusal_that_numbers_itself_is_a_refusal(void) {
  static const int statuses[] = {400, 401, 402, 404, 422};
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
    begin();
    answer(SM_OK, statuses[i], true,
           "{\"error\":\"bad\",\"request_id\":\"" ID "\"}");
    CHECK(action.kind == SM_ACTION_FAIL &&
          action.error.charged == SM_CHARGED_NO);
  }
  begin();
  answer(SM_OK, 429, true, "{\"error\":\"slow\",\"request_id\":\"" ID "\"}");
  CHECK(is_sent_again() && job.phase == SM_PHASE_SUBMIT);
}

static void what_decides_is_read_beside_what_parsers_refuse(void) {
  static const char *const rows[] = {
      "{\"status\":\"COMPLETED\",\"seed\":18446744073709551615,"
      "\"output\":\"https://h/p.png\"}",
      "{\"status\":\"COMPLETED\",\"a\":1e400,\"b\":-Infinity,"
      "\"output\":\"https://h/p.png\"}",
      "{\"prompt\":\"\\ud83d\\u0000\xe2\x82\x01\",\"status\":\"COMPLETED\","
      "\"output\":\"https://h/p.png\"}",
      "\xef\xbb\xbf{\"output\":\"https://h/p.png\",\"status\":\"COMPLETED\",}"
      "<!-- -->",
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    accept();
    answer(SM_OK, 200, true, COMPLETED);
    answer(SM_OK, 200, true, rows[i]);
    CHECK(action.kind == SM_ACTION_DONE);
  }
  accept();
  answer(SM_OK, 422, true,
         "{\"status\":\"FAILED\",\"seed\":18446744073709551615,"
         "\"error\":\"bad\"}");
  CHECK(failed_with(SM_FAILED, SM_CHARGED_NO));
  CHECK(strcmp(action.error.message, "bad") == 0);
}

static void an_answer_whose_end_is_missing_is_asked_for_again_first(void) {
  accept();
  answer(SM_OK, 200, true, COMPLETED);
  for (int i = 0; i < 2; i++) {
    answer(SM_OK, 200, true,
           "{\"status\":\"COMPLETED\",\"output\":[\"https://h/p.png\",\"ht");
    CHECK(is_sent_again() && job.phase == SM_PHASE_RESULT);
  }
  answer(SM_OK, 200, true,
         "{\"status\":\"COMPLETED\",\"output\":[\"https://h/p.png\",\"ht");
  CHECK(action.kind == SM_ACTION_DONE);
}

static void an_output_without_a_state_is_a_result(void) {
  static const char *const rows[] = {
      "{\"output\":\"https://h/p.png\"}",
      "{\"images\":[{\"url\":\"https://h/p.png\"}]}",
      "{\"status\":\"success\",\"output\":[[\"https://h/p.png\"]]}",
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    accept();
    answer(SM_OK, 200, true, COMPLETED);
    answer(SM_OK, i == 0 ? 201 : 200, true, rows[i]);
    CHECK(action.kind == SM_ACTION_DONE && job.state == SM_STATE_COMPLETED);
    accept();
    answer(SM_OK, 200, true, rows[i]);
    CHECK(action.kind == SM_ACTION_DONE && job.state == SM_STATE_COMPLETED);
  }
}

static void states_are_read_without_case(void) {
  accept();
  answer(SM_OK, 200, true, "{\"status\":\"processing\"}");
  CHECK(action.new_state == SM_STATE_PROCESSING);
  answer(SM_OK, 200, true, "{\"status\":\"Completed\"}");
  CHECK(job.phase == SM_PHASE_RESULT);
  answer(SM_OK, 200, true, "{\"status\":\"failed\",\"error\":\"x\"}");
  CHECK(failed_with(SM_FAILED, SM_CHARGED_NO));
}

static void a_terminal_word_that_is_not_ours_ends_the_job_as_failed(void) {
  static const char *const rows[] = {
      "{\"status\":\"CANCELLED\"}",
      "{\"status\":\"error\",\"message\":\"worker lost\"}",
      "{\"status\":\"Expired\"}"};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    accept();
    answer(SM_OK, 200, true, rows[i]);
    CHECK(is_sent_again());
    answer(SM_OK, 200, true, rows[i]);
    CHECK(is_sent_again());
    answer(SM_OK, 200, true, rows[i]);
    CHECK(failed_with(SM_FAILED, SM_CHARGED_UNKNOWN));
  }
  CHECK(strstr(action.error.message, "Expired"));
}

static void an_id_is_the_same_with_dashes_and_in_capitals(void) {
  accept();
  answer(SM_OK, 200, true,
         "{\"status\":\"PROCESSING\",\"request_id\":"
         "\"2C7F59EA-13F1-402C-9353-915A2B5A2124\"}");
  CHECK(action.new_state == SM_STATE_PROCESSING);
  CHECK(sm_reply_is_same_id("a-b-", "AB") && !sm_reply_is_same_id("ab", "abc"));
}

static void failed_is_failed_with_422_and_with_200(void) {
  accept();
  answer(SM_OK, 422, true,
         "{\"status\":\"FAILED\",\"error\":\"Prompt is required\"}");
  CHECK(failed_with(SM_FAILED, SM_CHARGED_NO));
  CHECK(strcmp(action.error.message, "Prompt is required") == 0);
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

static void a_result_without_output_is_asked_for_again_for_ten_seconds(void) {
  accept();
  answer(SM_OK, 200, true, COMPLETED);
  int64_t begun_ms = now_ms;
  int tries = 0;
  for (; now_ms < begun_ms + 10000; now_ms = action.at_ms, tries++) {
    answer(SM_OK, 200, true, "{\"status\":\"COMPLETED\",\"output\":null}");
    CHECK(is_sent_again() && job.phase == SM_PHASE_RESULT);
  }
  CHECK(tries >= 3 && tries < 30);
  answer(SM_OK, 200, true, "{\"status\":\"COMPLETED\",\"output\":null}");
  answer(SM_OK, 200, true, "{\"status\":\"COMPLETED\",\"output\":[]}");
  CHECK(failed_with(SM_PROTOCOL, SM_CHARGED_YES));
}

/* Every one of them has been paid for. */
static void an_id_under_any_name_is_used(void) {
#define AT(path) "\"https://api.segmind.com/v2/requests/" ID path "\"}"
  static const struct {
    int status;
    const char *body;
  } rows[] = {
      {200, "{\"request_id\":\" " ID "\\n\"}"},
      {200, "{\"requestId\":\"" ID "\",\"status\":\"QUEUED\"}"},
      {200, "{\"id\":\"" ID "\"}"},
      {200, "{\"code\":0,\"data\":{\"id\":\"" ID "\"}}"},
      {200, "{\"status\":\"success\",\"data\":{\"request_id\":\"" ID
            "\",\"status\":\"QUEUED\"}}"},
      {200, "[{\"request_id\":\"" ID "\"}]"},
      {200, "\"{\\\"request_id\\\":\\\"" ID "\\\"}\""},
      {200, "{\"status\":\"QUEUED\",\"status_url\":" AT("/status?x=1")},
      {200, "{\"response_url\":" AT("")},
      {200, "{\"request_id\":null,\"poll_url\":" AT("")},
      {200, "{\"request_id\":\"a/b\",\"status_url\":" AT("/status")},
      {502, "{\"error\":\"gateway\",\"status_url\":" AT("/status")},
      {200, "{\"status_url\":\"https://elsewhere/v2/requests/" ID "\"}"},
  };
#undef AT
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    begin();
    answer(SM_OK, rows[i].status, true, rows[i].body);
    CHECK(action.new_state == SM_STATE_ACCEPTED && is_sent_again());
    CHECK(job.request_id && strcmp(job.request_id, ID) == 0);
  }
  begin();
  answer(SM_OK, 200, true, "{\"request_id\":123456789012345678901,\"a\":1}");
  CHECK(job.request_id && strcmp(job.request_id, "123456789012345678901") == 0);
}

static void an_id_in_the_location_of_a_201_or_202_is_used(void) {
  static const struct {
    int status;
    const char *location;
    bool is_used;
  } rows[] = {
      {201, "https://api.segmind.com/v2/requests/" ID, true},
      {202, "https://api.segmind.com/v2/requests/" ID "/status", true},
      {303, "https://api.segmind.com/v2/requests/" ID, true},
      {302, "https://login/?next=/v2/requests/" ID, false},
      {201, "https://api.segmind.com/v2/models/" ID, false},
      {201, "https://api.segmind.com/v2/requests/..%2f", false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    begin();
    location = rows[i].location;
    answer(SM_OK, rows[i].status, true, "");
    location = NULL;
    CHECK(rows[i].is_used ? action.new_state == SM_STATE_ACCEPTED
                          : is_looked_up());
  }
}

/* An error's number, and what the caller sent, are no requests. */
static void an_id_of_something_else_is_not_used(void) {
  static const char *const rows[] = {
      "{\"id\":\"incident-7\",\"error\":\"internal\"}",
      "{\"error\":\"x\",\"input\":{\"id\":\"a\",\"status_url\":\"/requests/"
      "a\"}}",
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    begin();
    answer(SM_OK, 500, true, rows[i]);
    CHECK(is_looked_up());
  }
}

static void a_result_in_hand_is_a_result(void) {
  static const char picture[] = "GIF89a\1\1\1\1";
  begin();
  answer(SM_OK, 200, true, RESULT);
  CHECK(action.kind == SM_ACTION_DONE && !job.request_id);
  accept();
  answer(SM_OK, 200, true, picture);
  CHECK(is_sent_again());
  is_all = true;
  answer(SM_OK, 200, true, picture);
  CHECK(action.kind == SM_ACTION_DONE);
  begin();
  answer(SM_OK, 200, true, picture);
  CHECK(action.kind == SM_ACTION_DONE);
  is_all = false;
}

static void words_of_other_hosts_are_states(void) {
  static const char *const done[] = {"SUCCEEDED", "success", "DONE",
                                     "Finished",  "Ready",   " completed\n",
                                     "OK",        "complete"};
  static const char *const ended[] = {"timed-out", "Timed Out", "crashed",
                                      "NSFW", "Content Moderated"};
  char text[80];
  for (size_t i = 0; i < sizeof done / sizeof *done; i++)
    CHECK(sm_state_of(done[i]) == SM_STATE_COMPLETED);
  for (size_t i = 0; i < sizeof ended / sizeof *ended; i++)
    CHECK(sm_state_of(ended[i]) == SM_STATE_ENDED);
  CHECK(sm_state_of("in progress") == SM_STATE_PROCESSING);
  CHECK(sm_state_of("DANCING") == SM_STATE_NONE &&
        sm_state_of("") == SM_STATE_NONE);
  accept();
  snprintf(text, sizeof text, "{\"state\":\"%s\"}", "succeeded");
  answer(SM_OK, 200, true, text);
  CHECK(job.phase == SM_PHASE_RESULT);
  answer(SM_OK, 200, true, "{\"status\":{\"state\":\"RUNNING\"}}");
  CHECK(job.phase == SM_PHASE_STATUS && job.state == SM_STATE_PROCESSING);
}

static void an_output_has_many_shapes(void) {
  static const char *const rows[] = {
      RESULT,
      "{\"status\":\"COMPLETED\",\"output\":[\"https://h/p.png\"]}",
      "{\"status\":\"COMPLETED\",\"output\":{\"url\":\"https://h/p.png\"}}",
      "{\"status\":\"COMPLETED\",\"output\":[{\"url\":\"https://h/p.png\"}]}",
      "{\"status\":\"COMPLETED\",\"images\":[{\"url\":\"https://h/p.png\"}]}",
      "{\"status\":\"COMPLETED\",\"output\":[[\"https://h/p.png\"]]}",
      "{\"status\":\"COMPLETED\",\"output\":{\"image\":\"https://h/p.png\"}}",
      "{\"status\":\"COMPLETED\",\"output\":\"[\\\"https://h/p.png\\\"]\"}",
      "{\"status\":\"COMPLETED\",\"output\":\"a text\"}",
      "{\"status\":\"COMPLETED\",\"url\":\"https://h/p.png\"}",
      "{\"status\":\"Ready\",\"result\":{\"sample\":\"https://h/p.png\"}}",
      ("{\"success\":true,\"result\":" RESULT "}"),
      ("[" RESULT "]"),
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    accept();
    answer(SM_OK, 200, true, COMPLETED);
    answer(SM_OK, 200, true, rows[i]);
    CHECK(action.kind == SM_ACTION_DONE);
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
  CHECK(is_sent_again() && action.at_ms == now_ms + 5000);
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
  const struct sm_context context = context_now();
  sm_job_expire(&job, &context, was_sent, &action);
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

static void a_deadline_before_the_submit_tells_why_it_was_not_sent(void) {
  begin();
  reason = "could not connect to api.segmind.com port 443";
  answer(SM_NOT_SENT, 0, false, "");
  reason = NULL;
  expire(false);
  CHECK(failed_with(SM_NOT_SENT, SM_CHARGED_NO));
  CHECK(strstr(action.error.message, "api.segmind.com port 443"));
  answer(SM_OK, 200, true, ACCEPTED);
  CHECK(!job.kept);
}

static void a_deadline_tells_what_came_last_and_keeps_its_body(void) {
  static const struct {
    enum sm_code code;
    int status;
    const char *body, *words;
  } rows[] = {
      {SM_OK, 502, "<html>Bad Gateway</html>", "HTTP 502"},
      {SM_OK, 200, "{\"status\":\"DANCING\"}", "\"DANCING\""},
      {SM_OK, 200, "<html>", "no JSON"},
      {SM_OK, 200, "{\"request_id\":\"another\"}", "another request"},
      {SM_OK, 403, "{\"error\":\"forbidden for you\"}", "forbidden for you"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    accept();
    answer(rows[i].code, rows[i].status, true, rows[i].body);
    answer(SM_NOT_SENT, 0, true, ""); /* without a body */
    answer(rows[i].code, rows[i].status, true, rows[i].body);
    answer(SM_TIMEOUT, 0, true, ""); /* nothing came any more */
    expire(false);
    CHECK(failed_with(SM_TIMEOUT, SM_CHARGED_YES));
    CHECK(strstr(action.error.message, rows[i].words));
    CHECK(action.error.status == rows[i].status);
    CHECK(strcmp(sm_buf_text(&job.kept->body), rows[i].body) == 0);
  }
  accept();
  answer(SM_OK, 502, true, "<html>");
  answer(SM_OK, 200, true, "{\"status\":\"PROCESSING\"}");
  expire(false);
  CHECK(strstr(action.error.message, "PROCESSING") && !job.kept);
}

static void an_unknown_outcome_keeps_the_body_of_the_submit(void) {
  begin();
  answer(SM_OK, 502, true, "<html>submit</html>");
  CHECK(is_looked_up());
  answer(SM_OK, 403, true, "{\"error\":\"history\"}");
  CHECK(failed_with(SM_UNKNOWN, SM_CHARGED_UNKNOWN));
  CHECK(action.error.status == 502);
  CHECK(strcmp(sm_buf_text(&job.kept->body), "<html>submit</html>") == 0);
}

/* A result in UTF-16, as some servers of that habit write it. */
static void cost_and_seed_are_read_with_the_result(void) {
  static const char text[] =
      "{\"status\":\"COMPLETED\",\"output\":\"https://h/p.png\",\"seed\":\"7\","
      "\"metrics\":{\"cost\":0.05}}";
  struct sm_exchange exchange;
  const struct sm_context context = context_now();
  accept();
  answer(SM_OK, 200, true, "{\"status\":\"QUEUED\"}");
  CHECK(isnan(action.reply.cost) && isnan(action.reply.seed));
  sm_exchange_create(&exchange);
  exchange.answer.body.ceiling = 1024;
  exchange.answer.status = 200;
  sm_buf_append(&exchange.answer.body, "\xff\xfe", 2, NULL);
  for (size_t i = 0; i < sizeof text - 1; i++)
    sm_buf_append(&exchange.answer.body, (char[]){text[i], '\0'}, 2, NULL);
  sm_job_answer(&job, &context, &exchange.answer, &action);
  CHECK(action.kind == SM_ACTION_DONE);
  CHECK(action.reply.cost == 0.05 && action.reply.seed == 7);
  sm_exchange_destroy(&exchange);
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
  a_key_that_the_service_goes_on_refusing_ends_polling();
  a_refusal_between_good_answers_is_forgotten();
  a_result_counts_in_a_cut_frame_and_under_any_status();
  a_state_under_a_5xx_is_not_believed();
  the_page_of_a_firewall_never_ends_polling();
  an_answer_that_is_no_http_never_ends_polling();
  an_id_that_was_told_is_used_whatever_is_wrong_beside_it();
  an_id_whose_closing_quote_did_not_come_is_none();
  a_refusal_that_numbers_itself_is_a_refusal();
  what_decides_is_read_beside_what_parsers_refuse();
  an_answer_whose_end_is_missing_is_asked_for_again_first();
  an_output_without_a_state_is_a_result();
  states_are_read_without_case();
  a_terminal_word_that_is_not_ours_ends_the_job_as_failed();
  an_id_is_the_same_with_dashes_and_in_capitals();
  failed_is_failed_with_422_and_with_200();
  completed_and_then_failed_is_failed();
  a_422_without_a_state_is_tried_three_times();
  a_result_without_output_is_asked_for_again_for_ten_seconds();
  an_id_under_any_name_is_used();
  an_id_in_the_location_of_a_201_or_202_is_used();
  an_id_of_something_else_is_not_used();
  a_result_in_hand_is_a_result();
  words_of_other_hosts_are_states();
  an_output_has_many_shapes();
  a_result_that_still_runs_is_polled_again();
  a_lost_record_has_grace_and_then_three_tries();
  an_id_is_checked_before_it_is_attached();
  a_deadline_says_what_is_known();
  a_deadline_before_the_submit_tells_why_it_was_not_sent();
  a_deadline_tells_what_came_last_and_keeps_its_body();
  an_unknown_outcome_keeps_the_body_of_the_submit();
  cost_and_seed_are_read_with_the_result();
  forget();
  return check_report("sm_job");
}
