/* Which endpoint a path means, and the way of a request there: what all of them
 * ask for first, a method that is allowed, a key, a caller on this machine. All
 * hosts of the service are served by one origin here, as their paths do not
 * overlap. */
#ifndef EM_ENDPOINTS_H
#define EM_ENDPOINTS_H

#include <stdbool.h>

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
  EM_AT_CONTROL, /* the emulator's own: never counted, never faulty */
  EM_AT_NOWHERE,
  EM_ENDPOINT_COUNT
};

struct em_request;

/* An endpoint answers the request, or sets request->waits. */
typedef void em_endpoint_fn(struct em_request *request);

em_endpoint_fn em_submit_v2, em_submit_v1;
em_endpoint_fn em_answer_job, em_answer_credits;
em_endpoint_fn em_answer_models, em_answer_media, em_answer_upload;
em_endpoint_fn em_history_list, em_history_entry;
em_endpoint_fn em_control_ledger, em_control_stats, em_control_faults;
em_endpoint_fn em_control_wire, em_control_wire_log, em_control_foreign;
em_endpoint_fn em_control_reset, em_control_shutdown, em_page;

/* The answer to a v1 request whose job has ended. */
em_endpoint_fn em_submit_v1_finish;

/* Sends a request to its endpoint. */
em_endpoint_fn em_endpoints_answer;

struct em_route {
  const struct em_path *path;
  enum em_endpoint endpoint;
  char argument[192]; /* the model or the id in the path, or "" */
};

/* Never fails: what fits nothing is EM_AT_NOWHERE. */
void em_route_find(struct em_route *route, const char *path);

/* "submit", "status", ...: as rules and statistics name it. */
const char *em_endpoint_name(enum em_endpoint endpoint);

/* Is it the name of one of the service's endpoints? */
bool em_endpoint_is_known(const char *name);

#endif
