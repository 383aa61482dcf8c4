#include "em_request.h"

#include <string.h>
#include <strings.h>

/* More than the service takes; uploads of 64 MiB as base64 fit. */
static const size_t body_max_bytes = (size_t)128 << 20;

void em_request_append(struct em_request *request, const char *data,
                       size_t size) {
  if (!request->too_large && request->body.size + size < body_max_bytes)
    em_text_add_bytes(&request->body, data, size);
  else
    request->too_large = true;
  request->too_large |= request->body.failed;
}

void em_request_destroy(struct em_request *request) {
  em_text_free(&request->body);
  em_job_drop(request->job);
  request->job = NULL;
}

const char *em_request_header(const struct em_request *request,
                              const char *name) {
  return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
                                     name);
}

const char *em_request_argument(const struct em_request *request,
                                const char *name) {
  return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND,
                                     name);
}

bool em_request_has_type(const struct em_request *request, const char *type) {
  const char *header = em_request_header(request, "Content-Type");
  size_t size = strlen(type);
  return header && !strncasecmp(header, type, size) &&
         strchr("; \t", header[size]);
}

json_t *em_request_json(const struct em_request *request,
                        struct em_reply *reply) {
  json_error_t error;
  json_t *body = json_loadb(request->body.data ? request->body.data : "",
                            request->body.size, 0, &error);
  if (!body && reply)
    em_reply_error(reply, 400, "Invalid JSON: %s", error.text);
  return body;
}
