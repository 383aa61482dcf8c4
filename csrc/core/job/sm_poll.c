#include "sm_poll.h"

#include <math.h>

#define GAP_MIN_S 0.05
#define GAP_MAX_S 5.0

/* The first poll that may find a job done is never later than the time by which
 * this share is, and a job is late once that share is done. */
#define FIRST_SHARE_MOST 0.9
#define LATE_SHARE 0.98

/* What a published latency is worth: its spread as much as four jobs at first,
 * its mean as much as a twentieth of one, for it may be another region's or
 * last year's. */
#define PRIOR_SPREAD_JOBS 4.0
#define PRIOR_MEAN_SHARE 0.0125
#define PRIOR_VARIATION 0.25
#define UNKNOWN_MEAN_S 8.0
#define UNKNOWN_VARIATION 1.0

/* The learner remembers as many jobs, and three times those under way: with
 * less, a batch of a hundred would forget all but its own stragglers. Of the
 * published spread a fifth is forgotten with each job. */
#define MEMORY_JOBS 16.0
#define MEMORY_PER_JOB 3.0
#define PRIOR_KEPT 0.8

/* One job widens the spread no more than one five deviations out would. */
#define SURPRISE_MOST 25.0
#define VAR_MIN 1e-4
#define VAR_MOST 4.0

/* What an earlier run knew counts as so many jobs at the most, and as half of
 * them with each week that has passed; as one in the end, for what was measured
 * once is still better than what is published. */
#define RECALLED_JOBS 6.0
#define RECALLED_HALF_S (7 * 24 * 3600.0)
#define RECALLED_MU_MOST 12.0 /* of ln(seconds): two days */

/* It is forgotten at a job so many deviations off; a deviation is a twentieth
 * at the least. */
#define RECALLED_FAR 3.5
#define RECALLED_SD_LEAST 0.05

/* Durations that are learnt from, until what is believed has settled. */
#define NEW_JOBS 16

/* The first row of `seen_at` is ln(0.25 s); a row is a twentieth of an age. */
#define AGE_FIRST (-1.4)
#define AGE_STEP 0.05

/* A job alone, of a model of which nothing is known, makes its first looks at
 * ages that grow by e^0.85. */
#define LOOK_STEP 0.85
#define LOOKS_ALONE 3

/* Ranks in a batch are told apart by a factor of four. */
#define RANKS_ALIKE 4.0

/* Of so many jobs one looks so where an earlier run's knowledge may be out of
 * date. */
#define EXPLORED_BATCH 8

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

/* -- what is believed ----------------------------------------------------- */

#define MILLS_MOST 4.0 /* deviations */

/* Density over rest of the normal distribution: how likely a job of that
 * deviate is to end. One that is far out tells no more than one four
 * deviations out: it may hang. */
static double inverse_mills(double z) {
  if (z < -6)
    return 0;
  z = fmin(z, MILLS_MOST);
  return exp(-z * z / 2) * SQRT_2_PI / erfc(z * SQRT_1_2);
}

/* How likely all that was seen is, as it depends on 1/sd and mu/sd: in these it
 * has one top only (R. J. Olsen, "Note on the uniqueness of the maximum
 * likelihood estimator for the Tobit model", Econometrica 46, 1978). Its
 * slopes, and how they bend down. */
struct slopes {
  double theta, eta; /* 1/sd, mu/sd */
  double along_theta, along_eta;
  double bend_theta, bend_both, bend_eta;
};

static void bend(struct slopes *slopes, double ln_s, double jobs) {
  slopes->bend_theta += jobs * ln_s * ln_s;
  slopes->bend_both += jobs * ln_s;
  slopes->bend_eta += jobs;
}

static void pull(struct slopes *slopes, double ln_s, double jobs) {
  slopes->along_theta -= jobs * ln_s;
  slopes->along_eta += jobs;
}

static void add_over(struct slopes *slopes, double ln_s, double jobs) {
  pull(slopes, ln_s, jobs * (ln_s * slopes->theta - slopes->eta));
  bend(slopes, ln_s, jobs);
}

