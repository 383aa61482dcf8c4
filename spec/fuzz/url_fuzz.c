/* Where a request may go. What the core lets pass is asked again of curl_url
 * and of the resolver, which is what the request would be read by. */
#include <curl/curl.h>
#include <netdb.h>
#include <strings.h>

#include "fuzz.h"
#include "sm_url.h"

static const char *const bases[] = {"https://api.segmind.com",
                                    "http://127.0.0.1:8080",
                                    "https://gw.example:8443/path"};
static const char *const hosts[] = {"cdn.example", ".images.example",
                                    "10.0.0.7",    "localhost",
                                    "::ffff:7f01", NULL};

struct parts {
  char *scheme, *host, *port;
  bool has_user;
};

/* Absent parts are NULL. Ownership: the caller's, forget. */
static char *part(CURLU *url, CURLUPart what) {
  char *text = NULL;
  (void)curl_url_get(url, what, &text, CURLU_DEFAULT_PORT);
  return text;
}

static struct parts parse(const char *text) {
  struct parts parts = {NULL, NULL, NULL, false};
  CURLU *url = curl_url();
  PROMISE(curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK);
  char *user = part(url, CURLUPART_USER);
  char *password = part(url, CURLUPART_PASSWORD);
  parts.has_user = user != NULL || password != NULL;
  parts.scheme = part(url, CURLUPART_SCHEME);
  parts.host = part(url, CURLUPART_HOST);
  parts.port = part(url, CURLUPART_PORT);
  curl_free(user);
  curl_free(password);
  curl_url_cleanup(url);
  PROMISE(parts.scheme && parts.host && parts.port);
  return parts;
}

static void forget(struct parts *parts) {
  curl_free(parts->scheme);
  curl_free(parts->host);
  curl_free(parts->port);
}

/* The address, if the resolver takes the host for one without asking. */
static bool is_private(const char *host) {
  const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST};
  struct addrinfo *found = NULL;
  char bare[256];
  size_t length = strlen(host);
  PROMISE(length < sizeof bare);
  memcpy(bare, host, length + 1);
  if (bare[0] == '[') {
    bare[length - 1] = '\0';
    memmove(bare, bare + 1, length - 1);
  }
  bool is_it = strcasecmp(bare, "localhost") == 0;
  if (getaddrinfo(bare, NULL, &hints, &found) == 0)
    is_it = is_it || !sm_address_is_public(found->ai_addr);
  if (found != NULL)
    freeaddrinfo(found);
  return is_it;
}

static bool ends(const char *text, const char *tail) {
  size_t length = strlen(text), size = strlen(tail);
  return length > size && strcasecmp(text + length - size, tail) == 0;
}

static bool is_named(const char *host) {
  return strcasecmp(host, "segmind.com") == 0 || ends(host, ".segmind.com") ||
         strcasecmp(host, "cdn.example") == 0 || ends(host, ".images.example");
}

static void check_media(const char *url, const struct sm_base *base) {
  struct sm_error e;
  struct sm_origin origin;
  enum sm_code code = sm_url_check_media(url, base, hosts, &e);
  PROMISE(code == SM_OK || (code == SM_SECURITY && e.message[0] != '\0'));
  if (code != SM_OK)
    return;
  struct parts parts = parse(url);
  PROMISE(!parts.has_user);
  PROMISE(sm_origin_read(&origin, url, NULL) == SM_OK);
  bool is_own = false;
  for (int host = 0; host < SM_HOSTS; host++)
    is_own = is_own || sm_origin_equal(&origin, &base->origin[host]);
  PROMISE(strcasecmp(parts.scheme, "https") == 0 ||
          (base->is_loopback && strcasecmp(parts.scheme, "http") == 0));
  PROMISE(base->is_loopback || !is_private(parts.host));
  PROMISE(is_own || base->is_loopback || is_named(parts.host));
  PROMISE((unsigned)atoi(parts.port) == origin.port);
  forget(&parts);
}

