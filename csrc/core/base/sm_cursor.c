#include "sm_cursor.h"

#include <stdint.h>
#include <string.h>

#include "sm_redact.h"

/* Of what is passed; what is read lies flat. */
#define DEPTH_MOST 8
#define WHOLE_MOST 15
#define FRACTION_MOST 24

void sm_cursor_create(struct sm_cursor *cursor, const char *text, size_t size) {
  *cursor = (struct sm_cursor){.at = text, .end = text + size};
}

/* What is odd is not read on. */
static bool be_odd(struct sm_cursor *cursor) {
  cursor->is_odd = true;
  cursor->at = cursor->end;
  return false;
}

/* '\0' at the end, and once the text is odd. */
static char peek(const struct sm_cursor *cursor) {
  return cursor->at == cursor->end ? '\0' : *cursor->at;
}

static char skip_space(struct sm_cursor *cursor) {
  char c = peek(cursor);
  while (c <= ' ' && (c == ' ' || c == '\n' || c == '\t' || c == '\r')) {
    cursor->at++;
    c = peek(cursor);
  }
  return c;
}

static bool take(struct sm_cursor *cursor, char wanted) {
  if (skip_space(cursor) != wanted)
    return be_odd(cursor);
  cursor->at++;
  return true;
}

/* -- strings ------------------------------------------------------------- */

