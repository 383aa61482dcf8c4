#include "sm_client.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "sm_http.h"
#include "sm_ledger_folder.h"
#include "sm_system.h"
#include "sm_worker.h"

#define KEY_MAX 256
/* How long closing waits for what is to be written. */
#define DRAIN_MS 2000
/* How long a worker that has more to do keeps what it has for the host. */
#define RING_MS 1

struct sm_client {
  /* The host's. What an idle step reads stands in one line of the cache. */
  struct sm_events taken; /* moved over, not yet asked for */
  atomic_bool has_events; /* the worker's too, so alone in its word */
  unsigned forks;
  bool is_inline;
  bool has_worker;
  uint64_t last_id;
  /* Set once before the worker starts. */
  struct sm_base base;
  char key[KEY_MAX + 1];
  char **media_hosts;
  locale_t plain;
  struct sm_http *http;
  struct sm_engine *engine; /* the worker's alone, once there is one */
  struct sm_ledger *ledger; /* so is its store; NULL: there is none */
  char *folder;             /* of its pictures */
  struct sm_bell bell;
  int64_t announced_ms; /* the worker's: since when a ring has been due */
  /* Both sides'. */
  atomic_bool stop;
  pthread_mutex_t network_lock; /* of `http`, which goes with the worker */
  pthread_mutex_t lock;         /* of what follows */
  bool is_asleep;         /* the worker is, or about to be: it is to be woken */
  bool is_ring_due;       /* for events that the host has not been woken for */
  struct sm_task *posted; /* newest first */
  uint64_t *cancelled;
  size_t cancelled_count;
  size_t cancelled_capacity;
  struct sm_events events;
  struct sm_stats stats;
  long connections;
};

/* -- the worker's side --------------------------------------------------- */

/* Commands are handed over under the lock and carried out without it. */
static void take_commands(struct sm_client *client) {
  pthread_mutex_lock(&client->lock);
  struct sm_task *posted = client->posted;
  uint64_t *cancelled = client->cancelled;
  size_t count = client->cancelled_count;
  client->posted = NULL;
  client->cancelled = NULL;
  client->cancelled_count = client->cancelled_capacity = 0;
  client->is_asleep = false;
  pthread_mutex_unlock(&client->lock);
  struct sm_task *in_order = NULL;
  while (posted) {
    struct sm_task *next = posted->next;
    posted->next = in_order;
    in_order = posted;
    posted = next;
  }
  while (in_order) {
    struct sm_task *next = in_order->next;
    in_order->next = NULL;
    sm_engine_add(client->engine, in_order);
    in_order = next;
  }
  for (size_t i = 0; i < count; i++)
    sm_engine_cancel(client->engine, cancelled[i]);
  free(cancelled);
}

/* Under the lock: whether nobody has announced anything yet. */
static bool announce(struct sm_client *client) {
  return !atomic_exchange(&client->has_events, true);
}

static void publish(struct sm_client *client, int64_t now_ms) {
  struct sm_events fresh;
  struct sm_stats stats;
  sm_events_create(&fresh);
  sm_engine_take_events(client->engine, &fresh);
  sm_engine_stats(client->engine, &stats);
  bool has_fresh = fresh.head != NULL;
  pthread_mutex_lock(&client->lock);
  sm_events_move(&client->events, &fresh);
  client->stats = stats;
  client->connections = sm_http_connections(client->http);
  if (has_fresh && announce(client)) {
    client->is_ring_due = true;
    client->announced_ms = now_ms;
  }
  pthread_mutex_unlock(&client->lock);
}

/* Wakes the host for what was published, unless it has come for it by itself.
 * Without the lock, which the host, awake at once, takes first. */
static void ring(struct sm_client *client) {
  pthread_mutex_lock(&client->lock);
  bool is_due = client->is_ring_due;
  client->is_ring_due = false;
  pthread_mutex_unlock(&client->lock);
  if (is_due)
    sm_bell_ring(&client->bell);
}

