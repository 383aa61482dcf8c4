/* Lua without memory: the binding's functions in a Lua 5.4 of our own, whose
 * allocator fails at the Nth call. A step of memory.lua that ran out of memory
 * is tried again, as a program would that catches the error; with every
 * allocation failing from the Nth on, only closing is left.
 *
 * lua-cjson is not in it: it ends the process when malloc fails, which is its
 * own affair (doc/money.md). The core's own JSON is. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "picture.h"
#include "torture.h"

#define TRIES 3

/* What Lua holds; at the end it must be nothing. */
static size_t held;

static void *allocate(void *user, void *old, size_t old_size, size_t size) {
  (void)user;
  if (old == NULL)
    old_size = 0; /* a kind of object, then */
  if (size == 0) {
    free(old);
    held -= old_size;
    return NULL;
  }
  /* Lua takes for granted that shrinking succeeds. */
  if (size > old_size && !torture_may_allocate())
    return NULL;
  void *made = realloc(old, size);
  if (made != NULL)
    held += size - old_size;
  return made;
}

static struct torture_tale *tale_of(lua_State *L) {
  const struct torture_run *run = lua_touserdata(L, lua_upvalueindex(1));
  return run->tale;
}

static int note_id(lua_State *L) {
  struct torture_tale *tale = tale_of(L);
  const char *id = lua_tostring(L, 1);
  if (id != NULL)
    (void)snprintf(tale->request_id, sizeof tale->request_id, "%s", id);
  return 0;
}

/* Only the submit's error counts: from then on an id was named. */
static int note_error(lua_State *L) {
  struct torture_tale *tale = tale_of(L);
  const char *kind = luaL_checkstring(L, 1);
  const char *charged = luaL_checkstring(L, 2);
  fprintf(stderr, "%s: %s\n", kind, luaL_checkstring(L, 3));
  tale->is_unknown = tale->is_unknown || strcmp(kind, "unknown") == 0;
  tale->is_free = tale->request_id[0] != '\0' && strcmp(charged, "no") == 0 &&
                  strcmp(kind, "failed") != 0 && strcmp(kind, "io") != 0;
  return 0;
}

static void set_text(lua_State *L, const char *name, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

static void set_function(lua_State *L, const char *name, lua_CFunction function,
                         struct torture_run *run) {
  lua_pushlightuserdata(L, run);
  lua_pushcclosure(L, function, 1);
  lua_setfield(L, -2, name);
}

static void push_world(lua_State *L, struct torture_run *run,
                       const char *path) {
  lua_newtable(L);
  set_text(L, "key", run->key);
  set_text(L, "url", run->url);
  set_text(L, "path", path);
  lua_pushlstring(L, (const char *)picture, sizeof picture);
  lua_setfield(L, -2, "picture");
  lua_pushfstring(L, "%s/saved-%d.", run->folder, run->number);
  lua_setfield(L, -2, "saved");
  lua_pushfstring(L, "{\"prompt\":\"%s\",\"aspect_ratio\":\"1:1\"}",
                  run->prompt);
  lua_setfield(L, -2, "body");
  lua_pushinteger(L, run->number);
  lua_setfield(L, -2, "number");
  set_function(L, "name", note_id, run);
  set_function(L, "fail", note_error, run);
}

/* Leaves the list of steps on the stack. */
static bool load(lua_State *L, struct torture_run *run, const char *path) {
  luaL_openlibs(L);
  lua_getglobal(L, "package");
  set_text(L, "cpath", getenv("TORTURE_CPATH"));
  lua_pop(L, 1);
  if (luaL_loadfile(L, getenv("TORTURE_SCRIPT")) != LUA_OK)
    return false;
  push_world(L, run, path);
  return lua_pcall(L, 1, 1, 0) == LUA_OK;
}

static bool run_step(lua_State *L, int step) {
  for (int i = 0; i < TRIES; i++) {
    lua_rawgeti(L, 1, step);
    int status = lua_pcall(L, 0, 0, 0);
    if (status == LUA_OK)
      return true;
    fprintf(stderr, "step %d: %s\n", step, lua_tostring(L, -1));
    lua_settop(L, 1);
  }
  return false;
}

static bool run_steps(lua_State *L, struct torture_run *run) {
  int count = (int)lua_rawlen(L, 1);
  bool is_well = true;
  torture_arm(run);
  for (int step = 1; is_well && step <= count; step++)
    is_well = run_step(L, step);
  return is_well;
}

static bool write_picture(const char *path) {
  FILE *file = fopen(path, "wb");
  bool is_written =
      file && fwrite(picture, 1, sizeof picture, file) == sizeof picture;
  return file && fclose(file) == 0 && is_written;
}

static void scenario(struct torture_run *run) {
  char path[4096];
  (void)snprintf(path, sizeof path, "%s/lua-%d.png", run->folder, run->number);
  held = 0;
  lua_State *L = lua_newstate(allocate, NULL);
  if (!L || !write_picture(path) || !load(L, run, path)) {
    fprintf(stderr, "cannot begin: %s\n", L ? lua_tostring(L, -1) : "");
    exit(2);
  }
  run->tale->is_complete = run_steps(L, run);
  /* Where Lua gets no memory ever again, the program ends like one that is
   * killed: of a submit under way it knows that it was begun. */
  if (run->mode == TORTURE_EVER && !run->tale->is_complete)
    run->tale->is_unknown = true;
  lua_close(L); /* still without memory */
  torture_disarm();
  (void)unlink(path);
  if (held != 0) {
    fprintf(stderr, "Lua still holds %zu bytes\n", held);
    exit(TORTURE_LEAK);
  }
}

int main(int argc, char **argv) {
  static const enum torture_mode modes[] = {TORTURE_ONCE, TORTURE_TWICE,
                                            TORTURE_EVER};
  return torture_main(argc, argv, "lua_memory", modes, 3, scenario);
}
