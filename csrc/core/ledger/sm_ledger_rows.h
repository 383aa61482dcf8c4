/* sm_ledger_rows: what each write makes of a ledger's rows.
 *
 * Carries out writes within a transaction that its caller begins and commits:
 * the rules are here, time and threads are not. Which row stands for a step and
 * whose it is (sm_ledger_standing), and the budget's sum (sm_ledger_budget),
 * are found out in that transaction, so two processes never claim the same step
 * or spend the same money.
 *
 * The table is `segmind_steps`, the statements are the same for SQLite and
 * PostgreSQL.
 *
 * A write may be carried out a second time after a commit of which nobody knows
 * whether it came through (`is_in_doubt`), and leaves the same rows then. A row
 * that is damaged concerns its own step: the write that meets it fails, the
 * others of the transaction do not.
 */
#ifndef SM_LEDGER_ROWS_H
#define SM_LEDGER_ROWS_H

#include "sm_ledger_transaction.h"

/* Carries out one write within a savepoint of its own and fills in what was
 * found; on an error nothing of it is written. SM_DB_OK with an error in the
 * write: that one failed (a damaged row, a rule of the database), the
 * transaction goes on. Any other status: the transaction is lost. */
enum sm_db_status sm_ledger_rows_apply(struct sm_transaction *transaction,
                                       struct sm_write *write,
                                       struct sm_error *e);

#endif
