#include "sm_http.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sm_easy.h"
#include "sm_system.h"
#include "sm_timer.h"

#define KEY_HEADER "x-api-key: "
#define KEY_AT (sizeof KEY_HEADER - 1)
#define KEY_LEAST 6 /* shorter ones would be found where there are none */
#define MAX_REPEATS 3
#define NEXT_FDS 32 /* of which other threads may take some meanwhile */
#define FDS_LOOKED_AT 1024

struct sm_http {
  CURLM *multi;
  struct curl_slist *with_key;
  struct curl_slist *without_key;
  struct curl_slist content, no_expect; /* of a body, before `with_key` */
  struct sm_wire wire;
  bool
      has_begun; /* a transfer that libcurl has not seen in a turn of its own */
};

/* -- the four verbs ------------------------------------------------------ */

/* The one place where the key is attached. */
static struct curl_slist *headers_for(struct sm_http *http,
                                      const struct sm_exchange *exchange) {
  const struct sm_request *request = &exchange->request;
  if (!request->has_key)
    return http->without_key;
  if (!sm_base_has(http->wire.base, request->host, sm_buf_text(&exchange->url)))
    return NULL;
  return request->body ? &http->content : http->with_key;
}

static enum sm_code begin(struct sm_http *http, struct sm_easy *easy,
                          struct sm_error *e) {
  const struct sm_exchange *exchange = easy->exchange;
  struct curl_slist *headers = headers_for(http, exchange);
  if (!headers)
    return sm_fail(e, SM_SECURITY, "the key is not sent to %s",
                   sm_buf_text(&exchange->url));
  if (sm_easy_prepare(easy, headers) != CURLE_OK ||
      curl_multi_add_handle(http->multi, easy->handle) != CURLM_OK)
    return sm_fail_memory(e);
  sm_easy_enter(easy);
  http->has_begun = true;
  return SM_OK;
}

static enum sm_code http_start(void *self, struct sm_exchange *exchange,
                               struct sm_error *e) {
  struct sm_http *http = self;
  if (!exchange->carrier)
    exchange->carrier = sm_easy_new(&http->wire, exchange);
  struct sm_easy *easy = exchange->carrier;
  if (!easy)
    return sm_fail_memory(e);
  exchange->answer.body.ceiling = exchange->request.max_bytes;
  easy->repeats = 0;
  easy->is_raw = false;
  return begin(http, easy, e);
}

/* Whatever comes from outside is free of the key before anybody reads it: as a
 * request id, say, it would go into ledgers and names of files. */
static void mask_key(const struct sm_http *http, struct sm_answer *answer) {
  const char *key = http->with_key->data + KEY_AT;
  size_t size = strlen(key);
  char *at = answer->body.data;
  char *end = at ? at + answer->body.size : NULL;
  if (size < KEY_LEAST)
    return;
  while (at && (at = sm_system_find(at, (size_t)(end - at), key, size)))
    memset(at, '*', size);
  if (strstr(answer->request_id, key))
    answer->request_id[0] = '\0';
}

static void put_to_rest(struct sm_http *http, struct sm_easy *easy) {
  curl_multi_remove_handle(http->multi, easy->handle);
  sm_easy_leave(easy);
  easy->exchange->answer.was_sent = sm_easy_may_have_arrived(easy);
  mask_key(http, &easy->exchange->answer);
}

/* Where a free request of ours is sent to by its own origin: a slash at the end
 * of a path, most often. Pictures go without a key and wherever media_hosts
 * allow; those are followed by who asks for them. */
static bool takes_redirect(const struct sm_http *http, struct sm_easy *easy) {
  struct sm_exchange *exchange = easy->exchange;
  struct sm_answer *answer = &exchange->answer;
  const struct sm_request *request = &exchange->request;
  if (!request->has_key || answer->code != SM_OK || answer->status < 301 ||
      answer->status > 308 || !answer->redirect.size ||
      !sm_base_has(http->wire.base, request->host,
                   sm_buf_text(&answer->redirect)))
    return false;
  sm_buf_reset(&exchange->url);
  return sm_buf_append(&exchange->url, answer->redirect.data,
                       answer->redirect.size, NULL) == SM_OK;
}

/* What calls itself gzip and is not is asked for once more, to be taken as it
 * is. */
static bool takes_raw(struct sm_easy *easy, CURLcode rc) {
  struct sm_file *file = easy->exchange->request.file;
  if (rc != CURLE_BAD_CONTENT_ENCODING || easy->is_raw)
    return false;
  easy->is_raw = true;
  return !file || sm_file_rewind(file, NULL) == SM_OK;
}

