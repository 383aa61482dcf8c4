/* The declared models, read from the JSON that lua/segmind/models/export.lua
 * prints: name, published latency and price, and for each parameter its type,
 * range and choices. Nothing in the emulator knows a model by name; a further
 * model is a further table. Read once, then only looked at, by any thread. */
#ifndef EM_MODEL_H
#define EM_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "em_text.h"

enum em_type {
  EM_PARAM_STRING,
  EM_PARAM_INTEGER,
  EM_PARAM_NUMBER,
  EM_PARAM_BOOLEAN,
  EM_PARAM_IMAGE,
  EM_PARAM_IMAGES
};

struct em_param {
  const char *name;
  enum em_type type;
  bool required;
  const json_t *fallback; /* the declared default, or NULL */
  const json_t *min, *max;
  const json_t *one_of; /* an array, or NULL */
};

struct em_model {
  const char *name;
  const char *title;
  double latency_s;
  double price_usd;
  const json_t *source; /* the table itself, for the model list */
  struct em_param *params;
  size_t param_count;
};

struct em_model_set {
  json_t *root; /* owns every string above */
  struct em_model *models;
  size_t count;
};

/* Of that file, or those built in.
 * Errors: NULL and a message that names the model and what is wrong. */
struct em_model_set *em_model_set_new(const char *path, struct em_error *error);
void em_model_set_delete(struct em_model_set *set);

const struct em_model *em_model_find(const struct em_model_set *set,
                                     const char *name);
const struct em_param *em_model_param(const struct em_model *model,
                                      const char *name);

#endif
