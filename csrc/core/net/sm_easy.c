#include "sm_easy.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "sm_header.h"
#include "sm_system.h"
#include "sm_timer.h"

#define CONNECT_TIMEOUT_MS 15000L
#define MAX_HEADER_BYTES 65536
#define MAX_ERROR_BYTES 65536

/* libcurl makes room for a piece of a body, and gives it back, with each
 * request. The least that it takes is enough for a body without pictures; a
 * larger piece lets malloc trim its heap, to be grown again with the next. */
#define PIECE_BYTES 65536L
#define SMALL_PIECE_BYTES 16384L

static struct sm_answer *answer_of(struct sm_easy *easy) {
  return &easy->exchange->answer;
}

/* Ends an exchange from inside a callback, with our reason instead of curl's.
 */
static void refuse(struct sm_easy *easy, enum sm_code code,
                   const char *reason) {
  struct sm_answer *answer = answer_of(easy);
  if (answer->code != SM_OK)
    return;
  answer->code = code;
  snprintf(answer->reason, sizeof answer->reason, "%.255s", reason);
}

/* -- the connection ------------------------------------------------------- */

void sm_easy_enter(struct sm_easy *easy) {
  easy->is_active = true;
  easy->local_port = 0;
  easy->was_shared = false;
  easy->previous = NULL;
  easy->next = easy->wire->active;
  if (easy->next)
    easy->next->previous = easy;
  easy->wire->active = easy;
}

void sm_easy_leave(struct sm_easy *easy) {
  easy->is_active = false;
  if (easy->previous)
    easy->previous->next = easy->next;
  else
    easy->wire->active = easy->next;
  if (easy->next)
    easy->next->previous = easy->previous;
}

static void note_connection(struct sm_easy *easy, const char *ip, int port,
                            int local_port) {
  sm_buf_copy_text(easy->ip, sizeof easy->ip, ip);
  easy->port = port;
  easy->local_port = local_port;
}

/* libcurl may put a request on a connection whose last answer is whole, and
 * read the next, before anybody could take the first. */
