/* sm_ledger_tables: the tables of a ledger's database.
 *
 * One row of `segmind_ledger`, which says of what version the ledger is and
 * whose pictures it holds, and the steps in `segmind_steps`. People look into
 * them with tools of their own, and ledgers are older than the program that
 * opens them: what stands here is made once and read for ever.
 */
#ifndef SM_LEDGER_TABLES_H
#define SM_LEDGER_TABLES_H

#include "sm_db.h"

/* The lock of all who claim steps or count money, for a database in which
 * beginning a transaction is none: whoever has run it has the turn until the
 * transaction ends. */
extern const char sm_ledger_turn_sql[];

/* Whether somebody has made them. */
enum sm_db_status sm_ledger_tables_are_there(const struct sm_db *db,
                                             bool *are_there,
                                             struct sm_error *e);

/* Makes the tables of a new ledger, or checks those that are there, in a
 * transaction of its own. It writes in both cases: a folder that cannot be
 * written, or a full disk, is to be found out here and not after a submit.
 * `service` names whose pictures it holds; what was drawn by an emulator is no
 * picture that was paid for. Errors: SM_DB_MISUSE for a database of another
 * service, version or program. */
enum sm_db_status sm_ledger_tables_prepare(const struct sm_db *db,
                                           const char *service,
                                           struct sm_error *e);

#endif
