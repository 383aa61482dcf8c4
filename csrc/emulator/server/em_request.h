/* A request as the endpoints see it, and its answer before it is sent: every
 * endpoint fills one, and the one place that sends it (em_server) is also the
 * one place where a fault changes it. */
#ifndef EM_REQUEST_H
#define EM_REQUEST_H

#include <jansson.h>
#include <microhttpd.h>

#include "em_endpoints.h"
#include "em_job.h"
#include "em_options.h"

enum { EM_BASE_SIZE = 280 };

struct em_service;

enum { EM_HEADER_MAX = 24 };

struct em_header {
  char *name, *value;
};

enum em_framing { EM_FRAMED, EM_FRAMED_BY_CHUNKS, EM_FRAMED_BY_CLOSE };

struct em_reply {
  int status;
  char *content_type;
  struct em_bytes body;
  unsigned long repeat; /* the body is sent so many times; 0 is once */
  bool endless;         /* the body is sent until the client goes */
  bool drop;            /* the connection is closed without an answer */
  bool lies;            /* its Content-Length is one of the headers */
  enum em_framing framing;
  bool has_picture; /* the body is this picture */
  struct em_picture_ref picture;
  struct em_header headers[EM_HEADER_MAX];
  int header_count;
};

struct em_request {
  struct em_service *service;
  struct MHD_Connection *connection;
  const char *method;
  const char *path;
  struct em_route route;
  char base[EM_BASE_SIZE]; /* the origin as the client named it */
  struct em_text body;     /* empty when there was none */
  bool too_large;
  struct em_job *job; /* it speaks of or submitted: a reference, or NULL */
  bool waits;         /* v1: answered when that job ends */
  bool reports_end;   /* the answer made says that its job has ended */
  struct em_reply reply;
};

/* All of these replace what the reply said before, but keep its headers.
 * Ownership: takes the bytes, those of the text, the tree; without memory for
 * them it becomes a 500. */
void em_reply_bytes(struct em_request *request, int status,
                    const char *content_type, struct em_bytes bytes);
void em_reply_text(struct em_request *request, int status,
                   const char *content_type, struct em_text *text);
void em_reply_json(struct em_request *request, int status,
                   struct em_text *text);
void em_reply_tree(struct em_request *request, int status, json_t *tree);
void em_reply_picture(struct em_request *request,
                      const struct em_picture_ref *picture);

/* The envelope {"error":"..."}. */
__attribute__((format(printf, 3, 4))) void
em_reply_error(struct em_request *request, int status, const char *format, ...);

/* 405, which the service answers in HTML. */
void em_reply_not_allowed(struct em_request *request, const char *allowed);

/* When the rate limit lets submits through again. */
void em_reply_reset(struct em_request *request, int64_t wait_us);

/* Sets a header; an empty value takes it away. */
__attribute__((format(printf, 3, 4))) void
em_reply_header(struct em_request *request, const char *name,
                const char *format, ...);
bool em_reply_has_header(const struct em_request *request, const char *name);

void em_request_destroy(struct em_request *request);

/* Without the header or the argument: NULL. */
const char *em_request_header(const struct em_request *request,
                              const char *name);
const char *em_request_argument(const struct em_request *request,
                                const char *name);

/* Is the Content-Type this one, parameters aside? */
bool em_request_has_type(const struct em_request *request, const char *type);

/* Ownership: the caller's. Errors: NULL when the body is not JSON, and the
 * reply says so. */
json_t *em_request_json(struct em_request *request);

#endif
