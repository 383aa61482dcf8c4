/* What a ledger holds, as Lua values, and the questions about it that the host
 * waits for. */
#include <math.h>
#include <string.h>

#include "lsm.h"

#define QUESTION "segmind.core.question"

static int question_gc(lua_State *L) {
  sm_write_clear(lua_touserdata(L, 1));
  return 0;
}

/* Lua owns it, as what came home is pushed piece by piece. */
static struct sm_write *new_question(lua_State *L, enum sm_write_kind kind,
                                     const struct sm_ledger_step *step) {
  struct sm_write *write = lua_newuserdata(L, sizeof *write);
  memset(write, 0, sizeof *write);
  sm_write_create(write, kind, step);
  (void)luaL_newmetatable(L, QUESTION); /* filled even if it is there */
  lua_pushcfunction(L, question_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  return write;
}

/* Appends rows to the table at `index`. */
static void push_rows(lua_State *L, int index, const struct sm_row *row) {
  int count = (int)lsm_length(L, index);
  for (; row; row = row->next) {
    lsm_push_row(L, row);
    lua_rawseti(L, index, ++count);
  }
}

int lsm_ask(lua_State *L) {
  enum { WHAT = 2, ROWS };
  static const char *const names[] = {"spent", "find", "list", "resume", NULL};
  static const enum sm_write_kind kinds[] = {SM_WRITE_SPENT, SM_WRITE_FIND,
                                             SM_WRITE_LIST, SM_WRITE_RESUME};
  struct sm_client *client = lsm_check_client(L);
  enum sm_write_kind kind = kinds[luaL_checkoption(L, WHAT, NULL, names)];
  struct sm_ledger_step step = {.seed = (double)NAN, .price = (double)NAN};
  lua_settop(L, ROWS);
  if (kind == SM_WRITE_FIND) {
    step.key = lsm_check_text(L, ROWS);
    lua_newtable(L);
    lua_insert(L, ROWS);
  } else if (kind == SM_WRITE_LIST) {
    lua_newtable(L);
    lua_replace(L, ROWS);
  } else if (kind == SM_WRITE_RESUME) {
    luaL_checktype(L, ROWS, LUA_TTABLE);
  }
  struct sm_write *write = new_question(L, kind, step.key ? &step : NULL);
  if (!sm_client_ask(client, write))
    return luaL_error(L, "the client has no ledger");
  if (write->error)
    return lsm_return_error(L, write->error, sm_client_key(client));
  if (kind == SM_WRITE_SPENT) {
    lua_pushnumber(L, write->spent);
  } else {
    push_rows(L, ROWS, write->row);
    lua_pushvalue(L, ROWS);
  }
  return 1;
}