/* Sends a free request again where its answer asks for that. */
static bool goes_on(struct sm_http *http, struct sm_easy *easy, CURLcode rc) {
  if (easy->exchange->request.method != SM_GET ||
      easy->repeats++ >= MAX_REPEATS ||
      !(takes_raw(easy, rc) || takes_redirect(http, easy)))
    return false;
  sm_exchange_repeat(easy->exchange);
  return begin(http, easy, NULL) == SM_OK;
}

static void http_cancel(void *self, struct sm_exchange *exchange) {
  struct sm_easy *easy = exchange->carrier;
  if (easy && easy->is_active)
    put_to_rest(self, easy);
}

static struct sm_exchange *http_finished(void *self) {
  struct sm_http *http = self;
  int left;
  CURLMsg *message;
  while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
    struct sm_easy *easy = NULL;
    if (message->msg != CURLMSG_DONE)
      continue;
    CURLcode rc = message->data.result; /* gone with the handle's removal */
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &easy);
    sm_easy_finish(easy, rc);
    put_to_rest(http, easy);
    if (goes_on(http, easy, rc))
      continue;
    return easy->exchange;
  }
  return NULL;
}

static void http_release(void *self, struct sm_exchange *exchange) {
  http_cancel(self, exchange);
  sm_easy_delete(exchange->carrier);
  exchange->carrier = NULL;
}

struct sm_transport sm_http_transport(struct sm_http *http) {
  return (struct sm_transport){
      .self = http,
      .start = http_start,
      .cancel = http_cancel,
      .finished = http_finished,
      .release = http_release,
  };
}

/* -- the whole ----------------------------------------------------------- */

enum sm_code sm_http_check_libcurl(struct sm_error *e) {
  unsigned major = 0, minor = 0;
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  (void)sscanf(SM_OLDEST_LIBCURL, "%u.%u", &major, &minor);
  if (info->version_num >= (major << 16 | minor << 8))
    return SM_OK;
  return sm_fail(e, SM_INVALID, "libcurl %s is loaded; %s or newer is needed",
                 info->version, SM_OLDEST_LIBCURL);
}

bool sm_http_prepare(void) {
  return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

void sm_http_perform(struct sm_http *http) {
  int running;
  http->has_begun = false;
  curl_multi_perform(http->multi, &running);
  for (struct sm_easy *easy = http->wire.active; easy; easy = easy->next)
    sm_easy_let_go(easy);
}

/* An exchange that has stalled is found by libcurl's next turn. */
static int64_t least_patience_ms(const struct sm_http *http) {
  int64_t least = INT64_MAX, now_ms = sm_now_ms();
  for (const struct sm_easy *easy = http->wire.active; easy;
       easy = easy->next) {
    int64_t patience = sm_easy_patience_ms(easy, now_ms);
    if (patience < least)
      least = patience < 0 ? 0 : patience;
  }
  return least;
}

bool sm_http_has_begun(const struct sm_http *http) { return http->has_begun; }

/* libcurl makes no error of a signal, and leaves errno as poll set it. */
bool sm_http_wait(struct sm_http *http, int64_t timeout_ms) {
  int64_t patience_ms = least_patience_ms(http);
  if (timeout_ms > patience_ms)
    timeout_ms = patience_ms;
  int timeout = timeout_ms > 60000 ? 60000 : (int)timeout_ms;
  errno = 0;
  curl_multi_poll(http->multi, NULL, 0, timeout, NULL);
  return errno != EINTR;
}

void sm_http_wake(struct sm_http *http) { curl_multi_wakeup(http->multi); }

long sm_http_connections(const struct sm_http *http) {
  return http->wire.connections;
}

static bool append(struct curl_slist **list, const char *line) {
  struct curl_slist *longer = curl_slist_append(*list, line);
  if (longer)
    *list = longer;
  return longer != NULL;
}

/* "Expect:" without a value: no waiting for a 100 before a large body. */
static void lead_with_content(struct sm_http *http) {
  static char type[] = "Content-Type: application/json", expect[] = "Expect:";
  http->no_expect = (struct curl_slist){expect, http->with_key};
  http->content = (struct curl_slist){type, &http->no_expect};
}

static bool make_headers(struct sm_http *http, const char *key) {
  char line[16 + 256 + 1];
  int length = snprintf(line, sizeof line, KEY_HEADER "%s", key);
  bool is_made = length > 0 && (size_t)length < sizeof line &&
                 append(&http->with_key, line) &&
                 append(&http->with_key, "Accept: application/json, image/*") &&
                 append(&http->without_key, "Accept: image/*, */*;q=0.1");
  sm_system_wipe(line, sizeof line);
  lead_with_content(http);
  return is_made;
}

static char *copy(const char *text) { return text ? strdup(text) : NULL; }

static const char *proxy_of_environment(void) {
  static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
                                      "ALL_PROXY"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *value = getenv(names[i]);
    if (value && *value)
      return value;
  }
  return NULL;
}

