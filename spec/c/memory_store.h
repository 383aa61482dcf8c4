/* A store without a database: rows in memory, on a clock that is moved by hand.
 *
 * For simulations of the engine: a write comes home `latency_ms` after it was
 * put, in order, and its row is durable from then on; memory_store_crash loses
 * what has not come home, as a kill does. The rules are those of sm_ledger_rows
 * written a second time, in as few words as they take;
 * memory_store_test compares the two over random writes. */
#ifndef MEMORY_STORE_H
#define MEMORY_STORE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sm_ledger_rows.h"

struct memory_store {
  struct sm_row *rows; /* in the order of their making */
  struct sm_writes queued;
  const char *owner;
  bool is_alone;  /* every other owner has died */
  bool is_down;   /* nothing comes home */
  bool is_broken; /* nothing is written: that is told before a submit at once,
                     after it at the write's deadline */
  int64_t now_ms;
  int64_t latency_ms;
  int64_t wall_s; /* Unix time at now_ms 0 */
  uint64_t commits;
  struct sm_latency latency;
};

static inline double memory_now_s(const struct memory_store *store) {
  int64_t seconds = store->wall_s + store->now_ms / 1000;
  return (double)seconds;
}

static inline const char *state_of(const struct sm_row *row) {
  return sm_row_text(row, SM_ROW_STATE);
}

static inline bool is_in(const struct sm_row *row, const char *state) {
  return strcmp(state_of(row), state) == 0;
}

static inline bool is_of(const struct sm_row *row, enum sm_column column,
                         const char *text) {
  const char *value = sm_row_text(row, column);
  return value && text && strcmp(value, text) == 0;
}

static inline double amount(const struct sm_row *row, enum sm_column column) {
  double value = sm_row_number(row, column);
  return isnan(value) ? 0 : value;
}

/* Puts a row with other values in the place of the one at `link`. */
static inline void put_row(struct sm_row **link,
                           const struct sm_db_value *values) {
  struct sm_row *row = sm_row_new(values, SM_STANDING_FREE, NULL);
  if (*link) {
    row->next = (*link)->next;
    (*link)->next = NULL;
    sm_row_delete(*link);
  }
  *link = row;
}

static inline struct sm_row **row_of(struct memory_store *store,
                                     const char *key, int64_t generation) {
  struct sm_row **link = &store->rows;
  while (*link && !(is_of(*link, SM_ROW_STEP_KEY, key) &&
                    (int64_t)amount(*link, SM_ROW_GENERATION) == generation))
    link = &(*link)->next;
  return link;
}

static inline int rank_of(const struct sm_row *row) {
  return is_in(row, "completed") ? 2 : is_in(row, "failed") ? 0 : 1;
}

/* The latest of the best kind. */
static inline struct sm_row **best_of(struct memory_store *store,
                                      const char *key) {
  static struct sm_row *none;
  struct sm_row **best = NULL;
  for (struct sm_row **link = &store->rows; *link; link = &(*link)->next)
    if (is_of(*link, SM_ROW_STEP_KEY, key) &&
        (!best || rank_of(*link) > rank_of(*best) ||
         (rank_of(*link) == rank_of(*best) &&
          amount(*link, SM_ROW_GENERATION) > amount(*best, SM_ROW_GENERATION))))
      best = link;
  none = NULL;
  return best ? best : &none;
}

static inline double memory_spent(const struct memory_store *store) {
  double sum = 0;
  for (const struct sm_row *row = store->rows; row; row = row->next) {
    bool has_cost = !isnan(sm_row_number(row, SM_ROW_COST));
    sum += amount(row, SM_ROW_DOUBT);
    if (is_in(row, "completed") && has_cost)
      sum += amount(row, SM_ROW_COST);
    else if (!is_in(row, "failed"))
      sum += amount(row, SM_ROW_PRICE);
  }
  return sum;
}

static inline void lease(const struct memory_store *store,
                         struct sm_db_value *values) {
  values[SM_ROW_LEASE_OWNER] = sm_db_text(store->owner);
  values[SM_ROW_LEASE_UNTIL] = sm_db_number(memory_now_s(store) + SM_LEASE_S);
}

