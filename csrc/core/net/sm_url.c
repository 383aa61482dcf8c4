#include "sm_url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "sm_cursor.h"
#include "sm_file.h"
#include "sm_system.h"

#define GATEWAY "https://api.segmind.com"
#define UPLOAD "https://workflows-api.segmind.com"
#define CONTROL "https://api.spotprod.segmind.com"
#define SERVICE_HOST "segmind.com"
#define SERVICE_DOMAIN ".segmind.com"

/* Only printable ASCII, and no backslash: curl ends a host at "/", browsers at
 * "\" too, and what two parsers read differently is not worth a guess. */
static bool is_plain(const char *url) {
  if (url == NULL)
    return false;
  for (const char *c = url + sm_cursor_visible(url, strlen(url)); *c != '\0';
       c++)
    if (*c < '!' || *c > '~' || *c == '\\')
      return false;
  return *url != '\0';
}

static bool is_letter_or_digit(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c >= '0' && c <= '9');
}

/* A host may be percent-encoded, and curl hands it out decoded: what comes out
 * must stand in a URL again and mean the same. Brackets and colons are left
 * only where curl has checked that they make an IPv6 address. */
static bool is_host(const char *host) {
  bool is_v6 = *host == '[';
  for (const char *c = host; *c != '\0'; c++)
    if (!is_letter_or_digit(*c) && strchr(is_v6 ? "[]:.-_" : ".-_", *c) == NULL)
      return false;
  return true;
}

bool sm_url_is_id(const char *id) {
  return id && sm_file_is_name(id, strlen(id), SM_ID_MAX);
}

/* One part as curl reads it. False when there is none or no memory.
 * Ownership: the caller frees `text` with curl_free. */
static bool part_of(CURLU *url, CURLUPart part, unsigned flags, char **text) {
  *text = NULL;
  return curl_url_get(url, part, text, flags) == CURLUE_OK && *text != NULL;
}

static bool copy_part(CURLU *url, CURLUPart part, char *out, size_t size) {
  char *text;
  bool fits = false;
  if (part_of(url, part, 0, &text)) {
    size_t length = strlen(text);
    fits = length > 0 && length < size;
    if (fits)
      memcpy(out, text, length + 1);
  }
  curl_free(text);
  return fits;
}

static bool has_part(CURLU *url, CURLUPart part) {
  char *text;
  bool has = part_of(url, part, 0, &text);
  curl_free(text);
  return has;
}

static void lower(char *text) {
  for (; *text != '\0'; text++)
    if (*text >= 'A' && *text <= 'Z')
      *text = (char)(*text - 'A' + 'a');
}

/* One spelling for each address: 2130706433, 0x7f.1 and 127.1 are what the
 * resolver takes for 127.0.0.1 (inet_aton); [0:0::1] is ::1. */
static void normalise_host(char *host, size_t size) {
  struct in_addr v4;
  struct in6_addr v6;
  size_t length = strlen(host);
  lower(host);
  if (host[0] == '[' && host[length - 1] == ']') {
    memmove(host, host + 1, length - 2);
    host[length - 2] = '\0';
    if (inet_pton(AF_INET6, host, &v6) == 1)
      (void)inet_ntop(AF_INET6, &v6, host, (socklen_t)size);
  } else if (sm_system_address(&v4, host)) {
    (void)inet_ntop(AF_INET, &v4, host, (socklen_t)size);
  }
}

static bool read_port(CURLU *url, unsigned *port) {
  char *text;
  unsigned long value = 0;
  if (part_of(url, CURLUPART_PORT, CURLU_DEFAULT_PORT, &text))
    value = strtoul(text, NULL, 10);
  curl_free(text);
  *port = (unsigned)value;
  return value > 0 && value <= 65535;
}

static bool has_user(CURLU *url, const char *text) {
  const char *start = strstr(text, "://");
  start = start != NULL ? start + 3 : text;
  size_t length = strcspn(start, "/?#");
  /* An empty user ("https://@host") is no part for curl, but a trick too. */
  return memchr(start, '@', length) != NULL || has_part(url, CURLUPART_USER) ||
         has_part(url, CURLUPART_PASSWORD);
}

