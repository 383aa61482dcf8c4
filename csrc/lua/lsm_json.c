/* JSON between a text and Lua values, straight: no tree of jansson's lies in
 * between, whose reader takes a string for shorter than it is where memory runs
 * out in it. All memory is Lua's here, so want of it raises. */
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lsm.h"
#include "sm_json.h"
#include "sm_number.h"
#include "sm_redact.h"

/* Deeper than what is read, which may be put into something else. */
#define WRITE_DEPTH 200
/* Stack slots that a level needs, beside its value and its names. */
#define LEVEL 8
/* Names that are kept on the stack; more of them in a table. */
#define FEW 16

/* -- a text that grows ----------------------------------------------------- */

/* In `room`, and beyond that in a userdata at `slot` of the stack. */
struct text {
  lua_State *L;
  int slot;
  char *data;
  size_t size;
  size_t capacity;
  char room[1024];
};

static void begin(struct text *text, lua_State *L) {
  lua_pushnil(L);
  text->L = L;
  text->slot = lua_gettop(L);
  text->data = text->room;
  text->size = 0;
  text->capacity = sizeof text->room;
}

static void reserve(struct text *text, size_t more) {
  if (more <= text->capacity - text->size)
    return;
  if (more > SIZE_MAX / 4 || text->size > SIZE_MAX / 4)
    luaL_error(text->L, "not enough memory");
  size_t capacity = 2 * (text->size + more);
  char *data = lua_newuserdata(text->L, capacity);
  memcpy(data, text->data, text->size);
  lua_replace(text->L, text->slot);
  text->data = data;
  text->capacity = capacity;
}

static void append(struct text *text, const char *bytes, size_t size) {
  reserve(text, size);
  memcpy(text->data + text->size, bytes, size);
  text->size += size;
}

static void append_char(struct text *text, char c) {
  reserve(text, 1);
  text->data[text->size++] = c;
}

static void append_word(struct text *text, const char *word) {
  append(text, word, strlen(word));
}

/* -- writing --------------------------------------------------------------- */

enum {
  VALUE = 1,
  NULL_VALUE,
  EMPTY_LIST
}; /* the arguments of lsm_write_json */

static void write_escape(struct text *out, unsigned char c) {
  static const char plain[] = "\b\t\n\f\r\"\\", letters[] = "btnfr\"\\";
  const char *found = c ? strchr(plain, c) : NULL;
  char escape[8];
  if (found)
    (void)snprintf(escape, sizeof escape, "\\%c", letters[found - plain]);
  else
    (void)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c);
  append_word(out, escape);
}

static void write_string(struct text *out, const char *string, size_t size) {
  size_t from = 0;
  append_char(out, '"');
  for (size_t at = 0; at < size; at++) {
    unsigned char c = (unsigned char)string[at];
    if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
      continue;
    append(out, string + from, at - from);
    write_escape(out, c);
    from = at + 1;
  }
  append(out, string + from, size - from);
  append_char(out, '"');
}

/* The host's locale decides how printf writes the point. */
static void write_fraction(struct text *out, double value) {
  const char *point = localeconv()->decimal_point;
  char digits[64];
  (void)snprintf(digits, sizeof digits, "%.14g", value);
  if (strtod(digits, NULL) != value)
    (void)snprintf(digits, sizeof digits, "%.17g", value);
  const char *found = strstr(digits, point);
  if (!found) {
    append_word(out, digits);
    return;
  }
  append(out, digits, (size_t)(found - digits));
  append_char(out, '.');
  append_word(out, found + strlen(point));
}

/* One that a double holds exactly. */
static void write_whole(struct text *out, double value) {
  char digits[20];
  size_t at = sizeof digits;
  uint64_t left = (uint64_t)fabs(value);
  do
    digits[--at] = (char)('0' + left % 10);
  while ((left /= 10) > 0);
  if (value < 0)
    digits[--at] = '-';
  append(out, digits + at, sizeof digits - at);
}