static inline void describe(struct sm_db_value *values,
                            const struct sm_ledger_step *step) {
  values[SM_ROW_API] = sm_db_text(step->api);
  values[SM_ROW_BODY] = sm_db_text(step->body ? "" : NULL);
  values[SM_ROW_BODY].text = step->body;
  values[SM_ROW_BODY].size = step->body_size;
  values[SM_ROW_SEED] = sm_db_number(step->seed);
  values[SM_ROW_PRICE] = sm_db_number(step->price);
}

static inline void add_row(struct memory_store *store, struct sm_write *write,
                           const char *request_id) {
  const struct sm_ledger_step *step = write->step;
  struct sm_row **end = &store->rows;
  int64_t generation = 1;
  for (; *end; end = &(*end)->next)
    if (is_of(*end, SM_ROW_STEP_KEY, step->key) &&
        amount(*end, SM_ROW_GENERATION) >= (double)generation)
      generation = (int64_t)amount(*end, SM_ROW_GENERATION) + 1;
  struct sm_db_value values[SM_ROW_COLUMNS] = {
      [SM_ROW_STEP_KEY] = sm_db_text(step->key),
      [SM_ROW_GENERATION] = sm_db_number((double)generation),
      [SM_ROW_NAME] = sm_db_text(step->name),
      [SM_ROW_MODEL] = sm_db_text(step->model),
      [SM_ROW_PARAMS] = sm_db_text(step->params),
      [SM_ROW_STATE] = sm_db_text(request_id ? "accepted" : "intent"),
      [SM_ROW_REQUEST_ID] = sm_db_text(request_id),
      [SM_ROW_SUBMITS] = sm_db_number(1),
      [SM_ROW_DOUBT] = sm_db_number(0),
      [SM_ROW_SUBMITTED_AT] = sm_db_number(memory_now_s(store)),
  };
  describe(values, step);
  lease(store, values);
  put_row(end, values);
  write->written = generation;
  write->submits = 1;
}

static inline void memory_intend(struct memory_store *store,
                                 struct sm_write *write, struct sm_row **row) {
  const struct sm_ledger_step *step = write->step;
  if (!isnan(step->budget)) {
    write->spent = memory_spent(store);
    if (!(write->spent + step->price <= step->budget + 1e-9)) {
      write->standing = SM_STANDING_REFUSED;
      write->limit = write->step->budget;
      return;
    }
  }
  write->standing = SM_STANDING_MINE;
  if (!*row) {
    add_row(store, write, NULL);
    return;
  }
  struct sm_db_value values[SM_ROW_COLUMNS];
  memcpy(values, (*row)->value, sizeof values);
  double doubt = amount(*row, SM_ROW_DOUBT);
  write->row = sm_row_new(values, SM_STANDING_FREE, NULL);
  if (is_in(*row, "failed"))
    values[SM_ROW_SUBMITTED_AT] = sm_db_number(memory_now_s(store));
  else
    doubt += amount(*row, SM_ROW_PRICE);
  describe(values, step);
  lease(store, values);
  values[SM_ROW_DOUBT] = sm_db_number(doubt);
  values[SM_ROW_STATE] = sm_db_text("intent");
  values[SM_ROW_REQUEST_ID] = sm_db_null();
  values[SM_ROW_SUBMITS] = sm_db_number(amount(*row, SM_ROW_SUBMITS) + 1);
  write->written = (int64_t)amount(*row, SM_ROW_GENERATION);
  write->submits = (int32_t)amount(*row, SM_ROW_SUBMITS) + 1;
  put_row(row, values);
}

static inline bool memory_is_free(const struct memory_store *store,
                                  const struct sm_row *row, bool may_be_own) {
  if (is_of(row, SM_ROW_LEASE_OWNER, store->owner) && may_be_own)
    return true;
  return (store->is_alone && !is_of(row, SM_ROW_LEASE_OWNER, store->owner)) ||
         amount(row, SM_ROW_LEASE_UNTIL) <= memory_now_s(store);
}

static inline void memory_take(struct memory_store *store,
                               struct sm_write *write, struct sm_row **row) {
  struct sm_db_value values[SM_ROW_COLUMNS];
  memcpy(values, (*row)->value, sizeof values);
  write->standing = SM_STANDING_HELD;
  if (write->kind == SM_WRITE_FIND || is_in(*row, "failed") ||
      !memory_is_free(store, *row, write->kind != SM_WRITE_ATTACH))
    return;
  lease(store, values);
  put_row(row, values);
  write->standing = SM_STANDING_TAKEN;
}

