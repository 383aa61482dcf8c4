/* A ledger in one file, by libsqlite3.
 *
 * It keeps a rollback journal, not a write-ahead log: what was committed is
 * then in the one file that the user knows, also after a kill, so that file can
 * be copied or moved between runs without leaving the last transitions behind
 * in "-wal". A log would be one sync a commit instead of five, but the mode
 * stands in the file, for every program that opens it, and its index is memory
 * that programs share: not on a network's volume.
 *
 * The syncs of a commit, in SQLite's order, and what each protects:
 *
 *   the journal       the pages as they were, before its head counts them
 *   its folder        its name: one that is lost in a power cut rolls nothing
 *                     back
 *   the journal       its head, before a page of the file is overwritten
 *   the file          the pages as they are, before the journal is void
 *   the journal       that it is void: the commit. Until then a power cut
 *                     undoes it
 *
 * The journal's head is overwritten, not the journal deleted: with
 * `synchronous = FULL` a deletion is not synced, and a power cut could undo a
 * commit (https://www.sqlite.org/pragma.html#pragma_synchronous). Nor is it
 * truncated: in a file that keeps its blocks a sync writes no more than the
 * bytes. The mode is the connection's own: others of the same file may delete
 * or truncate it. The pictures that rows name have syncs of their own, before
 * the transaction: see sm_pictures_sync.
 *
 * The file is made beforehand, for its owner alone (sm_file_reserve), and no
 * descriptor of it is opened or closed here but by SQLite: closing any would
 * drop the locks that this process has on it. For the same reason there must be
 * one libsqlite3 in a process; a host with a second, static copy that opens the
 * same file breaks the locks of both
 * (https://www.sqlite.org/howtocorrupt.html, 2.2.1). */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sm_db.h"
#include "sm_file.h"
#include "sm_system.h"
#include "sm_timer.h"

#ifdef SEGMIND_HAS_SQLITE

#include <sqlite3.h>

/* SQLite's own wait for a lock; who wants to wait longer asks again, and can do
 * other things in between. */
#define BUSY_MS 100
#define MAX_VALUES 24
#define MAX_STATEMENTS 96
/* Who forks is the host, which is never held up for longer than a disk may take
 * to commit. */
#define FORK_PATIENCE_MS 50

struct statement {
  const char *sql;
  sqlite3_stmt *handle;
};

struct sqlite {
  sqlite3 *handle;
  struct statement statements[MAX_STATEMENTS];
  int count;
  bool is_at_work; /* see enter and leave */
};

static const struct sm_db_dialect dialect = {
    .begin = "BEGIN IMMEDIATE",
    .has_table =
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1",
    .has_triggers =
        "SELECT 1 FROM sqlite_master WHERE type = 'trigger' "
        "AND name LIKE $1 || '%' GROUP BY type HAVING COUNT(*) = $2",
    .is_used = "SELECT 1 FROM sqlite_master LIMIT 1",
};

/* -- a fork ---------------------------------------------------------------
 *
 * SQLite keeps the locks of a file in the process's memory, too. A child that
 * was forked in the midst of a transaction inherits the note of a lock that it
 * does not have: a connection of its own to the same file then waits for ever,
 * or reads while the parent writes
 * (https://www.sqlite.org/howtocorrupt.html, 2.6). So a fork waits until no
 * connection of this process is at work, for some milliseconds; after a fork
 * that could not wait so long the child opens no ledger. */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static int at_work; /* connections */
static bool is_forking;
static bool is_amid; /* this process was forked while one was at work */

/* Nobody begins meanwhile, else one of many would always be at work. */
static void before_fork(void) {
  const int64_t until_ms = sm_now_ms() + FORK_PATIENCE_MS;
  int rc = 0;
  pthread_mutex_lock(&lock);
  is_forking = true;
  while (at_work > 0 && rc != ETIMEDOUT)
    rc = sm_system_wait(&changed, &lock, until_ms);
}