static void write_number(struct text *out) {
  char digits[400]; /* the greatest double has 309 */
  double value = lua_tonumber(out->L, -1);
  if (!isfinite(value))
    luaL_error(out->L, "JSON has no NaN and no infinity");
  if (value != floor(value)) {
    write_fraction(out, value);
    return;
  }
  if (fabs(value) < LSM_EXACT) {
    write_whole(out, value);
    return;
  }
  if (lsm_is_integer(out->L, -1))
    (void)snprintf(digits, sizeof digits, "%lld",
                   (long long)lua_tointeger(out->L, -1));
  else
    (void)snprintf(digits, sizeof digits, "%.0f", value);
  append_word(out, digits);
}

static void write_value(struct text *out, int depth);

static void write_list(struct text *out, size_t count, int depth) {
  append_char(out, '[');
  for (size_t i = 1; i <= count; i++) {
    if (i > 1)
      append_char(out, ',');
    lua_rawgeti(out->L, -1, (int)i);
    write_value(out, depth + 1);
    lua_pop(out->L, 1);
  }
  append_char(out, ']');
}

struct name {
  const char *text;
  size_t size;
  int at; /* where it is kept alive: on the stack, or in the list of names */
};

/* By bytes: the host's locale has its own opinion of an order. */
static int compare_names(const void *a, const void *b) {
  const struct name *x = a, *y = b;
  int order = memcmp(x->text, y->text, x->size < y->size ? x->size : y->size);
  return order ? order : x->size < y->size ? -1 : x->size > y->size;
}

static int count_members(lua_State *L) {
  int count = 0;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
    if (++count == INT_MAX)
      luaL_error(L, "not enough memory");
  return count;
}

/* The name on top, which stays there. */
static void read_name(lua_State *L, struct name *name, bool has_room) {
  if (!has_room || lua_type(L, -1) != LUA_TSTRING)
    luaL_error(L, "a table is either a list without holes or has names as "
                  "keys");
  name->text = lua_tolstring(L, -1, &name->size);
}

/* Leaves the names of the table on top on the stack. */
static int take_few(lua_State *L, struct name *names) {
  int table = lua_gettop(L), count = 0;
  lua_pushnil(L);
  while (lua_next(L, table)) {
    lua_pop(L, 1);
    read_name(L, &names[count], count < FEW);
    names[count++].at = lua_gettop(L);
    lua_pushvalue(L, -1);
  }
  return count;
}

/* Leaves a list of the names of the table at `table` on the stack. A collector
 * that runs meanwhile may change the table. */
static int take_many(lua_State *L, int table, struct name *names, int room) {
  int count = 0;
  lua_createtable(L, room, 0);
  int list = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, table)) {
    lua_pop(L, 1);
    read_name(L, &names[count], count < room);
    names[count].at = count + 1;
    count++;
    lua_pushvalue(L, -1);
    lua_rawseti(L, list, count);
  }
  return count;
}

static void write_members(struct text *out, const struct name *names, int count,
                          int list, int depth) {
  int table = lua_gettop(out->L) - (list ? 2 : count);
  append_char(out, '{');
  for (int i = 0; i < count; i++) {
    if (i > 0)
      append_char(out, ',');
    write_string(out, names[i].text, names[i].size);
    append_char(out, ':');
    if (list)
      lua_rawgeti(out->L, list, names[i].at);
    else
      lua_pushvalue(out->L, names[i].at);
    lua_rawget(out->L, table);
    write_value(out, depth + 1);
    lua_pop(out->L, 1);
  }
  append_char(out, '}');
}

static void write_object(struct text *out, int depth) {
  lua_State *L = out->L;
  struct name few[FEW], *names = few;
  int members = count_members(L), table = lua_gettop(L), list = 0, count;
  if (members <= FEW) {
    count = take_few(L, names);
  } else {
    names = lua_newuserdata(L, (size_t)members * sizeof *names);
    count = take_many(L, table, names, members);
    list = lua_gettop(L);
  }
  qsort(names, (size_t)count, sizeof *names, compare_names);
  write_members(out, names, count, list, depth);
  lua_settop(L, table);
}

