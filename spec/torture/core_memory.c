/* The core without memory: a client's whole work, an upload, a job, a download,
 * a look into the history, while the Nth allocation fails, be it the core's,
 * libcurl's or jansson's. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core_run.h"
#include "picture.h"
#include "sm_digest.h"
#include "sm_file.h"

static struct sm_task *new_call(enum sm_fetch_kind kind, const char *target) {
  struct sm_task *task = sm_task_new(SM_TASK_CALL, target);
  if (task)
    sm_fetch_create(&task->call, kind, sm_now_ms() + TIMEOUT_MS);
  return task;
}

static void upload(struct context *context) {
  struct sm_error e;
  enum sm_code code = SM_IO;
  struct sm_task *task = new_call(SM_FETCH_UPLOAD, "/upload-asset");
  if (task)
    code =
        core_run_add_text(task, "{\"data_urls\":[\"data:image/png;base64,", &e);
  if (code == SM_OK)
    code = sm_body_add_file(task->body, context->path, &e);
  if (code == SM_OK)
    code = core_run_add_text(task, "\"]}", &e);
  (void)core_run_carry_out(context, task, code, false);
}

static void hash(struct context *context) {
  struct sm_error e;
  enum sm_code code = SM_IO;
  struct sm_task *task = sm_task_new(SM_TASK_DIGEST, context->path);
  if (task)
    code = sm_digest_new(&task->digest, context->path, &e);
  (void)core_run_carry_out(context, task, code, false);
}

static void submit(struct context *context) {
  struct sm_error e;
  struct sm_task *task = core_run_new_job();
  enum sm_code code = task ? core_run_add_text(task, context->body, &e) : SM_IO;
  (void)core_run_carry_out(context, task, code, true);
}

static void download(struct context *context) {
  struct sm_error e;
  enum sm_code code = SM_IO;
  struct sm_task *task = new_call(SM_FETCH_DOWNLOAD, context->place);
  if (task)
    code = sm_file_new(&task->file, context->saved, false, &e);
  if (core_run_carry_out(context, task, code, false))
    (void)unlink(context->place);
}

static void ask_credits(struct context *context) {
  struct sm_task *task =
      new_call(SM_FETCH_GET, "/inference-request/request-history");
  if (task)
    task->host = SM_HOST_CONTROL;
  (void)core_run_carry_out(context, task, SM_OK, false);
}

/* As after a crash: of the submit only its body is known. */
static void find_again(struct context *context) {
  struct sm_error e;
  struct sm_task *task = core_run_new_job();
  enum sm_code code = task ? core_run_add_text(task, context->body, &e) : SM_IO;
  if (code == SM_OK)
    code = sm_job_find(&task->job, (int64_t)time(NULL), sm_wall_ms(),
                       sm_now_ms(), &e);
  (void)core_run_carry_out(context, task, code, false);
}

static void attach(struct context *context) {
  struct sm_error e;
  const char *request_id = context->run->tale->request_id;
  struct sm_task *task = request_id[0] ? core_run_new_job() : NULL;
  enum sm_code code =
      task ? sm_job_attach(&task->job, request_id, sm_now_ms(), &e) : SM_IO;
  (void)core_run_carry_out(context, task, code, false);
}

static bool write_picture(const char *path) {
  FILE *file = fopen(path, "wb");
  bool is_written =
      file && fwrite(picture, 1, sizeof picture, file) == sizeof picture;
  return file && fclose(file) == 0 && is_written;
}

static void scenario(struct torture_run *run) {
  struct context context;
  core_run_begin(&context, run);
  if (!write_picture(context.path))
    exit(2);
  torture_arm(run);
  core_run_with_client(&context, upload, hash);
  core_run_with_client(&context, submit, download);
  core_run_with_client(&context, ask_credits, find_again);
  core_run_with_client(&context, attach, ask_credits);
  core_run_end(&context);
  (void)unlink(context.path);
}

int main(int argc, char **argv) {
  static const enum torture_mode modes[] = {TORTURE_ONCE, TORTURE_EVER};
  return torture_main(argc, argv, "core_memory", modes, 2, scenario);
}
