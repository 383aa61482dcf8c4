/* sm_store: what is asked of a ledger, and the two verbs by which it is asked.
 *
 * A write is a list node of its own: it names a step, carries what is to be
 * written, and comes home with what was found or with an error. Whoever will
 * need one allocates it before money is spent, so none fails for want of
 * memory; a write that has come home can be used for the next. The engine and
 * the state machines know only this; sm_ledger carries writes to a database on
 * a thread of its own, the simulation in spec/c keeps rows in memory on a
 * virtual clock.
 *
 * A write that has come home without an error is durable: the money rules of
 * doc/money.md (M1, M2) rest on that. Writes are carried out
 * in the order in which they were put. The texts that a write points to are
 * borrowed until it is home.
 *
 * Which rows there are, and what their states mean:
 *
 *   intent     written before the submit; its answer has not been seen
 *   accepted   the service has given a request id
 *   completed  the result is here; soon after, so is the picture (`file`)
 *   failed     not made and not paid; the step may run again, in the same row
 *   unknown    sent, answer lost, and the request history is unclear
 *
 * A row is named by its step's key and a generation, from 1 on: `is_fresh`
 * makes a further one of the same key, unless one was left behind.
 *
 * Who puts a LOOK or a CLAIM for a key has no job at it: rows in his own name
 * are taken up again. Of a fresh step he may have several. Who has attached an
 * id meanwhile, whose key he did not know, is told TAKEN twice of one row.
 */
#ifndef SM_STORE_H
#define SM_STORE_H

#include "sm_db.h"

/* -- the step -------------------------------------------------------------- */

/* What the ledger keeps of one paid call, before it is sent: opaque texts and
 * numbers, made by the host, which knows models. */
struct sm_ledger_step {
  const char *key;    /* names the step */
  const char *params; /* what the key is a hash of */
  const char *name;   /* the caller's, or NULL */
  const char *model;
  const char *api;  /* "v2" or "v1" */
  const char *body; /* what will be sent */
  size_t body_size;
  double seed;   /* NAN for none, as the next */
  double price;  /* USD */
  double budget; /* USD that all steps together may cost; NAN: no limit */
  bool is_fresh; /* makes a further generation */
};

/* -- rows ------------------------------------------------------------------ */

enum sm_column {
  SM_ROW_STEP_KEY,
  SM_ROW_GENERATION,
  SM_ROW_NAME,
  SM_ROW_MODEL,
  SM_ROW_API,
  SM_ROW_PARAMS,
  SM_ROW_STATE,
  SM_ROW_BODY,
  SM_ROW_SEED,
  SM_ROW_REQUEST_ID,
  SM_ROW_SUBMITS,
  SM_ROW_PRICE,
  SM_ROW_DOUBT, /* USD of earlier submits that nobody knows the end of */
  SM_ROW_COST,
  SM_ROW_SUBMITTED_AT, /* Unix seconds, as all times */
  SM_ROW_ACCEPTED_AT,
  SM_ROW_ENDED_AT,
  SM_ROW_RESULT,
  SM_ROW_PROBLEM,
  SM_ROW_FILE,
  SM_ROW_FILE_SHA256,
  SM_ROW_LEASE_OWNER, /* works on it until SM_ROW_LEASE_UNTIL (0: nobody does)
                       */
  SM_ROW_LEASE_UNTIL,
  SM_ROW_COLUMNS
};

/* How a row, or a key, stands to the one who asks. */
enum sm_standing {
  SM_STANDING_FREE,     /* no row, or one that failed: nothing is in the way */
  SM_STANDING_MINE,     /* CLAIM: the intent is written, the submit may go */
  SM_STANDING_TAKEN,    /* left behind by another, and now the asker's */
  SM_STANDING_HELD,     /* another process works on it: ask again */
  SM_STANDING_DONE,     /* completed */
  SM_STANDING_REFUSED,  /* CLAIM: the budget does not allow it */
  SM_STANDING_NOT_OURS, /* ACCEPT, COMPLETE, END: the id is that of another
                           row, and nothing was written */
  SM_STANDING_DAMAGED   /* RESUME: the row cannot be relied on */
};

