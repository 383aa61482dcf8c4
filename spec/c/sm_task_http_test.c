/* From a task to its request, and from an answer to what the host is told: how
 * addresses are written, what a picture is known by, how a download ends. */
#include "sm_task_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "sample_pictures.h"

static struct sm_base base;
static struct sm_exchange exchange;
static struct sm_action action;

static struct sm_task *begin(enum sm_fetch_kind kind, const char *target) {
  struct sm_task *task = sm_task_new(SM_TASK_CALL, target);
  sm_fetch_create(&task->call, kind, 1000);
  CHECK(sm_task_arm(task));
  sm_exchange_create(&exchange);
  exchange.answer.body.ceiling = 1 << 20;
  sm_action_clear(&action);
  return task;
}

static void end(struct sm_task *task) {
  sm_exchange_destroy(&exchange);
  sm_task_delete(task);
}

/* -- addresses ---------------------------------------------------------------
 */

static const char *fetched(const char *url, enum sm_code *code) {
  static char address[70000];
  const struct sm_limits limits = {.base = &base};
  struct sm_error e;
  struct sm_task *task = begin(SM_FETCH_DOWNLOAD, url);
  *code = sm_task_http_prepare(task, &exchange, &limits, 0, &e);
  (void)snprintf(address, sizeof address, "%s", sm_buf_text(&exchange.url));
  end(task);
  return address;
}

/* The smallest there is. */
#define GIF                                                                    \
  "GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2\x44\1\0;"

#define HOST "https://images.segmind.com"

static void an_address_is_written_as_rfc_3986_wants_it(void) {
  static const struct {
    const char *told, *asked;
  } rows[] = {
      {HOST "/a b.png", HOST "/a%20b.png"},
      {HOST "/a%20b.png", HOST "/a%20b.png"},
      {HOST "/caf\xc3\xa9/\xf0\x9f\x8f\xa0.png",
       HOST "/caf%C3%A9/%F0%9F%8F%A0.png"},
      {HOST "/100%.png", HOST "/100%25.png"},
      {HOST "/50%2.png", HOST "/50%252.png"},
      {HOST "/a?s=x%2Fy+z==&t=%zz~'()*", HOST "/a?s=x%2Fy+z==&t=%zz~'()*"},
      {" \n" HOST "/a.png\r\n", HOST "/a.png"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    enum sm_code code;
    CHECK(strcmp(fetched(rows[i].told, &code), rows[i].asked) == 0);
    CHECK(code == SM_OK);
  }
}

static void a_long_address_is_fetched(void) {
  static char url[16384];
  enum sm_code code;
  int start = snprintf(url, sizeof url, HOST "/");
  memset(url + start, 0xe9, sizeof url - 1 - (size_t)start);
  CHECK(strlen(fetched(url, &code)) > 45000 && code == SM_OK);
}

static void what_writing_it_anew_could_hide_is_refused(void) {
  static const char *const rows[] = {
      HOST "/a\nb",
      HOST "/a\r\nX: y",
      "https://images.segmind.com\\@evil.com/a",
      "https://evil.com /a",
      "https:// images.segmind.com/a",
      "https://images.segmind.com\xe2\x80\x8b/a",
      "file:///etc/passwd",
      "",
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    enum sm_code code;
    (void)fetched(rows[i], &code);
    CHECK(code == SM_SECURITY);
  }
}

/* -- the picture in a v1 answer ----------------------------------------------
 */

static struct sm_task *settle_as(const char *type, const void *bytes,
                                 size_t size, bool is_all) {
  struct sm_task *task = begin(SM_FETCH_SYNC, "flux");
  exchange.answer.status = 200;
  exchange.answer.is_all = is_all;
  (void)snprintf(exchange.answer.content_type,
                 sizeof exchange.answer.content_type, "%s", type);
  sm_buf_append(&exchange.answer.body, bytes, size, NULL);
  action.kind = SM_ACTION_DONE;
  sm_task_http_settle(task, &exchange, &action);
  return task;
}

static struct sm_task *settle(const void *bytes, size_t size, bool is_all) {
  return settle_as("application/json", bytes, size, is_all);
}

static void a_v1_picture_is_known_by_its_bytes(void) {
  static const char *const types[] = {"", "text/html", "application/json",
                                      "image/png"};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    unsigned char bytes[sizeof sample_png + 4] = "\r\n";
    memcpy(bytes + 2, sample_png, sizeof sample_png);
    bytes[2 + sizeof sample_png] = '\n';
    bytes[3 + sizeof sample_png] = '\n';
    struct sm_task *task = settle_as(types[i], bytes, sizeof bytes, i % 2 == 0);
    CHECK(action.kind == SM_ACTION_DONE);
    CHECK(task->last->image.format == SM_PNG);
    CHECK(task->last->image.width == 7);
    CHECK(task->last->body_size == sizeof sample_png + 2);
    CHECK(memcmp(task->last->body, sample_png, sizeof sample_png) == 0);
    end(task);
  }
  struct sm_task *task = settle(" {\"output\":1}", 13, true);
  CHECK(action.kind == SM_ACTION_DONE);
  CHECK(task->last->image.format == SM_NO_IMAGE && task->last->body);
  end(task);
}

