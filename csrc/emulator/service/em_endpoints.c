#include "em_endpoints.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "em_answer.h"
#include "em_control.h"
#include "em_fetch.h"
#include "em_history.h"
#include "em_page.h"
#include "em_submit.h"
#include "em_upload.h"

/* SG_ and 16 hex digits, or the one key that was asked for. */
static bool is_valid_key(const struct em_service *service, const char *key) {
  if (service->options->key)
    return !strcmp(key, service->options->key);
  size_t digits = 0;
  if (strncmp(key, "SG_", 3) != 0)
    return false;
  while (isxdigit((unsigned char)key[3 + digits]))
    digits++;
  return digits == 16 && key[3 + digits] == '\0';
}

static bool has_key(const struct em_service *service,
                    const struct em_request *request, struct em_reply *reply) {
  const char *key = em_request_header(request, "x-api-key");
  if (key && is_valid_key(service, key))
    return true;
  if (!key && !em_request_header(request, "Authorization"))
    em_reply_error(reply, 401, "Missing Authorization or x-api-key in header");
  else
    em_reply_error(reply, 401,
                   "Unauthorized. API key is invalid or may have expired...");
  return false;
}

/* The control port asks for no key, so it refuses what a page of a browser may
 * send: with a foreign Origin, or to a name that was made to lead here. */
static bool is_foreign(const struct em_request *request) {
  const char *host = em_request_header(request, "Host");
  const char *origin = em_request_header(request, "Origin");
  char url[EM_BASE_SIZE];
  struct em_url parts;
  if (origin && strcmp(origin, request->base) != 0)
    return true;
  snprintf(url, sizeof url, "http://%.256s/", host ? host : "localhost");
  return em_url_read(url, &parts) || !em_url_is_loopback(&parts);
}

void em_endpoints_answer(struct em_service *service, struct em_request *request,
                         struct em_reply *reply) {
  static em_endpoint_fn *const endpoints[EM_ENDPOINT_COUNT] = {
      [EM_AT_STATUS] = em_answer_status,
      [EM_AT_RESULT] = em_answer_result,
      [EM_AT_SUBMIT] = em_submit_v2,
      [EM_AT_V1] = em_submit_v1,
      [EM_AT_CREDITS] = em_answer_credits,
      [EM_AT_UPLOAD] = em_upload,
      [EM_AT_HISTORY] = em_history_list,
      [EM_AT_HISTORY_ENTRY] = em_history_entry,
      [EM_AT_MODELS] = em_answer_models,
      [EM_AT_MEDIA] = em_answer_media,
      [EM_AT_LEDGER] = em_control_ledger,
      [EM_AT_STATS] = em_control_stats,
      [EM_AT_FAULTS] = em_control_faults,
      [EM_AT_WIRE] = em_control_wire,
      [EM_AT_WIRE_LOG] = em_control_wire_log,
      [EM_AT_FOREIGN] = em_control_foreign,
      [EM_AT_RESET] = em_control_reset,
      [EM_AT_PAGE] = em_page,
      [EM_AT_SHUTDOWN] = em_control_shutdown,
  };
  const struct em_route *route = &request->route;
  if (route->endpoint == EM_AT_NOWHERE)
    em_reply_error(reply, 404, "Not Found");
  else if (em_endpoint_is_control(route->endpoint) && is_foreign(request))
    em_reply_error(reply, 403, "The control port is for this host's programs");
  else if (!em_route_allows(route, request->method))
    em_reply_not_allowed(reply, route->methods);
  else if (request->too_large)
    em_reply_error(reply, 413, "Request body is too large");
  else if (!route->keyed || has_key(service, request, reply))
    endpoints[route->endpoint](service, request, reply);
}