/* Jobs that last longer than that. */
static void add_running(struct slopes *slopes, double ln_s, double jobs) {
  double z = ln_s * slopes->theta - slopes->eta;
  double likely = inverse_mills(z);
  pull(slopes, ln_s, jobs * likely);
  bend(slopes, ln_s, z < MILLS_MOST ? jobs * likely * (likely - z) : 0);
}

static struct slopes slopes_of(const struct sm_learner *learner) {
  double theta = 1 / sqrt(learner->var);
  double jobs = learner->prior_jobs + learner->weight;
  double squares =
      learner->prior_jobs * learner->published_var + learner->squares;
  struct slopes slopes = {.theta = theta,
                          .eta = learner->mu * theta,
                          .along_theta = jobs / theta - squares * theta,
                          .bend_theta = jobs / (theta * theta) + squares};
  add_over(&slopes, learner->published_mu,
           PRIOR_MEAN_SHARE * learner->prior_jobs);
  add_over(&slopes, learner->mean, learner->weight);
  for (int row = 0; row < SM_AGES; row++)
    if (learner->seen_at[row] > 0)
      add_running(&slopes, AGE_FIRST + (row + 0.5) * AGE_STEP,
                  learner->seen_at[row]);
  return slopes;
}

/* One step (Newton's) to the top, given the jobs that are over, those under
 * way, and what was published. */
static void improve(struct sm_learner *learner) {
  const struct slopes s = slopes_of(learner);
  double det = s.bend_theta * s.bend_eta - s.bend_both * s.bend_both;
  double theta = (s.along_theta * s.bend_eta + s.along_eta * s.bend_both) / det;
  double eta = (s.along_eta * s.bend_theta + s.along_theta * s.bend_both) / det;
  double part = 1; /* the spread is at most doubled, or halved */
  if (theta > s.theta)
    part = s.theta / theta;
  else if (theta < -s.theta / 2)
    part = -s.theta / 2 / theta;
  double inverse = 1 / (s.theta + part * theta);
  learner->mu = (s.eta + part * eta) * inverse;
  learner->var = clamp(inverse * inverse, VAR_MIN, VAR_MOST);
}

static void believe_again(struct sm_learner *learner) {
  for (int i = 0; i < (sm_learner_is_new(learner) ? 4 : 2); i++)
    improve(learner);
}

bool sm_learner_is_new(const struct sm_learner *learner) {
  return learner->jobs <= NEW_JOBS;
}

/* Believes in what is published, and in nothing else. */
static void begin_anew(struct sm_learner *learner) {
  learner->mu = learner->published_mu;
  learner->var = learner->published_var;
  learner->prior_jobs = PRIOR_SPREAD_JOBS;
  learner->weight = learner->mean = learner->squares = 0;
  learner->jobs = 0;
  learner->early_worth = 1;
  learner->is_recalled = false;
}

void sm_learner_create(struct sm_learner *learner, double mean_s) {
  bool is_known = mean_s > 0 && isfinite(mean_s);
  double variation = is_known ? PRIOR_VARIATION : UNKNOWN_VARIATION;
  double var = log1p(variation * variation);
  double mu = log(is_known ? mean_s : UNKNOWN_MEAN_S) - var / 2;
  *learner = (struct sm_learner){.published_mu = mu, .published_var = var};
  begin_anew(learner);
}

struct sm_known sm_learner_known(const struct sm_learner *learner) {
  return (struct sm_known){.mu = learner->mu,
                           .var = learner->var,
                           .jobs = learner->weight,
                           .early_worth = learner->early_worth,
                           .says_processing = learner->says_processing};
}

static bool makes_sense(const struct sm_known *known) {
  return known->jobs > 0 && fabs(known->mu) <= RECALLED_MU_MOST &&
         known->var > 0 && isfinite(known->var) && known->early_worth >= 0 &&
         known->early_worth <= 1;
}