struct sm_row {
  struct sm_row *next;
  enum sm_standing standing;
  const char *damage; /* DAMAGED: why */
  struct sm_db_value value[SM_ROW_COLUMNS];
};

/* Copies a row and its texts into one block; NULL without memory. */
struct sm_row *sm_row_new(const struct sm_db_value *values,
                          enum sm_standing standing, const char *damage);
/* Deletes the whole list. */
void sm_row_delete(struct sm_row *row);

/* The column's name in the database. */
const char *sm_column_name(enum sm_column column);

/* NULL for what is no text. */
const char *sm_row_text(const struct sm_row *row, enum sm_column column);
/* Whether it is in that state. */
bool sm_row_is_in(const struct sm_row *row, const char *state);
/* NAN for what is no number. */
double sm_row_number(const struct sm_row *row, enum sm_column column);
/* How often its step was sent. */
int32_t sm_row_submits(const struct sm_row *row);
/* The step as it was sent last. Where the row has vanished (NULL), with a
 * ledger that was removed or of which an older copy was restored, that is not
 * known. Ownership: of the texts, the row's and the caller's. */
struct sm_ledger_step sm_row_step(const struct sm_row *row, const char *key);

/* Whether values of all columns can be relied on (M7). The library writes no
 * others, but SQLite keeps what it is given whatever the column, and a database
 * may be written to by other programs. What a row says goes into file names,
 * URLs and sums. Errors: SM_LEDGER names the step and the column. */
enum sm_code sm_row_check(const struct sm_db_value *values, struct sm_error *e);

/* -- what was learned ------------------------------------------------------ */

/* How long a model takes, from run to run: see sm_learner_recall, which reads
 * the figures. To the ledger they are numbers. */
struct sm_latency {
  const char *service; /* the base URL */
  const char *model;
  double mu, var; /* of ln(seconds) */
  double jobs;    /* that it was learned from, less what is forgotten; 0:
                     nothing is known */
  double early_worth;
  double says_processing; /* 0 or 1 */
  double age_s;           /* out: since it was written */
};

/* -- writes ---------------------------------------------------------------- */

enum sm_write_kind {
  /* Before the submit; they fail when the database cannot be used for some
   * seconds, and nothing was sent then. */
  SM_WRITE_LOOK,    /* the row that stands for the step's key; one that was left
                       behind is taken over */
  SM_WRITE_CLAIM,   /* the same, but what is free becomes an intent */
  SM_WRITE_ATTACH,  /* LOOK for the row of `request_id` */
  SM_WRITE_RESUME,  /* takes over all that was begun and left behind */
  SM_WRITE_FIND,    /* the row that stands for the step's key; only reads */
  SM_WRITE_SPENT,   /* what all steps have cost or may yet cost; only reads */
  SM_WRITE_LIST,    /* all rows in the order of their submits; only reads */
  SM_WRITE_PICTURE, /* makes `file`, whose hash is `sha256`, out of what the
                       ledger itself keeps of pictures: DONE, or FREE */
  SM_WRITE_SHARE,   /* puts `file`, whose hash is `sha256`, where the other
                       machines find it */
  SM_WRITE_QUEUE,   /* of the steps that wait: see sm_ledger_queue */
  /* Beside all others (sm_write_is_minor): */
  SM_WRITE_RECALL, /* fills in what was learned of a model, if anything was */
  SM_WRITE_LEARN,  /* keeps that */
  /* After money may have been spent; they are tried until their deadline. */
  SM_WRITE_ACCEPT,   /* the id that the service gave */
  SM_WRITE_COMPLETE, /* the result, and the file when there is one already */
  SM_WRITE_KEEP,     /* the file */
  SM_WRITE_END,      /* how it ended without a result, and lets the row go */
  /* The ledger's own. */
  SM_WRITE_RENEW,
  SM_WRITE_RELEASE,
  SM_WRITE_NOTE /* comes home unasked: `error` is worth a line in a log */
};

