/* Which endpoint a path means. All hosts of the service are served by one
 * origin here, as their paths do not overlap. */
#ifndef EM_ROUTE_H
#define EM_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

enum em_endpoint {
  EM_AT_STATUS,
  EM_AT_RESULT,
  EM_AT_SUBMIT, /* v2 */
  EM_AT_V1,
  EM_AT_CREDITS,
  EM_AT_UPLOAD,
  EM_AT_HISTORY,
  EM_AT_HISTORY_ENTRY,
  EM_AT_MODELS,
  EM_AT_MEDIA,
  EM_AT_LEDGER,
  EM_AT_STATS,
  EM_AT_FAULTS,
  EM_AT_WIRE,
  EM_AT_WIRE_LOG,
  EM_AT_FOREIGN,
  EM_AT_RESET,
  EM_AT_PAGE,
  EM_AT_SHUTDOWN,
  EM_AT_NOWHERE,
  EM_ENDPOINT_COUNT
};

struct em_route {
  enum em_endpoint endpoint;
  const char *methods; /* allowed, as the Allow header lists them */
  bool keyed;          /* needs x-api-key */
  char argument[192];  /* the model or the id in the path, or "" */
};

/* Never fails: what fits nothing is EM_AT_NOWHERE. */
void em_route_find(struct em_route *route, const char *path);
bool em_route_allows(const struct em_route *route, const char *method);

/* "submit", "status", ...: as rules and statistics name it. */
const char *em_endpoint_name(enum em_endpoint endpoint);

/* Is it the name of one of the service's endpoints? */
bool em_endpoint_is_known(const char *name);

/* The emulator's own control port: never counted, never faulty. */
bool em_endpoint_is_control(enum em_endpoint endpoint);

#endif
