#include "em_order.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The statuses of v1, as the service's documents have them: 400 for what is
 * missing, 406 for a value outside a declared set; every other bad value
 * reaches the model, which fails on it. */
enum { MISSING = 400, BLOCKED = 400, OUTSIDE = 406, BAD = 500 };

__attribute__((format(printf, 3, 4))) static int
refuse(struct em_refusal *refusal, int v1_status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(refusal->error.text, sizeof refusal->error.text, format, args);
  va_end(args);
  refusal->v1_status = v1_status;
  return -1;
}

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
  return refuse(refusal, BAD, "Invalid value for %s: %s is expected",
                param->name, wanted[param->type]);
}

static int check_range(const struct em_param *param, const json_t *value,
                       struct em_refusal *refusal) {
  double number = json_number_value(value);
  if (param->min && number < json_number_value(param->min))
    return refuse(refusal, BAD, "Invalid value for %s: %g is less than %g",
                  param->name, number, json_number_value(param->min));
  if (param->max && number > json_number_value(param->max))
    return refuse(refusal, BAD, "Invalid value for %s: %g is greater than %g",
                  param->name, number, json_number_value(param->max));
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
  return refuse(refusal, OUTSIDE,
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
    return refuse(refusal, BAD,
                  "Invalid value for %s: data URIs are not accepted, a public "
                  "URL is expected",
                  param->name);
  }
  return refuse(refusal, BAD, "Invalid value for %s: '%.60s' is not a URL",
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
    return refuse(refusal, BAD, "Invalid value for %s: more than %d pictures",
                  param->name, EM_INPUT_MAX);
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
      return refuse(refusal, BAD, "Unexpected parameter '%.60s' for %s", name,
                    model->name);
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
      return refuse(refusal, MISSING, "%s is required",
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
  return refuse(refusal, BLOCKED,
                "NSFW content detected. The request was blocked by "
                "the content safety check");
}

static int take_input(struct em_order *order, const json_t *url) {
  char *copy = strdup(json_string_value(url));
  if (!copy || order->input_count == EM_INPUT_MAX) {
    free(copy);
    return -1;
  }
  order->inputs[order->input_count++] = copy;
  return 0;
}

static int take_list(struct em_order *order, const json_t *urls) {
  for (size_t i = 0; i < json_array_size(urls); i++)
    if (take_input(order, json_array_get(urls, i)))
      return -1;
  return 0;
}

static int take_inputs(struct em_order *order, const struct em_model *model,
                       const json_t *body) {
  for (size_t i = 0; i < model->param_count; i++) {
    const struct em_param *param = &model->params[i];
    const json_t *value = json_object_get(body, param->name);
    if (!is_given(value))
      continue;
    if ((param->type == EM_IMAGE && take_input(order, value)) ||
        (param->type == EM_IMAGES && take_list(order, value)))
      return -1;
  }
  return 0;
}

/* The pages of some models name no formats, so any word may come: what is not
 * one of ours is answered as PNG. */
static const char *format_named(const char *name) {
  if (name && (!strcmp(name, "jpg") || !strcmp(name, "jpeg")))
    return "jpg";
  return name && !strcmp(name, "webp") ? "webp" : "png";
}

static int take(struct em_order *order, const struct em_model *model,
                const json_t *body) {
  const char *prompt = json_string_value(value_of(model, body, "prompt"));
  const char *ratio = json_string_value(value_of(model, body, "aspect_ratio"));
  const char *format =
      json_string_value(value_of(model, body, "output_format"));
  const json_t *quality = value_of(model, body, "output_quality");
  const json_t *seed = value_of(model, body, "seed");
  snprintf(order->format, sizeof order->format, "%s", format_named(format));
  order->quality = quality ? (int)json_integer_value(quality) : 90;
  order->has_seed = seed != NULL;
  order->seed = json_integer_value(seed);
  order->width = (int)json_integer_value(value_of(model, body, "width"));
  order->height = (int)json_integer_value(value_of(model, body, "height"));
  order->prompt = strdup(prompt ? prompt : "");
  order->aspect_ratio = ratio ? strdup(ratio) : NULL;
  if (!order->prompt || (ratio && !order->aspect_ratio))
    return -1;
  return take_inputs(order, model, body);
}

int em_order_create(struct em_order *order, const struct em_model *model,
                    const json_t *body, const struct em_order_rules *rules,
                    struct em_refusal *refusal) {
  *order = (struct em_order){0};
  if (check_body(model, body, rules, refusal) ||
      check_content(model, body, refusal))
    return -1;
  if (take(order, model, body)) {
    em_order_destroy(order);
    return refuse(refusal, BAD, "out of memory");
  }
  return 0;
}

void em_order_destroy(struct em_order *order) {
  free(order->prompt);
  free(order->aspect_ratio);
  for (int i = 0; i < order->input_count; i++)
    free(order->inputs[i]);
  *order = (struct em_order){0};
}
