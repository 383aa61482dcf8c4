/* sm_job: submit, poll, result. WHAT comes next for one paid job. Pure.
 *
 *   create           find             attach
 *     |                |                 |
 *     v                v                 v
 *  +--------+ lost  +--------+ found  +--------+  COMPLETED   +--------+
 *  | SUBMIT |------>| LOOKUP |------->| STATUS |------------->| RESULT |->done
 *  +--------+       +--------+        +--------+<-------------+--------+
 *     |  |              |               ^  |  |  still running   |  |
 *     |  |    an id     |               |  |  |                  |  |
 *     |  +--------------|---------------+  |  +--------+---------+  |
 *     v                 v                  v           | 404        v
 *   error            unknown             error         v          error
 *                                                 +--------+
 *                                                 | RECORD |--> done
 *                                                 +--------+--> expired
 *
 * The function on each arrow, in sm_job.c. Every answer comes in by
 * sm_job_answer, a deadline by sm_job_expire; each state has one function that
 * reads its answers.
 *
 *   SUBMIT -> SUBMIT   [try_again] not sent; [wait_for_pace] 429
 *   SUBMIT -> STATUS   [be_accepted] an id, whatever else is in the answer
 *   SUBMIT -> LOOKUP   [begin_lookup] sent, and the outcome is unknown
 *   SUBMIT -> done     [finish] the answer is the result itself
 *   SUBMIT -> error    [answer_submit] refused; [read_acceptance] FAILED, or an
 *                      id that cannot be used; [is_new_id] the id of another
 *                      job; [try_again] five times not sent; [expire_unsent]
 *   LOOKUP -> LOOKUP   [answer_lookup] the next page, or the list once more
 *   LOOKUP -> STATUS   [be_accepted] a row is the submit
 *   LOOKUP -> unknown  [answer_lookup, sm_job_expire]
 *   STATUS -> STATUS   [still_running], [wait_out] an answer of no use
 *   STATUS -> RESULT   [completed]
 *   STATUS -> done     [completed] the address stood in the status already
 *   RESULT -> RESULT   [end_if_repeated] COMPLETED without an output;
 *                      [wait_out]
 *   RESULT -> STATUS   [still_running]
 *   RESULT -> done     [completed], [answer_poll] the answer is a picture
 *   STATUS, RESULT -> RECORD  [record_missing] the third 404
 *   STATUS, RESULT -> error   [fail_job] FAILED; three times [ended],
 *                      [fail_without_state] or [completed] without an output;
 *                      [refused] the key; [expire_running]
 *   RECORD -> RECORD   [wait_for_record], [ask_record_later]
 *   RECORD -> done     [answer_record]
 *   RECORD -> error    [fail_by_record], [expire_record], [expire_running]
 *
 * What may be assumed:
 *
 *   SUBMIT   request_id is NULL, lookup is NULL. Nothing is proved to have been
 *            paid: the submit leaves once, unless there is proof that it did
 *            not leave. kept is NULL.
 *   LOOKUP   request_id is NULL, lookup is there; kept is the submit's answer,
 *            if there was one. The submit may have been paid and is never sent
 *            again. The deadline is the lookup's own.
 *   STATUS,  request_id is there, until the last event takes it, and lookup
 *   RESULT   is NULL. Once the service has shown that it has the request
 *            (is_known) it is paid, unless it says FAILED. kept is the last
 *            answer of no use, NULL when the last was of use.
 *   RECORD   the same; the service has forgotten the id, and its history is
 *            asked.
 *
 * An id that an answer holds is used, whatever else is wrong with the answer.
 * From that moment nothing but the deadline, the service's own FAILED, a key
 * that is refused again and again or a lost record ends the job: network
 * errors, 5xx, 429, pages of firewalls and nonsense are waited out, and every
 * error carries the id, by which the job can be attached again, and the last
 * answer of no use.
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
  struct sm_kept *kept;     /* owned, as lookup is; NULL: there is none */
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
  bool is_on_plan;  /* the next request is the poll that the plan has next */
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

/* Resumes a submit whose response was never received, sent at `since_s` of this
 * machine's clock, which shows `wall_ms` now: it is looked up in the request
 * history and adopted, or its outcome is unknown. Errors: SM_IO. */
enum sm_code sm_job_find(struct sm_job *job, int64_t since_s, int64_t wall_ms,
                         int64_t now_ms, struct sm_error *e);

/* When a job that waits for its next regular poll is to make it, by what has
 * been learned of its model since that was planned; 0 when it waits for
 * something else. */
int64_t sm_job_poll_ms(const struct sm_job *job,
                       const struct sm_context *context);

/* Whether its request has been paid, at an end that the service did not report.
 * An attached id that is unknown there is not proof of any. */
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
