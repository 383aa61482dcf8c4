/* sm_pictures: where the pictures of a ledger are.
 *
 * A ledger in a file has them in a folder beside it, and nothing here is asked.
 * A server's ledger is used from several machines, and what one has paid for
 * the others must reach:
 *
 *   in the database   by default. `keep` puts a file's bytes into
 *                     segmind_pictures, `fetch` makes the file on a machine
 *                     that has not got it. In pieces of 256 KiB, so that no
 *                     statement outlasts its bound on a slow line.
 *   in a folder       that all machines share, where the caller names one. It
 *                     has a mark, a file with a random name in it, which the
 *                     ledger records: a machine on which another folder, or an
 *                     empty mount point, has that path is refused.
 *
 * The tables are made by the first client that needs them; the version of the
 * ledger stays what it is. All but `prepare` and `destroy` is done within a
 * transaction of the caller's.
 */
#ifndef SM_PICTURES_H
#define SM_PICTURES_H

#include <stdbool.h>

#include "sm_db.h"

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

/* Which picture: that of a row, `file` in the folder. */
struct sm_picture {
  const char *key;
  int64_t generation;
  const char *file;
  const char *sha256;
};

/* Puts the file into the database. Errors: SM_DB_REFUSED for a file that cannot
 * be read. */
enum sm_db_status sm_pictures_keep(const struct sm_pictures *pictures,
                                   const struct sm_picture *picture,
                                   struct sm_error *e);

/* Makes the file, unless the database does not have it or other bytes than its
 * hash says. Errors: SM_DB_REFUSED for a file that cannot be made. */
enum sm_db_status sm_pictures_fetch(const struct sm_pictures *pictures,
                                    const struct sm_picture *picture,
                                    bool *is_there, struct sm_error *e);

#endif
