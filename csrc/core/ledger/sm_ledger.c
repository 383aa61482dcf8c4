#include "sm_ledger.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sm_ledger_queue.h"
#include "sm_ledger_rows.h"
#include "sm_owner.h"
#include "sm_pictures.h"
#include "sm_system.h"
#include "sm_thread.h"
#include "sm_timer.h"

#define PATIENCE_MS 10000 /* a write before a submit */
#define NOTE_MS 1000      /* of trouble, until the host is told */
#define DRAIN_MS 2000
#define RENEW_MS (SM_LEASE_S * 1000 / 3)
#define BACKOFF_MS 10
#define BACKOFF_CAP_MS 500
#define LISTEN_MS 50 /* between looks for a notice, which ask nobody */

/* When something is tried once more. */
struct retry {
  int64_t at_ms; /* not before */
  int64_t backoff_ms;
};

struct sm_ledger {
  /* The thread's, once there is one. */
  struct sm_ledger_connection connection;
  struct sm_transaction transaction;
  struct sm_writes pending; /* not durable yet, in order */
  struct sm_writes refused; /* the same, tried again in a while, by itself */
  struct sm_transfers transfers;
  struct sm_write renewal;
  bool is_renewing;        /* it is among the pending */
  bool may_hold;           /* leases, so they are to be renewed */
  bool is_listening;       /* the server tells of what becomes ready */
  int64_t renew_ms;        /* when they are */
  struct sm_error trouble; /* of the last transaction that is tried again */
  struct retry retry;      /* of the pending */
  struct retry again;      /* of the refused */
  /* Set once. */
  char owner[SM_OWNER_NAME + 32];
  char name[256]; /* the database's: its own is written when it is reopened */
  void (*wake)(void *user);
  void *user;
  int64_t every_ms; /* between renewals */
  pthread_t thread;
  bool has_thread;
  bool is_inline;
  bool is_over; /* stopped */
  /* Both sides'. */
  pthread_mutex_t lock;
  pthread_cond_t work;
  pthread_cond_t answer;
  bool is_answered;
  struct sm_writes queued;
  struct sm_writes minor; /* go with the next of the queued */
  struct sm_writes home;
  struct sm_write note;
  bool is_note_out;   /* on its way, or in the caller's hands */
  bool is_note_taken; /* in the caller's hands */
  bool is_noted;      /* the caller knows that it takes long */
  bool is_stopping;
  atomic_llong since_ms; /* the pending are tried; -1: there are none */
  atomic_bool has_home;
  atomic_llong give_up_ms; /* when stopping; the database looks at it, too */
  atomic_ullong writes;
  atomic_ullong commits;
  atomic_ullong retries;
  atomic_ullong notices; /* of the queue, that have come */
};

/* -- sending home ---------------------------------------------------------- */

static void send_home(struct sm_ledger *ledger, struct sm_writes *done) {
  if (!done->head)
    return;
  pthread_mutex_lock(&ledger->lock);
  sm_writes_move(&ledger->home, done);
  atomic_store(&ledger->has_home, true);
  pthread_mutex_unlock(&ledger->lock);
  if (ledger->wake)
    ledger->wake(ledger->user);
}

/* One NOTE at a time: while the caller has it, there is no other. */
static void send_note(struct sm_ledger *ledger, const struct sm_error *e) {
  pthread_mutex_lock(&ledger->lock);
  bool can_send = !ledger->is_note_out;
  if (can_send) {
    sm_write_create(&ledger->note, SM_WRITE_NOTE, NULL);
    sm_write_fail(&ledger->note, e);
    sm_writes_push(&ledger->home, &ledger->note);
    ledger->is_note_out = true;
    atomic_store(&ledger->has_home, true);
  }
  pthread_mutex_unlock(&ledger->lock);
  if (can_send && ledger->wake)
    ledger->wake(ledger->user);
}

static void answer(struct sm_ledger *ledger) {
  pthread_mutex_lock(&ledger->lock);
  ledger->is_answered = true;
  pthread_cond_signal(&ledger->answer);
  pthread_mutex_unlock(&ledger->lock);
}

