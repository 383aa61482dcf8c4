#include "core_run.h"

#include <curl/curl.h>
#include <dirent.h>
#include <jansson.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HASTE 50
#define TIMEOUT_MS 60000

/* -- what the linker puts in between ------------------------------------- */

/* The names are the linker's choice: NOLINTBEGIN(bugprone-reserved-identifier)
 */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __real_pthread_cond_timedwait(pthread_cond_t *condition,
                                  pthread_mutex_t *lock,
                                  const struct timespec *until);
CURLMcode __real_curl_multi_poll(CURLM *multi, struct curl_waitfd *more,
                                 unsigned count, int timeout_ms, int *ready);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition,
                                  pthread_mutex_t *lock,
                                  const struct timespec *until);
CURLcode __wrap_curl_global_init(long flags);
CURLMcode __wrap_curl_multi_poll(CURLM *multi, struct curl_waitfd *more,
                                 unsigned count, int timeout_ms, int *ready);

void *__wrap_malloc(size_t size) {
  return torture_may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size) {
  return torture_may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *old, size_t size) {
  return torture_may_allocate() ? __real_realloc(old, size) : NULL;
}

char *__wrap_strdup(const char *text) {
  return torture_may_allocate() ? __real_strdup(text) : NULL;
}

char *__wrap_strndup(const char *text, size_t size) {
  return torture_may_allocate() ? __real_strndup(text, size) : NULL;
}

CURLcode __wrap_curl_global_init(long flags) {
  json_set_alloc_funcs(__wrap_malloc, free);
  return curl_global_init_mem(flags, __wrap_malloc, free, __wrap_realloc,
                              __wrap_strdup, __wrap_calloc);
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now) {
  int result = __real_clock_gettime(clock, now);
  if (clock == CLOCK_MONOTONIC) {
    int64_t ns = ((int64_t)now->tv_sec * 1000000000 + now->tv_nsec) * HASTE;
    now->tv_sec = ns / 1000000000;
    now->tv_nsec = ns % 1000000000;
  }
  return result;
}

/* They all wait by the clock above. */
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition,
                                  pthread_mutex_t *lock,
                                  const struct timespec *until) {
  int64_t ns = ((int64_t)until->tv_sec * 1000000000 + until->tv_nsec) / HASTE;
  const struct timespec sooner = {.tv_sec = ns / 1000000000,
                                  .tv_nsec = ns % 1000000000};
  return __real_pthread_cond_timedwait(condition, lock, &sooner);
}

CURLMcode __wrap_curl_multi_poll(CURLM *multi, struct curl_waitfd *more,
                                 unsigned count, int timeout_ms, int *ready) {
  return __real_curl_multi_poll(multi, more, count,
                                (timeout_ms + HASTE - 1) / HASTE, ready);
}

/* NOLINTEND(bugprone-reserved-identifier) */

/* -- tasks --------------------------------------------------------------- */

static void note_id(struct context *context, const char *request_id) {
  struct torture_tale *tale = context->run->tale;
  if (request_id)
    (void)snprintf(tale->request_id, sizeof tale->request_id, "%s", request_id);
}

/* The binding tells an error that there was no memory for as free of charge,
 * unless the request's id came with it. */
static void note_end(struct context *context, const struct sm_event *event) {
  struct torture_tale *tale = context->run->tale;
  const struct sm_error *error = event->error;
  if (event->kind != SM_EVENT_ERROR)
    return;
  tale->is_unknown = error && error->code == SM_UNKNOWN;
  if (error)
    tale->is_free = error->charged == SM_CHARGED_NO && error->code != SM_FAILED;
  else
    tale->is_free = event->request_id == NULL;
}

/* The picture's address, out of the result, without a parser of its own. */
static void note_place(struct context *context, const struct sm_event *event) {
  const char *at = event->place;
  if (!at && event->body && (at = strstr(event->body, "\"output\"")) != NULL)
    at = strstr(at, "http");
  size_t size = at ? strcspn(at, "\"") : 0;
  if (size >= sizeof context->place)
    size = 0;
  if (size > 0)
    memcpy(context->place, at, size);
  context->place[size] = '\0';
}

static bool is_end(const struct sm_event *event, uint64_t id) {
  return event->id == id &&
         (event->kind == SM_EVENT_DONE || event->kind == SM_EVENT_ERROR);
}

