/* The verbs of a handle that give the engine something to do: a table or two
 * in, a task made of them, posted, and its id out. A task that cannot be made
 * is deleted, and the error goes back as a value.
 *
 * As its fifth and sixth argument each verb takes two tables, `handlers` and a
 * `handler`. handlers[id] = handler and handler._task = id are then written
 * with the post, or not at all: an error that is raised in the midst of Lua
 * (Ctrl-C, a watchdog, no memory) cannot come between a paid request and the
 * note of who is told of it. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "lsm.h"
#include "sm_store.h"

#define DEFAULT_TIMEOUT_S 600

/* One step of a ledger. */
struct step_options {
  const char *key;
  const char *params;
  const char *name;
  double seed;
  double price;
  double generation;
  bool is_fresh;
};

#define STEP(member) offsetof(struct step_options, member)
#define MOST 9007199254740991.0 /* doubles count up to it */

static const struct lsm_option step_options[] = {
    {"key", LSM_TEXT, STEP(key), 0, 0},
    {"params", LSM_TEXT, STEP(params), 0, 0},
    {"name", LSM_TEXT, STEP(name), 0, 0},
    {"seed", LSM_NUMBER, STEP(seed), -MOST, MOST},
    {"price", LSM_NUMBER, STEP(price), 0, 1e9},
    {"generation", LSM_NUMBER, STEP(generation), 0, 1e9},
    {"fresh", LSM_SWITCH, STEP(is_fresh), 0, 0},
    {NULL, LSM_TEXT, 0, 0, 0},
};

/* Arguments of every verb that begins a task. */
enum { HANDLERS = 6, HANDLER, AFTER_HANDLER };

struct task_options {
  double timeout_s;
  double latency_s;
  struct sm_dial dial;
  bool has_step;
  bool is_in_ledger; /* of attach: the row of the id is looked for */
  const char *save;  /* where a job's picture goes */
  const char *xmp;   /* what a saved picture says, as the next */
  const char *beside;
  double seed; /* that it says unless the service tells another */
  struct step_options step;
};

enum { TIMEOUT, LATENCY, POLL };

static const struct lsm_option task_options[] = {
    [TIMEOUT] = {"timeout", LSM_NUMBER,
                 offsetof(struct task_options, timeout_s), 0,
                 LSM_MAX_TIMEOUT_S},
    [LATENCY] = {"latency", LSM_NUMBER,
                 offsetof(struct task_options, latency_s), 0, 1e5},
    [POLL] = {"poll", LSM_DIAL, offsetof(struct task_options, dial), 0.001,
              1e5},
    {"step", LSM_TABLE, offsetof(struct task_options, has_step), 0, 0},
    {"save", LSM_TEXT, offsetof(struct task_options, save), 0, 0},
    {"xmp", LSM_TEXT, offsetof(struct task_options, xmp), 0, 0},
    {"beside", LSM_TEXT, offsetof(struct task_options, beside), 0, 0},
    {"seed", LSM_NUMBER, offsetof(struct task_options, seed), -MOST, MOST},
    {"ledger", LSM_SWITCH, offsetof(struct task_options, is_in_ledger), 0, 0},
    {NULL, LSM_TEXT, 0, 0, 0},
};

/* The texts stay in the table. */
static void check_step(lua_State *L, int index, struct step_options *step) {
  lua_getfield(L, index, "step");
  lsm_read_options(L, lua_gettop(L), step_options, step);
  lua_pop(L, 1);
  luaL_argcheck(L, step->key && sm_url_is_id(step->key), index,
                "a step has a key");
  luaL_argcheck(L, step->params, index, "a step has params");
}

/* A number in the place of the table is the timeout; then the latency is the
 * next argument, and the poll the one behind the handler. So has nearly each
 * job a table less. */
static void check_few(lua_State *L, int index, struct task_options *options) {
  lsm_read_option(L, index, &task_options[TIMEOUT], options);
  lsm_read_option(L, index + 1, &task_options[LATENCY], options);
  lsm_read_option(L, AFTER_HANDLER, &task_options[POLL], options);
}

