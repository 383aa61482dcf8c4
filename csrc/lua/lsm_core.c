/* segmind.core: the C side of require "segmind".
 *
 * Loading it does no work: libcurl is initialised with the first client, the
 * worker thread starts with its first request. Loading it again, as test
 * runners do, gives a fresh table over the same code.
 */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lsm.h"
#include "sm_db.h"
#include "sm_http.h"
#include "sm_output.h"
#include "sm_redact.h"
#include "sm_result.h"
#include "sm_sha256.h"
#include "sm_system.h"
#include "sm_time.h"

#if LUA_VERSION_NUM == 501
#define BUILT_FOR "LuaJIT 2.1"
#else
#define BUILT_FOR LUA_VERSION
#endif

/* segmind.loader looks for this text in a module that another Lua cannot load.
 */
__attribute__((used)) static const char mark[] =
    "segmind.core is built for " BUILT_FOR ";";

static void push_image(lua_State *L, const struct sm_image *image) {
  lua_createtable(L, 0, 4);
  lua_pushstring(L, sm_format_name(image->format));
  lua_setfield(L, -2, "format");
  lua_pushinteger(L, (lua_Integer)image->width);
  lua_setfield(L, -2, "width");
  lua_pushinteger(L, (lua_Integer)image->height);
  lua_setfield(L, -2, "height");
  lua_pushstring(L, sm_format_media_type(image->format));
  lua_setfield(L, -2, "media_type");
  if (image->orientation > 0) {
    lua_pushinteger(L, (lua_Integer)image->orientation);
    lua_setfield(L, -2, "orientation");
  }
}

static int core_image(lua_State *L) {
  size_t size;
  const char *bytes = luaL_checklstring(L, 1, &size);
  struct sm_image image;
  if (!sm_image_read(bytes, size, &image)) {
    lua_pushnil(L);
    lua_pushliteral(L, "it is no PNG, JPEG, WebP or GIF");
    return 2;
  }
  const struct sm_source source = {.bytes = (const unsigned char *)bytes,
                                   .size = size};
  push_image(L, &image);
  lua_pushboolean(L, sm_image_has_end(&image, &source));
  lua_setfield(L, -2, "complete");
  return 1;
}

static int core_probe(lua_State *L) {
  struct sm_file_facts facts;
  struct sm_error e;
  char message[SM_REDACT_MAX + 1];
  if (sm_file_probe(lsm_check_text(L, 1), &facts, &e) != SM_OK) {
    sm_redact_clean(message, sizeof message, e.message, strlen(e.message),
                    NULL);
    lua_pushnil(L);
    lua_pushstring(L, message);
    return 2;
  }
  push_image(L, &facts.image);
  lua_pushinteger(L, (lua_Integer)facts.size_bytes);
  lua_setfield(L, -2, "bytes");
  return 1;
}

/* Whether a picture could be written to a path: true, or nil and why not. */
static int core_target(lua_State *L) {
  struct sm_error e;
  char message[SM_REDACT_MAX + 1];
  if (sm_file_check_target(lsm_check_text(L, 1), &e) == SM_OK) {
    lua_pushboolean(L, true);
    return 1;
  }
  sm_redact_clean(message, sizeof message, e.message, strlen(e.message), NULL);
  lua_pushnil(L);
  lua_pushstring(L, message);
  return 2;
}

/* A path as it is meant now, whatever folder the host goes to later. Links in
 * it stay; a folder that has gone has no name, and its paths stay as they are.
 */
static int core_absolute(lua_State *L) {
  const char *path = lsm_check_text(L, 1);
  char folder[PATH_MAX];
  if (path[0] == '/' || !getcwd(folder, sizeof folder) || folder[0] != '/') {
    lua_settop(L, 1);
    return 1;
  }
  while (path[0] == '.' && path[1] == '/')
    path += 2 + strspn(path + 2, "/");
  lua_pushfstring(L, "%s/%s", folder[1] ? folder : "", path);
  return 1;
}

/* A picture to a path, on this thread: for whom no client can do it. With the
 * two texts of sm_metadata it says how it was made. */
