/* A job: one accepted submit, from the answer with its id to its picture, and
 * the texts in which the service speaks of it. em_order.c reads what it asks
 * for, or why it is refused; em_production.c makes it:
 *
 *   QUEUED      until the drawn queueing time has passed
 *   PROCESSING  the picture is drawn by the pool while the drawn latency runs
 *   COMPLETED   when both are done; billed then
 *   FAILED      at once when it cannot be drawn, or a few milliseconds after
 *               the queue when its parameters were refused
 *
 * v2 queues first and checks later: there a refusal is the message with which
 * the queued job will fail. v1 answers with an HTTP status. Each step of the
 * production holds a reference, so that a reset may forget a job at any time.
 *
 * A job is never forgotten before a reset, so it is kept small: what drawing
 * needs (the order) goes when the picture is made. All of it is guarded by
 * the store's lock, but the order, which belongs to whoever draws. */
#ifndef EM_JOB_H
#define EM_JOB_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "em_media.h"
#include "em_model.h"
#include "em_options.h"
#include "em_painter.h"
#include "em_random.h"
#include "em_text.h"

struct em_service;

enum em_api { EM_V1 = 1, EM_V2 = 2 };

enum em_state {
  EM_QUEUED,     /* accepted, waiting for a worker */
  EM_PROCESSING, /* on a worker */
  EM_COMPLETED,
  EM_FAILED,
};

/* What a request body asks a model to draw. Guidance, steps and the like are
 * checked and otherwise without effect, as no model runs. */
struct em_order {
  json_t *body;                   /* a reference: all texts are its own */
  struct em_painter_job picture;  /* but for its inputs, seed and step */
  const char *urls[EM_INPUT_MAX]; /* of those, in the order of the parameters */
  bool has_seed;                  /* otherwise the service draws one */
};

struct em_job {
  atomic_int references;
  enum em_api api;
  enum em_state state;
  char id[EM_ID_SIZE];
  bool drawn;     /* the picture is made */
  bool ripe;      /* the drawn latency has passed */
  bool lost;      /* a fault: status and result know nothing of it */
  bool forgotten; /* a fault: the history knows nothing of it either */
  unsigned epoch; /* of the store; another one after a reset */
  unsigned polls; /* status and result answers given */
  struct em_service *service;
  const struct em_model *model;
  uint64_t account; /* a hash of the key */
  char *body;       /* the parameters as JSON text */
  char *prompt;
  char *error;   /* why it fails, or NULL */
  int v1_status; /* of that failure, 0: as of a model that failed */
  struct em_order *order;
  long long seed;
  struct em_picture_ref picture;
  int64_t wall_ms; /* submission, wall clock */
  int64_t submitted_us, started_us, finished_us;
  int64_t latency_us;
  int64_t learned_us; /* the end was first reported to the client, or 0 */
  double cost, remaining_credits;
  json_t *script; /* a fault: states to report instead */
  size_t script_next;
  void (*wake)(void *arg); /* called once at the end, for v1 */
  void *wake_arg;
};

/* Ownership: one reference. Errors: NULL when out of memory. */
struct em_job *em_job_new(void);
struct em_job *em_job_keep(struct em_job *job);
void em_job_drop(struct em_job *job);

bool em_job_is_finished(const struct em_job *job);
/* Seconds on a worker; 0 before the end. */
double em_job_inference_s(const struct em_job *job);
const char *em_state_name(enum em_state state);

/* "/generations/<id>/<model>.png"; "jpg" is called .jpeg there. */
enum { EM_PATH_SIZE = 160 };
void em_job_picture_path(const struct em_job *job, char path[EM_PATH_SIZE]);

/* The answer to a v2 submit. */
void em_job_write_accepted(const struct em_job *job, const char *base,
                           struct em_text *text);

/* The answer of the status and the result endpoint; both return the HTTP
 * status that goes with it. `state` is what to report: normally the name of
 * the job's own. */
int em_job_write_status(const struct em_job *job, const char *state,
                        const char *base, struct em_text *text);
int em_job_write_result(const struct em_job *job, const char *base,
                        struct em_text *text);

/* Reads the body of a new job for its model: fills in its order and seed, or
 * why it is refused: its error, and what v1 answers then. A 406 is known before
 * the model runs, so that v1 takes no job.
 * Errors: -1 when out of memory. */
int em_order_read(struct em_job *job, json_t *body);
void em_order_delete(struct em_order *order);

/* Sets a job on its way, its latency drawn and its order or error filled. */
void em_production_start(struct em_job *job, int64_t queue_us);

/* Calls wake(arg), once, when the job has ended.
 * Errors: false when it has ended already; then wake is not called. */
bool em_production_wait(struct em_job *job, void (*wake)(void *arg), void *arg);

#endif
