/* sm_task: one thing the engine works on.
 *
 * A job, a call, or a picture to read through, with all it owns: the request
 * body, the file it writes, the id it waits for. The host's thread makes it and
 * gives it away through the client; from then on it is the engine's. While it
 * waits it is this struct, a timer's place in a heap, and the event that will
 * one day end it: some 500 bytes, and no connection.
 */
#ifndef SM_TASK_H
#define SM_TASK_H

#include "sm_digest.h"
#include "sm_entry.h"
#include "sm_event.h"
#include "sm_fetch.h"
#include "sm_job.h"
#include "sm_timer.h"

enum sm_task_kind {
  SM_TASK_JOB,
  SM_TASK_CALL,
  SM_TASK_DIGEST,
  SM_TASK_PROCEED /* no task: brings the body that the one of its id waits for
                   */
};

/* What kind of request a task's next one is, as sm_queue_push found. */
enum sm_request_class {
  SM_CLASS_POLL,   /* a short GET */
  SM_CLASS_SUBMIT, /* v2 */
  SM_CLASS_SYNC,   /* v1: a submit, too, which lasts until the picture comes */
  SM_CLASS_UPLOAD,
  SM_CLASS_DOWNLOAD, /* of a picture: no request to the service */
  SM_CLASS_DIGEST    /* no request: a picture is read through */
};

/* Whether it is paid. */
static inline bool sm_class_is_submit(enum sm_request_class class) {
  return class == SM_CLASS_SUBMIT || class == SM_CLASS_SYNC;
}

/* Whether it holds a slot for long. */
static inline bool sm_class_is_heavy(enum sm_request_class class) {
  return class == SM_CLASS_SYNC || class == SM_CLASS_UPLOAD ||
         class == SM_CLASS_DOWNLOAD;
}

/* What is known of one model: its name and how long it takes; with a ledger,
 * what that keeps of it (sm_recall). */
struct sm_model {
  struct sm_model *next;
  struct sm_learner learner;
  struct sm_latency latency;
  struct sm_write write;
  uint32_t kept_jobs; /* of the learner, when it was kept last */
  bool is_asked;      /* the ledger has been asked for it */
  bool is_writing;
  char name[];
};

struct sm_task {
  uint64_t id;
  struct sm_timer timer; /* the next thing to do, or the deadline */
  struct sm_task *next;  /* in the queue, or among the client's commands */
  struct sm_task *previous;
  struct sm_task *chain;        /* in the table of ids */
  struct sm_exchange *exchange; /* while one is active */
  struct sm_event *last;        /* the event that will end it */
  struct sm_event *first;       /* JOB: that will report its id; then NULL */
  struct sm_model *model;       /* JOB and v1; the engine's */
  struct sm_body *body;
  struct sm_file *file;
  struct sm_digest *digest;     /* while the task reads a picture through */
  struct sm_metadata *metadata; /* of the picture where it is saved, or NULL */
  struct sm_entry *entry;       /* its line in the ledger; NULL: it has none */
  char *save;    /* of a JOB without one: where its picture goes, or NULL */
  char *target;  /* the model's name until it is linked; a path; a URL */
  double mean_s; /* the published latency, until it is linked */
  enum sm_host host : 8;
  enum sm_task_kind kind : 8;
  enum sm_request_class class : 8; /* since it was queued last */
  bool is_quiet : 1; /* the engine's own: its end is not reported */
  bool is_ready : 1; /* stands in the queue */
  union {
    struct sm_job job;
    struct sm_fetch call;
  };
};

/* NULL without memory. `target` is copied. */
struct sm_task *sm_task_new(enum sm_task_kind kind, const char *target);
void sm_task_delete(struct sm_task *task);

/* Gives it an entry in the ledger, and room for what its end reports. False
 * without memory. Ownership: the task's, in any case. */
bool sm_task_enter(struct sm_task *task, struct sm_entry *entry);

/* Whatever it takes to report what became of the money is allocated before any
 * is spent: with the task the event that tells its end, and here, as a submit
 * is about to be sent, that which tells its id, the room for the id, and the
 * error of its end. A job that waits to be sent does without. False without
 * memory. */
bool sm_task_arm(struct sm_task *task);

/* A job whose result is here becomes the download of its picture: what it was
 * stands in its last event. There is some time for that, whatever the deadline.
 * Ownership of `url` goes over. */
void sm_task_become_download(struct sm_task *task, char *url,
                             int64_t deadline_ms, int64_t now_ms);

/* Whether it is such a download, without a ledger (sm_saving). */
static inline bool sm_task_is_saving(const struct sm_task *task) {
  return task->kind == SM_TASK_CALL && task->save;
}

/* A result is here; what went wrong with its picture stands beside it. */
void sm_task_note_trouble(struct sm_task *task, const struct sm_error *e);

/* The id that a job has, be it in its last event already, also while it is the
 * download of its picture; NULL for none, and for what is no job. */
const char *sm_task_request_id(const struct sm_task *task);

/* Reads a piece of its picture; when it is over, the last event has its hash.
 * Errors: those of sm_digest_step, SM_IO. */
enum sm_code sm_task_step_digest(struct sm_task *task, bool *is_over,
                                 struct sm_error *e);

/* Frees what was only needed until a job had its id, and with a ledger until
 * that was durable. */
void sm_task_shed(struct sm_task *task);

int64_t sm_task_deadline_ms(const struct sm_task *task);

#endif
