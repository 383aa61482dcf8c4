/* sm_job: submit, poll, result. WHAT comes next for one paid job. Pure.
 *
 *   SUBMIT --200 with an id--> STATUS --COMPLETED--> RESULT --output--> done
 *     |                          |  ^                  |
 *     | refused, unknown         |  +--still running---+
 *     v                          v
 *   error                      error
 *
 * The submit leaves once, unless there is proof that it did not leave. From the
 * moment an id is known nothing but the deadline, the service's own FAILED, a
 * refused key or a lost record ends the job: network errors, 5xx, 429, HTML and
 * nonsense are waited out, and every error carries the id, by which the job can
 * be taken up again.
 */
#ifndef SM_JOB_H
#define SM_JOB_H

#include "sm_verdict.h"

enum sm_phase { SM_PHASE_SUBMIT, SM_PHASE_STATUS, SM_PHASE_RESULT };

struct sm_job {
  char *request_id; /* NULL until accepted; owned */
  struct sm_plan plan;
  struct sm_dial dial;
  int64_t deadline_ms;
  int64_t missing_ms; /* the first of the 404s in a row */
  enum sm_phase phase;
  enum sm_state state;
  enum sm_code trouble; /* of the last try, for the deadline's message */
  bool is_attached;
  uint8_t submits;  /* tries that were proved not to have left */
  uint8_t missing;  /* 404s in a row */
  uint8_t odd;      /* answers in a row that break the contract */
  uint8_t failures; /* troubles in a row */
};

void sm_job_create(struct sm_job *job, const struct sm_dial *dial,
                   int64_t deadline_ms);
void sm_job_destroy(struct sm_job *job);

/* Takes up a request that was submitted before. Errors: SM_SECURITY for an id
 * that may not stand in a URL, SM_IO. */
enum sm_code sm_job_attach(struct sm_job *job, const char *request_id,
                           int64_t now_ms, struct sm_error *e);

/* The answer to the request of the present phase. */
void sm_job_answer(struct sm_job *job, const struct sm_scene *scene,
                   const struct sm_answer *answer, struct sm_verdict *verdict);

/* The deadline has come. `was_sent`: a submit is under way and may have left.
 */
void sm_job_expire(const struct sm_job *job, bool was_sent,
                   struct sm_verdict *verdict);

#endif
