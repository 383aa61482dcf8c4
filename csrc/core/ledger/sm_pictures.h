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

/* A picture in the database is moved a piece at a time, from 0 on, each outside
 * of a transaction (sm_transfers).
 *
 * Puts a piece of the file there, in the place of one that there is; after the
 * last what is behind it is forgotten. Errors: SM_DB_REFUSED for a file that
 * cannot be read. */
enum sm_db_status sm_pictures_put_piece(const struct sm_pictures *pictures,
                                        const struct sm_picture *picture,
                                        int64_t piece, bool *is_last,
                                        struct sm_error *e);

/* Writes a piece into a file, unless it is not there. Errors: SM_DB_REFUSED for
 * a file that cannot be written. */
enum sm_db_status sm_pictures_get_piece(const struct sm_pictures *pictures,
                                        const struct sm_picture *picture,
                                        int64_t piece, struct sm_file *file,
                                        bool *is_there, struct sm_error *e);

/* The file in the folder, for that. Ownership: the caller's. */
enum sm_db_status sm_pictures_new_file(const struct sm_pictures *pictures,
                                       const struct sm_picture *picture,
                                       struct sm_file **file,
                                       struct sm_error *e);

/* Fills `e` with why a picture's file cannot be made: SM_DB_REFUSED. */
enum sm_db_status sm_pictures_fail(const struct sm_pictures *pictures,
                                   const struct sm_error *why,
                                   struct sm_error *e);

#endif
