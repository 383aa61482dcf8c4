/* lsm: what the files of the binding share.
 *
 * The binding turns Lua values into tasks and events into Lua values, and
 * decides nothing. It never calls Lua from below libcurl, keeps no lua_State,
 * makes no registry references, and uses only what Lua 5.4, 5.3 and LuaJIT 2.1
 * have in common. An error of Lua may jump out of any function that pushes, so
 * nothing is ever owned by a local variable alone while something is pushed.
 */
#ifndef LSM_H
#define LSM_H

#include <lauxlib.h>
#include <lua.h>

#include "sm_client.h"

#if LUA_VERSION_NUM >= 502
#define lsm_length(L, index) ((size_t)lua_rawlen(L, index))
#define lsm_check_version(L) luaL_checkversion(L) /* raises */
#define lsm_set_functions(L, list, up) luaL_setfuncs(L, list, up)
#else
#define lsm_length(L, index) ((size_t)lua_objlen(L, index))
#define lsm_check_version(L) ((void)(L)) /* LuaJIT has but one */
/* The headers of plain Lua 5.1, with which rocks for LuaJIT are built, have no
 * luaL_setfuncs. */
#define lsm_set_functions(L, list, up) luaL_openlib(L, NULL, list, up)
#endif

/* Whole numbers that are no doubles. */
#if LUA_VERSION_NUM >= 503
#define LSM_HAS_INTEGERS 1
#define lsm_is_integer(L, index) lua_isinteger(L, index)
#define lsm_to_integer(number, integer) lua_numbertointeger(number, integer)
#else
#define LSM_HAS_INTEGERS 0
#define lsm_is_integer(L, index) ((void)(L), 0)
#define lsm_to_integer(number, integer) ((void)(integer), 0)
#endif

/* -- lsm_options.c: tables of options ------------------------------------- */

enum lsm_type {
  LSM_TEXT,   /* const char *, borrowed from the table */
  LSM_NUMBER, /* double */
  LSM_COUNT,  /* size_t */
  LSM_SWITCH, /* bool */
  LSM_LIST,   /* const char **, NULL-terminated, on the stack */
  LSM_DIAL,   /* struct sm_dial */
  LSM_TABLE,  /* bool: there is one, to be read by itself */
};

struct lsm_option {
  const char *name;
  enum lsm_type type;
  size_t offset;
  double least; /* of a number */
  double most;
};

/* Reads the table at `index` (nil and none are empty) into `out`, whose members
 * keep their values where the table is silent. Raises on a name that is not
 * declared and on a value of the wrong type or out of range. May leave one
 * value on the stack, which anchors a list. */
void lsm_read_options(lua_State *L, int index, const struct lsm_option *options,
                      void *out);

/* Reads one of them, the value at `index`, in the same way; nil and none leave
 * the member as it is. Not for a list. */
void lsm_read_option(lua_State *L, int index, const struct lsm_option *option,
                     void *out);

/* A path, URL or id: a string without a zero byte, behind which C would not
 * look. Raises. */
const char *lsm_check_text(lua_State *L, int index);

/* -- lsm_event.c: events and errors as Lua values ------------------------- */

/* Pushes {kind, message, ...}; `key` is purged from the message. The bodies of
 * events come without it. */
void lsm_push_error(lua_State *L, const struct sm_error *e,
                    const struct sm_event *event, const char *key);

/* nil and the error; returns 2. */
int lsm_return_error(lua_State *L, const struct sm_error *e, const char *key);

/* Pushes id, what, two values and the payload's size; returns 5. */
int lsm_push_event(lua_State *L, const struct sm_event *event, const char *key);

/* Pushes a number, as an integer where it is whole and Lua has such. */
void lsm_push_number(lua_State *L, double value);

/* Pushes a row as a table: its columns by their names, `standing`, `damage`. */
void lsm_push_row(lua_State *L, const struct sm_row *row);

/* -- lsm_json.c: JSON and Lua values --------------------------------------- */

/* A text's value: nulls are left out, the last of equal names counts. Nil and
 * where and why it is none. Bytes that are no UTF-8 pass. */