/* How long there is nothing to do. What has begun is sent before that. */
static int64_t turn(struct sm_client *client) {
  locale_t host = uselocale(client->plain);
  sm_engine_note_wall(client->engine, sm_wall_ms(), sm_now_ms());
  take_commands(client);
  sm_http_perform(client->http);
  int64_t now_ms = sm_now_ms();
  int64_t wait_ms = sm_engine_turn(client->engine, now_ms);
  publish(client, now_ms);
  uselocale(host);
  return sm_http_has_begun(client->http) ? 0 : wait_ms;
}

/* What was begun is written down before the network goes, for a while. */
static void close_ledger(struct sm_client *client) {
  int64_t until_ms = sm_now_ms() + DRAIN_MS;
  if (!client->ledger)
    return;
  if (client->engine)
    sm_engine_stop(client->engine);
  while (client->engine && sm_engine_is_writing(client->engine) &&
         sm_now_ms() < until_ms) {
    sm_engine_take_writes(client->engine);
    if (sm_engine_is_writing(client->engine))
      (void)sm_http_wait(client->http, client->is_inline ? 1 : DRAIN_MS);
  }
  sm_ledger_stop(client->ledger);
}

/* Sockets and descriptors go with the thread; the rest when it is joined. */
static void close_network(struct sm_client *client) {
  close_ledger(client);
  pthread_mutex_lock(&client->network_lock);
  struct sm_http *http = client->http;
  client->http = NULL; /* nobody wakes it any more */
  pthread_mutex_unlock(&client->network_lock);
  sm_engine_delete(client->engine);
  sm_ledger_delete(client->ledger);
  sm_worker_is_settled(client);
  sm_http_delete(http);
  sm_bell_close(&client->bell);
  client->engine = NULL;
  client->ledger = NULL;
}

/* From any thread; the network may be gone by now. Not under the lock that the
 * woken worker takes first. */
static void wake_worker(void *self) {
  struct sm_client *client = self;
  pthread_mutex_lock(&client->network_lock);
  if (client->http)
    sm_http_wake(client->http);
  pthread_mutex_unlock(&client->network_lock);
}

/* Under the lock: whether the worker sleeps and nobody has woken it yet. */
static bool is_to_be_woken(struct sm_client *client) {
  bool is_asleep = client->is_asleep;
  client->is_asleep = false;
  return is_asleep;
}

/* False while there are commands: who posts one meanwhile need not wake it. */
static bool fall_asleep(struct sm_client *client) {
  pthread_mutex_lock(&client->lock);
  client->is_asleep = !client->posted && !client->cancelled_count;
  bool is_asleep = client->is_asleep;
  pthread_mutex_unlock(&client->lock);
  return is_asleep;
}

/* To wake a thread costs as much as a third of a job: the host is woken once
 * for all that comes within RING_MS, and at once where nothing else is due. */
static void worker_run(void *self) {
  struct sm_client *client = self;
  while (!atomic_load(&client->stop)) {
    int64_t wait_ms = turn(client);
    bool is_idle = wait_ms > 0 && fall_asleep(client);
    if ((is_idle && wait_ms > RING_MS) ||
        sm_now_ms() - client->announced_ms >= RING_MS)
      ring(client);
    if (is_idle && !atomic_load(&client->stop))
      sm_http_wait(client->http, wait_ms);
  }
  close_network(client);
}

static void worker_stop(void *self) {
  struct sm_client *client = self;
  atomic_store(&client->stop, true);
  wake_worker(client);
}

/* -- birth and death ----------------------------------------------------- */

static void free_hosts(char **hosts) {
  for (char **host = hosts; host && *host; host++)
    free(*host);
  free(hosts);
}

static void release(void *self) {
  struct sm_client *client = self;
  close_network(client);
  for (struct sm_task *task = client->posted; task;) {
    struct sm_task *next = task->next;
    sm_task_delete(task);
    task = next;
  }
  free(client->cancelled);
  sm_events_destroy(&client->events);
  sm_events_destroy(&client->taken);
  free_hosts(client->media_hosts);
  free(client->folder);
  freelocale(client->plain);
  pthread_mutex_destroy(&client->network_lock);
  pthread_mutex_destroy(&client->lock);
  sm_system_wipe(client->key, sizeof client->key);
  free(client);
}

