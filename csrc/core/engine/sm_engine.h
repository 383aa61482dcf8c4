/* sm_engine: jobs meet transport.
 *
 * One turn of the loop: take what the transport has finished, let each task's
 * state machine say what is next, wake the tasks whose time has come, start as
 * many requests as there are slots. A slot is an active exchange, not a job:
 * ten thousand waiting jobs are ten thousand timers and sixteen connections.
 *
 * It rests on parts that know nothing of each other: the tasks and the timers,
 * in which a task lives; the queue, which says what may be sent; the requests
 * in flight; the keeper, which writes a ledger. What a task's next step is, it
 * asks the state machines.
 *
 * The host reads its events. What cost money is reported in any case: that a
 * submit was accepted, and how a task ended, by events that were allocated
 * before anything was sent (sm_task_arm). A change of state or a note for which
 * there is no memory is left out.
 *
 * The engine reads no clock and owns no thread: time and transport are handed
 * in, which is how it is simulated. It is used from one thread at a time.
 */
#ifndef SM_ENGINE_H
#define SM_ENGINE_H

#include "sm_store.h"
#include "sm_task_http.h"

struct sm_engine;

struct sm_engine_options {
  struct sm_transport transport;
  struct sm_limits limits;
  int max_transfers;
  double rpm; /* requests a minute; 0: no limit */
  uint64_t seed;
  int64_t wall_ms; /* Unix time at `now_ms` of sm_engine_new */
  /* With a ledger; `store.self` is NULL without one. */
  struct sm_store store;
  const char *folder; /* of its pictures; borrowed */
  bool has_budget;
  double budget; /* USD that all steps of the ledger may cost */
};

struct sm_stats {
  uint64_t jobs;    /* tasks that have not ended */
  uint64_t active;  /* transfers under way */
  uint64_t queued;  /* requests that wait for a slot or for the pace */
  uint64_t submits; /* sent so far, like the next three */
  uint64_t polls;
  uint64_t transfers;
  uint64_t events;
};

/* Errors: SM_IO. */
enum sm_code sm_engine_new(struct sm_engine **engine,
                           const struct sm_engine_options *options,
                           int64_t now_ms, struct sm_error *e);

/* This machine's clock, Unix time at `now_ms`: it may be set at any time, and
 * goes on while the machine sleeps, unlike `now_ms`. */
void sm_engine_note_wall(struct sm_engine *engine, int64_t wall_ms,
                         int64_t now_ms);

/* Begins nothing more, and lets what is to be written be written: the store is
 * to be asked (sm_engine_take_writes) as long as sm_engine_is_writing. A step
 * that was surely not sent is free again; the others are taken up later. */
void sm_engine_stop(struct sm_engine *engine);
void sm_engine_take_writes(struct sm_engine *engine);
bool sm_engine_is_writing(const struct sm_engine *engine);

/* Ends all tasks without a word, and their transfers. Writes that are still
 * under way must not come home any more. */
void sm_engine_delete(struct sm_engine *engine);

/* Takes a task over. What cannot be begun ends with an event.
 * Ownership: the engine's from here on. */
void sm_engine_add(struct sm_engine *engine, struct sm_task *task);

/* Forgets a task: its exchange ends, no event comes. */
void sm_engine_cancel(struct sm_engine *engine, uint64_t id);

/* One turn. Returns how long nothing will be due, in ms (0: turn again). */
int64_t sm_engine_turn(struct sm_engine *engine, int64_t now_ms);

/* Moves the events made so far to the end of `events`. */
void sm_engine_take_events(struct sm_engine *engine, struct sm_events *events);

void sm_engine_stats(const struct sm_engine *engine, struct sm_stats *stats);

#endif
