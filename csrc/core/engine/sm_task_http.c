#include "sm_task_http.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sm_history.h"
#include "sm_json.h"
#include "sm_number.h"

#define HISTORY "/inference-request/request-history"
#define POLL_TIMEOUT_MS 15000
#define LOOKUP_TIMEOUT_MS 5000
#define UPLOAD_TIMEOUT_MS 300000
#define DOWNLOAD_TIMEOUT_MS 120000
#define DOWNLOAD_STALL_MS 15000

/* -- the request --------------------------------------------------------- */

static int64_t time_left(int64_t deadline_ms, int64_t now_ms, int64_t most) {
  int64_t left = deadline_ms - now_ms;
  if (left < 1)
    left = 1;
  return left < most ? left : most;
}

static enum sm_code prepare_question(struct sm_task *task,
                                     struct sm_exchange *exchange,
                                     const struct sm_limits *limits,
                                     struct sm_error *e) {
  const struct sm_job *job = &task->job;
  exchange->request.host = SM_HOST_CONTROL;
  exchange->request.timeout_ms = LOOKUP_TIMEOUT_MS;
  if (job->phase == SM_PHASE_RECORD)
    return sm_url_build(&exchange->url, limits->base, SM_HOST_CONTROL,
                        HISTORY "/", job->request_id, "", e);
  time_t from = (time_t)job->lookup->from_s;
  char day[16], query[64];
  struct tm tm;
  if (!gmtime_r(&from, &tm) || !strftime(day, sizeof day, "%Y-%m-%d", &tm))
    return sm_fail(e, SM_IO, "the time of the submit is no time");
  (void)snprintf(query, sizeof query, "&from_date=%s&page=%d&per_page=%d", day,
                 job->lookup->page, SM_HISTORY_ROWS);
  return sm_url_build(&exchange->url, limits->base, SM_HOST_CONTROL,
                      HISTORY "?model_name=", task->model->name, query, e);
}

static enum sm_code prepare_job(struct sm_task *task,
                                struct sm_exchange *exchange,
                                const struct sm_limits *limits,
                                struct sm_error *e) {
  struct sm_request *request = &exchange->request;
  const struct sm_job *job = &task->job;
  request->has_key = true;
  request->max_bytes = limits->max_json_bytes;
  if (job->phase == SM_PHASE_SUBMIT) {
    request->method = SM_POST;
    request->is_once = true;
    request->body = task->body;
    request->timeout_ms = INT32_MAX;
    return sm_url_build(&exchange->url, limits->base, SM_HOST_API, "/v2/",
                        task->model->name, "", e);
  }
  request->timeout_ms = POLL_TIMEOUT_MS;
  if (job->phase == SM_PHASE_LOOKUP || job->phase == SM_PHASE_RECORD)
    return prepare_question(task, exchange, limits, e);
  return sm_url_build(&exchange->url, limits->base, SM_HOST_API,
                      "/v2/requests/", job->request_id,
                      job->phase == SM_PHASE_STATUS ? "/status" : "", e);
}

static enum sm_code prepare_download(struct sm_task *task,
                                     struct sm_exchange *exchange,
                                     const struct sm_limits *limits,
                                     int64_t now_ms, struct sm_error *e) {
  struct sm_request *request = &exchange->request;
  if (task->call.begun_ms == 0)
    task->call.begun_ms = now_ms;
  enum sm_code code = sm_url_encode(&exchange->url, task->target, e);
  if (code == SM_OK)
    code = sm_url_check_media(sm_buf_text(&exchange->url), limits->base,
                              limits->media_hosts, e);
  if (code == SM_OK && task->file)
    code = sm_file_rewind(task->file, e);
  request->wants_image = true;
  request->file = task->file;
  request->max_bytes = limits->max_image_bytes;
  request->timeout_ms = DOWNLOAD_TIMEOUT_MS;
  request->stall_ms = DOWNLOAD_STALL_MS;
  return code;
}

