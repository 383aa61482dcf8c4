#include "em_fetch.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t fetch_max_bytes = (size_t)64 << 20;

struct sink {
  unsigned char *data;
  size_t size, capacity;
};

static size_t receive(char *data, size_t unit, size_t count, void *arg) {
  struct sink *sink = arg;
  size_t size = unit * count;
  if (sink->size + size > fetch_max_bytes)
    return 0;
  if (sink->size + size > sink->capacity) {
    size_t capacity = (sink->size + size) * 2;
    unsigned char *bigger = realloc(sink->data, capacity);
    if (!bigger)
      return 0;
    sink->data = bigger;
    sink->capacity = capacity;
  }
  memcpy(sink->data + sink->size, data, size);
  sink->size += size;
  return size;
}

static CURLcode prepare(CURL *easy, const char *url, struct sink *sink) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_URL, url);
#define SET(option, value)                                                     \
  if (code == CURLE_OK)                                                        \
  code = curl_easy_setopt(easy, CURLOPT_##option, value)
  SET(PROTOCOLS_STR, "http,https");
  SET(REDIR_PROTOCOLS_STR, "http,https");
  SET(FOLLOWLOCATION, 1L);
  SET(MAXREDIRS, 3L);
  SET(CONNECTTIMEOUT_MS, 5000L);
  SET(TIMEOUT_MS, 20000L);
  SET(NOSIGNAL, 1L);
  SET(FAILONERROR, 1L);
  SET(USERAGENT, "segmind-emulator");
  SET(WRITEFUNCTION, receive);
  SET(WRITEDATA, sink);
#undef SET
  return code;
}

int em_fetch(const char *url, unsigned char **data, size_t *size, char *message,
             size_t message_size) {
  struct sink sink = {0};
  CURL *easy = curl_easy_init();
  CURLcode code = CURLE_OUT_OF_MEMORY;
  long status = 0;
  if (easy) {
    code = prepare(easy, url, &sink);
    if (code == CURLE_OK)
      code = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(easy);
  }
  if (code == CURLE_OK && sink.size) {
    *data = sink.data;
    *size = sink.size;
    return 0;
  }
  free(sink.data);
  if (status >= 400)
    snprintf(message, message_size, "HTTP %ld", status);
  else
    snprintf(message, message_size, "%s",
             code == CURLE_OK ? "the answer is empty"
                              : curl_easy_strerror(code));
  return -1;
}

/* Copies one part; a part that does not fit is an error, never cut. */
static int copy_part(CURLU *handle, CURLUPart part, char *out, size_t size) {
  char *text = NULL;
  if (curl_url_get(handle, part, &text, 0) != CURLUE_OK)
    return -1;
  int length = snprintf(out, size, "%s", text);
  curl_free(text);
  return length >= 0 && (size_t)length < size ? 0 : -1;
}

int em_url_read(const char *url, struct em_url *parts) {
  CURLU *handle = curl_url();
  int failed =
      !handle || curl_url_set(handle, CURLUPART_URL, url, 0) != CURLUE_OK ||
      copy_part(handle, CURLUPART_HOST, parts->host, sizeof parts->host) ||
      copy_part(handle, CURLUPART_PATH, parts->path, sizeof parts->path);
  curl_url_cleanup(handle);
  return failed ? -1 : 0;
}

bool em_url_is_loopback(const struct em_url *parts) {
  static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(parts->host, names[i]))
      return true;
  return false;
}

bool em_url_is_service(const struct em_url *parts) {
  static const char suffix[] = ".segmind.com";
  size_t length = strlen(parts->host);
  if (!strcmp(parts->host, "segmind-resources.s3.amazonaws.com"))
    return true;
  return length > sizeof suffix - 1 &&
         !strcmp(parts->host + length - (sizeof suffix - 1), suffix);
}