static void write_table(struct text *out, int depth) {
  if (depth > WRITE_DEPTH)
    luaL_error(out->L, "a table within itself, or more than %d levels",
               WRITE_DEPTH);
  luaL_checkstack(out->L, LEVEL + FEW, "JSON");
  size_t count = lsm_length(out->L, -1);
  if (count > INT_MAX)
    luaL_error(out->L, "not enough memory");
  if (count > 0)
    write_list(out, count, depth);
  else
    write_object(out, depth);
}

/* What is neither of Lua's own values nor a table. */
static void write_token(struct text *out) {
  lua_State *L = out->L;
  if (lua_rawequal(L, -1, NULL_VALUE))
    append_word(out, "null");
  else if (lua_rawequal(L, -1, EMPTY_LIST))
    append_word(out, "[]");
  else
    luaL_error(L, "a %s cannot be sent", luaL_typename(L, -1));
}

/* The value on top, which stays there. */
static void write_value(struct text *out, int depth) {
  size_t size;
  const char *string;
  switch (lua_type(out->L, -1)) {
  case LUA_TNIL:
    append_word(out, "null");
    break;
  case LUA_TBOOLEAN:
    append_word(out, lua_toboolean(out->L, -1) ? "true" : "false");
    break;
  case LUA_TNUMBER:
    write_number(out);
    break;
  case LUA_TSTRING:
    string = lua_tolstring(out->L, -1, &size);
    write_string(out, string, size);
    break;
  case LUA_TTABLE:
    write_table(out, depth);
    break;
  default:
    write_token(out);
  }
}

int lsm_write_json(lua_State *L) {
  struct text out;
  lua_settop(L, EMPTY_LIST);
  begin(&out, L);
  lua_pushvalue(L, VALUE);
  write_value(&out, 1);
  lua_pushlstring(L, out.data, out.size);
  return 1;
}

/* -- reading --------------------------------------------------------------- */

/* `at` never passes the zero byte that Lua keeps behind the text. */
struct reader {
  lua_State *L;
  const char *at;
  const char *problem;
  struct text string; /* one with escapes */
};

static bool fail(struct reader *reader, const char *problem) {
  reader->problem = problem;
  return false;
}

static char peek(struct reader *reader) {
  reader->at += strspn(reader->at, " \t\n\r");
  return *reader->at;
}

static bool pass(struct reader *reader, char c) {
  if (peek(reader) != c)
    return false;
  reader->at++;
  return true;
}

/* The unit of \uXXXX, whose backslash `at` is; -1 when there is none. */
static int read_unit(const char *at) {
  static const char digits[] = "0123456789abcdef";
  int unit = 0;
  if (at[0] != '\\' || at[1] != 'u')
    return -1;
  for (int i = 2; i < 6; i++) {
    char c = at[i] >= 'A' && at[i] <= 'F' ? (char)(at[i] + 32) : at[i];
    const char *digit = c ? strchr(digits, c) : NULL;
    if (!digit)
      return -1;
    unit = 16 * unit + (int)(digit - digits);
  }
  return unit;
}

static bool read_point(struct reader *reader) {
  char bytes[4];
  int unit = read_unit(reader->at), low = 0;
  if (unit < 0)
    return fail(reader, "\\u takes four hexadecimal digits");
  reader->at += 6;
  uint32_t point = (uint32_t)unit;
  if (unit >= 0xd800 && unit < 0xe000) {
    low = unit < 0xdc00 ? read_unit(reader->at) : -1;
    if (low < 0xdc00 || low > 0xdfff)
      return fail(reader, "half a character stands before this");
    point = 0x10000 + (point - 0xd800) * 0x400 + (uint32_t)(low - 0xdc00);
    reader->at += 6;
  }
  append(&reader->string, bytes, sm_json_utf8(bytes, point));
  return true;
}

static bool read_escape(struct reader *reader) {
  static const char letters[] = "bfnrt\"\\/", plain[] = "\b\f\n\r\t\"\\/";
  char c = reader->at[1];
  const char *found = c ? strchr(letters, c) : NULL;
  if (c == 'u')
    return read_point(reader);
  if (!found)
    return fail(reader, "JSON has no such escape");
  append_char(&reader->string, plain[found - letters]);
  reader->at += 2;
  return true;
}

