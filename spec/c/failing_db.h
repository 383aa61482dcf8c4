/* A database that fails when it is told to: another one, with a fault before or
 * after a statement of a given text. */
#ifndef FAILING_DB_H
#define FAILING_DB_H

#include <signal.h>
#include <string.h>

#include "sm_db.h"

struct failing_db {
  struct sm_db inner;
  const char *text; /* statements that begin so; NULL: every statement */
  int after;        /* how many of them go well before */
  int times;        /* how many fail then */
  enum sm_db_status status;
  bool is_carried_out; /* the statement is, but its answer is lost */
  bool is_fatal;       /* the process is killed instead */
  int statements;      /* seen so far */
};

static inline bool strikes(struct failing_db *failing, const char *text) {
  if (failing->text && strncmp(text, failing->text, strlen(failing->text)) != 0)
    return false;
  if (failing->after > 0) {
    failing->after--;
    return false;
  }
  return failing->times > 0 && failing->times--;
}

static inline enum sm_db_status failing_run(const struct sm_db *db,
                                            struct sm_db_query *query,
                                            struct sm_error *e) {
  struct failing_db *failing = db->self;
  bool is_struck = strikes(failing, query->sql);
  failing->statements++;
  if (is_struck && failing->is_fatal && !failing->is_carried_out)
    raise(SIGKILL);
  if (is_struck && !failing->is_carried_out)
    return sm_db_fail(db, failing->status, e, "fails as it was told to");
  enum sm_db_status status = sm_db_run(&failing->inner, query, e);
  if (is_struck && failing->is_fatal)
    raise(SIGKILL);
  return is_struck ? sm_db_fail(db, failing->status, e, "loses its answer")
                   : status;
}

static inline void failing_close(const struct sm_db *db) {
  struct failing_db *failing = db->self;
  sm_db_close(&failing->inner);
}

/* `failing` must outlive what it returns. */
static inline struct sm_db fail_over(struct failing_db *failing,
                                     struct sm_db inner) {
  *failing = (struct failing_db){.inner = inner};
  struct sm_db db = inner;
  db.run = failing_run;
  db.close = failing_close;
  db.is_notified = NULL;
  db.self = failing;
  return db;
}

#endif