/* What a write that is home has changed about the leases. */
static void note_lease(struct sm_ledger *ledger, const struct sm_write *write) {
  if (write == &ledger->renewal) {
    ledger->is_renewing = false;
    ledger->may_hold = write->error || write->standing == SM_STANDING_HELD;
    return;
  }
  if (write->kind == SM_WRITE_QUEUE)
    ledger->is_listening |= !write->error && write->queue->is_told;
  bool was_held = ledger->may_hold;
  if (write->kind <= SM_WRITE_RESUME || write->kind == SM_WRITE_ACCEPT)
    ledger->may_hold = true;
  if (ledger->may_hold && !was_held)
    ledger->renew_ms = sm_now_ms() + ledger->every_ms;
}

/* It has come to its end. */
static void finish(struct sm_ledger *ledger, struct sm_write *write,
                   struct sm_writes *done) {
  note_lease(ledger, write);
  if (write == &ledger->renewal) {
    if (write->error)
      send_note(ledger, write->error);
    sm_write_clear(write);
    return;
  }
  atomic_fetch_add(&ledger->writes, 1);
  if (write->is_awaited)
    answer(ledger);
  else
    sm_writes_push(done, write);
}

static void finish_first(struct sm_ledger *ledger, struct sm_writes *done) {
  finish(ledger, sm_writes_pop(&ledger->pending), done);
}

/* -- transactions ---------------------------------------------------------- */

/* Whole seconds, as people read them in the database. */
static double wall_s(void) {
  int64_t seconds = sm_wall_ms() / 1000;
  return (double)seconds;
}

/* Their commit failed, or its answer was lost: it may have come through. */
static void doubt(struct sm_write *first, const struct sm_write *last) {
  for (struct sm_write *at = first; at; at = at == last ? NULL : at->next)
    at->is_in_doubt = true;
}

static enum sm_db_status begin(struct sm_ledger *ledger, struct sm_error *e) {
  enum sm_db_status status = sm_ledger_connection_need(&ledger->connection, e);
  return status ? status
                : sm_transaction_begin(&ledger->transaction, wall_s(), e);
}

/* A ledger that had to be made anew does not know what was paid before. */
static enum sm_db_status apply(struct sm_ledger *ledger, struct sm_write *write,
                               struct sm_error *e) {
  struct sm_ledger_connection *connection = &ledger->connection;
  if (!connection->is_made_anew || sm_write_is_after_submit(write))
    return sm_ledger_rows_apply(&ledger->transaction, write, e);
  (void)sm_db_fail(&connection->db, SM_DB_REFUSED, e,
                   "was removed or emptied while it was open; what had been "
                   "accepted is written into a new one: make a new client to "
                   "use that");
  sm_write_clear(write);
  sm_write_fail(write, e);
  return SM_DB_OK;
}

/* Carries out the writes from `first` to `last` in one transaction that has
 * begun. */
static enum sm_db_status carry_out(struct sm_ledger *ledger,
                                   struct sm_write *first,
                                   const struct sm_write *last,
                                   struct sm_error *e) {
  enum sm_db_status status = SM_DB_OK;
  for (struct sm_write *at = first; !status && at;
       at = at == last ? NULL : at->next)
    status = apply(ledger, at, e);
  if (!status) {
    status = sm_transaction_commit(&ledger->transaction, e);
    if (status)
      doubt(first, last);
  }
  if (status)
    sm_transaction_rollback(&ledger->transaction);
  else
    atomic_fetch_add(&ledger->commits, 1);
  return status;
}

static enum sm_db_status commit(struct sm_ledger *ledger,
                                struct sm_write *first,
                                const struct sm_write *last,
                                struct sm_error *e) {
  enum sm_db_status status = begin(ledger, e);
  return status ? status : carry_out(ledger, first, last, e);
}

/* -- a database that fails ------------------------------------------------- */

static void wait_longer(struct retry *retry) {
  retry->backoff_ms *= 2;
  if (retry->backoff_ms < BACKOFF_MS)
    retry->backoff_ms = BACKOFF_MS;
  if (retry->backoff_ms > BACKOFF_CAP_MS)
    retry->backoff_ms = BACKOFF_CAP_MS;
  retry->at_ms = sm_now_ms() + retry->backoff_ms;
}

