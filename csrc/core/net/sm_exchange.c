#include "sm_exchange.h"

#include <string.h>

/* A slot that has carried a picture gives the memory back. */
#define KEPT_BYTES 65536

static void clear_answer(struct sm_answer *answer) {
  answer->code = SM_OK;
  answer->status = 0;
  answer->was_sent = false;
  answer->is_all = false;
  answer->took_ms = 0;
  answer->retry_after_ms = -1;
  answer->date_ms = -1;
  answer->when = (struct sm_when){"", "", ""};
  answer->content_type[0] = '\0';
  answer->request_id[0] = '\0';
  answer->seed[0] = '\0';
  answer->cost = -1;
  answer->remaining_credits = -1;
  answer->generation_s = -1;
  answer->reason[0] = '\0';
}

void sm_exchange_create(struct sm_exchange *exchange) {
  memset(exchange, 0, sizeof *exchange);
  sm_buf_create(&exchange->url, SM_URL_MAX);
  sm_buf_create(&exchange->answer.body, 0);
  sm_buf_create(&exchange->answer.redirect, SM_URL_MAX);
  clear_answer(&exchange->answer);
}

void sm_exchange_destroy(struct sm_exchange *exchange) {
  sm_buf_destroy(&exchange->url);
  sm_buf_destroy(&exchange->answer.body);
  sm_buf_destroy(&exchange->answer.redirect);
}

void sm_exchange_repeat(struct sm_exchange *exchange) {
  if (exchange->answer.body.capacity > KEPT_BYTES)
    sm_buf_destroy(&exchange->answer.body);
  sm_buf_reset(&exchange->answer.body);
  sm_buf_reset(&exchange->answer.redirect);
  clear_answer(&exchange->answer);
}

void sm_exchange_reset(struct sm_exchange *exchange) {
  memset(&exchange->request, 0, sizeof exchange->request);
  sm_buf_reset(&exchange->url);
  sm_exchange_repeat(exchange);
  exchange->owner = NULL;
  exchange->next = NULL;
}
