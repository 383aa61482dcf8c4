/* sm_ledger_rows: the statements of a ledger, and which row stands for a key.
 *
 * Carries out writes on a database, within a transaction that its caller begins
 * and commits: the rules are here, time and threads are not. Whose step it is,
 * taking over what a dead process left behind and the budget's sum are decided
 * in that transaction, so two processes never claim the same step or spend the
 * same money.
 *
 * The table is `segmind_steps`, the statements are the same for SQLite and
 * PostgreSQL. All times are those of who writes, but a lease's, which is by the
 * clock of the database.
 *
 * A write may be carried out a second time after a commit of which nobody knows
 * whether it came through (`is_in_doubt`), and leaves the same rows then. A row
 * that is damaged concerns its own step: the write that meets it fails, the
 * others of the transaction do not.
 */
#ifndef SM_LEDGER_ROWS_H
#define SM_LEDGER_ROWS_H

#include "sm_store.h"

/* Seconds that a lease lasts; its owner renews it while it lives. */
#define SM_LEASE_S 60

struct sm_ledger_rows {
  struct sm_db *db;
  const char *owner;  /* leases are taken in this name */
  double now_s;       /* Unix time; the caller's, before each transaction */
  double lease_now_s; /* by the database; NAN: not asked yet */
  double spent;       /* of all rows, in this transaction; NAN: not known */
};

void sm_ledger_rows_create(struct sm_ledger_rows *rows, struct sm_db *db,
                           const char *owner);

/* Begins a transaction; nobody else claims steps or counts money until it
 * ends. */
enum sm_db_status sm_ledger_rows_begin(struct sm_ledger_rows *rows,
                                       double now_s, struct sm_error *e);

enum sm_db_status sm_ledger_rows_commit(struct sm_ledger_rows *rows,
                                        struct sm_error *e);

/* Fine without a transaction, too. */
void sm_ledger_rows_rollback(struct sm_ledger_rows *rows);

/* Carries out one write within a savepoint of its own and fills in what was
 * found; on an error nothing of it is written. SM_DB_OK with an error in the
 * write: that one failed (a damaged row, a rule of the database), the
 * transaction goes on. Any other status: the transaction is lost. */
enum sm_db_status sm_ledger_rows_apply(struct sm_ledger_rows *rows,
                                       struct sm_write *write,
                                       struct sm_error *e);

#endif