/* What people paste along with a key; the rest of it may be right. NULL: it is
 * not that. */
static const char *key_fault(const char *key) {
  static const struct {
    const char *start, *fault;
  } faults[] = {{"Bearer", "begins with \"Bearer\"; give the key alone"},
                {"x-api-key", "begins with \"x-api-key\"; give the key alone"},
                {"SEGMIND_API_KEY", "begins with the name of the variable; "
                                    "give the key alone"}};
  static const char blanks[] = " \t\r\n", quotes[] = "\"'`";
  size_t size = strlen(key);
  if (strchr(blanks, key[0]) || strchr(blanks, key[size - 1]))
    return "has blanks or a line break round it; take them off";
  if (strchr(quotes, key[0]) || strchr(quotes, key[size - 1]))
    return "has quotes round it; take them off";
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
    if (strncasecmp(key, faults[i].start, strlen(faults[i].start)) == 0)
      return faults[i].fault;
  return NULL;
}

/* A key with a line break would write a header of its own. */
static enum sm_code keep_key(struct sm_client *client, const char *key,
                             struct sm_error *e) {
  static const char help[] =
      "set SEGMIND_API_KEY or api_key to a key from "
      "https://cloud.segmind.com (SG_ and 16 hexadecimal digits); to try "
      "without an account, start segmind-emulator and set SEGMIND_BASE_URL to "
      "the address it prints: it takes any key of that form";
  if (!key || !*key)
    return sm_fail(e, SM_AUTH, "there is no API key: %s", help);
  size_t size = strlen(key);
  const char *fault = key_fault(key);
  bool is_clean = size <= KEY_MAX;
  for (size_t i = 0; is_clean && i < size; i++)
    is_clean = key[i] > ' ' && key[i] <= '~';
  if (fault)
    return sm_fail(e, SM_AUTH, "the API key %s: %s", fault, help);
  if (!is_clean)
    return sm_fail(e, SM_AUTH,
                   "the API key is malformed (it may hold at most %d printable "
                   "characters, no spaces or line breaks): %s",
                   KEY_MAX, help);
  memcpy(client->key, key, size + 1);
  return SM_OK;
}

/* It becomes a header, like the key. */
static enum sm_code check_agent(const char *agent, struct sm_error *e) {
  for (const char *at = agent; *at; at++)
    if (*at < ' ' || *at > '~')
      return sm_fail(e, SM_INVALID,
                     "user_agent may hold printable ASCII characters only");
  return SM_OK;
}

/* An address, a pattern with a star or a port would match nothing, which is
 * known too late when the picture is paid. */
static bool is_host(const char *host) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  size_t length = strspn(host, letters);
  return host[0] == '[' || (length > 0 && !host[length]);
}

static enum sm_code keep_hosts(struct sm_client *client,
                               const char *const *hosts, struct sm_error *e) {
  size_t count = 0;
  while (hosts && hosts[count])
    count++;
  client->media_hosts = calloc(count + 1, sizeof(char *));
  if (!client->media_hosts)
    return sm_fail_memory(e);
  for (size_t i = 0; i < count; i++) {
    if (!is_host(hosts[i]))
      return sm_fail(e, SM_INVALID,
                     "media_hosts: %s is no host; write images.example.org, or "
                     ".example.org for all below it",
                     hosts[i]);
    if ((client->media_hosts[i] = strdup(hosts[i])) == NULL)
      return sm_fail_memory(e);
  }
  return SM_OK;
}

static enum sm_code open_http(struct sm_client *client,
                              const struct sm_client_options *options,
                              struct sm_error *e) {
  const struct sm_http_options http = {
      .key = client->key,
      .base = &client->base,
      .user_agent = options->user_agent,
      .ca_file = options->ca_file,
      .proxy = options->proxy,
      .max_transfers = options->max_transfers,
      .stop = &client->stop,
  };
  return sm_http_new(&client->http, &http, e);
}