/* How the row at `row` stands to the asker. */
static inline void memory_answer(struct memory_store *store,
                                 struct sm_write *write, struct sm_row **row) {
  write->standing = SM_STANDING_FREE;
  if (!*row)
    return;
  write->row = sm_row_new((*row)->value, SM_STANDING_FREE, NULL);
  write->written = (int64_t)amount(*row, SM_ROW_GENERATION);
  if (is_in(*row, "completed"))
    write->standing = SM_STANDING_DONE;
  else if (!is_in(*row, "failed") || write->kind == SM_WRITE_ATTACH)
    memory_take(store, write, row);
  write->row->standing = write->standing;
}

static inline void memory_look(struct memory_store *store,
                               struct sm_write *write) {
  const struct sm_ledger_step *step = write->step;
  struct sm_row **latest = NULL;
  if (!step->is_fresh || write->kind == SM_WRITE_FIND) {
    memory_answer(store, write, best_of(store, step->key));
    return;
  }
  for (struct sm_row **link = &store->rows; *link; link = &(*link)->next)
    if (is_of(*link, SM_ROW_STEP_KEY, step->key) && rank_of(*link) == 1 &&
        memory_is_free(store, *link, false) &&
        (!latest ||
         amount(*link, SM_ROW_GENERATION) > amount(*latest, SM_ROW_GENERATION)))
      latest = link;
  if (latest)
    memory_answer(store, write, latest);
}

static inline void memory_claim(struct memory_store *store,
                                struct sm_write *write) {
  const struct sm_ledger_step *step = write->step;
  struct sm_row *none = NULL, **row;
  if (write->generation > 0) {
    row = row_of(store, step->key, write->generation);
    if (*row && !is_in(*row, "failed") &&
        !((is_in(*row, "intent") || is_in(*row, "unknown")) &&
          is_of(*row, SM_ROW_LEASE_OWNER, store->owner) &&
          amount(*row, SM_ROW_LEASE_UNTIL) <= memory_now_s(store))) {
      memory_look(store, write);
      return;
    }
  } else {
    memory_look(store, write);
    if (write->standing != SM_STANDING_FREE)
      return;
    sm_write_clear(write);
    row = step->is_fresh ? &none : best_of(store, step->key);
  }
  memory_intend(store, write, row);
}

/* The id that the write brings is that of another row. */
static inline bool memory_is_others(const struct memory_store *store,
                                    const struct sm_row *row,
                                    struct sm_write *write) {
  for (const struct sm_row *at = store->rows; at; at = at->next)
    if (at != row && is_of(at, SM_ROW_REQUEST_ID, write->request_id))
      write->standing = SM_STANDING_NOT_OURS;
  return write->standing == SM_STANDING_NOT_OURS;
}

/* The row stands for the submit that the write is about. */
static inline bool memory_is_of_submit(const struct sm_row *row,
                                       const struct sm_write *write) {
  return write->submits == 0 || write->submits == amount(row, SM_ROW_SUBMITS);
}

static inline void memory_accept(struct memory_store *store,
                                 struct sm_write *write) {
  struct sm_row **row = row_of(store, write->key, write->generation);
  write->written = write->generation;
  if (memory_is_others(store, *row, write))
    return;
  if (*row && memory_is_of_submit(*row, write) &&
      (is_in(*row, "intent") || is_in(*row, "unknown") ||
       (is_in(*row, "accepted") && !sm_row_text(*row, SM_ROW_REQUEST_ID)))) {
    struct sm_db_value values[SM_ROW_COLUMNS];
    memcpy(values, (*row)->value, sizeof values);
    values[SM_ROW_STATE] = sm_db_text("accepted");
    values[SM_ROW_REQUEST_ID] = sm_db_text(write->request_id);
    if (is_of(*row, SM_ROW_LEASE_OWNER, store->owner))
      lease(store, values);
    put_row(row, values);
  } else if (!*row || !is_of(*row, SM_ROW_REQUEST_ID, write->request_id)) {
    add_row(store, write, write->request_id);
  }
}

/* The row has vanished, or is another submit's: a result gets another, a
 * picture has none. */