static int core_save(lua_State *L) {
  const char *path = lsm_check_text(L, 1);
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  const char *xmp = luaL_optlstring(L, 3, NULL, NULL);
  const char *beside = luaL_optlstring(L, 4, NULL, NULL);
  struct sm_metadata *metadata = NULL;
  struct sm_error e;
  char *final_path = NULL;
  /* Room for the path with its extension, for pushing a string may raise. */
  size_t room = strlen(path) + 8;
  char *kept = lua_newuserdata(L, room);
  enum sm_code code =
      xmp && beside ? sm_metadata_new(&metadata, xmp, beside, &e) : SM_OK;
  if (code == SM_OK)
    code = sm_file_save(path, bytes, size, metadata, false, &final_path, &e);
  sm_metadata_delete(metadata);
  if (code != SM_OK)
    return lsm_return_error(L, &e, NULL);
  (void)snprintf(kept, room, "%s", final_path);
  free(final_path);
  lua_pushstring(L, kept);
  return 1;
}

/* A text to a path, whole or not at all, on this thread. */
static int core_write(lua_State *L) {
  const char *path = lsm_check_text(L, 1);
  size_t size;
  const char *text = luaL_checklstring(L, 2, &size);
  struct sm_error e;
  if (sm_file_save_text(path, text, size, &e) != SM_OK)
    return lsm_return_error(L, &e, NULL);
  lua_settop(L, 1);
  return 1;
}

static int core_sha256(lua_State *L) {
  size_t size;
  const char *bytes = luaL_checklstring(L, 1, &size);
  char hex[SM_SHA256_HEX];
  struct sm_error e;
  if (sm_sha256_of(hex, bytes, size, &e) != SM_OK)
    return luaL_error(L, "%s", e.message);
  lua_pushstring(L, hex);
  return 1;
}

static int core_redact(lua_State *L) {
  char clean[SM_REDACT_MAX + 1];
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  size = sm_redact_clean(clean, sizeof clean, text, size, NULL);
  lua_pushlstring(L, clean, size);
  return 1;
}

static int core_now(lua_State *L) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  lua_pushnumber(L, (double)now.tv_sec + (double)now.tv_nsec / 1e9);
  return 1;
}

/* A moment as a server spelled it, text or number, as Unix seconds. */
static int core_time(lua_State *L) {
  size_t size = 0;
  int64_t unix_ms;
  bool is_number = lua_type(L, 1) == LUA_TNUMBER;
  const char *text =
      lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &size) : NULL;
  if (is_number ? !sm_time_of_number(lua_tonumber(L, 1), &unix_ms)
                : !text || !sm_time_read(text, size, &unix_ms))
    return 0;
  lua_pushnumber(L, (double)unix_ms / 1000);
  return 1;
}

/* Where the pictures of a result are, and whether it names none but something
 * of another scheme. */
static int core_outputs(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  char few[1024], *addresses = few;
  struct sm_output output = sm_output_of_text(few, sizeof few, text, size);
  if (output.bytes > sizeof few) { /* Lua's, for pushing a string may raise */
    addresses = lua_newuserdata(L, output.bytes);
    output = sm_output_of_text(addresses, output.bytes, text, size);
  }
  lua_createtable(L, 1, 0);
  int count = 0;
  for (const char *at = addresses, *end = at + output.bytes; at < end;
       at += strlen(at) + 1) {
    lua_pushstring(L, at);
    lua_rawseti(L, -2, ++count);
  }
  lua_pushboolean(L, output.is_foreign);
  return 2;
}

static void push_known(lua_State *L, double number) {
  if (isnan(number))
    lua_pushnil(L);
  else
    lsm_push_number(L, number);
}

/* Of the usual result what everybody asks for. */
static int core_result(lua_State *L) {
  struct sm_result result;
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  if (!sm_result_read(&result, text, size))
    return 0;
  lua_pushlstring(L, result.address.text, result.address.size);
  push_known(L, result.cost);
  push_known(L, result.seed);
  return 3;
}

/* A seed that every model takes: 0 to 2^31 - 1. */
static int core_seed(lua_State *L) {
  uint32_t seed;
  if (!sm_system_random(&seed, sizeof seed))
    return luaL_error(L, "the system gives no random numbers");
  lua_pushinteger(L, (lua_Integer)(seed & 0x7fffffff));
  return 1;
}