void sm_learner_recall(struct sm_learner *learner, const struct sm_known *known,
                       double age_s) {
  if (learner->jobs > 0 || !makes_sense(known))
    return;
  double kept = exp2(-fmax(age_s, 0) / RECALLED_HALF_S);
  learner->mean = learner->mu = known->mu;
  learner->var = clamp(known->var, VAR_MIN, VAR_MOST);
  learner->prior_jobs = 0;
  learner->weight = fmax(fmin(known->jobs, RECALLED_JOBS) * kept, 1);
  learner->squares = learner->weight * learner->var;
  learner->early_worth = known->early_worth;
  learner->says_processing |= known->says_processing;
  learner->jobs = 1;
  learner->is_recalled = true;
  believe_again(learner);
}

/* A job that took `ln_s`, or is at work that long. */
static void doubt_recalled(struct sm_learner *learner, double ln_s,
                           bool is_over) {
  if (!learner->is_recalled)
    return;
  double sd = fmax(sqrt(learner->squares / learner->weight), RECALLED_SD_LEAST);
  double off = (ln_s - learner->mean) / sd;
  if (off > RECALLED_FAR || (is_over && off < -RECALLED_FAR))
    begin_anew(learner);
  else if (learner->jobs > NEW_JOBS)
    learner->is_recalled = false;
}

/* -- what is seen ---------------------------------------------------------- */

static void put_in_row(struct sm_plan *plan, struct sm_learner *learner,
                       uint8_t age) {
  if (plan->age < SM_AGES)
    learner->seen_at[plan->age]--;
  plan->age = age;
  if (age < SM_AGES)
    learner->seen_at[age]++;
}

/* The phases of jobs that follow one another lie far apart (by the golden
 * section). */
void sm_plan_create(struct sm_plan *plan, struct sm_learner *learner,
                    int64_t now_ms) {
  *plan = (struct sm_plan){
      .start_ms = now_ms, .asked_ms = now_ms, .rank = 1, .age = SM_AGES};
  if (!learner)
    return;
  plan->phase = (uint8_t)(learner->begun++ * 159);
  plan->is_counted = true;
  learner->under_way++;
  plan->rank = (uint16_t)clamp(learner->under_way, 1, UINT16_MAX);
}

void sm_plan_forget(struct sm_plan *plan, struct sm_learner *learner) {
  if (!plan->is_counted)
    return;
  put_in_row(plan, learner, SM_AGES);
  plan->is_counted = false;
  learner->under_way--;
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

/* All that follows counts seconds since the start. */

static double seconds_since(const struct sm_plan *plan, int64_t at_ms) {
  return (double)(at_ms - plan->start_ms) / 1000;
}

/* A job that was seen in the queue began between the last QUEUED and the first
 * PROCESSING. */
static double begun_s(const struct sm_plan *plan) {
  return plan->queued_ms == 0
             ? 0
             : (plan->queued_ms + fmax(plan->processing_ms, plan->queued_ms)) /
                   2000.0;
}

static void note_age(struct sm_plan *plan, struct sm_learner *learner,
                     int64_t now_ms) {
  if (!plan->is_counted)
    return;
  double age_s = fmax(seconds_since(plan, now_ms) - begun_s(plan), 0.001);
  double row = (log(age_s) - AGE_FIRST) / AGE_STEP;
  doubt_recalled(learner, log(age_s), false);
  put_in_row(plan, learner, (uint8_t)clamp(row, 0, SM_AGES - 1));
  if (sm_learner_is_new(learner))
    believe_again(learner);
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
    if (plan->is_counted)
      put_in_row(plan, learner, SM_AGES);
  } else if (seen == SM_SEEN_PROCESSING) {
    learner->says_processing = true;
    plan->is_queued = false;
    if (plan->processing_ms == 0)
      plan->processing_ms = since_start(plan, now_ms);
    note_age(plan, learner, now_ms);
  }
}

/* -- what is planned ------------------------------------------------------- */

/* How little was learnt adds to the spread, and so does not knowing when a job
 * left the queue. On a server that never says PROCESSING the queue is part of
 * what was learnt. */
