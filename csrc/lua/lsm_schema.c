/* The usual call, checked at once. A model's table is compiled into a form
 * whose texts a Lua table keeps alive; both are upvalues of the function that
 * checks a call by it.
 *
 * It knows the rules of lua/segmind/schema.lua and none of its words: a call in
 * which anything is unusual (a value that is refused, a parameter that is not
 * declared, the path of a picture, a value to warn of) is left to that file.
 * Nor does it guess: a model's table with anything that it does not know has no
 * compiled form. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "lsm.h"

#define MOST_PARAMS 32
#define NONE (-1)
/* Of the stack, beside the values of a call. */
#define ROOM 16

enum type { STRING, INTEGER, NUMBER, BOOLEAN, IMAGE, IMAGES };

static const char *const type_names[] = {"string",  "integer", "number",
                                         "boolean", "image",   "images"};

/* Kept alive by the table of texts. */
struct word {
  const char *text; /* NULL: none */
  size_t size;
};

/* When to warn, see schema.lua: a value that is left out has a text that is the
 * same for every call. */
struct rule {
  bool is_there;
  bool has_above;
  double above;
  struct word equals;
  struct word with; /* a parameter's name, as the next */
  struct word without;
  int left_out; /* in the table of texts */
};

struct param {
  struct word name;
  enum type type;
  bool is_required;
  bool has_range;
  double least;
  double most;
  const struct word *words; /* the values that it takes; NULL: any */
  size_t word_count;
  struct rule rule;
};

struct schema {
  int count;
  int seed; /* or NONE */
  struct param params[MOST_PARAMS];
};

static bool is_word(const struct word *word, const char *text, size_t size) {
  return word->text && word->size == size &&
         memcmp(word->text, text, size) == 0;
}

static int find(const struct schema *schema, const char *name, size_t size) {
  for (int i = 0; i < schema->count; i++)
    if (is_word(&schema->params[i].name, name, size))
      return i;
  return NONE;
}

/* -- compiling ------------------------------------------------------------- */

enum { DECLARED = 1, TEXTS, SCHEMA }; /* on the stack of lsm_checker */

/* Whether the value on top is a text, which is kept, or another value that the
 * table of texts keeps alive; pops it. */
static int keep(lua_State *L) {
  int at = (int)lsm_length(L, TEXTS) + 1;
  lua_rawseti(L, TEXTS, at);
  return at;
}

static bool read_word(lua_State *L, int index, struct word *word) {
  if (lua_type(L, index) != LUA_TSTRING)
    return false;
  word->text = lua_tolstring(L, index, &word->size);
  lua_pushvalue(L, index);
  keep(L);
  return true;
}

static bool read_number(lua_State *L, double *number) {
  *number = lua_tonumber(L, -1);
  return lua_type(L, -1) == LUA_TNUMBER && isfinite(*number);
}

static bool read_type(lua_State *L, enum type *type) {
  const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
  for (int i = STRING; i <= IMAGES; i++) {
    *type = (enum type)i;
    if (strcmp(name, type_names[i]) == 0)
      return true;
  }
  return false;
}

static bool read_words(lua_State *L, struct param *param) {
  if (!lua_istable(L, -1))
    return false;
  size_t count = lsm_length(L, -1);
  struct word *words = lua_newuserdata(L, (count + 1) * sizeof *words);
  keep(L);
  param->words = words;
  param->word_count = count;
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -1, (int)i + 1);
    if (!read_word(L, -1, &words[i]))
      return false;
    lua_pop(L, 1);
  }
  return true;
}

static bool read_rule_member(lua_State *L, const char *name,
                             struct param *param) {
  struct rule *rule = &param->rule;
  if (strcmp(name, "above") == 0) {
    rule->has_above = true;
    return read_number(L, &rule->above) &&
           (param->type == INTEGER || param->type == NUMBER);
  }
  if (strcmp(name, "equals") == 0)
    return read_word(L, -1, &rule->equals) && param->type == STRING;
  if (strcmp(name, "with") == 0)
    return read_word(L, -1, &rule->with);
  if (strcmp(name, "without") == 0)
    return read_word(L, -1, &rule->without);
  if (strcmp(name, "say") != 0 || lua_type(L, -1) != LUA_TSTRING)
    return false;
  lua_pushfstring(L, "%s is left out: %s", param->name.text,
                  lua_tostring(L, -1));
  rule->left_out = keep(L);
  return true;
}

