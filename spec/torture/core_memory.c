/* The core without memory: a client's whole work, an upload, a job, a download,
 * a look into the history, while the Nth allocation fails, be it the core's,
 * libcurl's or jansson's.
 *
 * The linker (--wrap, see CMakeLists.txt) leads the core's allocations, its
 * clock and its waiting through here: its minutes pass in seconds. */
#include <curl/curl.h>
#include <dirent.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "picture.h"
#include "sm_client.h"
#include "sm_digest.h"
#include "sm_file.h"
#include "torture.h"

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
CURLMcode __real_curl_multi_poll(CURLM *multi, struct curl_waitfd *more,
                                 unsigned count, int timeout_ms, int *ready);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
int __wrap_asprintf(char **out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
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

int __wrap_asprintf(char **out, const char *format, ...) {
  va_list args;
  *out = NULL; /* undefined, says the manual, but nobody may use it */
  if (!torture_may_allocate())
    return -1;
  va_start(args, format);
  int length = vasprintf(out, format, args);
  va_end(args);
  return length;
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

CURLMcode __wrap_curl_multi_poll(CURLM *multi, struct curl_waitfd *more,
                                 unsigned count, int timeout_ms, int *ready) {
  return __real_curl_multi_poll(multi, more, count,
                                (timeout_ms + HASTE - 1) / HASTE, ready);
}

/* NOLINTEND(bugprone-reserved-identifier) */

/* -- the scenario -------------------------------------------------------- */

struct context {
  struct torture_run *run;
  struct sm_client *client;
  char path[4096];  /* of the picture to upload */
  char saved[4096]; /* where the result goes */
  char body[256];
  char place[2048]; /* what the last DONE named: an address or a path */
  bool is_well;
};

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
    if (is_paid)
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

/* Gives the task away and waits for it. `code` says whether it could be made.
 */
static bool carry_out(struct context *context, struct sm_task *task,
                      enum sm_code code, bool is_paid) {
  struct sm_error e;
  if (!task || code != SM_OK) {
    sm_task_delete(task);
    context->is_well = false;
    return false;
  }
  return finish(context, sm_client_post(context->client, task, &e), is_paid);
}

static struct sm_task *new_call(enum sm_fetch_kind kind, const char *target) {
  struct sm_task *task = sm_task_new(SM_TASK_CALL, target);
  if (task)
    sm_fetch_create(&task->call, kind, sm_now_ms() + TIMEOUT_MS);
  return task;
}

static struct sm_task *new_job(void) {
  const struct sm_dial dial = {.fixed_ms = 100};
  struct sm_task *task = sm_task_new(SM_TASK_JOB, "flux-kontext-pro");
  if (task)
    sm_job_create(&task->job, &dial, sm_now_ms() + TIMEOUT_MS);
  return task;
}

static enum sm_code add_text(struct sm_task *task, const char *text,
                             struct sm_error *e) {
  if (!task->body && (task->body = sm_body_new()) == NULL)
    return sm_fail_memory(e);
  return sm_body_add_text(task->body, text, strlen(text), e);
}

static void upload(struct context *context) {
  struct sm_error e;
  enum sm_code code = SM_IO;
  struct sm_task *task = new_call(SM_FETCH_UPLOAD, "/upload-asset");
  if (task)
    code = add_text(task, "{\"data_urls\":[\"data:image/png;base64,", &e);
  if (code == SM_OK)
    code = sm_body_add_file(task->body, context->path, &e);
  if (code == SM_OK)
    code = add_text(task, "\"]}", &e);
  (void)carry_out(context, task, code, false);
}

static void hash(struct context *context) {
  struct sm_error e;
  enum sm_code code = SM_IO;
  struct sm_task *task = sm_task_new(SM_TASK_DIGEST, context->path);
  if (task)
    code = sm_digest_new(&task->digest, context->path, &e);
  (void)carry_out(context, task, code, false);
}

static void submit(struct context *context) {
  struct sm_error e;
  struct sm_task *task = new_job();
  enum sm_code code = task ? add_text(task, context->body, &e) : SM_IO;
  (void)carry_out(context, task, code, true);
}

static void download(struct context *context) {
  struct sm_error e;
  enum sm_code code = SM_IO;
  struct sm_task *task = new_call(SM_FETCH_DOWNLOAD, context->place);
  if (task)
    code = sm_file_new(&task->file, context->saved, false, &e);
  if (carry_out(context, task, code, false))
    (void)unlink(context->place);
}

static void ask_credits(struct context *context) {
  struct sm_task *task =
      new_call(SM_FETCH_GET, "/inference-request/request-history");
  if (task)
    task->host = SM_HOST_CONTROL;
  (void)carry_out(context, task, SM_OK, false);
}

/* As after a crash: of the submit only its body is known. */
static void find_again(struct context *context) {
  struct sm_error e;
  struct sm_task *task = new_job();
  enum sm_code code = task ? add_text(task, context->body, &e) : SM_IO;
  if (code == SM_OK)
    code = sm_job_find(&task->job, (int64_t)time(NULL), sm_wall_ms(),
                       sm_now_ms(), &e);
  (void)carry_out(context, task, code, false);
}

static void attach(struct context *context) {
  struct sm_error e;
  const char *request_id = context->run->tale->request_id;
  struct sm_task *task = request_id[0] ? new_job() : NULL;
  enum sm_code code =
      task ? sm_job_attach(&task->job, request_id, sm_now_ms(), &e) : SM_IO;
  (void)carry_out(context, task, code, false);
}

/* Each part of the work as a client of its own, one after the other. */
static void with_client(struct context *context,
                        void (*first)(struct context *),
                        void (*second)(struct context *)) {
  static const char *const hosts[] = {"cdn.example", NULL};
  const struct sm_client_options options = {.api_key = context->run->key,
                                            .base_url = context->run->url,
                                            .user_agent = "torture",
                                            .media_hosts = hosts,
                                            .max_transfers = 2,
                                            .max_json_bytes = 1 << 20,
                                            .max_image_bytes = 1 << 20,
                                            .is_inline = true};
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

static bool write_picture(const char *path) {
  FILE *file = fopen(path, "wb");
  bool is_written =
      file && fwrite(picture, 1, sizeof picture, file) == sizeof picture;
  return file && fclose(file) == 0 && is_written;
}

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

static void scenario(struct torture_run *run) {
  struct context context = {.run = run, .is_well = true};
  (void)snprintf(context.path, sizeof context.path, "%s/picture-%d.png",
                 run->folder, run->number);
  (void)snprintf(context.saved, sizeof context.saved, "%s/saved-%d.",
                 run->folder, run->number);
  (void)snprintf(context.body, sizeof context.body,
                 "{\"prompt\":\"%s\",\"aspect_ratio\":\"1:1\"}", run->prompt);
  if (!write_picture(context.path))
    exit(2);
  torture_arm(run);
  with_client(&context, upload, hash);
  with_client(&context, submit, download);
  with_client(&context, ask_credits, find_again);
  with_client(&context, attach, ask_credits);
  torture_disarm();
  (void)unlink(context.path);
  run->tale->is_complete = context.is_well;
  if (has_left_files(run)) {
    fprintf(stderr, "a temporary file is left behind\n");
    exit(TORTURE_LEAK);
  }
}

int main(int argc, char **argv) {
  static const enum torture_mode modes[] = {TORTURE_ONCE, TORTURE_EVER};
  return torture_main(argc, argv, "core_memory", modes, 2, scenario);
}