static enum sm_code name_folder(struct sm_client *client,
                                const struct sm_client_options *options,
                                struct sm_error *e) {
  if (!options->ledger_files)
    return sm_ledger_folder_of(options->ledger, &client->folder, e);
  client->folder = strdup(options->ledger_files);
  return client->folder ? SM_OK : sm_fail_memory(e);
}

static enum sm_code open_folder(const struct sm_client *client,
                                const struct sm_client_options *options,
                                struct sm_error *e) {
  struct sm_error why;
  enum sm_code code = options->ledger_files
                          ? sm_file_folder(client->folder, &why)
                          : sm_ledger_folder_make(client->folder, &why);
  if (code == SM_OK) {
    sm_file_sweep(client->folder);
    return SM_OK;
  }
  return sm_fail(e, SM_LEDGER, "the ledger has no place for its pictures: %s",
                 why.message);
}

/* An emulator has another port each time. */
static enum sm_code open_ledger(struct sm_client *client,
                                const struct sm_client_options *options,
                                struct sm_error *e) {
  const char *base = client->base.prefix[SM_HOST_API];
  if (!options->ledger)
    return SM_OK;
  enum sm_code code = name_folder(client, options, e);
  const struct sm_ledger_options ledger = {
      .target = options->ledger,
      .service = client->base.is_loopback ? "an emulator on loopback" : base,
      .driver_folder = options->driver_folder,
      .files = client->folder,
      .is_shared = options->ledger_files != NULL,
      .wake = options->is_inline ? NULL : wake_worker,
      .user = client,
      .is_inline = options->is_inline,
  };
  sm_worker_settle(DRAIN_MS); /* who was just closed lets his leases go */
  /* One that others have, too, bears a mark that the ledger looks at. */
  if (code == SM_OK && ledger.is_shared)
    code = open_folder(client, options, e);
  if (code == SM_OK)
    code = sm_ledger_new(&client->ledger, &ledger, e);
  if (code == SM_OK && !ledger.is_shared)
    code = open_folder(client, options, e);
  return code;
}

static enum sm_code open_engine(struct sm_client *client,
                                const struct sm_client_options *options,
                                struct sm_error *e) {
  struct sm_engine_options engine = {
      .transport = sm_http_transport(client->http),
      .limits = {.base = &client->base,
                 .media_hosts = (const char *const *)client->media_hosts,
                 .max_json_bytes = options->max_json_bytes,
                 .max_image_bytes = options->max_image_bytes},
      .max_transfers = options->max_transfers,
      .rpm = options->rpm,
      .folder = client->folder,
      .has_budget = options->has_budget,
      .budget = options->budget,
  };
  if (client->ledger)
    engine.store = sm_ledger_store(client->ledger);
  engine.wall_ms = sm_wall_ms();
  if (!sm_system_random(&engine.seed, sizeof engine.seed))
    engine.seed = (uint64_t)sm_now_ms() ^ (uint64_t)getpid();
  return sm_engine_new(&client->engine, &engine, sm_now_ms(), e);
}

static enum sm_code open_descriptor(struct sm_client *client,
                                    struct sm_error *e) {
  if (client->is_inline || sm_bell_open(&client->bell))
    return SM_OK;
  return sm_fail(e, SM_IO, "no descriptor for the events: %s", strerror(errno));
}

static struct sm_client *make_client(bool is_inline) {
  struct sm_client *client = calloc(1, sizeof *client);
  if (!client)
    return NULL;
  client->plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (client->plain == (locale_t)0) {
    free(client);
    return NULL;
  }
  client->bell.fd = client->bell.ring = -1;
  client->is_inline = is_inline;
  client->forks = sm_worker_forks();
  pthread_mutex_init(&client->network_lock, NULL);
  pthread_mutex_init(&client->lock, NULL);
  sm_events_create(&client->events);
  sm_events_create(&client->taken);
  return client;
}

