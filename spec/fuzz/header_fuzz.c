/* Header lines, one after the other, into one answer. */
#include <math.h>

#include "fuzz.h"
#include "sm_header.h"

static void check(const struct sm_answer *answer) {
  PROMISE(answer->retry_after_ms >= -1 && answer->retry_after_ms <= 300000);
  PROMISE(answer->cost == -1 || (answer->cost >= 0 && answer->cost < 1e12));
  PROMISE(answer->remaining_credits == -1 || answer->remaining_credits >= 0);
  PROMISE(answer->generation_s == -1 || answer->generation_s >= 0);
  PROMISE(isfinite(answer->remaining_credits) &&
          isfinite(answer->generation_s));
  PROMISE(IS_TEXT(answer->request_id) && IS_TEXT(answer->seed));
  PROMISE(IS_TEXT(answer->when.date) && IS_TEXT(answer->when.reset));
  PROMISE(answer->date_ms == -1 || answer->date_ms >= 1000000000000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct source source = {data, size};
  struct sm_exchange exchange;
  sm_exchange_create(&exchange);
  while (source.left > 0) {
    size_t length = 0;
    while (length < source.left && source.at[length] != '\n')
      length++;
    /* As libcurl hands it over: with its end, and not as text. */
    length += length < source.left;
    uint8_t *line = malloc(length);
    if (line == NULL)
      abort();
    memcpy(line, source.at, length);
    sm_header_note(&exchange.answer, (const char *)line, length);
    check(&exchange.answer);
    free(line);
    source.at += length;
    source.left -= length;
  }
  sm_header_settle(&exchange.answer, &(struct sm_date){0}, 1769860800000);
  check(&exchange.answer);
  sm_exchange_destroy(&exchange);
  return 0;
}