/* What begins with `run` plain bytes, up to its closing quote. */
static bool read_escapes(struct reader *reader, size_t run) {
  reader->string.size = 0;
  append(&reader->string, reader->at - run, run);
  while (*reader->at == '\\') {
    if (!read_escape(reader))
      return false;
    run = strcspn(reader->at, "\"\\");
    append(&reader->string, reader->at, run);
    reader->at += run;
  }
  return *reader->at == '"' || fail(reader, "a text has no closing quote");
}

static bool read_string(struct reader *reader) {
  const char *from = ++reader->at;
  size_t run = strcspn(from, "\"\\");
  reader->at += run;
  if (*reader->at == '"') {
    lua_pushlstring(reader->L, from, run);
  } else {
    if (!read_escapes(reader, run))
      return false;
    lua_pushlstring(reader->L, reader->string.data, reader->string.size);
  }
  reader->at++;
  return true;
}

static bool is_part_of_number(char c) {
  return (c >= '0' && c <= '9') || (c && strchr("+-.eE", c));
}

/* Whole numbers of 64 bits are exact where Lua has such. */
static bool push_exact(lua_State *L, const char *digits, size_t size) {
  if (!LSM_HAS_INTEGERS || strcspn(digits, ".eE") < size)
    return false;
  errno = 0;
  long long value = strtoll(digits, NULL, 10);
  if (errno == ERANGE)
    return false;
  lua_pushinteger(L, (lua_Integer)value);
  return true;
}

static bool read_number(struct reader *reader) {
  const char *from = reader->at, *digits = from + (*from == '-');
  double value;
  while (is_part_of_number(*reader->at))
    reader->at++;
  size_t size = (size_t)(reader->at - from);
  bool has_zero_ahead = *digits == '0' && digits[1] >= '0' && digits[1] <= '9';
  if (has_zero_ahead || !sm_number_read(from, size, &value)) {
    reader->at = from;
    return fail(reader, "this is no number, or one that no double holds");
  }
  if (!push_exact(reader->L, from, size))
    lsm_push_number(reader->L, value);
  return true;
}

static bool read_word(struct reader *reader, const char *word) {
  size_t size = strlen(word);
  if (strncmp(reader->at, word, size) != 0)
    return fail(reader, "a value is expected");
  reader->at += size;
  if (*word == 'n')
    lua_pushnil(reader->L);
  else
    lua_pushboolean(reader->L, *word == 't');
  return true;
}

static bool read_value(struct reader *reader, int depth);

/* The nulls of a list are left out. */
static bool read_list(struct reader *reader, int depth) {
  int count = 0;
  reader->at++;
  lua_newtable(reader->L);
  if (pass(reader, ']'))
    return true;
  do {
    if (!read_value(reader, depth + 1))
      return false;
    if (lua_isnil(reader->L, -1))
      lua_pop(reader->L, 1);
    else
      lua_rawseti(reader->L, -2, ++count);
  } while (pass(reader, ','));
  return pass(reader, ']') || fail(reader, "a comma or ] is expected");
}

static bool read_object(struct reader *reader, int depth) {
  reader->at++;
  lua_newtable(reader->L);
  if (pass(reader, '}'))
    return true;
  do {
    if (peek(reader) != '"')
      return fail(reader, "a name in quotes is expected");
    if (!read_string(reader))
      return false;
    if (!pass(reader, ':'))
      return fail(reader, "a colon is expected");
    if (!read_value(reader, depth + 1))
      return false;
    lua_rawset(reader->L, -3);
  } while (pass(reader, ','));
  return pass(reader, '}') || fail(reader, "a comma or } is expected");
}

/* Pushes the value, or nothing of use when it fails. */
static bool read_value(struct reader *reader, int depth) {
  char c = peek(reader);
  if ((c == '{' || c == '[') && depth > SM_JSON_DEPTH)
    return fail(reader, "too many levels");
  switch (c) {
  case '{':
    return read_object(reader, depth);
  case '[':
    return read_list(reader, depth);
  case '"':
    return read_string(reader);
  case 't':
    return read_word(reader, "true");
  case 'f':
    return read_word(reader, "false");
  case 'n':
    return read_word(reader, "null");
  default:
    return c == '-' || (c >= '0' && c <= '9')
               ? read_number(reader)
               : fail(reader, "a value is expected");
  }
}

