/* The poll schedule over any run of jobs: no answer, however odd, may make the
 * learner lose its numbers or a poll come before its time. */
#include <math.h>

#include "fuzz.h"
#include "sm_poll.h"

static void check_learner(const struct sm_learner *learner) {
  PROMISE(isfinite(learner->mu) && isfinite(learner->var) && learner->var > 0);
  PROMISE(learner->early_worth >= 0 && learner->early_worth <= 1);
}

static int64_t ask(const struct sm_plan *plan, const struct sm_learner *learner,
                   const struct sm_dial *dial, int64_t rtt_ms, int64_t now_ms) {
  int64_t at_ms = sm_plan_next(plan, learner, dial, rtt_ms, now_ms);
  PROMISE(at_ms >= now_ms);
  return at_ms;
}

/* A server may claim any time at all. */
static double take_claim(struct source *source) {
  double claim;
  uint64_t bits = take_number(source, 8);
  memcpy(&claim, &bits, sizeof claim);
  return claim;
}

static void run_job(struct sm_learner *learner, const struct sm_dial *dial,
                    struct source *source, int64_t *now_ms) {
  struct sm_plan plan;
  int64_t rtt_ms = take_byte(source) * 250;
  sm_plan_create(&plan, take_byte(source) % 8 ? learner : NULL, *now_ms);
  for (uint8_t what; (what = take_byte(source)) % 8 != 0;) {
    *now_ms = ask(&plan, learner, dial, rtt_ms, *now_ms);
    *now_ms += (int64_t)take_number(source, what & 8 ? 4 : 1);
    sm_plan_note(&plan, learner, (enum sm_seen)(what % 3), *now_ms);
    check_learner(learner);
  }
  *now_ms = ask(&plan, learner, dial, rtt_ms, *now_ms);
  double claim = take_byte(source) % 2 ? take_claim(source) : 0;
  if (take_byte(source) % 4 == 0)
    sm_plan_forget(&plan, learner);
  sm_plan_finish(&plan, learner, claim, *now_ms);
  check_learner(learner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const double dials[] = {0.15, 0.25, 0.4};
  struct source source = {data, size};
  struct sm_learner learner;
  struct sm_dial dial = {.k = dials[take_byte(&source) % 3]};
  int64_t now_ms = (int64_t)take_number(&source, 4);
  if (take_byte(&source) % 4 == 0)
    dial.fixed_ms = 1 + (double)take_number(&source, 3) * 5;
  sm_learner_create(&learner, (double)take_number(&source, 3) / 167);
  check_learner(&learner);
  while (source.left > 0)
    run_job(&learner, &dial, &source, &now_ms);
  return 0;
}
