/* An order: what a request body asks a model to draw, or why it is refused.
 *
 * The service queues first and checks later, so a refusal made here is not an
 * HTTP error: it is the message with which the queued job will fail. Only
 * what drawing needs is taken out of the body; guidance, steps and the like
 * are checked and otherwise without effect, as no model runs. */
#ifndef EM_ORDER_H
#define EM_ORDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "em_model.h"

enum { EM_INPUT_MAX = 2 };

struct em_order {
  char *prompt;
  char *aspect_ratio; /* or NULL */
  char format[8];     /* "png" "jpg" "webp" */
  int quality;
  bool has_seed; /* otherwise the service draws one */
  long long seed;
  char *inputs[EM_INPUT_MAX]; /* URLs, in the order of the parameters */
  int input_count;
};

/* Reads the body for the model. `data_uris` says whether an image may be a
 * data URI: v1 takes them, v2 refuses them.
 * Ownership: on success the caller owns the order (em_order_destroy).
 * Errors: -1 and the message the job fails with. */
int em_order_create(struct em_order *order, const struct em_model *model,
                    const json_t *body, bool data_uris, char *message,
                    size_t message_size);
void em_order_destroy(struct em_order *order);

#endif
