/* The ledger without memory: a step is submitted and saved, looked for again by
 * another client, attached by its id and listed, while the Nth allocation
 * fails, be it the core's, libcurl's, jansson's or SQLite's. */
#include <dirent.h>
#include <malloc.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core_run.h"

#define KEY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* -- SQLite's memory ------------------------------------------------------- */

static void *allocate(int size) { return malloc((size_t)size); }

static void *reallocate(void *old, int size) {
  return realloc(old, (size_t)size);
}

static int size_of(void *block) { return (int)malloc_usable_size(block); }

static int round_up(int size) { return (size + 7) & ~7; }

static int start(void *user) { return (void)user, SQLITE_OK; }

static void stop(void *user) { (void)user; }

static void lead_sqlite(void) {
  const struct sqlite3_mem_methods methods = {
      allocate, free, reallocate, size_of, round_up, start, stop, NULL};
  if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK)
    exit(2);
}

/* -- the scenario -------------------------------------------------------- */

static enum sm_code enter(struct context *context, struct sm_task *task,
                          enum sm_entry_start start_) {
  const struct sm_ledger_step step = {.key = KEY,
                                      .params = "{}",
                                      .seed = (double)NAN,
                                      .price = 0.04,
                                      .budget = (double)NAN};
  bool is_named = start_ == SM_START_STEP;
  struct sm_entry *entry = sm_entry_new(start_, is_named ? &step : NULL,
                                        is_named ? context->saved : NULL);
  return sm_task_enter(task, entry) ? SM_OK : SM_IO;
}

static void submit(struct context *context) {
  struct sm_error e;
  struct sm_task *task = core_run_new_job();
  enum sm_code code = task ? core_run_add_text(task, context->body, &e) : SM_IO;
  if (code == SM_OK)
    code = enter(context, task, SM_START_STEP);
  if (core_run_carry_out(context, task, code, true))
    (void)unlink(context->place);
}

/* As the next process would; without a body nothing can be sent. */
static void look_again(struct context *context) {
  struct sm_task *task = core_run_new_job();
  enum sm_code code = task ? enter(context, task, SM_START_STEP) : SM_IO;
  if (core_run_carry_out(context, task, code, false))
    (void)unlink(context->place);
}

static void attach(struct context *context) {
  struct sm_error e;
  const char *request_id = context->run->tale->request_id;
  struct sm_task *task = request_id[0] ? core_run_new_job() : NULL;
  enum sm_code code =
      task ? sm_job_attach(&task->job, request_id, sm_now_ms(), &e) : SM_IO;
  if (code == SM_OK)
    code = enter(context, task, SM_START_ATTACH);
  (void)core_run_carry_out(context, task, code, false);
}

static void list(struct context *context) {
  struct sm_write write = {0};
  sm_write_create(&write, SM_WRITE_LIST, NULL);
  bool is_asked = sm_client_ask(context->client, &write);
  context->is_well =
      context->is_well && is_asked && !write.error && write.row != NULL;
  sm_write_clear(&write);
}

static void remove_ledger(const struct context *context) {
  static const char *const ends[] = {"",
                                     "-journal",
                                     ".files/" KEY ".webp",
                                     ".files/" KEY ".png",
                                     ".files/" KEY ".jpg",
                                     ".files"};
  char path[4200];
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    (void)snprintf(path, sizeof path, "%s%s", context->ledger, ends[i]);
    (void)remove(path);
  }
}

static void scenario(struct torture_run *run) {
  struct context context;
  core_run_begin(&context, run);
  (void)snprintf(context.ledger, sizeof context.ledger, "%s/edits-%d.db",
                 run->folder, run->number);
  lead_sqlite();
  torture_arm(run);
  core_run_with_client(&context, submit, list);
  core_run_with_client(&context, look_again, attach);
  core_run_end(&context);
  remove_ledger(&context);
}

int main(int argc, char **argv) {
  static const enum torture_mode modes[] = {TORTURE_ONCE, TORTURE_EVER};
  return torture_main(argc, argv, "ledger_memory", modes, 2, scenario);
}
