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
 * Jobs that began together are one piece of news each: one that is seen at
 * work after eight seconds says that it takes more than eight. So the learner
 * knows of each job under way the age at which it was last seen at work, and
 * believes what makes these ages and the durations of those that are over most
 * likely. While none of a batch is over, its jobs share the looks: each makes
 * few, at times of its own, so that the batch as a whole looks evenly, most
 * about the published latency, and the first to be found done tells all others
 * when to look (sm_learner_is_new). The memory grows with the jobs under way: a
 * batch of a hundred is one piece of news, not a hundred. bench/poll_schedule.c
 * shows what all this is worth against fixed gaps and against the optimum.
 */
#ifndef SM_POLL_H
#define SM_POLL_H

#include <stdbool.h>
#include <stdint.h>

/* Ages are told apart by a twentieth, from a quarter of a second to some twelve
 * minutes. */
enum { SM_AGES = 160 };

/* What is known of one model's duration on one server, in seconds. */
struct sm_learner {
  double mu; /* of ln(seconds), as is believed */
  double var;
  double published_mu, published_var; /* believed in before anything is known */
  double prior_jobs;  /* as many jobs the published spread is still worth */
  double weight;      /* of the jobs that are over: their number, less what is
                         forgotten, */
  double mean;        /* their mean ln(seconds) */
  double squares;     /* and the sum of squares about it */
  double early_worth; /* of the looks at 1 s, the share that told
                         something */
  uint32_t seen_at[SM_AGES]; /* jobs under way, by the age at which each was
                                last seen at work */
  uint32_t under_way;
  uint32_t begun;       /* jobs, ever */
  uint32_t jobs;        /* that were learnt from */
  bool says_processing; /* this server has ever answered PROCESSING */
  bool is_recalled;     /* rests on what an earlier run knew */
};

/* `mean_s` is the published latency, 0 when none is. */
void sm_learner_create(struct sm_learner *learner, double mean_s);

/* What is kept of a learner from one run to the next. */
struct sm_known {
  double mu, var;
  double jobs; /* that it rests on; 0: nothing is known */
  double early_worth;
  bool says_processing;
};

struct sm_known sm_learner_known(const struct sm_learner *learner);

/* Takes over what an earlier run knew, `age_s` seconds ago: it counts as some
 * jobs, and as fewer, the older it is. A job that is far from it says that the
 * model has changed since, and it is forgotten. Nothing happens where the
 * learner has learned by itself, or the figures make no sense. */
void sm_learner_recall(struct sm_learner *learner, const struct sm_known *known,
                       double age_s);

/* Whether so little is known that each job that is over may change much: those
 * that wait are planned anew then, not at their next poll. */
bool sm_learner_is_new(const struct sm_learner *learner);

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
  uint16_t polls;
  uint16_t rank;   /* of those under way when it began, itself counted */
  uint8_t age;     /* its row of `seen_at`; SM_AGES: it was not seen yet */
  uint8_t phase;   /* of 256: its place among the jobs of a batch */
  bool is_queued;  /* the last answer said QUEUED */
  bool is_counted; /* among the learner's jobs under way */
};

enum sm_seen { SM_SEEN_NOTHING, SM_SEEN_QUEUED, SM_SEEN_PROCESSING };

/* `learner` is NULL for a job of which nobody knows when it began: nothing is
 * learned from it. */
void sm_plan_create(struct sm_plan *plan, struct sm_learner *learner,
                    int64_t now_ms);

/* The job is given up: it is no longer under way. May be called again. */
void sm_plan_forget(struct sm_plan *plan, struct sm_learner *learner);

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
 * did not say. */
void sm_plan_finish(struct sm_plan *plan, struct sm_learner *learner,
                    double inference_s, int64_t now_ms);

#endif