static void a_v1_picture_that_was_cut_is_kept_with_its_error(void) {
  size_t half = sizeof sample_jpeg / 2;
  struct sm_task *task = settle(sample_jpeg, half, false);
  CHECK(action.kind == SM_ACTION_FAIL);
  CHECK(action.error.code == SM_PROTOCOL &&
        action.error.charged == SM_CHARGED_YES);
  sm_task_http_fail(task, &exchange, &action.error);
  CHECK(task->last->body && task->last->body_size == half);
  end(task);
  task = settle(sample_jpeg, half, true); /* all that there is */
  CHECK(action.kind == SM_ACTION_DONE);
  end(task);
}

/* -- the end of a download ---------------------------------------------------
 */

/* "throttled" and "not_sent" would say that it is free to run again. */
static void a_download_that_nothing_comes_of_is_io(void) {
  static const struct {
    enum sm_code code;
    int status;
    enum sm_code end;
  } rows[] = {{SM_OK, 429, SM_IO},      {SM_OK, 503, SM_IO},
              {SM_NOT_SENT, 0, SM_IO},  {SM_TIMEOUT, 0, SM_IO},
              {SM_TIMEOUT, 200, SM_IO}, {SM_SECURITY, 0, SM_SECURITY}};
  struct sm_pace pace;
  struct sm_rng rng;
  sm_rng_seed(&rng, 7);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct sm_task *task = begin(SM_FETCH_DOWNLOAD, HOST "/a.png");
    const struct sm_context context = {.pace = &pace, .rng = &rng, .now_ms = 0};
    sm_pace_create(&pace, 0, 0);
    exchange.answer.code = rows[i].code;
    exchange.answer.status = rows[i].status;
    sm_fetch_answer(&task->call, &context, &exchange.answer, false, "",
                    &action);
    for (int try = 1; try < 5 && action.kind == SM_ACTION_SEND; try++) {
      struct sm_action late;
      sm_fetch_expire(&task->call, true, &late);
      CHECK(late.kind == SM_ACTION_FAIL && late.error.code == SM_IO);
      CHECK(late.error.status == rows[i].status);
      sm_fetch_answer(&task->call, &context, &exchange.answer, false, "",
                      &action);
    }
    CHECK(action.kind == SM_ACTION_FAIL && action.error.code == rows[i].end);
    end(task);
  }
}

/* A status of 200 is no reason to look for the fault at the service. */
static void a_full_disk_is_named_when_a_download_runs_out_of_time(void) {
  struct sm_pace pace;
  struct sm_rng rng;
  sm_rng_seed(&rng, 7);
  sm_pace_create(&pace, 0, 0);
  struct sm_task *task = begin(SM_FETCH_DOWNLOAD, HOST "/a.gif");
  const struct sm_context context = {.pace = &pace, .rng = &rng, .now_ms = 0};
  exchange.answer.code = SM_IO;
  exchange.answer.status = 200;
  sm_task_http_judge(task, &exchange, &context, &action);
  CHECK(action.kind == SM_ACTION_SEND &&
        strstr(action.note, "disk or memory full"));
  sm_fetch_expire(&task->call, true, &action);
  CHECK(action.error.code == SM_IO && action.error.status == 0);
  CHECK(strstr(action.error.message, "disk or memory full") != NULL);
  exchange.answer.code = SM_NOT_SENT;
  sm_task_http_judge(task, &exchange, &context, &action);
  sm_fetch_expire(&task->call, true, &action);
  CHECK(strstr(action.error.message, "HTTP 200") != NULL);
  end(task);
}

static bool is_asked_for_again(enum sm_code code, int status, int tries) {
  struct sm_pace pace;
  struct sm_rng rng;
  sm_rng_seed(&rng, 7);
  sm_pace_create(&pace, 0, 0);
  struct sm_task *task = begin(SM_FETCH_DOWNLOAD, HOST "/a.gif");
  const struct sm_context context = {.pace = &pace, .rng = &rng, .now_ms = 0};
  task->call.tries = (uint8_t)tries;
  exchange.answer.code = code;
  exchange.answer.status = status;
  exchange.answer.is_all = code == SM_OK;
  sm_buf_append(&exchange.answer.body, GIF, sizeof GIF - 1, NULL);
  sm_task_http_judge(task, &exchange, &context, &action);
  enum sm_action_kind step = action.kind;
  CHECK(step == SM_ACTION_SEND || step == SM_ACTION_DONE);
  end(task);
  return step == SM_ACTION_SEND;
}

static void a_redirect_to_nowhere_is_asked_for_again(void) {
  CHECK(is_asked_for_again(SM_OK, 304, 0));
  CHECK(is_asked_for_again(SM_OK, 302, 0));
}

/* -- a page of somebody in between ------------------------------------------
 */

