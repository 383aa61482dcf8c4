/* A ledger on a PostgreSQL server, by libpq.
 *
 * An object of its own that sm_db_open loads, so the core does not need libpq;
 * of the core it has sm_db.c and sm_error.c, and nothing of it is called back.
 *
 * A server may stop answering at any moment, and libpq's blocking calls would
 * wait for ever: everything here is sent, and its answer waited for with
 * poll(2) and a bound. Who waited in vain closes the connection, and the next
 * transaction begins with another one. A COMMIT whose answer was lost may still
 * be carried out; it holds the turn until then, so the transaction that comes
 * after it sees what became of it (sm_ledger_rows, `is_in_doubt`).
 *
 * The server gets bounds, too: it gives up a statement, and a transaction whose
 * client was stopped in the midst of it. A user's own settings stand, but that
 * a commit must be on the disk. */
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sm_db.h"

#define CONNECT_MS 5000
#define STATEMENT_MS 7000 /* the server's own bound is shorter */
#define SLICE_MS 100      /* of a wait, between looks at give_up_ms */
#define MAX_VALUES 24
#define ATTEMPT 300 /* to connect, in words */

/* https://www.postgresql.org/docs/current/catalog-pg-type.html */
enum {
  OID_BOOL = 16,
  OID_BYTEA = 17,
  OID_INT8 = 20,
  OID_INT2 = 21,
  OID_INT4 = 23,
  OID_TEXT = 25,
  OID_FLOAT8 = 701
};

struct server {
  PGconn *connection; /* NULL: lost */
  char *url;
  const atomic_llong *give_up_ms;
};

static const struct sm_db_dialect dialect = {
    .begin = "BEGIN ISOLATION LEVEL READ COMMITTED",
    .now = "SELECT CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp())) "
           "AS DOUBLE PRECISION)",
    .clock = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) "
             "AS DOUBLE PRECISION)",
    .has_table = "SELECT 1 FROM information_schema.tables "
                 "WHERE table_schema = current_schema() AND table_name = $1",
    .has_triggers = "SELECT 1 FROM pg_trigger t JOIN pg_class c "
                    "ON c.oid = t.tgrelid JOIN pg_namespace n "
                    "ON n.oid = c.relnamespace "
                    "WHERE t.tgname LIKE CAST($1 AS TEXT) || '%' "
                    "AND t.tgenabled IN ('O', 'A') "
                    "AND n.nspname = current_schema() GROUP BY n.nspname "
                    "HAVING COUNT(*) = CAST($2 AS DOUBLE PRECISION)",
    .make_alone = "SELECT pg_advisory_xact_lock(7310312)",
    .needs_turn = true,
    .has_plpgsql = true,
    .is_remote = true,
    .notify = "NOTIFY segmind_queue",
    .listen = "LISTEN segmind_queue",
};

static const char set_up_sql[] =
    "SELECT set_config('statement_timeout', '5000', false) "
    "WHERE current_setting('statement_timeout') = '0';"
    "SELECT set_config('idle_in_transaction_session_timeout', '30000', false) "
    "WHERE current_setting('idle_in_transaction_session_timeout') = '0';"
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') = 'off'";

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* -- errors ---------------------------------------------------------------- */

struct meaning {
  const char *state; /* the beginning of an SQLSTATE */
  enum sm_db_status status;
  const char *advice;
};

/* https://www.postgresql.org/docs/current/errcodes-appendix.html */
static const struct meaning meanings[] = {
    {"08", SM_DB_AWAY, "is the server running?"},
    {"57P", SM_DB_AWAY, "the server is being stopped or started"},
    {"25P", SM_DB_AWAY, "the transaction took too long"},
    {"57014", SM_DB_BUSY, "it took too long; what holds the lock?"},
    {"55P03", SM_DB_BUSY, "another program holds the lock"},
    {"40", SM_DB_BUSY, "another program was quicker"},
    {"53100", SM_DB_FULL, "make room on the server's disk"},
    {"53", SM_DB_BUSY, "the server has no memory or connections left"},
    {"23", SM_DB_REFUSED, "a rule of the database refuses it"},
    {"P0001", SM_DB_REFUSED, "a rule of the database refuses it"},
    {"25006", SM_DB_BROKEN, "the ledger needs a server that can be written"},
    {"42501", SM_DB_BROKEN, "this user must be able to make and write tables"},
    {"42", SM_DB_MISUSE, "its tables are not those that this library makes"},
};