static enum sm_code prepare_post(struct sm_task *task,
                                 struct sm_exchange *exchange,
                                 const struct sm_limits *limits,
                                 struct sm_error *e) {
  struct sm_request *request = &exchange->request;
  bool is_sync = task->call.kind == SM_FETCH_SYNC;
  request->method = SM_POST;
  request->has_key = true;
  request->is_once = is_sync;
  request->wants_image = is_sync;
  request->host = is_sync ? SM_HOST_API : SM_HOST_UPLOAD;
  request->body = task->body;
  request->max_bytes =
      is_sync ? limits->max_image_bytes : limits->max_json_bytes;
  request->timeout_ms = is_sync ? INT32_MAX : UPLOAD_TIMEOUT_MS;
  if (is_sync)
    return sm_url_build(&exchange->url, limits->base, request->host, "/v1/",
                        task->model->name, "", e);
  return sm_url_build(&exchange->url, limits->base, request->host, task->target,
                      "", "", e);
}

static enum sm_code prepare_get(struct sm_task *task,
                                struct sm_exchange *exchange,
                                const struct sm_limits *limits,
                                struct sm_error *e) {
  struct sm_request *request = &exchange->request;
  request->has_key = true;
  request->host = task->host;
  request->max_bytes = limits->max_json_bytes;
  request->timeout_ms = POLL_TIMEOUT_MS;
  return sm_url_build(&exchange->url, limits->base, task->host, task->target,
                      "", "", e);
}

static enum sm_code prepare_call(struct sm_task *task,
                                 struct sm_exchange *exchange,
                                 const struct sm_limits *limits, int64_t now_ms,
                                 struct sm_error *e) {
  switch (task->call.kind) {
  case SM_FETCH_DOWNLOAD:
    return prepare_download(task, exchange, limits, now_ms, e);
  case SM_FETCH_GET:
    return prepare_get(task, exchange, limits, e);
  default:
    return prepare_post(task, exchange, limits, e);
  }
}

enum sm_code sm_task_http_prepare(struct sm_task *task,
                                  struct sm_exchange *exchange,
                                  const struct sm_limits *limits,
                                  int64_t now_ms, struct sm_error *e) {
  enum sm_code code = task->kind == SM_TASK_JOB
                          ? prepare_job(task, exchange, limits, e)
                          : prepare_call(task, exchange, limits, now_ms, e);
  struct sm_request *request = &exchange->request;
  request->timeout_ms =
      time_left(sm_task_deadline_ms(task), now_ms, request->timeout_ms);
  if (code == SM_OK && request->body)
    code = sm_body_rewind(request->body, e);
  return code;
}

/* -- the answer ---------------------------------------------------------- */

static bool check_memory(const struct sm_answer *answer, struct sm_image *image,
                         const char **why) {
  const struct sm_buf *body = &answer->body;
  const struct sm_source source = {.bytes = (const unsigned char *)body->data,
                                   .size = body->size};
  if (!sm_image_read(body->data, body->size, image))
    *why = "it is no PNG, JPEG, WebP or GIF";
  else if (!answer->is_all && !sm_image_has_end(image, &source))
    *why = "it ends too early";
  else
    return true;
  return false;
}

/* A body that ended early may be the whole picture: a length that is wrong is
 * so each time. Another try is the better bet while there is one. */
static bool is_worth_a_look(const struct sm_task *task,
                            const struct sm_answer *answer) {
  bool is_last = task->call.tries + 1 >= SM_FETCH_TRIES;
  return sm_status_is_file(answer->status) &&
         (answer->code == SM_OK || (answer->code == SM_NOT_SENT && is_last));
}

static bool is_whole(struct sm_task *task, struct sm_exchange *exchange,
                     struct sm_error *e, const char **why) {
  struct sm_image *image = &task->last->image;
  struct sm_answer *answer = &exchange->answer;
  if (!is_worth_a_look(task, answer))
    return false;
  answer->is_all &= answer->code == SM_OK && answer->status != 206;
  if (!task->file)
    return check_memory(answer, image, why);
  *why = e->message;
  return sm_file_check(task->file, answer->is_all, image, e) == SM_OK;
}

/* A redirect is followed by making its goal the task's address; it is checked
 * like the first one when the request is prepared. */
static void take_redirect(struct sm_task *task, struct sm_exchange *exchange,
                          struct sm_action *action) {
  char *target = sm_buf_take(&exchange->answer.redirect, NULL);
  if (!target) {
    action->kind = SM_ACTION_FAIL;
    sm_fail_memory(&action->error);
    return;
  }
  free(task->target);
  task->target = target;
}

/* From the first try's request to the last byte; within a millisecond is one.
 */
static void note_download(struct sm_task *task, int64_t now_ms) {
  int64_t took_ms = now_ms - task->call.begun_ms;
  if (took_ms > INT32_MAX)
    took_ms = INT32_MAX;
  task->last->download_ms = took_ms > 0 ? (int32_t)took_ms : 1;
}

