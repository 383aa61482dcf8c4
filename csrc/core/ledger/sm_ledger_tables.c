#include "sm_ledger_tables.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define VERSION 1

const char sm_ledger_turn_sql[] = "UPDATE segmind_ledger SET turn = 1 - turn";

static const char head_sql[] = "SELECT version, service FROM segmind_ledger";

static const char make_head_sql[] =
    "INSERT INTO segmind_ledger (version, turn, service) VALUES ($1, 0, $2)";

static const char *const tables[] = {
    "CREATE TABLE segmind_ledger (version INTEGER NOT NULL, "
    "turn INTEGER NOT NULL, service TEXT NOT NULL)",
    "CREATE TABLE segmind_steps (step_key TEXT NOT NULL, "
    "generation INTEGER NOT NULL, name TEXT, model TEXT NOT NULL, "
    "api TEXT NOT NULL, params TEXT NOT NULL, state TEXT NOT NULL, "
    "body TEXT NOT NULL, seed DOUBLE PRECISION, request_id TEXT, "
    "submits INTEGER NOT NULL, price DOUBLE PRECISION, "
    "doubt DOUBLE PRECISION NOT NULL, cost DOUBLE PRECISION, "
    "submitted_at DOUBLE PRECISION NOT NULL, accepted_at DOUBLE PRECISION, "
    "ended_at DOUBLE PRECISION, result TEXT, problem TEXT, file TEXT, "
    "file_sha256 TEXT, lease_owner TEXT NOT NULL, "
    "lease_until DOUBLE PRECISION NOT NULL, "
    "PRIMARY KEY (step_key, generation))",
    "CREATE INDEX segmind_steps_request ON segmind_steps (request_id)",
    "CREATE INDEX segmind_steps_state ON segmind_steps (state)",
};

struct head {
  double version; /* NAN: there is none */
  char service[256];
};

static bool note_head(void *user, const struct sm_db_value *row, int columns) {
  struct head *head = user;
  if (columns == 2 && row[0].type == SM_DB_NUMBER)
    head->version = row[0].number;
  if (columns == 2 && row[1].type == SM_DB_TEXT)
    (void)snprintf(head->service, sizeof head->service, "%.255s", row[1].text);
  return true;
}

static enum sm_db_status check_head(const struct sm_db *db, const char *service,
                                    struct sm_error *e) {
  struct head head = {.version = (double)NAN};
  struct sm_db_query query = {
      .sql = head_sql, .take = note_head, .user = &head};
  enum sm_db_status status = sm_db_run(db, &query, e);
  if (status)
    return status;
  if (isnan(head.version))
    return sm_db_fail(db, SM_DB_MISUSE, e,
                      "has lost its version: restore a copy of it");
  if (head.version != VERSION)
    return sm_db_fail(db, SM_DB_MISUSE, e,
                      "is of version %.15g, and this library writes version "
                      "%d: use another file, or the library that made it",
                      head.version, VERSION);
  if (strcmp(head.service, service) != 0)
    return sm_db_fail(db, SM_DB_MISUSE, e,
                      "is one of %.100s, and this client speaks to %.100s: "
                      "give each a ledger of its own",
                      head.service, service);
  return SM_DB_OK;
}

static enum sm_db_status make_tables(const struct sm_db *db,
                                     const char *service, struct sm_error *e) {
  enum sm_db_status status = SM_DB_OK;
  for (size_t i = 0; !status && i < sizeof tables / sizeof tables[0]; i++)
    status = sm_db_exec(db, tables[i], e);
  struct sm_db_query query = {
      .sql = make_head_sql,
      .values = SM_DB_VALUES(sm_db_number(VERSION), sm_db_text(service)),
      .count = 2};
  return status ? status : sm_db_run(db, &query, e);
}

enum sm_db_status sm_ledger_tables_are_there(const struct sm_db *db,
                                             bool *are_there,
                                             struct sm_error *e) {
  return sm_db_has_table(db, "segmind_ledger", are_there, e);
}

/* A file that holds other tables; a server's database may well. */
static enum sm_db_status is_used(const struct sm_db *db, bool *is_so,
                                 struct sm_error *e) {
  struct sm_db_query query = {.sql = db->dialect->is_used};
  *is_so = false;
  return query.sql ? sm_db_has_row(db, &query, is_so, e) : SM_DB_OK;
}

static enum sm_db_status
make_or_check(const struct sm_db *db, const char *service, struct sm_error *e) {
  bool is_ledger, is_others = false;
  enum sm_db_status status = sm_ledger_tables_are_there(db, &is_ledger, e);
  if (!status && !is_ledger)
    status = is_used(db, &is_others, e);
  if (status)
    return status;
  if (is_others)
    return sm_db_fail(db, SM_DB_MISUSE, e,
                      "is the database of another program: give the ledger a "
                      "file of its own");
  return is_ledger ? check_head(db, service, e) : make_tables(db, service, e);
}

enum sm_db_status sm_ledger_tables_prepare(const struct sm_db *db,
                                           const char *service,
                                           struct sm_error *e) {
  const struct sm_db_dialect *dialect = db->dialect;
  enum sm_db_status status = sm_db_exec(db, dialect->begin, e);
  if (!status && dialect->make_alone)
    status = sm_db_exec(db, dialect->make_alone, e);
  if (!status)
    status = make_or_check(db, service, e);
  if (!status)
    status = sm_db_exec(db, sm_ledger_turn_sql, e);
  if (!status)
    status = sm_db_exec(db, "COMMIT", e);
  if (status)
    (void)sm_db_exec(db, "ROLLBACK", NULL);
  return status;
}