static bool is_answered(const struct sm_easy *easy) {
  curl_off_t length = -1, came = 0;
  curl_easy_getinfo(easy->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  curl_easy_getinfo(easy->handle, CURLINFO_SIZE_DOWNLOAD_T, &came);
  return easy->header_bytes > 0 && length >= 0 && came >= length;
}

static bool is_beside(const struct sm_easy *easy, const struct sm_easy *other) {
  return other != easy && other->local_port == easy->local_port &&
         other->port == easy->port && strcmp(other->ip, easy->ip) == 0;
}

/* A part of the answer comes: is another request on this connection whose own
 * answer is not whole yet? Without TLS there is no HTTP/2, and no sharing. */
static void look_beside(struct sm_easy *easy) {
  for (struct sm_easy *other = easy->is_tls ? easy->wire->active : NULL; other;
       other = other->next)
    if (is_beside(easy, other) && !is_answered(other))
      easy->was_shared = other->was_shared = true;
}

/* Whether another request was on the same HTTP/1.1 connection meanwhile. */
static bool is_spoilt(const struct sm_easy *easy) {
  long version = CURL_HTTP_VERSION_NONE;
  if (!easy->was_shared)
    return false;
  curl_easy_getinfo(easy->handle, CURLINFO_HTTP_VERSION, &version);
  return version < CURL_HTTP_VERSION_2_0;
}

/* -- callbacks ----------------------------------------------------------- */

/* A byte came, or the request goes out; who cannot stall needs no clock. */
static void note_heard(struct sm_easy *easy) {
  if (easy->exchange->request.stall_ms)
    easy->heard_ms = sm_now_ms();
}

static size_t on_read(char *out, size_t size, size_t count, void *user) {
  struct sm_easy *easy = user;
  size_t got = sm_body_read(easy->exchange->request.body, out, size * count);
  easy->was_spent |= sm_body_is_spent(easy->exchange->request.body);
  if (got != SM_BODY_BROKEN)
    return got;
  refuse(easy, SM_IO,
         "a file changed or could not be read while it was "
         "being sent");
  return CURL_READFUNC_ABORT;
}

static bool take_bytes(struct sm_easy *easy, const char *bytes, size_t size,
                       long status) {
  struct sm_request *request = &easy->exchange->request;
  struct sm_error e;
  enum sm_code code;
  if (request->file && sm_status_is_file(status))
    code = sm_file_write(request->file, bytes, size, &e);
  else
    code = sm_buf_append(&answer_of(easy)->body, bytes, size, &e);
  if (code != SM_OK)
    refuse(easy, code, e.message);
  return code == SM_OK;
}

/* MAXFILESIZE does not stop a body that announces no length, so bytes are
 * counted here. The tail of a long error page is of no use to anybody. */
static size_t on_write(char *bytes, size_t size, size_t count, void *user) {
  struct sm_easy *easy = user;
  size_t total = size * count;
  long status = 0;
  curl_easy_getinfo(easy->handle, CURLINFO_RESPONSE_CODE, &status);
  easy->body_bytes += total;
  note_heard(easy);
  look_beside(easy);
  if (easy->body_bytes > easy->exchange->request.max_bytes) {
    refuse(easy, SM_PROTOCOL,
           easy->exchange->request.wants_image
               ? "the answer is larger than max_image_bytes allows"
               : "the answer is larger than max_json_bytes allows");
    return 0;
  }
  if (status >= 400 && easy->body_bytes > MAX_ERROR_BYTES)
    return total;
  return take_bytes(easy, bytes, total, status) ? total : 0;
}

struct word {
  const char *text;
  size_t size;
};

/* The value of a header if the line is that one; `name` is in lower case and
 * ends with ":". */
static bool has_name(const char *line, size_t size, const char *name,
                     struct word *value) {
  if (size == 0 || (*line | 0x20) != *name)
    return false;
  size_t length = strlen(name);
  if (size < length || strncasecmp(line, name, length) != 0)
    return false;
  for (size -= length, line += length; size && *line == ' '; size--)
    line++;
  while (size && (unsigned char)line[size - 1] <= ' ')
    size--;
  *value = (struct word){line, size};
  return true;
}

/* libcurl gives an answer up whose encoding it does not know, and stores are
 * full of pictures said to be in "utf-8" or "aws-chunked": those are not. */
static bool is_decodable(struct word value) {
  static const struct {
    const char *name;
    int feature;
  } known[] = {{"gzip", CURL_VERSION_LIBZ},
               {"x-gzip", CURL_VERSION_LIBZ},
               {"deflate", CURL_VERSION_LIBZ},
               {"br", CURL_VERSION_BROTLI},
               {"zstd", CURL_VERSION_ZSTD}};
  int features = curl_version_info(CURLVERSION_NOW)->features;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strlen(known[i].name) == value.size &&
        strncasecmp(known[i].name, value.text, value.size) == 0)
      return (features & known[i].feature) != 0;
  return false;
}

static enum sm_code note_header(struct sm_easy *easy, const char *line,
                                size_t size, struct sm_error *e) {
  struct word value;
  struct sm_buf *redirect = &answer_of(easy)->redirect;
  if (has_name(line, size, "transfer-encoding:", &value)) {
    easy->is_chunked = true;
  } else if (has_name(line, size, "content-encoding:", &value)) {
    if (!is_decodable(value))
      curl_easy_setopt(easy->handle, CURLOPT_HTTP_CONTENT_DECODING, 0L);
  } else if (has_name(line, size, "location:", &value)) {
    sm_buf_reset(redirect);
    return sm_buf_append(redirect, value.text, value.size, e);
  }
  return SM_OK;
}

