/* What a job asks the request history: after a submit whose answer was lost,
 * and after its record has expired. */
#include "sm_lookup.h"

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
    CHECK(action.new_state == SM_STATE_ACCEPTED && is_sent_again());
    CHECK(job.request_id && strcmp(job.request_id, ID) == 0);
    CHECK(job.phase == SM_PHASE_STATUS && job.lookup == NULL);
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
    CHECK(is_looked_up() && action.at_ms > now_ms);
    now_ms = action.at_ms;
  }
  rival = "{\"prompt\":\"x\",\"seed\":8}";
  answer(SM_OK, 200, true, page);
  CHECK(action.new_state == SM_STATE_ACCEPTED);
  lose();
  rival = NULL;
  answer(SM_OK, 200, true, page);
  CHECK(action.new_state == SM_STATE_ACCEPTED);
}

/* -- what may be the submit ---------------------------------------------- */

#define SENT "{\"prompt\":\"x\",\"seed\":7}"

/* A row with a time, spelt as a JSON value, under a name. */
#define TIMED(id, name, at)                                                    \
  "{\"request_id\":\"" id "\",\"model_name\":\"flux\",\"request_body\":" SENT  \
  ",\"model_status\":\"COMPLETED\",\"" name "\":" at "}"

/* The list is given as often as it is asked for. */
static void look_up(const char *rows) {
  char page[4096];
  snprintf(page, sizeof page, "{\"data\":[%s]}", rows);
  lose();
  do {
    answer(SM_OK, 200, true, page);
  } while (action.kind == SM_ACTION_SEND && job.phase == SM_PHASE_LOOKUP);
}

static bool was_found(const char *id) {
  return action.new_state == SM_STATE_ACCEPTED &&
         strcmp(job.request_id, id) == 0;
}

static bool was_told(enum sm_found lookup) {
  return failed_with(SM_UNKNOWN, SM_CHARGED_UNKNOWN) &&
         action.error.lookup == lookup;
}

/* The column's name says no more than model_name: it may be a title. */
static void a_row_under_the_model_s_title_is_not_absent(void) {
#define TITLED(title)                                                          \
  "{\"request_id\":\"" ID "\",\"model_name\":\"" title "\","                   \
  "\"created_at\":\"2023-11-14T22:13:20Z\",\"request_body\":" SENT "}"
  look_up(TITLED("FLUX"));
  CHECK(was_found(ID));
  look_up(TITLED("Flux 1 [pro]"));
  CHECK(was_told(SM_FOUND_UNCLEAR));
  look_up(TITLED("flux-2"));
  CHECK(was_told(SM_FOUND_ABSENT));
#undef TITLED
}

/* The service's clock shows 2023-11-14T22:13:20Z. */
static void a_row_s_time_is_read_in_any_spelling(void) {
  static const char *const rows[] = {
      TIMED(ID, "model_created", "\"2023-11-14T22:13:20Z\""),
      TIMED(ID, "model_created", "\"2023-11-14T22:13:20.123456+00:00\""),
      TIMED(ID, "model_created", "\"2023-11-14T14:13:20-08:00\""),
      TIMED(ID, "model_created", "\"2023-11-15 03:43:20+0530\""),
      TIMED(ID, "model_created", "\"2023-11-14 22:13:20\""),
      TIMED(ID, "model_created", "\"Tue, 14 Nov 2023 22:13:20 GMT\""),
      TIMED(ID, "model_created", "1700000000"),
      TIMED(ID, "model_created", "1700000000123"),
      TIMED(ID, "model_created", "\"1700000000.5\""),
      TIMED(ID, "created_at", "\"2023-11-14T22:13:20Z\""),
      TIMED(ID, "createdAt", "1700000000000"),
      TIMED(ID, "requested_on_date", "1700000000"),
      TIMED(ID, "model_created", "\"2023-11-14T22:13:18Z\""),
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    look_up(rows[i]);
    CHECK(was_found(ID));
  }
}

static void an_older_request_is_not_adopted(void) {
  look_up(TIMED(ID, "model_created", "\"2023-11-14T20:13:20Z\""));
  CHECK(was_told(SM_FOUND_ABSENT));
  look_up(TIMED(ID, "model_created", "\"2023-11-14T22:12:50Z\""));
  CHECK(was_told(SM_FOUND_UNCLEAR));
  look_up(TIMED("old", "model_created", "\"2023-11-14T22:12:50Z\"") "," TIMED(
      ID, "model_created", "\"2023-11-14T22:13:20Z\""));
  CHECK(was_found(ID));
  look_up(TIMED("old", "model_created", "\"2023-11-14T22:13:18Z\"") "," TIMED(
      ID, "model_created", "\"2023-11-14T22:13:20Z\""));
  CHECK(was_found(ID));
}

