/* What waits in a ledger for a worker, as Lua values. */
#include <math.h>
#include <string.h>

#include "lsm.h"
#include "sm_ledger_queue.h"

#define REQUEST "segmind.core.queue"

/* Lua owns it, with the steps behind it, as what came home is pushed piece by
 * piece. */
struct request {
  struct sm_queue_ask ask;
  struct sm_write write;
};

static int request_gc(lua_State *L) {
  struct request *request = lua_touserdata(L, 1);
  sm_queue_ask_clear(&request->ask);
  sm_write_clear(&request->write);
  return 0;
}

static struct request *new_request(lua_State *L, enum sm_write_kind kind) {
  struct request *request = lua_newuserdata(L, sizeof *request);
  memset(request, 0, sizeof *request);
  sm_write_create(&request->write, kind, NULL);
  request->write.queue = &request->ask;
  (void)luaL_newmetatable(L, REQUEST); /* filled even if it is there */
  lua_pushcfunction(L, request_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  return request;
}

/* -- what is asked --------------------------------------------------------- */

/* A field of the table on top; the text is good as long as the table has it. */
static const char *field_text(lua_State *L, const char *name) {
  lua_getfield(L, -1, name);
  const char *text =
      lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  lua_pop(L, 1);
  return text;
}

static double field_number(lua_State *L, int index, const char *name,
                           double otherwise) {
  lua_getfield(L, index, name);
  double number = lua_isnumber(L, -1) ? lua_tonumber(L, -1) : otherwise;
  lua_pop(L, 1);
  return number;
}

/* Of the step on top: its inputs, in a block that is left below it. */
static const char *const *read_inputs(lua_State *L) {
  lua_getfield(L, -1, "inputs");
  size_t count = lua_istable(L, -1) ? lsm_length(L, -1) : 0;
  if (count == 0) {
    lua_pop(L, 1);
    return NULL;
  }
  const char **inputs = lua_newuserdata(L, (count + 1) * sizeof *inputs);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -2, (int)i + 1);
    inputs[i] = luaL_checkstring(L, -1);
    lua_pop(L, 1);
  }
  inputs[count] = NULL;
  lua_replace(L, -2);
  lua_setfield(L, -2, "_inputs"); /* which keeps it */
  return inputs;
}

static void read_step(lua_State *L, struct sm_queue_step *step) {
  luaL_checktype(L, -1, LUA_TTABLE);
  *step = (struct sm_queue_step){.key = field_text(L, "key"),
                                 .name = field_text(L, "name"),
                                 .model = field_text(L, "model"),
                                 .params = field_text(L, "params"),
                                 .options = field_text(L, "options"),
                                 .problem = field_text(L, "problem"),
                                 .inputs = read_inputs(L)};
  if (!step->key)
    (void)luaL_error(L, "a step of the queue has no key");
}