static enum sm_code read_parts(struct sm_origin *origin, CURLU *url,
                               const char *text, struct sm_error *e) {
  if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK)
    return sm_fail(e, SM_INVALID, "not a URL: %.200s", text);
  if (has_user(url, text))
    return sm_fail(e, SM_INVALID, "user info does not belong in a URL");
  if (!copy_part(url, CURLUPART_SCHEME, origin->scheme,
                 sizeof origin->scheme) ||
      (strcasecmp(origin->scheme, "https") != 0 &&
       strcasecmp(origin->scheme, "http") != 0))
    return sm_fail(e, SM_INVALID, "not an https URL: %.200s", text);
  if (!copy_part(url, CURLUPART_HOST, origin->host, sizeof origin->host) ||
      !is_host(origin->host) || has_part(url, CURLUPART_ZONEID))
    return sm_fail(e, SM_INVALID, "not a usable host: %.200s", text);
  if (!read_port(url, &origin->port))
    return sm_fail(e, SM_INVALID, "not a usable port: %.200s", text);
  lower(origin->scheme);
  normalise_host(origin->host, sizeof origin->host);
  return SM_OK;
}

/* Reads `text` into `origin` and leaves the parsed URL in `*url`.
 * Ownership: the caller cleans `*url` up, which is NULL on failure. */
static enum sm_code parse(CURLU **url, struct sm_origin *origin,
                          const char *text, struct sm_error *e) {
  *url = NULL;
  memset(origin, 0, sizeof *origin);
  if (text == NULL || !is_plain(text))
    return sm_fail(e, SM_INVALID, "a URL is printable ASCII without \"\\\"");
  CURLU *parsed = curl_url();
  if (parsed == NULL)
    return sm_fail_memory(e);
  enum sm_code code = read_parts(origin, parsed, text, e);
  if (code == SM_OK)
    *url = parsed;
  else
    curl_url_cleanup(parsed);
  return code;
}

enum sm_code sm_origin_read(struct sm_origin *origin, const char *url,
                            struct sm_error *e) {
  CURLU *parsed;
  enum sm_code code = parse(&parsed, origin, url, e);
  curl_url_cleanup(parsed);
  return code;
}

bool sm_origin_equal(const struct sm_origin *a, const struct sm_origin *b) {
  return a->port == b->port && strcmp(a->scheme, b->scheme) == 0 &&
         strcmp(a->host, b->host) == 0;
}

/* "localhost", 127.0.0.0/8 in any spelling, ::1. */
static bool is_loopback(const struct sm_origin *origin) {
  struct sockaddr_storage address;
  if (strcmp(origin->host, "localhost") == 0)
    return true;
  return sm_address_read(&address, origin->host) &&
         sm_address_is_loopback((const struct sockaddr *)&address);
}

static bool is_default_port(const struct sm_origin *origin) {
  return origin->port == (strcmp(origin->scheme, "https") == 0 ? 443 : 80);
}

/* The prefix is built again from the parts that were judged, so what is sent
 * to curl later cannot be read otherwise than it was here. */
static enum sm_code write_prefix(char *out, size_t size,
                                 const struct sm_origin *origin,
                                 const char *path, struct sm_error *e) {
  bool is_v6 = strchr(origin->host, ':') != NULL;
  char port[16] = "";
  if (!is_default_port(origin))
    (void)snprintf(port, sizeof port, ":%u", origin->port);
  size_t length = strlen(path);
  while (length > 0 && path[length - 1] == '/')
    length--;
  if (length >= size)
    return sm_fail(e, SM_INVALID, "the base URL is too long");
  int written =
      snprintf(out, size, "%s://%s%s%s%s%.*s", origin->scheme, is_v6 ? "[" : "",
               origin->host, is_v6 ? "]" : "", port, (int)length, path);
  if (written < 0 || (size_t)written >= size)
    return sm_fail(e, SM_INVALID, "the base URL is too long");
  return SM_OK;
}

static enum sm_code read_base(struct sm_base *base, CURLU *url,
                              struct sm_error *e) {
  const struct sm_origin *origin = &base->origin[SM_HOST_API];
  char *path;
  base->is_loopback = is_loopback(origin);
  if (strcmp(origin->scheme, "https") != 0 && !base->is_loopback)
    return sm_fail(e, SM_INVALID,
                   "the base URL must be https (http is for localhost only)");
  if (!part_of(url, CURLUPART_PATH, 0, &path))
    return sm_fail_memory(e);
  enum sm_code code =
      write_prefix(base->prefix[SM_HOST_API], sizeof base->prefix[SM_HOST_API],
                   origin, path, e);
  curl_free(path);
  return code;
}

