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

#include "em_painter.h"

struct em_job;

struct em_order {
  json_t *body;                   /* a reference: all texts are its own */
  struct em_painter_job picture;  /* but for its inputs, seed and step */
  const char *urls[EM_INPUT_MAX]; /* of those, in the order of the parameters */
  bool has_seed;                  /* otherwise the service draws one */
};

/* Reads the body of a new job for its model: fills in its order and seed, or
 * why it is refused: its error, and what v1 answers then. A 406 is known before
 * the model runs, so that v1 takes no job.
 * Errors: -1 when out of memory. */
int em_order_read(struct em_job *job, json_t *body);
void em_order_delete(struct em_order *order);

#endif
