#include "sm_poll.h"

#include <math.h>

#define GAP_MIN_S 0.05
#define GAP_MAX_S 5.0

/* The first poll that may find a job done is never later than the time by which
 * this share is, and a job is late once that share is done. */
#define FIRST_SHARE_MOST 0.9
#define LATE_SHARE 0.98

/* What a published latency is worth: its spread as much as two jobs, its
 * mean as much as a fiftieth of one, for it may be another region's or last
 * year's. */
#define PRIOR_SPREAD_JOBS 2.0
#define PRIOR_MEAN_JOBS 0.02
#define PRIOR_VARIATION 0.25
#define UNKNOWN_MEAN_S 8.0
#define UNKNOWN_VARIATION 1.0

/* The learner remembers as many jobs, and three times those in flight: with
 * less, a batch of a hundred would forget all but its own stragglers. */
#define MEMORY_JOBS 16.0
#define MEMORY_PER_FLIGHT 3.0

/* One job widens the spread no more than one five deviations out would. */
#define SURPRISE_MOST 25.0
#define VAR_MIN 1e-4

/* An early look at 1 s, while one in ten or more of them tell something; else
 * with every eighth job, to hear of a queue when there is one again. */
#define EARLY_S 1.0
#define EARLY_WORTH 0.1
#define EARLY_FORGET 0.25
#define EARLY_EVERY 8

#define SQRT_1_2 0.70710678118654752440
#define SQRT_2_PI 0.79788456080286535588 /* of 2/pi */

static double clamp(double value, double low, double high) {
  if (value < low)
    return low;
  return value > high ? high : value;
}

/* The normal quantile after P. J. Acklam, "An algorithm for computing the
 * inverse normal cumulative distribution function" (2003); relative error
 * below 1.2e-9, far better than any latency is known. */
