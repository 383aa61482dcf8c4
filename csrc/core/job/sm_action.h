/* sm_action: what a state machine wants done next.
 *
 * sm_job and sm_fetch are pure: they get the time and the answer, and return
 * one of these. The engine carries it out.
 */
#ifndef SM_ACTION_H
#define SM_ACTION_H

#include "sm_exchange.h"
#include "sm_history.h"
#include "sm_pace.h"
#include "sm_poll.h"
#include "sm_reply.h"

enum sm_action_kind {
  SM_ACTION_SEND, /* send the (next) request, not before `at_ms` */
  SM_ACTION_DONE, /* the last answer is the result */
  SM_ACTION_FAIL  /* `error` is */
};

struct sm_action {
  enum sm_action_kind kind;
  int64_t at_ms;
  enum sm_state new_state; /* to report to the caller; SM_STATE_NONE for none */
  const char *note;      /* something worth a line in a log, NULL for nothing */
  bool is_note_of_error; /* `error` says why */
  struct sm_error error;
  struct sm_reply reply; /* what the answer says, where it was read */
};

/* What a state machine may look at besides the answer. */
struct sm_context {
  struct sm_learner *learner;
  struct sm_pace *pace;
  struct sm_rng *rng;
  int64_t now_ms;
  int64_t rtt_ms;         /* a poll's usual round trip */
  int64_t wall_ms;        /* Unix time by the clock of this machine */
  int64_t service_ms;     /* by the service's, as far as that is known */
  bool has_service_clock; /* its time is known; else it is `wall_ms` */
  const char *model;
  const struct sm_body *body; /* what is or was sent; NULL after it arrived */
  struct sm_others others;
};

void sm_action_clear(struct sm_action *action);
void sm_action_send(struct sm_action *action, int64_t at_ms);
/* `e` may be the action's own error. */
void sm_action_fail(struct sm_action *action, const struct sm_error *e);

#endif