static enum sm_code set_host(struct sm_base *base, enum sm_host host,
                             const char *url, struct sm_error *e) {
  enum sm_code code = sm_origin_read(&base->origin[host], url, e);
  if (code != SM_OK)
    return code;
  return write_prefix(base->prefix[host], sizeof base->prefix[host],
                      &base->origin[host], "", e);
}

static enum sm_code set_hosts(struct sm_base *base, struct sm_error *e) {
  if (strcmp(base->prefix[SM_HOST_API], GATEWAY) == 0) {
    enum sm_code code = set_host(base, SM_HOST_UPLOAD, UPLOAD, e);
    return code != SM_OK ? code : set_host(base, SM_HOST_CONTROL, CONTROL, e);
  }
  for (int host = SM_HOST_API + 1; host < SM_HOSTS; host++) {
    base->origin[host] = base->origin[SM_HOST_API];
    memcpy(base->prefix[host], base->prefix[SM_HOST_API],
           sizeof base->prefix[host]);
  }
  return SM_OK;
}

/* What sm_base_has rests on. */
static enum sm_code read_back(const struct sm_base *base, struct sm_error *e) {
  struct sm_origin origin;
  enum sm_code code = SM_OK;
  for (int host = 0; host < SM_HOSTS && code == SM_OK; host++) {
    code = sm_origin_read(&origin, base->prefix[host], e);
    if (code == SM_OK && !sm_origin_equal(&origin, &base->origin[host]))
      code = sm_fail(e, SM_INVALID, "not a usable base URL: %s",
                     base->prefix[host]);
  }
  return code;
}

enum sm_code sm_base_read(struct sm_base *base, const char *url,
                          struct sm_error *e) {
  CURLU *parsed = NULL;
  memset(base, 0, sizeof *base);
  if (url != NULL && strpbrk(url, "?#") != NULL)
    return sm_fail(e, SM_INVALID, "a base URL has no query and no fragment");
  enum sm_code code = parse(&parsed, &base->origin[SM_HOST_API], url, e);
  if (code == SM_OK)
    code = read_base(base, parsed, e);
  if (code == SM_OK)
    code = set_hosts(base, e);
  if (code == SM_OK)
    code = read_back(base, e);
  curl_url_cleanup(parsed);
  return code;
}

static bool has_prefix(const struct sm_base *base, enum sm_host host,
                       const char *url) {
  size_t length = strlen(base->prefix[host]);
  return length > 0 && strncmp(url, base->prefix[host], length) == 0 &&
         url[length] == '/' && is_plain(url + length);
}

const char *sm_base_path(const struct sm_base *base, enum sm_host host,
                         const char *url) {
  if (!has_prefix(base, host, url))
    return NULL;
  return strchr(strstr(url, "://") + 3, '/');
}

bool sm_base_has(const struct sm_base *base, enum sm_host host,
                 const char *url) {
  struct sm_origin origin;
  return has_prefix(base, host, url) ||
         (sm_origin_read(&origin, url, NULL) == SM_OK &&
          sm_origin_equal(&origin, &base->origin[host]));
}

enum sm_code sm_url_build(struct sm_buf *out, const struct sm_base *base,
                          enum sm_host host, const char *start,
                          const char *name, const char *rest,
                          struct sm_error *e) {
  const char *const parts[] = {base->prefix[host], start, name, rest};
  enum sm_code code = SM_OK;
  sm_buf_reset(out);
  for (size_t i = 0; i < sizeof parts / sizeof *parts && code == SM_OK; i++)
    code = parts[i] ? sm_buf_add_text(out, parts[i], e)
                    : sm_fail(e, SM_INVALID, "a part of a path is missing");
  /* The key goes where this points: "@evil.com" behind a host is another. */
  if (code == SM_OK &&
      (start[0] != '/' || !is_plain(out->data + strlen(base->prefix[host]))))
    code = sm_fail(e, SM_INVALID,
                   "a path starts with \"/\" and is printable ASCII");
  if (code != SM_OK)
    sm_buf_reset(out);
  return code;
}

static bool is_escape(const char *text) {
  return isxdigit((unsigned char)text[1]) && isxdigit((unsigned char)text[2]);
}

static enum sm_code encode_byte(struct sm_buf *out, const char *at,
                                bool is_query, struct sm_error *e) {
  unsigned char c = (unsigned char)*at;
  if (c < ' ' || c == 0x7f)
    return sm_fail(e, SM_SECURITY,
                   "the picture's URL holds a control character");
  if (c == ' ' || c > '~' || (c == '%' && !is_query && !is_escape(at)))
    return sm_buf_printf(out, e, "%%%02X", c);
  return sm_buf_append(out, at, 1, e);
}