int lsm_read_json(lua_State *L);

/* (value, null, empty list) -> text: names in byte order, each number in one
 * form, so that equal values have equal texts: what a ledger calls a step hangs
 * on it. An empty table is {}. Raises for what JSON does not have. */
int lsm_write_json(lua_State *L);

/* (text) -> whether it holds a number of more than fifteen digits in a row, or
 * anything that looks like one: a double may round it. */
int lsm_has_long_number(lua_State *L);

/* (value, null) -> the value as lsm_read_json would have read it, in place: the
 * nulls go, and whole numbers become integers where Lua has them. */
int lsm_tidy_json(lua_State *L);

/* Up to here a double holds every whole number. */
#define LSM_EXACT 9007199254740992.0

/* A character's number -> UTF-8. */
int lsm_utf8_char(lua_State *L);

/* Where a text ceases to be UTF-8; nothing when all of it is. */
int lsm_bad_utf8(lua_State *L);

/* Whether a text can be sent: UTF-8, without a zero byte. */
bool lsm_is_sendable(const char *text, size_t size);

/* -- lsm_schema.c: the usual call, checked and written at once --------------
 */

/* (a model's parameters, as lua/segmind/models has them) -> a function for
 * calls of that model; nothing where there is something in them that it does
 * not know. The function: (parameters, a seed to take instead of theirs) -> a
 * copy as it is sent, whether there are pictures, whether some of them are
 * tables with a metatable, which are not judged here, instead of URLs, the list
 * of warnings or nil. Nothing for a call that is not usual, which
 * lua/segmind/schema.lua judges and words; what is usual passes there, too. */
int lsm_checker(lua_State *L);

/* -- lsm_ledger.c: questions about a ledger -------------------------------- */

/* handle:ask("spent") -> USD; ("find", key) -> a list of no or one row;
 * ("list") -> all rows; ("resume", list) -> the list, to which what was begun
 * and not ended is appended, taken over if that was left behind. Waits for the
 * ledger's answer. Or nil and an error. */
int lsm_ask(lua_State *L);

/* -- lsm_queue.c: steps that wait for a worker ----------------------------- */

/* handle:queue(verb, {steps, most, wait, budget, rpm}) -> {steps, wait, budget,
 * rpm, is_empty, is_freed, is_told}, as sm_ledger_queue has them; `steps` are
 * tables by the names of the columns. Waits for the ledger's answer. Or nil and
 * an error. */
int lsm_queue(lua_State *L);

/* handle:share(file, sha256): puts a picture of the ledger's folder where its
 * other machines find it; handle:fetch(file, sha256) -> whether it could be had
 * from there. Or nil and an error. */
int lsm_share(lua_State *L);
int lsm_fetch(lua_State *L);

/* handle:folder() -> of the ledger's pictures, or nil; handle:notices() -> how
 * many have come of the queue. */
int lsm_folder(lua_State *L);
int lsm_notices(lua_State *L);

/* -- lsm_signal.c: a clean end of a program ---------------------------------
 */

/* core.signals(true) notes SIGTERM and SIGINT from now on instead of ending the
 * program; (false) puts back what there was before; () -> how many have come. A
 * second one ends the program as ever. */
int lsm_signals(lua_State *L);

/* -- lsm_metadata.c: what a picture says of itself ------------------------- */

/* (path, has_hash) -> {format, is_signed, xmp, sha256}; nil and why not for
 * what is no picture. Raises for what is no path. */
int lsm_metadata(lua_State *L);

/* -- lsm_handle.c: the client's userdata ----------------------------------- */

#define LSM_MAX_TIMEOUT_S 1e7

int lsm_open(lua_State *L);
void lsm_register_handle(lua_State *L);

/* The client of the handle that a method is called on. Raises when it is
 * closed, or belongs to the process that this one was forked from. */
struct sm_client *lsm_check_client(lua_State *L);

/* -- lsm_task.c: the handle's verbs that begin and end tasks ----------------
 */

extern const luaL_Reg lsm_task_methods[];

#endif
