/* sm_delivery: a step's result on its way to the host.
 *
 * The second half of sm_entry's diagram: the result is written, its picture
 * downloaded, hashed, kept and copied to where the caller wants it, without a
 * step of the host, and what was kept before is checked and given again. From
 * the moment a result is here the task ends well; what went wrong with the rest
 * stands beside the result. The functions on the arrows:
 *
 *   OPEN, ACCEPT -> STORE  [store_picture] the answer is the picture itself
 *   OPEN, ACCEPT -> DUE    [be_due] the answer names the picture
 *   STORE -> SAVE, KEEP    [stored]
 *   DUE -> FETCH, KEEP     [sm_delivery_begin] its id is durable, or was waited
 *                          for long enough
 *   FETCH -> SAVE, KEEP    [fetched] it has its name; it is synced by the
 *                          ledger before its row says so, or by [finish] where
 *                          no row will
 *   FETCH -> KEEP          [unfetched] it cannot be had
 *   SAVE -> KEEP           [be_over]
 *   KEEP -> done, END      [finish] all that could be is written
 *   VERIFY -> done         [verified] the kept picture is as it was
 *   VERIFY -> VERIFY       [brought] the ledger's own copy was put in its place
 *   VERIFY -> FETCH        [fetch_again] it is not, and the service has it
 *   VERIFY -> END          [be_gone]
 */
#ifndef SM_DELIVERY_H
#define SM_DELIVERY_H

#include "sm_engine.h"

/* The last answer is the result. */
void sm_delivery_arrive(struct sm_engine *engine, struct sm_task *task,
                        struct sm_action *action);

/* The result is to be written, and its picture fetched. */
void sm_delivery_begin(struct sm_engine *engine, struct sm_task *task);

/* A write has come home: the next is put, and what waited for it goes on. */
void sm_delivery_go_on(struct sm_engine *engine, struct sm_task *task);

/* The row of the step is completed: the result is in it. */
void sm_delivery_replay(struct sm_engine *engine, struct sm_task *task,
                        const struct sm_row *row);

/* A COMPLETE, a KEEP or a PICTURE has come home. */
void sm_delivery_come_home(struct sm_engine *engine, struct sm_task *task);

/* What the download's state machine wants done. */
void sm_delivery_carry_out(struct sm_engine *engine, struct sm_task *task,
                           struct sm_action *action);

/* Its picture was read through, well (NULL) or not. */
void sm_delivery_read(struct sm_engine *engine, struct sm_task *task,
                      const struct sm_error *e);

/* Ends the writing of a picture that came by itself at once: the service has
 * told it once and will not again. */
void sm_delivery_store_now(struct sm_engine *engine, struct sm_task *task);

#endif
