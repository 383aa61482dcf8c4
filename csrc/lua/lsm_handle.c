#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lsm.h"
#include "sm_redact.h"

#define HANDLE "segmind.core.handle"

struct handle {
  struct sm_client *client; /* NULL: closed */
  struct sm_event *current; /* taken, not yet dealt with on Lua's side */
  int64_t alarm_ms;         /* there is something to do then; 0: nothing */
};

/* -- the object ---------------------------------------------------------- */

/* Each method has the metatable as its upvalue: an idle step in a frame finds
 * nothing in the caches, and the registry's string would cost it a microsecond.
 */
static struct handle *check(lua_State *L) {
  if (lua_getmetatable(L, 1)) {
    bool is_ours = lua_rawequal(L, -1, lua_upvalueindex(1));
    lua_pop(L, 1);
    if (is_ours)
      return lua_touserdata(L, 1);
  }
  return luaL_checkudata(L, 1, HANDLE); /* says what it was instead */
}

#define CLOSED "the client is closed"
#define FORKED                                                                 \
  "the client belongs to the parent of this process; make a new one after a "  \
  "fork"

struct sm_client *lsm_check_client(lua_State *L) {
  struct handle *handle = check(L);
  if (!handle->client)
    luaL_error(L, CLOSED);
  if (!sm_client_is_usable(handle->client))
    luaL_error(L, FORKED);
  return handle->client;
}

/* Why nothing of it works; nothing when it does. */
static int handle_problem(lua_State *L) {
  const struct handle *handle = check(L);
  if (!handle->client)
    lua_pushliteral(L, CLOSED);
  else if (!sm_client_is_usable(handle->client))
    lua_pushliteral(L, FORKED);
  else
    return 0;
  return 1;
}

static int handle_close(lua_State *L) {
  struct handle *handle = check(L);
  sm_event_delete(handle->current);
  sm_client_delete(handle->client);
  handle->current = NULL;
  handle->client = NULL;
  return 0;
}

static int handle_tostring(lua_State *L) {
  const struct handle *handle = check(L);
  lua_pushfstring(L, "segmind.core.handle (%s)",
                  handle->client ? "open" : "closed");
  return 1;
}

/* The key may come from the environment, read here so that it never becomes a
 * Lua string. */
static void default_from_environment(struct sm_client_options *options) {
  if (!options->api_key)
    options->api_key = getenv("SEGMIND_API_KEY");
  if (!options->base_url)
    options->base_url = getenv("SEGMIND_BASE_URL");
  if (!options->base_url || !*options->base_url)
    options->base_url = "https://api.segmind.com";
}

struct open_options {
  struct sm_client_options client;
  double max_transfers;
};

#define AT(member) offsetof(struct open_options, member)

static const struct lsm_option open_options[] = {
    {"api_key", LSM_TEXT, AT(client.api_key), 0, 0},
    {"base_url", LSM_TEXT, AT(client.base_url), 0, 0},
    {"user_agent", LSM_TEXT, AT(client.user_agent), 0, 0},
    {"ca_file", LSM_TEXT, AT(client.ca_file), 0, 0},
    {"proxy", LSM_TEXT, AT(client.proxy), 0, 0},
    {"media_hosts", LSM_LIST, AT(client.media_hosts), 0, 0},
    {"max_transfers", LSM_NUMBER, AT(max_transfers), 1, 1000},
    {"rpm", LSM_NUMBER, AT(client.rpm), 0, 1e6},
    {"max_json_bytes", LSM_COUNT, AT(client.max_json_bytes), 1024, 1e9},
    {"max_image_bytes", LSM_COUNT, AT(client.max_image_bytes), 1024, 4e9},
    {"inline", LSM_SWITCH, AT(client.is_inline), 0, 0},
    {"ledger", LSM_TEXT, AT(client.ledger), 0, 0},
    {"ledger_files", LSM_TEXT, AT(client.ledger_files), 0, 0},
    {"driver_folder", LSM_TEXT, AT(client.driver_folder), 0, 0},
    {"budget", LSM_NUMBER, AT(client.budget), 0, 1e9},
    {NULL, LSM_TEXT, 0, 0, 0},
};

int lsm_open(lua_State *L) {
  struct open_options options = {
      .client = {.user_agent = "segmind-lua/" SEGMIND_VERSION,
                 .max_json_bytes = 4 << 20,
                 .max_image_bytes = 64 << 20},
      .max_transfers = 16,
  };
  struct sm_error e;
  options.client.budget = -1;
  lsm_read_options(L, 1, open_options, &options);
  options.client.has_budget = options.client.budget >= 0;
  options.client.max_transfers = (int)options.max_transfers;
  default_from_environment(&options.client);
  struct handle *handle = lua_newuserdata(L, sizeof *handle);
  memset(handle, 0, sizeof *handle);
  luaL_getmetatable(L, HANDLE);
  lua_setmetatable(L, -2);
  if (sm_client_new(&handle->client, &options.client, &e) != SM_OK)
    return lsm_return_error(L, &e, options.client.api_key);
  return 1;
}

/* -- events -------------------------------------------------------------- */

static int handle_nudge(lua_State *L) {
  sm_client_nudge(lsm_check_client(L));
  return 0;
}

static bool is_due(const struct handle *handle) {
  return handle->alarm_ms != 0 && sm_now_ms() >= handle->alarm_ms;
}

static int handle_has_news(lua_State *L) {
  const struct handle *handle = check(L);
  lua_pushboolean(L, handle->client && (handle->current ||
                                        sm_client_is_readable(handle->client) ||
                                        is_due(handle)));
  return 1;
}