static void judge_call(struct sm_task *task, struct sm_exchange *exchange,
                       const struct sm_context *context,
                       struct sm_action *action) {
  struct sm_error e;
  const char *why = "";
  const struct sm_answer *answer = &exchange->answer;
  bool whole = task->call.kind == SM_FETCH_DOWNLOAD &&
               is_whole(task, exchange, &e, &why);
  sm_fetch_answer(&task->call, context, answer, whole, why, action);
  if (whole)
    note_download(task, context->now_ms);
  if (action->kind == SM_ACTION_SEND && task->call.kind == SM_FETCH_DOWNLOAD &&
      answer->redirect.size)
    take_redirect(task, exchange, action);
}

void sm_task_http_judge(struct sm_task *task, struct sm_exchange *exchange,
                        const struct sm_context *context,
                        struct sm_action *action) {
  if (task->kind == SM_TASK_CALL)
    judge_call(task, exchange, context, action);
  else
    sm_job_answer(&task->job, context, &exchange->answer, action);
}

/* -- the end ------------------------------------------------------------- */

static void turn_into_failure(struct sm_action *action, enum sm_code code) {
  if (code != SM_OK)
    action->kind = SM_ACTION_FAIL;
}

void sm_task_http_settle_file(struct sm_task *task, struct sm_action *action) {
  struct sm_event *event = task->last;
  event->bytes = sm_file_size(task->file);
  event->is_file = true;
  enum sm_code code = sm_file_commit(task->file, &action->error);
  if (code == SM_OK) {
    event->sha256 = strdup(sm_file_sha256(task->file));
    event->place = strdup(sm_file_path(task->file));
    if (!event->sha256 || !event->place)
      code = sm_fail_memory(&action->error);
  }
  turn_into_failure(action, code);
}

static void settle_upload(struct sm_task *task, const struct sm_answer *answer,
                          struct sm_action *action) {
  struct sm_buf url;
  sm_buf_create(&url, SM_URL_MAX);
  turn_into_failure(action,
                    sm_reply_read_upload(&url, answer->body.data,
                                         answer->body.size, &action->error));
  task->last->place = sm_buf_take(&url, NULL);
  sm_buf_destroy(&url);
}

/* What the host gets to read is JSON that its parser reads, too, unless it is
 * the picture itself. */
static void settle_body(struct sm_event *event, struct sm_answer *answer,
                        const struct sm_reply *reply) {
  struct sm_image image;
  struct sm_buf mended;
  struct sm_buf *body = &answer->body;
  sm_buf_create(&mended, 0);
  if (body->size && !reply->is_usual &&
      !sm_image_read(body->data, body->size, &image))
    (void)sm_json_mend(&mended, body->data, body->size);
  event->body = sm_buf_take(mended.size ? &mended : body, &event->body_size);
}

/* The v1 API answers with the picture itself, whatever its Content-Type says,
 * and a line break of a script may stand before it. */
static void settle_sync(struct sm_task *task, struct sm_answer *answer,
                        struct sm_action *action) {
  struct sm_image *image = &task->last->image;
  struct sm_buf *body = &answer->body;
  static const char blanks[] = {'\r', '\n', '\t', ' '};
  size_t blank = 0;
  const char *why;
  while (blank < body->size && memchr(blanks, body->data[blank], sizeof blanks))
    blank++;
  if (blank < body->size &&
      sm_image_read(body->data + blank, body->size - blank, image)) {
    body->size -= blank;
    memmove(body->data, body->data + blank, body->size);
    if (!check_memory(answer, image, &why)) {
      sm_fail(&action->error, SM_PROTOCOL, "the answer is a picture, but %s",
              why);
      action->error.charged = SM_CHARGED_YES;
      turn_into_failure(action, SM_PROTOCOL);
      return;
    }
  }
  settle_body(task->last, answer, &action->reply);
}

/* An entry of the history, in the form of the result endpoint. */
static void settle_record(struct sm_task *task, struct sm_answer *answer,
                          struct sm_action *action) {
  struct sm_history_row row;
  struct sm_buf result;
  sm_buf_create(&result, SM_URL_MAX);
  enum sm_code code = sm_history_read(&row, answer->body.data,
                                      answer->body.size, &action->error);
  action->reply.cost = row.cost >= 0 ? row.cost : (double)NAN;
  if (code == SM_OK)
    code = sm_history_as_result(&result, &row, &action->error);
  turn_into_failure(action, code);
  task->last->body = sm_buf_take(&result, &task->last->body_size);
  sm_buf_destroy(&result);
}

