#include "em_base64.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NONE = 64, SPACE = 65 };

/* The six bits of a character, or SPACE, or NONE. */
static unsigned value_of(unsigned char c) {
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26u;
  if (c >= '0' && c <= '9')
    return c - '0' + 52u;
  if (c == '+')
    return 62;
  if (c == '/')
    return 63;
  return c == ' ' || c == '\n' || c == '\r' || c == '\t' ? SPACE : NONE;
}

/* Length without the padding, which carries nothing. */
static size_t unpadded(const char *text, size_t length) {
  while (length && (text[length - 1] == '=' ||
                    value_of((unsigned char)text[length - 1]) == SPACE))
    length--;
  return length;
}

unsigned char *em_base64_decode(const char *text, size_t length, size_t *size) {
  unsigned char *out = malloc(length / 4 * 3 + 4);
  unsigned long bits = 0;
  int held = 0;
  *size = 0;
  length = unpadded(text, length);
  for (size_t i = 0; out && i < length; i++) {
    unsigned value = value_of((unsigned char)text[i]);
    if (value == SPACE)
      continue;
    if (value == NONE) {
      free(out);
      return NULL;
    }
    bits = (bits << 6 | value) & 0xffffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      out[(*size)++] = (unsigned char)(bits >> held & 0xff);
    }
  }
  return out;
}

unsigned char *em_data_uri_decode(const char *uri, size_t *size) {
  static const char marker[] = ";base64";
  const char *comma = strchr(uri, ',');
  if (strncasecmp(uri, "data:", 5) != 0 || !comma ||
      comma - uri < (long)sizeof marker + 4 ||
      strncasecmp(comma - (sizeof marker - 1), marker, sizeof marker - 1) != 0)
    return NULL;
  return em_base64_decode(comma + 1, strlen(comma + 1), size);
}