static void of_several_that_fit_none_is_adopted_and_all_are_named(void) {
  look_up(TIMED("one", "model_created", "\"2023-11-14T22:13:21Z\"") "," TIMED(
      "two", "model_created", "\"2023-11-14T22:13:20Z\""));
  CHECK(was_told(SM_FOUND_UNCLEAR));
  CHECK(strstr(action.error.message, "one, two"));
  look_up(
      TIMED("another", "model_created", "\"2023-11-14T22:13:21Z\"") "," TIMED(
          "two", "model_created", "\"2023-11-14T22:13:20Z\""));
  CHECK(was_found("two"));
}

/* A row that may be the submit is not adopted, and nothing is called absent. */
static void what_cannot_be_compared_is_unclear(void) {
  static const char *const rows[] = {
      TIMED(ID, "model_created", "null"),
      TIMED(ID, "model_created", "\"yesterday\""),
      TIMED(ID, "model_created", "\"2023-11-14\""),
      TIMED(ID, "model_created", "\"0001-01-01T00:00:00Z\""),
      TIMED(ID, "completed_at", "\"2023-11-14T22:13:25Z\""),
      TIMED(ID, "model_created", "\"2023-11-14T14:13:20\""),
      TIMED(ID, "model_created", "\"2023-11-15T03:43:20\""),
      TIMED(ID, "model_created", "\"2023-11-14T22:43:20Z\""),
      TIMED(ID, "created_at",
            "\"2023-11-14T22:13:20Z\",\"model_created\":\"2023-01-01T00:00:00Z"
            "\""),
      TIMED("../x", "model_created", "\"2023-11-14T22:13:20Z\""),
      ROW(ID, "null"),
      ROW(ID, "\"{'prompt': 'x'}\""),
      ROW(ID, "{\"prompt\":\"x\"}"),
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    look_up(rows[i]);
    CHECK(was_told(SM_FOUND_UNCLEAR));
    CHECK(i == 9 || strstr(action.error.message, ID));
  }
}

static void one_odd_row_does_not_make_the_list_unreadable(void) {
  look_up("{\"request_id\":18446744073709551616,\"cost\":1e400,\"x\":NaN},"
          "null,7,[],\"\\ud800\"," TIMED(ID, "model_created", "1700000000"));
  CHECK(was_found(ID));
}

/* -- clocks -------------------------------------------------------------- */

static void a_wrong_clock_of_ours_decides_nothing(void) {
  static const int64_t wrong_ms[] = {600000, -600000, 3600000, -3600000,
                                     INT64_C(40) * 86400000};
  for (size_t i = 0; i < sizeof wrong_ms / sizeof *wrong_ms; i++) {
    lose();
    wall_ms += wrong_ms[i];
    job.lookup->sent_wall_ms += wrong_ms[i];
    answer(SM_OK, 200, true, "[" TIMED(ID, "model_created", "1700000000") "]");
    CHECK(was_found(ID));
  }
}

/* Nobody has told the time: the clock may be hours ahead. */
static void without_the_service_s_time_an_older_row_is_unclear(void) {
  lose();
  is_told = false;
  for (int i = 0; i < 4; i++)
    answer(SM_OK, 200, true, "[" TIMED(ID, "model_created", "1699990000") "]");
  CHECK(was_told(SM_FOUND_UNCLEAR));
}

/* The clock was ahead when the intent was written, and is right now. */
static void a_time_that_was_written_by_a_wrong_clock_is_doubted(void) {
  const struct sm_dial dial = {.k = 0.25};
  for (int64_t ahead_s = -3600; ahead_s <= 7200; ahead_s += 3600) {
    begin();
    sm_job_destroy(&job);
    sm_job_create(&job, &dial, now_ms + 600000);
    CHECK(sm_job_find(&job, 1699996400 + ahead_s, wall_ms, now_ms, NULL) ==
          SM_OK);
    for (int i = 0; i < 4 && job.lookup; i++)
      answer(SM_OK, 200, true,
             "[" TIMED(ID, "model_created", "1699996400") "]");
    CHECK(ahead_s > 0 ? was_told(SM_FOUND_UNCLEAR) : was_found(ID));
  }
}

static void the_machine_s_sleep_is_part_of_a_submit_s_age(void) {
  lose();
  wall_ms += 3600000; /* an hour that the timer did not count */
  service_ms += 3600000;
  for (int i = 0; i < 4; i++)
    answer(SM_OK, 200, true, "[" TIMED(ID, "model_created", "1700000000") "]");
  CHECK(was_told(SM_FOUND_UNCLEAR));
}

