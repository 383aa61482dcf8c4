/* sm_pictures: where the pictures of a ledger are.
 *
 * A ledger in a file has them in a folder beside it, and nothing here is asked.
 * A server's ledger is used from several machines, and what one has paid for
 * the others must reach:
 *
 *   in the database   by default, in segmind_pictures: in pieces of 256 KiB, so
 *                     that no statement outlasts its bound on a slow line, and
 *                     nobody waits for more than one.
 *   in a folder       that all machines share, where the caller names one. It
 *                     has a mark, a file with a random name in it, which the
 *                     ledger records: a machine on which another folder, or an
 *                     empty mount point, has that path is refused.
 *
 * The tables are made by the first client that needs them; the version of the
 * ledger stays what it is.
 */
#ifndef SM_PICTURES_H
#define SM_PICTURES_H

#include <stdbool.h>

#include "sm_db.h"
#include "sm_file.h"
#include "sm_store.h"

struct sm_pictures {
  const struct sm_db *db;
  char *folder;        /* owned; NULL: not known, so no file is read or made */
  bool is_in_database; /* too */
};

/* Makes or checks what the database has to have, in a transaction of its own.
 * `is_shared`: the caller has named the folder, for all machines. Errors:
 * SM_DB_MISUSE for another folder than the ledger's. */
enum sm_db_status sm_pictures_prepare(struct sm_pictures *pictures,
                                      const struct sm_db *db,
                                      const char *folder, bool is_shared,
                                      struct sm_error *e);
void sm_pictures_destroy(struct sm_pictures *pictures);

/* Syncs the pictures of writes that are not yet (M10), many together. Moves
 * those whose picture the disk does not take to `failed`, with an error; and
 * those that no descriptor was left for, which stay unsynced and may be tried
 * again. */
void sm_pictures_sync(const struct sm_pictures *pictures,
                      struct sm_writes *writes, struct sm_writes *failed);

/* Pictures on their way to a ledger's database, or from it.
 *
 * A picture is long, and who writes into a ledger waits for nobody else's: it
 * goes a piece at a time, each outside of a transaction, and between them the
 * ledger writes what is short. Where it is, is written when it is there.
 *
 * The writes wait in a list, the first is under way: a KEEP, or a COMPLETE with
 * a file, whose file goes into the database, and a PICTURE, whose file is made.
 */
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
 * piece may be tried again. Errors:
 * SM_DB_REFUSED for a file that cannot be read or written. */
enum sm_db_status sm_transfers_step(struct sm_transfers *transfers,
                                    const struct sm_pictures *pictures,
                                    bool *is_over, struct sm_error *e);

/* Takes the first out, wherever it is. NULL: there is none. */
struct sm_write *sm_transfers_pop(struct sm_transfers *transfers);

#endif