/* The members of a table, on top, by their names. */
static bool read_members(lua_State *L, struct param *param,
                         bool (*read)(lua_State *, const char *,
                                      struct param *)) {
  if (!lua_istable(L, -1))
    return false;
  luaL_checkstack(L, ROOM, "a model");
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    bool is_place = lua_type(L, -2) == LUA_TNUMBER; /* name and type */
    if (!is_place && (lua_type(L, -2) != LUA_TSTRING ||
                      !read(L, lua_tostring(L, -2), param)))
      return false;
  }
  return true;
}

static bool read_member(lua_State *L, const char *name, struct param *param) {
  if (strcmp(name, "about") == 0 || strcmp(name, "default") == 0 ||
      strcmp(name, "formats") == 0)
    return true;
  if (strcmp(name, "required") == 0) {
    param->is_required = lua_toboolean(L, -1);
    return true;
  }
  if (strcmp(name, "min") == 0)
    return read_number(L, &param->least);
  if (strcmp(name, "max") == 0) {
    param->has_range = true;
    return read_number(L, &param->most);
  }
  if (strcmp(name, "one_of") == 0)
    return param->type == STRING && read_words(L, param);
  param->rule.is_there = true;
  return strcmp(name, "warn") == 0 && read_members(L, param, read_rule_member);
}

/* The table of one parameter, on top. */
static bool read_param(lua_State *L, struct param *param) {
  *param = (struct param){.least = (double)NAN};
  if (!lua_istable(L, -1) || lsm_length(L, -1) != 2)
    return false;
  lua_rawgeti(L, -1, 1);
  lua_rawgeti(L, -2, 2);
  bool is_read = read_word(L, -2, &param->name) && read_type(L, &param->type);
  lua_pop(L, 2);
  return is_read && read_members(L, param, read_member) &&
         param->has_range == !isnan(param->least) &&
         (!param->has_range || param->type == INTEGER || param->type == NUMBER);
}

static bool is_parameter(const struct schema *schema, const struct word *word) {
  return !word->text || find(schema, word->text, word->size) != NONE;
}

/* What can only be said when all parameters are known. */
static bool is_whole(struct schema *schema) {
  schema->seed = find(schema, "seed", 4);
  for (int i = 0; i < schema->count; i++) {
    const struct param *param = &schema->params[i];
    const struct rule *rule = &param->rule;
    bool is_rule = rule->left_out && (rule->has_above || rule->equals.text) &&
                   is_parameter(schema, &rule->with) &&
                   is_parameter(schema, &rule->without);
    if ((rule->is_there && !is_rule) ||
        find(schema, param->name.text, param->name.size) != i)
      return false;
  }
  return schema->seed == NONE || schema->params[schema->seed].type == INTEGER;
}

static bool read_schema(lua_State *L, struct schema *schema, int count) {
  for (int i = 0; i < count; i++) {
    lua_rawgeti(L, DECLARED, i + 1);
    if (!read_param(L, &schema->params[i]))
      return false;
    lua_pop(L, 1);
    schema->count = i + 1;
  }
  return is_whole(schema);
}

/* -- a call ---------------------------------------------------------------- */

struct call {
  lua_State *L;
  const struct schema *schema;
  int at[MOST_PARAMS]; /* where a value is on the stack, its name below; 0:
                          left out */
  int count;
  bool has_pictures;
  bool has_objects; /* pictures that are no URLs, for Lua to judge */
};

enum { PARAMETERS = 1, SEED }; /* the arguments of a check */

/* Puts names and values side by side on the stack. Allocates nothing meanwhile:
 * a collector that ran could change the table. */
