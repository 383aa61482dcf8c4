/* sm_client: a command queue in, an event queue out, between the host's thread
 * and the engine's, and one descriptor that is readable while events wait.
 *
 * Nothing else crosses. The worker thread starts
 * with the first command, has all signals blocked, and never sees the host
 * program; the host never waits for the network, and to ask whether there
 * are events costs it one atomic load.
 *
 * Closing sets a flag and returns; the worker takes itself down and is joined
 * when the next client is made, or at exit, where a handler registered after
 * curl_global_init stops and joins every worker (without it, leaving a process
 * with TLS under way crashed more often than not). The object file must stay
 * mapped until then (sm_system_stay). A client that is
 * closed later still, by an exit handler of the host's, is there until then; it
 * takes no task any more.
 *
 * The host may set any locale at any time; a turn of the engine has its own,
 * the plain one, so that numbers on the wire are written and read in its form.
 *
 * With `is_inline` there is no thread: the engine turns inside take and wait.
 *
 * A client belongs to the thread and the process that made it; in a forked
 * child sm_client_is_usable says no and everything else does nothing.
 */
#ifndef SM_CLIENT_H
#define SM_CLIENT_H

#include "sm_engine.h"
#include "sm_ledger.h"

struct sm_client;

struct sm_client_options {
  const char *api_key;
  const char *base_url;
  const char *user_agent;
  const char *ca_file;            /* NULL: the system's */
  const char *proxy;              /* NULL: HTTPS_PROXY and its like */
  const char *const *media_hosts; /* NULL-terminated, or NULL */
  int max_transfers;
  double rpm; /* 0: no limit */
  size_t max_json_bytes;
  size_t max_image_bytes;
  bool is_inline;
  const char *ledger;        /* a path, or postgresql://…; NULL: none */
  const char *ledger_files;  /* a folder for its pictures, of a server's one
                                that all its machines share; NULL: see
                                sm_ledger_folder */
  const char *driver_folder; /* see sm_ledger_options */
  bool has_budget;
  double budget; /* USD that all steps of the ledger may cost */
};

/* Checks key and base URL, opens the ledger; nothing is sent and no thread
 * started. Errors: SM_AUTH for the key, SM_INVALID for another option,
 * SM_LEDGER, SM_IO. */
enum sm_code sm_client_new(struct sm_client **client,
                           const struct sm_client_options *options,
                           struct sm_error *e);

/* Stops everything; returns at once. The client must not be used after. */
void sm_client_delete(struct sm_client *client);

/* False in a child of the process that made it. */
bool sm_client_is_usable(const struct sm_client *client);

/* An id for a task that is about to be posted, so that its events can be
 * expected before there is one. */
uint64_t sm_client_new_id(struct sm_client *client);

/* Gives a task to the engine; its id is set, unless it has one, and returned.
 * 0 when the client could not take it (no memory, no thread: `e` says), and the
 * task is deleted then. Ownership: the engine's. */
uint64_t sm_client_post(struct sm_client *client, struct sm_task *task,
                        struct sm_error *e);

/* Forgets a task. Events that are already on their way still come. */
void sm_client_cancel(struct sm_client *client, uint64_t id);

/* The next event, or NULL; never blocks. Ownership: the caller deletes it. */
struct sm_event *sm_client_take(struct sm_client *client);

/* Whether a take is worth it: false only when there is nothing. An atomic load;
 * always true of an inline client, whose network turns in the take. */
bool sm_client_is_readable(const struct sm_client *client);

/* The host has left something over for its next turn: the descriptor is
 * readable, and sm_client_is_readable, until a take finds nothing. */
void sm_client_nudge(struct sm_client *client);

/* Waits until an event is there, or `timeout_ms`; returns early, with false,
 * when a signal came. */
bool sm_client_wait(struct sm_client *client, int64_t timeout_ms);

/* Readable while events wait; -1 for an inline client. */
int sm_client_fd(const struct sm_client *client);

void sm_client_stats(struct sm_client *client, struct sm_stats *stats,
                     long *connections);

/* The client's own key, for sm_redact_clean and for nothing else. */
const char *sm_client_key(const struct sm_client *client);

bool sm_client_has_ledger(const struct sm_client *client);

/* Whether an event of a task waits to be taken. */
bool sm_client_has_event(struct sm_client *client, uint64_t id);

/* Asks the ledger and waits for its answer, as sm_ledger_ask. False without
 * one. */
bool sm_client_ask(struct sm_client *client, struct sm_write *write);

/* The folder of its ledger's pictures; NULL without one. */
const char *sm_client_folder(const struct sm_client *client);

/* As sm_ledger_notices. */
uint64_t sm_client_notices(const struct sm_client *client);

/* Whether it has a ledger, and what that has done so far. */
bool sm_client_ledger_stats(const struct sm_client *client,
                            struct sm_ledger_stats *stats);

#endif