static size_t on_header(char *line, size_t size, size_t count, void *user) {
  struct sm_easy *easy = user;
  size_t total = size * count;
  struct sm_error e;
  if (easy->header_bytes == 0)
    look_beside(easy);
  easy->header_bytes += total;
  note_heard(easy);
  if (easy->header_bytes > MAX_HEADER_BYTES) {
    refuse(easy, SM_PROTOCOL, "the answer's headers are larger than 64 KiB");
    return 0;
  }
  sm_header_note(answer_of(easy), line, total);
  if (note_header(easy, line, total, &e) != SM_OK) {
    refuse(easy, e.code, e.message);
    return 0;
  }
  return total;
}

/* libcurl writes the head of a request, then its body, and each would be a
 * packet of its own: a paid request is held from one to the other. */
static void hold(struct sm_easy *easy) {
  const struct sm_request *request = &easy->exchange->request;
  easy->is_held = request->is_once && request->body &&
                  sm_system_hold(easy->socket, easy->local_port);
}

void sm_easy_let_go(struct sm_easy *easy) {
  if (!easy->is_held || !easy->was_spent)
    return;
  easy->is_held = false;
  sm_system_let_go(easy->socket);
}

/* Called right before the request goes out, each time libcurl would send it
 * (https://curl.se/libcurl/c/CURLOPT_PREREQFUNCTION.html). */
static int on_prerequest(void *user, char *ip, char *local_ip, int port,
                         int local_port) {
  struct sm_easy *easy = user;
  (void)local_ip;
  if (easy->exchange->request.is_once && easy->was_started) {
    refuse(easy, SM_UNKNOWN,
           "the connection died and the request was not "
           "sent again");
    return CURL_PREREQFUNC_ABORT;
  }
  easy->was_started = true;
  note_heard(easy);
  note_connection(easy, ip, port, local_port);
  hold(easy);
  return CURL_PREREQFUNC_OK;
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c,
                       curl_off_t d) {
  struct sm_easy *easy = user;
  (void)a, (void)b, (void)c, (void)d;
  if (easy->exchange->request.stall_ms &&
      sm_easy_patience_ms(easy, sm_now_ms()) <= 0) {
    refuse(easy, SM_TIMEOUT, "the transfer stalled");
    return 1;
  }
  return atomic_load_explicit(easy->wire->stop, memory_order_relaxed);
}

/* A finished picture's host is checked by name before, and by address here,
 * where a name that points into a private network shows itself. Behind a proxy
 * the address is the proxy's. */
static bool may_connect(const struct sm_easy *easy,
                        const struct sockaddr *address) {
  const struct sm_wire *wire = easy->wire;
  if (easy->exchange->request.has_key || wire->proxy ||
      sm_address_is_public(address))
    return true;
  return wire->base->is_loopback && sm_address_is_loopback(address);
}

static curl_socket_t on_open_socket(void *user, curlsocktype purpose,
                                    struct curl_sockaddr *address) {
  struct sm_easy *easy = user;
  (void)purpose;
  if (!may_connect(easy, &address->addr)) {
    refuse(easy, SM_SECURITY, "the host has a private address");
    return CURL_SOCKET_BAD;
  }
  easy->wire->connections++;
  easy->socket =
      sm_system_socket(address->family, address->socktype, address->protocol);
  return easy->socket;
}

/* -- an easy handle ------------------------------------------------------ */

/* setopt checks: every result counts, the first failure is kept. */
#define SET(option, value)                                                     \
  do {                                                                         \
    if (rc == CURLE_OK)                                                        \
      rc = curl_easy_setopt(handle, option, value);                            \
  } while (0)

static CURLcode set_callbacks(CURL *handle, struct sm_easy *easy) {
  CURLcode rc = CURLE_OK;
  SET(CURLOPT_PRIVATE, easy);
  SET(CURLOPT_ERRORBUFFER, easy->error);
  SET(CURLOPT_WRITEFUNCTION, on_write);
  SET(CURLOPT_WRITEDATA, easy);
  SET(CURLOPT_HEADERFUNCTION, on_header);
  SET(CURLOPT_HEADERDATA, easy);
  SET(CURLOPT_READFUNCTION, on_read);
  SET(CURLOPT_READDATA, easy);
  SET(CURLOPT_PREREQFUNCTION, on_prerequest);
  SET(CURLOPT_PREREQDATA, easy);
  SET(CURLOPT_XFERINFOFUNCTION, on_progress);
  SET(CURLOPT_XFERINFODATA, easy);
  SET(CURLOPT_NOPROGRESS, 0L);
  SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
  SET(CURLOPT_OPENSOCKETDATA, easy);
  return rc;
}