static const struct meaning *meaning_of(const char *state) {
  static const struct meaning other = {"", SM_DB_BROKEN, "it cannot be used"};
  for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
    if (strncmp(state, meanings[i].state, strlen(meanings[i].state)) == 0)
      return &meanings[i];
  return &other;
}

/* libpq's messages have several lines; the first says it. */
static int line_of(const char *message) {
  size_t length = strcspn(message, "\n");
  return length < 240 ? (int)length : 240;
}

static void disconnect(struct server *server) {
  PQfinish(server->connection);
  server->connection = NULL;
}

/* The connection is of no use any more. A server that says why it ends one is
 * running. */
static enum sm_db_status lose(const struct sm_db *db, struct sm_error *e,
                              const char *what) {
  struct server *server = db->self;
  const char *said = PQerrorMessage(server->connection);
  bool is_refusal = strstr(said, "FATAL:") != NULL;
  enum sm_db_status status =
      sm_db_fail(db, SM_DB_AWAY, e, "%s: %.*s%s", what, line_of(said), said,
                 is_refusal ? "" : " (is the server running?)");
  disconnect(server);
  return status;
}

/* What the URL leaves out comes from elsewhere: PGUSER, a service file, the
 * system. */
static const char *name_attempt(const struct server *server, char *what,
                                size_t room) {
  const PGconn *connection = server->connection;
  const char *role = PQuser(connection), *database = PQdb(connection),
             *host = PQhost(connection);
  if (role && database && host)
    (void)snprintf(what, room,
                   "cannot be opened by the role %.63s in the database %.63s "
                   "at %.80s",
                   role, database, host);
  else
    (void)snprintf(what, room, "cannot be opened");
  return what;
}

static enum sm_db_status explain(const struct sm_db *db, const PGresult *result,
                                 struct sm_error *e) {
  struct server *server = db->self;
  const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (!state || PQstatus(server->connection) == CONNECTION_BAD)
    return lose(db, e, "has closed the connection");
  const struct meaning *meaning = meaning_of(state);
  if (meaning->status == SM_DB_AWAY)
    disconnect(server);
  return sm_db_fail(db, meaning->status, e, "fails: %.200s (%s)",
                    text ? text : state, meaning->advice);
}

/* -- waiting --------------------------------------------------------------- */

/* Waits for the socket; false when `until_ms` has come, or give_up_ms. */
static bool wait_for(const struct server *server, short events,
                     int64_t until_ms) {
  for (;;) {
    int64_t now = now_ms(), last = until_ms;
    int64_t give_up =
        server->give_up_ms ? atomic_load(server->give_up_ms) : INT64_MAX;
    if (give_up < last)
      last = give_up;
    if (now >= last)
      return false;
    struct pollfd wanted = {.fd = PQsocket(server->connection),
                            .events = events};
    int64_t slice = last - now < SLICE_MS ? last - now : SLICE_MS;
    if (wanted.fd < 0 || poll(&wanted, 1, (int)slice) > 0)
      return true;
  }
}

static enum sm_db_status give_up(const struct sm_db *db, const char *what,
                                 struct sm_error *e) {
  disconnect(db->self);
  return sm_db_fail(db, SM_DB_AWAY, e,
                    "%s: it does not answer (is the server running?)", what);
}

/* -- connecting ------------------------------------------------------------ */

static void be_silent(void *user, const char *message) {
  (void)user, (void)message;
}

/* What the URL says comes later, and so prevails. */
static PGconn *begin_connecting(const struct server *server) {
  const char *const names[] = {"tcp_user_timeout",          "keepalives_idle",
                               "keepalives_interval",       "keepalives_count",
                               "fallback_application_name", "dbname",
                               "client_encoding",           NULL};
  const char *const values[] = {"10000",   "10",        "5",    "3",
                                "segmind", server->url, "UTF8", NULL};
  return PQconnectStartParams(names, values, 1);
}

