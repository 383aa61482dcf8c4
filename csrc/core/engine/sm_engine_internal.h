/* sm_engine_internal: the engine as its own files see it.
 *
 * sm_engine schedules tasks and carries out what their state machines want;
 * sm_keeper, sm_takeover, sm_refusal and sm_delivery have what a ledger adds to
 * that. Nobody else includes this.
 */
#ifndef SM_ENGINE_INTERNAL_H
#define SM_ENGINE_INTERNAL_H

#include "sm_engine.h"
#include "sm_header.h"
#include "sm_keys.h"
#include "sm_queue.h"
#include "sm_tasks.h"

struct sm_engine {
  struct sm_tasks tasks;
  struct sm_timers timers;
  struct sm_queue queue;
  struct sm_inflight inflight;
  struct sm_events events; /* that the host has not taken */
  uint64_t event_count;    /* so far */
  bool has_checked_host;   /* of the status_url that the service names */
  struct sm_rng rng;
  struct sm_task *probe; /* asks an ailing service how it is */
  /* Unix time by this machine's clock, and by the service's, less `now_ms`. */
  int64_t wall_offset_ms;
  int64_t service_offset_ms;
  bool has_service_clock; /* the service has named its time */
  struct sm_date date;    /* when it did so last */
  double rtt_ms;          /* a poll's round trip, smoothed */
  uint64_t jobs;          /* tasks that have not ended */
  /* The ledger's; `store.self` is NULL without one. */
  struct sm_store store;
  struct sm_keys keys;
  const char *folder;
  double budget;
  uint64_t writing; /* tasks that have a write under way */
  bool is_stopping;
  struct sm_error refusal; /* of a key or an account, the last */
  int64_t now_ms;          /* of the last turn or command */
};

/* The tasks in the order of their timers' heap: one that is woken or ends moves
 * others. */
struct sm_task *sm_engine_task_at(const struct sm_engine *engine, size_t i);

/* Wakes the task at that time, or at its deadline. */
void sm_engine_wake_at(struct sm_engine *engine, struct sm_task *task,
                       int64_t at_ms);

/* Queues the task's next request, now or then. */
void sm_engine_send(struct sm_engine *engine, struct sm_task *task,
                    int64_t at_ms);

/* Sends a task that has, or may take, a slot. */
void sm_engine_start(struct sm_engine *engine, struct sm_task *task);

/* Ends a task whose deadline has come. */
void sm_engine_expire(struct sm_engine *engine, struct sm_task *task);

/* Hands out the task's last event and takes the task down. */
void sm_engine_end(struct sm_engine *engine, struct sm_task *task);

/* Takes a task down without a word. */
void sm_engine_drop(struct sm_engine *engine, struct sm_task *task);

/* -- events ---------------------------------------------------------------- */

/* A state. It is left out when there is no memory for it, as a note is, except
 * that a submit was accepted. */
void sm_engine_emit_state(struct sm_engine *engine, struct sm_task *task,
                          enum sm_state state);

/* The note of an action, if it has one, with the error that it is about. */
void sm_engine_emit_news(struct sm_engine *engine, struct sm_task *task,
                         const struct sm_action *action);

/* The row that the task has become. Ownership: the event's. */
void sm_engine_emit_row(struct sm_engine *engine, struct sm_task *task,
                        struct sm_row *row);

/* A note of the ledger's, about itself. */
void sm_engine_emit_trouble(struct sm_engine *engine, const struct sm_error *e);

/* To be called at the answer to a submit: a note when the service names a
 * status_url on a foreign host in it. It is not followed either way. */
void sm_engine_check_host(struct sm_engine *engine, struct sm_task *task,
                          const struct sm_action *action);

#endif