static CURLcode set_security(CURL *handle, const struct sm_wire *wire) {
  const char *schemes = wire->base->is_loopback ? "https,http" : "https";
  CURLcode rc = CURLE_OK;
  SET(CURLOPT_PROTOCOLS_STR, schemes);
  SET(CURLOPT_FOLLOWLOCATION, 0L);
  SET(CURLOPT_SSL_VERIFYPEER, 1L);
  SET(CURLOPT_SSL_VERIFYHOST, 2L);
  SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  SET(CURLOPT_UNRESTRICTED_AUTH, 0L);
  if (wire->ca_file) {
    SET(CURLOPT_CAINFO, wire->ca_file);
    /* With a path set as well, libcurl parses the bundle for every
     * connection anew (16 ms) instead of keeping it. */
    SET(CURLOPT_CAPATH, NULL);
  }
  return rc;
}

static CURLcode set_manners(CURL *handle, const struct sm_wire *wire) {
  CURLcode rc = CURLE_OK;
  SET(CURLOPT_NOSIGNAL, 1L);
  /* Without it, ending a stuck name look-up waits for it. */
  SET(CURLOPT_QUICK_EXIT, 1L);
  SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
  SET(CURLOPT_USERAGENT, wire->user_agent);
  /* None is asked for; what comes in one is decoded. */
  SET(CURLOPT_ACCEPT_ENCODING, "identity");
  SET(CURLOPT_SHARE, wire->share);
  if (wire->base->is_loopback)
    SET(CURLOPT_PROXY, "");
  else if (wire->proxy)
    SET(CURLOPT_PROXY, wire->proxy);
  return rc;
}

/* A submit's connection is its own: fresh, and never taken by another. That it
 * cannot be shared while it is in use, libcurl sees to where the TLS settings
 * differ, so they do, in a bound that means nothing: 1.3 is the highest. */
static CURLcode set_connection(CURL *handle, const struct sm_easy *easy) {
  bool is_once = easy->exchange->request.is_once;
  long tls = CURL_SSLVERSION_TLSv1_2;
  CURLcode rc = CURLE_OK;
  if (is_once)
    tls |= CURL_SSLVERSION_MAX_TLSv1_3;
  SET(CURLOPT_SSLVERSION, tls);
  SET(CURLOPT_FRESH_CONNECT, is_once ? 1L : 0L);
  SET(CURLOPT_HTTP_VERSION,
      is_once ? (long)CURL_HTTP_VERSION_1_1 : easy->wire->http_version);
  /* Nothing else may take a submit's connection: left open, it would idle. */
  SET(CURLOPT_FORBID_REUSE, is_once && easy->is_tls ? 1L : 0L);
  /* For those that are kept; a submit's ends with its answer, and the three
   * system calls are worth it only where it idles. */
  SET(CURLOPT_TCP_KEEPALIVE, is_once ? 0L : 1L);
  /* Wait for a connection that can be shared rather than open fifty. */
  SET(CURLOPT_PIPEWAIT, is_once ? 0L : 1L);
  return rc;
}

static CURLcode set_method(CURL *handle, const struct sm_request *request) {
  CURLcode rc = CURLE_OK;
  if (request->method == SM_GET) {
    SET(CURLOPT_HTTPGET, 1L);
    return rc;
  }
  curl_off_t size = sm_body_size(request->body);
  SET(CURLOPT_POST, 1L);
  SET(CURLOPT_POSTFIELDSIZE_LARGE, size);
  SET(CURLOPT_UPLOAD_BUFFERSIZE,
      size > SMALL_PIECE_BYTES ? PIECE_BYTES : SMALL_PIECE_BYTES);
  return rc;
}