/* Once, until all is well again. */
static void note_once(struct sm_ledger *ledger, const char *why) {
  pthread_mutex_lock(&ledger->lock);
  bool is_first = !ledger->is_noted;
  ledger->is_noted = true;
  pthread_mutex_unlock(&ledger->lock);
  if (!is_first)
    return;
  struct sm_error e;
  sm_fail(&e, SM_LEDGER,
          "%.380s; what was accepted is written as soon as that can be", why);
  send_note(ledger, &e);
}

/* Of what may pass by itself the host hears after a second. */
static void note_delay(struct sm_ledger *ledger, const char *why) {
  int64_t since = atomic_load(&ledger->since_ms);
  if (since >= 0 && sm_now_ms() - since >= NOTE_MS)
    note_once(ledger, why);
}

static void note_trouble(struct sm_ledger *ledger, const struct sm_error *e) {
  ledger->trouble = *e;
  atomic_fetch_add(&ledger->retries, 1);
  note_delay(ledger, e->message);
  wait_longer(&ledger->retry);
}

static void begin_trial(struct sm_ledger *ledger) {
  if (atomic_load(&ledger->since_ms) < 0)
    atomic_store(&ledger->since_ms, sm_now_ms());
}

static void end_trial(struct sm_ledger *ledger) {
  atomic_store(&ledger->since_ms, -1);
  ledger->retry = (struct retry){0};
  if (ledger->refused.head)
    return;
  pthread_mutex_lock(&ledger->lock);
  ledger->is_noted = false;
  pthread_mutex_unlock(&ledger->lock);
  ledger->again = (struct retry){0};
  sm_error_clear(&ledger->trouble);
}

/* Those whose time is over after a try that failed. Everything is tried once.
 */
static void give_up_late(struct sm_ledger *ledger, int64_t now,
                         struct sm_writes *done) {
  struct sm_writes rest = {0};
  while (ledger->pending.head) {
    struct sm_write *write = ledger->pending.head;
    if (write->give_up_ms > now) {
      sm_writes_push(&rest, sm_writes_pop(&ledger->pending));
      continue;
    }
    if (!write->error)
      sm_write_fail(write, &ledger->trouble);
    finish_first(ledger, done);
  }
  sm_writes_move(&ledger->pending, &rest);
}

static void refuse(struct sm_write *write, enum sm_db_status status,
                   const struct sm_error *e) {
  sm_write_fail(write, e);
  write->is_broken = sm_db_is_broken(status);
}

static void try_again_later(struct sm_ledger *ledger, struct sm_write *write) {
  note_once(ledger, write->error->message);
  if (!ledger->refused.head)
    wait_longer(&ledger->again);
  if (write->give_up_ms < ledger->again.at_ms)
    ledger->again.at_ms = write->give_up_ms;
  sm_writes_push(&ledger->refused, write);
}

/* The first of the pending is not written. Where nothing was submitted it goes
 * home (M5); what may be about money already spent is tried again until its
 * deadline (M4). */
static void settle_refusal(struct sm_ledger *ledger, struct sm_writes *done) {
  struct sm_write *write = ledger->pending.head;
  if (write->is_broken)
    sm_db_close(&ledger->connection.db);
  write->is_moved &= !write->is_broken; /* there may be another database */
  if (!sm_write_is_after_submit(write) || write->give_up_ms <= sm_now_ms()) {
    finish_first(ledger, done);
    return;
  }
  try_again_later(ledger, sm_writes_pop(&ledger->pending));
}

/* The pending have been tried, each. */
static void settle(struct sm_ledger *ledger, struct sm_writes *done) {
  while (ledger->pending.head)
    if (ledger->pending.head->error)
      settle_refusal(ledger, done);
    else
      finish_first(ledger, done);
}

/* A transaction was refused: write by write it shows whom that concerns. */
static void commit_each(struct sm_ledger *ledger, struct sm_writes *done) {
  struct sm_writes tried = {0};
  struct sm_error e;
  enum sm_db_status status = SM_DB_OK;
  while (ledger->pending.head && !sm_db_is_transient(status)) {
    struct sm_write *write = ledger->pending.head;
    status = commit(ledger, write, write, &e);
    if (sm_db_is_transient(status)) {
      note_trouble(ledger, &e);
      continue;
    }
    if (status)
      refuse(write, status, &e);
    sm_writes_push(&tried, sm_writes_pop(&ledger->pending));
  }
  struct sm_writes rest = ledger->pending;
  ledger->pending = tried;
  settle(ledger, done);
  ledger->pending = rest;
}