int lsm_read_json(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  struct reader reader = {.L = L, .at = text};
  luaL_checkstack(L, 3 * (SM_JSON_DEPTH + 2), "JSON");
  begin(&reader.string, L);
  bool is_read = read_value(&reader, 1);
  if (is_read && peek(&reader) == '\0' && reader.at == text + size)
    return 1;
  lua_pushnil(L);
  lua_pushfstring(L, "%s at byte %d",
                  is_read ? "the end is expected" : reader.problem,
                  (int)(reader.at - text) + 1);
  return 2;
}

/* -- what another reader has made of a text --------------------------------
 */

#define EXACT_DIGITS 15

int lsm_has_long_number(lua_State *L) {
  size_t size, run = 0, at = 0;
  const char *text = luaL_checklstring(L, 1, &size);
  for (; at < size && run <= EXACT_DIGITS; at++)
    run = text[at] >= '0' && text[at] <= '9' ? run + 1 : 0;
  lua_pushboolean(L, run > EXACT_DIGITS);
  return 1;
}

/* What follows a null in a list moves up. */
static void close_ranks(lua_State *L) {
  int count = (int)lsm_length(L, -1), kept = 0;
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, -1, i);
    if (lua_rawequal(L, -1, NULL_VALUE))
      lua_pop(L, 1);
    else
      lua_rawseti(L, -2, ++kept);
  }
  while (count > kept) {
    lua_pushnil(L);
    lua_rawseti(L, -2, count--);
  }
}

/* Of table, key, value, another value: that is the key's from now on. */
static void set_again(lua_State *L) {
  lua_pushvalue(L, -3);
  lua_insert(L, -2);
  lua_rawset(L, -5);
}

static void tidy_table(lua_State *L);

/* Of table, key, value; false for a null of a list, which stays for now. A
 * field that is there may be changed while lua_next goes on. */
static bool tidy_member(lua_State *L) {
  int type = lua_type(L, -1);
  if (type == LUA_TTABLE) {
    tidy_table(L);
  } else if (LSM_HAS_INTEGERS && type == LUA_TNUMBER) {
    lsm_push_number(L, lua_tonumber(L, -1));
    set_again(L);
  } else if (lua_rawequal(L, -1, NULL_VALUE)) {
    if (lua_type(L, -2) != LUA_TSTRING)
      return false;
    lua_pushnil(L);
    set_again(L);
  }
  return true;
}

static void tidy_table(lua_State *L) {
  bool has_null = false;
  luaL_checkstack(L, LEVEL, "JSON");
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
    has_null |= !tidy_member(L);
  if (has_null)
    close_ranks(L);
}

int lsm_tidy_json(lua_State *L) {
  lua_settop(L, NULL_VALUE);
  lua_pushvalue(L, VALUE);
  if (lua_istable(L, -1))
    tidy_table(L);
  else if (lua_type(L, -1) == LUA_TNUMBER)
    lsm_push_number(L, lua_tonumber(L, -1));
  return 1;
}

int lsm_utf8_char(lua_State *L) {
  char bytes[4];
  lua_Number point = luaL_checknumber(L, 1);
  luaL_argcheck(L, point >= 0 && point <= 0x10ffff, 1, "no character");
  lua_pushlstring(L, bytes, sm_json_utf8(bytes, (uint32_t)point));
  return 1;
}

/* Where a text ceases to be UTF-8; its size when all of it is. */
static size_t find_bad(const char *text, size_t size) {
  size_t at = 0, length = 1;
  uint32_t point;
  while (at < size && length > 0) {
    length = (unsigned char)text[at] < 0x80
                 ? 1
                 : sm_redact_decode(text + at, size - at, &point);
    at += length;
  }
  return at;
}

int lsm_bad_utf8(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  size_t at = find_bad(text, size);
  if (at == size)
    return 0;
  lua_pushinteger(L, (lua_Integer)at + 1);
  return 1;
}

bool lsm_is_sendable(const char *text, size_t size) {
  return !memchr(text, 0, size) && find_bad(text, size) == size;
}