struct sm_queue_ask;

struct sm_write {
  struct sm_write *next;
  void *owner; /* the engine's */
  int64_t deadline_ms;
  /* In. */
  const char *key;                   /* names the row, with `generation` */
  const struct sm_ledger_step *step; /* LOOK, CLAIM; ACCEPT, whose row may
                                        have become another's */
  int64_t generation;                /* 0: the step has no row yet */
  const char *request_id;            /* NULL for none */
  const char *text; /* COMPLETE: the result; END: the problem */
  size_t text_size;
  union {
    const char *state; /* END: the one to leave it in */
    const char *file;  /* KEEP: a name without a folder; COMPLETE: or NULL */
  };
  union {
    const char *sha256;
    struct sm_queue_ask *queue; /* QUEUE; the caller's */
    struct sm_latency *latency; /* RECALL, LEARN; the caller's */
  };
  union {
    double cost;   /* COMPLETE: USD, less than 0 or NAN when not said */
    double refund; /* END: USD of doubt that has gone */
    double limit;  /* out; REFUSED: the budget that does not allow it, USD */
  };
  union {
    double seed;  /* COMPLETE: NAN when not said */
    double spent; /* out; SPENT, REFUSED: USD */
  };
  double ended_at; /* COMPLETE: when the result was here, Unix time: what the
                      caller's copy of the picture says, too */
  /* Out. */
  struct sm_row *row; /* owned; TAKEN, HELD, DONE, what FIND found, LIST;
                         MINE: what it was before, or NULL */
  const struct sm_error *error; /* NULL: it is durable */
  int64_t written;              /* the generation that was written or found */
  int64_t give_up_ms;           /* the ledger's */
  int32_t submits; /* of the row: out of a claim; in: ACCEPT, COMPLETE: of the
                      submit that they are about, 0: of any; out: 1 where they
                      have made a row */
  enum sm_write_kind kind : 8;   /* in */
  enum sm_standing standing : 8; /* out */
  bool is_awaited : 1;           /* in: see sm_ledger_ask */
  bool is_broken : 1;            /* the ledger's: the error is of the database,
                                    not of this write */
  bool is_moved : 1;             /* the ledger's: its picture is there */
  bool is_unsynced : 1; /* in: `file` was committed without a sync, which
                           is made before its row names it; out: it was
                           not */
  bool is_in_doubt : 1; /* a commit of it may have come through; with an
                           error, too */
};

/* Makes a write of a kind, for the row of a step; `step` may be NULL where the
 * kind needs none. What the write held before must have been cleared. */
void sm_write_create(struct sm_write *write, enum sm_write_kind kind,
                     const struct sm_ledger_step *step);

/* Frees what came home in it. */
void sm_write_clear(struct sm_write *write);

/* Puts an error into a write; without memory a fixed one of the same code. */
void sm_write_fail(struct sm_write *write, const struct sm_error *e);

/* Whether a failure of it costs the caller something already paid. */
bool sm_write_is_after_submit(const struct sm_write *write);

/* Whether it is of use, and no more: it goes with the next write of another
 * kind, in whose transaction it costs no commit of its own, and whatever it
 * fails of, that one does not. */
bool sm_write_is_minor(const struct sm_write *write);

struct sm_writes {
  struct sm_write *head;
  struct sm_write *tail;
};

void sm_writes_push(struct sm_writes *writes, struct sm_write *write);
/* NULL when empty. */
struct sm_write *sm_writes_pop(struct sm_writes *writes);
/* Moves all of `from` to the end of `to`. */
void sm_writes_move(struct sm_writes *to, struct sm_writes *from);

/* -- the store ------------------------------------------------------------- */

struct sm_store {
  void *self;
  /* Ownership: the store's, until it comes home. */
  void (*put)(void *self, struct sm_write *write);
  /* A write that has come home, or NULL. A NOTE stays the store's and is good
   * until the next call. */
  struct sm_write *(*finished)(void *self);
};

#endif