/* By the clock of core.now; nil or none: no alarm. */
static int handle_alarm(lua_State *L) {
  struct handle *handle = check(L);
  double at_s = luaL_optnumber(L, 2, 0);
  handle->alarm_ms = at_s > 0 && at_s < 1e12 ? (int64_t)ceil(at_s * 1000) : 0;
  return 0;
}

/* The event stays the current one until it is dropped: what raises meanwhile,
 * here or in the Lua that deals with it, finds it again. */
static int handle_peek(lua_State *L) {
  struct handle *handle = check(L);
  if (!handle->client || !sm_client_is_usable(handle->client))
    return 0;
  if (!handle->current)
    handle->current = sm_client_take(handle->client);
  if (!handle->current)
    return 0;
  return lsm_push_event(L, handle->current, sm_client_key(handle->client));
}

static int handle_drop(lua_State *L) {
  struct handle *handle = check(L);
  sm_event_delete(handle->current);
  handle->current = NULL;
  return 0;
}

/* Drops the event that was dealt with, and gives the one behind it. */
static int handle_next(lua_State *L) {
  (void)handle_drop(L);
  return handle_peek(L);
}

static int handle_take(lua_State *L) {
  int count = handle_peek(L);
  (void)handle_drop(L);
  return count;
}

static int handle_wait(lua_State *L) {
  struct handle *handle = check(L);
  double seconds = luaL_checknumber(L, 2);
  if (!handle->client || !sm_client_is_usable(handle->client)) {
    lua_pushboolean(L, false);
    return 1;
  }
  if (!(seconds > 0))
    seconds = 0;
  int64_t timeout_ms =
      seconds > LSM_MAX_TIMEOUT_S ? INT32_MAX : (int64_t)ceil(seconds * 1000);
  lua_pushboolean(L, handle->current || is_due(handle) ||
                         sm_client_wait(handle->client, timeout_ms));
  return 1;
}

static int handle_fd(lua_State *L) {
  int fd = sm_client_fd(lsm_check_client(L));
  if (fd < 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, fd);
  return 1;
}

static void set_count(lua_State *L, const char *name, uint64_t value) {
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, name);
}

static int handle_stats(lua_State *L) {
  struct sm_stats stats;
  struct sm_ledger_stats ledger;
  long connections;
  struct sm_client *client = lsm_check_client(L);
  sm_client_stats(client, &stats, &connections);
  lua_createtable(L, 0, 11);
  if (sm_client_ledger_stats(client, &ledger)) {
    set_count(L, "ledger_writes", ledger.writes);
    set_count(L, "ledger_commits", ledger.commits);
    set_count(L, "ledger_retries", ledger.retries);
  }
  set_count(L, "jobs", stats.jobs);
  set_count(L, "active", stats.active);
  set_count(L, "queued", stats.queued);
  set_count(L, "submits", stats.submits);
  set_count(L, "polls", stats.polls);
  set_count(L, "transfers", stats.transfers);
  set_count(L, "events", stats.events);
  set_count(L, "connections", (uint64_t)connections);
  return 1;
}

/* Whether the worker has said something of a task that was not taken yet. */
static int handle_has_event(lua_State *L) {
  struct sm_client *client = lsm_check_client(L);
  lua_pushboolean(
      L, sm_client_has_event(client, (uint64_t)luaL_checkinteger(L, 2)));
  return 1;
}

static int handle_redact(lua_State *L) {
  const struct sm_client *client = lsm_check_client(L);
  char clean[SM_REDACT_MAX + 1];
  size_t size;
  const char *text = luaL_checklstring(L, 2, &size);
  size =
      sm_redact_clean(clean, sizeof clean, text, size, sm_client_key(client));
  lua_pushlstring(L, clean, size);
  return 1;
}

/* -- registration -------------------------------------------------------- */

static const luaL_Reg methods[] = {
    {"has_news", handle_has_news},   /* -> whether a take is worth it */
    {"nudge", handle_nudge},         /* the descriptor is readable, too */
    {"alarm", handle_alarm},         /* core.now() from when on there is news */
    {"peek", handle_peek},           /* -> nothing, or id, what, a, b, bytes */
    {"drop", handle_drop},           /* what was peeked is dealt with */
    {"next", handle_next},           /* drop, then peek */
    {"take", handle_take},           /* peek, then drop */
    {"wait", handle_wait},           /* seconds -> boolean */
    {"problem", handle_problem},     /* -> nothing, or why nothing works */
    {"fd", handle_fd},               /* -> integer or nil */
    {"stats", handle_stats},         /* -> table */
    {"has_event", handle_has_event}, /* id -> boolean */
    {"ask", lsm_ask},                /* of the ledger: see lsm.h */
    {"queue", lsm_queue},            /* of the ledger, as the next four */
    {"share", lsm_share},
    {"fetch", lsm_fetch},
    {"folder", lsm_folder},
    {"notices", lsm_notices},
    {"redact", handle_redact}, /* text -> text */
    {"close", handle_close},
    {"__gc", handle_close},
    {"__close", handle_close},
    {"__tostring", handle_tostring},
    {NULL, NULL},
};

void lsm_register_handle(lua_State *L) {
  /* Filled even if it is there: the first loading may have run out of memory,
   * and a handle without __gc would never be closed. */
  (void)luaL_newmetatable(L, HANDLE);
  lua_pushvalue(L, -1);
  lsm_set_functions(L, methods, 1);
  lua_pushvalue(L, -1);
  lsm_set_functions(L, lsm_task_methods, 1);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
