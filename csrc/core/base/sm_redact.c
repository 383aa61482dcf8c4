#include "sm_redact.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What counts as a secret, each replaced by "[key]":
 *
 *   the client's own key, also its beginning where the text was cut
 *   SG_[A-Za-z0-9]{6,}                       a key of the service
 *   x-api-key: VALUE                         also with "=", in quotes, in JSON;
 *     api-key, api_key, apikey,                the same
 *     authorization: [Bearer|Basic] VALUE
 *   scheme://USER:PASSWORD@host
 *   ?name=VALUE, &name=VALUE, #name=VALUE    for a name in `signed_names`, or
 *                                            x-amz-..., x-goog-...
 *
 * Names are compared without regard to case. */
static const char mask[] = "[key]";

static const char *const header_names[] = {"api-key", "api_key", "apikey",
                                           "authorization", NULL};

static const char *const signed_names[] = {"signature",
                                           "sig",
                                           "token",
                                           "access_token",
                                           "key",
                                           "api_key",
                                           "apikey",
                                           "api-key",
                                           "x-api-key",
                                           "auth",
                                           "secret",
                                           "password",
                                           "policy",
                                           "key-pair-id",
                                           "credential",
                                           "session",
                                           "access_key",
                                           "id_token",
                                           "refresh_token",
                                           "jwt",
                                           "sas",
                                           "client_secret",
                                           "awsaccesskeyid",
                                           "googleaccessid",
                                           "security-token",
                                           NULL};

static const char *const signed_prefixes[] = {"x-amz-", "x-goog-", NULL};

struct text {
  const char *at;
  size_t size;
};

static struct text skip(struct text text, size_t size) {
  return (struct text){text.at + size, text.size - size};
}

static bool starts(struct text text, const char *prefix) {
  size_t length = strlen(prefix);
  return text.size >= length && strncasecmp(text.at, prefix, length) == 0;
}

static bool is_alnum(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c >= '0' && c <= '9');
}

static bool is_one_of(char c, const char *set) {
  return c != '\0' && strchr(set, c) != NULL;
}

/* How many bytes from the start are none of `stops`, nor control characters. */
static size_t span_until(struct text text, const char *stops) {
  size_t n = 0;
  while (n < text.size && (unsigned char)text.at[n] >= ' ' &&
         !is_one_of(text.at[n], stops))
    n++;
  return n;
}

static size_t span_of(struct text text, const char *set) {
  size_t n = 0;
  while (n < text.size && is_one_of(text.at[n], set))
    n++;
  return n;
}

/* The matchers below return the length of the secret that starts here, 0 for
 * none; `*lead` is how much of its beginning may be shown. */

static size_t match_own(struct text text, const char *key) {
  size_t length = key != NULL ? strlen(key) : 0;
  if (length == 0)
    return 0;
  if (text.size >= length)
    return memcmp(text.at, key, length) == 0 ? length : 0;
  /* A message that was cut inside the key. */
  return text.size >= 4 && memcmp(text.at, key, text.size) == 0 ? text.size : 0;
}

static size_t match_shape(struct text text) {
  if (text.size < 9 || memcmp(text.at, "SG_", 3) != 0)
    return 0;
  size_t n = 3;
  while (n < text.size && is_alnum(text.at[n]))
    n++;
  return n >= 9 ? n : 0;
}

/* The value behind a header's name. There must be a ":" or a "=" between, or a
 * quote right before the value: "the x-api-key header is missing" stays. */
static size_t match_value(struct text text, size_t name, size_t *lead) {
  struct text rest = skip(text, name);
  size_t gap = span_of(rest, " :=\"'\\");
  bool is_assigned = span_until(rest, ":=") < gap;
  if (gap == 0 || !(is_assigned || is_one_of(rest.at[gap - 1], "\"'")))
    return 0;
  size_t start = name + gap;
  rest = skip(text, start);
  if (starts(rest, "bearer ") || starts(rest, "basic "))
    start += 1 + span_until(rest, " ");
  size_t value = span_until(skip(text, start), " \"'\\,;&<>)}]");
  *lead = start;
  return value > 0 ? start + value : 0;
}

static size_t match_header(struct text text, size_t *lead) {
  for (const char *const *name = header_names; *name != NULL; name++)
    if (starts(text, *name))
      return match_value(text, strlen(*name), lead);
  return 0;
}

/* From "://" up to the last "@" before the host ends. */
static size_t match_user(struct text text, size_t *lead) {
  if (!starts(text, "://"))
    return 0;
  struct text rest = skip(text, 3);
  size_t end = span_until(rest, "/?# \"'<>");
  while (end > 0 && rest.at[end - 1] != '@')
    end--;
  *lead = 3;
  return end > 1 ? 3 + end - 1 : 0;
}

static bool is_signed_name(struct text name) {
  for (const char *const *known = signed_names; *known != NULL; known++)
    if (strlen(*known) == name.size && starts(name, *known))
      return true;
  for (const char *const *known = signed_prefixes; *known != NULL; known++)
    if (starts(name, *known))
      return true;
  return false;
}

/* Behind "?", "&" (also written "&amp;" or "\u0026") or "#". */
static size_t match_parameter(struct text text, size_t *lead) {
  size_t start = 0;
  if (starts(text, "\\u0026"))
    start = 6;
  else if (text.size > 0 && is_one_of(text.at[0], "?&;#"))
    start = 1;
  if (start == 0)
    return 0;
  struct text rest = skip(text, start);
  size_t name = span_until(rest, "=&?#;/ \"'\\<>");
  if (name == rest.size || rest.at[name] != '=' ||
      !is_signed_name((struct text){rest.at, name}))
    return 0;
  *lead = start + name + 1;
  size_t value = span_until(skip(text, *lead), "&#; \"'\\<>)}]");
  return value > 0 ? *lead + value : 0;
}

