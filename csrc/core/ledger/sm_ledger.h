/* sm_ledger: the thread that keeps a ledger.
 *
 * The only user of the database. It takes its whole queue into one transaction,
 * a savepoint a write, commits once, and sends each write home: fifty rows cost
 * about what one costs, and neither the host nor the network waits for a disk.
 *
 *   put ──▶ queued ──▶ pending ──begin, apply …, commit──▶ home ──▶ finished
 *                         ▲              │
 *                         └──busy, away──┘  the same writes again, in order,
 *                                           with those that were put meanwhile
 *
 * The pictures that the pending name are synced before the transaction begins,
 * together (sm_pictures_sync): fewer syncs than one by one, and the worker,
 * which downloads them, waits for no disk.
 *
 * What happens when the database fails:
 *   busy, away   tried again with back-off; the host learns of it after a
 *                second (a NOTE). A write before a submit fails after ten, one
 *                that may be about money already spent at its own deadline.
 *   full         a write before a submit fails at once; one after it waits for
 *                room until its deadline.
 *   the rest     fails at once, and only for the writes that it concerns: a
 *                transaction that is refused is carried out write by write.
 *
 * The leases of its rows are renewed by its own timer, so a host that is busy
 * for minutes loses none. It never waits for the host, reads no engine and
 * decides nothing about money: those rules stand in sm_ledger_rows.
 *
 * In a forked child it must not be touched: the thread stayed behind, and the
 * connection is the parent's.
 */
#ifndef SM_LEDGER_H
#define SM_LEDGER_H

#include "sm_ledger_connection.h"
#include "sm_store.h"

struct sm_ledger;

struct sm_ledger_stats {
  uint64_t writes;  /* that have come home */
  uint64_t commits; /* transactions that went through */
  uint64_t retries; /* that did not, and were tried again */
};

/* Opens and checks the database, and makes its tables. May take seconds when
 * another holds its lock or a server does not answer. Errors: SM_LEDGER, SM_IO
 * without memory. */
enum sm_code sm_ledger_new(struct sm_ledger **ledger,
                           const struct sm_ledger_options *options,
                           struct sm_error *e);

/* As sm_ledger_new, over a database that is open. Ownership: the ledger's, also
 * after an error. */
enum sm_code sm_ledger_new_over(struct sm_ledger **ledger, struct sm_db *db,
                                const struct sm_ledger_options *options,
                                struct sm_error *e);

/* The store's verbs are called from one thread at a time. The ledger's own
 * thread starts with the first put; where there can be none, that write comes
 * home with an error. */
struct sm_store sm_ledger_store(struct sm_ledger *ledger);

/* Carries out a write for the host, which waits for it: ten seconds at the
 * most, and however long the disk keeps a call that it has begun. It does not
 * come home by the store. One at a time, from any thread; without a thread from
 * the store's. */
void sm_ledger_ask(struct sm_ledger *ledger, struct sm_write *write);

/* Without a thread: how long `finished` will have nothing to do, in ms;
 * INT64_MAX: until the next put. */
int64_t sm_ledger_wait_ms(struct sm_ledger *ledger);

/* Carries out what is queued, for two seconds at the most (and however long the
 * disk keeps a call that it has begun), lets the leases go, ends the thread and
 * closes the database. What could not be written comes home with an error. */
void sm_ledger_stop(struct sm_ledger *ledger);

/* Stops first. What has come home and was not taken stays its owner's. */
void sm_ledger_delete(struct sm_ledger *ledger);

/* How many notices of the queue have come: more than before, and a pick is
 * worth it. An atomic load. */
uint64_t sm_ledger_notices(const struct sm_ledger *ledger);

void sm_ledger_stats(const struct sm_ledger *ledger,
                     struct sm_ledger_stats *stats);

#endif