static struct task_options check_options(lua_State *L, int index) {
  struct task_options options = {
      .timeout_s = DEFAULT_TIMEOUT_S,
      .dial = {.k = 0.25},
      .seed = (double)NAN,
      .step = {.seed = (double)NAN, .price = (double)NAN}};
  if (lua_type(L, index) == LUA_TNUMBER)
    check_few(L, index, &options);
  else
    lsm_read_options(L, index, task_options, &options);
  if (options.has_step)
    check_step(L, index, &options.step);
  if ((options.has_step || options.is_in_ledger) &&
      !sm_client_has_ledger(lsm_check_client(L)))
    luaL_argerror(L, index, "the client has no ledger");
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

/* Who is told of a task, noted before there is one. */
struct listener {
  int index; /* of `handlers`; 0: nobody */
  uint64_t id;
};

static struct listener enlist(lua_State *L, struct sm_client *client) {
  struct listener listener = {.id = sm_client_new_id(client)};
  if (!lua_istable(L, HANDLERS) || !lua_istable(L, HANDLER))
    return listener;
  listener.index = HANDLERS;
  lua_pushliteral(L, "_task");
  lua_pushinteger(L, (lua_Integer)listener.id);
  lua_pushvalue(L, HANDLER);
  lua_rawseti(L, HANDLERS, (int)listener.id); /* needs room: first */
  lua_rawset(L, HANDLER);
  return listener;
}

static void dismiss(lua_State *L, const struct listener *listener) {
  if (listener->index == 0)
    return;
  lua_pushnil(L);
  lua_rawseti(L, listener->index, (int)listener->id);
  lua_pushliteral(L, "_task");
  lua_pushboolean(L, false);
  lua_rawset(L, listener->index + 1);
}

static int refuse(lua_State *L, const struct sm_client *client,
                  const struct listener *listener, struct sm_task *task,
                  const struct sm_error *e) {
  sm_task_delete(task);
  dismiss(L, listener);
  return lsm_return_error(L, e, sm_client_key(client));
}

static int post(lua_State *L, struct sm_client *client,
                const struct listener *listener, struct sm_task *task) {
  struct sm_error e;
  task->id = listener->id;
  uint64_t id = sm_client_post(client, task, &e);
  if (id == 0)
    return refuse(L, client, listener, NULL, &e);
  lua_pushinteger(L, (lua_Integer)id);
  return 1;
}

static enum sm_code give_text(struct sm_task *task, const char *text,
                              size_t size, struct sm_error *e) {
  task->body = sm_body_new();
  return task->body ? sm_body_add_text(task->body, text, size, e)
                    : sm_fail_memory(e);
}

/* What a verb makes: a job, or one exchange of a kind. */
struct verb {
  enum sm_task_kind kind;
  enum sm_fetch_kind call; /* CALL */
};

static const struct verb job = {SM_TASK_JOB, SM_FETCH_GET};
static const struct verb sync_call = {SM_TASK_CALL, SM_FETCH_SYNC};
static const struct verb upload = {SM_TASK_CALL, SM_FETCH_UPLOAD};
static const struct verb download = {SM_TASK_CALL, SM_FETCH_DOWNLOAD};
static const struct verb get = {SM_TASK_CALL, SM_FETCH_GET};

static struct sm_task *new_task(const struct verb *verb, const char *target,
                                const struct task_options *options,
                                struct sm_error *e) {
  struct sm_task *task = sm_task_new(verb->kind, target);
  if (!task) {
    sm_fail_memory(e);
    return NULL;
  }
  if (verb->kind == SM_TASK_JOB)
    sm_job_create(&task->job, &options->dial, deadline_of(options));
  else
    sm_fetch_create(&task->call, verb->call, deadline_of(options));
  task->mean_s = options->latency_s;
  return task;
}

/* The body of a submit; only a step may do without one at first. */
static const char *check_body(lua_State *L, int index,
                              const struct task_options *options,
                              size_t *size) {
  bool may_wait = options->has_step && options->step.generation == 0;
  return may_wait ? luaL_optlstring(L, index, NULL, size)
                  : luaL_checklstring(L, index, size);
}

/* What its saved picture says, if it is to. */
static enum sm_code give_metadata(struct sm_task *task,
                                  const struct sm_client *client,
                                  const struct task_options *options,
                                  struct sm_error *e) {
  char digits[32] = "";
  if (!options->xmp || !options->beside)
    return SM_OK;
  enum sm_code code =
      sm_metadata_new(&task->metadata, options->xmp, options->beside, e);
  if (code != SM_OK)
    return code;
  sm_metadata_hide(task->metadata, sm_client_key(client));
  if (!isnan(options->seed))
    (void)snprintf(digits, sizeof digits, "%.0f", options->seed);
  sm_metadata_tell(task->metadata, NULL, digits, (double)NAN, 0);
  return SM_OK;
}

/* Where its picture goes, which a step of a ledger has in its entry. The answer
 * of the synchronous way is the picture itself. */
static enum sm_code give_target(struct sm_task *task,
                                const struct sm_client *client,
                                const struct task_options *options,
                                struct sm_error *e) {
  bool is_own = options->save && task->kind == SM_TASK_JOB && !task->entry;
  if (is_own && (task->save = strdup(options->save)) == NULL)
    return sm_fail_memory(e);
  return give_metadata(task, client, options, e);
}

static enum sm_code enter(struct sm_task *task, enum sm_entry_start start,
                          const struct step_options *step, const char *save,
                          struct sm_error *e) {
  const struct sm_ledger_step line = {.key = step->key,
                                      .params = step->params,
                                      .name = step->name,
                                      .seed = step->seed,
                                      .price = step->price,
                                      .is_fresh = step->is_fresh};
  if (!sm_task_enter(task, sm_entry_new(start, &line, save)))
    return sm_fail_memory(e);
  task->entry->generation = (int64_t)step->generation;
  return SM_OK;
}

static enum sm_code prepare(struct sm_task *task,
                            const struct sm_client *client, const char *body,
                            size_t size, const struct task_options *options,
                            struct sm_error *e) {
  const struct step_options *step = &options->step;
  enum sm_code code = body ? give_text(task, body, size, e) : SM_OK;
  if (code == SM_OK && options->has_step)
    code = enter(task, step->generation > 0 ? SM_START_AGAIN : SM_START_STEP,
                 step, options->save, e);
  return code == SM_OK ? give_target(task, client, options, e) : code;
}

static int submit(lua_State *L, const struct verb *verb) {
  struct sm_client *client = lsm_check_client(L);
  const char *model = check_name(L, 2);
  size_t size = 0;
  struct task_options options = check_options(L, 4);
  const char *json = check_body(L, 3, &options, &size);
  struct listener listener = enlist(L, client);
  struct sm_error e;
  struct sm_task *task = new_task(verb, model, &options, &e);
  if (!task || prepare(task, client, json, size, &options, &e) != SM_OK)
    return refuse(L, client, &listener, task, &e);
  return post(L, client, &listener, task);
}

static int task_job(lua_State *L) { return submit(L, &job); }

static int task_sync(lua_State *L) { return submit(L, &sync_call); }

static enum sm_code enter_attached(struct sm_task *task,
                                   const struct task_options *options,
                                   struct sm_error *e) {
  const struct step_options *step = &options->step;
  if (options->has_step)
    return enter(task, SM_START_ADOPT, step, options->save, e);
  return options->is_in_ledger ? enter(task, SM_START_ATTACH, step, NULL, e)
                               : SM_OK;
}

static int task_attach(lua_State *L) {
  struct sm_client *client = lsm_check_client(L);
  const char *model = check_name(L, 2);
  const char *request_id = lsm_check_text(L, 3);
  struct task_options options = check_options(L, 4);
  struct listener listener = enlist(L, client);
  struct sm_error e;
  struct sm_task *task = new_task(&job, model, &options, &e);
  if (!task ||
      sm_job_attach(&task->job, request_id, sm_now_ms(), &e) != SM_OK ||
      enter_attached(task, &options, &e) != SM_OK ||
      give_target(task, client, &options, &e) != SM_OK)
    return refuse(L, client, &listener, task, &e);
  return post(L, client, &listener, task);
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

static int task_upload(lua_State *L) {
  struct sm_client *client = lsm_check_client(L);
  struct source source = check_source(L, 2);
  struct task_options options = check_options(L, 3);
  struct listener listener = enlist(L, client);
  struct sm_error e;
  struct sm_task *task = new_task(&upload, "/upload-asset", &options, &e);
  if (!task || give_source(task, &source, &e) != SM_OK)
    return refuse(L, client, &listener, task, &e);
  return post(L, client, &listener, task);
}

/* Bytes are copied: the string is Lua's, and the worker's time is its own. */
static enum sm_code digest_bytes(struct sm_task *task, const char *bytes,
                                 size_t size, struct sm_error *e) {
  enum sm_code code = give_text(task, bytes, size, e);
  if (code != SM_OK)
    return code;
  return sm_digest_new_of_bytes(&task->digest, sm_body_text(task->body, &size),
                                size, e);
}

/* Of the file at a path, or of {bytes = ...}. */
static int task_digest(lua_State *L) {
  struct sm_client *client = lsm_check_client(L);
  const char *path = "", *bytes = NULL;
  size_t size = 0;
  if (lua_istable(L, 2)) {
    lua_getfield(L, 2, "bytes");
    bytes = string_at(L, -1, &size);
    luaL_argcheck(L, bytes, 2, "expected a path or {bytes = ...}");
    lua_pop(L, 1);
  } else {
    path = lsm_check_text(L, 2);
  }
  struct listener listener = enlist(L, client);
  struct sm_error e;
  struct sm_task *task = sm_task_new(SM_TASK_DIGEST, path);
  enum sm_code code = SM_OK;
  if (!task)
    code = sm_fail_memory(&e);
  else if (bytes)
    code = digest_bytes(task, bytes, size, &e);
  else
    code = sm_digest_new(&task->digest, path, &e);
  if (code != SM_OK)
    return refuse(L, client, &listener, task, &e);
  return post(L, client, &listener, task);
}

/* A picture that is at hand, its bytes or {path = ...}, to a path. */
static int task_save(lua_State *L) {
  struct sm_client *client = lsm_check_client(L);
  const char *path = lsm_check_text(L, 2), *from = NULL, *bytes = NULL;
  size_t size = 0;
  if (lua_istable(L, 3)) {
    lua_getfield(L, 3, "path");
    from = string_at(L, -1, NULL);
    luaL_argcheck(L, from, 3, "expected bytes or {path = ...}");
    lua_pop(L, 1);
  } else {
    bytes = luaL_checklstring(L, 3, &size);
  }
  struct task_options options = check_options(L, 4);
  struct listener listener = enlist(L, client);
  struct sm_error e;
  struct sm_task *task = sm_task_new(SM_TASK_DIGEST, path);
  enum sm_code code = task ? SM_OK : sm_fail_memory(&e);
  if (code == SM_OK)
    code = from ? sm_digest_new(&task->digest, from, &e)
                : digest_bytes(task, bytes, size, &e);
  if (code == SM_OK)
    code = sm_digest_copy_to(task->digest, path, false, &e);
  if (code == SM_OK)
    code = give_metadata(task, client, &options, &e);
  if (code == SM_OK)
    sm_digest_describe(task->digest, task->metadata);
  if (code != SM_OK)
    return refuse(L, client, &listener, task, &e);
  return post(L, client, &listener, task);
}

static int task_download(lua_State *L) {
  struct sm_client *client = lsm_check_client(L);
  const char *url = lsm_check_text(L, 2);
  const char *path = lua_isnoneornil(L, 3) ? NULL : lsm_check_text(L, 3);
  struct task_options options = check_options(L, 4);
  struct listener listener = enlist(L, client);
  struct sm_error e;
  struct sm_task *task = new_task(&download, url, &options, &e);
  if (!task || give_metadata(task, client, &options, &e) != SM_OK ||
      (path && sm_file_new(&task->file, path, false, &e) != SM_OK))
    return refuse(L, client, &listener, task, &e);
  if (path)
    sm_file_describe(task->file, task->metadata);
  return post(L, client, &listener, task);
}

static int task_get(lua_State *L) {
  static const char *const services[] = {"api", "upload", "control", NULL};
  struct sm_client *client = lsm_check_client(L);
  int host = luaL_checkoption(L, 2, "api", services);
  const char *target = lsm_check_text(L, 3);
  luaL_argcheck(L, target[0] == '/', 3, "expected a path");
  struct task_options options = check_options(L, 4);
  struct listener listener = enlist(L, client);
  struct sm_error e;
  struct sm_task *task = new_task(&get, target, &options, &e);
  if (!task)
    return refuse(L, client, &listener, NULL, &e);
  task->host = (enum sm_host)host;
  return post(L, client, &listener, task);
}

/* -- the ledger's ---------------------------------------------------------- */

static int task_proceed(lua_State *L) {
  struct sm_client *client = lsm_check_client(L);
  uint64_t id = (uint64_t)luaL_checkinteger(L, 2);
  size_t size;
  const char *json = luaL_checklstring(L, 3, &size);
  struct listener nobody = {.id = id};
  struct sm_error e;
  struct sm_task *bearer = sm_task_new(SM_TASK_PROCEED, "");
  if (!bearer)
    sm_fail_memory(&e);
  if (!bearer || give_text(bearer, json, size, &e) != SM_OK)
    return refuse(L, client, &nobody, bearer, &e);
  int count = post(L, client, &nobody, bearer);
  if (count == 1)
    lua_pushboolean(L, true);
  return count;
}

/* A row as a "rows" event gave it; its texts stay in the table. */
static void read_row(lua_State *L, int index, struct sm_db_value *values) {
  luaL_checktype(L, index, LUA_TTABLE);
  for (int i = 0; i < SM_ROW_COLUMNS; i++) {
    lua_getfield(L, index, sm_column_name((enum sm_column)i));
    int type = lua_type(L, -1);
    values[i] = sm_db_null();
    if (type == LUA_TNUMBER)
      values[i] = sm_db_number(lua_tonumber(L, -1));
    if (type == LUA_TSTRING) {
      values[i] = sm_db_text(lua_tostring(L, -1));
      values[i].size = lsm_length(L, -1);
    }
    lua_pop(L, 1);
  }
}

static enum sm_code enter_taken(struct sm_task *task,
                                const struct sm_db_value *values,
                                struct sm_error *e) {
  const struct step_options step = {.key = values[SM_ROW_STEP_KEY].text,
                                    .params = values[SM_ROW_PARAMS].text,
                                    .name = values[SM_ROW_NAME].text,
                                    .seed = (double)NAN,
                                    .price = (double)NAN};
  enum sm_code code = enter(task, SM_START_TAKEN, &step, NULL, e);
  if (code != SM_OK)
    return code;
  task->entry->row = sm_row_new(values, SM_STANDING_TAKEN, NULL);
  return task->entry->row ? SM_OK : sm_fail_memory(e);
}

static int task_take_up(lua_State *L) {
  struct sm_client *client = lsm_check_client(L);
  struct sm_db_value values[SM_ROW_COLUMNS];
  struct sm_error e;
  read_row(L, 2, values);
  struct task_options options = check_options(L, 3);
  if (sm_row_check(values, &e) != SM_OK)
    return lsm_return_error(L, &e, sm_client_key(client));
  luaL_argcheck(L, sm_client_has_ledger(client), 1, "the client has no ledger");
  luaL_argcheck(L, sm_url_is_id(values[SM_ROW_MODEL].text), 2, "no model");
  struct listener listener = enlist(L, client);
  struct sm_task *task =
      new_task(&job, values[SM_ROW_MODEL].text, &options, &e);
  if (!task || enter_taken(task, values, &e) != SM_OK)
    return refuse(L, client, &listener, task, &e);
  return post(L, client, &listener, task);
}

static int task_cancel(lua_State *L) {
  struct sm_client *client = lsm_check_client(L);
  sm_client_cancel(client, (uint64_t)luaL_checkinteger(L, 2));
  return 0;
}

const luaL_Reg lsm_task_methods[] = {
    /* And all: handlers and a handler, the fifth and the sixth, or neither. */
    {"job", task_job},           /* model, json, options -> id; check_few */
    {"attach", task_attach},     /* model, request id, options -> id */
    {"sync", task_sync},         /* model, json, options -> id */
    {"upload", task_upload},     /* source, options -> id */
    {"digest", task_digest},     /* path or bytes, options -> id */
    {"save", task_save},         /* path, picture, options -> id */
    {"download", task_download}, /* url, path, options -> id */
    {"get", task_get},           /* service, path, options -> id */
    {"cancel", task_cancel},     /* id */
    {"proceed", task_proceed},   /* id, json -> true */
    {"take_up", task_take_up},   /* row, options -> id */
    {NULL, NULL},
};