static double tail_quantile(double p) {
  double q = sqrt(-2 * log(p));
  return (((((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q -
             2.400758277161838e+00) *
                q -
            2.549732539343734e+00) *
               q +
           4.374664141464968e+00) *
              q +
          2.938163982698783e+00) /
         ((((7.784695709041462e-03 * q + 3.224671290700398e-01) * q +
            2.445134137142996e+00) *
               q +
           3.754408661907416e+00) *
              q +
          1);
}

static double middle_quantile(double p) {
  double q = p - 0.5, r = q * q;
  return (((((-3.969683028665376e+01 * r + 2.209460984245205e+02) * r -
             2.759285104469687e+02) *
                r +
            1.383577518672690e+02) *
               r -
           3.066479806614716e+01) *
              r +
          2.506628277459239e+00) *
         q /
         (((((-5.447609879822406e+01 * r + 1.615858368580409e+02) * r -
             1.556989798598866e+02) *
                r +
            6.680131188771972e+01) *
               r -
           1.328068155288572e+01) *
              r +
          1);
}

static double normal_quantile(double p) {
  if (p < 0.02425)
    return tail_quantile(p);
  if (p > 1 - 0.02425)
    return -tail_quantile(1 - p);
  return middle_quantile(p);
}

/* What is believed of one duration: lognormal, counted from `from_s`. */
struct belief {
  double mu, sd;
  double mean_s, sigma_s;
  double from_s;
};

static double quantile_s(const struct belief *belief, double share) {
  return exp(belief->mu + belief->sd * normal_quantile(share));
}

/* The share of the running that end, a second, at `t` seconds. */
static double hazard(const struct belief *belief, double t) {
  double z = (log(t) - belief->mu) / belief->sd;
  double mills = z; /* past 6 the ratio of density and rest is the deviate */
  if (z < 6)
    mills = exp(-z * z / 2) * SQRT_2_PI / erfc(z * SQRT_1_2);
  return mills / (t * belief->sd);
}

void sm_learner_create(struct sm_learner *learner, double mean_s) {
  bool is_known = mean_s > 0 && isfinite(mean_s);
  double variation = is_known ? PRIOR_VARIATION : UNKNOWN_VARIATION;
  learner->var = log1p(variation * variation);
  learner->mu = log(is_known ? mean_s : UNKNOWN_MEAN_S) - learner->var / 2;
  learner->jobs = 0;
  learner->early_worth = 1;
  learner->says_processing = false;
}

void sm_plan_create(struct sm_plan *plan, int64_t now_ms) {
  *plan = (struct sm_plan){.start_ms = now_ms, .asked_ms = now_ms};
}

/* Since the start, and never the 0 that stands for "never". */
static int32_t since_start(const struct sm_plan *plan, int64_t now_ms) {
  int64_t passed_ms = now_ms - plan->start_ms;
  if (passed_ms < 1)
    return 1;
  return passed_ms < INT32_MAX ? (int32_t)passed_ms : INT32_MAX;
}

static void judge_early(struct sm_learner *learner, bool is_worth) {
  learner->early_worth += EARLY_FORGET * (is_worth - learner->early_worth);
}

void sm_plan_note(struct sm_plan *plan, struct sm_learner *learner,
                  enum sm_seen seen, int64_t now_ms) {
  if (plan->polls == 0 || seen == SM_SEEN_QUEUED)
    judge_early(learner, seen == SM_SEEN_QUEUED);
  plan->asked_ms = now_ms;
  if (plan->polls < UINT16_MAX)
    plan->polls++;
  if (seen == SM_SEEN_QUEUED) {
    plan->queued_ms = since_start(plan, now_ms);
    plan->processing_ms = 0; /* it went back into the queue */
    plan->is_queued = true;
  } else if (seen == SM_SEEN_PROCESSING) {
    learner->says_processing = true;
    plan->is_queued = false;
    if (plan->processing_ms == 0)
      plan->processing_ms = since_start(plan, now_ms);
  }
}

/* All that follows counts seconds since the start. */

static double seconds_since(const struct sm_plan *plan, int64_t at_ms) {
  return (double)(at_ms - plan->start_ms) / 1000;
}

/* A job that was seen in the queue began somewhere between the last QUEUED and
 * the first PROCESSING; that uncertainty adds to the spread. On a server that
 * never says PROCESSING the queue is part of what was learnt. */
static struct belief believe(const struct sm_plan *plan,
                             const struct sm_learner *learner) {
  struct belief b = {.mu = learner->mu, .sd = sqrt(learner->var)};
  b.mean_s = exp(learner->mu + learner->var / 2);
  b.sigma_s = b.mean_s * sqrt(expm1(learner->var));
  if (plan->queued_ms == 0 || !learner->says_processing)
    return b;
  double queued = plan->queued_ms / 1000.0;
  double open = fmax(plan->processing_ms / 1000.0 - queued, 0);
  double wider = sqrt(1 + open * open / 12 / (b.sigma_s * b.sigma_s));
  b.from_s = queued + open / 2;
  b.sd *= wider;
  b.sigma_s *= wider;
  return b;
}

/* What a poll is worth, as the root of twice its price in seconds of delay. By
 * the dial, a gap of about k * sqrt(sigma) amid the distribution. But a quick
 * model would be asked more often than each second then, so its polls cost
 * more, until there are no more than mean + 1 of them; and a slow one less, for
 * nobody waits more patiently past a sigma of 9 s. */
static double root_price(const struct belief *b, double k) {
  double near = fmin(b->sigma_s, 0.25 * b->mean_s);
  double quick = fmax(1, 7.5 * sqrt(near) / (b->mean_s + 1));
  double slow = fmin(1, 3 / sqrt(b->sigma_s));
  return 0.8 * k * quick * slow;
}

/* The least sum of delay and price is had by polls whose gaps are
 * sqrt(2 price / hazard). The hazard is taken in the middle of the gap; beyond
 * the late share it stays what it was there, and gaps grow, for a job that is
 * that late tells more of the belief than of itself. */
static double gap_s(const struct belief *b, double root, double t) {
  double late = quantile_s(b, LATE_SHARE);
  double gap = root / sqrt(hazard(b, fmin(t, late)));
  for (int i = 0; i < 2; i++)
    gap = root / sqrt(hazard(b, fmin(t + fmin(gap, GAP_MAX_S) / 2, late)));
  return gap + 0.35 * fmax(0, t - late);
}

/* When the first poll that may find the job done is worth making: a fit to the
 * optimum, which was computed for sigma / mean of 0.05 to 0.5 and sigmas of
 * 0.1 to 25 s. */
static double first_s(const struct belief *b, double root) {
  double gaps = root / 0.9 / sqrt(b->sigma_s); /* a usual gap, in sigmas */
  double share = 0.6 * pow(gaps, 1.4) * (1 + b->sigma_s / b->mean_s);
  return quantile_s(b, fmin(share, FIRST_SHARE_MOST));
}

static bool looks_early(const struct sm_learner *learner, double first) {
  return EARLY_S < 0.6 * first && (learner->early_worth >= EARLY_WORTH ||
                                   learner->jobs % EARLY_EVERY == 0);
}

static double next_s(const struct sm_plan *plan,
                     const struct sm_learner *learner, double k, double rtt_s) {
  struct belief b = believe(plan, learner);
  double asked = seconds_since(plan, plan->asked_ms);
  if (plan->is_queued && learner->says_processing)
    return asked + clamp(fmax(2 * b.sigma_s, 0.1 * asked), 0.1, GAP_MAX_S);
  double root = root_price(&b, k), first = first_s(&b, root);
  if (plan->polls == 0)
    return looks_early(learner, first) ? EARLY_S : first;
  double running = asked - b.from_s;
  if (running < first)
    return fmax(b.from_s + first, asked + GAP_MIN_S);
  return asked +
         clamp(gap_s(&b, root, running), fmax(GAP_MIN_S, rtt_s), GAP_MAX_S);
}

/* A published latency is the service's promise. While no job of a model
 * was ever seen, a look at 3 s and one at 7 s find out a server that is much
 * quicker; they cost the first job some polls and nobody else any. */
static double cautious(const struct sm_plan *plan,
                       const struct sm_learner *learner, double next) {
  static const double looks[] = {EARLY_S, 3, 7};
  const unsigned count = sizeof looks / sizeof *looks;
  if (learner->jobs > 0 || plan->polls >= count ||
      looks[plan->polls] <= seconds_since(plan, plan->asked_ms))
    return next;
  return fmin(next, looks[plan->polls]);
}

int64_t sm_plan_next(const struct sm_plan *plan,
                     const struct sm_learner *learner,
                     const struct sm_dial *dial, int64_t rtt_ms,
                     int64_t now_ms) {
  double next =
      dial->fixed_ms > 0
          ? seconds_since(plan, plan->asked_ms) + dial->fixed_ms / 1000
          : cautious(plan, learner,
                     next_s(plan, learner, dial->k, (double)rtt_ms / 1000));
  int64_t at_ms = plan->start_ms + (int64_t)ceil(clamp(next, 0, 1e9) * 1000);
  return at_ms > now_ms ? at_ms : now_ms;
}

/* How long the job took. The server's figure is believed as far as the answers
 * bear it out: it may leave out what goes before and after the model's run. */
static double taken_s(const struct sm_plan *plan, double inference_s,
                      int64_t now_ms) {
  double queued = plan->queued_ms / 1000.0;
  double begun = fmax(plan->processing_ms / 1000.0, queued);
  if (plan->queued_ms == 0)
    begun = 0;
  double least = fmax(seconds_since(plan, plan->asked_ms) - begun, 0);
  double most = fmax(seconds_since(plan, now_ms) - queued, least);
  if (inference_s > 0 && isfinite(inference_s))
    return clamp(inference_s, least, most);
  return (least + most) / 2;
}

void sm_plan_finish(const struct sm_plan *plan, struct sm_learner *learner,
                    double inference_s, int in_flight, int64_t now_ms) {
  double dev = log(fmax(taken_s(plan, inference_s, now_ms), 0.001));
  dev -= learner->mu;
  double least = 1 / (MEMORY_JOBS + MEMORY_PER_FLIGHT * in_flight);
  double to_mean = fmax(1 / (learner->jobs + PRIOR_MEAN_JOBS + 1), least);
  double to_var = fmax(1 / (learner->jobs + PRIOR_SPREAD_JOBS + 1), least);
  double square = fmin((1 - to_mean) * dev * dev, SURPRISE_MOST * learner->var);
  learner->mu += to_mean * dev;
  learner->var += to_var * (square - learner->var);
  learner->var = fmax(learner->var, VAR_MIN);
  learner->jobs++;
  if (plan->polls == 0 && seconds_since(plan, now_ms) < 1.5 * EARLY_S)
    judge_early(learner, true);
}
