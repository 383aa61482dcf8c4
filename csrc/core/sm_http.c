#include "sm_http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sm_easy.h"
#include "sm_sharing.h"

struct sm_http {
  CURLM *multi;
  struct curl_slist *with_key;
  struct curl_slist *without_key;
  struct sm_wire wire;
};

/* -- the four verbs ------------------------------------------------------ */

/* The one place where the key is attached. */
static struct curl_slist *headers_for(const struct sm_http *http,
                                      const struct sm_transfer *transfer) {
  struct sm_origin origin;
  const struct sm_request *request = &transfer->request;
  if (!request->has_key)
    return http->without_key;
  if (sm_origin_read(&origin, sm_buf_text(&transfer->url), NULL) != SM_OK ||
      !sm_origin_equal(&origin, &http->wire.base->origin[request->place]))
    return NULL;
  return http->with_key;
}

static enum sm_code http_start(void *self, struct sm_transfer *transfer,
                               struct sm_error *e) {
  struct sm_http *http = self;
  struct curl_slist *headers = headers_for(http, transfer);
  if (!headers)
    return sm_fail(e, SM_SECURITY, "the key is not sent to %s",
                   sm_buf_text(&transfer->url));
  if (!transfer->carrier)
    transfer->carrier = sm_easy_new(&http->wire, transfer);
  struct sm_easy *easy = transfer->carrier;
  if (!easy)
    return sm_fail_memory(e);
  transfer->answer.body.ceiling = transfer->request.max_bytes;
  if (sm_easy_prepare(easy, headers) != CURLE_OK ||
      curl_multi_add_handle(http->multi, easy->handle) != CURLM_OK)
    return sm_fail_memory(e);
  easy->is_active = true;
  sm_sharing_enter(easy);
  return SM_OK;
}

static void put_to_rest(struct sm_http *http, struct sm_easy *easy) {
  curl_multi_remove_handle(http->multi, easy->handle);
  easy->is_active = false;
  sm_sharing_leave(easy);
  easy->transfer->answer.was_sent = sm_easy_may_have_arrived(easy);
}

static void http_cancel(void *self, struct sm_transfer *transfer) {
  struct sm_easy *easy = transfer->carrier;
  if (easy && easy->is_active)
    put_to_rest(self, easy);
}

static struct sm_transfer *http_finished(void *self) {
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
    return easy->transfer;
  }
  return NULL;
}

static void http_release(void *self, struct sm_transfer *transfer) {
  http_cancel(self, transfer);
  sm_easy_delete(transfer->carrier);
  transfer->carrier = NULL;
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

bool sm_http_prepare(void) {
  return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

void sm_http_perform(struct sm_http *http) {
  int running;
  curl_multi_perform(http->multi, &running);
}

/* libcurl makes no error of a signal, and leaves errno as poll set it. */
bool sm_http_wait(struct sm_http *http, int64_t timeout_ms) {
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
static bool make_headers(struct sm_http *http, const char *key) {
  char line[16 + 256 + 1];
  int length = snprintf(line, sizeof line, "x-api-key: %s", key);
  bool is_made = length > 0 && (size_t)length < sizeof line &&
                 append(&http->with_key, line) &&
                 append(&http->with_key, "Content-Type: application/json") &&
                 append(&http->with_key, "Accept: application/json, image/*") &&
                 append(&http->with_key, "Expect:") &&
                 append(&http->without_key, "Accept: image/*, */*;q=0.1");
  explicit_bzero(line, sizeof line);
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

static const char *default_ca_file(void) {
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  const char *path = info->age >= CURLVERSION_SEVENTH ? info->cainfo : NULL;
  return path && access(path, R_OK) == 0 ? path : NULL;
}

static bool keep_options(struct sm_http *http,
                         const struct sm_http_options *options) {
  struct sm_wire *wire = &http->wire;
  const char *ca = options->ca_file ? options->ca_file : default_ca_file();
  const char *proxy = options->proxy ? options->proxy : proxy_of_environment();
  wire->base = options->base;
  wire->stop = options->stop;
  wire->user_agent = copy(options->user_agent);
  wire->ca_file = copy(ca);
  wire->proxy = copy(proxy);
  return wire->user_agent && (!ca || wire->ca_file) &&
         (!proxy || wire->proxy) && make_headers(http, options->key);
}

/* Connections are kept between bursts; MAX_TOTAL_CONNECTIONS is left alone, it
 * costs half the processor, and the engine counts its transfers itself. */
static bool open_multi(struct sm_http *http, int max_transfers) {
  http->multi = curl_multi_init();
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
    explicit_bzero(line->data, strlen(line->data));
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