/* The action after an answer, and after as many as there are tries. */
static enum sm_code judge(enum sm_fetch_kind kind, const char *body,
                          enum sm_action_kind first) {
  struct sm_pace pace;
  struct sm_rng rng;
  sm_rng_seed(&rng, 7);
  sm_pace_create(&pace, 0, 0);
  struct sm_task *task = begin(kind, "/x");
  const struct sm_context context = {.pace = &pace, .rng = &rng, .now_ms = 0};
  exchange.answer.status = 200;
  exchange.answer.was_sent = exchange.answer.is_all = true;
  sm_buf_add_text(&exchange.answer.body, body, NULL);
  sm_task_http_judge(task, &exchange, &context, &action);
  CHECK(action.kind == first);
  for (int tries = 1; action.kind == SM_ACTION_SEND; tries++) {
    CHECK(tries < SM_FETCH_TRIES);
    sm_task_http_judge(task, &exchange, &context, &action);
  }
  enum sm_code code = action.kind == SM_ACTION_FAIL ? action.error.code : SM_OK;
  end(task);
  return code;
}

static void an_upload_is_tried_again_until_it_is_answered_by_an_address(void) {
  static const char *const odd[] = {"<html>", "", "null", "{\"file_urls\":[]}"};
  for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
    CHECK(judge(SM_FETCH_UPLOAD, odd[i], SM_ACTION_SEND) == SM_PROTOCOL);
  CHECK(judge(SM_FETCH_UPLOAD, "{\"file_urls\":[\"https://h/a.png\"]}",
              SM_ACTION_DONE) == SM_OK);
}

/* M8: whether the service has seen the request at all is not known. */
static void a_page_does_not_say_that_a_v1_call_was_paid(void) {
  CHECK(judge(SM_FETCH_SYNC, "<html>Welcome</html>", SM_ACTION_FAIL) ==
        SM_UNKNOWN);
  CHECK(action.error.charged == SM_CHARGED_UNKNOWN);
  CHECK(judge(SM_FETCH_SYNC, "{\"output\":1}", SM_ACTION_DONE) == SM_OK);
  CHECK(judge(SM_FETCH_SYNC, "[\"https://h/a.png\"]", SM_ACTION_DONE) == SM_OK);
}

static void a_picture_counts_under_each_status_that_brings_one(void) {
  CHECK(!is_asked_for_again(SM_OK, 203, 0));
  CHECK(!is_asked_for_again(SM_OK, 206, 0));
  CHECK(is_asked_for_again(SM_OK, 204, 0));
}

/* The bytes have been paid for: what is wrong round them does not matter. */
static void a_v1_picture_counts_in_a_cut_frame_and_under_a_500(void) {
  static const struct {
    enum sm_code code;
    int status;
    size_t missing;
    enum sm_action_kind step;
  } rows[] = {{SM_NOT_SENT, 200, 0, SM_ACTION_DONE},
              {SM_OK, 500, 0, SM_ACTION_DONE},
              {SM_NOT_SENT, 200, 4, SM_ACTION_FAIL}};
  struct sm_pace pace;
  sm_pace_create(&pace, 0, 0);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct sm_task *task = begin(SM_FETCH_SYNC, "/v1/m");
    const struct sm_context context = {.pace = &pace, .now_ms = 0};
    exchange.answer.code = rows[i].code;
    exchange.answer.status = rows[i].status;
    exchange.answer.was_sent = true;
    exchange.answer.is_all = rows[i].code == SM_OK;
    sm_buf_append(&exchange.answer.body, GIF, sizeof GIF - 1 - rows[i].missing,
                  NULL);
    sm_task_http_judge(task, &exchange, &context, &action);
    CHECK(action.kind == rows[i].step);
    CHECK(action.kind == SM_ACTION_DONE || action.error.code == SM_UNKNOWN);
    end(task);
  }
}

/* A file that was just made is not everywhere yet. */
static void a_picture_that_is_missing_is_asked_for_again(void) {
  CHECK(is_asked_for_again(SM_OK, 404, 0));
  CHECK(is_asked_for_again(SM_OK, 404, 1));
}

static void a_length_that_is_always_wrong_does_not_cost_the_picture(void) {
  CHECK(is_asked_for_again(SM_NOT_SENT, 200, 0));
  CHECK(!is_asked_for_again(SM_NOT_SENT, 200, SM_FETCH_TRIES - 1));
}

int main(void) {
  a_redirect_to_nowhere_is_asked_for_again();
  an_upload_is_tried_again_until_it_is_answered_by_an_address();
  a_page_does_not_say_that_a_v1_call_was_paid();
  CHECK(sm_base_read(&base, "https://api.segmind.com", NULL) == SM_OK);
  an_address_is_written_as_rfc_3986_wants_it();
  a_long_address_is_fetched();
  what_writing_it_anew_could_hide_is_refused();
  a_v1_picture_is_known_by_its_bytes();
  a_v1_picture_that_was_cut_is_kept_with_its_error();
  a_download_that_nothing_comes_of_is_io();
  a_full_disk_is_named_when_a_download_runs_out_of_time();
  a_picture_counts_under_each_status_that_brings_one();
  a_v1_picture_counts_in_a_cut_frame_and_under_a_500();
  a_picture_that_is_missing_is_asked_for_again();
  a_length_that_is_always_wrong_does_not_cost_the_picture();
  return check_report("sm_task_http");
}