/* (table, name, function, ...): the function's first two results. table[name],
 * which is there already, is true while it runs and false after it; when it
 * raises, "interrupted", and the error goes on upwards. In Lua there would be
 * lines between the function and the flag, and Ctrl-C finds them. */
static int core_during(lua_State *L) {
  enum { MARK = 1, TABLE, NAME, FUNCTION };
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checkstack(L, 8, NULL);
  lua_pushliteral(L, "interrupted");
  lua_insert(L, MARK);
  lua_pushvalue(L, NAME);
  lua_pushboolean(L, true);
  lua_rawset(L, TABLE);
  int status = lua_pcall(L, lua_gettop(L) - FUNCTION, 2, 0);
  lua_pushvalue(L, NAME);
  if (status == 0)
    lua_pushboolean(L, false);
  else
    lua_pushvalue(L, MARK);
  lua_rawset(L, TABLE);
  return status == 0 ? 2 : lua_error(L);
}

static const luaL_Reg functions[] = {
    {"open", lsm_open},          /* options -> handle, or nil and an error */
    {"image", core_image},       /* bytes -> facts, or nil and why not */
    {"probe", core_probe},       /* path -> facts, or nil and why not */
    {"target", core_target},     /* path -> true, or nil and why not */
    {"absolute", core_absolute}, /* path -> path */
    {"save", core_save},         /* path, bytes, xmp, beside -> path, or nil and
                                    an error */
    {"write", core_write},       /* path, text -> path, or nil and an error */
    {"metadata",
     lsm_metadata},          /* path, has_hash -> facts, or nil and why not */
    {"sha256", core_sha256}, /* bytes -> hex */
    {"read_json", lsm_read_json},   /* text -> value, or nil and why not */
    {"write_json", lsm_write_json}, /* value, null, empty list -> text */
    {"has_long_number", lsm_has_long_number}, /* text -> boolean */
    {"tidy_json", lsm_tidy_json},             /* value, null -> value */
    {"utf8_char", lsm_utf8_char},             /* number -> text */
    {"bad_utf8", lsm_bad_utf8},               /* text -> place, or nothing */
    {"redact", core_redact},                  /* text -> text */
    {"during", core_during},   /* table, name, function, ... -> two results */
    {"now", core_now},         /* -> monotonic seconds */
    {"time", core_time},       /* text or number -> Unix seconds, or nothing */
    {"outputs", core_outputs}, /* a result's text -> addresses, is_foreign */
    {"result", core_result},   /* a usual one's text -> address, cost, seed */
    {"signals", lsm_signals},  /* noted instead of ending the program */
    {"seed", core_seed},       /* -> integer */
    {"checker", lsm_checker}, /* a model's parameters -> function, or nothing */
    {NULL, NULL},
};

__attribute__((visibility("default"))) int
luaopen_segmind_core(lua_State *L); /* as in segmind.h */

int luaopen_segmind_core(lua_State *L) {
  struct sm_error e;
  lsm_check_version(L);
  sm_system_stay();
  if (sm_http_check_libcurl(&e) != SM_OK)
    return luaL_error(L, "%s", e.message);
  lsm_register_handle(L);
  lua_createtable(L, 0, 24);
  lsm_set_functions(L, functions, 0);
  lua_pushliteral(L, SEGMIND_VERSION);
  lua_setfield(L, -2, "VERSION");
  lua_pushliteral(L, SEGMIND_INTERFACE); /* see segmind.loader */
  lua_setfield(L, -2, "INTERFACE");
  lua_pushliteral(L, BUILT_FOR);
  lua_setfield(L, -2, "LUA");
  lua_pushlightuserdata(L, NULL); /* JSON's, as lua-cjson has it */
  lua_setfield(L, -2, "NULL");
  (void)lua_newuserdata(L, 1); /* its [], which no table is */
  lua_setfield(L, -2, "EMPTY_LIST");
  lua_pushboolean(L, sm_db_has_sqlite()); /* a ledger can be a file */
  lua_setfield(L, -2, "SQLITE");
  lua_pushstring(L, sm_http_library());
  lua_setfield(L, -2, "CURL");
  return 1;
}