static void copy_facts(struct sm_event *event, const struct sm_answer *answer) {
  event->status = answer->status;
  event->cost = answer->cost;
  event->remaining_credits = answer->remaining_credits;
  event->generation_s = answer->generation_s;
  memcpy(event->seed, answer->seed, sizeof event->seed);
  free(event->content_type);
  event->content_type =
      answer->content_type[0] ? strdup(answer->content_type) : NULL;
}

/* What the body says of cost and seed, or else the headers. */
static void note_bill(struct sm_event *event, const struct sm_reply *reply) {
  struct sm_event_step *step = event->step;
  double digits = (double)NAN;
  if (!step)
    return;
  (void)sm_number_read(event->seed, strlen(event->seed), &digits);
  step->cost = reply->cost >= 0   ? reply->cost
               : event->cost >= 0 ? event->cost
                                  : (double)NAN;
  step->seed = !isnan(reply->seed)       ? reply->seed
               : digits == floor(digits) ? digits
                                         : (double)NAN;
}

static void name_request(struct sm_task *task, const struct sm_answer *answer) {
  char id[SM_ID_MAX + 1];
  if (task->kind == SM_TASK_JOB && task->job.request_id)
    sm_event_take_name(task->last, &task->job.request_id);
  else if (task->last->request_id)
    return;
  else if (answer && sm_url_is_id(answer->request_id))
    (void)sm_event_name(task->last, answer->request_id);
  else if (answer && task->kind == SM_TASK_CALL &&
           task->call.kind == SM_FETCH_SYNC &&
           sm_reply_find_id(id, answer->body.data, answer->body.size))
    (void)sm_event_name(task->last, id);
}

void sm_task_http_settle(struct sm_task *task, struct sm_exchange *exchange,
                         struct sm_action *action) {
  struct sm_event *event = task->last;
  struct sm_answer *answer = &exchange->answer;
  if (sm_task_is_saving(task)) {
    sm_task_http_settle_file(task, action);
    return;
  }
  event->kind = SM_EVENT_DONE;
  name_request(task, answer);
  copy_facts(event, answer);
  if (task->file)
    sm_task_http_settle_file(task, action);
  else if (task->kind == SM_TASK_CALL && task->call.kind == SM_FETCH_UPLOAD)
    settle_upload(task, answer, action);
  else if (task->kind == SM_TASK_CALL && task->call.kind == SM_FETCH_SYNC)
    settle_sync(task, answer, action);
  else if (task->kind == SM_TASK_JOB && task->job.phase == SM_PHASE_RECORD)
    settle_record(task, answer, action);
  else
    settle_body(event, answer, &action->reply);
  note_bill(event, &action->reply);
}

/* The raw bytes of the answer that the error is about. A job's is not the last
 * that came where that was the history's, or where the deadline ended it. */
static void take_error_body(struct sm_task *task, struct sm_answer *answer) {
  struct sm_buf *body = answer && answer->body.size ? &answer->body : NULL;
  if (task->kind == SM_TASK_JOB &&
      (!body || task->job.phase == SM_PHASE_LOOKUP))
    body = task->job.kept ? &task->job.kept->body : NULL;
  if (body)
    task->last->body = sm_buf_take(body, &task->last->body_size);
}

void sm_task_http_fail(struct sm_task *task, struct sm_exchange *exchange,
                       const struct sm_error *error) {
  struct sm_event *event = task->last;
  struct sm_answer *answer = exchange ? &exchange->answer : NULL;
  bool is_accepted = sm_task_request_id(task) != NULL;
  if (sm_task_is_saving(task)) {
    sm_task_note_trouble(task, error);
    return;
  }
  event->kind = SM_EVENT_ERROR;
  name_request(task, answer);
  if (!event->error)
    event->error = malloc(sizeof *event->error);
  if (event->error) {
    *event->error = *error;
    /* Once accepted, the job goes on at the service whatever happens here. */
    if (is_accepted && error->code != SM_FAILED)
      event->error->charged = task->kind == SM_TASK_JOB
                                  ? sm_job_charged(&task->job)
                                  : SM_CHARGED_YES;
  }
  if (!event->body && error->code != SM_IO)
    take_error_body(task, answer);
}