static inline void memory_complete_apart(struct memory_store *store,
                                         struct sm_write *write,
                                         const struct sm_row *row) {
  const struct sm_ledger_step *step = write->step;
  const struct sm_ledger_step sent = sm_row_step(row, write->key);
  struct sm_error e;
  sm_fail(&e, SM_LEDGER, "the row has vanished");
  if (write->kind != SM_WRITE_COMPLETE) {
    sm_write_fail(write, &e);
    return;
  }
  write->step = &sent;
  add_row(store, write, write->request_id);
  write->step = step;
}

static inline bool memory_can_fill(const struct sm_row *row,
                                   const struct sm_write *write) {
  return is_of(row, SM_ROW_REQUEST_ID, write->request_id) ||
         (memory_is_of_submit(row, write) &&
          (!sm_row_text(row, SM_ROW_REQUEST_ID) || !write->request_id ||
           is_in(row, "intent") || is_in(row, "unknown")));
}

static inline void memory_complete(struct memory_store *store,
                                   struct sm_write *write) {
  struct sm_row **row = row_of(store, write->key, write->generation);
  struct sm_db_value values[SM_ROW_COLUMNS];
  if (write->kind == SM_WRITE_COMPLETE) {
    write->written = write->generation;
    if (memory_is_others(store, *row, write))
      return;
  }
  if (!*row ||
      (write->kind == SM_WRITE_COMPLETE && !memory_can_fill(*row, write))) {
    memory_complete_apart(store, write, *row);
    row = row_of(store, write->key, write->written);
  }
  if (write->error)
    return;
  memcpy(values, (*row)->value, sizeof values);
  if (write->kind == SM_WRITE_COMPLETE) {
    values[SM_ROW_STATE] = sm_db_text("completed");
    if (write->request_id)
      values[SM_ROW_REQUEST_ID] = sm_db_text(write->request_id);
    values[SM_ROW_RESULT] = sm_db_text(write->text);
    values[SM_ROW_COST] =
        write->cost >= 0 ? sm_db_number(write->cost) : sm_db_null();
    if (!isnan(write->seed))
      values[SM_ROW_SEED] = sm_db_number(write->seed);
    values[SM_ROW_ENDED_AT] = sm_db_number(write->ended_at);
    values[SM_ROW_LEASE_UNTIL] = sm_db_number(0);
  }
  write->is_unsynced = false;
  if (write->file) {
    values[SM_ROW_FILE] = sm_db_text(write->file);
    values[SM_ROW_FILE_SHA256] = sm_db_text(write->sha256);
  }
  put_row(row, values);
}

static inline void memory_end(struct memory_store *store,
                              struct sm_write *write) {
  struct sm_row **row = row_of(store, write->key, write->generation);
  struct sm_db_value values[SM_ROW_COLUMNS];
  if (memory_is_others(store, *row, write) || !*row ||
      is_in(*row, "completed") ||
      (is_in(*row, "accepted") && !is_in(*row, write->state) &&
       sm_row_text(*row, SM_ROW_REQUEST_ID) &&
       !is_of(*row, SM_ROW_REQUEST_ID, write->request_id)) ||
      !is_of(*row, SM_ROW_LEASE_OWNER, store->owner) ||
      amount(*row, SM_ROW_LEASE_UNTIL) <= 0)
    return;
  memcpy(values, (*row)->value, sizeof values);
  values[SM_ROW_STATE] = sm_db_text(write->state);
  if (!sm_row_text(*row, SM_ROW_REQUEST_ID))
    values[SM_ROW_REQUEST_ID] = sm_db_text(write->request_id);
  values[SM_ROW_DOUBT] =
      sm_db_number(fmax(amount(*row, SM_ROW_DOUBT) - write->refund, 0));
  values[SM_ROW_LEASE_UNTIL] = sm_db_number(0);
  put_row(row, values);
}

static inline void memory_attach(struct memory_store *store,
                                 struct sm_write *write) {
  struct sm_row **row = &store->rows;
  while (*row && !is_of(*row, SM_ROW_REQUEST_ID, write->request_id))
    row = &(*row)->next;
  memory_answer(store, write, row);
}

