#include "em_fetch.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "em_text.h"

static const size_t fetch_max_bytes = (size_t)64 << 20;

static size_t receive(char *data, size_t unit, size_t count, void *arg) {
  struct em_text *text = arg;
  if (text->size + unit * count > fetch_max_bytes)
    return 0;
  em_text_add_bytes(text, data, unit * count);
  return text->failed ? 0 : unit * count;
}

static CURLcode prepare(CURL *easy, const char *url, struct em_text *text) {
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
  SET(WRITEDATA, text);
#undef SET
  return code;
}

int em_fetch(const char *url, unsigned char **data, size_t *size,
             struct em_error *error) {
  struct em_text text = {0};
  CURL *easy = curl_easy_init();
  CURLcode code = CURLE_OUT_OF_MEMORY;
  long status = 0;
  if (easy) {
    code = prepare(easy, url, &text);
    if (code == CURLE_OK)
      code = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(easy);
  }
  *size = text.size;
  *data = (unsigned char *)em_text_take(&text);
  if (code == CURLE_OK && *data && *size)
    return 0;
  free(*data);
  *data = NULL;
  if (status >= 400)
    return em_fail(error, "HTTP %ld", status);
  return em_fail(error, "%s",
                 code == CURLE_OK ? "the answer is empty"
                                  : curl_easy_strerror(code));
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