/* Where the path of a URL of ours begins, if libcurl takes all that follows as
 * it stands; NULL: it is to read the URL itself. */
static const char *path_of(const struct sm_easy *easy, const char *url) {
  const char *path =
      sm_base_path(easy->wire->base, easy->exchange->request.host, url);
  return path && !strpbrk(path, "%?#") && !strstr(path, "/.") ? path : NULL;
}

/* Requests to the service differ by their paths. */
static CURLUcode parse(struct sm_easy *easy, const char *url) {
  const char *path = path_of(easy, url);
  int host = path ? (int)easy->exchange->request.host : SM_HOSTS;
  if (path && easy->url_host == host)
    return curl_url_set(easy->url, CURLUPART_PATH, path, 0);
  CURLUcode rc = curl_url_set(easy->url, CURLUPART_URL, url, 0);
  easy->url_host = rc == CURLUE_OK ? host : SM_HOSTS;
  return rc;
}

/* What libcurl is given parsed, it neither parses nor writes out again, which
 * is a tenth of a job. What cannot be parsed, it is to complain of itself. */
static CURLcode set_url(struct sm_easy *easy) {
  CURL *handle = easy->handle;
  const char *url = sm_buf_text(&easy->exchange->url);
  CURLUcode parsed = parse(easy, url);
  CURLcode rc = parsed == CURLUE_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_OK;
  SET(CURLOPT_URL, url);
  SET(CURLOPT_CURLU, parsed == CURLUE_OK ? easy->url : NULL);
  return rc;
}