static struct belief believe(const struct sm_plan *plan,
                             const struct sm_learner *learner) {
  double var = learner->var;
  if (learner->weight > 0)
    var *= 1 + 1 / learner->weight;
  struct belief b = {.mu = learner->mu, .sd = sqrt(var)};
  b.mean_s = exp(learner->mu + var / 2);
  b.sigma_s = b.mean_s * sqrt(expm1(var));
  if (plan->queued_ms == 0 || !learner->says_processing)
    return b;
  double open = fmax((double)plan->processing_ms - plan->queued_ms, 0) / 1000;
  double wider = sqrt(1 + open * open / 12 / (b.sigma_s * b.sigma_s));
  b.from_s = begun_s(plan);
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
 * 0.1 to 25 s. Jobs that run beside others make it at shares of their own, for
 * what one finds helps the others. */
static double first_s(const struct belief *b, double root, double spread) {
  double gaps = root / 0.9 / sqrt(b->sigma_s); /* a usual gap, in sigmas */
  double share = 0.6 * pow(gaps, 1.4) * (1 + b->sigma_s / b->mean_s);
  return quantile_s(b, fmin(share * spread, FIRST_SHARE_MOST));
}

static bool looks_early(const struct sm_learner *learner, double first) {
  return EARLY_S < 0.6 * first && (learner->early_worth >= EARLY_WORTH ||
                                   learner->jobs % EARLY_EVERY == 0);
}

static double phase_of(const struct sm_plan *plan) {
  return plan->phase / 256.0;
}

static double spread_of(const struct sm_plan *plan,
                        const struct sm_learner *learner) {
  return learner->under_way > 1 ? 0.5 + phase_of(plan) : 1;
}

static double next_s(const struct sm_plan *plan,
                     const struct sm_learner *learner, double k, double rtt_s) {
  struct belief b = believe(plan, learner);
  double asked = seconds_since(plan, plan->asked_ms);
  if (plan->is_queued && learner->says_processing)
    return asked + clamp(fmax(fmin(2 * b.sigma_s, b.mean_s / 2), 0.1 * asked),
                         0.1, GAP_MAX_S);
  double root = root_price(&b, k);
  double first = first_s(&b, root, spread_of(plan, learner));
  if (plan->polls == 0)
    return looks_early(learner, first) ? EARLY_S : first;
  /* The look before may have moved what is believed, and with it `first`: the
   * gap is kept all the same. */
  double gap = clamp(gap_s(&b, root, fmax(asked - b.from_s, first)),
                     fmax(GAP_MIN_S, rtt_s), GAP_MAX_S);
  return fmax(b.from_s + first, asked + gap);
}

/* -- while nothing is known -------------------------------------------------
 */

/* Nobody knows when the first of a batch will be done. With r looks a second it
 * is found when the jobs that are done have waited for batch / r seconds
 * together, however the looks are placed; so the sum of delay and price is
 * least where r goes with the root of the batch, and of how likely the first is
 * done just now. That is as one over the age, as long as a server may be
 * quicker by any factor, and more near the published latency. Past that the
 * looks come steadily: what counts against them is all that were made before
 * in vain, and at a rate that falls with the root of the age these are twice as
 * many. At ten times the published latency a batch may hang, and looks become
 * fewer again. */
struct stretch {
  double from; /* age, in published latencies */
  double looks;
  bool by_root; /* they go with the root of the age, not with the age */
};

static const struct stretch stretches[] = {
    {.from = 0, .looks = 2.0, .by_root = true},
    {.from = 0.75, .looks = 3.0},
    {.from = 1.1, .looks = 1.4},
    {.from = 10, .looks = 8.9, .by_root = true},
    {.from = INFINITY},
};

static double length_to(const struct stretch *stretch, double age) {
  return stretch->by_root ? sqrt(age) - sqrt(stretch->from)
                          : age - stretch->from;
}

/* The looks that a job has made at an age, where 1 is the published latency,
 * and its own part of the batch's. */
static double looks_by(double age, double part) {
  double looks = 0;
  for (const struct stretch *at = stretches; age > at->from; at++)
    looks += at->looks * length_to(at, fmin(age, at[1].from));
  return looks * part;
}

/* The age at which it has made so many. */
static double age_of_look(double looks, double part) {
  const struct stretch *at = stretches;
  double left = looks / part;
  for (; left > at->looks * length_to(at, at[1].from); at++)
    left -= at->looks * length_to(at, at[1].from);
  double length = left / at->looks;
  return at->by_root ? pow(sqrt(at->from) + length, 2) : at->from + length;
}

/* What a job makes of its batch's looks, all of which are twice the root of the
 * batch: one over the root of its rank, so that those that have begun first,
 * and know most, look most. Those of about the same rank make as many each, or
 * their looks would now fall together and now leave gaps: it is the mean of the
 * ranks from `first` on to four times that. */
static double part_of(const struct sm_plan *plan) {
  double first = 1;
  while (first * RANKS_ALIKE <= plan->rank)
    first *= RANKS_ALIKE;
  return 2 * (sqrt(RANKS_ALIKE * first - 0.5) - sqrt(first - 0.5)) /
         ((RANKS_ALIKE - 1) * first);
}

/* The next look of a job whose place in its batch is `place` of 1, after the
 * first second. */
static double batch_next_s(const struct sm_plan *plan,
                           const struct sm_learner *learner, double part,
                           double place) {
  double published_s = exp(learner->published_mu), from = begun_s(plan);
  double age = seconds_since(plan, plan->asked_ms) - from, made = 0;
  part *= sqrt(published_s);
  double first = looks_by(EARLY_S / published_s, part);
  if (age >= EARLY_S)
    made = floor(looks_by(age / published_s, part) - first - place + 1e-3) + 1;
  double next = age_of_look(first + fmax(made, 0) + place, part) * published_s;
  return from + fmax(next, age + GAP_MIN_S);
}

/* A published latency is the service's promise. While no job of a model was
 * ever seen done, early looks find out a server that is much quicker: of one
 * that is alone three, at 1, 2.3 and 5.5 s. */
static double alone_next_s(const struct sm_plan *plan) {
  if (plan->polls >= LOOKS_ALONE)
    return INFINITY;
  double asked = seconds_since(plan, plan->asked_ms);
  double looks = asked < 1 ? 0 : floor(log(asked) / LOOK_STEP + 1e-3) + 1;
  return exp(LOOK_STEP * looks);
}

/* A few of a batch look whether what an earlier run knew holds. */
static double recalled_next_s(const struct sm_plan *plan,
                              const struct sm_learner *learner) {
  double place = (phase_of(plan) - 1) * EXPLORED_BATCH + 1;
  if (learner->jobs > 1 || learner->under_way < EXPLORED_BATCH || place < 0)
    return INFINITY;
  return batch_next_s(plan, learner, part_of(plan) * sqrt(EXPLORED_BATCH),
                      place);
}

/* `next` as far as it goes by what is known. */
static double cautious(const struct sm_plan *plan,
                       const struct sm_learner *learner, double next) {
  if (plan->is_queued)
    return next;
  if (learner->is_recalled)
    return fmin(next, recalled_next_s(plan, learner));
  if (learner->jobs > 0)
    return next;
  if (learner->under_way > 1)
    return batch_next_s(plan, learner, part_of(plan), phase_of(plan));
  return fmin(next, alone_next_s(plan));
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

/* The jobs that are over count with the mean of the squares about their own
 * mean, of which the older ones are forgotten (Welford's update). */
static void remember(struct sm_learner *learner, double ln_s) {
  double memory = MEMORY_JOBS + MEMORY_PER_JOB * learner->under_way;
  double kept = fmin(learner->weight, memory - 1);
  if (learner->weight > 0)
    learner->squares *= kept / learner->weight;
  learner->weight = kept + 1;
  double dev = ln_s - learner->mean;
  learner->mean += dev / learner->weight;
  learner->squares +=
      fmin(dev * (ln_s - learner->mean), SURPRISE_MOST * learner->var);
  learner->prior_jobs *= PRIOR_KEPT;
  learner->jobs++;
}

void sm_plan_finish(struct sm_plan *plan, struct sm_learner *learner,
                    double inference_s, int64_t now_ms) {
  if (!plan->is_counted)
    return;
  double taken = fmax(taken_s(plan, inference_s, now_ms), 0.001);
  doubt_recalled(learner, log(taken), true);
  remember(learner, log(taken));
  sm_plan_forget(plan, learner);
  believe_again(learner);
  if (plan->polls == 0 && seconds_since(plan, now_ms) < 1.5 * EARLY_S)
    judge_early(learner, true);
}
