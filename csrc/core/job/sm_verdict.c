#include "sm_verdict.h"

#include <string.h>

void sm_verdict_clear(struct sm_verdict *verdict) {
  memset(verdict, 0, sizeof *verdict);
  sm_error_clear(&verdict->error);
}

void sm_verdict_send(struct sm_verdict *verdict, int64_t at_ms) {
  verdict->step = SM_STEP_SEND;
  verdict->at_ms = at_ms;
}

void sm_verdict_fail(struct sm_verdict *verdict, const struct sm_error *e) {
  verdict->step = SM_STEP_FAIL;
  if (e != &verdict->error)
    verdict->error = *e;
}