static void refuse_all(struct sm_ledger *ledger, enum sm_db_status status,
                       const struct sm_error *e) {
  for (struct sm_write *at = ledger->pending.head; at; at = at->next)
    refuse(at, status, e);
}

static void try_pending(struct sm_ledger *ledger, struct sm_writes *done) {
  const struct sm_writes *pending = &ledger->pending;
  struct sm_error e;
  enum sm_db_status status = begin(ledger, &e);
  bool is_begun = !status;
  if (is_begun)
    status = carry_out(ledger, pending->head, pending->tail, &e);
  if (sm_db_is_transient(status)) {
    note_trouble(ledger, &e);
  } else if (status && is_begun) {
    commit_each(ledger, done);
  } else {
    if (status)
      refuse_all(ledger, status, &e);
    settle(ledger, done);
  }
}

/* Before their rows name them, and before the database is locked for that. What
 * the disk does not take is not tried again: see sm_file_unsynced. */
static void sync_pictures(struct sm_ledger *ledger, struct sm_writes *done) {
  struct sm_writes failed = {0};
  sm_pictures_sync(&ledger->connection.pictures, &ledger->pending, &failed);
  while (failed.head) {
    struct sm_write *write = sm_writes_pop(&failed);
    if (write->is_unsynced && write->give_up_ms > sm_now_ms())
      try_again_later(ledger, write);
    else
      finish(ledger, write, done);
  }
}

static void commit_pending(struct sm_ledger *ledger) {
  struct sm_writes done = {0};
  begin_trial(ledger);
  sync_pictures(ledger, &done);
  if (ledger->pending.head)
    try_pending(ledger, &done);
  if (ledger->pending.head)
    give_up_late(ledger, sm_now_ms(), &done);
  if (!ledger->pending.head)
    end_trial(ledger);
  send_home(ledger, &done);
}

/* -- pictures -------------------------------------------------------------- */

/* A piece was not moved. */
static void settle_piece(struct sm_ledger *ledger, enum sm_db_status status,
                         const struct sm_error *e, struct sm_writes *done) {
  const struct sm_write *write = ledger->transfers.waiting.head;
  bool is_transient = sm_db_is_transient(status);
  if (is_transient)
    note_trouble(ledger, e);
  if (is_transient && write->give_up_ms > sm_now_ms())
    return;
  sm_writes_push(&ledger->pending, sm_transfers_pop(&ledger->transfers));
  refuse(ledger->pending.head, status, e);
  settle(ledger, done);
}

/* Between two transactions a piece is moved: no write waits for more. */
static void move_piece(struct sm_ledger *ledger) {
  struct sm_writes done = {0};
  struct sm_error e;
  bool is_over = false;
  begin_trial(ledger);
  enum sm_db_status status = sm_ledger_connection_need(&ledger->connection, &e);
  if (!status)
    status = sm_transfers_step(&ledger->transfers, &ledger->connection.pictures,
                               &is_over, &e);
  if (status)
    settle_piece(ledger, status, &e, &done);
  else if (is_over)
    sm_writes_push(&ledger->pending, sm_transfers_pop(&ledger->transfers));
  if (!status && is_over && ledger->pending.head->kind == SM_WRITE_PICTURE)
    finish_first(ledger, &done);
  if (!sm_db_is_transient(status))
    end_trial(ledger);
  send_home(ledger, &done);
}

/* -- a turn ---------------------------------------------------------------- */

static void take_queued(struct sm_ledger *ledger) {
  pthread_mutex_lock(&ledger->lock);
  sm_writes_move(&ledger->pending, &ledger->queued);
  if (ledger->pending.head)
    sm_writes_move(&ledger->pending, &ledger->minor);
  pthread_mutex_unlock(&ledger->lock);
  if (sm_now_ms() >= ledger->again.at_ms)
    sm_writes_move(&ledger->pending, &ledger->refused);
  sm_transfers_take(&ledger->transfers, &ledger->connection.pictures,
                    &ledger->pending);
  if (!ledger->may_hold || ledger->is_renewing ||
      sm_now_ms() < ledger->renew_ms)
    return;
  ledger->renew_ms = sm_now_ms() + ledger->every_ms;
  ledger->is_renewing = true;
  sm_write_create(&ledger->renewal, SM_WRITE_RENEW, NULL);
  ledger->renewal.give_up_ms = ledger->renew_ms;
  sm_writes_push(&ledger->pending, &ledger->renewal);
}

