/* On a libcurl that was built without HTTP/2, which refuses to be told of it,
 * every request starts all the same: a poll that does not leaves a picture
 * behind that is paid. The linker (--wrap, see CMakeLists.txt) leads what asks
 * libcurl and tells it through here. */
#include <curl/curl.h>
#include <stdarg.h>

#include "check.h"
#include "sm_http.h"

static int refused;

/* The names are the linker's choice: NOLINTBEGIN(bugprone-reserved-identifier)
 */
curl_version_info_data *__real_curl_version_info(CURLversion age);
curl_version_info_data *__wrap_curl_version_info(CURLversion age);
CURLcode __real_curl_easy_setopt(CURL *handle, CURLoption option, ...);
CURLcode __wrap_curl_easy_setopt(CURL *handle, CURLoption option, ...);

curl_version_info_data *__wrap_curl_version_info(CURLversion age) {
  static curl_version_info_data info;
  info = *__real_curl_version_info(age);
  info.features &= ~CURL_VERSION_HTTP2;
  return &info;
}

/* A value is a long, a pointer or a curl_off_t. */
CURLcode __wrap_curl_easy_setopt(CURL *handle, CURLoption option, ...) {
  va_list args;
  va_start(args, option);
  curl_off_t value = va_arg(args, curl_off_t);
  va_end(args);
  if (option != CURLOPT_HTTP_VERSION || (long)value <= CURL_HTTP_VERSION_1_1)
    return __real_curl_easy_setopt(handle, option, value);
  refused++;
  return CURLE_UNSUPPORTED_PROTOCOL;
}
/* NOLINTEND(bugprone-reserved-identifier) */

static void every_request_starts_without_http2(void) {
  static const atomic_bool never;
  struct sm_base base;
  struct sm_http *http = NULL;
  const struct sm_http_options options = {.key = "SG_0123456789abcdef",
                                          .base = &base,
                                          .user_agent = "test",
                                          .max_transfers = 4,
                                          .stop = &never};
  CHECK(sm_base_read(&base, "http://127.0.0.1:9", NULL) == SM_OK);
  CHECK(sm_http_new(&http, &options, NULL) == SM_OK);
  struct sm_transport transport = sm_http_transport(http);
  struct sm_exchange exchange;
  sm_exchange_create(&exchange);
  for (int is_once = 0; is_once < 2; is_once++) {
    sm_exchange_reset(&exchange);
    exchange.request = (struct sm_request){
        .is_once = is_once, .max_bytes = 1, .timeout_ms = 1};
    sm_buf_add_text(&exchange.url, "http://127.0.0.1:9/", NULL);
    CHECK(transport.start(transport.self, &exchange, NULL) == SM_OK);
    transport.cancel(transport.self, &exchange);
  }
  CHECK(refused == 0);
  transport.release(transport.self, &exchange);
  sm_exchange_destroy(&exchange);
  sm_http_delete(http);
}

int main(void) {
  CHECK(sm_http_prepare());
  every_request_starts_without_http2();
  return check_report("sm_no_http2");
}
