#include "em_model.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The tables built in, made by lua/segmind/models/export.lua. */
extern const char em_models_json[];
extern const unsigned long em_models_json_len;

static const char *const type_names[] = {"string",  "integer", "number",
                                         "boolean", "image",   "images"};

static int read_type(const char *name, enum em_type *type) {
  for (int i = 0; i <= EM_PARAM_IMAGES; i++)
    if (!strcmp(name, type_names[i])) {
      *type = (enum em_type)i;
      return 0;
    }
  return -1;
}

static int read_param(struct em_param *param, const json_t *source) {
  const char *type = NULL;
  int required = 0;
  if (json_unpack((json_t *)(uintptr_t)source,
                  "{s:s, s:s, s?b, s?o, s?o, s?o, s?o}", "name", &param->name,
                  "type", &type, "required", &required, "default",
                  &param->fallback, "min", &param->min, "max", &param->max,
                  "one_of", &param->one_of) != 0)
    return -1;
  param->required = required;
  return read_type(type, &param->type);
}

static int read_params(struct em_model *model, const json_t *list) {
  size_t count = json_array_size(list);
  model->params = calloc(count + 1, sizeof *model->params);
  if (!model->params)
    return -1;
  for (; model->param_count < count; model->param_count++)
    if (read_param(&model->params[model->param_count],
                   json_array_get(list, model->param_count)))
      return -1;
  return 0;
}

static int read_model(struct em_model *model, const json_t *source) {
  const json_t *params;
  model->source = source;
  if (json_unpack((json_t *)(uintptr_t)source, "{s:s, s?s, s:F, s:F, s:o}",
                  "name", &model->name, "title", &model->title, "latency_s",
                  &model->latency_s, "price_usd", &model->price_usd, "params",
                  &params) != 0 ||
      !json_is_array(params))
    return -1;
  return read_params(model, params);
}

static int read_models(struct em_model_set *set, struct em_error *error) {
  size_t count = json_array_size(set->root);
  set->models = calloc(count + 1, sizeof *set->models);
  if (!count || !set->models)
    return em_fail(error, "the model list is empty or not a list");
  for (size_t i = 0; i < count; i++) {
    struct em_model *model = &set->models[i];
    set->count = i + 1;
    if (read_model(model, json_array_get(set->root, i)))
      return em_fail(error, "model %zu (%s): a field is missing", i,
                     model->name ? model->name : "unnamed");
  }
  return 0;
}

struct em_model_set *em_model_set_new(const char *path,
                                      struct em_error *error) {
  struct em_model_set *set = calloc(1, sizeof *set);
  json_error_t mistake = {.text = "out of memory"};
  if (set)
    set->root =
        path ? json_load_file(path, 0, &mistake)
             : json_loadb(em_models_json, em_models_json_len, 0, &mistake);
  if (!set || !set->root)
    em_fail(error, "cannot read %s: line %d: %s",
            path ? path : "the model tables", mistake.line, mistake.text);
  else if (!read_models(set, error))
    return set;
  em_model_set_delete(set);
  return NULL;
}

void em_model_set_delete(struct em_model_set *set) {
  if (!set)
    return;
  for (size_t i = 0; i < set->count; i++)
    free(set->models[i].params);
  free(set->models);
  json_decref(set->root);
  free(set);
}

const struct em_model *em_model_find(const struct em_model_set *set,
                                     const char *name) {
  for (size_t i = 0; i < set->count; i++)
    if (!strcmp(set->models[i].name, name))
      return &set->models[i];
  return NULL;
}

const struct em_param *em_model_param(const struct em_model *model,
                                      const char *name) {
  for (size_t i = 0; i < model->param_count; i++)
    if (!strcmp(model->params[i].name, name))
      return &model->params[i];
  return NULL;
}
