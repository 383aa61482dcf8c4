/* sm_ledger_connection: a ledger's database, open and checked.
 *
 * A connection may become of no use: the file was replaced or removed, its
 * folder made read-only, a page damaged, a table dropped. What was accepted is
 * to be written all the same, as soon as that can be, so a connection that has
 * met such a database is closed, and the next transaction begins with another
 * one, by the same name. That may find a ledger again, as it was or as somebody
 * has restored it.
 *
 * Or it finds none, and one is made: what was accepted has a place then. But
 * what was paid before is not in it, and so nothing may be claimed in it until
 * somebody has opened it who knows (`is_made_anew`).
 */
#ifndef SM_LEDGER_CONNECTION_H
#define SM_LEDGER_CONNECTION_H

#include "sm_pictures.h"

/* What a ledger is opened with; from `wake` on it is the thread's (sm_ledger).
 */
struct sm_ledger_options {
  const char *target;        /* a path, or postgresql://… */
  const char *service;       /* whose pictures it holds */
  const char *driver_folder; /* see sm_db_options; NULL: the usual place */
  const char *files;         /* the folder of its pictures, or NULL */
  bool is_shared;            /* and all its machines have that one: see
                                sm_pictures */
  /* Called on the ledger's thread when something has come home; NULL: never. */
  void (*wake)(void *user);
  void *user;
  int64_t renew_ms; /* between renewals of the leases; 0: a third of one */
  bool is_inline;   /* no thread: the writes are carried out by `finished` */
};

struct sm_ledger_connection {
  struct sm_db db; /* `self` is NULL: closed */
  struct sm_pictures pictures;
  const atomic_llong *give_up_ms;
  char *target; /* owned, as the next three; NULL for none */
  char *service;
  char *driver_folder;
  char *files;
  bool is_shared;
  bool was_open;
  bool is_made_anew; /* since it was first opened */
};

/* Opens, checks, and makes the tables. `db` is one that is open, or NULL.
 * Waits for another's lock for some seconds. Errors: as sm_db_open; destroy it
 * then, too. */
enum sm_db_status
sm_ledger_connection_create(struct sm_ledger_connection *connection,
                            const struct sm_ledger_options *options,
                            const struct sm_db *db,
                            const atomic_llong *give_up_ms, struct sm_error *e);
void sm_ledger_connection_destroy(struct sm_ledger_connection *connection);

/* Opens it again if it is closed. */
enum sm_db_status
sm_ledger_connection_need(struct sm_ledger_connection *connection,
                          struct sm_error *e);

#endif
