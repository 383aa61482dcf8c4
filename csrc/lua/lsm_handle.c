#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lsm.h"
#include "sm_text.h"

#define HANDLE "segmind.core.handle"
#define DEFAULT_TIMEOUT_S 600
#define MAX_TIMEOUT_S 1e7

struct handle {
  struct sm_client *client; /* NULL: closed */
  struct sm_event *current; /* popped, not yet safely on Lua's side */
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

static struct handle *check_open(lua_State *L) {
  struct handle *handle = check(L);
  if (!handle->client)
    luaL_error(L, "the client is closed");
  if (!sm_client_is_usable(handle->client))
    luaL_error(L, "the client belongs to the parent of this process; make a "
                  "new one after a fork");
  return handle;
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
  lsm_read_options(L, 1, open_options, &options);
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

/* -- tasks --------------------------------------------------------------- */

struct task_options {
  double timeout_s;
  double latency_s;
  struct sm_dial dial;
};

static const struct lsm_option task_options[] = {
    {"timeout", LSM_NUMBER, offsetof(struct task_options, timeout_s), 0,
     MAX_TIMEOUT_S},
    {"latency", LSM_NUMBER, offsetof(struct task_options, latency_s), 0, 1e5},
    {"poll", LSM_DIAL, offsetof(struct task_options, dial), 0.001, 1e5},
    {NULL, LSM_TEXT, 0, 0, 0},
};

static struct task_options check_options(lua_State *L, int index) {
  struct task_options options = {.timeout_s = DEFAULT_TIMEOUT_S,
                                 .dial = {.k = 0.25}};
  lsm_read_options(L, index, task_options, &options);
  return options;
}

static int64_t deadline_of(const struct task_options *options) {
  return sm_now_ms() + (int64_t)ceil(options->timeout_s * 1000);
}

static const char *check_name(lua_State *L, int index) {
  const char *name = lsm_check_text(L, index);
  if (!sm_url_is_id(name))
    luaL_error(L, "\"%s\" cannot be the name of a model", name);
  return name;
}

static int refuse(lua_State *L, const struct handle *handle,
                  struct sm_task *task, const struct sm_error *e) {
  sm_task_delete(task);
  return lsm_return_error(L, e, sm_client_key(handle->client));
}

static int post(lua_State *L, struct handle *handle, struct sm_task *task) {
  struct sm_error e;
  uint64_t id = sm_client_post(handle->client, task, &e);
  if (id == 0)
    return refuse(L, handle, NULL, &e);
  lua_pushinteger(L, (lua_Integer)id);
  return 1;
}

static enum sm_code give_text(struct sm_task *task, const char *text,
                              size_t size, struct sm_error *e) {
  task->body = sm_body_new();
  return task->body ? sm_body_add_text(task->body, text, size, e)
                    : sm_fail_memory(e);
}

static struct sm_task *new_job(const char *model,
                               const struct task_options *options,
                               struct sm_error *e) {
  struct sm_task *task = sm_task_new(SM_TASK_JOB, model);
  if (!task) {
    sm_fail_memory(e);
    return NULL;
  }
  sm_job_create(&task->job, &options->dial, deadline_of(options));
  task->mean_s = options->latency_s;
  return task;
}

static int handle_job(lua_State *L) {
  struct handle *handle = check_open(L);
  const char *model = check_name(L, 2);
  size_t size;
  const char *json = luaL_checklstring(L, 3, &size);
  struct task_options options = check_options(L, 4);
  struct sm_error e;
  struct sm_task *task = new_job(model, &options, &e);
  if (!task || give_text(task, json, size, &e) != SM_OK)
    return refuse(L, handle, task, &e);
  return post(L, handle, task);
}

static int handle_attach(lua_State *L) {
  struct handle *handle = check_open(L);
  const char *model = check_name(L, 2);
  const char *request_id = lsm_check_text(L, 3);
  struct task_options options = check_options(L, 4);
  struct sm_error e;
  struct sm_task *task = new_job(model, &options, &e);
  if (!task || sm_job_attach(&task->job, request_id, sm_now_ms(), &e) != SM_OK)
    return refuse(L, handle, task, &e);
  return post(L, handle, task);
}

/* A submit that was begun at `since`, Unix time, and never answered. */
static int handle_find(lua_State *L) {
  struct handle *handle = check_open(L);
  const char *model = check_name(L, 2);
  size_t size;
  const char *json = luaL_checklstring(L, 3, &size);
  double since_s = luaL_checknumber(L, 4);
  struct task_options options = check_options(L, 5);
  struct sm_error e;
  luaL_argcheck(L, since_s >= 0 && since_s < 1e11, 4, "expected a Unix time");
  struct sm_task *task = new_job(model, &options, &e);
  if (!task || give_text(task, json, size, &e) != SM_OK ||
      sm_job_find(&task->job, (int64_t)since_s, sm_now_ms(), &e) != SM_OK)
    return refuse(L, handle, task, &e);
  return post(L, handle, task);
}

static struct sm_task *new_call(enum sm_call_kind kind, const char *target,
                                const struct task_options *options,
                                struct sm_error *e) {
  struct sm_task *task = sm_task_new(SM_TASK_CALL, target);
  if (!task) {
    sm_fail_memory(e);
    return NULL;
  }
  sm_call_create(&task->call, kind, deadline_of(options));
  task->mean_s = options->latency_s;
  return task;
}

static int handle_sync(lua_State *L) {
  struct handle *handle = check_open(L);
  const char *model = check_name(L, 2);
  size_t size;
  const char *json = luaL_checklstring(L, 3, &size);
  struct task_options options = check_options(L, 4);
  struct sm_error e;
  struct sm_task *task = new_call(SM_CALL_SYNC, model, &options, &e);
  if (!task || give_text(task, json, size, &e) != SM_OK)
    return refuse(L, handle, task, &e);
  return post(L, handle, task);
}

/* {path = ...} or {bytes = ...}, and the picture's media type. */
struct source {
  const char *path;
  const char *bytes;
  size_t size;
  const char *media_type;
};

/* The table keeps a string; one made from a number would belong to nobody. */
static const char *string_at(lua_State *L, int index, size_t *size) {
  if (lua_type(L, index) != LUA_TSTRING)
    return NULL;
  return lua_tolstring(L, index, size);
}

static struct source check_source(lua_State *L, int index) {
  struct source source;
  luaL_checktype(L, index, LUA_TTABLE);
  lua_getfield(L, index, "path");
  lua_getfield(L, index, "bytes");
  lua_getfield(L, index, "media_type");
  source.path = string_at(L, -3, NULL);
  source.bytes = string_at(L, -2, &source.size);
  source.media_type = string_at(L, -1, NULL);
  if (!source.media_type || !source.path == !source.bytes)
    luaL_argerror(L, index, "expected media_type and one of path and bytes");
  lua_pop(L, 3);
  return source;
}

static enum sm_code give_source(struct sm_task *task,
                                const struct source *source,
                                struct sm_error *e) {
  char head[128];
  int length =
      snprintf(head, sizeof head, "{\"data_urls\":[\"data:%.64s;base64,",
               source->media_type);
  enum sm_code code = give_text(task, head, (size_t)length, e);
  if (code == SM_OK)
    code = source->path
               ? sm_body_add_file(task->body, source->path, e)
               : sm_body_add_base64(task->body, source->bytes, source->size, e);
  return code == SM_OK ? sm_body_add_text(task->body, "\"]}", 3, e) : code;
}

static int handle_upload(lua_State *L) {
  struct handle *handle = check_open(L);
  struct source source = check_source(L, 2);
  struct task_options options = check_options(L, 3);
  struct sm_error e;
  struct sm_task *task =
      new_call(SM_CALL_UPLOAD, "/upload-asset", &options, &e);
  if (!task || give_source(task, &source, &e) != SM_OK)
    return refuse(L, handle, task, &e);
  return post(L, handle, task);
}

static int handle_digest(lua_State *L) {
  struct handle *handle = check_open(L);
  const char *path = lsm_check_text(L, 2);
  struct sm_error e;
  struct sm_task *task = sm_task_new(SM_TASK_DIGEST, path);
  if (!task) {
    sm_fail_memory(&e);
    return refuse(L, handle, NULL, &e);
  }
  if (sm_digest_new(&task->digest, path, &e) != SM_OK)
    return refuse(L, handle, task, &e);
  return post(L, handle, task);
}

static enum sm_code give_file(struct sm_task *task, const char *path,
                              bool is_private, struct sm_error *e) {
  enum sm_code code = sm_file_new(&task->file, path, e);
  if (code == SM_OK && is_private)
    sm_file_hide(task->file);
  return code;
}

/* With a path and a last argument that is true, for its owner alone. */
static int handle_download(lua_State *L) {
  struct handle *handle = check_open(L);
  const char *url = lsm_check_text(L, 2);
  const char *path = lua_isnoneornil(L, 3) ? NULL : lsm_check_text(L, 3);
  struct task_options options = check_options(L, 4);
  bool is_private = lua_toboolean(L, 5);
  struct sm_error e;
  struct sm_task *task = new_call(SM_CALL_DOWNLOAD, url, &options, &e);
  if (!task || (path && give_file(task, path, is_private, &e) != SM_OK))
    return refuse(L, handle, task, &e);
  return post(L, handle, task);
}

static int handle_get(lua_State *L) {
  static const char *const services[] = {"api", "upload", "control", NULL};
  struct handle *handle = check_open(L);
  int place = luaL_checkoption(L, 2, "api", services);
  const char *target = lsm_check_text(L, 3);
  luaL_argcheck(L, target[0] == '/', 3, "expected a path");
  struct task_options options = check_options(L, 4);
  struct sm_error e;
  struct sm_task *task = new_call(SM_CALL_GET, target, &options, &e);
  if (!task)
    return refuse(L, handle, NULL, &e);
  task->place = (enum sm_place)place;
  return post(L, handle, task);
}

static int handle_cancel(lua_State *L) {
  struct handle *handle = check_open(L);
  sm_client_cancel(handle->client, (uint64_t)luaL_checkinteger(L, 2));
  return 0;
}

/* -- events -------------------------------------------------------------- */

static int handle_nudge(lua_State *L) {
  sm_client_nudge(check_open(L)->client);
  return 0;
}

static int handle_has_news(lua_State *L) {
  const struct handle *handle = check(L);
  lua_pushboolean(L, handle->client && (handle->current ||
                                        sm_client_has_news(handle->client)));
  return 1;
}

/* The event is deleted only when it stands on Lua's stack: pushing may raise,
 * and the next take then pushes it again. */
static int handle_take(lua_State *L) {
  struct handle *handle = check(L);
  if (!handle->client || !sm_client_is_usable(handle->client))
    return 0;
  if (!handle->current)
    handle->current = sm_client_take(handle->client);
  if (!handle->current)
    return 0;
  int count = lsm_push_event(L, handle->current, sm_client_key(handle->client));
  sm_event_delete(handle->current);
  handle->current = NULL;
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
      seconds > MAX_TIMEOUT_S ? INT32_MAX : (int64_t)ceil(seconds * 1000);
  lua_pushboolean(L, handle->current ||
                         sm_client_wait(handle->client, timeout_ms));
  return 1;
}

static int handle_fd(lua_State *L) {
  const struct handle *handle = check_open(L);
  int fd = sm_client_fd(handle->client);
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
  struct handle *handle = check_open(L);
  struct sm_stats stats;
  long connections;
  sm_client_stats(handle->client, &stats, &connections);
  lua_createtable(L, 0, 8);
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

static int handle_redact(lua_State *L) {
  const struct handle *handle = check_open(L);
  char clean[SM_TEXT_MAX + 1];
  size_t size;
  const char *text = luaL_checklstring(L, 2, &size);
  size = sm_text_clean(clean, sizeof clean, text, size,
                       sm_client_key(handle->client));
  lua_pushlstring(L, clean, size);
  return 1;
}

/* -- registration -------------------------------------------------------- */

static const luaL_Reg methods[] = {
    {"job", handle_job},           /* model, json, options -> id */
    {"attach", handle_attach},     /* model, request id, options -> id */
    {"find", handle_find},         /* model, json, since, options -> id */
    {"sync", handle_sync},         /* model, json, options -> id */
    {"upload", handle_upload},     /* source, options -> id */
    {"digest", handle_digest},     /* path -> id */
    {"download", handle_download}, /* url, path, options, private -> id */
    {"get", handle_get},           /* service, path, options -> id */
    {"cancel", handle_cancel},     /* id */
    {"has_news", handle_has_news}, /* -> whether a take is worth it */
    {"nudge", handle_nudge},       /* the descriptor is readable, too */
    {"take", handle_take},         /* -> nothing, or id, what, a, b, bytes */
    {"wait", handle_wait},         /* seconds -> boolean */
    {"fd", handle_fd},             /* -> integer or nil */
    {"stats", handle_stats},       /* -> table */
    {"redact", handle_redact},     /* text -> text */
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
  luaL_setfuncs(L, methods, 1);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
