#include <stddef.h>
#include <string.h>

#include "lsm.h"

const char *lsm_check_text(lua_State *L, int index) {
  size_t size;
  const char *text = luaL_checklstring(L, index, &size);
  luaL_argcheck(L, strlen(text) == size, index, "the string holds a zero byte");
  return text;
}

static const struct lsm_option *find(const struct lsm_option *options,
                                     const char *name) {
  for (; options->name; options++)
    if (strcmp(options->name, name) == 0)
      return options;
  return NULL;
}

static void wrong(lua_State *L, const struct lsm_option *option,
                  const char *wanted) {
  luaL_error(L, "option %s: expected %s, got %s", option->name, wanted,
             luaL_typename(L, -1));
}

static double read_number(lua_State *L, const struct lsm_option *option) {
  if (lua_type(L, -1) != LUA_TNUMBER)
    wrong(L, option, "a number");
  double number = lua_tonumber(L, -1);
  if (!(number >= option->least && number <= option->most))
    luaL_error(L, "option %s: %f is not within %f and %f", option->name, number,
               option->least, option->most);
  return number;
}

static const char *read_text(lua_State *L, const struct lsm_option *option) {
  if (lua_type(L, -1) != LUA_TSTRING)
    wrong(L, option, "a string");
  size_t size;
  const char *text = lua_tolstring(L, -1, &size);
  if (strlen(text) != size)
    luaL_error(L, "option %s: the string holds a zero byte", option->name);
  return text;
}

/* The pointers stand in a userdata that stays on the stack, below the value. */
static const char **read_list(lua_State *L, const struct lsm_option *option) {
  if (lua_type(L, -1) != LUA_TTABLE)
    wrong(L, option, "a list of strings");
  size_t count = lsm_length(L, -1);
  const char **list = lua_newuserdata(L, (count + 1) * sizeof *list);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -2, (int)i + 1);
    list[i] = read_text(L, option); /* the table keeps the string alive */
    lua_pop(L, 1);
  }
  list[count] = NULL;
  return list;
}

static struct sm_dial read_dial(lua_State *L, const struct lsm_option *option) {
  static const struct {
    const char *name;
    double k;
  } dials[] = {{"eager", 0.15}, {"balanced", 0.25}, {"relaxed", 0.4}};
  if (lua_type(L, -1) == LUA_TNUMBER)
    return (struct sm_dial){.fixed_ms = read_number(L, option) * 1000};
  const char *name = lua_tostring(L, -1);
  for (size_t i = 0; name && i < sizeof dials / sizeof *dials; i++)
    if (strcmp(dials[i].name, name) == 0)
      return (struct sm_dial){.k = dials[i].k};
  luaL_error(L,
             "option %s: expected \"eager\", \"balanced\", \"relaxed\" or "
             "seconds",
             option->name);
  return (struct sm_dial){.k = 0};
}

/* The value is on top; a list stays there, anything else is popped. */
static void read_value(lua_State *L, const struct lsm_option *option,
                       char *out) {
  void *place = out + option->offset;
  switch (option->type) {
  case LSM_TEXT:
    *(const char **)place = read_text(L, option);
    break;
  case LSM_NUMBER:
    *(double *)place = read_number(L, option);
    break;
  case LSM_COUNT:
    *(size_t *)place = (size_t)read_number(L, option);
    break;
  case LSM_SWITCH:
    if (lua_type(L, -1) != LUA_TBOOLEAN)
      wrong(L, option, "a boolean");
    *(bool *)place = lua_toboolean(L, -1);
    break;
  case LSM_LIST:
    *(const char ***)place = read_list(L, option);
    lua_insert(L, -4); /* below the table's key and value */
    break;
  case LSM_TABLE:
    if (lua_type(L, -1) != LUA_TTABLE)
      wrong(L, option, "a table");
    *(bool *)place = true;
    break;
  case LSM_DIAL:
    *(struct sm_dial *)place = read_dial(L, option);
    break;
  }
}

void lsm_read_option(lua_State *L, int index, const struct lsm_option *option,
                     void *out) {
  if (lua_isnoneornil(L, index))
    return;
  lua_pushvalue(L, index);
  read_value(L, option, out);
  lua_pop(L, 1);
}

void lsm_read_options(lua_State *L, int index, const struct lsm_option *options,
                      void *out) {
  if (lua_isnoneornil(L, index))
    return;
  luaL_checktype(L, index, LUA_TTABLE);
  lua_pushvalue(L, index);
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    if (lua_type(L, -2) != LUA_TSTRING)
      luaL_error(L, "options have names; found a %s", luaL_typename(L, -2));
    const char *name = lua_tostring(L, -2);
    const struct lsm_option *option = find(options, name);
    if (!option)
      luaL_error(L, "there is no option \"%s\"", name);
    read_value(L, option, out);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}
