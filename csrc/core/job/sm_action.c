#include "sm_action.h"

#include <math.h>
#include <string.h>

void sm_action_clear(struct sm_action *action) {
  memset(action, 0, sizeof *action);
  action->reply.cost = action->reply.seed = (double)NAN;
  sm_error_clear(&action->error);
}

void sm_action_send(struct sm_action *action, int64_t at_ms) {
  action->kind = SM_ACTION_SEND;
  action->at_ms = at_ms;
}

void sm_action_fail(struct sm_action *action, const struct sm_error *e) {
  action->kind = SM_ACTION_FAIL;
  if (e != &action->error)
    action->error = *e;
}
