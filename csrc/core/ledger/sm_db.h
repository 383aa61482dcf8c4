/* sm_db: a database that keeps a ledger, behind two verbs.
 *
 * `run` executes one statement with typed values for its $1, $2, ... and hands
 * its rows out one by one; `close` ends the connection. Transactions and
 * savepoints are statements, too, so sm_ledger_rows writes rows in one
 * dialect: what differs between the two databases stands in sm_db_dialect, as
 * text. sm_db_sqlite and sm_db_postgres implement it, and spec/c wraps it to
 * make a database fail at a chosen statement.
 *
 * An error is one that a caller can act on (enum sm_db_status), and a
 * sentence that says what a person can do about it. Nothing is tried a second
 * time here, nothing waits longer than the driver's own bounds, and a
 * connection is used by one thread at a time.
 */
#ifndef SM_DB_H
#define SM_DB_H

#include <stdatomic.h>
#include <stddef.h>

#include "sm_error.h"

enum sm_db_status {
  SM_DB_OK = 0,
  SM_DB_BUSY,    /* locked by another, no memory: the same may soon succeed */
  SM_DB_AWAY,    /* the server is gone or does not answer; whether what was sent
                    was carried out is not known */
  SM_DB_FULL,    /* no room on the disk, until somebody makes some */
  SM_DB_REFUSED, /* a row that is damaged, a rule of the database: concerns who
                    asked, and nobody else */
  SM_DB_BROKEN,  /* damaged, read-only, forbidden: not before somebody acts */
  SM_DB_MISUSE   /* the statement is not understood: another program's tables */
};

/* Whether a later try of the same may succeed without anybody's help. */
bool sm_db_is_transient(enum sm_db_status status);

/* Whether the connection is of no use any more, for this or for anything: the
 * file may have been replaced, and another connection meets the one that is
 * there now. */
bool sm_db_is_broken(enum sm_db_status status);

enum sm_db_type { SM_DB_NULL, SM_DB_NUMBER, SM_DB_TEXT, SM_DB_BYTES };

struct sm_db_value {
  enum sm_db_type type;
  double number;
  const char *text; /* or bytes; zero-terminated when a row has it as text */
  size_t size;
};

struct sm_db_value sm_db_null(void);
/* NULL for what is no finite number. */
struct sm_db_value sm_db_number(double number);
/* NULL for NULL. */
struct sm_db_value sm_db_text(const char *text);
struct sm_db_value sm_db_bytes(const void *bytes, size_t size);

/* The values of a query, in place. */
#define SM_DB_VALUES(...) ((const struct sm_db_value[]){__VA_ARGS__})

struct sm_db_query {
  const char *sql; /* lives as long as the program: drivers remember it */
  const struct sm_db_value *values; /* of $1, $2, ... */
  int count;
  /* Takes one row, whose texts live until it returns; false: no memory. */
  bool (*take)(void *user, const struct sm_db_value *row, int columns);
  void *user;
  bool is_alone;   /* outside of a transaction: a server that was lost may be
                      connected to again */
  int64_t changed; /* out: rows that were written */
};

struct sm_db_dialect {
  const char *begin;     /* a transaction that will write */
  const char *now;       /* the server's clock, Unix seconds; NULL: ours */
  const char *clock;     /* the same with fractions */
  const char *has_table; /* a row if there is a table named $1 */
  /* A row if tables of ours have $2 triggers whose names begin with $1. */
  const char *has_triggers;
  const char *is_used;    /* a row if there is any table; NULL: not asked */
  const char *make_alone; /* two that make the tables at once; NULL: no need */
  bool needs_turn;  /* begin does not keep other writers out: the turn does */
  bool has_plpgsql; /* a trigger calls a function */
  bool is_remote;   /* other machines use it: see sm_pictures */
  /* Others hear of what is ready, at the commit; NULL: they look. */
  const char *notify;
  const char *listen;
};

struct sm_db {
  const struct sm_db_dialect *dialect;
  enum sm_db_status (*run)(const struct sm_db *db, struct sm_db_query *query,
                           struct sm_error *e);
  void (*close)(const struct sm_db *db);
  /* Whether a notice has come since it was asked; asks nobody, and never
   * waits. NULL: there are none. */
  bool (*is_notified)(const struct sm_db *db);
  void *self;     /* NULL: not open */
  char name[256]; /* for messages: the path, or the URL without secrets */
};

struct sm_db_options {
  const char *target;        /* a path, or postgresql://… */
  const char *driver_folder; /* of sm_db_postgres; NULL: where this code is */
  /* Monotonic ms after which a wait for a server ends as SM_DB_AWAY. */
  const atomic_llong *give_up_ms;
};

/* Opens a database: PostgreSQL for a URL, else a SQLite file, which is made for
 * its owner alone if it is not there. Errors (also in `e`, as SM_LEDGER): as
 * every status but SM_DB_OK; `db` is closed then. */
enum sm_db_status sm_db_open(struct sm_db *db,
                             const struct sm_db_options *options,
                             struct sm_error *e);

/* Closing twice is fine. */
void sm_db_close(struct sm_db *db);

enum sm_db_status sm_db_run(const struct sm_db *db, struct sm_db_query *query,
                            struct sm_error *e);

/* Whether a query finds any row; its own `take` is not asked. */
enum sm_db_status sm_db_has_row(const struct sm_db *db,
                                struct sm_db_query *query, bool *is_there,
                                struct sm_error *e);

/* Whether there is a table of that name. */
enum sm_db_status sm_db_has_table(const struct sm_db *db, const char *name,
                                  bool *is_there, struct sm_error *e);

/* A statement without values and rows. */
enum sm_db_status sm_db_exec(const struct sm_db *db, const char *sql,
                             struct sm_error *e);

/* Fills `e` with "the ledger NAME " and the text, kind SM_LEDGER. Returns
 * `status`. */
enum sm_db_status sm_db_fail(const struct sm_db *db, enum sm_db_status status,
                             struct sm_error *e, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* -- the drivers ----------------------------------------------------------- */

/* Whether this build has it; where it has not, opening a file says so. */
bool sm_db_has_sqlite(void);
enum sm_db_status sm_db_sqlite_open(struct sm_db *db,
                                    const struct sm_db_options *options,
                                    struct sm_error *e);

/* In an object of its own, segmind/postgres.so, that sm_db_open loads. The
 * number changes with this header. */
#define SM_DB_POSTGRES_ENTRY "sm_db_postgres_open_6"
typedef enum sm_db_status (*sm_db_opener)(struct sm_db *db,
                                          const struct sm_db_options *options,
                                          struct sm_error *e);

#endif