enum sm_code sm_url_encode(struct sm_buf *out, const char *url,
                           struct sm_error *e) {
  enum sm_code code = SM_OK;
  bool is_query = false;
  size_t size = strlen(url);
  while (size > 0 && (unsigned char)*url <= ' ')
    url++, size--;
  while (size > 0 && (unsigned char)url[size - 1] <= ' ')
    size--;
  sm_buf_reset(out);
  for (size_t i = 0; i < size && code == SM_OK; i++) {
    is_query |= url[i] == '?';
    code = encode_byte(out, url + i, is_query, e);
  }
  return code;
}

/* "name" is that host, ".name" whatever is below it. */
static bool matches(const char *host, const char *pattern) {
  size_t length = strlen(host), tail = strlen(pattern);
  if (pattern[0] != '.')
    return strcasecmp(host, pattern) == 0;
  return tail > 1 && length > tail &&
         strcasecmp(host + (length - tail), pattern) == 0;
}

static bool is_of_base(const struct sm_origin *origin,
                       const struct sm_base *base) {
  for (int host = 0; host < SM_HOSTS; host++)
    if (sm_origin_equal(origin, &base->origin[host]))
      return true;
  return false;
}

static bool is_listed(const struct sm_origin *origin,
                      const char *const *hosts) {
  if (matches(origin->host, SERVICE_DOMAIN) ||
      matches(origin->host, SERVICE_HOST))
    return true;
  for (; hosts != NULL && *hosts != NULL; hosts++)
    if (matches(origin->host, *hosts))
      return true;
  return false;
}

static enum sm_code check_origin(const struct sm_origin *origin,
                                 const struct sm_base *base,
                                 const char *const *hosts, struct sm_error *e) {
  struct sockaddr_storage address;
  bool is_here = is_loopback(origin);
  if (strcmp(origin->scheme, "https") != 0 && !(base->is_loopback && is_here))
    return sm_fail(e, SM_SECURITY, "the picture's URL is not https: %s",
                   origin->host);
  if (!is_of_base(origin, base) && !is_listed(origin, hosts))
    return sm_fail(e, SM_SECURITY,
                   "the picture's host is not among media_hosts: %s",
                   origin->host);
  bool is_private =
      is_here || (sm_address_read(&address, origin->host) &&
                  !sm_address_is_public((const struct sockaddr *)&address));
  if (is_private && !base->is_loopback && !is_of_base(origin, base))
    return sm_fail(e, SM_SECURITY, "the picture's address is private: %s",
                   origin->host);
  return SM_OK;
}

enum sm_code sm_url_check_media(const char *url, const struct sm_base *base,
                                const char *const *hosts, struct sm_error *e) {
  struct sm_origin origin;
  struct sm_error cause;
  enum sm_code code = sm_origin_read(&origin, url, &cause);
  if (code == SM_OK)
    return check_origin(&origin, base, hosts, e);
  if (code == SM_IO)
    return sm_fail_memory(e);
  return sm_fail(e, SM_SECURITY, "the picture's URL is refused: %s",
                 cause.message);
}

static enum sm_code resolve(struct sm_buf *out, CURLU *parsed, const char *url,
                            const char *location, struct sm_error *e) {
  char *text;
  if (curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK ||
      curl_url_set(parsed, CURLUPART_URL, location, 0) != CURLUE_OK ||
      curl_url_set(parsed, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
      !part_of(parsed, CURLUPART_URL, 0, &text))
    return sm_fail(e, SM_PROTOCOL, "a redirect to no URL: %.200s", location);
  sm_buf_reset(out);
  enum sm_code code = sm_buf_add_text(out, text, e);
  curl_free(text);
  return code;
}

enum sm_code sm_url_resolve(struct sm_buf *out, const char *url,
                            const char *location, struct sm_error *e) {
  if (!is_plain(url) || !is_plain(location))
    return sm_fail(e, SM_PROTOCOL, "a redirect to no URL");
  CURLU *parsed = curl_url();
  if (parsed == NULL)
    return sm_fail_memory(e);
  enum sm_code code = resolve(out, parsed, url, location, e);
  curl_url_cleanup(parsed);
  return code;
}
