#include "sm_reply.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "sm_reason.h"

static const char *const state_names[] = {
    "", "ACCEPTED", "QUEUED", "PROCESSING", "COMPLETED", "FAILED",
};

const char *sm_state_name(enum sm_state state) { return state_names[state]; }

static enum sm_state state_of(const char *text) {
  for (enum sm_state s = SM_STATE_QUEUED; text && s <= SM_STATE_FAILED; s++)
    if (strcmp(text, state_names[s]) == 0)
      return s;
  return SM_STATE_NONE;
}

static const char *text_of(const json_t *object, const char *name) {
  return json_string_value(json_object_get(object, name));
}

static void copy_text(char *out, size_t out_size, const char *text) {
  snprintf(out, out_size, "%s", text ? text : "");
}

static json_t *parse_object(const char *text, size_t size, struct sm_error *e) {
  json_error_t trouble;
  json_t *root = json_loadb(text ? text : "", size, JSON_ALLOW_NUL, &trouble);
  if (json_is_object(root))
    return root;
  if (root)
    sm_fail(e, SM_PROTOCOL, "the answer is JSON but no object");
  else if (json_error_code(&trouble) == json_error_out_of_memory)
    sm_fail_memory(e);
  else
    sm_fail(e, SM_PROTOCOL, "the answer is no JSON (%s)", trouble.text);
  json_decref(root);
  return NULL;
}

/* An address is a string, or stands in an object under "url". */
static const char *address_of(const json_t *value) {
  return json_is_object(value) ? text_of(value, "url")
                               : json_string_value(value);
}

static bool has_address(const json_t *value) {
  if (json_is_array(value))
    value = json_array_get(value, 0);
  const char *address = address_of(value);
  return address && *address;
}

static size_t skip_space(const char *text, size_t size, size_t at) {
  while (at < size && text[at] != '\0' && strchr(" \t\r\n", text[at]))
    at++;
  return at;
}

/* The id out of an answer that there is no memory to parse: money was spent on
 * it. */
static void scan_id(char id[SM_ID_MAX + 1], const char *text, size_t size) {
  static const char name[] = "\"request_id\"";
  const char *found = memmem(text, size, name, sizeof name - 1);
  size_t at = found ? (size_t)(found - text) + sizeof name - 1 : size, end;
  at = skip_space(text, size, at);
  if (at < size && text[at] == ':')
    at = skip_space(text, size, at + 1);
  if (at >= size || text[at++] != '"')
    return;
  for (end = at; end < size && text[end] != '"' && end - at < SM_ID_MAX; end++)
    id[end - at] = text[end];
  id[end - at] = '\0';
  if (end >= size || text[end] != '"' || !sm_url_is_id(id))
    id[0] = '\0';
}

bool sm_reply_quotes(const char *text, size_t size, const char *id) {
  char quoted[SM_ID_MAX + 3];
  int length = snprintf(quoted, sizeof quoted, "\"%s\"", id);
  return length > 2 && (size_t)length < sizeof quoted &&
         memmem(text, size, quoted, (size_t)length) != NULL;
}

static void read_id(struct sm_reply *reply, const json_t *root,
                    const char *text, size_t size) {
  const json_t *value = json_object_get(root, "request_id");
  const char *id = json_string_value(value);
  if (!value || json_is_null(value))
    return;
  if (id && sm_url_is_id(id) && sm_reply_quotes(text, size, id))
    copy_text(reply->request_id, sizeof reply->request_id, id);
  else if (id)
    scan_id(reply->request_id, text, size);
  reply->has_bad_id = !reply->request_id[0];
}

enum sm_code sm_reply_read(struct sm_reply *reply, const char *text,
                           size_t size, struct sm_error *e) {
  memset(reply, 0, sizeof *reply);
  struct sm_error trouble;
  json_t *root = parse_object(text, size, &trouble);
  if (!root && trouble.code == SM_IO)
    scan_id(reply->request_id, text, size);
  if (!root)
    return sm_fail(e, trouble.code, "%s", trouble.message);
  const json_t *metrics = json_object_get(root, "metrics");
  const json_t *inference = json_object_get(metrics, "inference_time");
  reply->state = state_of(text_of(root, "status"));
  reply->inference_s = json_number_value(inference);
  reply->has_output = has_address(json_object_get(root, "output")) ||
                      has_address(json_object_get(root, "images"));
  copy_text(reply->status_url, sizeof reply->status_url,
            text_of(root, "status_url"));
  read_id(reply, root, text, size);
  sm_reason_read(reply->error, sizeof reply->error, root);
  json_decref(root);
  return SM_OK;
}

enum sm_code sm_reply_read_upload(struct sm_buf *url, const char *text,
                                  size_t size, struct sm_error *e) {
  struct sm_error trouble;
  json_t *root = parse_object(text, size, &trouble);
  if (!root)
    return sm_fail(e, trouble.code, "%s", trouble.message);
  const json_t *urls = json_object_get(root, "file_urls");
  if (!urls)
    urls = json_object_get(root, "urls");
  const char *address = address_of(json_array_get(urls, 0));
  char words[200];
  sm_reason_read(words, sizeof words, root);
  enum sm_code code =
      address && *address
          ? sm_buf_add_text(url, address, e)
          : sm_fail(e, SM_PROTOCOL,
                    "the upload was answered without file_urls%s%s",
                    words[0] ? ": " : "", words);
  json_decref(root);
  return code;
}
