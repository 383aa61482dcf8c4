#include "sm_transfer.h"

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

void sm_transfer_create(struct sm_transfer *transfer) {
  memset(transfer, 0, sizeof *transfer);
  sm_buf_create(&transfer->url, SM_URL_MAX);
  sm_buf_create(&transfer->answer.body, 0);
  sm_buf_create(&transfer->answer.redirect, SM_URL_MAX);
  clear_answer(&transfer->answer);
}

void sm_transfer_destroy(struct sm_transfer *transfer) {
  sm_buf_destroy(&transfer->url);
  sm_buf_destroy(&transfer->answer.body);
  sm_buf_destroy(&transfer->answer.redirect);
}

void sm_transfer_repeat(struct sm_transfer *transfer) {
  if (transfer->answer.body.capacity > KEPT_BYTES)
    sm_buf_destroy(&transfer->answer.body);
  sm_buf_reset(&transfer->answer.body);
  sm_buf_reset(&transfer->answer.redirect);
  clear_answer(&transfer->answer);
}

void sm_transfer_reset(struct sm_transfer *transfer) {
  memset(&transfer->request, 0, sizeof transfer->request);
  sm_buf_reset(&transfer->url);
  sm_transfer_repeat(transfer);
  transfer->owner = NULL;
  transfer->next = NULL;
}
