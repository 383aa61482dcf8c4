#include "em_upload.h"

#include <stdlib.h>
#include <string.h>

#include "em_base64.h"

/* Errors: false, and the reply says why. */
static bool add_asset(struct em_service *service,
                      const struct em_request *request, const json_t *uri,
                      struct em_text *urls, struct em_reply *reply) {
  char path[EM_PATH_SIZE];
  struct em_error error;
  size_t size;
  unsigned char *bytes = json_is_string(uri)
                             ? em_data_uri_decode(json_string_value(uri), &size)
                             : NULL;
  if (!bytes) {
    em_reply_error(reply, 400, "data_urls must hold base64 data URIs");
    return false;
  }
  int failed = em_service_keep_asset(service, bytes, size, path, &error);
  free(bytes);
  if (failed) {
    em_reply_error(reply, 400, "Invalid file: %s", error.text);
    return false;
  }
  em_text_addf(urls, "%s\"%s%s\"", urls->size ? "," : "", request->base, path);
  return true;
}

static void upload(struct em_service *service, const struct em_request *request,
                   const json_t *body, struct em_reply *reply) {
  const json_t *list = json_object_get(body, "data_urls");
  struct em_text urls = {0}, text = {0};
  size_t i = 0, count = json_array_size(list);
  while (i < count &&
         add_asset(service, request, json_array_get(list, i), &urls, reply))
    i++;
  if (!count) {
    em_reply_error(reply, 400, "data_urls is required");
  } else if (i == count) {
    em_text_addf(&text,
                 "{\"file_urls\":[%s],\"message\":"
                 "\"Files uploaded successfully\"}",
                 urls.data ? urls.data : "");
    em_reply_json(reply, 200, &text);
  }
  em_text_free(&urls);
}

void em_upload(struct em_service *service, struct em_request *request,
               struct em_reply *reply) {
  if (!em_request_has_type(request, "application/json")) {
    em_reply_error(reply, 406, "Invalid content type");
    return;
  }
  json_error_t error;
  json_t *body = json_loadb(request->body.data ? request->body.data : "",
                            request->body.size, 0, &error);
  if (body)
    upload(service, request, body, reply);
  else
    em_reply_error(reply, 400, "Invalid JSON: %s", error.text);
  json_decref(body);
}