/* The user's connect_timeout, which libpq leaves to us. */
static int64_t connect_ms(PGconn *connection) {
  PQconninfoOption *options = PQconninfo(connection);
  long seconds = 0;
  for (const PQconninfoOption *at = options; at && at->keyword; at++)
    if (strcmp(at->keyword, "connect_timeout") == 0 && at->val)
      seconds = strtol(at->val, NULL, 10);
  PQconninfoFree(options);
  return seconds > 0 && seconds < 600 ? seconds * 1000 : CONNECT_MS;
}

static enum sm_db_status finish_connecting(const struct sm_db *db,
                                           struct sm_error *e) {
  struct server *server = db->self;
  char what[ATTEMPT];
  int64_t until = now_ms() + connect_ms(server->connection);
  PostgresPollingStatusType wants = PGRES_POLLING_WRITING;
  while (wants != PGRES_POLLING_OK) {
    if (wants == PGRES_POLLING_FAILED)
      return lose(db, e, name_attempt(server, what, sizeof what));
    if (!wait_for(server, wants == PGRES_POLLING_READING ? POLLIN : POLLOUT,
                  until))
      return give_up(db, name_attempt(server, what, sizeof what), e);
    wants = PQconnectPoll(server->connection);
  }
  return SM_DB_OK;
}

/* -- results --------------------------------------------------------------- */

static double read_float8(const char *bytes) {
  uint32_t high, low;
  double number;
  memcpy(&high, bytes, 4);
  memcpy(&low, bytes + 4, 4);
  uint64_t bits = (uint64_t)ntohl(high) << 32 | ntohl(low);
  memcpy(&number, &bits, sizeof number);
  return number;
}

static double read_integer(const char *bytes, int size) {
  int64_t number = (signed char)bytes[0] < 0 ? -1 : 0;
  for (int i = 0; i < size; i++)
    number = (int64_t)((uint64_t)number << 8 | (unsigned char)bytes[i]);
  return (double)number;
}

static struct sm_db_value read_value(const PGresult *result, int row,
                                     int column) {
  const char *bytes = PQgetvalue(result, row, column);
  int size = PQgetlength(result, row, column);
  struct sm_db_value value = {.type = SM_DB_NUMBER};
  if (PQgetisnull(result, row, column))
    return sm_db_null();
  switch (PQftype(result, column)) {
  case OID_FLOAT8:
    value.number = read_float8(bytes);
    break;
  case OID_BOOL:
  case OID_INT2:
  case OID_INT4:
  case OID_INT8:
    value.number = read_integer(bytes, size);
    break;
  case OID_BYTEA:
    value = sm_db_bytes(bytes, (size_t)size);
    break;
  default:
    value = (struct sm_db_value){
        .type = SM_DB_TEXT, .text = bytes, .size = (size_t)size};
  }
  return value;
}

static bool hand_out(const PGresult *result, const struct sm_db_query *query) {
  struct sm_db_value row[MAX_VALUES];
  int columns = PQnfields(result);
  if (columns > MAX_VALUES)
    columns = MAX_VALUES;
  for (int i = 0; query->take && i < PQntuples(result); i++) {
    for (int k = 0; k < columns; k++)
      row[k] = read_value(result, i, k);
    if (!query->take(query->user, row, columns))
      return false;
  }
  return true;
}

static enum sm_db_status read_result(const struct sm_db *db, PGresult *result,
                                     struct sm_db_query *query,
                                     struct sm_error *e) {
  switch (PQresultStatus(result)) {
  case PGRES_TUPLES_OK:
  case PGRES_COMMAND_OK:
  case PGRES_EMPTY_QUERY:
    query->changed = strtoll(PQcmdTuples(result), NULL, 10);
    return hand_out(result, query)
               ? SM_DB_OK
               : sm_db_fail(db, SM_DB_BUSY, e, "fails: out of memory");
  default:
    return explain(db, result, e);
  }
}

