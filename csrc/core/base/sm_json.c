#include "sm_json.h"

#include <string.h>

#include "sm_redact.h"

/* What may stand before the document: a notice, the length of a chunk. */
#define MAX_LEAD 256
#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define REPLACEMENT "\xef\xbf\xbd"
#define ESCAPED_REPLACEMENT "\\ufffd"

/* What the innermost container has before `at`. */
enum place { FIRST, AFTER_COMMA, AFTER_VALUE };

struct scan {
  const char *text;
  size_t size;
  size_t at;
  struct sm_buf *out;
  size_t copied; /* the text up to here is in `out`, or replaced there */
  bool is_changed;
  bool has_no_memory;
  enum place place;
  size_t comma_at;
  int depth;
  bool is_list[SM_JSON_DEPTH + 1]; /* by depth */
  struct {                         /* after the last whole value */
    size_t at, out_size, copied;
    int depth; /* 0: there was none */
  } whole;
};

/* -- what is written ----------------------------------------------------- */

static void append(struct scan *scan, const char *bytes, size_t size) {
  if (sm_buf_append(scan->out, bytes, size, NULL) != SM_OK)
    scan->has_no_memory = true;
}

static void copy_until(struct scan *scan, size_t at) {
  append(scan, scan->text + scan->copied, at - scan->copied);
  scan->copied = at;
}

/* Writes something else in place of the text from `from` to `to`. */
static void replace(struct scan *scan, size_t from, size_t to,
                    const char *instead) {
  copy_until(scan, from);
  append(scan, instead, strlen(instead));
  scan->copied = to;
  scan->is_changed = true;
}

static void note_whole(struct scan *scan) {
  scan->place = AFTER_VALUE;
  scan->whole.at = scan->at;
  scan->whole.out_size = scan->out->size;
  scan->whole.copied = scan->copied;
  scan->whole.depth = scan->depth;
}

/* -- strings ------------------------------------------------------------- */