static bool is_visible(char c) {
  return c > ' ' && c <= '~' && c != '"' && c != '\\';
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The first character is the lowest byte, whatever the processor's order. */
static uint64_t word_at(const char *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(word)
                                                : word;
}

/* The lowest bit is that of the lowest byte below `least`, which is 128 at
 * most; those above it mean nothing. */
static uint64_t below(uint64_t word, unsigned least) {
  return (word - EACH(least)) & ~word & EACH(0x80);
}

/* How many of eight characters are visible before the first that is not. */
static int visible_of(const char *at) {
  uint64_t word = word_at(at);
  uint64_t beyond = (word | (word + EACH(0x7f - '~'))) & EACH(0x80);
  uint64_t odd = beyond | below(word, '!') | below(word ^ EACH('"'), 1) |
                 below(word ^ EACH('\\'), 1);
  return odd ? __builtin_ctzll(odd) / 8 : 8;
}

size_t sm_cursor_visible(const char *text, size_t size) {
  const char *at = text, *end = text + size;
  int visible = 8;
  while (visible == 8 && end - at >= 8)
    at += visible = visible_of(at);
  while (at < end && is_visible(*at))
    at++;
  return (size_t)(at - text);
}

static void pass_visible(struct sm_cursor *cursor) {
  cursor->at +=
      sm_cursor_visible(cursor->at, (size_t)(cursor->end - cursor->at));
}

bool sm_cursor_text(struct sm_cursor *cursor, struct sm_slice *text) {
  if (!take(cursor, '"'))
    return false;
  const char *from = cursor->at;
  pass_visible(cursor);
  *text = (struct sm_slice){from, (size_t)(cursor->at - from)};
  return peek(cursor) == '"' ? take(cursor, '"') : be_odd(cursor);
}

/* What a string may hold beside visible ASCII; 0 for what is odd. */
static size_t length_at(const char *at, const char *end) {
  uint32_t point;
  if (*at == ' ')
    return 1;
  if (*at == '\\')
    return end - at > 1 && at[1] && strchr("\"\\/bfnrt", at[1]) ? 2 : 0;
  return (unsigned char)*at < 0x80
             ? 0
             : sm_redact_decode(at, (size_t)(end - at), &point);
}

static bool pass_string(struct sm_cursor *cursor) {
  size_t length = 1;
  if (!take(cursor, '"'))
    return false;
  for (pass_visible(cursor);
       peek(cursor) != '"' && length > 0 && cursor->at < cursor->end;
       pass_visible(cursor)) {
    length = length_at(cursor->at, cursor->end);
    cursor->at += length;
  }
  return length > 0 ? take(cursor, '"') : be_odd(cursor);
}

/* -- numbers and words --------------------------------------------------- */

static size_t pass_digits(struct sm_cursor *cursor) {
  const char *from = cursor->at;
  while (peek(cursor) >= '0' && peek(cursor) <= '9')
    cursor->at++;
  return (size_t)(cursor->at - from);
}

bool sm_cursor_number(struct sm_cursor *cursor, struct sm_slice *number) {
  char first = skip_space(cursor);
  const char *from = cursor->at;
  if (first == '-')
    cursor->at++;
  first = peek(cursor);
  size_t whole = pass_digits(cursor), fraction = 1;
  if (peek(cursor) == '.') {
    cursor->at++;
    fraction = pass_digits(cursor);
  }
  *number = (struct sm_slice){from, (size_t)(cursor->at - from)};
  return whole > 0 && whole <= WHOLE_MOST && (whole == 1 || first != '0') &&
                 fraction > 0 && fraction <= FRACTION_MOST
             ? true
             : be_odd(cursor);
}

bool sm_cursor_figure(struct sm_cursor *cursor, struct sm_slice *figure) {
  return skip_space(cursor) == '"' ? sm_cursor_text(cursor, figure)
                                   : sm_cursor_number(cursor, figure);
}

static bool take_word(struct sm_cursor *cursor, const char *word) {
  size_t size = strlen(word);
  if ((size_t)(cursor->end - cursor->at) < size ||
      memcmp(cursor->at, word, size) != 0)
    return false;
  cursor->at += size;
  return true;
}

bool sm_cursor_is_null(struct sm_cursor *cursor) {
  return skip_space(cursor) == 'n' && take_word(cursor, "null");
}

/* -- containers ---------------------------------------------------------- */

bool sm_cursor_open(struct sm_cursor *cursor) {
  cursor->is_first = true;
  return take(cursor, '{');
}

bool sm_cursor_next(struct sm_cursor *cursor, struct sm_slice *name) {
  bool is_first = cursor->is_first;
  cursor->is_first = false;
  if (skip_space(cursor) == '}') {
    cursor->at++;
    return false;
  }
  return (is_first || take(cursor, ',')) && sm_cursor_text(cursor, name) &&
         take(cursor, ':');
}

static bool pass_value(struct sm_cursor *cursor, int depth);

static bool pass_object(struct sm_cursor *cursor, int depth) {
  struct sm_slice name;
  (void)sm_cursor_open(cursor);
  while (sm_cursor_next(cursor, &name))
    (void)pass_value(cursor, depth);
  return !cursor->is_odd;
}

static bool pass_list(struct sm_cursor *cursor, int depth) {
  (void)take(cursor, '[');
  if (skip_space(cursor) == ']')
    return take(cursor, ']');
  while (pass_value(cursor, depth) && skip_space(cursor) == ',')
    cursor->at++;
  return take(cursor, ']');
}

static bool pass_value(struct sm_cursor *cursor, int depth) {
  struct sm_slice number;
  if (depth == DEPTH_MOST)
    return be_odd(cursor);
  switch (skip_space(cursor)) {
  case '"':
    return pass_string(cursor);
  case '{':
    return pass_object(cursor, depth + 1);
  case '[':
    return pass_list(cursor, depth + 1);
  case 't':
    return take_word(cursor, "true") || be_odd(cursor);
  case 'f':
    return take_word(cursor, "false") || be_odd(cursor);
  case 'n':
    return take_word(cursor, "null") || be_odd(cursor);
  default:
    return sm_cursor_number(cursor, &number);
  }
}

bool sm_cursor_pass(struct sm_cursor *cursor) { return pass_value(cursor, 0); }

bool sm_cursor_is_over(struct sm_cursor *cursor) {
  (void)skip_space(cursor);
  return !cursor->is_odd && cursor->at == cursor->end;
}

int sm_slice_find(const struct sm_slice *names, int count,
                  const struct sm_slice *name, unsigned *seen) {
  for (int i = 0; i < count; i++)
    if (sm_slice_is(name, &names[i])) {
      bool is_again = *seen & 1U << i;
      *seen |= 1U << i;
      return is_again ? -1 : i;
    }
  return count;
}
