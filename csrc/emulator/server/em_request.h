/* A request as the endpoints see it. */
#ifndef EM_REQUEST_H
#define EM_REQUEST_H

#include <jansson.h>
#include <microhttpd.h>

#include "em_endpoints.h"
#include "em_job.h"
#include "em_reply.h"

enum { EM_BASE_SIZE = 280 };

struct em_service;

struct em_request {
  struct em_service *service;
  struct MHD_Connection *connection;
  const char *method;
  const char *path;
  struct em_route route;
  char base[EM_BASE_SIZE]; /* the origin as the client named it */
  struct em_text body;     /* empty when there was none */
  bool too_large;
  struct em_job *job; /* the one it submitted: a reference, or NULL */
  bool waits;         /* v1: answered when that job ends */
  bool reports_end;   /* the answer made says that its job has ended */
};

/* Appends to the body. Errors: the request becomes too_large. */
void em_request_append(struct em_request *request, const char *data,
                       size_t size);
void em_request_destroy(struct em_request *request);

/* Without the header or the argument: NULL. */
const char *em_request_header(const struct em_request *request,
                              const char *name);
const char *em_request_argument(const struct em_request *request,
                                const char *name);

/* Is the Content-Type this one, parameters aside? */
bool em_request_has_type(const struct em_request *request, const char *type);

/* Ownership: the caller's. Errors: NULL when the body is not JSON, and the
 * reply, which may be NULL, says so. */
json_t *em_request_json(const struct em_request *request,
                        struct em_reply *reply);

#endif
