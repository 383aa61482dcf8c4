/* sm_transfers: pictures on their way to a ledger's database, or from it.
 *
 * A picture is long, and who writes into a ledger waits for nobody else's: it
 * goes a piece at a time, each in a transaction of its own, and between them
 * the ledger writes what is short. Where it is, is written when it is there.
 *
 * The writes wait in a list, the first is under way: a KEEP, or a COMPLETE with
 * a file, whose file goes into the database, and a PICTURE, whose file is made.
 */
#ifndef SM_TRANSFERS_H
#define SM_TRANSFERS_H

#include "sm_pictures.h"
#include "sm_store.h"

struct sm_transfers {
  struct sm_writes waiting;
  struct sm_file *file; /* of the first, while it is being made */
  int64_t pieces;       /* of the first, that were moved */
};

/* Takes those out of a list that have a picture to move. */
void sm_transfers_take(struct sm_transfers *transfers,
                       const struct sm_pictures *pictures,
                       struct sm_writes *writes);

/* Moves a piece of the first. `is_over`: it was the last, or there is nothing
 * to move; a PICTURE has its standing then. After a transient error the same
 * piece may be tried again. */
enum sm_db_status sm_transfers_step(struct sm_transfers *transfers,
                                    const struct sm_pictures *pictures,
                                    bool *is_over, struct sm_error *e);

/* Takes the first out, wherever it is. NULL: there is none. */
struct sm_write *sm_transfers_pop(struct sm_transfers *transfers);

#endif