static void turn(struct sm_ledger *ledger) {
  if (sm_now_ms() < ledger->retry.at_ms)
    return;
  take_queued(ledger);
  if (ledger->pending.head)
    commit_pending(ledger);
  if (!ledger->pending.head && ledger->transfers.waiting.head)
    move_piece(ledger);
}

/* What is left when the time for it is over. */
static void abandon(struct sm_ledger *ledger) {
  struct sm_writes done = {0};
  pthread_mutex_lock(&ledger->lock);
  sm_writes_move(&ledger->pending, &ledger->queued);
  sm_writes_move(&ledger->pending, &ledger->minor);
  pthread_mutex_unlock(&ledger->lock);
  sm_writes_move(&ledger->pending, &ledger->refused);
  while (ledger->transfers.waiting.head)
    sm_writes_push(&ledger->pending, sm_transfers_pop(&ledger->transfers));
  if (ledger->trouble.code == SM_OK)
    sm_fail(&ledger->trouble, SM_LEDGER, "the ledger %.160s was closed",
            ledger->name);
  give_up_late(ledger, INT64_MAX, &done);
  send_home(ledger, &done);
}

static void let_leases_go(struct sm_ledger *ledger) {
  struct sm_write release = {0};
  struct sm_error none;
  sm_write_create(&release, SM_WRITE_RELEASE, NULL);
  (void)commit(ledger, &release, &release, &none);
  sm_write_clear(&release);
}

static void close_database(struct sm_ledger *ledger) {
  abandon(ledger);
  if (ledger->connection.db.self &&
      (ledger->may_hold || ledger->transaction.has_picks))
    let_leases_go(ledger);
  sm_db_close(&ledger->connection.db);
}

/* -- the thread ------------------------------------------------------------ */

static bool has_work(const struct sm_ledger *ledger) {
  return ledger->pending.head || ledger->queued.head ||
         ledger->transfers.waiting.head;
}

/* When the next turn is due, under the lock; INT64_MAX: not by the clock. */
static int64_t due_ms(const struct sm_ledger *ledger) {
  int64_t due = ledger->may_hold ? ledger->renew_ms : INT64_MAX;
  if (ledger->refused.head && ledger->again.at_ms < due)
    due = ledger->again.at_ms;
  if (has_work(ledger))
    due = 0;
  return due > ledger->retry.at_ms ? due : ledger->retry.at_ms;
}

static void wait_until(struct sm_ledger *ledger, int64_t at_ms) {
  if (at_ms == INT64_MAX)
    pthread_cond_wait(&ledger->work, &ledger->lock);
  else
    (void)sm_system_wait(&ledger->work, &ledger->lock, at_ms);
}

static void look_for_notice(struct sm_ledger *ledger) {
  const struct sm_db *db = &ledger->connection.db;
  if (ledger->is_listening && db->self && db->is_notified &&
      db->is_notified(db))
    atomic_fetch_add(&ledger->notices, 1);
}

/* Whether there is to be another turn. */
static bool wait_for_work(struct sm_ledger *ledger) {
  bool goes_on = true;
  pthread_mutex_lock(&ledger->lock);
  while (goes_on) {
    int64_t due = due_ms(ledger), now = sm_now_ms();
    bool is_idle = !has_work(ledger) && !ledger->refused.head;
    if (ledger->is_stopping)
      goes_on = !is_idle && now < atomic_load(&ledger->give_up_ms);
    if (!goes_on || due <= now)
      break;
    look_for_notice(ledger);
    if (ledger->is_listening && due > now + LISTEN_MS)
      due = now + LISTEN_MS;
    wait_until(ledger, due);
  }
  pthread_mutex_unlock(&ledger->lock);
  return goes_on;
}

static void *run(void *self) {
  struct sm_ledger *ledger = self;
  while (wait_for_work(ledger))
    turn(ledger);
  close_database(ledger);
  return NULL;
}