CURLcode sm_easy_prepare(struct sm_easy *easy, struct curl_slist *headers) {
  const struct sm_exchange *exchange = easy->exchange;
  CURL *handle = easy->handle;
  const struct sm_request *request = &exchange->request;
  easy->header_bytes = easy->body_bytes = 0;
  easy->was_started = easy->was_spent = easy->is_chunked = false;
  easy->is_held = false;
  easy->error[0] = '\0';
  easy->is_tls = strncmp(sm_buf_text(&exchange->url), "https", 5) == 0;
  CURLcode rc = set_method(handle, request);
  SET(CURLOPT_HTTPHEADER, headers);
  SET(CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
  SET(CURLOPT_HTTP_CONTENT_DECODING, easy->is_raw ? 0L : 1L);
  if (rc == CURLE_OK)
    rc = set_connection(handle, easy);
  return rc == CURLE_OK ? set_url(easy) : rc;
}

struct sm_easy *sm_easy_new(struct sm_wire *wire,
                            struct sm_exchange *exchange) {
  struct sm_easy *easy = calloc(1, sizeof *easy);
  if (!easy)
    return NULL;
  easy->wire = wire;
  easy->exchange = exchange;
  easy->socket = -1;
  easy->url_host = SM_HOSTS;
  CURL *handle = easy->handle = curl_easy_init();
  easy->url = curl_url();
  if (handle && easy->url && set_callbacks(handle, easy) == CURLE_OK &&
      set_security(handle, wire) == CURLE_OK &&
      set_manners(handle, wire) == CURLE_OK)
    return easy;
  sm_easy_delete(easy);
  return NULL;
}

void sm_easy_delete(struct sm_easy *easy) {
  if (!easy)
    return;
  curl_easy_cleanup(easy->handle);
  curl_url_cleanup(easy->url);
  free(easy);
}

int64_t sm_easy_patience_ms(const struct sm_easy *easy, int64_t now_ms) {
  int64_t stall_ms = easy->exchange->request.stall_ms;
  if (stall_ms == 0 || !easy->was_started)
    return INT64_MAX;
  return easy->heard_ms + stall_ms - now_ms;
}

bool sm_easy_may_have_arrived(const struct sm_easy *easy) {
  return easy->was_started &&
         (!easy->exchange->request.body || easy->was_spent);
}

static bool is_certificate_trouble(CURLcode rc) {
  return rc == CURLE_PEER_FAILED_VERIFICATION ||
         rc == CURLE_SSL_CACERT_BADFILE || rc == CURLE_SSL_ISSUER_ERROR ||
         rc == CURLE_SSL_INVALIDCERTSTATUS ||
         rc == CURLE_SSL_PINNEDPUBKEYNOTMATCH;
}

static enum sm_code code_of(CURLcode rc, const struct sm_easy *easy) {
  if (rc == CURLE_OK)
    return SM_OK;
  /* Once the request went out, it is an answer that is no HTTP. */
  if (is_certificate_trouble(rc) ||
      (rc == CURLE_UNSUPPORTED_PROTOCOL && !easy->was_started))
    return SM_SECURITY;
  if (rc == CURLE_OPERATION_TIMEDOUT && easy->was_started)
    return SM_TIMEOUT;
  return rc == CURLE_OUT_OF_MEMORY ? SM_IO : SM_NOT_SENT;
}

/* HTTP/2 ends a body like HTTP/1.1 its last chunk. */
static bool is_framed(const struct sm_easy *easy) {
  curl_off_t length = -1;
  long version = CURL_HTTP_VERSION_NONE;
  curl_easy_getinfo(easy->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  curl_easy_getinfo(easy->handle, CURLINFO_HTTP_VERSION, &version);
  return length >= 0 || easy->is_chunked || version >= CURL_HTTP_VERSION_2_0;
}

/* Makes the Location of an answer absolute; one that leads nowhere goes. */
static void resolve_redirect(const struct sm_exchange *exchange,
                             struct sm_buf *redirect) {
  struct sm_buf location;
  sm_buf_create(&location, SM_URL_MAX);
  if (sm_url_encode(&location, sm_buf_text(redirect), NULL) != SM_OK ||
      sm_url_resolve(redirect, sm_buf_text(&exchange->url),
                     sm_buf_text(&location), NULL) != SM_OK)
    sm_buf_reset(redirect);
  sm_buf_destroy(&location);
}

static void note_facts(struct sm_easy *easy) {
  struct sm_answer *answer = answer_of(easy);
  long status = 0;
  curl_off_t took_us = 0;
  const char *type = NULL;
  CURL *handle = easy->handle;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(handle, CURLINFO_TOTAL_TIME_T, &took_us);
  curl_easy_getinfo(handle, CURLINFO_CONTENT_TYPE, &type);
  answer->status = (int)status;
  answer->took_ms = took_us / 1000;
  if (type)
    sm_buf_copy_text(answer->content_type, sizeof answer->content_type, type);
  if (answer->redirect.size)
    resolve_redirect(easy->exchange, &answer->redirect);
}

/* Not all that curl says names the host. */
static void tell_reason(struct sm_easy *easy, const char *words) {
  struct sm_answer *answer = answer_of(easy);
  struct sm_origin origin;
  bool is_named = sm_origin_read(&origin, sm_buf_text(&easy->exchange->url),
                                 NULL) != SM_OK ||
                  strstr(words, origin.host);
  (void)snprintf(answer->reason, sizeof answer->reason, "%.100s%s%.150s",
                 is_named ? "" : origin.host, is_named ? "" : ": ", words);
}

void sm_easy_finish(struct sm_easy *easy, CURLcode rc) {
  struct sm_answer *answer = answer_of(easy);
  note_facts(easy);
  answer->is_all = rc == CURLE_OK && is_framed(easy);
  if (is_spoilt(easy)) {
    answer->status = 0;
    sm_buf_reset(&answer->body);
    refuse(easy, SM_NOT_SENT,
           "another request was on the connection, the answer may be its");
  }
  if (answer->code != SM_OK || rc == CURLE_OK)
    return;
  answer->code = code_of(rc, easy);
  tell_reason(easy, easy->error[0] ? easy->error : curl_easy_strerror(rc));
}
