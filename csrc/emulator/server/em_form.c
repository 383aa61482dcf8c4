#include "em_form.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct part {
  char name[128];
  bool is_file;
  struct em_text value;
};

struct form {
  struct em_service *service;
  const struct em_request *request;
  const struct em_model *model;
  json_t *body;
  struct part part; /* the one being received */
  struct em_error *error;
  bool failed;
};

/* Text that is not what the parameter wants stays text, and is refused later
 * like any wrong type. Booleans come as Python spells them, too: False. */
static json_t *typed(const struct em_param *param, const char *text) {
  if (param && param->type == EM_BOOLEAN && !strcasecmp(text, "true"))
    return json_true();
  if (param && param->type == EM_BOOLEAN && !strcasecmp(text, "false"))
    return json_false();
  if (param && (param->type == EM_INTEGER || param->type == EM_NUMBER)) {
    json_t *number = json_loads(text, JSON_DECODE_ANY, NULL);
    if (json_is_number(number))
      return number;
    json_decref(number);
  }
  return json_string(text);
}

/* A file of a parameter that is not declared (a mask) may hold anything. */
static json_t *keep_file(struct form *form, const struct em_param *param) {
  const struct em_text *bytes = &form->part.value;
  char path[EM_PATH_SIZE];
  struct em_error reason;
  if (em_service_keep_asset(form->service, bytes->data, bytes->size, path,
                            &reason)) {
    if (!param)
      return json_null();
    em_fail(form->error, "Invalid file for %s: %s", form->part.name,
            reason.text);
    return NULL;
  }
  return json_sprintf("%s%s", form->request->base, path);
}

/* A list comes as several parts of one name. */
static int append(struct form *form, json_t *value) {
  json_t *list = json_object_get(form->body, form->part.name);
  if (!list) {
    list = json_array();
    if (json_object_set_new(form->body, form->part.name, list)) {
      json_decref(value);
      return -1;
    }
  }
  return json_array_append_new(list, value);
}

static void finish_part(struct form *form) {
  struct part *part = &form->part;
  if (!*part->name || form->failed)
    return;
  const char *text = part->value.data ? part->value.data : "";
  const struct em_param *param = em_model_param(form->model, part->name);
  json_t *value = part->is_file ? keep_file(form, param) : typed(param, text);
  bool is_list = param && param->type == EM_IMAGES;
  form->failed = is_list ? append(form, value)
                         : json_object_set_new(form->body, part->name, value);
  em_text_free(&part->value);
  *part->name = '\0';
}

static enum MHD_Result receive(void *arg, enum MHD_ValueKind kind,
                               const char *key, const char *file_name,
                               const char *type, const char *encoding,
                               const char *data, uint64_t offset, size_t size) {
  struct form *form = arg;
  (void)kind, (void)type, (void)encoding;
  if (offset == 0) {
    finish_part(form);
    snprintf(form->part.name, sizeof form->part.name, "%s", key ? key : "");
    form->part.is_file = file_name != NULL;
  }
  em_text_add_bytes(&form->part.value, data, size);
  return form->failed ? MHD_NO : MHD_YES;
}

static void read_parts(struct form *form) {
  struct MHD_PostProcessor *parts = MHD_create_post_processor(
      form->request->connection, 64 * 1024, receive, form);
  bool read = parts && MHD_post_process(parts, form->request->body.data,
                                        form->request->body.size) == MHD_YES;
  bool whole = parts && MHD_destroy_post_processor(parts) == MHD_YES;
  finish_part(form);
  if (!read || !whole)
    form->failed = true;
}

json_t *em_form_read(struct em_service *service,
                     const struct em_request *request,
                     const struct em_model *model, struct em_error *error) {
  struct form form = {.service = service,
                      .request = request,
                      .model = model,
                      .body = json_object(),
                      .error = error};
  em_fail(error, "Invalid multipart body");
  if (request->body.size)
    read_parts(&form);
  em_text_free(&form.part.value);
  if (form.failed) {
    json_decref(form.body);
    return NULL;
  }
  return form.body;
}
