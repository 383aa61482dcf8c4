#include "em_route.h"

#include <string.h>

/* "{}" stands for one segment, the argument; a final "*" for all the rest. */
static const struct {
  const char *pattern;
  enum em_endpoint endpoint;
  const char *methods;
  bool keyed;
} table[] = {
    {"/v2/requests/{}/status", EM_AT_STATUS, "GET", true},
    {"/v2/requests/{}", EM_AT_RESULT, "GET", true},
    {"/v1/requests/{}", EM_AT_RESULT, "GET", true},
    {"/v2/{}", EM_AT_SUBMIT, "POST", true},
    {"/v1/get-user-credits", EM_AT_CREDITS, "GET", true},
    {"/v1/{}", EM_AT_V1, "POST", true},
    {"/generations/*", EM_AT_MEDIA, "GET", false},
    {"/assets/*", EM_AT_MEDIA, "GET", false},
    {"/upload-asset", EM_AT_UPLOAD, "POST", true},
    {"/inference-request/request-history", EM_AT_HISTORY, "GET", true},
    {"/inference-request/request-history/{}", EM_AT_HISTORY_ENTRY, "GET", true},
    {"/models", EM_AT_MODELS, "GET", true},
    {"/inference-model-information/list", EM_AT_MODELS, "GET", true},
    {"/", EM_AT_PAGE, "GET", false},
    {"/_emulator/ledger", EM_AT_LEDGER, "GET", false},
    {"/_emulator/stats", EM_AT_STATS, "GET", false},
    {"/_emulator/faults", EM_AT_FAULTS, "GET, POST, DELETE", false},
    {"/_emulator/wire", EM_AT_WIRE, "GET, POST, DELETE", false},
    {"/_emulator/wire/log", EM_AT_WIRE_LOG, "GET", false},
    {"/_emulator/foreign", EM_AT_FOREIGN, "GET, POST, DELETE", false},
    {"/_emulator/reset", EM_AT_RESET, "POST", false},
    {"/_emulator/shutdown", EM_AT_SHUTDOWN, "POST", false},
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
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    route->argument[0] = '\0';
    if (matches(route, table[i].pattern, path)) {
      route->endpoint = table[i].endpoint;
      route->methods = table[i].methods;
      route->keyed = table[i].keyed;
      return;
    }
  }
  *route = (struct em_route){.endpoint = EM_AT_NOWHERE, .methods = ""};
}

bool em_route_allows(const struct em_route *route, const char *method) {
  if (!strcmp(method, "HEAD"))
    method = "GET";
  const char *found = strstr(route->methods, method);
  return found && (found == route->methods || found[-1] == ' ') &&
         strchr(",", found[strlen(method)]);
}

const char *em_endpoint_name(enum em_endpoint endpoint) {
  static const char *const names[EM_ENDPOINT_COUNT] = {
      "status",  "result",  "submit",        "v1",       "credits",
      "upload",  "history", "history_entry", "models",   "media",
      "ledger",  "stats",   "faults",        "wire",     "wire_log",
      "foreign", "reset",   "page",          "shutdown", "nowhere"};
  return names[endpoint];
}

bool em_endpoint_is_known(const char *name) {
  for (int i = 0; i < EM_ENDPOINT_COUNT; i++)
    if (!em_endpoint_is_control((enum em_endpoint)i) &&
        !strcmp(name, em_endpoint_name((enum em_endpoint)i)))
      return true;
  return false;
}

bool em_endpoint_is_control(enum em_endpoint endpoint) {
  return endpoint >= EM_AT_LEDGER && endpoint <= EM_AT_SHUTDOWN;
}