static void a_list_asked_for_by_a_wrong_clock_is_asked_for_anew(void) {
  lose();
  int64_t from_s = job.lookup->from_s;
  job.lookup->from_s += 5 * 86400;
  answer(SM_OK, 200, true, "[]");
  CHECK(is_looked_up() && job.lookup->from_s == from_s);
  CHECK(action.at_ms == now_ms);
  job.lookup->from_s -= 9000 * 86400;
  answer(SM_OK, 400, true, "{\"error\":\"31 days\"}");
  CHECK(is_looked_up() && job.lookup->from_s == from_s);
}

/* So long that there may be another: a row, and those of another model. */
static const char *long_page(const char *first) {
  static char page[4096];
  snprintf(page, sizeof page, "{\"data\":[%s", first);
  for (int i = 0; i < 20; i++)
    snprintf(page + strlen(page), sizeof page - strlen(page),
             "%s{\"request_id\":\"r%d\",\"model_name\":\"flux-2\"}",
             i || *first ? "," : "", i);
  snprintf(page + strlen(page), sizeof page - strlen(page), "]}");
  return page;
}

static void an_id_that_another_lookup_has_got_meanwhile_is_not_adopted(void) {
  lose();
  answer(SM_OK, 200, true, long_page(TIMED(ID, "model_created", "1700000000")));
  CHECK(is_looked_up() && job.lookup->page == 2);
  taken = ID;
  answer(SM_OK, 200, true, "{\"data\":[]}");
  CHECK(is_looked_up() && job.lookup->page == 1 && action.at_ms > now_ms);
  taken = NULL;
}

static void a_page_that_may_not_be_the_last_is_not_the_whole_list(void) {
  lose();
  answer(SM_OK, 200, true, long_page(""));
  CHECK(is_looked_up() && job.lookup->page == 2 && action.at_ms == now_ms);
  answer(SM_OK, 200, true, "[" TIMED(ID, "model_created", "1700000000") "]");
  CHECK(was_found(ID));
}

/* M8. */
static void absence_is_told_and_never_acted_on(void) {
  lose();
  for (int i = 0; i < 3; i++) {
    answer(SM_OK, 200, true, "{\"data\":[]}");
    CHECK(is_looked_up());
    now_ms = action.at_ms;
  }
  answer(SM_OK, 200, true, "{\"data\":[]}");
  CHECK(failed_with(SM_UNKNOWN, SM_CHARGED_UNKNOWN));
  CHECK(action.error.lookup == SM_FOUND_ABSENT);
  lose();
  answer(SM_OK, 404, true, "{\"detail\":\"Not Found\"}");
  CHECK(failed_with(SM_UNKNOWN, SM_CHARGED_UNKNOWN));
  CHECK(action.error.lookup == SM_FOUND_UNREACHABLE);
}