/* Reads the table at `index`; leaves one value on the stack. */
static void read_request(lua_State *L, int index, struct sm_queue_ask *ask) {
  ask->most = (size_t)field_number(L, index, "most", 0);
  ask->wait_s = field_number(L, index, "wait", 0);
  ask->limits.budget = field_number(L, index, "budget", (double)NAN);
  ask->limits.rpm = field_number(L, index, "rpm", (double)NAN);
  lua_getfield(L, index, "steps");
  size_t count = lua_istable(L, -1) ? lsm_length(L, -1) : 0;
  ask->steps = lua_newuserdata(L, count * sizeof *ask->steps + 1);
  lua_insert(L, -2);
  for (; ask->count < count; ask->count++) {
    lua_rawgeti(L, -1, (int)ask->count + 1);
    read_step(L, &ask->steps[ask->count]);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* -- the answer ------------------------------------------------------------ */

static void set_number(lua_State *L, const char *name, double number) {
  if (isnan(number))
    return;
  lua_pushnumber(L, number);
  lua_setfield(L, -2, name);
}

static void set_flag(lua_State *L, const char *name, bool is_so) {
  lua_pushboolean(L, is_so);
  lua_setfield(L, -2, name);
}

static void push_row(lua_State *L, const struct sm_queue_row *row) {
  lua_createtable(L, 0, SM_QUEUE_COLUMNS);
  for (int i = 0; i < SM_QUEUE_COLUMNS; i++) {
    const struct sm_db_value *value = &row->value[i];
    const char *name = sm_queue_column_name((enum sm_queue_column)i);
    if (value->type == SM_DB_TEXT || value->type == SM_DB_BYTES) {
      lua_pushlstring(L, value->text, value->size);
      lua_setfield(L, -2, name);
    } else if (value->type == SM_DB_NUMBER && i == SM_QUEUE_IS_BEGUN) {
      set_flag(L, name, value->number != 0);
    } else if (value->type == SM_DB_NUMBER) {
      set_number(L, name, value->number);
    }
  }
}

/* Of what was enqueued: whether it is finished; else the rows. */
static void push_steps(lua_State *L, const struct sm_queue_ask *ask) {
  int count = 0;
  lua_newtable(L);
  for (size_t i = 0; ask->verb == SM_QUEUE_ENQUEUE && i < ask->count; i++) {
    lua_pushboolean(L, ask->steps[i].is_done);
    lua_rawseti(L, -2, ++count);
  }
  for (const struct sm_queue_row *row = ask->rows; row; row = row->next) {
    push_row(L, row);
    lua_rawseti(L, -2, ++count);
  }
}

static void push_answer(lua_State *L, const struct sm_queue_ask *ask) {
  lua_createtable(L, 0, 8);
  push_steps(L, ask);
  lua_setfield(L, -2, "steps");
  set_number(L, "wait", ask->wait_s);
  set_number(L, "budget", ask->limits.budget);
  set_number(L, "rpm", ask->limits.rpm);
  set_flag(L, "is_empty", ask->is_empty);
  set_flag(L, "is_freed", ask->is_freed);
  set_flag(L, "is_told", ask->is_told);
}

/* -- the handle's verbs ---------------------------------------------------- */

static bool ask_client(lua_State *L, struct sm_client *client,
                       struct request *request) {
  if (!sm_client_ask(client, &request->write))
    return luaL_error(L, "the client has no ledger");
  return !request->write.error;
}

int lsm_queue(lua_State *L) {
  enum { VERB = 2, REQUESTED };
  static const char *const names[] = {"enqueue", "pick",   "hold",  "done",
                                      "fail",    "return", "limit", "replace",
                                      "list",    NULL};
  struct sm_client *client = lsm_check_client(L);
  int verb = luaL_checkoption(L, VERB, NULL, names);
  luaL_checktype(L, REQUESTED, LUA_TTABLE);
  lua_settop(L, REQUESTED);
  struct request *request = new_request(L, SM_WRITE_QUEUE);
  request->ask.verb = (enum sm_queue_verb)verb;
  read_request(L, REQUESTED, &request->ask);
  if (!ask_client(L, client, request))
    return lsm_return_error(L, request->write.error, sm_client_key(client));
  push_answer(L, &request->ask);
  return 1;
}

/* A picture that belongs to no step is kept under its hash. */
static int move_picture(lua_State *L, enum sm_write_kind kind) {
  enum { NAME = 2, HASH };
  struct sm_client *client = lsm_check_client(L);
  const char *file = lsm_check_text(L, NAME);
  const char *hash = lsm_check_text(L, HASH);
  lua_settop(L, HASH);
  const char *key = lua_pushfstring(L, "sha256:%s", hash);
  struct request *request = new_request(L, kind);
  request->write.key = key;
  request->write.file = file;
  request->write.sha256 = hash;
  if (!ask_client(L, client, request))
    return lsm_return_error(L, request->write.error, sm_client_key(client));
  lua_pushboolean(L, request->write.standing == SM_STANDING_DONE);
  return 1;
}

int lsm_share(lua_State *L) { return move_picture(L, SM_WRITE_SHARE); }

int lsm_fetch(lua_State *L) { return move_picture(L, SM_WRITE_PICTURE); }

int lsm_folder(lua_State *L) {
  lua_pushstring(L, sm_client_folder(lsm_check_client(L)));
  return 1;
}

int lsm_notices(lua_State *L) {
  lua_pushnumber(L, (double)sm_client_notices(lsm_check_client(L)));
  return 1;
}
