/* sm_poll: when to ask again. Pure: the time is handed in.
 *
 * Asking costs a request, not asking costs the caller's time. For a job whose
 * duration is lognormal, the best exchange of the two has gaps that go with the
 * root of one over the hazard, about k * sqrt(sigma) amid the distribution; so
 * each model has a learner of its mean and spread, started from the published
 * latency, and each job a plan that follows it: an early look at 1 s where that
 * tells something (a queue, a cached result), then the time by which the first
 * few in a hundred are done, then those gaps, growing when a job is later than
 * almost all. A model of a few seconds is not asked more often than each second
 * would. States are used: while the service says QUEUED only slow looks are
 * made, and the count starts anew at PROCESSING.
 *
 * The learner's memory grows with the jobs in flight: a batch of a hundred is
 * one piece of news, not a hundred. bench/poll_schedule.c shows what all this
 * is worth against fixed gaps and against the optimum.
 */
#ifndef SM_POLL_H
#define SM_POLL_H

#include <stdbool.h>
#include <stdint.h>

/* What is known of one model's duration on one server, in seconds. */
struct sm_learner {
  double mu; /* of ln(seconds) */
  double var;
  double early_worth;   /* of the looks at 1 s, the share that told something */
  uint32_t jobs;        /* that were learnt from */
  bool says_processing; /* this server has ever answered PROCESSING */
};

/* `mean_s` is the published latency, 0 when none is. */
void sm_learner_create(struct sm_learner *learner, double mean_s);

/* The caller's dial: k of the gap, or a fixed gap. */
struct sm_dial {
  double k;        /* 0.15 eager, 0.25 balanced, 0.4 relaxed */
  double fixed_ms; /* > 0: ask every so often, nothing is learned from gaps */
};

/* One job's plan. Small: there is one for each waiting job. */
struct sm_plan {
  int64_t start_ms;      /* the submit was acknowledged */
  int64_t asked_ms;      /* the last poll that said "not yet", or start */
  int32_t queued_ms;     /* last QUEUED, after start; 0 never */
  int32_t processing_ms; /* first PROCESSING, after start; 0 never */
  bool is_queued;        /* the last answer said QUEUED */
  uint16_t polls;
};

enum sm_seen { SM_SEEN_NOTHING, SM_SEEN_QUEUED, SM_SEEN_PROCESSING };

void sm_plan_create(struct sm_plan *plan, int64_t now_ms);

/* An answer that the job still runs (SM_SEEN_NOTHING: an answer that said
 * nothing usable, or none). */
void sm_plan_note(struct sm_plan *plan, struct sm_learner *learner,
                  enum sm_seen seen, int64_t now_ms);

/* When to ask next, an absolute time >= now_ms. `rtt_ms` is a poll's usual
 * round trip, the least sensible gap. */
int64_t sm_plan_next(const struct sm_plan *plan,
                     const struct sm_learner *learner,
                     const struct sm_dial *dial, int64_t rtt_ms,
                     int64_t now_ms);

/* The job is over: learn. `inference_s` as the server measured it, 0 when it
 * did not say; `in_flight` counts the jobs of this model still waiting. */
void sm_plan_finish(const struct sm_plan *plan, struct sm_learner *learner,
                    double inference_s, int in_flight, int64_t now_ms);

#endif