/* Under the lock: the host may ask while the store is used. Returns 0, or why
 * there is no thread: two that use the store cannot take its place. */
static int need_thread(struct sm_ledger *ledger) {
  if (ledger->is_inline || ledger->is_over || ledger->has_thread)
    return 0;
  int rc = sm_thread_start(&ledger->thread, run, ledger);
  ledger->has_thread = rc == 0;
  return rc;
}

/* -- the store ------------------------------------------------------------- */

/* A claim is not waited for long: nothing is paid meanwhile (M5). What is
 * written after a submit is tried to the deadline of its job (M4). */
static int64_t last_try_ms(const struct sm_write *write) {
  int64_t patience = sm_now_ms() + PATIENCE_MS;
  if (sm_write_is_after_submit(write) || write->deadline_ms < patience)
    return write->deadline_ms;
  return patience;
}

/* Nobody carries it out; the next one asks for a thread again. */
static void send_back(struct sm_ledger *ledger, struct sm_write *write,
                      int rc) {
  struct sm_writes done = {0};
  struct sm_error e;
  sm_fail(&e, SM_LEDGER, "the ledger %.160s has no thread: %s", ledger->name,
          strerror(rc));
  e.is_retryable = true;
  sm_write_fail(write, &e);
  if (write->is_awaited)
    answer(ledger);
  else
    sm_writes_push(&done, write);
  send_home(ledger, &done);
}

static void put(void *self, struct sm_write *write) {
  struct sm_ledger *ledger = self;
  bool is_minor = sm_write_is_minor(write);
  write->give_up_ms = last_try_ms(write);
  pthread_mutex_lock(&ledger->lock);
  int rc = is_minor ? 0 : need_thread(ledger);
  if (rc == 0)
    sm_writes_push(is_minor ? &ledger->minor : &ledger->queued, write);
  if (rc == 0 && !is_minor)
    pthread_cond_signal(&ledger->work);
  pthread_mutex_unlock(&ledger->lock);
  if (rc != 0)
    send_back(ledger, write, rc);
  else if (ledger->is_over)
    abandon(ledger);
}

/* Whether there is an answer; one that is missing was waited for. */
static bool has_answer(struct sm_ledger *ledger) {
  pthread_mutex_lock(&ledger->lock);
  while (ledger->has_thread && !ledger->is_answered)
    pthread_cond_wait(&ledger->answer, &ledger->lock);
  bool is_answered = ledger->is_answered;
  pthread_mutex_unlock(&ledger->lock);
  return is_answered;
}

void sm_ledger_ask(struct sm_ledger *ledger, struct sm_write *write) {
  write->is_awaited = true;
  write->deadline_ms = INT64_MAX;
  ledger->is_answered = false;
  put(ledger, write);
  while (!has_answer(ledger)) {
    turn(ledger);
    if (sm_now_ms() < ledger->retry.at_ms)
      sm_thread_sleep(BACKOFF_MS);
  }
}

/* The thread itself cannot tell of a call that does not return. */
static void note_silence(struct sm_ledger *ledger) {
  char why[224];
  if (atomic_load_explicit(&ledger->since_ms, memory_order_relaxed) < 0)
    return;
  (void)snprintf(why, sizeof why, "the ledger %.160s takes more than a second",
                 ledger->name);
  note_delay(ledger, why);
}

static struct sm_write *finished(void *self) {
  struct sm_ledger *ledger = self;
  if (ledger->is_inline && !ledger->is_over)
    turn(ledger);
  note_silence(ledger);
  if (!atomic_load_explicit(&ledger->has_home, memory_order_acquire))
    return NULL;
  pthread_mutex_lock(&ledger->lock);
  if (ledger->is_note_taken) {
    sm_write_clear(&ledger->note);
    ledger->is_note_out = ledger->is_note_taken = false;
  }
  struct sm_write *write = sm_writes_pop(&ledger->home);
  ledger->is_note_taken = write == &ledger->note;
  if (!write)
    atomic_store(&ledger->has_home, false);
  pthread_mutex_unlock(&ledger->lock);
  return write;
}