/* A key may hold a character that ends a value ("a,b"): if the client's own
 * starts inside what was found, the find goes on to its end. */
static size_t widen(struct text text, const char *key, size_t lead,
                    size_t size) {
  for (size_t i = lead; i < size; i++) {
    size_t own = match_own(skip(text, i), key);
    if (i + own > size)
      size = i + own;
  }
  return size;
}

static size_t match_secret(struct text text, const char *key, size_t *lead) {
  *lead = 0;
  size_t size = match_own(text, key);
  if (size == 0)
    size = match_shape(text);
  if (size == 0)
    size = match_parameter(text, lead);
  if (size == 0)
    size = match_header(text, lead);
  if (size == 0)
    size = match_user(text, lead);
  return widen(text, key, *lead, size);
}

size_t sm_redact_decode(const char *text, size_t size, uint32_t *point) {
  const unsigned char *at = (const unsigned char *)text;
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t length = at[0] < 0x80   ? 1
                  : at[0] < 0xc0 ? 0
                  : at[0] < 0xe0 ? 2
                  : at[0] < 0xf0 ? 3
                  : at[0] < 0xf8 ? 4
                                 : 0;
  if (length == 0 || length > size)
    return 0;
  *point = length == 1 ? at[0] : at[0] & (0x7fu >> length);
  for (size_t i = 1; i < length; i++) {
    if ((at[i] & 0xc0) != 0x80)
      return 0;
    *point = *point << 6 | (at[i] & 0x3f);
  }
  bool is_surrogate = *point >= 0xd800 && *point <= 0xdfff;
  return *point < least[length] || *point > 0x10ffff || is_surrogate ? 0
                                                                     : length;
}

/* C1, bidirectional controls (UAX 9), line and paragraph separators. */
static bool is_unsafe(uint32_t point) {
  return (point >= 0x80 && point <= 0x9f) || point == 0x061c ||
         point == 0x200e || point == 0x200f ||
         (point >= 0x2028 && point <= 0x202e) ||
         (point >= 0x2066 && point <= 0x2069);
}

/* The output, which stops at a whole unit: a mask or an escape is never cut. */
struct sink {
  char *out;
  size_t size, limit;
  size_t mark; /* where "..." would go */
  bool is_full;
};

static void put(struct sink *sink, const char *unit, size_t size) {
  if (sink->is_full || size > sink->limit - sink->size) {
    sink->is_full = true;
    return;
  }
  memcpy(sink->out + sink->size, unit, size);
  sink->size += size;
  if (sink->size + 3 <= sink->limit)
    sink->mark = sink->size;
}

static void put_byte(struct sink *sink, unsigned char byte) {
  char unit[8];
  int size = snprintf(unit, sizeof unit, "\\x%02x", byte);
  put(sink, unit, (size_t)size);
}

/* Writes one character, escaped if need be, and returns how many bytes of the
 * text it took. */
static size_t put_next(struct sink *sink, struct text text) {
  uint32_t point = 0;
  unsigned char byte = (unsigned char)text.at[0];
  size_t length = sm_redact_decode(text.at, text.size, &point);
  if (byte == '\n' || byte == '\t') {
    put(sink, " ", 1);
  } else if (length == 0 || byte < ' ' || byte == 0x7f) {
    put_byte(sink, byte);
    return 1;
  } else if (is_unsafe(point)) {
    char unit[16];
    int size = snprintf(unit, sizeof unit, "\\u{%04x}", (unsigned)point);
    put(sink, unit, (size_t)size);
  } else {
    put(sink, text.at, length);
  }
  return length;
}

static size_t put_mask(struct sink *sink, size_t secret) {
  put(sink, mask, sizeof mask - 1);
  return secret;
}

/* What stands before a secret's value is text, and a key may stand there too:
 * any name that begins with "x-amz-" is taken for a parameter's. */
static void put_lead(struct sink *sink, struct text lead, const char *key) {
  while (lead.size > 0) {
    size_t secret = match_own(lead, key);
    if (secret == 0)
      secret = match_shape(lead);
    lead =
        skip(lead, secret > 0 ? put_mask(sink, secret) : put_next(sink, lead));
  }
}

static size_t finish(struct sink *sink) {
  if (sink->is_full) {
    size_t dots = sink->limit - sink->mark;
    dots = dots < 3 ? dots : 3;
    memcpy(sink->out + sink->mark, "...", dots);
    sink->size = sink->mark + dots;
  }
  sink->out[sink->size] = '\0';
  return sink->size;
}

size_t sm_redact_clean(char *out, size_t out_size, const char *text,
                       size_t size, const char *key) {
  if (out_size == 0)
    return 0;
  struct text rest = {text, text != NULL ? size : 0};
  struct sink sink = {.out = out};
  sink.limit = out_size - 1 < SM_REDACT_MAX ? out_size - 1 : SM_REDACT_MAX;
  while (rest.size > 0 && !sink.is_full) {
    size_t lead;
    size_t secret = match_secret(rest, key, &lead);
    if (secret > 0) {
      put_lead(&sink, (struct text){rest.at, lead}, key);
      rest = skip(rest, put_mask(&sink, secret));
    } else {
      rest = skip(rest, put_next(&sink, rest));
    }
  }
  return finish(&sink);
}

/* tolower would ask the host's locale. */
static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

bool sm_redact_is_like(const char *a, const char *b, const char *ignored) {
  for (;;) {
    a += strspn(a, ignored);
    b += strspn(b, ignored);
    if (lower(*a) != lower(*b))
      return false;
    if (*a == '\0')
      return true;
    a++, b++;
  }
}
