#include "em_order.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The statuses of v1, as the service's documents have them: 400 for what is
 * missing, 406 for a value outside a declared set; every other bad value
 * reaches the model, which fails on it. */
enum { MISSING = 400, BLOCKED = 400, OUTSIDE = 406, BAD = 500 };

/* "input_image" as the service says it: "Input image". */
static const char *spoken(const char *name, char out[64]) {
  snprintf(out, 64, "%s", name);
  out[0] = (char)toupper((unsigned char)out[0]);
  for (char *c = out; *c; c++)
    if (*c == '_')
      *c = ' ';
  return out;
}

static bool is_list_of_strings(const json_t *value) {
  size_t i;
  const json_t *item;
  json_array_foreach(value, i, item) {
    if (!json_is_string(item))
      return false;
  }
  return json_is_array(value) && json_array_size(value);
}

static bool has_type(const json_t *value, enum em_type type) {
  switch (type) {
  case EM_INTEGER:
    return json_is_integer(value);
  case EM_NUMBER:
    return json_is_number(value);
  case EM_BOOLEAN:
    return json_is_boolean(value);
  case EM_IMAGES:
    return is_list_of_strings(value);
  case EM_STRING:
  case EM_IMAGE:
    break;
  }
  return json_is_string(value);
}

static int check_type(const struct em_param *param, const json_t *value,
                      struct em_refusal *refusal) {
  static const char *const wanted[] = {"a string", "an integer",
                                       "a number", "a boolean",
                                       "a URL",    "a list of URLs"};
  if (has_type(value, param->type))
    return 0;
  return em_fail(&refusal->error, "Invalid value for %s: %s is expected",
                 param->name, wanted[param->type]);
}

static int check_range(const struct em_param *param, const json_t *value,
                       struct em_refusal *refusal) {
  double number = json_number_value(value);
  if (param->min && number < json_number_value(param->min))
    return em_fail(&refusal->error, "Invalid value for %s: %g is less than %g",
                   param->name, number, json_number_value(param->min));
  if (param->max && number > json_number_value(param->max))
    return em_fail(&refusal->error,
                   "Invalid value for %s: %g is greater than %g", param->name,
                   number, json_number_value(param->max));
  return 0;
}

static int check_choice(const struct em_param *param, const json_t *value,
                        struct em_refusal *refusal) {
  size_t i;
  const json_t *choice;
  if (!param->one_of)
    return 0;
  json_array_foreach(param->one_of, i, choice) {
    if (json_equal(choice, value))
      return 0;
  }
  refusal->v1_status = OUTSIDE;
  return em_fail(&refusal->error,
                 "Invalid value for %s: '%.60s' is not one of the "
                 "allowed values",
                 param->name,
                 json_is_string(value) ? json_string_value(value) : "it");
}

static int check_url(const struct em_param *param, const json_t *value,
                     bool data_uris, struct em_refusal *refusal) {
  const char *url = json_string_value(value);
  if (!strncasecmp(url, "http://", 7) || !strncasecmp(url, "https://", 8))
    return 0;
  if (!strncasecmp(url, "data:", 5)) {
    if (data_uris)
      return 0;
    return em_fail(&refusal->error,
                   "Invalid value for %s: data URIs are not accepted, a public "
                   "URL is expected",
                   param->name);
  }
  return em_fail(&refusal->error, "Invalid value for %s: '%.60s' is not a URL",
                 param->name, url);
}

static int check_urls(const struct em_param *param, const json_t *value,
                      bool data_uris, struct em_refusal *refusal) {
  size_t i;
  const json_t *item;
  json_array_foreach(value, i, item) {
    if (check_url(param, item, data_uris, refusal))
      return -1;
  }
  if (json_array_size(value) > EM_INPUT_MAX)
    return em_fail(&refusal->error,
                   "Invalid value for %s: more than %d pictures", param->name,
                   EM_INPUT_MAX);
  return 0;
}

static int check_value(const struct em_param *param, const json_t *value,
                       bool data_uris, struct em_refusal *refusal) {
  if (check_type(param, value, refusal))
    return -1;
  if (json_is_number(value) && check_range(param, value, refusal))
    return -1;
  if (check_choice(param, value, refusal))
    return -1;
  if (param->type == EM_IMAGE)
    return check_url(param, value, data_uris, refusal);
  if (param->type == EM_IMAGES)
    return check_urls(param, value, data_uris, refusal);
  return 0;
}

/* A parameter that is absent, null or an empty string was not given. */
static bool is_given(const json_t *value) {
  return value && !json_is_null(value) &&
         !(json_is_string(value) && json_string_length(value) == 0);
}

