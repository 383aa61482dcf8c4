/* sm_takeover: a task that goes on with a row which is there already.
 *
 * A row that a dead process, or an earlier job of this one, has left behind is
 * followed (M9): by its id if it has one, else through the request history, in
 * which its submit is looked for by body and time. A synchronous submit cannot
 * be looked for. The same holds for a row whose id is attached; who only looks
 * on there, as another works at it, writes nothing into it.
 */
#ifndef SM_TAKEOVER_H
#define SM_TAKEOVER_H

#include "sm_engine.h"

/* The task becomes the one that the row tells of. Ownership: of the row, the
 * engine's. */
void sm_takeover_begin(struct sm_engine *engine, struct sm_task *task,
                       struct sm_row *row, bool is_ours);

/* Gives the task the key and the generation of the row; who only looks on, as
 * another is at the row or it has failed, leads nobody: his end is not that of
 * the step. False without memory. */
bool sm_takeover_name(struct sm_engine *engine, struct sm_task *task,
                      const struct sm_row *row);

#endif