static bool take(struct call *call) {
  lua_State *L = call->L;
  size_t size;
  lua_settop(L, SEED);
  if (!lua_istable(L, PARAMETERS) || lua_getmetatable(L, PARAMETERS))
    return false;
  if (!lua_isnil(L, SEED) && call->schema->seed == NONE)
    return false;
  luaL_checkstack(L, 2 * MOST_PARAMS + ROOM, "parameters");
  lua_pushnil(L);
  while (lua_next(L, PARAMETERS)) {
    const char *name =
        lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, &size) : NULL;
    int param = name ? find(call->schema, name, size) : NONE;
    if (param == NONE)
      return false;
    call->at[param] = lua_gettop(L);
    call->count++;
    lua_pushvalue(L, -2);
  }
  return true;
}

static bool is_one_of(const struct param *param, const char *text,
                      size_t size) {
  for (size_t i = 0; i < param->word_count; i++)
    if (is_word(&param->words[i], text, size))
      return true;
  return !param->words;
}

static bool is_blank(const char *text, size_t size) {
  while (size > 0 && isspace((unsigned char)text[size - 1]))
    size--;
  return size == 0;
}

static bool is_string(lua_State *L, int index, const struct param *param) {
  size_t size;
  if (lua_type(L, index) != LUA_TSTRING)
    return false;
  const char *text = lua_tolstring(L, index, &size);
  return !(param->is_required && is_blank(text, size)) &&
         is_one_of(param, text, size) && lsm_is_sendable(text, size);
}

static bool is_number(lua_State *L, int index, const struct param *param) {
  if (lua_type(L, index) != LUA_TNUMBER)
    return false;
  double value = lua_tonumber(L, index);
  return fabs(value) < LSM_EXACT &&
         (param->type == NUMBER || value == floor(value)) &&
         (!param->has_range || (value >= param->least && value <= param->most));
}

static bool is_url(lua_State *L, int index) {
  static const char small[] = "http", great[] = "HTTP";
  size_t size, at = 0;
  if (lua_type(L, index) != LUA_TSTRING)
    return false;
  const char *text = lua_tolstring(L, index, &size);
  while (at < 4 && (text[at] == small[at] || text[at] == great[at]))
    at++;
  if (at < 4)
    return false;
  at += text[at] == 's' || text[at] == 'S';
  return strncmp(text + at, "://", 3) == 0 && lsm_is_sendable(text, size);
}

static bool has_metatable(lua_State *L, int index) {
  bool has = lua_getmetatable(L, index);
  lua_pop(L, has);
  return has;
}

/* A URL, or an object that may stand for a picture. */
static bool is_picture(struct call *call, int index) {
  bool is_object = lua_istable(call->L, index) && has_metatable(call->L, index);
  call->has_pictures = true;
  call->has_objects |= is_object;
  return is_object || is_url(call->L, index);
}

/* Whether it has a value at each place up to its length, and nothing else. */
static bool is_list(lua_State *L, int index) {
  size_t count = 0;
  if (!lua_istable(L, index) || has_metatable(L, index))
    return false;
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
    count++;
  return count > 0 && count == lsm_length(L, index);
}

/* Puts a copy in the place of pictures; one stands for a list of one. */
static bool copy_pictures(struct call *call, int index) {
  lua_State *L = call->L;
  bool is_many = is_list(L, index);
  int count = is_many ? (int)lsm_length(L, index) : 1;
  lua_createtable(L, count, 0);
  for (int i = 1; i <= count; i++) {
    if (is_many)
      lua_rawgeti(L, index, i);
    else
      lua_pushvalue(L, index);
    if (!is_picture(call, lua_gettop(L)))
      return false;
    lua_rawseti(L, -2, i);
  }
  lua_replace(L, index);
  return true;
}

static bool is_regular(struct call *call, int index,
                       const struct param *param) {
  switch (param->type) {
  case STRING:
    return is_string(call->L, index, param);
  case INTEGER:
  case NUMBER:
    return is_number(call->L, index, param);
  case BOOLEAN:
    return lua_isboolean(call->L, index);
  case IMAGE:
    return is_picture(call, index);
  case IMAGES:
    return copy_pictures(call, index);
  }
  return false;
}