/* What is put behind a base goes to where the base was found to point. */
static void check_base(const char *url) {
  struct sm_base base;
  struct sm_origin origin;
  struct sm_buf out;
  if (sm_base_read(&base, url, NULL) != SM_OK)
    return;
  sm_buf_create(&out, 8192);
  for (int host = 0; host < SM_HOSTS; host++) {
    PROMISE(sm_url_build(&out, &base, (enum sm_host)host, "/v2/", "model", "",
                         NULL) == SM_OK);
    struct parts parts = parse(sm_buf_text(&out));
    PROMISE(!parts.has_user);
    PROMISE(strcasecmp(parts.scheme, "https") == 0 || is_private(parts.host));
    PROMISE(sm_origin_read(&origin, sm_buf_text(&out), NULL) == SM_OK);
    PROMISE(sm_origin_equal(&origin, &base.origin[host]));
    PROMISE(!base.is_loopback || is_private(parts.host));
    forget(&parts);
  }
  sm_buf_destroy(&out);
}

/* The shortcut never gives the key where a parse would not. */
static void check_has(const struct sm_base *base, const char *url) {
  struct sm_origin origin;
  for (int host = 0; host < SM_HOSTS; host++) {
    bool is_of = sm_origin_read(&origin, url, NULL) == SM_OK &&
                 sm_origin_equal(&origin, &base->origin[host]);
    PROMISE(sm_base_has(base, (enum sm_host)host, url) == is_of);
  }
}

/* Also of what begins with the prefix, up to each of its bytes. */
static void check_origins(const struct sm_base *base, const char *tail) {
  char url[2048];
  check_has(base, tail);
  for (size_t length = strlen(base->prefix[0]) + 1; length-- > 0;) {
    (void)snprintf(url, sizeof url, "%.*s%.1000s", (int)length, base->prefix[0],
                   tail);
    check_has(base, url);
    (void)snprintf(url, sizeof url, "%.*s/%.1000s", (int)length,
                   base->prefix[0], tail);
    check_has(base, url);
  }
}

static void follow(const char *from, const char *location,
                   const struct sm_base *base) {
  struct sm_buf out;
  sm_buf_create(&out, 1024);
  enum sm_code code = sm_url_resolve(&out, from, location, NULL);
  PROMISE(code == SM_OK || code == SM_PROTOCOL);
  if (code == SM_OK) {
    PROMISE(strchr(sm_buf_text(&out), '#') == NULL);
    check_media(sm_buf_text(&out), base);
  }
  sm_buf_destroy(&out);
}

/* What is fetched is the address as it was checked: plain, and of a fixed form.
 */
static void encode(const char *url, const struct sm_base *base) {
  struct sm_buf out, again;
  sm_buf_create(&out, 1 << 20);
  sm_buf_create(&again, 1 << 20);
  enum sm_code code = sm_url_encode(&out, url, NULL);
  PROMISE(code == SM_OK || code == SM_SECURITY);
  if (code == SM_OK) {
    for (const char *at = sm_buf_text(&out); *at; at++)
      PROMISE(*at > ' ' && *at <= '~');
    PROMISE(sm_url_encode(&again, sm_buf_text(&out), NULL) == SM_OK);
    PROMISE(strcmp(sm_buf_text(&out), sm_buf_text(&again)) == 0);
    check_media(sm_buf_text(&out), base);
  }
  sm_buf_destroy(&out);
  sm_buf_destroy(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct source source = {data, size};
  struct sm_base base;
  const char *own = bases[take_byte(&source) % 3];
  PROMISE(sm_base_read(&base, own, NULL) == SM_OK);
  char *url = take_line(&source);
  char *location = take_line(&source);
  check_media(url, &base);
  check_base(url);
  check_origins(&base, url);
  encode(url, &base);
  follow("https://images.segmind.com/a/b?c=1", url, &base);
  follow(url, location, &base);
  free(location);
  free(url);
  return 0;
}
