/* sm_db_fork: a fork beside libsqlite3.
 *
 * SQLite keeps the locks of a file in the process's memory, too. A child that
 * was forked in the midst of a transaction inherits the note of a lock that it
 * does not have: a connection of its own to the same file then waits for ever,
 * or reads while the parent writes
 * (https://www.sqlite.org/howtocorrupt.html, 2.6). So a fork waits until no
 * connection of this process is at work, for some milliseconds; after a fork
 * that could not wait so long the child opens no ledger. */
#ifndef SM_DB_FORK_H
#define SM_DB_FORK_H

#include <stdbool.h>

/* Round each use of a connection, from the begin of a transaction to its end.
 * The first one watches for forks from then on. */
void sm_db_fork_enter(void);
void sm_db_fork_leave(void);

/* Whether a connection was at work when this process was forked. */
bool sm_db_fork_is_amid(void);

#endif
