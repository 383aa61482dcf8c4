/* core_run: what the scenarios of the core have in common.
 *
 * The linker (--wrap, see CMakeLists.txt) leads the core's allocations, its
 * clock and its waiting through here: its minutes pass in seconds. Tasks are
 * given to an inline client and waited for, and what they say about the money
 * is noted in the run's tale.
 */
#ifndef CORE_RUN_H
#define CORE_RUN_H

#include "sm_client.h"
#include "torture.h"

#define TIMEOUT_MS 60000

struct context {
  struct torture_run *run;
  struct sm_client *client;
  char path[4096];   /* of the picture to upload */
  char saved[4096];  /* where the result goes */
  char ledger[4096]; /* its file; "": none */
  char body[256];
  char place[2048]; /* what the last DONE named: an address or a path */
  bool is_well;
};

/* Names the files, and arms. */
void core_run_begin(struct context *context, struct torture_run *run);

/* Disarms, and says in the tale how it went. */
void core_run_end(struct context *context);

/* Each part of the work as a client of its own, one after the other. */
void core_run_with_client(struct context *context,
                          void (*first)(struct context *),
                          void (*second)(struct context *));

/* A job without a body; NULL without memory. */
struct sm_task *core_run_new_job(void);

enum sm_code core_run_add_text(struct sm_task *task, const char *text,
                               struct sm_error *e);

/* Gives the task away and waits for its end. `code` says whether it could be
 * made. Whether all went well. */
bool core_run_carry_out(struct context *context, struct sm_task *task,
                        enum sm_code code, bool is_paid);

#endif
