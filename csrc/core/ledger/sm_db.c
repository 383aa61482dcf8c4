#include "sm_db.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool sm_db_is_transient(enum sm_db_status status) {
  return status == SM_DB_BUSY || status == SM_DB_AWAY;
}

bool sm_db_is_broken(enum sm_db_status status) {
  return status == SM_DB_BROKEN || status == SM_DB_MISUSE;
}

struct sm_db_value sm_db_null(void) {
  return (struct sm_db_value){.type = SM_DB_NULL};
}

struct sm_db_value sm_db_number(double number) {
  if (!isfinite(number))
    return sm_db_null();
  return (struct sm_db_value){.type = SM_DB_NUMBER, .number = number};
}

struct sm_db_value sm_db_text(const char *text) {
  if (!text)
    return sm_db_null();
  return (struct sm_db_value){
      .type = SM_DB_TEXT, .text = text, .size = strlen(text)};
}

struct sm_db_value sm_db_bytes(const void *bytes, size_t size) {
  return (struct sm_db_value){.type = SM_DB_BYTES, .text = bytes, .size = size};
}

enum sm_db_status sm_db_fail(const struct sm_db *db, enum sm_db_status status,
                             struct sm_error *e, const char *format, ...) {
  char text[sizeof e->message];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  sm_fail(e, SM_LEDGER, "the ledger %.160s %s", db->name, text);
  if (e)
    e->is_retryable = sm_db_is_transient(status);
  return status;
}

enum sm_db_status sm_db_run(const struct sm_db *db, struct sm_db_query *query,
                            struct sm_error *e) {
  query->changed = 0;
  if (!db->self)
    return sm_db_fail(db, SM_DB_BROKEN, e, "is closed");
  return db->run(db, query, e);
}

static bool note_row(void *user, const struct sm_db_value *row, int columns) {
  (void)row, (void)columns;
  *(bool *)user = true;
  return true;
}

enum sm_db_status sm_db_has_row(const struct sm_db *db,
                                struct sm_db_query *query, bool *is_there,
                                struct sm_error *e) {
  *is_there = false;
  query->take = note_row;
  query->user = is_there;
  return sm_db_run(db, query, e);
}

enum sm_db_status sm_db_has_table(const struct sm_db *db, const char *name,
                                  bool *is_there, struct sm_error *e) {
  struct sm_db_query query = {.sql = db->dialect->has_table,
                              .values = SM_DB_VALUES(sm_db_text(name)),
                              .count = 1};
  return sm_db_has_row(db, &query, is_there, e);
}

enum sm_db_status sm_db_exec(const struct sm_db *db, const char *sql,
                             struct sm_error *e) {
  struct sm_db_query query = {.sql = sql};
  return sm_db_run(db, &query, e);
}

void sm_db_close(struct sm_db *db) {
  if (db->self)
    db->close(db);
  db->self = NULL;
}