/* As it goes to the wire: 3.0 is the integer 3, where Lua has them. */
static void make_integer(lua_State *L, int index) {
  if (!LSM_HAS_INTEGERS || lsm_is_integer(L, index))
    return;
  lua_pushinteger(L, (lua_Integer)lua_tonumber(L, index));
  lua_replace(L, index);
}

static bool check_values(struct call *call) {
  for (int i = 0; i < call->schema->count; i++) {
    const struct param *param = &call->schema->params[i];
    int index = call->at[i];
    if (index == 0 ? param->is_required : !is_regular(call, index, param))
      return false;
    if (index != 0 && param->type == INTEGER)
      make_integer(call->L, index);
  }
  return true;
}

static bool is_given(const struct call *call, const struct word *name) {
  return call->at[find(call->schema, name->text, name->size)] != 0;
}

/* Whether the service may do something else than asked. */
static bool is_met(const struct call *call, int i) {
  const struct rule *rule = &call->schema->params[i].rule;
  int index = call->at[i];
  size_t size = 0;
  const char *text =
      rule->equals.text && index ? lua_tolstring(call->L, index, &size) : NULL;
  bool is_met =
      (rule->has_above && index &&
       lua_tonumber(call->L, index) > rule->above) ||
      (rule->equals.text && (!text || is_word(&rule->equals, text, size)));
  if (rule->with.text)
    return is_met && is_given(call, &rule->with);
  return is_met && !(rule->without.text && is_given(call, &rule->without));
}

/* Pushes the warnings about what is left out, or nil. False: there is one about
 * a value. */
static bool push_warnings(struct call *call) {
  lua_State *L = call->L;
  int count = 0;
  lua_pushnil(L);
  for (int i = 0; i < call->schema->count; i++) {
    const struct rule *rule = &call->schema->params[i].rule;
    if (!rule->is_there || !is_met(call, i))
      continue;
    if (call->at[i])
      return false;
    if (count++ == 0) {
      lua_createtable(L, 1, 0);
      lua_replace(L, -2);
    }
    lua_rawgeti(L, lua_upvalueindex(1), rule->left_out);
    lua_rawseti(L, -2, count);
  }
  return true;
}

/* Puts a seed that the caller's side has drawn into its place. */
static void take_seed(struct call *call) {
  lua_State *L = call->L;
  int *at = &call->at[call->schema->seed];
  if (*at == 0) {
    lua_pushliteral(L, "seed");
    lua_pushnil(L);
    *at = lua_gettop(L);
    call->count++;
  }
  lua_pushvalue(L, SEED);
  lua_replace(L, *at);
}

static void push_copy(struct call *call) {
  lua_State *L = call->L;
  lua_createtable(L, 0, call->count);
  for (int i = 0; i < call->schema->count; i++) {
    if (call->at[i] == 0)
      continue;
    lua_pushvalue(L, call->at[i] - 1);
    lua_pushvalue(L, call->at[i]);
    lua_rawset(L, -3);
  }
}

static int check(lua_State *L) {
  struct call call = {.L = L, .schema = lua_touserdata(L, lua_upvalueindex(2))};
  if (!take(&call) || !check_values(&call) || !push_warnings(&call))
    return 0;
  int warnings = lua_gettop(L);
  if (!lua_isnil(L, SEED))
    take_seed(&call);
  push_copy(&call);
  lua_pushboolean(L, call.has_pictures);
  lua_pushboolean(L, call.has_objects);
  lua_pushvalue(L, warnings);
  return 4;
}

int lsm_checker(lua_State *L) {
  luaL_checktype(L, DECLARED, LUA_TTABLE);
  lua_settop(L, DECLARED);
  size_t count = lsm_length(L, DECLARED);
  lua_newtable(L);
  struct schema *schema = lua_newuserdata(L, sizeof *schema);
  *schema = (struct schema){.count = 0};
  if (count == 0 || count > MOST_PARAMS || !read_schema(L, schema, (int)count))
    return 0;
  lua_settop(L, SCHEMA);
  lua_pushcclosure(L, check, 2);
  return 1;
}
