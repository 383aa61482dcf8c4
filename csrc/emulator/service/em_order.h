/* An order: what a request body asks a model to draw, or why it is refused.
 *
 * v2 queues first and checks later: there a refusal is the message with which
 * the queued job will fail. v1 answers with an HTTP status. Only
 * what drawing needs is taken out of the body; guidance, steps and the like
 * are checked and otherwise without effect, as no model runs. */
#ifndef EM_ORDER_H
#define EM_ORDER_H

#include <jansson.h>
#include <stdbool.h>

#include "em_model.h"
#include "em_painter.h"
#include "em_text.h"

struct em_order {
  json_t *body;             /* a reference: all texts are its own */
  const char *aspect_ratio; /* or NULL */
  const char *format;       /* "png" "jpg" "webp" */
  int quality;
  bool has_seed; /* otherwise the service draws one */
  long long seed;
  int width, height;                /* or 0 */
  const char *inputs[EM_INPUT_MAX]; /* URLs, in the order of the parameters */
  int input_count;
};

struct em_order_rules {
  bool data_uris; /* may an image be a data URI? v1 takes them, v2 does not */
  bool strict;    /* is a parameter refused that the model does not declare? */
};

struct em_refusal {
  int v1_status; /* 406: known before the model runs, so v1 takes no job */
  struct em_error error;
};

/* Reads the body for the model. Errors: NULL and the refusal. */
struct em_order *em_order_new(const struct em_model *model, json_t *body,
                              const struct em_order_rules *rules,
                              struct em_refusal *refusal);
void em_order_delete(struct em_order *order);

#endif