static enum sm_db_status flush(const struct sm_db *db, int64_t until,
                               struct sm_error *e) {
  struct server *server = db->self;
  int left;
  while ((left = PQflush(server->connection)) > 0) {
    if (!wait_for(server, POLLIN | POLLOUT, until))
      return give_up(db, "waits for a statement", e);
    if (!PQconsumeInput(server->connection))
      return lose(db, e, "has closed the connection");
  }
  return left == 0 ? SM_DB_OK : lose(db, e, "has closed the connection");
}

/* All results of what was sent; the first error counts. */
static enum sm_db_status
receive(const struct sm_db *db, struct sm_db_query *query, struct sm_error *e) {
  struct server *server = db->self;
  int64_t until = now_ms() + STATEMENT_MS;
  enum sm_db_status status = flush(db, until, e);
  while (server->connection) {
    if (!PQisBusy(server->connection)) {
      PGresult *result = PQgetResult(server->connection);
      if (!result)
        break;
      if (!status)
        status = read_result(db, result, query, e);
      PQclear(result);
    } else if (!wait_for(server, POLLIN, until)) {
      return give_up(db, "waits for a statement", e);
    } else if (!PQconsumeInput(server->connection)) {
      return lose(db, e, "has closed the connection");
    }
  }
  return status;
}

static enum sm_db_status connect_server(const struct sm_db *db,
                                        struct sm_error *e) {
  struct server *server = db->self;
  struct sm_db_query none = {0};
  char what[ATTEMPT];
  server->connection = begin_connecting(server);
  if (!server->connection)
    return sm_db_fail(db, SM_DB_BUSY, e, "cannot be opened: out of memory");
  if (PQstatus(server->connection) == CONNECTION_BAD)
    return lose(db, e, name_attempt(server, what, sizeof what));
  enum sm_db_status status = finish_connecting(db, e);
  if (status)
    return status;
  (void)PQsetNoticeProcessor(server->connection, be_silent, NULL);
  if (PQsetnonblocking(server->connection, 1) != 0 ||
      !PQsendQuery(server->connection, set_up_sql))
    return lose(db, e, "cannot be opened");
  return receive(db, &none, e);
}

/* -- values ---------------------------------------------------------------- */

/* The values of a statement as libpq wants them. */
struct parameters {
  Oid types[MAX_VALUES];
  const char *texts[MAX_VALUES];
  int sizes[MAX_VALUES];
  int formats[MAX_VALUES];
  char numbers[MAX_VALUES][8];
  char *copies[MAX_VALUES]; /* owned */
};

static void write_float8(char *bytes, double number) {
  uint64_t bits;
  memcpy(&bits, &number, sizeof bits);
  for (int i = 0; i < 8; i++)
    bytes[i] = (char)(bits >> (56 - 8 * i));
}

/* Bytes of the character at `at`, 0 for none that a server would take: of
 * UTF-8, and not zero. */