struct sm_store sm_ledger_store(struct sm_ledger *ledger) {
  return (struct sm_store){.self = ledger, .put = put, .finished = finished};
}

int64_t sm_ledger_wait_ms(struct sm_ledger *ledger) {
  if (!ledger->is_inline || ledger->is_over)
    return INT64_MAX;
  int64_t due = due_ms(ledger), now = sm_now_ms();
  if (due == INT64_MAX)
    return due;
  return due > now ? due - now : 0;
}

/* -- birth and death ------------------------------------------------------- */

static void name_owner(struct sm_ledger *ledger) {
  char process[SM_OWNER_NAME];
  uint64_t chance = 0;
  if (!sm_system_random(&chance, sizeof chance))
    chance = (uint64_t)sm_wall_ms();
  sm_owner_name(process);
  (void)snprintf(ledger->owner, sizeof ledger->owner, "%s:%016llx", process,
                 (unsigned long long)chance);
}

static struct sm_ledger *make(const struct sm_ledger_options *options) {
  struct sm_ledger *ledger = calloc(1, sizeof *ledger);
  if (!ledger)
    return NULL;
  ledger->wake = options->wake;
  ledger->user = options->user;
  ledger->is_inline = options->is_inline;
  ledger->every_ms = options->renew_ms ? options->renew_ms : RENEW_MS;
  atomic_store(&ledger->since_ms, -1);
  atomic_store(&ledger->give_up_ms, INT64_MAX);
  pthread_mutex_init(&ledger->lock, NULL);
  sm_system_condition(&ledger->work);
  sm_system_condition(&ledger->answer);
  name_owner(ledger);
  sm_transaction_create(&ledger->transaction, &ledger->connection.db,
                        ledger->owner);
  return ledger;
}

static void release(struct sm_ledger *ledger) {
  sm_ledger_connection_destroy(&ledger->connection);
  sm_write_clear(&ledger->note);
  pthread_cond_destroy(&ledger->work);
  pthread_cond_destroy(&ledger->answer);
  pthread_mutex_destroy(&ledger->lock);
  free(ledger);
}

enum sm_code sm_ledger_new(struct sm_ledger **ledger,
                           const struct sm_ledger_options *options,
                           struct sm_error *e) {
  return sm_ledger_new_over(ledger, NULL, options, e);
}

enum sm_code sm_ledger_new_over(struct sm_ledger **out, struct sm_db *db,
                                const struct sm_ledger_options *options,
                                struct sm_error *e) {
  struct sm_ledger *ledger = make(options);
  if (!ledger) {
    if (db)
      sm_db_close(db);
    return sm_fail_memory(e);
  }
  if (sm_ledger_connection_create(&ledger->connection, options, db,
                                  &ledger->give_up_ms, e) == SM_DB_OK) {
    memcpy(ledger->name, ledger->connection.db.name, sizeof ledger->name);
    *out = ledger;
    return SM_OK;
  }
  release(ledger);
  return SM_LEDGER;
}

static void drain_inline(struct sm_ledger *ledger) {
  while (wait_for_work(ledger))
    turn(ledger);
  close_database(ledger);
}

void sm_ledger_stop(struct sm_ledger *ledger) {
  if (ledger->is_over)
    return;
  pthread_mutex_lock(&ledger->lock);
  ledger->is_stopping = true;
  atomic_store(&ledger->give_up_ms, sm_now_ms() + DRAIN_MS);
  pthread_cond_signal(&ledger->work);
  pthread_mutex_unlock(&ledger->lock);
  if (ledger->has_thread)
    pthread_join(ledger->thread, NULL);
  else
    drain_inline(ledger);
  ledger->has_thread = false;
  ledger->is_over = true;
}

void sm_ledger_delete(struct sm_ledger *ledger) {
  if (!ledger)
    return;
  sm_ledger_stop(ledger);
  release(ledger);
}

uint64_t sm_ledger_notices(const struct sm_ledger *ledger) {
  return atomic_load_explicit(&ledger->notices, memory_order_relaxed);
}

void sm_ledger_stats(const struct sm_ledger *ledger,
                     struct sm_ledger_stats *stats) {
  stats->writes = atomic_load(&ledger->writes);
  stats->commits = atomic_load(&ledger->commits);
  stats->retries = atomic_load(&ledger->retries);
}
