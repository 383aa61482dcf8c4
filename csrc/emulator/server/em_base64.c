#include "em_base64.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Length without the padding, which carries nothing. */
static size_t unpadded(const char *text, size_t length) {
  while (length && strchr("= \n\r\t", text[length - 1]))
    length--;
  return length;
}

unsigned char *em_base64_decode(const char *text, size_t length, size_t *size) {
  static const char alphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  unsigned char *out = malloc(length / 4 * 3 + 4);
  unsigned long bits = 0;
  int held = 0;
  *size = 0;
  length = unpadded(text, length);
  for (size_t i = 0; out && i < length; i++) {
    const char *digit = memchr(alphabet, text[i], sizeof alphabet - 1);
    if (!digit && strchr(" \n\r\t", text[i]))
      continue;
    if (!digit) {
      free(out);
      return NULL;
    }
    bits = (bits << 6 | (unsigned long)(digit - alphabet)) & 0xffffff;
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