const char *sm_http_library(void) {
  return curl_version_info(CURLVERSION_NOW)->version;
}

static const char *default_ca_file(void) {
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  const char *path = info->age >= CURLVERSION_SEVENTH ? info->cainfo : NULL;
  return path && access(path, R_OK) == 0 ? path : NULL;
}

/* A libcurl without HTTP/2 refuses to be told of it. */
static long best_version(void) {
  bool has_http2 =
      curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_HTTP2;
  return has_http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;
}

static bool keep_options(struct sm_http *http,
                         const struct sm_http_options *options) {
  struct sm_wire *wire = &http->wire;
  const char *ca = options->ca_file ? options->ca_file : default_ca_file();
  const char *proxy = options->proxy ? options->proxy : proxy_of_environment();
  wire->base = options->base;
  wire->stop = options->stop;
  wire->http_version = best_version();
  wire->user_agent = copy(options->user_agent);
  wire->ca_file = copy(ca);
  wire->proxy = copy(proxy);
  return wire->user_agent && (!ca || wire->ca_file) &&
         (!proxy || wire->proxy) && make_headers(http, options->key);
}

/* The lowest descriptors that are free: the next ones to be opened. */
struct next_fds {
  int fds[NEXT_FDS];
  int count;
};

static void find_next_fds(struct next_fds *next) {
  int lowest = sm_system_socket(AF_UNIX, SOCK_STREAM, 0);
  next->count = 0;
  if (lowest < 0)
    return;
  (void)close(lowest);
  for (int i = 0; i < FDS_LOOKED_AT && next->count < NEXT_FDS; i++)
    if (fcntl(lowest + i, F_GETFD) < 0)
      next->fds[next->count++] = lowest + i;
}

/* libcurl makes the sockets behind curl_multi_wakeup without CLOEXEC and names
 * them to nobody. They are among those that were free before, and while nobody
 * has taken the wake they hold it. */
static void keep_from_children(CURLM *multi, const struct next_fds *before) {
  if (before->count == 0 || curl_multi_wakeup(multi) != CURLM_OK)
    return;
  for (int i = 0; i < before->count; i++)
    if (sm_system_is_wake_end(before->fds[i]))
      (void)fcntl(before->fds[i], F_SETFD, FD_CLOEXEC);
  (void)curl_multi_poll(multi, NULL, 0, 0, NULL);
}

/* Connections are kept between bursts; MAX_TOTAL_CONNECTIONS is left alone, it
 * costs half the processor, and the engine counts its transfers itself. */
static bool open_multi(struct sm_http *http, int max_transfers) {
  struct next_fds before;
  find_next_fds(&before);
  http->multi = curl_multi_init();
  if (http->multi)
    keep_from_children(http->multi, &before);
  http->wire.share = curl_share_init();
  return http->multi && http->wire.share &&
         curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS,
                           (long)max_transfers + 4) == CURLM_OK &&
         curl_share_setopt(http->wire.share, CURLSHOPT_SHARE,
                           CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_OK;
}

enum sm_code sm_http_new(struct sm_http **out,
                         const struct sm_http_options *options,
                         struct sm_error *e) {
  if (options->ca_file && access(options->ca_file, R_OK) != 0)
    return sm_fail(e, SM_INVALID, "ca_file %s cannot be read",
                   options->ca_file);
  struct sm_http *http = calloc(1, sizeof *http);
  if (!http)
    return sm_fail_memory(e);
  if (!keep_options(http, options) ||
      !open_multi(http, options->max_transfers)) {
    sm_http_delete(http);
    return sm_fail_memory(e);
  }
  *out = http;
  return SM_OK;
}

static void forget_list(struct curl_slist *list) {
  for (struct curl_slist *line = list; line; line = line->next)
    sm_system_wipe(line->data, strlen(line->data));
  curl_slist_free_all(list);
}

void sm_http_delete(struct sm_http *http) {
  if (!http)
    return;
  curl_multi_cleanup(http->multi);
  curl_share_cleanup(http->wire.share);
  forget_list(http->with_key);
  forget_list(http->without_key);
  free(http->wire.user_agent);
  free(http->wire.ca_file);
  free(http->wire.proxy);
  free(http);
}