static inline bool comes_before(const struct sm_row *a,
                                const struct sm_row *b) {
  double by_time =
      amount(a, SM_ROW_SUBMITTED_AT) - amount(b, SM_ROW_SUBMITTED_AT);
  if (by_time != 0)
    return by_time < 0;
  int by_key =
      strcmp(sm_row_text(a, SM_ROW_STEP_KEY), sm_row_text(b, SM_ROW_STEP_KEY));
  return by_key < 0 || (by_key == 0 && amount(a, SM_ROW_GENERATION) <
                                           amount(b, SM_ROW_GENERATION));
}

/* All that was begun, as it was, oldest first. */
static inline void memory_resume(struct memory_store *store,
                                 struct sm_write *write) {
  for (struct sm_row **row = &store->rows; *row; row = &(*row)->next) {
    if (rank_of(*row) != 1)
      continue;
    struct sm_row **at = &write->row;
    struct sm_row *copy = sm_row_new((*row)->value, SM_STANDING_HELD, NULL);
    while (*at && comes_before(*at, copy))
      at = &(*at)->next;
    copy->next = *at;
    *at = copy;
    if (!memory_is_free(store, *row, false))
      continue;
    struct sm_db_value values[SM_ROW_COLUMNS];
    memcpy(values, (*row)->value, sizeof values);
    lease(store, values);
    put_row(row, values);
    copy->standing = SM_STANDING_TAKEN;
  }
}

/* Of how long the one model takes that a simulation has. */
static inline void memory_copy_figures(struct sm_latency *to,
                                       const struct sm_latency *from) {
  const char *service = to->service, *model = to->model;
  *to = *from;
  to->service = service;
  to->model = model;
}

static inline void memory_apply(struct memory_store *store,
                                struct sm_write *write) {
  sm_write_clear(write);
  write->standing = SM_STANDING_FREE;
  switch (write->kind) {
  case SM_WRITE_CLAIM:
    memory_claim(store, write);
    break;
  case SM_WRITE_LOOK:
  case SM_WRITE_FIND:
    memory_look(store, write);
    break;
  case SM_WRITE_ATTACH:
    memory_attach(store, write);
    break;
  case SM_WRITE_RESUME:
    memory_resume(store, write);
    break;
  case SM_WRITE_ACCEPT:
    memory_accept(store, write);
    break;
  case SM_WRITE_COMPLETE:
  case SM_WRITE_KEEP:
    memory_complete(store, write);
    break;
  case SM_WRITE_END:
    memory_end(store, write);
    break;
  case SM_WRITE_LEARN:
    memory_copy_figures(&store->latency, write->latency);
    break;
  case SM_WRITE_RECALL:
    memory_copy_figures(write->latency, &store->latency);
    break;
  default:
    write->spent = memory_spent(store);
  }
}

/* -- the store ------------------------------------------------------------- */

static inline void memory_put(void *self, struct sm_write *write) {
  struct memory_store *store = self;
  write->give_up_ms = store->now_ms + store->latency_ms;
  sm_writes_push(&store->queued, write);
}

static inline void memory_refuse(struct sm_write *write) {
  struct sm_error e;
  sm_fail(&e, SM_LEDGER, "the ledger is broken");
  e.is_retryable = true;
  sm_write_fail(write, &e);
}

static inline struct sm_write *memory_finished(void *self) {
  struct memory_store *store = self;
  struct sm_write *write = store->queued.head;
  if (!write || store->is_down || write->give_up_ms > store->now_ms ||
      (store->is_broken && sm_write_is_after_submit(write) &&
       write->deadline_ms > store->now_ms))
    return NULL;
  (void)sm_writes_pop(&store->queued);
  if (store->is_broken)
    memory_refuse(write);
  else
    memory_apply(store, write);
  store->commits++;
  return write;
}

static inline struct sm_store memory_store(struct memory_store *store) {
  return (struct sm_store){store, memory_put, memory_finished};
}

/* The process dies; another, called `owner`, comes after it. The writes belong
 * to the dead. */
static inline void memory_store_crash(struct memory_store *store,
                                      const char *owner) {
  store->queued = (struct sm_writes){0};
  store->owner = owner;
  store->is_alone = true;
}

static inline void memory_store_destroy(struct memory_store *store) {
  sm_row_delete(store->rows);
  store->rows = NULL;
}

#endif