enum sm_code sm_client_new(struct sm_client **out,
                           const struct sm_client_options *options,
                           struct sm_error *e) {
  enum sm_code code = sm_worker_prepare(e);
  if (code != SM_OK)
    return code;
  struct sm_client *client = make_client(options->is_inline);
  if (!client)
    return sm_fail_memory(e);
  if ((code = sm_base_read(&client->base, options->base_url, e)) == SM_OK &&
      (code = keep_key(client, options->api_key, e)) == SM_OK &&
      (code = check_agent(options->user_agent, e)) == SM_OK &&
      (code = keep_hosts(client, options->media_hosts, e)) == SM_OK &&
      (code = open_http(client, options, e)) == SM_OK &&
      (code = open_ledger(client, options, e)) == SM_OK &&
      (code = open_engine(client, options, e)) == SM_OK)
    code = open_descriptor(client, e);
  if (code == SM_OK)
    *out = client;
  else
    release(client);
  return code;
}

/* In a forked child the worker, its locks and libcurl's state belong to nobody:
 * the memory is left alone. */
void sm_client_delete(struct sm_client *client) {
  if (!client || !sm_client_is_usable(client))
    return;
  sm_system_wipe(client->key, sizeof client->key);
  if (client->has_worker)
    sm_worker_stop(client);
  else
    release(client);
}

/* -- the host's side ----------------------------------------------------- */

bool sm_client_is_usable(const struct sm_client *client) {
  return client->forks == sm_worker_forks();
}

static enum sm_code need_worker(struct sm_client *client, struct sm_error *e) {
  if (client->is_inline || client->has_worker)
    return SM_OK;
  const struct sm_worker worker = {.run = worker_run,
                                   .stop = worker_stop,
                                   .release = release,
                                   .self = client,
                                   .is_awaited = client->ledger != NULL};
  enum sm_code code = sm_worker_start(&worker, e);
  client->has_worker = code == SM_OK;
  return code;
}

/* Its worker was, by the exit handler of sm_worker. */
static bool is_ended(struct sm_client *client, struct sm_error *e) {
  pthread_mutex_lock(&client->network_lock);
  bool has_network = client->http != NULL;
  pthread_mutex_unlock(&client->network_lock);
  if (!has_network)
    sm_fail(e, SM_CANCELLED, "the process is ending");
  return !has_network;
}

uint64_t sm_client_new_id(struct sm_client *client) {
  return ++client->last_id;
}

uint64_t sm_client_post(struct sm_client *client, struct sm_task *task,
                        struct sm_error *e) {
  if (need_worker(client, e) != SM_OK || is_ended(client, e)) {
    sm_task_delete(task);
    return 0;
  }
  if (task->id == 0)
    task->id = sm_client_new_id(client);
  uint64_t id = task->id;
  pthread_mutex_lock(&client->lock);
  task->next = client->posted;
  client->posted = task;
  bool must_wake = is_to_be_woken(client);
  pthread_mutex_unlock(&client->lock);
  if (must_wake)
    wake_worker(client);
  return id;
}

/* Out of memory: the task keeps running and its events are dropped by the
 * caller. */
static void note_cancelled(struct sm_client *client, uint64_t id) {
  if (client->cancelled_count == client->cancelled_capacity) {
    size_t capacity = client->cancelled_capacity * 2 + 8;
    uint64_t *longer = realloc(client->cancelled, capacity * sizeof *longer);
    if (!longer)
      return;
    client->cancelled = longer;
    client->cancelled_capacity = capacity;
  }
  client->cancelled[client->cancelled_count++] = id;
}

void sm_client_cancel(struct sm_client *client, uint64_t id) {
  pthread_mutex_lock(&client->lock);
  note_cancelled(client, id);
  bool must_wake = is_to_be_woken(client);
  pthread_mutex_unlock(&client->lock);
  if (must_wake)
    wake_worker(client);
}

/* Under the lock: what was announced has been taken. A ring that is due is not
 * wanted any more; one that is on its way cannot be silenced yet. */
static bool silence(struct sm_client *client) {
  bool is_due = client->is_ring_due;
  client->is_ring_due = false;
  return is_due || client->is_inline || sm_bell_silence(&client->bell);
}