/* A portal's or a firewall's page, an answer that broke off. */
static void a_list_that_cannot_be_read_is_asked_for_four_times(void) {
  static const struct {
    int status;
    const char *body;
  } rows[] = {{200, "<html>Welcome to the hotel</html>"},
              {404, "<html>404 Not Found</html>"},
              {204, ""},
              {200, "null"},
              {200, "{\"error\":\"db\"}"},
              {200, "{\"data\":[{\"request_id\":\"a"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    lose();
    for (int tries = 0; tries < 3; tries++) {
      answer(SM_OK, rows[i].status, true, rows[i].body);
      CHECK(is_looked_up() && action.at_ms > now_ms);
    }
    answer(SM_OK, rows[i].status, true, rows[i].body);
    CHECK(was_told(SM_FOUND_UNREACHABLE));
    lose();
    answer(SM_OK, rows[i].status, true, rows[i].body);
    answer(SM_OK, 200, true, "{\"data\":[" ROW(ID, SENT) "]}");
    CHECK(was_found(ID));
  }
}

static void a_lookup_survives_trouble_until_its_own_deadline(void) {
  const struct sm_context context = context_now();
  lose();
  answer(SM_NOT_SENT, 0, true, "");
  CHECK(is_looked_up());
  answer(SM_OK, 503, true, "");
  CHECK(is_looked_up());
  CHECK(sm_job_deadline_ms(&job) == now_ms + 60000);
  job.deadline_ms = now_ms + 3000;
  sm_job_destroy(&job);
  CHECK(sm_job_find(&job, 1700000000, wall_ms, now_ms, NULL) == SM_OK);
  CHECK(sm_job_deadline_ms(&job) == now_ms + 15000);
  sm_job_expire(&job, &context, false, &action);
  CHECK(failed_with(SM_UNKNOWN, SM_CHARGED_UNKNOWN));
}

static void a_finished_job_is_found_after_its_record_expired(void) {
  accept();
  job.is_attached = true;
  for (int i = 0; i < 3; i++)
    answer(SM_OK, 404, true, "{}");
  CHECK(is_sent_again() && job.phase == SM_PHASE_RECORD);
  answer(SM_OK, 200, true, ROW(ID, "{}"));
  CHECK(action.kind == SM_ACTION_DONE);
}

static void a_record_of_a_running_request_is_asked_for_again(void) {
  static const char *const words[] = {"PENDING", "pending", "PROCESSING",
                                      "IN_PROGRESS", "warming up"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    char entry[200];
    snprintf(entry, sizeof entry,
             "{\"request_id\":\"" ID "\",\"model_status\":\"%s\","
             "\"credits_deduction\":0}",
             words[i]);
    accept();
    job.is_attached = true;
    for (int k = 0; k < 3; k++)
      answer(SM_OK, 404, true, "{}");
    for (int k = 0; k < 5; k++) {
      answer(SM_OK, 200, true, entry);
      CHECK(is_sent_again() && action.at_ms == now_ms + 5000);
      now_ms = action.at_ms;
    }
    const struct sm_context context = context_now();
    sm_job_expire(&job, &context, false, &action);
    CHECK(action.error.code == SM_TIMEOUT && action.error.status == 0);
    CHECK(strstr(action.error.message, "while the job was running"));
  }
}

static void a_record_is_asked_for_until_the_history_can_be_read(void) {
  accept();
  job.is_attached = true;
  for (int i = 0; i < 3; i++)
    answer(SM_OK, 404, true, "{}");
  for (int i = 0; i < 9; i++) {
    answer(SM_OK, 503, true, "down");
    CHECK(is_sent_again() && action.at_ms > now_ms);
  }
  answer(SM_OK, 200, true,
         "{\"data\":{\"id\":\"" ID "\",\"status\":\"completed\","
         "\"generation_url\":[\"https://h/a.png\",\"https://h/b.png\"]}}");
  CHECK(action.kind == SM_ACTION_DONE);
}

static void a_page_in_place_of_a_record_does_not_end_a_job(void) {
  accept();
  job.is_attached = true;
  for (int i = 0; i < 3; i++)
    answer(SM_OK, 404, true, "{}");
  answer(SM_OK, 404, true, "<html>404 Not Found</html>");
  CHECK(is_sent_again());
  answer(SM_OK, 200, true, ROW(ID, "{}"));
  CHECK(action.kind == SM_ACTION_DONE);
}

static void an_id_that_nobody_knows_is_not_called_paid(void) {
  begin();
  sm_job_attach(&job, ID, now_ms, NULL);
  for (int i = 0; i < 4; i++)
    answer(SM_OK, 404, true, "{}");
  CHECK(failed_with(SM_EXPIRED, SM_CHARGED_UNKNOWN));
  accept();
  job.is_attached = true;
  for (int i = 0; i < 4; i++)
    answer(SM_OK, 404, true, "{}");
  CHECK(failed_with(SM_EXPIRED, SM_CHARGED_YES));
}

int main(void) {
  a_row_s_time_is_read_in_any_spelling();
  an_older_request_is_not_adopted();
  of_several_that_fit_none_is_adopted_and_all_are_named();
  what_cannot_be_compared_is_unclear();
  one_odd_row_does_not_make_the_list_unreadable();
  a_wrong_clock_of_ours_decides_nothing();
  without_the_service_s_time_an_older_row_is_unclear();
  a_time_that_was_written_by_a_wrong_clock_is_doubted();
  the_machine_s_sleep_is_part_of_a_submit_s_age();
  a_list_asked_for_by_a_wrong_clock_is_asked_for_anew();
  a_page_that_may_not_be_the_last_is_not_the_whole_list();
  an_id_that_another_lookup_has_got_meanwhile_is_not_adopted();
  a_record_of_a_running_request_is_asked_for_again();
  a_list_that_cannot_be_read_is_asked_for_four_times();
  a_page_in_place_of_a_record_does_not_end_a_job();
  a_record_is_asked_for_until_the_history_can_be_read();
  an_id_that_nobody_knows_is_not_called_paid();
  a_lost_submit_is_found_in_the_history();
  a_row_under_the_model_s_title_is_not_absent();
  another_submit_in_the_history_is_not_adopted();
  a_row_that_may_be_a_twin_s_is_left_to_it();
  absence_is_told_and_never_acted_on();
  a_lookup_survives_trouble_until_its_own_deadline();
  a_finished_job_is_found_after_its_record_expired();
  forget();
  return check_report("sm_lookup");
}
