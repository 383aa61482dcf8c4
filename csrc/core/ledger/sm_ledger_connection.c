#include "sm_ledger_connection.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sm_ledger_spent.h"
#include "sm_ledger_tables.h"
#include "sm_thread.h"
#include "sm_timer.h"

#define PATIENCE_MS                                                            \
  5000 /* for another's lock to go, when it is first opened                    \
        */
#define PAUSE_MS 10

static bool copy(char **kept, const char *text) {
  *kept = text ? strdup(text) : NULL;
  return *kept || !text;
}

static enum sm_db_status connect_to(struct sm_ledger_connection *connection,
                                    struct sm_error *e) {
  const struct sm_db_options options = {.target = connection->target,
                                        .driver_folder =
                                            connection->driver_folder,
                                        .give_up_ms = connection->give_up_ms};
  bool is_there = true;
  enum sm_db_status status = sm_db_open(&connection->db, &options, e);
  if (!status && connection->was_open)
    status = sm_ledger_tables_are_there(&connection->db, &is_there, e);
  connection->is_made_anew |= !status && !is_there;
  return status;
}

static enum sm_db_status prepare(struct sm_ledger_connection *connection,
                                 struct sm_error *e) {
  enum sm_db_status status =
      sm_ledger_tables_prepare(&connection->db, connection->service, e);
  if (!status)
    status = sm_ledger_spent_prepare(&connection->db, e);
  return status
             ? status
             : sm_pictures_prepare(&connection->pictures, &connection->db,
                                   connection->files, connection->is_shared, e);
}

enum sm_db_status
sm_ledger_connection_need(struct sm_ledger_connection *connection,
                          struct sm_error *e) {
  if (connection->db.self && connection->was_open)
    return SM_DB_OK;
  enum sm_db_status status =
      connection->db.self ? SM_DB_OK : connect_to(connection, e);
  if (!status)
    status = prepare(connection, e);
  if (!status)
    connection->was_open = true;
  else if (connection->was_open)
    sm_db_close(&connection->db);
  return status;
}

enum sm_db_status sm_ledger_connection_create(
    struct sm_ledger_connection *connection,
    const struct sm_ledger_options *options, const struct sm_db *db,
    const atomic_llong *give_up_ms, struct sm_error *e) {
  int64_t until = sm_now_ms() + PATIENCE_MS;
  *connection = (struct sm_ledger_connection){.give_up_ms = give_up_ms,
                                              .is_shared = options->is_shared};
  if (db)
    connection->db = *db;
  if (!copy(&connection->target, options->target) ||
      !copy(&connection->service, options->service) ||
      !copy(&connection->driver_folder, options->driver_folder) ||
      !copy(&connection->files, options->files)) {
    sm_fail_memory(e);
    return SM_DB_BUSY;
  }
  enum sm_db_status status = sm_ledger_connection_need(connection, e);
  while (status == SM_DB_BUSY && sm_now_ms() < until) {
    sm_thread_sleep(PAUSE_MS);
    status = sm_ledger_connection_need(connection, e);
  }
  return status;
}

void sm_ledger_connection_destroy(struct sm_ledger_connection *connection) {
  sm_db_close(&connection->db);
  sm_pictures_destroy(&connection->pictures);
  free(connection->target);
  free(connection->service);
  free(connection->driver_folder);
  free(connection->files);
}
