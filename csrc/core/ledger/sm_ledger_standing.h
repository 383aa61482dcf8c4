/* sm_ledger_standing: which row stands for a key, and whose it is.
 *
 * Of the rows of a key the latest that has a picture stands for it, else the
 * latest that may yet have one, else the latest that failed. A row that was
 * begun and not ended belongs to the owner of its lease, who renews it while he
 * lives; what he has left behind is taken over by the first that asks, in the
 * transaction in which he asks (M3, M9). A damaged row concerns its own key:
 * nothing is paid on that (M7).
 */
#ifndef SM_LEDGER_STANDING_H
#define SM_LEDGER_STANDING_H

#include "sm_ledger_transaction.h"

/* One row by its name, or NULL. Ownership: the caller's. */
enum sm_db_status sm_ledger_standing_get(struct sm_transaction *transaction,
                                         const char *key, int64_t generation,
                                         struct sm_row **row,
                                         struct sm_error *e);

/* The last generation of a key; 0: there is none. */
enum sm_db_status sm_ledger_standing_last(struct sm_transaction *transaction,
                                          const char *key, int64_t *generation,
                                          struct sm_error *e);

/* Which row stands for the write's key. `standing`, `written` and `row` are
 * filled in, and the row is the write's. What was left behind is taken over,
 * but by FIND. */
enum sm_db_status sm_ledger_standing_look(struct sm_transaction *transaction,
                                          struct sm_write *write,
                                          struct sm_error *e);

/* Whether the row was the asker's, and no job of his is at it. The time of
 * leases has been asked for. */
bool sm_ledger_standing_was_let_go(const struct sm_transaction *transaction,
                                   const struct sm_row *row);

/* Carries out a write that asks for rows or is about leases: LOOK, FIND,
 * ATTACH, RESUME and LIST fill in the same as sm_ledger_standing_look; the rows
 * of a LIST that cannot be relied on are in it, and say so. RENEW renews all
 * leases of the owner, and `standing` tells whether any is held; RELEASE lets
 * all of them go. */
enum sm_db_status sm_ledger_standing_apply(struct sm_transaction *transaction,
                                           struct sm_write *write,
                                           struct sm_error *e);

#endif
