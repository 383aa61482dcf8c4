/* sm_job: submit, poll, result. WHAT comes next for one paid job. Pure.
 *
 *   SUBMIT --200 with an id--> STATUS --COMPLETED--> RESULT --output--> done
 *     |  |                     ^ |  ^                  |
 *     |  +--sent, no answer    | |  +--still running---+
 *     |     v                  | |
 *     |   LOOKUP --found-------+ +--404 for good--> RECORD --finished--> done
 *     v     v                                         v
 *   error  unknown                                  expired
 *
 * The submit leaves once, unless there is proof that it did not leave. An id
 * that its answer holds is used, whatever else is wrong with the answer. From
 * that moment nothing but the deadline, the service's own FAILED, a key that is
 * refused again and again or a lost record ends the job: network errors, 5xx,
 * 429, pages of firewalls and nonsense are waited out, and every error carries
 * the id, by which the job can be taken up again, and the last answer that was
 * of no use.
 */
#ifndef SM_JOB_H
#define SM_JOB_H

#include "sm_lookup.h"

enum sm_phase {
  SM_PHASE_SUBMIT,
  SM_PHASE_LOOKUP, /* in the request history, for a submit without an answer */
  SM_PHASE_STATUS,
  SM_PHASE_RESULT,
  SM_PHASE_RECORD /* in the request history, for an id that is forgotten */
};

/* The answer that the job's error will be about: the submit's while its outcome
 * is unknown, the last poll's of no use while the job is polled. */
struct sm_kept {
  struct sm_buf body;
  int status;
  char what[160]; /* in words; "" when the last poll was of use */
};

struct sm_job {
  char *request_id;         /* owned; NULL until accepted */
  char *room;               /* for it; owned; see sm_job_reserve */
  struct sm_lookup *lookup; /* LOOKUP; owned */
  struct sm_kept *kept;     /* owned, as lookup is; NULL: nothing to tell */
  struct sm_plan plan;
  struct sm_dial dial;
  int64_t deadline_ms;
  int64_t sent_ms;      /* the last request was handed to the transport */
  int64_t sent_wall_ms; /* and when that was by this machine's clock */
  int64_t refused_ms;   /* the first of `refusals` */
  int64_t odd_ms;       /* the first COMPLETED without an output */
  enum sm_phase phase;
  enum sm_state state;
  enum sm_code trouble; /* of the last try, for the deadline's message */
  bool is_attached;
  bool is_known;    /* the service has shown that it has the request */
  uint8_t submits;  /* tries that were proved not to have left */
  uint8_t missing;  /* 404s in a row */
  uint8_t odd;      /* answers in a row that break the contract */
  uint8_t refusals; /* of the key, in a row */
  uint8_t failures; /* troubles in a row */
};

void sm_job_create(struct sm_job *job, const struct sm_dial *dial,
                   int64_t deadline_ms);
void sm_job_destroy(struct sm_job *job);

/* Makes room for the id that a submit brings, so that it is not lost for want
 * of memory: to be called before each is sent. False without memory. */
bool sm_job_reserve(struct sm_job *job);

/* Takes up a request that was submitted before. Errors: SM_SECURITY for an id
 * that may not stand in a URL, SM_IO. */
enum sm_code sm_job_attach(struct sm_job *job, const char *request_id,
                           int64_t now_ms, struct sm_error *e);

/* Takes up a submit of which only the sending is known, at `since_s` of this
 * machine's clock, which shows `wall_ms` now: it is looked up in the request
 * history and adopted, or its outcome is unknown. Errors: SM_IO. */
enum sm_code sm_job_find(struct sm_job *job, int64_t since_s, int64_t wall_ms,
                         int64_t now_ms, struct sm_error *e);

/* Whether its request has been paid, at an end that the service did not tell.
 * An id that was attached and that nobody knows is not proof of any. */
enum sm_charged sm_job_charged(const struct sm_job *job);

/* When the job's time is over: a lookup has a little of its own. */
int64_t sm_job_deadline_ms(const struct sm_job *job);

/* The answer to the request of the present phase. */
void sm_job_answer(struct sm_job *job, const struct sm_context *context,
                   const struct sm_answer *answer, struct sm_action *action);

/* The deadline has come. `was_sent`: a submit is under way and may have left;
 * it is looked up then. */
void sm_job_expire(struct sm_job *job, const struct sm_context *context,
                   bool was_sent, struct sm_action *action);

#endif