/* Moves what the worker has published to the host's own list, or, when there is
 * nothing, silences the descriptor. */
static void fetch(struct sm_client *client) {
  pthread_mutex_lock(&client->lock);
  sm_events_move(&client->taken, &client->events);
  if (!client->taken.head && silence(client))
    atomic_store(&client->has_events, false);
  pthread_mutex_unlock(&client->lock);
}

static bool find_news(struct sm_client *client) {
  if (!client->taken.head &&
      atomic_load_explicit(&client->has_events, memory_order_acquire))
    fetch(client);
  return client->taken.head != NULL;
}

struct sm_event *sm_client_take(struct sm_client *client) {
  if (!client->taken.head && client->is_inline)
    turn(client);
  return find_news(client) ? sm_events_pop(&client->taken) : NULL;
}

bool sm_client_is_readable(const struct sm_client *client) {
  return client->taken.head || client->is_inline ||
         atomic_load_explicit(&client->has_events, memory_order_acquire);
}

void sm_client_nudge(struct sm_client *client) {
  pthread_mutex_lock(&client->lock);
  bool must_ring = announce(client);
  pthread_mutex_unlock(&client->lock);
  if (must_ring)
    sm_bell_ring(&client->bell);
}

static bool wait_inline(struct sm_client *client, int64_t timeout_ms) {
  int64_t until_ms = sm_now_ms() + timeout_ms;
  for (;;) {
    int64_t wait_ms = turn(client);
    int64_t left_ms = until_ms - sm_now_ms();
    if (find_news(client) || left_ms <= 0)
      return find_news(client);
    if (client->ledger && sm_ledger_wait_ms(client->ledger) < wait_ms)
      wait_ms = sm_ledger_wait_ms(client->ledger);
    if (wait_ms > left_ms)
      wait_ms = left_ms;
    if (wait_ms > 0 && !sm_http_wait(client->http, wait_ms))
      return false;
  }
}

bool sm_client_wait(struct sm_client *client, int64_t timeout_ms) {
  if (find_news(client))
    return true;
  if (client->is_inline)
    return wait_inline(client, timeout_ms);
  struct pollfd wanted = {.fd = client->bell.fd, .events = POLLIN};
  int timeout = timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms;
  return poll(&wanted, 1, timeout) > 0;
}

int sm_client_fd(const struct sm_client *client) { return client->bell.fd; }

void sm_client_stats(struct sm_client *client, struct sm_stats *stats,
                     long *connections) {
  pthread_mutex_lock(&client->lock);
  *stats = client->stats;
  *connections = client->connections;
  for (const struct sm_task *task = client->posted; task; task = task->next)
    stats->jobs++;
  pthread_mutex_unlock(&client->lock);
}

bool sm_client_has_ledger(const struct sm_client *client) {
  return client->ledger != NULL;
}

static bool has_event(const struct sm_events *events, uint64_t id) {
  const struct sm_event *event = events->head;
  while (event && event->id != id)
    event = event->next;
  return event != NULL;
}

bool sm_client_has_event(struct sm_client *client, uint64_t id) {
  pthread_mutex_lock(&client->lock);
  bool is_there = has_event(&client->events, id);
  pthread_mutex_unlock(&client->lock);
  return is_there || has_event(&client->taken, id);
}

bool sm_client_ask(struct sm_client *client, struct sm_write *write) {
  if (client->ledger)
    sm_ledger_ask(client->ledger, write);
  return client->ledger != NULL;
}

const char *sm_client_folder(const struct sm_client *client) {
  return client->folder;
}

uint64_t sm_client_notices(const struct sm_client *client) {
  return client->ledger ? sm_ledger_notices(client->ledger) : 0;
}

bool sm_client_ledger_stats(const struct sm_client *client,
                            struct sm_ledger_stats *stats) {
  *stats = (struct sm_ledger_stats){0};
  if (client->ledger)
    sm_ledger_stats(client->ledger, stats);
  return client->ledger != NULL;
}

const char *sm_client_key(const struct sm_client *client) {
  return client->key;
}
