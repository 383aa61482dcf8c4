/* sm_keeper: the engine's half of a ledger.
 *
 * What is put into the store, and what a write that came home makes of its
 * task: the first half of sm_entry's states, up to the result; sm_delivery has
 * the second. Rows that were left behind are followed by sm_takeover, a refused
 * key is dealt with by sm_refusal. sm_engine calls it where a task with an
 * entry goes another way than one without. The functions on the arrows:
 *
 *   begin -> LOOK, WAIT     [look] a step; [look_for_id] an id to attach
 *   begin -> READY, WAIT    [begin_again] a second submit
 *   begin -> ACCEPT         [adopt] an id for a row
 *   begin -> OPEN, WAIT     [take_up] a row that was left behind
 *   LOOK -> FREE, READY     [be_free]
 *   LOOK, CLAIM -> WAIT     [hold] another process is at the step
 *   LOOK, CLAIM -> OPEN     [sm_takeover_begin] the row was left behind, or
 *                           is attached
 *   LOOK, CLAIM -> WAIT, LOOK  [take_over] another job of this process has it
 *   LOOK, CLAIM -> VERIFY   [sm_delivery_replay] the step is finished
 *   LOOK -> no entry        [attach_alone] the ledger has no row of the id
 *   WAIT -> LOOK            [sm_keeper_wake], or [sm_keeper_leave] of the task
 *                           that was waited for
 *   FREE -> READY           [sm_keeper_proceed] the body is here
 *   READY -> CLAIM          [sm_keeper_claim] a slot is free
 *   READY -> WAIT           [sm_refusal_note] the key or the account is
 *                           refused
 *   CLAIM -> OPEN           [begin_submit] the intent is durable
 *   CLAIM -> FREE, READY    [be_free] the row is gone
 *   CLAIM -> END            [refuse] by the budget
 *   OPEN -> ACCEPT          [put_accept] an id was given or found
 *   ACCEPT -> OPEN          [accepted] the id is durable
 *   OPEN, ACCEPT -> STORE, DUE  [sm_delivery_arrive] the result is here
 *   any -> END -> error     [sm_keeper_fail], [sm_keeper_put_end]; without a
 *                           word [sm_keeper_drop], [sm_keeper_stop]
 *
 * What may be assumed:
 *
 *   LOOK .. READY  nothing was sent for the task; it may be cancelled for free
 *   CLAIM          the same, but the row may be an intent already
 *   OPEN           the row is_ours (or attached), its intent is durable (M1): a
 *                  submit may be paid, or there is an id
 *   ACCEPT         the id is in hand and not yet durable, and not reported (M2)
 *   STORE .. KEEP  the result is here and paid: the task ends with it, whatever
 *                  else goes wrong
 *   END            the last event has the error; the row is let go
 *
 * A submit starts in one function, begin_submit (M1), and ACCEPTED is reported
 * in one, tell_accepted (M2).
 */
#ifndef SM_KEEPER_H
#define SM_KEEPER_H

#include "sm_engine.h"

/* A task with an entry is the engine's from here on. */
void sm_keeper_begin(struct sm_engine *engine, struct sm_task *task);

/* Brings the body that a task waits for: `bearer` has its id. */
void sm_keeper_proceed(struct sm_engine *engine, struct sm_task *bearer);

/* The queue would send the task: it gets its slot, and its intent is written.
 * False for a task that may be sent as it is. */
bool sm_keeper_claim(struct sm_engine *engine, struct sm_task *task);

/* Says of those that are ready to be sent, and have no slot, that they wait. */
void sm_keeper_note_waiting(struct sm_engine *engine);

/* Its time has come: a task that waits looks again. False when it does not. */
bool sm_keeper_wake(struct sm_engine *engine, struct sm_task *task);

/* What a state machine wants done. */
void sm_keeper_carry_out(struct sm_engine *engine, struct sm_task *task,
                         struct sm_action *action);

/* Ends a task with an error, once that is written. */
void sm_keeper_fail(struct sm_engine *engine, struct sm_task *task,
                    const struct sm_error *e);

/* Deals with all writes that have come home. */
void sm_keeper_take_writes(struct sm_engine *engine);

/* sm_engine_stop, for all tasks that have an entry. */
void sm_keeper_stop(struct sm_engine *engine);

/* The host does not want it any more: it ends without a word, once that is
 * written. */
void sm_keeper_drop(struct sm_engine *engine, struct sm_task *task);

/* The task is about to be taken down, its last event (or NULL) told: those who
 * waited for it end like it or look what it has left. */
void sm_keeper_leave(struct sm_engine *engine, struct sm_task *task,
                     const struct sm_event *event);

/* -- for the others of the engine
 * ------------------------------------------------------- */

/* Puts the task's write into the store. */
void sm_keeper_put(struct sm_engine *engine, struct sm_task *task,
                   struct sm_write *write);

/* Until when what may be about money already spent is tried. */
int64_t sm_keeper_late_ms(const struct sm_engine *engine,
                          const struct sm_task *task);

/* Takes the task out of whatever it is in; its exchange must have ended. */
void sm_keeper_withdraw(struct sm_engine *engine, struct sm_task *task);

/* Tells the last event, unless nobody waits for it, and takes the task down. */
void sm_keeper_finish(struct sm_engine *engine, struct sm_task *task);

/* The same without a word. */
void sm_keeper_forget(struct sm_engine *engine, struct sm_task *task);

/* Writes how the task ends, if the row is its own, and finishes it. The last
 * event is filled, and no write is under way. */
void sm_keeper_put_end(struct sm_engine *engine, struct sm_task *task);

#endif
