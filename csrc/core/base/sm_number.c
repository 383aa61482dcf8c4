#include "sm_number.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Longer texts are no number that anybody means. */
#define MOST_DIGITS 400

/* Whole numbers of so many digits are exact in a double, and so are the powers
 * of ten up to that of as many. */
#define EXACT_DIGITS 15

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t skip_digits(const char *text, size_t size, size_t at) {
  while (at < size && text[at] >= '0' && text[at] <= '9')
    at++;
  return at;
}

static size_t skip_sign(const char *text, size_t size, size_t at) {
  return at < size && (text[at] == '+' || text[at] == '-') ? at + 1 : at;
}

static bool is_decimal(const char *text, size_t size) {
  size_t at = skip_sign(text, size, 0);
  size_t end = skip_digits(text, size, at);
  size_t digits = end - at;
  at = end;
  if (at < size && text[at] == '.') {
    end = skip_digits(text, size, at + 1);
    digits += end - at - 1;
    at = end;
  }
  if (digits == 0)
    return false;
  if (at < size && (text[at] == 'e' || text[at] == 'E')) {
    at = skip_sign(text, size, at + 1);
    end = skip_digits(text, size, at);
    if (end == at)
      return false;
    at = end;
  }
  return at == size;
}

/* The usual number has few digits and no exponent: it is the quotient of two
 * doubles that are exact, which is rounded as strtod would round it. False for
 * any other. */
static bool divide(const char *text, size_t size, double *number) {
  static const double powers[EXACT_DIGITS + 1] = {
      1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
      1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  size_t at = skip_sign(text, size, 0), digits = 0, fraction = 0;
  bool has_point = false;
  int64_t whole = 0;
  for (; at < size && digits <= EXACT_DIGITS; at++) {
    if (text[at] == '.') {
      has_point = true;
      continue;
    }
    if (text[at] < '0' || text[at] > '9')
      return false;
    whole = whole * 10 + (text[at] - '0');
    fraction += has_point;
    digits++;
  }
  if (digits > EXACT_DIGITS || FLT_EVAL_METHOD != 0)
    return false;
  double value = (double)whole / powers[fraction];
  *number = text[0] == '-' ? -value : value;
  return true;
}

/* In the C locale, which costs nothing to get. */
static double convert(const char *text) {
  locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (plain == (locale_t)0)
    return NAN;
  locale_t host = uselocale(plain);
  double number = strtod(text, NULL);
  uselocale(host);
  freelocale(plain);
  return number;
}

bool sm_number_read(const char *text, size_t size, double *number) {
  char copy[MOST_DIGITS + 1];
  while (size && is_blank(*text))
    text++, size--;
  while (size && is_blank(text[size - 1]))
    size--;
  if (size > MOST_DIGITS || !is_decimal(text, size))
    return false;
  if (divide(text, size, number))
    return true;
  memcpy(copy, text, size);
  copy[size] = '\0';
  double value = convert(copy);
  if (!isfinite(value))
    return false;
  *number = value;
  return true;
}

static bool drop(const char **text, size_t *size, const char *word,
                 bool is_ahead) {
  size_t length = strlen(word);
  if (*size < length ||
      strncasecmp(is_ahead ? *text : *text + *size - length, word, length) != 0)
    return false;
  *text += is_ahead ? length : 0;
  *size -= length;
  return true;
}

bool sm_number_read_amount(const char *text, size_t size, double *number) {
  while (size && is_blank(*text))
    text++, size--;
  while (size && is_blank(text[size - 1]))
    size--;
  if (!drop(&text, &size, "$", true) && !drop(&text, &size, "USD", true) &&
      !drop(&text, &size, "USD", false))
    (void)drop(&text, &size, "$", false);
  return sm_number_read(text, size, number);
}