static int digit_of(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The unit that \uXXXX at `at` stands for, or -1. */
static int unit_at(const struct scan *scan, size_t at) {
  int unit = 0;
  if (scan->size - at < 6 || scan->text[at] != '\\' ||
      scan->text[at + 1] != 'u')
    return -1;
  for (size_t i = at + 2; i < at + 6; i++) {
    int digit = digit_of(scan->text[i]);
    if (digit < 0)
      return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

static bool is_high(int unit) { return unit >= 0xd800 && unit < 0xdc00; }
static bool is_low(int unit) { return unit >= 0xdc00 && unit < 0xe000; }

static void pass_unit(struct scan *scan) {
  int unit = unit_at(scan, scan->at);
  size_t from = scan->at;
  scan->at += unit < 0 ? 1 : 6;
  if (is_high(unit) && is_low(unit_at(scan, scan->at)))
    scan->at += 6;
  else if (unit < 0)
    replace(scan, from, scan->at, "\\\\");
  else if (unit == 0 || is_high(unit) || is_low(unit))
    replace(scan, from, scan->at, ESCAPED_REPLACEMENT);
}

static void pass_escape(struct scan *scan) {
  char next = scan->at + 1 < scan->size ? scan->text[scan->at + 1] : '\0';
  if (next == 'u') {
    pass_unit(scan);
  } else if (next != '\0' && strchr("\"\\/bfnrt", next)) {
    scan->at += 2;
  } else {
    replace(scan, scan->at, scan->at + 1, "\\\\");
    scan->at++;
  }
}

static void pass_control(struct scan *scan) {
  char c = scan->text[scan->at];
  const char *instead = c == '\n'   ? "\\n"
                        : c == '\t' ? "\\t"
                        : c == '\r' ? "\\r"
                                    : REPLACEMENT;
  replace(scan, scan->at, scan->at + 1, instead);
  scan->at++;
}

static void pass_sequence(struct scan *scan) {
  uint32_t point;
  size_t length =
      sm_redact_decode(scan->text + scan->at, scan->size - scan->at, &point);
  if (length == 0)
    replace(scan, scan->at, scan->at + 1, REPLACEMENT);
  scan->at += length ? length : 1;
}

static bool pass_string(struct scan *scan) {
  scan->at++;
  while (scan->at < scan->size) {
    unsigned char c = (unsigned char)scan->text[scan->at];
    if (c == '"') {
      scan->at++;
      return true;
    } else if (c == '\\') {
      pass_escape(scan);
    } else if (c < 0x20) {
      pass_control(scan);
    } else if (c >= 0x80) {
      pass_sequence(scan);
    } else {
      scan->at++;
    }
  }
  return false;
}

/* -- numbers and words --------------------------------------------------- */

static size_t count_digits(const char *text, size_t size, size_t at) {
  size_t end = at;
  while (end < size && text[end] >= '0' && text[end] <= '9')
    end++;
  return end - at;
}

/* Up to 2^53 a double holds every integer. */
static bool is_exact(const char *digits, size_t count) {
  return count < 16 ||
         (count == 16 && memcmp(digits, "9007199254740992", 16) <= 0);
}

/* Reads "e+12" into `exponent`, no further than is of use, and returns its
 * length; 0 when it is none. */
static size_t read_exponent(const char *text, size_t size, long *exponent) {
  if (size == 0 || (text[0] | 0x20) != 'e')
    return 0;
  size_t at = size > 1 && (text[1] == '+' || text[1] == '-') ? 2 : 1;
  size_t count = count_digits(text, size, at);
  for (size_t i = at; i < at + count; i++)
    if (*exponent < 1000000)
      *exponent = *exponent * 10 + (text[i] - '0');
  if (count && text[1] == '-')
    *exponent = -*exponent;
  return count ? at + count : 0;
}

/* Whether it is a number by JSON's grammar that every reader reads alike. A
 * real below 10^308 is finite; more is asked of none. */
static bool is_plain_number(const char *text, size_t size) {
  size_t at = text[0] == '-';
  size_t whole = count_digits(text, size, at);
  long exponent = 0;
  if (whole == 0 || (whole > 1 && text[at] == '0'))
    return false;
  if (at + whole == size)
    return is_exact(text + at, whole);
  at += whole;
  if (text[at] == '.') {
    size_t fraction = count_digits(text, size, at + 1);
    if (fraction == 0)
      return false;
    at += 1 + fraction;
  }
  at += read_exponent(text + at, size - at, &exponent);
  return at == size && (long)whole + exponent <= 308;
}

static bool looks_like_number(const char *text, size_t size) {
  size_t at = strchr("+-.", text[0]) ? 1 : 0;
  return count_digits(text, size, at) > 0;
}

static bool is_word(const char *text, size_t size, const char *word) {
  return strlen(word) == size && memcmp(text, word, size) == 0;
}

static bool is_token_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z') || c == '+' || c == '-' || c == '.' || c == '_';
}

/* One that goes up to the end of the text may be the beginning of another. */
static bool pass_token(struct scan *scan) {
  size_t from = scan->at;
  const char *text = scan->text + from;
  while (scan->at < scan->size && is_token_char(scan->text[scan->at]))
    scan->at++;
  size_t size = scan->at - from;
  if (size == 0 || scan->at == scan->size)
    return false;
  if (is_plain_number(text, size) || is_word(text, size, "null") ||
      is_word(text, size, "true") || is_word(text, size, "false"))
    return true;
  if (looks_like_number(text, size)) {
    replace(scan, from, from, "\"");
    replace(scan, scan->at, scan->at, "\"");
  } else {
    replace(scan, from, scan->at, "null");
  }
  return true;
}

/* -- containers ---------------------------------------------------------- */

static char peek(const struct scan *scan) {
  return scan->at < scan->size ? scan->text[scan->at] : '\0';
}

static void skip_space(struct scan *scan) {
  while (peek(scan) == ' ' || peek(scan) == '\n' || peek(scan) == '\t' ||
         peek(scan) == '\r')
    scan->at++;
}

static void skip_string(struct scan *scan) {
  for (scan->at++; scan->at < scan->size && peek(scan) != '"'; scan->at++)
    if (peek(scan) == '\\')
      scan->at++;
}

/* A container that lies too deep, with all that it holds. */
static bool pass_deep(struct scan *scan) {
  size_t from = scan->at, open = 0;
  for (; scan->at < scan->size; scan->at++) {
    char c = peek(scan);
    if (c == '"')
      skip_string(scan);
    else if (c == '{' || c == '[')
      open++;
    else if ((c == '}' || c == ']') && --open == 0)
      break;
  }
  if (scan->at >= scan->size)
    return false;
  scan->at++;
  replace(scan, from, scan->at, "null");
  return true;
}

static void open_container(struct scan *scan) {
  scan->is_list[++scan->depth] = peek(scan) == '[';
  scan->place = FIRST;
  scan->at++;
}

static void close_container(struct scan *scan) {
  if (scan->place == AFTER_COMMA)
    replace(scan, scan->comma_at, scan->at, "");
  scan->at++;
  scan->depth--;
  note_whole(scan);
}

static bool pass_name(struct scan *scan) {
  if (peek(scan) != '"' || !pass_string(scan))
    return false;
  skip_space(scan);
  if (peek(scan) != ':')
    return false;
  scan->at++;
  skip_space(scan);
  return true;
}

/* A scalar whole, of a container its beginning. */
static bool pass_value(struct scan *scan) {
  char c = peek(scan);
  if ((c == '{' || c == '[') && scan->depth < SM_JSON_DEPTH) {
    open_container(scan);
    return true;
  }
  bool is_whole = c == '"'               ? pass_string(scan)
                  : c == '{' || c == '[' ? pass_deep(scan)
                                         : pass_token(scan);
  if (is_whole)
    note_whole(scan);
  return is_whole;
}

static bool pass_comma(struct scan *scan) {
  if (peek(scan) != ',')
    return false;
  scan->comma_at = scan->at++;
  scan->place = AFTER_COMMA;
  return true;
}

/* The next part of the innermost container. False: the text ends here, or goes
 * on as no JSON does. */
static bool pass_part(struct scan *scan) {
  bool is_list = scan->is_list[scan->depth];
  skip_space(scan);
  if (peek(scan) == (is_list ? ']' : '}')) {
    close_container(scan);
    return true;
  }
  if (scan->place == AFTER_VALUE)
    return pass_comma(scan);
  return (is_list || pass_name(scan)) && pass_value(scan);
}

/* -- the document -------------------------------------------------------- */

static void skip_lead(struct scan *scan, size_t to) {
  scan->at = scan->copied = to;
  scan->is_changed = true;
}

/* Goes to where the object or list begins. What stands before it may hold a
 * brace, but no name after it. */
static bool find_start(struct scan *scan) {
  if (scan->size > 3 && memcmp(scan->text, BYTE_ORDER_MARK, 3) == 0)
    skip_lead(scan, 3);
  skip_space(scan);
  if (peek(scan) == '{' || peek(scan) == '[')
    return true;
  for (size_t at = scan->at; at < scan->size && at < MAX_LEAD; at++) {
    scan->at = at + 1;
    if (scan->text[at] == '{')
      skip_space(scan);
    if (scan->text[at] == '{' && peek(scan) == '"') {
      skip_lead(scan, at);
      return true;
    }
  }
  return false;
}

static enum sm_json finish_whole(struct scan *scan) {
  size_t end = scan->at;
  skip_space(scan);
  if (!scan->is_changed && scan->at == scan->size)
    return SM_JSON_FINE;
  copy_until(scan, end);
  return SM_JSON_MENDED;
}

/* Takes back what follows the last whole value. */
static enum sm_json finish_cut(struct scan *scan) {
  if (scan->whole.depth == 0)
    return SM_JSON_UNREADABLE;
  sm_buf_shorten(scan->out, scan->whole.out_size);
  scan->copied = scan->whole.copied;
  copy_until(scan, scan->whole.at);
  for (int depth = scan->whole.depth; depth > 0; depth--)
    append(scan, scan->is_list[depth] ? "]" : "}", 1);
  return SM_JSON_CUT;
}

/* -- spellings of the whole ---------------------------------------------- */

/* Which byte of a pair is the higher one; -1 when it is no UTF-16. No other
 * JSON has a zero byte among its first two. */
static int utf16_high(const char *text, size_t size) {
  if (size < 2)
    return -1;
  if (memcmp(text, "\xff\xfe", 2) == 0 || (text[0] && !text[1]))
    return 1;
  return memcmp(text, "\xfe\xff", 2) == 0 || (!text[0] && text[1]) ? 0 : -1;
}

static uint32_t pair_at(const char *text, size_t at, int high) {
  return (uint32_t)(unsigned char)text[at + (size_t)high] << 8 |
         (unsigned char)text[at + 1 - (size_t)high];
}

size_t sm_json_utf8(char out[4], uint32_t point) {
  static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
  size_t length = point < 0x80      ? 1
                  : point < 0x800   ? 2
                  : point < 0x10000 ? 3
                                    : 4;
  for (size_t i = length; i-- > 1; point >>= 6)
    out[i] = (char)(0x80 | (point & 0x3f));
  out[0] = (char)(leads[length] | point);
  return length;
}

static bool read_utf16(struct sm_buf *out, const char *text, size_t size,
                       int high) {
  char bytes[4];
  for (size_t at = 0; at + 2 <= size; at += 2) {
    uint32_t point = pair_at(text, at, high);
    uint32_t next = at + 4 <= size ? pair_at(text, at + 2, high) : 0;
    if (is_high((int)point) && is_low((int)next)) {
      point = 0x10000 + ((point - 0xd800) << 10) + (next - 0xdc00);
      at += 2;
    }
    if (sm_buf_append(out, bytes, sm_json_utf8(bytes, point), NULL) != SM_OK)
      return false;
  }
  return true;
}

/* A document that was made a string on the way. */
static bool read_string(struct sm_buf *out, const char *text, size_t size) {
  json_t *value = json_loadb(text, size, JSON_DECODE_ANY, NULL);
  const char *inner = json_string_value(value);
  bool is_read =
      inner && (*inner == '{' || *inner == '[') &&
      sm_buf_append(out, inner, json_string_length(value), NULL) == SM_OK;
  json_decref(value);
  return is_read;
}

bool sm_json_plain(struct sm_buf *out, const char *text, size_t size) {
  int high = utf16_high(text, size);
  bool is_read = false;
  sm_buf_create(out, 2 * size);
  if (high >= 0)
    is_read = read_utf16(out, text, size, high);
  else if (size > 2 && text[0] == '"')
    is_read = read_string(out, text, size);
  if (!is_read)
    sm_buf_destroy(out);
  return is_read;
}

/* -- the document -------------------------------------------------------- */

static enum sm_json mend(struct sm_buf *out, const char *text, size_t size) {
  struct scan scan = {.text = text, .size = size, .out = out};
  sm_buf_destroy(out);
  /* A value of one byte becomes null, and a comma follows it. */
  out->ceiling = 4 * size + SM_JSON_DEPTH;
  if (!find_start(&scan))
    return SM_JSON_UNREADABLE;
  open_container(&scan);
  while (scan.depth > 0 && pass_part(&scan))
    ;
  enum sm_json outcome = scan.depth ? finish_cut(&scan) : finish_whole(&scan);
  if (scan.has_no_memory)
    outcome = SM_JSON_NO_MEMORY;
  if (outcome != SM_JSON_MENDED && outcome != SM_JSON_CUT)
    sm_buf_destroy(out);
  return outcome;
}

enum sm_json sm_json_mend(struct sm_buf *out, const char *text, size_t size) {
  struct sm_buf plain;
  if (!sm_json_plain(&plain, text, size))
    return mend(out, text, size);
  enum sm_json outcome = mend(out, plain.data, plain.size);
  if (outcome != SM_JSON_FINE) {
    sm_buf_destroy(&plain);
    return outcome;
  }
  *out = plain;
  return SM_JSON_MENDED;
}

json_t *sm_json_parse(const char *text, size_t size, bool *is_cut,
                      struct sm_error *e) {
  struct sm_buf mended;
  json_error_t trouble = {0};
  json_t *root = NULL;
  sm_buf_create(&mended, 0);
  enum sm_json outcome = sm_json_mend(&mended, text, size);
  if (outcome == SM_JSON_FINE)
    root = json_loadb(text, size, 0, &trouble);
  else if (outcome != SM_JSON_UNREADABLE && outcome != SM_JSON_NO_MEMORY)
    root = json_loadb(mended.data, mended.size, 0, &trouble);
  sm_buf_destroy(&mended);
  if (is_cut)
    *is_cut = outcome == SM_JSON_CUT;
  if (outcome == SM_JSON_NO_MEMORY ||
      (!root && json_error_code(&trouble) == json_error_out_of_memory))
    sm_fail_memory(e);
  else if (!root)
    sm_fail(e, SM_PROTOCOL, "the answer is no JSON%s%s",
            trouble.text[0] ? ": " : "", trouble.text);
  return root;
}