static int check_declared(const struct em_model *model, const json_t *body,
                          struct em_refusal *refusal) {
  const char *name;
  const json_t *value;
  json_object_foreach((json_t *)(uintptr_t)body, name, value) {
    if (!em_model_param(model, name))
      return em_fail(&refusal->error, "Unexpected parameter '%.60s' for %s",
                     name, model->name);
  }
  return 0;
}

static int check_body(const struct em_model *model, const json_t *body,
                      const struct em_order_rules *rules,
                      struct em_refusal *refusal) {
  for (size_t i = 0; i < model->param_count; i++) {
    const struct em_param *param = &model->params[i];
    const json_t *value = json_object_get(body, param->name);
    char name[64];
    if (is_given(value)) {
      if (check_value(param, value, rules->data_uris, refusal))
        return -1;
    } else if (param->required) {
      refusal->v1_status = MISSING;
      return em_fail(&refusal->error, "%s is required",
                     spoken(param->name, name));
    }
  }
  return rules->strict ? check_declared(model, body, refusal) : 0;
}

/* The value as given, or the declared default, or NULL; what is not declared
 * has no effect. */
static const json_t *value_of(const struct em_model *model, const json_t *body,
                              const char *name) {
  const json_t *value = json_object_get(body, name);
  const struct em_param *param = em_model_param(model, name);
  if (param && is_given(value))
    return value;
  return param && is_given(param->fallback) ? param->fallback : NULL;
}

/* The content check is a stage prop: it reacts to one marker word. */
static int check_content(const struct em_model *model, const json_t *body,
                         struct em_refusal *refusal) {
  const char *prompt = json_string_value(value_of(model, body, "prompt"));
  const json_t *tolerance = value_of(model, body, "safety_tolerance");
  bool off = json_is_true(value_of(model, body, "disable_safety_checker")) ||
             json_integer_value(tolerance) >= 6;
  if (off || !prompt || !strcasestr(prompt, "nsfw"))
    return 0;
  refusal->v1_status = BLOCKED;
  return em_fail(&refusal->error,
                 "NSFW content detected. The request was blocked by "
                 "the content safety check");
}

static void take_input(struct em_order *order, const json_t *url) {
  if (order->input_count < EM_INPUT_MAX)
    order->inputs[order->input_count++] = json_string_value(url);
}

static void take_inputs(struct em_order *order, const struct em_model *model) {
  for (size_t i = 0; i < model->param_count; i++) {
    enum em_type type = model->params[i].type;
    const json_t *value = json_object_get(order->body, model->params[i].name);
    if (type == EM_IMAGE && is_given(value))
      take_input(order, value);
    for (size_t k = 0; type == EM_IMAGES && k < json_array_size(value); k++)
      take_input(order, json_array_get(value, k));
  }
}

/* The pages of some models name no formats, so any word may come: what is not
 * one of ours is answered as PNG. */
static const char *format_named(const char *name) {
  if (name && (!strcmp(name, "jpg") || !strcmp(name, "jpeg")))
    return "jpg";
  return name && !strcmp(name, "webp") ? "webp" : "png";
}

static void take(struct em_order *order, const struct em_model *model) {
  const json_t *body = order->body;
  const json_t *quality = value_of(model, body, "output_quality");
  const json_t *seed = value_of(model, body, "seed");
  order->aspect_ratio =
      json_string_value(value_of(model, body, "aspect_ratio"));
  order->format =
      format_named(json_string_value(value_of(model, body, "output_format")));
  order->quality = quality ? (int)json_integer_value(quality) : 90;
  order->has_seed = seed != NULL;
  order->seed = json_integer_value(seed);
  order->width = (int)json_integer_value(value_of(model, body, "width"));
  order->height = (int)json_integer_value(value_of(model, body, "height"));
  take_inputs(order, model);
}

struct em_order *em_order_new(const struct em_model *model, json_t *body,
                              const struct em_order_rules *rules,
                              struct em_refusal *refusal) {
  refusal->v1_status = BAD;
  if (check_body(model, body, rules, refusal) ||
      check_content(model, body, refusal))
    return NULL;
  struct em_order *order = calloc(1, sizeof *order);
  if (!order) {
    em_fail(&refusal->error, "out of memory");
    return NULL;
  }
  order->body = json_incref(body);
  take(order, model);
  return order;
}

void em_order_delete(struct em_order *order) {
  if (order)
    json_decref(order->body);
  free(order);
}
