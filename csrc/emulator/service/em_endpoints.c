#include "em_service.h"

#include <stdio.h>
#include <string.h>

/* "{}" stands for one segment, the argument; a final "*" for all the rest. */
struct em_path {
  const char *pattern;
  enum em_endpoint endpoint;
  const char *name;
  const char *methods; /* allowed, as the Allow header lists them */
  em_endpoint_fn *answer;
};

#define SCRIPTED "GET, POST, DELETE"
static const struct em_path table[] = {
    {"/v2/requests/{}/status", EM_AT_STATUS, "status", "GET", em_answer_job},
    {"/v2/requests/{}", EM_AT_RESULT, "result", "GET", em_answer_job},
    {"/v1/requests/{}", EM_AT_RESULT, "result", "GET", em_answer_job},
    {"/v2/{}", EM_AT_SUBMIT, "submit", "POST", em_submit_v2},
    {"/v1/get-user-credits", EM_AT_CREDITS, "credits", "GET",
     em_answer_credits},
    {"/v1/{}", EM_AT_V1, "v1", "POST", em_submit_v1},
    {"/generations/*", EM_AT_MEDIA, "media", "GET", em_answer_media},
    {"/assets/*", EM_AT_MEDIA, "media", "GET", em_answer_media},
    {"/upload-asset", EM_AT_UPLOAD, "upload", "POST", em_answer_upload},
    {"/inference-request/request-history", EM_AT_HISTORY, "history", "GET",
     em_history_list},
    {"/inference-request/request-history/{}", EM_AT_HISTORY_ENTRY,
     "history_entry", "GET", em_history_entry},
    {"/models", EM_AT_MODELS, "models", "GET", em_answer_models},
    {"/inference-model-information/list", EM_AT_MODELS, "models", "GET",
     em_answer_models},
    {"/", EM_AT_CONTROL, "control", "GET", em_page},
    {"/_emulator/ledger", EM_AT_CONTROL, "control", "GET", em_control_ledger},
    {"/_emulator/stats", EM_AT_CONTROL, "control", "GET", em_control_stats},
    {"/_emulator/faults", EM_AT_CONTROL, "control", SCRIPTED,
     em_control_faults},
    {"/_emulator/wire", EM_AT_CONTROL, "control", SCRIPTED, em_control_wire},
    {"/_emulator/wire/log", EM_AT_CONTROL, "control", "GET",
     em_control_wire_log},
    {"/_emulator/foreign", EM_AT_CONTROL, "control", SCRIPTED,
     em_control_foreign},
    {"/_emulator/reset", EM_AT_CONTROL, "control", "POST", em_control_reset},
    {"/_emulator/shutdown", EM_AT_CONTROL, "control", "POST",
     em_control_shutdown},
    {"*", EM_AT_NOWHERE, "nowhere", "", NULL},
};

/* Matches one segment into the argument; returns what follows, or NULL. */
static const char *take_segment(struct em_route *route, const char *path) {
  size_t size = strcspn(path, "/");
  if (!size || size >= sizeof route->argument)
    return NULL;
  memcpy(route->argument, path, size);
  route->argument[size] = '\0';
  return path + size;
}

static bool matches(struct em_route *route, const char *pattern,
                    const char *path) {
  while (*pattern) {
    if (*pattern == '*')
      return true;
    if (*pattern == '{') {
      path = take_segment(route, path);
      if (!path)
        return false;
      pattern += 2;
    } else if (*pattern++ != *path++) {
      return false;
    }
  }
  return *path == '\0';
}

void em_route_find(struct em_route *route, const char *path) {
  const struct em_path *found = table;
  route->argument[0] = '\0';
  for (; !matches(route, found->pattern, path); found++)
    route->argument[0] = '\0';
  route->path = found;
  route->endpoint = found->endpoint;
}

const char *em_endpoint_name(enum em_endpoint endpoint) {
  const struct em_path *path = table;
  while (path->endpoint != endpoint)
    path++;
  return path->name;
}

bool em_endpoint_is_known(const char *name) {
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (table[i].endpoint != EM_AT_CONTROL && !strcmp(name, table[i].name))
      return true;
  return false;
}

static bool allows(const struct em_path *path, const char *method) {
  if (!strcmp(method, "HEAD"))
    method = "GET";
  const char *found = strstr(path->methods, method);
  return found && (found == path->methods || found[-1] == ' ') &&
         strchr(",", found[strlen(method)]);
}

/* SG_ and 16 hex digits, or the one key that was asked for. */
static bool is_valid_key(const struct em_service *service, const char *key) {
  if (service->options->key)
    return !strcmp(key, service->options->key);
  return !strncmp(key, "SG_", 3) && strlen(key) == 19 &&
         strspn(key + 3, "0123456789abcdefABCDEF") == 16;
}

static bool is_keyed(enum em_endpoint endpoint) {
  return endpoint != EM_AT_MEDIA && endpoint != EM_AT_CONTROL;
}

static bool has_key(struct em_request *request) {
  const char *key = em_request_header(request, "x-api-key");
  if (key && is_valid_key(request->service, key))
    return true;
  if (!key && !em_request_header(request, "Authorization"))
    em_reply_error(request, 401,
                   "Missing Authorization or x-api-key in header");
  else
    em_reply_error(request, 401,
                   "Unauthorized. API key is invalid or may have expired...");
  return false;
}

/* The control port asks for no key, so it refuses what a page of a browser may
 * send: with a foreign Origin, or to a name that was made to lead here. */
static bool is_foreign(const struct em_request *request) {
  const char *host = em_request_header(request, "Host");
  const char *origin = em_request_header(request, "Origin");
  char url[EM_BASE_SIZE];
  if (origin && strcmp(origin, request->base) != 0)
    return true;
  snprintf(url, sizeof url, "http://%.256s/", host ? host : "localhost");
  return !em_source_is_loopback(url);
}

void em_endpoints_answer(struct em_request *request) {
  const struct em_path *path = request->route.path;
  if (path->endpoint == EM_AT_NOWHERE)
    em_reply_error(request, 404, "Not Found");
  else if (path->endpoint == EM_AT_CONTROL && is_foreign(request))
    em_reply_error(request, 403,
                   "The control port is for this host's programs");
  else if (!allows(path, request->method))
    em_reply_not_allowed(request, path->methods);
  else if (request->too_large)
    em_reply_error(request, 413, "Request body is too large");
  else if (!is_keyed(path->endpoint) || has_key(request))
    path->answer(request);
}
