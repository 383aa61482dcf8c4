/* What a person may see: a line with a key, then a text to be filtered. */
#include <stdbool.h>

#include "fuzz.h"
#include "sm_redact.h"

/* A key that can be told from what the filter writes of its own accord ("[key]"
 * and "..." and escapes): none of their characters, and of a real length. */
static void make_key(char *key, size_t size) {
  static const char letters[] =
      "GHIJKLMNOPQRSTVWYZghijklmnopqrstvwyz_-,()@:/&=";
  for (size_t i = 0; i + 1 < size && key[i] != '\0'; i++)
    key[i] = letters[(unsigned char)key[i] % (sizeof letters - 1)];
}

/* One character, by the table of RFC 3629; 0 for what is none. */
static size_t unit(const unsigned char *at, size_t left) {
  static const struct {
    unsigned char low, high, second_low, second_high;
    size_t size;
  } rows[] = {{0x20, 0x7e, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2},
              {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
              {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
              {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
              {0xf4, 0xf4, 0x80, 0x8f, 4}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (at[0] < rows[i].low || at[0] > rows[i].high || left < rows[i].size)
      continue;
    if (rows[i].size > 1 &&
        (at[1] < rows[i].second_low || at[1] > rows[i].second_high))
      continue;
    for (size_t k = 2; k < rows[i].size; k++)
      if ((at[k] & 0xc0) != 0x80)
        return 0;
    return rows[i].size;
  }
  return 0;
}

/* C1 and the characters that turn a line around. */
static bool is_safe(const unsigned char *at, size_t size) {
  if (size == 2)
    return !(at[0] == 0xc2 && at[1] < 0xa0) && memcmp(at, "\xd8\x9c", 2) != 0;
  if (size != 3 || at[0] != 0xe2)
    return true;
  unsigned low = (unsigned)(at[1] & 0x3f) << 6 | (at[2] & 0x3f);
  return !(low == 0x0e || low == 0x0f || (low >= 0x28 && low <= 0x2e) ||
           (low >= 0x66 && low <= 0x69));
}

static void check_printable(const char *out, size_t size) {
  const unsigned char *at = (const unsigned char *)out;
  for (size_t i = 0; i < size;) {
    size_t step = unit(at + i, size - i);
    PROMISE(step > 0 && is_safe(at + i, step));
    i += step;
  }
}

/* SG_ and six letters or digits. */
static bool has_shape(const char *text) {
  while ((text = strstr(text, "SG_")) != NULL) {
    text += 3;
    size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789");
    if (length >= 6)
      return true;
  }
  return false;
}

static void clean(const char *text, size_t size, const char *key,
                  size_t out_size) {
  char *out = malloc(out_size);
  if (out == NULL)
    abort();
  size_t length = sm_redact_clean(out, out_size, text, size, key);
  PROMISE(length < out_size && length <= SM_REDACT_MAX);
  PROMISE(out[length] == '\0' && strlen(out) == length);
  check_printable(out, length);
  PROMISE(!has_shape(out));
  if (key != NULL)
    PROMISE(strstr(out, key) == NULL);
  free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct source source = {data, size};
  size_t out_size = 1 + take_number(&source, 2) % (SM_REDACT_MAX + 8);
  char *key = take_line(&source);
  make_key(key, strlen(key) + 1);
  bool is_key = strlen(key) >= 6 && strlen(key) <= 256;
  const char *text = (const char *)source.at;
  clean(text, source.left, is_key ? key : NULL, out_size);
  clean(text, source.left, is_key ? key : NULL, SM_REDACT_MAX + 1);
  clean(NULL, source.left, NULL, out_size);
  free(key);
  return 0;
}
