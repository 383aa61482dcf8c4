/* sm_ledger_queue: steps that wait for a worker, in tables beside the steps.
 *
 *   segmind_queue   a row a step that waits: what it is, how many of its inputs
 *                   are unfinished, who has picked it and until when
 *   segmind_edges   which of them takes the picture of which
 *   segmind_limits  one row: what all workers together may spend and submit
 *
 *   ENQUEUE ─▶ waiting, with inputs ──DONE of the last one──▶ ready ──PICK──▶
 *                                       ▲                               │
 *                                       └── RETURN, or the lease is over ┤
 *   DONE: the row goes, those that hang on it come nearer ◀──────────────┤
 *   FAIL: the row stays until the step is enqueued again  ◀──────────────┘
 *
 * Nothing of it decides about money. Who has picked a step submits it like any
 * other, and the claim of segmind_steps says whether that may be (M1 to M10): a
 * pick that is lost, doubled or late costs a look. DONE counts only when the
 * step's picture is in segmind_steps.
 *
 * Whether a step is ready is an index, so that a pick costs the same among 100
 * rows and among 100,000. What a failed step blocks is not written anywhere: it
 * is what cannot become ready, and LIST finds it.
 *
 * The rate is a virtual schedule (GCRA) in segmind_limits, by the clock of the
 * database: a step is picked when it may be submitted. One that was begun
 * before, and is only taken up, needs no leave.
 *
 * The tables are made by who first enqueues or picks; the version of the ledger
 * stays what it is.
 */
#ifndef SM_LEDGER_QUEUE_H
#define SM_LEDGER_QUEUE_H

#include "sm_ledger_transaction.h"

enum sm_queue_verb {
  SM_QUEUE_ENQUEUE, /* `steps`, inputs first, in one transaction */
  SM_QUEUE_PICK,   /* at most `most` steps that are ready, in the order in which
                      they were enqueued; one whose row is damaged so that none
                      can name it, or would ever pick it, has failed by that, as
                      its state says */
  SM_QUEUE_HOLD,   /* `steps` were picked and are worked at: another lease */
  SM_QUEUE_DONE,   /* the picture of `steps` is in the ledger */
  SM_QUEUE_FAIL,   /* `steps` will not be made; each has its `problem` */
  SM_QUEUE_RETURN, /* `steps` for another worker, in `wait_s` */
  SM_QUEUE_LIMIT,  /* the smaller of `limits` and those that there are */
  SM_QUEUE_REPLACE, /* `limits`, whatever there is */
  SM_QUEUE_LIST     /* what waits or has failed; only reads */
};

/* A step, as it is handed in. The texts are the caller's. */
struct sm_queue_step {
  const char *key;
  const char *name;          /* or NULL */
  const char *model;         /* ENQUEUE, as the next two */
  const char *params;        /* what the key is a hash of */
  const char *options;       /* of the call, JSON */
  const char *problem;       /* FAIL */
  const char *const *inputs; /* keys, NULL-terminated; NULL for none */
  bool is_done;              /* out; ENQUEUE: it is finished already */
};

enum sm_queue_column {
  SM_QUEUE_KEY,
  SM_QUEUE_NAME,
  SM_QUEUE_MODEL,
  SM_QUEUE_PARAMS,
  SM_QUEUE_OPTIONS,
  SM_QUEUE_STATE, /* waiting, blocked, failed */
  SM_QUEUE_PROBLEM,
  SM_QUEUE_INPUTS_LEFT,
  SM_QUEUE_ENQUEUED_AT,
  SM_QUEUE_LEASE_UNTIL,
  SM_QUEUE_IS_BEGUN, /* it was submitted before */
  SM_QUEUE_COLUMNS
};

struct sm_queue_row {
  struct sm_queue_row *next;
  struct sm_db_value value[SM_QUEUE_COLUMNS];
};

const char *sm_queue_column_name(enum sm_queue_column column);

/* NAN for none. */
struct sm_queue_limits {
  double budget; /* USD that all steps of the ledger may cost */
  double rpm;    /* submits a minute */
};

/* What is asked of the queue, and the answer. */
struct sm_queue_ask {
  enum sm_queue_verb verb;
  struct sm_queue_step *steps;
  size_t count;
  size_t most;                   /* PICK */
  double wait_s;                 /* RETURN in; PICK out: until the rate allows
                                    another, 0 when that is not in the way */
  struct sm_queue_limits limits; /* in and out */
  struct sm_queue_row *rows;     /* out, owned; PICK, LIST */
  bool is_empty;                 /* out; PICK: nothing is ready, also of what
                                    others have picked: the rest is blocked */
  bool is_freed; /* out; PICK: what a dead worker had is ready again */
  bool is_told;  /* out; PICK: the server tells of what becomes ready */
};

void sm_queue_ask_clear(struct sm_queue_ask *ask);

/* Carries out a write of kind SM_WRITE_QUEUE in a transaction that has begun.
 * Errors: SM_DB_REFUSED names the step that it concerns; SM_DB_MISUSE for a
 * file that several machines would share. */
enum sm_db_status sm_ledger_queue_apply(struct sm_transaction *transaction,
                                        struct sm_queue_ask *ask,
                                        struct sm_error *e);

/* Lets go what the transaction's owner has picked. */
enum sm_db_status sm_ledger_queue_release(struct sm_transaction *transaction,
                                          struct sm_error *e);

/* What all workers together may spend, USD; NAN: no limit, or no queue. Asked
 * once a transaction. */
enum sm_db_status sm_ledger_queue_budget(struct sm_transaction *transaction,
                                         double *budget, struct sm_error *e);

#endif