/* The step is in no ledger, and there is no body to send for it. */
static bool is_free(const struct sm_event *event, uint64_t id) {
  return event->id == id && event->kind == SM_EVENT_STATE &&
         event->state == SM_STATE_FREE;
}

/* Waits for the end of a task; whether it was a good one. */
static bool finish(struct context *context, uint64_t id, bool is_paid) {
  bool has_ended = id == 0, is_done = false;
  while (!has_ended) {
    (void)sm_client_wait(context->client, 1000);
    struct sm_event *event = sm_client_take(context->client);
    if (!event)
      continue;
    has_ended = is_end(event, id);
    is_done = has_ended && event->kind == SM_EVENT_DONE;
    if (is_free(event, id)) {
      sm_client_cancel(context->client, id);
      has_ended = true;
    }
    if (is_paid || context->ledger[0])
      note_id(context, event->request_id);
    if (is_paid && has_ended)
      note_end(context, event);
    if (is_done)
      note_place(context, event);
    sm_event_delete(event);
  }
  context->is_well = context->is_well && is_done;
  return is_done;
}

bool core_run_carry_out(struct context *context, struct sm_task *task,
                        enum sm_code code, bool is_paid) {
  struct sm_error e;
  if (!task || code != SM_OK) {
    sm_task_delete(task);
    context->is_well = false;
    return false;
  }
  return finish(context, sm_client_post(context->client, task, &e), is_paid);
}

struct sm_task *core_run_new_job(void) {
  const struct sm_dial dial = {.fixed_ms = 100};
  struct sm_task *task = sm_task_new(SM_TASK_JOB, "flux-kontext-pro");
  if (task)
    sm_job_create(&task->job, &dial, sm_now_ms() + TIMEOUT_MS);
  return task;
}

enum sm_code core_run_add_text(struct sm_task *task, const char *text,
                               struct sm_error *e) {
  if (!task->body && (task->body = sm_body_new()) == NULL)
    return sm_fail_memory(e);
  return sm_body_add_text(task->body, text, strlen(text), e);
}

void core_run_with_client(struct context *context,
                          void (*first)(struct context *),
                          void (*second)(struct context *)) {
  const char *ledger = context->ledger[0] ? context->ledger : NULL;
  static const char *const hosts[] = {"cdn.example", NULL};
  const struct sm_client_options options = {.api_key = context->run->key,
                                            .base_url = context->run->url,
                                            .user_agent = "torture",
                                            .media_hosts = hosts,
                                            .max_transfers = 2,
                                            .max_json_bytes = 1 << 20,
                                            .max_image_bytes = 1 << 20,
                                            .is_inline = true,
                                            .ledger = ledger};
  struct sm_error e;
  if (sm_client_new(&context->client, &options, &e) != SM_OK) {
    context->is_well = false;
    return;
  }
  first(context);
  second(context);
  sm_client_delete(context->client);
  context->client = NULL;
}

/* -- begin and end ------------------------------------------------------- */

/* A temporary file that nobody has taken away. */
static bool has_left_files(const struct torture_run *run) {
  char mark[32];
  bool has = false;
  DIR *folder = opendir(run->folder);
  (void)snprintf(mark, sizeof mark, ".saved-%d.", run->number);
  for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;)
    has = has || strncmp(entry->d_name, mark, strlen(mark)) == 0;
  if (folder)
    closedir(folder);
  return has;
}

void core_run_begin(struct context *context, struct torture_run *run) {
  *context = (struct context){.run = run, .is_well = true};
  (void)snprintf(context->path, sizeof context->path, "%s/picture-%d.png",
                 run->folder, run->number);
  (void)snprintf(context->saved, sizeof context->saved, "%s/saved-%d.",
                 run->folder, run->number);
  (void)snprintf(context->body, sizeof context->body,
                 "{\"prompt\":\"%s\",\"aspect_ratio\":\"1:1\"}", run->prompt);
}

void core_run_end(struct context *context) {
  torture_disarm();
  context->run->tale->is_complete = context->is_well;
  if (has_left_files(context->run)) {
    fprintf(stderr, "a temporary file is left behind\n");
    exit(TORTURE_LEAK);
  }
}