static void in_parent(void) {
  is_forking = false;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

/* The thread that forked has the lock; who waited for the condition is not in
 * the child. */
static void in_child(void) {
  is_amid |= at_work > 0;
  at_work = 0;
  is_forking = false;
  sm_system_condition(&changed);
  pthread_mutex_unlock(&lock);
}

static void watch(void) {
  sm_system_condition(&changed);
  (void)pthread_atfork(before_fork, in_parent, in_child);
}

/* Round each use of a connection, from the begin of a transaction to its end.
 * The first one watches for forks from then on. */
static void enter(void) {
  pthread_once(&once, watch);
  pthread_mutex_lock(&lock);
  while (is_forking)
    pthread_cond_wait(&changed, &lock);
  at_work++;
  pthread_mutex_unlock(&lock);
}

static void leave(void) {
  pthread_mutex_lock(&lock);
  if (--at_work == 0)
    pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

/* -- errors ---------------------------------------------------------------- */

struct meaning {
  int code;
  enum sm_db_status status;
  const char *advice;
};

static const struct meaning meanings[] = {
    {SQLITE_BUSY, SM_DB_BUSY,
     "another program holds its lock; end that, or wait"},
    {SQLITE_LOCKED, SM_DB_BUSY, "another statement holds its lock"},
    {SQLITE_PROTOCOL, SM_DB_BUSY, "its locks are contended"},
    {SQLITE_NOMEM, SM_DB_BUSY, "there is no memory"},
    {SQLITE_INTERRUPT, SM_DB_BUSY, "it was interrupted"},
    {SQLITE_IOERR_NOMEM, SM_DB_BUSY, "there is no memory"},
    {SQLITE_FULL, SM_DB_FULL, "make room on its disk"},
    {SQLITE_READONLY_DBMOVED, SM_DB_BROKEN,
     "the file was removed or replaced while it was in use: put it back"},
    {SQLITE_READONLY, SM_DB_BROKEN,
     "this user must be able to write the file and its folder"},
    {SQLITE_PERM, SM_DB_BROKEN,
     "this user must be able to write the file and its folder"},
    {SQLITE_CANTOPEN, SM_DB_BROKEN,
     "this user must be able to write the file and its folder"},
    {SQLITE_CORRUPT, SM_DB_BROKEN,
     "the file is damaged: restore a copy, or see \".recover\" of sqlite3"},
    {SQLITE_NOTADB, SM_DB_BROKEN, "give the ledger a file of its own"},
    {SQLITE_IOERR, SM_DB_BROKEN, "look after the disk"},
    {SQLITE_CONSTRAINT, SM_DB_REFUSED, "a rule of the database refuses it"},
    {SQLITE_ERROR, SM_DB_MISUSE,
     "its tables are not those that this library makes"},
};

/* Of an extended result code that is not listed, that of its last byte. */
static const struct meaning *meaning_of(int code) {
  static const struct meaning other = {0, SM_DB_BROKEN, "it cannot be used"};
  for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
    if (meanings[i].code == code)
      return &meanings[i];
  return code > 0xff ? meaning_of(code & 0xff) : &other;
}

static enum sm_db_status explain(const struct sm_db *db, int code,
                                 struct sm_error *e) {
  const struct sqlite *sqlite = db->self;
  const struct meaning *meaning = meaning_of(code);
  const char *text = sqlite3_errstr(code);
  if (code != SQLITE_IOERR_NOMEM && code != SQLITE_NOMEM && sqlite->handle)
    text = sqlite3_errmsg(sqlite->handle);
  return sm_db_fail(db, meaning->status, e, "fails: %.160s (%s)", text,
                    meaning->advice);
}

/* -- statements ------------------------------------------------------------ */

/* Prepared once; the few there are stand in a list. */
static int prepare(struct sqlite *sqlite, const char *sql,
                   sqlite3_stmt **handle) {
  for (int i = 0; i < sqlite->count; i++)
    if (sqlite->statements[i].sql == sql) {
      *handle = sqlite->statements[i].handle;
      return SQLITE_OK;
    }
  if (sqlite->count == MAX_STATEMENTS)
    return SQLITE_NOMEM;
  int code = sqlite3_prepare_v3(sqlite->handle, sql, -1,
                                SQLITE_PREPARE_PERSISTENT, handle, NULL);
  if (code == SQLITE_OK)
    sqlite->statements[sqlite->count++] = (struct statement){sql, *handle};
  return code;
}

/* SQLite takes $1 for a name and numbers names as they come. */
static int place_of(sqlite3_stmt *handle, int number) {
  char name[16];
  (void)snprintf(name, sizeof name, "$%d", number);
  return sqlite3_bind_parameter_index(handle, name);
}

static int bind_value(sqlite3_stmt *handle, int place,
                      const struct sm_db_value *value) {
  switch (value->type) {
  case SM_DB_NUMBER:
    return sqlite3_bind_double(handle, place, value->number);
  case SM_DB_TEXT:
    return sqlite3_bind_text64(handle, place, value->text, value->size,
                               SQLITE_STATIC, SQLITE_UTF8);
  case SM_DB_BYTES:
    return sqlite3_bind_blob64(handle, place, value->text, value->size,
                               SQLITE_STATIC);
  case SM_DB_NULL:
    break;
  }
  return sqlite3_bind_null(handle, place);
}

static int bind_values(sqlite3_stmt *handle, const struct sm_db_query *query) {
  int code = SQLITE_OK;
  for (int i = 0; code == SQLITE_OK && i < query->count; i++) {
    int place = place_of(handle, i + 1);
    if (place > 0)
      code = bind_value(handle, place, &query->values[i]);
  }
  return code;
}

static void read_value(sqlite3_stmt *handle, int column,
                       struct sm_db_value *value) {
  switch (sqlite3_column_type(handle, column)) {
  case SQLITE_NULL:
    *value = sm_db_null();
    break;
  case SQLITE_INTEGER:
  case SQLITE_FLOAT:
    value->type = SM_DB_NUMBER;
    value->number = sqlite3_column_double(handle, column);
    break;
  case SQLITE_BLOB:
    value->type = SM_DB_BYTES;
    value->text = sqlite3_column_blob(handle, column);
    value->size = (size_t)sqlite3_column_bytes(handle, column);
    break;
  default:
    value->type = SM_DB_TEXT;
    value->text = (const char *)sqlite3_column_text(handle, column);
    value->size = (size_t)sqlite3_column_bytes(handle, column);
  }
}

/* False without memory: SQLite then has no text for a value that is one. */
static bool hand_out(sqlite3_stmt *handle, const struct sm_db_query *query) {
  struct sm_db_value row[MAX_VALUES];
  int columns = sqlite3_column_count(handle);
  if (!query->take)
    return true;
  if (columns > MAX_VALUES)
    columns = MAX_VALUES;
  for (int i = 0; i < columns; i++) {
    read_value(handle, i, &row[i]);
    if (row[i].type == SM_DB_TEXT && !row[i].text)
      return false;
  }
  return query->take(query->user, row, columns);
}

static int step_through(sqlite3_stmt *handle, const struct sm_db_query *query) {
  int code;
  while ((code = sqlite3_step(handle)) == SQLITE_ROW)
    if (!hand_out(handle, query))
      return SQLITE_NOMEM;
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* From the begin of a transaction to its end is one piece of work. */
static void go_to_work(struct sqlite *sqlite) {
  if (!sqlite->is_at_work)
    enter();
  sqlite->is_at_work = true;
}

static void rest(struct sqlite *sqlite) {
  if (sqlite->handle && !sqlite3_get_autocommit(sqlite->handle))
    return;
  sqlite->is_at_work = false;
  leave();
}

static enum sm_db_status run(const struct sm_db *db, struct sm_db_query *query,
                             struct sm_error *e) {
  struct sqlite *sqlite = db->self;
  go_to_work(sqlite);
  sqlite3_stmt *handle = NULL;
  int code = prepare(sqlite, query->sql, &handle);
  if (code == SQLITE_OK)
    code = bind_values(handle, query);
  if (code == SQLITE_OK)
    code = step_through(handle, query);
  enum sm_db_status status =
      code == SQLITE_OK ? SM_DB_OK : explain(db, code, e);
  query->changed = sqlite3_changes(sqlite->handle);
  (void)sqlite3_reset(handle);
  if (handle)
    (void)sqlite3_clear_bindings(handle);
  rest(sqlite);
  return status;
}

static void close_file(const struct sm_db *db) {
  struct sqlite *sqlite = db->self;
  go_to_work(sqlite);
  for (int i = 0; i < sqlite->count; i++)
    (void)sqlite3_finalize(sqlite->statements[i].handle);
  (void)sqlite3_close(sqlite->handle);
  leave();
  free(sqlite);
}

/* -- opening --------------------------------------------------------------- */

/* A bare name might be ":memory:" or "file:...", which SQLite reads as
 * something else. */
static int open_file(struct sqlite *sqlite, const char *path) {
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
  char *plain = sqlite3_mprintf("%s%s", path[0] == '/' ? "" : "./", path);
  if (!plain)
    return SQLITE_NOMEM;
  int code = sqlite3_open_v2(plain, &sqlite->handle, flags, NULL);
  sqlite3_free(plain);
  if (code != SQLITE_OK)
    return code;
  (void)sqlite3_extended_result_codes(sqlite->handle, 1);
  return sqlite3_busy_timeout(sqlite->handle, BUSY_MS);
}

static bool note_health(void *user, const struct sm_db_value *row,
                        int columns) {
  char *health = user;
  if (columns > 0 && row[0].type == SM_DB_TEXT)
    (void)snprintf(health, 128, "%.127s", row[0].text);
  return true;
}

static enum sm_db_status set_up(const struct sm_db *db, struct sm_error *e) {
  static const char *const settings[] = {
      "PRAGMA journal_mode = PERSIST", "PRAGMA journal_size_limit = 4194304",
      "PRAGMA synchronous = FULL",
      "PRAGMA fullfsync = 1", /* macOS: through the disk's own cache, too */
  };
  char health[128] = "ok";
  struct sm_db_query check = {
      .sql = "PRAGMA quick_check(1)", .take = note_health, .user = health};
  enum sm_db_status status = SM_DB_OK;
  for (size_t i = 0; !status && i < sizeof settings / sizeof *settings; i++) {
    struct sm_db_query query = {.sql = settings[i]};
    status = run(db, &query, e);
  }
  if (!status)
    status = run(db, &check, e);
  if (!status && strcmp(health, "ok") != 0)
    status = sm_db_fail(db, SM_DB_BROKEN, e,
                        "is damaged: %.120s (restore a copy, or see "
                        "\".recover\" of sqlite3)",
                        health);
  return status;
}

bool sm_db_has_sqlite(void) { return true; }

enum sm_db_status sm_db_sqlite_open(struct sm_db *db,
                                    const struct sm_db_options *options,
                                    struct sm_error *e) {
  struct sm_error why;
  if (is_amid)
    return sm_db_fail(db, SM_DB_BROKEN, e,
                      "cannot be opened: this process was forked while its "
                      "parent wrote into a ledger; fork before, or start a "
                      "program of its own");
  if (sm_file_reserve(options->target, &why) != SM_OK)
    return sm_db_fail(db, SM_DB_BROKEN, e, "cannot be opened: %.300s",
                      why.message);
  struct sqlite *sqlite = calloc(1, sizeof *sqlite);
  if (!sqlite)
    return sm_db_fail(db, SM_DB_BUSY, e, "cannot be opened: out of memory");
  db->dialect = &dialect;
  db->run = run;
  db->close = close_file;
  db->self = sqlite;
  go_to_work(sqlite);
  int code = open_file(sqlite, options->target);
  rest(sqlite);
  enum sm_db_status status =
      code == SQLITE_OK ? set_up(db, e) : explain(db, code, e);
  if (status)
    sm_db_close(db);
  return status;
}

#else

bool sm_db_has_sqlite(void) { return false; }

enum sm_db_status sm_db_sqlite_open(struct sm_db *db,
                                    const struct sm_db_options *options,
                                    struct sm_error *e) {
  (void)options;
  return sm_db_fail(db, SM_DB_BROKEN, e,
                    "cannot be opened: this build of segmind has no SQLite; "
                    "install it (Debian: libsqlite3-dev) and build again");
}

#endif