static size_t character(const unsigned char *at, size_t size) {
  static const struct {
    unsigned char least, most, second_least, second_most, size;
  } forms[] = {{0x01, 0x7f, 0x00, 0xff, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2},
               {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
               {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
               {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
               {0xf4, 0xf4, 0x80, 0x8f, 4}};
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    if (at[0] < forms[i].least || at[0] > forms[i].most)
      continue;
    if (size < forms[i].size)
      return 0;
    if (forms[i].size > 1 &&
        (at[1] < forms[i].second_least || at[1] > forms[i].second_most))
      return 0;
    for (size_t k = 2; k < forms[i].size; k++)
      if ((at[k] & 0xc0) != 0x80)
        return 0;
    return forms[i].size;
  }
  return 0;
}

/* What a service has answered must be kept, though a byte of it is odd: the
 * server would refuse the whole text for it. */
static bool clean(struct parameters *parameters, int i,
                  const struct sm_db_value *value) {
  const unsigned char *text = (const unsigned char *)value->text;
  for (size_t at = 0; at < value->size;) {
    size_t size = character(text + at, value->size - at);
    if (size == 0 && !parameters->copies[i]) {
      parameters->copies[i] = malloc(value->size);
      if (!parameters->copies[i])
        return false;
      memcpy(parameters->copies[i], text, value->size);
    }
    if (size == 0)
      parameters->copies[i][at] = '?';
    at += size ? size : 1;
  }
  parameters->texts[i] =
      parameters->copies[i] ? parameters->copies[i] : value->text;
  return true;
}

static bool set_value(struct parameters *parameters, int i,
                      const struct sm_db_value *value) {
  parameters->formats[i] = 1;
  switch (value->type) {
  case SM_DB_NUMBER:
    parameters->types[i] = OID_FLOAT8;
    write_float8(parameters->numbers[i], value->number);
    parameters->texts[i] = parameters->numbers[i];
    parameters->sizes[i] = 8;
    return true;
  case SM_DB_TEXT:
    parameters->types[i] = OID_TEXT;
    parameters->sizes[i] = (int)value->size;
    return clean(parameters, i, value);
  case SM_DB_BYTES:
    parameters->types[i] = OID_BYTEA;
    parameters->sizes[i] = (int)value->size;
    parameters->texts[i] = value->text;
    return true;
  case SM_DB_NULL:
    break;
  }
  return true;
}

static void free_copies(struct parameters *parameters) {
  for (int i = 0; i < MAX_VALUES; i++)
    free(parameters->copies[i]);
}

static enum sm_db_status send_query(const struct sm_db *db,
                                    const struct sm_db_query *query,
                                    struct sm_error *e) {
  struct server *server = db->self;
  struct parameters parameters = {0};
  bool is_set = true;
  for (int i = 0; is_set && i < query->count && i < MAX_VALUES; i++)
    is_set = set_value(&parameters, i, &query->values[i]);
  bool is_sent =
      is_set && PQsendQueryParams(server->connection, query->sql, query->count,
                                  parameters.types, parameters.texts,
                                  parameters.sizes, parameters.formats, 1);
  free_copies(&parameters);
  if (!is_set)
    return sm_db_fail(db, SM_DB_BUSY, e, "fails: out of memory");
  return is_sent ? SM_DB_OK : lose(db, e, "has closed the connection");
}

/* -- the verbs ------------------------------------------------------------- */

/* A lost connection is made again where nothing of it is missed: at the
 * beginning of a transaction, and for a statement that is one. */
static enum sm_db_status need_connection(const struct sm_db *db,
                                         const struct sm_db_query *query,
                                         struct sm_error *e) {
  struct server *server = db->self;
  if (server->connection && PQstatus(server->connection) == CONNECTION_OK)
    return SM_DB_OK;
  disconnect(server);
  if (query->sql == dialect.begin || query->is_alone)
    return connect_server(db, e);
  return sm_db_fail(db, SM_DB_AWAY, e, "has closed the connection");
}

static enum sm_db_status run(const struct sm_db *db, struct sm_db_query *query,
                             struct sm_error *e) {
  enum sm_db_status status = need_connection(db, query, e);
  if (!status)
    status = send_query(db, query, e);
  return status ? status : receive(db, query, e);
}

/* What the socket holds already is read. */
static bool is_notified(const struct sm_db *db) {
  struct server *server = db->self;
  bool is_any = false;
  PGnotify *notice;
  if (!server->connection || !PQconsumeInput(server->connection))
    return false;
  while ((notice = PQnotifies(server->connection)) != NULL) {
    is_any = true;
    PQfreemem(notice);
  }
  return is_any;
}

static void close_server(const struct sm_db *db) {
  struct server *server = db->self;
  disconnect(server);
  free(server->url);
  free(server);
}

__attribute__((visibility("default"))) enum sm_db_status
sm_db_postgres_open_6(struct sm_db *db, const struct sm_db_options *options,
                      struct sm_error *e);

enum sm_db_status sm_db_postgres_open_6(struct sm_db *db,
                                        const struct sm_db_options *options,
                                        struct sm_error *e) {
  struct server *server = calloc(1, sizeof *server);
  if (!server || (server->url = strdup(options->target)) == NULL) {
    free(server);
    return sm_db_fail(db, SM_DB_BUSY, e, "cannot be opened: out of memory");
  }
  server->give_up_ms = options->give_up_ms;
  db->dialect = &dialect;
  db->run = run;
  db->close = close_server;
  db->is_notified = is_notified;
  db->self = server;
  enum sm_db_status status = connect_server(db, e);
  if (status)
    sm_db_close(db);
  return status;
}
