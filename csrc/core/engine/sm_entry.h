/* sm_entry: a task's line in the ledger. Pure.
 *
 * It says what is written next and in which state an error leaves a row; what
 * is done about it is the engine's (sm_keeper and sm_delivery, whose headers
 * name the function on each arrow):
 *
 *   LOOK --free--> READY --a slot--> CLAIM --mine--> OPEN --id--> ACCEPT
 *    | ^            ^                 |  held: WAIT    |            |
 *    | |held        |body             +----> LOOK      |result      |durable
 *    v |            |                                  v            v
 *   WAIT           FREE                               DUE <------ OPEN
 *                                                      |
 *   LOOK --done--> VERIFY --not as it was--> FETCH <---+
 *                    |                         |
 *                    v                         v
 *                  done <-- written -- KEEP <-- SAVE
 *
 *   any --error--> END --> error
 *
 * A task has at most one write under way, and the room for it from the start,
 * so that none fails for want of memory. What is to be written while one is
 * under way waits in the task (`is_result_due`, `is_file_due`): polls go on,
 * and from DUE on the picture is fetched and saved, beside what is written. A
 * ledger that fails keeps no picture from the caller; its end waits in KEEP.
 */
#ifndef SM_ENTRY_H
#define SM_ENTRY_H

#include "sm_reply.h"
#include "sm_store.h"

enum sm_entry_phase {
  SM_ENTRY_LOOK,   /* how the row stands is being asked */
  SM_ENTRY_WAIT,   /* for another job or another process at the step */
  SM_ENTRY_FREE,   /* for the body */
  SM_ENTRY_READY,  /* for a slot */
  SM_ENTRY_CLAIM,  /* has a slot; the intent is being written */
  SM_ENTRY_OPEN,   /* the row is its own: sent, looked up, polled */
  SM_ENTRY_ACCEPT, /* polled; the id is being written */
  SM_ENTRY_STORE,  /* a picture that came by itself goes to its file */
  SM_ENTRY_DUE,    /* the result is here; its id has a moment to be written */
  SM_ENTRY_VERIFY, /* the kept picture is read through */
  SM_ENTRY_FETCH,  /* the picture is being downloaded */
  SM_ENTRY_SAVE,   /* it goes where the caller wants it */
  SM_ENTRY_KEEP,   /* what is left is being written */
  SM_ENTRY_END     /* its end is being written, as soon as that can be */
};

/* How its way begins. */
enum sm_entry_start {
  SM_START_STEP,   /* LOOK */
  SM_START_AGAIN,  /* READY: a second submit in the row of `generation` */
  SM_START_ADOPT,  /* ACCEPT: an id for that row, by leave of the caller */
  SM_START_ATTACH, /* LOOK for the row of the job's id */
  SM_START_TAKEN   /* OPEN: with `row`, which was left behind */
};

struct sm_entry {
  struct sm_write write;       /* the one that may be under way */
  struct sm_ledger_step *step; /* owned; gone once an id is durable */
  double price;                /* the step's, USD; NAN: none */
  int64_t generation;          /* of the row; 0: none yet */
  int64_t deadline_ms;
  struct sm_task *chain; /* in the table of keys */
  char *key;
  char *save; /* where the caller wants the picture, or NULL */
  struct sm_row *row;
  char *sha256;    /* of the picture that the row names, or will; owned */
  int32_t submits; /* of the row, this one's the last; 0: it is not known */
  enum sm_entry_phase phase : 5;
  enum sm_entry_start start : 4;
  enum sm_state held_state : 6; /* not reported before the id is durable */
  bool is_writing : 1;
  bool is_result_due : 1; /* to be written, as soon as that can be; so is */
  bool is_file_due : 1;   /* where the picture is */
  bool is_unsynced : 1;   /* which is left to who writes that */
  bool is_picture : 1;    /* the result is one itself, and no text */
  bool is_damaged : 1;    /* the picture that the row names is; else: it */
  bool
      is_asked_for : 1; /* could not be read, and the ledger was asked for it */
  bool has_failed : 1;  /* a write has, at its deadline: the next are tried once
                         */
  bool is_leader : 1;   /* at the step; the others of its key wait for it */
  bool is_ours : 1;     /* the row is: an end is written */
  bool is_taken : 1;    /* it was left behind: its submit is in doubt */
  bool is_again : 1; /* an earlier submit of it is in doubt, whatever this does
                      */
  bool was_sent : 1; /* when it was dropped, a submit may have left */
  bool is_dropped : 1; /* nobody waits for its end */
  bool is_waiting : 1; /* and that was told */
  bool is_refused : 1; /* its key or account is: see sm_keeper */
};

/* Copies the step's texts. `step` may be NULL, and so may `save` and the key of
 * what is found by an id. NULL without memory. */
struct sm_entry *sm_entry_new(enum sm_entry_start start,
                              const struct sm_ledger_step *step,
                              const char *save);
void sm_entry_delete(struct sm_entry *entry);

/* Gives it the key of its row. False without memory. */
bool sm_entry_name(struct sm_entry *entry, const char *key);

/* The entry's row is that one. */
void sm_entry_be_at(struct sm_entry *entry, const struct sm_row *row);

/* Frees what was only needed until an id was durable. */
void sm_entry_shed(struct sm_entry *entry);

/* Whether the job's deadline has no say any more: what is left to do is done.
 */
bool sm_entry_is_over(const struct sm_entry *entry);

/* Makes the write of a kind. Whatever came home in the last one is gone. */
struct sm_write *sm_entry_write(struct sm_entry *entry, enum sm_write_kind kind,
                                int64_t deadline_ms);

/* The same for how it ends: an error, of a job whose id is `request_id` or
 * NULL. */
struct sm_write *sm_entry_write_end(struct sm_entry *entry,
                                    const struct sm_error *e,
                                    const char *request_id,
                                    int64_t deadline_ms);

/* The file's name in the ledger's folder, without an extension: each submit has
 * its own, for two may be paid of one row. NULL without memory. Ownership: the
 * caller's. */
char *sm_entry_path(const struct sm_entry *entry, const char *folder);

#endif
