/* sm_ledger_transaction: what is read and written of a ledger at one time.
 *
 * Nobody else claims steps or counts money between its begin and its end: what
 * is found out in it holds until then, and is asked for once. All times are
 * those of who writes, but a lease's, which is by the clock of the database.
 */
#ifndef SM_LEDGER_TRANSACTION_H
#define SM_LEDGER_TRANSACTION_H

#include "sm_store.h"

/* Seconds that a lease lasts; its owner renews it while it lives. */
#define SM_LEASE_S 60
/* Names a row in a statement. */
#define SM_TRANSACTION_ROW "step_key = $1 AND generation = $2"

struct sm_transaction {
  struct sm_db *db;
  const char *owner;    /* leases are taken in this name */
  double now_s;         /* Unix time; the caller's, before each transaction */
  double lease_now_s;   /* by the database; NAN: not asked yet */
  double spent;         /* see sm_ledger_spent; NAN: not known */
  double budget;        /* the queue's, of all workers; NAN: there is none */
  bool has_budget;      /* it was asked for in this transaction */
  bool has_queue;       /* the queue's tables are there */
  bool has_picks;       /* steps of it may be in the owner's name */
  bool has_latencies;   /* see sm_ledger_latency: their table is there */
  bool lacks_latencies; /* it cannot be used, and is asked no more */
};

void sm_transaction_create(struct sm_transaction *transaction, struct sm_db *db,
                           const char *owner);

enum sm_db_status sm_transaction_begin(struct sm_transaction *transaction,
                                       double now_s, struct sm_error *e);

enum sm_db_status sm_transaction_commit(struct sm_transaction *transaction,
                                        struct sm_error *e);

/* Fine when none has begun, too. */
void sm_transaction_rollback(struct sm_transaction *transaction);

/* Runs a statement, and says whether there was a row for it. */
enum sm_db_status sm_transaction_change(struct sm_transaction *transaction,
                                        struct sm_db_query *query,
                                        bool *is_there, struct sm_error *e);

/* Fills in the time of leases. Machines that share a server share its clock,
 * too. */
enum sm_db_status sm_transaction_ask_time(struct sm_transaction *transaction,
                                          struct sm_error *e);

/* Whether the row's lease is, or was, in the owner's name. */
bool sm_transaction_owns(const struct sm_transaction *transaction,
                         const struct sm_row *row);

#endif
