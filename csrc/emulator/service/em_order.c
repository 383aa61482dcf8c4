#include "em_service.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "em_member.h"

/* The statuses of v1, as the service's documents have them: 400 for what is
 * missing, 406 for a value outside a declared set; every other bad value
 * reaches the model, which fails on it. */
enum { MISSING = 400, BLOCKED = 400, OUTSIDE = 406, BAD = 500 };

/* Returns -1. */
__attribute__((format(printf, 3, 4))) static int
refuse(struct em_job *job, int v1_status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  if (vasprintf(&job->error, format, args) < 0)
    job->error = NULL;
  va_end(args);
  job->v1_status = v1_status;
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

static int check_type(struct em_job *job, const struct em_param *param,
                      const json_t *value) {
  static const struct {
    const char *types, *spoken;
  } wanted[] = {[EM_PARAM_STRING] = {"s", "a string"},
                [EM_PARAM_INTEGER] = {"i", "an integer"},
                [EM_PARAM_NUMBER] = {"in", "a number"},
                [EM_PARAM_BOOLEAN] = {"b", "a boolean"},
                [EM_PARAM_IMAGE] = {"s", "a URL"},
                [EM_PARAM_IMAGES] = {"w", "a list of URLs"}};
  if (em_member_is(value, wanted[param->type].types))
    return 0;
  return refuse(job, BAD, "Invalid value for %s: %s is expected", param->name,
                wanted[param->type].spoken);
}

static int check_range(struct em_job *job, const struct em_param *param,
                       const json_t *value) {
  double number = json_number_value(value);
  if (param->min && number < json_number_value(param->min))
    return refuse(job, BAD, "Invalid value for %s: %g is less than %g",
                  param->name, number, json_number_value(param->min));
  if (param->max && number > json_number_value(param->max))
    return refuse(job, BAD, "Invalid value for %s: %g is greater than %g",
                  param->name, number, json_number_value(param->max));
  return 0;
}

static int check_choice(struct em_job *job, const struct em_param *param,
                        const json_t *value) {
  size_t i;
  const json_t *choice;
  json_array_foreach(param->one_of, i, choice) {
    if (json_equal(choice, value))
      return 0;
  }
  return !param->one_of
             ? 0
             : refuse(job, OUTSIDE,
                      "Invalid value for %s: '%.60s' is not one of the "
                      "allowed values",
                      param->name,
                      json_is_string(value) ? json_string_value(value) : "it");
}

/* Public URLs; v1 takes data URIs, too. */
static int check_urls(struct em_job *job, const struct em_param *param,
                      const json_t *value) {
  size_t i;
  const json_t *item;
  json_array_foreach(value, i, item) {
    if (check_urls(job, param, item))
      return -1;
  }
  if (json_array_size(value) > EM_INPUT_MAX)
    return refuse(job, BAD, "Invalid value for %s: more than %d pictures",
                  param->name, EM_INPUT_MAX);
  if (json_is_array(value))
    return 0;
  const char *url = json_string_value(value);
  bool is_data = !strncasecmp(url, "data:", 5);
  if (!strncasecmp(url, "http://", 7) || !strncasecmp(url, "https://", 8) ||
      (is_data && job->api == EM_V1))
    return 0;
  if (is_data)
    return refuse(job, BAD,
                  "Invalid value for %s: data URIs are not accepted, a public "
                  "URL is expected",
                  param->name);
  return refuse(job, BAD, "Invalid value for %s: '%.60s' is not a URL",
                param->name, url);
}

static bool is_image(const struct em_param *param) {
  return param->type == EM_PARAM_IMAGE || param->type == EM_PARAM_IMAGES;
}

static int check_value(struct em_job *job, const struct em_param *param,
                       const json_t *value) {
  if (check_type(job, param, value) ||
      (json_is_number(value) && check_range(job, param, value)) ||
      check_choice(job, param, value))
    return -1;
  return is_image(param) ? check_urls(job, param, value) : 0;
}

/* A parameter that is absent, null or an empty string was not given. */
static bool is_given(const json_t *value) {
  return value && !json_is_null(value) &&
         !(json_is_string(value) && json_string_length(value) == 0);
}

static int check_declared(struct em_job *job, json_t *body) {
  const char *name;
  const json_t *value;
  json_object_foreach(body, name, value) {
    if (!em_model_param(job->model, name))
      return refuse(job, BAD, "Unexpected parameter '%.60s' for %s", name,
                    job->model->name);
  }
  return 0;
}

static int check_body(struct em_job *job, json_t *body) {
  for (size_t i = 0; i < job->model->param_count; i++) {
    const struct em_param *param = &job->model->params[i];
    const json_t *value = json_object_get(body, param->name);
    char name[64];
    if (is_given(value) ? check_value(job, param, value) : param->required)
      return is_given(value) ? -1
                             : refuse(job, MISSING, "%s is required",
                                      spoken(param->name, name));
  }
  return job->service->options->strict ? check_declared(job, body) : 0;
}

/* The value as given, or the declared default, or NULL; what is not declared
 * has no effect. */
static const json_t *value_of(const struct em_job *job, const json_t *body,
                              const char *name) {
  const json_t *value = json_object_get(body, name);
  const struct em_param *param = em_model_param(job->model, name);
  if (param && is_given(value))
    return value;
  return param && is_given(param->fallback) ? param->fallback : NULL;
}

/* The content check is a stage prop: it reacts to one marker word. */
static int check_content(struct em_job *job, const json_t *body) {
  const char *prompt = json_string_value(value_of(job, body, "prompt"));
  const json_t *tolerance = value_of(job, body, "safety_tolerance");
  bool off = json_is_true(value_of(job, body, "disable_safety_checker")) ||
             json_integer_value(tolerance) >= 6;
  if (off || !prompt || !strcasestr(prompt, "nsfw"))
    return 0;
  return refuse(job, BLOCKED,
                "NSFW content detected. The request was blocked by "
                "the content safety check");
}

/* Of a picture or a list of them. */
static void take_inputs(struct em_order *order, const json_t *value) {
  size_t i;
  const json_t *item;
  json_array_foreach(value, i, item) { take_inputs(order, item); }
  if (json_is_string(value) && is_given(value) &&
      order->picture.input_count < EM_INPUT_MAX)
    order->urls[order->picture.input_count++] = json_string_value(value);
}

/* The pages of some models name no formats, so any word may come: what is not
 * one of ours is answered as PNG. */
static const char *format_named(const char *name) {
  if (name && (!strcmp(name, "jpg") || !strcmp(name, "jpeg")))
    return "jpg";
  return name && !strcmp(name, "webp") ? "webp" : "png";
}

static void take(struct em_job *job, json_t *body) {
  struct em_order *order = job->order;
  const json_t *quality = value_of(job, body, "output_quality");
  const json_t *seed = value_of(job, body, "seed");
  order->body = json_incref(body);
  order->has_seed = seed != NULL;
  job->seed = json_integer_value(seed);
  order->picture = (struct em_painter_job){
      .model = job->model->name,
      .prompt = job->prompt,
      .aspect_ratio = json_string_value(value_of(job, body, "aspect_ratio")),
      .format =
          format_named(json_string_value(value_of(job, body, "output_format"))),
      .quality = quality ? (int)json_integer_value(quality) : 90,
      .width = (int)json_integer_value(value_of(job, body, "width")),
      .height = (int)json_integer_value(value_of(job, body, "height"))};
  for (size_t i = 0; i < job->model->param_count; i++)
    if (is_image(&job->model->params[i]))
      take_inputs(order, json_object_get(body, job->model->params[i].name));
}

int em_order_read(struct em_job *job, json_t *body) {
  if (check_body(job, body) || check_content(job, body))
    return job->error ? 0 : -1;
  job->order = calloc(1, sizeof *job->order);
  if (job->order)
    take(job, body);
  return job->order ? 0 : -1;
}

void em_order_delete(struct em_order *order) {
  if (order)
    json_decref(order->body);
  free(order);
}
