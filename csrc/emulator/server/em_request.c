#include "em_request.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "em_clock.h"
#include "em_service.h"

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

json_t *em_request_json(struct em_request *request) {
  json_error_t error;
  json_t *body = json_loadb(request->body.data ? request->body.data : "",
                            request->body.size, 0, &error);
  if (!body)
    em_reply_error(request, 400, "Invalid JSON: %s", error.text);
  return body;
}

static void forget_body(struct em_reply *reply) {
  free(reply->body.data);
  free(reply->content_type);
  reply->body = (struct em_bytes){0};
  reply->content_type = NULL;
  reply->has_picture = false;
}

void em_request_destroy(struct em_request *request) {
  struct em_reply *reply = &request->reply;
  em_text_free(&request->body);
  em_job_drop(request->job);
  forget_body(reply);
  for (int i = 0; i < reply->header_count; i++) {
    free(reply->headers[i].name);
    free(reply->headers[i].value);
  }
}

void em_reply_bytes(struct em_request *request, int status,
                    const char *content_type, struct em_bytes bytes) {
  struct em_reply *reply = &request->reply;
  forget_body(reply);
  reply->content_type = strdup(content_type);
  reply->body = bytes;
  reply->status = bytes.data ? status : 500;
}

void em_reply_text(struct em_request *request, int status,
                   const char *content_type, struct em_text *text) {
  em_reply_bytes(request, status, content_type, em_text_take(text));
}

void em_reply_json(struct em_request *request, int status,
                   struct em_text *text) {
  em_reply_text(request, status, "application/json", text);
}

void em_reply_tree(struct em_request *request, int status, json_t *tree) {
  char *text = json_dumps(tree, JSON_COMPACT | JSON_REAL_PRECISION(15));
  struct em_bytes bytes = {(unsigned char *)text, text ? strlen(text) : 0};
  em_reply_bytes(request, status, "application/json", bytes);
  json_decref(tree);
}

void em_reply_picture(struct em_request *request,
                      const struct em_picture_ref *picture) {
  struct em_reply *reply = &request->reply;
  forget_body(reply);
  reply->status = 200;
  reply->content_type = strdup(picture->media_type);
  reply->picture = *picture;
  reply->has_picture = true;
}

void em_reply_error(struct em_request *request, int status, const char *format,
                    ...) {
  char message[512];
  struct em_text text = {0};
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  em_text_add(&text, "{\"error\":");
  em_text_add_json(&text, message);
  em_text_add(&text, "}");
  em_reply_json(request, status, &text);
}

void em_reply_not_allowed(struct em_request *request, const char *allowed) {
  static const char page[] =
      "<html>\r\n<head><title>405 Not Allowed</title></head>\r\n<body>\r\n"
      "<center><h1>405 Not Allowed</h1></center>\r\n</body>\r\n</html>\r\n";
  struct em_bytes bytes = {(unsigned char *)strdup(page), sizeof page - 1};
  em_reply_bytes(request, 405, "text/html", bytes);
  if (allowed)
    em_reply_header(request, "Allow", "%s", allowed);
}

static struct em_header *find_header(const struct em_reply *reply,
                                     const char *name) {
  for (int i = 0; i < reply->header_count; i++)
    if (!strcasecmp(reply->headers[i].name, name))
      return (struct em_header *)(uintptr_t)&reply->headers[i];
  return NULL;
}

bool em_reply_has_header(const struct em_request *request, const char *name) {
  return find_header(&request->reply, name) != NULL;
}

void em_reply_header(struct em_request *request, const char *name,
                     const char *format, ...) {
  struct em_reply *reply = &request->reply;
  struct em_header *header = find_header(reply, name);
  va_list args;
  if (!header && reply->header_count < EM_HEADER_MAX) {
    header = &reply->headers[reply->header_count++];
    *header = (struct em_header){strdup(name), NULL};
  }
  if (!header)
    return;
  free(header->value);
  va_start(args, format);
  if (vasprintf(&header->value, format, args) < 0)
    header->value = NULL;
  va_end(args);
}

void em_reply_reset(struct em_request *request, int64_t wait_us) {
  const struct em_options *options = request->service->options;
  char at[EM_DATE_SIZE];
  em_date_write(
      options->reset_form,
      em_clock_wall_ms(options->clock_ahead_s) + (wait_us + 999) / 1000, 0, at);
  em_reply_header(request, "x-rate-limit-reset-at-utc", "%s", at);
}
