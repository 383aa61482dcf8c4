/* poll_world: jobs of drawn latencies, and schedules that watch them, in
 * virtual time.
 *
 * A server's latencies are lognormal, or a mix of two such; they may wait in a
 * queue before, begin together or one after the other, and the service may say
 * nothing. Watched are fixed gaps (the official SDK asks at once and then each
 * second), exponential ones, and the client's own schedule, sm_poll.c, as it is
 * compiled into the client. Nothing sleeps and every draw is seeded, so two
 * runs print the same. */
#ifndef BENCH_POLL_WORLD_H
#define BENCH_POLL_WORLD_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sm_pace.h"
#include "sm_poll.h"

enum { WARM_JOBS = 10, SLOTS_MOST = 300, GRID = 2500, DELAYS_MOST = 1 << 18 };

/* How a server behaves, in seconds. */
struct world {
  const char *name;
  double mean_s, variation;
  double queue_s, queue_variation; /* 0: no queue */
  double published_s;
  bool is_mute; /* says neither states nor inference times */
  /* A share of the jobs is of another kind: so many times as long. */
  double other_share, other_factor, other_variation;
  double begin_s; /* the jobs of a batch begin one by one, in that time */
  /* What the run before has learned of it, if that knew the model at all. */
  const struct sm_known *known;
};

enum kind { FIXED, EXPONENTIAL, LEARNED };

struct schedule {
  const char *name;
  enum kind kind;
  double gap_s; /* fixed gap, or k */
};

struct tally {
  size_t jobs;
  double polls, delay_s;
  float *delays_s; /* DELAYS_MOST */
};

struct slot {
  struct sm_plan plan;
  double run_s, ready_s, done_s; /* ready: PROCESSING begins */
  int64_t next_ms;
  double gap_s; /* of the exponential schedule */
  long number;
  bool is_begun;
};

struct run {
  const struct world *world;
  const struct schedule *schedule;
  struct sm_rng rng;
  struct sm_learner learner;
  struct slot slots[SLOTS_MOST];
  int slot_count;
  long started, finished;
  long count_from, count_to; /* which jobs are tallied, in order of start */
  bool is_batch;             /* nothing is started but the first of each slot */
  struct tally *tally;
};

static double draw_normal(struct sm_rng *rng) {
  const double turn = 6.283185307179586;
  double u = 1 - sm_rng_next(rng);
  return sqrt(-2 * log(u)) * cos(turn * sm_rng_next(rng));
}

static double draw_lognormal(struct sm_rng *rng, double mean, double cv) {
  double var = log1p(cv * cv);
  return exp(log(mean) - var / 2 + sqrt(var) * draw_normal(rng));
}

static int64_t first_poll(struct run *run, struct slot *slot) {
  const struct schedule *schedule = run->schedule;
  if (schedule->kind == FIXED)
    return slot->plan.start_ms;
  slot->gap_s = 0.5;
  if (schedule->kind == EXPONENTIAL)
    return slot->plan.start_ms + 500;
  struct sm_dial dial = {.k = schedule->gap_s};
  return sm_plan_next(&slot->plan, &run->learner, &dial, 1,
                      slot->plan.start_ms);
}

static int64_t next_poll(struct run *run, struct slot *slot, int64_t now_ms) {
  const struct schedule *schedule = run->schedule;
  if (schedule->kind == FIXED)
    return now_ms + (int64_t)(schedule->gap_s * 1000);
  if (schedule->kind == EXPONENTIAL) {
    slot->gap_s = fmin(slot->gap_s * 1.5, 5);
    return now_ms + (int64_t)(slot->gap_s * 1000);
  }
  struct sm_dial dial = {.k = schedule->gap_s};
  return sm_plan_next(&slot->plan, &run->learner, &dial, 1, now_ms);
}

static double draw_run(struct sm_rng *rng, const struct world *world) {
  if (world->other_share > 0 && sm_rng_next(rng) < world->other_share)
    return draw_lognormal(rng, world->mean_s * world->other_factor,
                          world->other_variation);
  return draw_lognormal(rng, world->mean_s, world->variation);
}

static void start_job(struct run *run, struct slot *slot, int64_t now_ms) {
  const struct world *world = run->world;
  double queue_s = 0;
  if (world->queue_s > 0)
    queue_s = draw_lognormal(&run->rng, world->queue_s, world->queue_variation);
  slot->run_s = draw_run(&run->rng, world);
  slot->ready_s = (double)now_ms / 1000 + queue_s;
  slot->done_s = slot->ready_s + slot->run_s;
  slot->number = run->started++;
  slot->is_begun = true;
  sm_plan_create(&slot->plan, &run->learner, now_ms);
  slot->next_ms = first_poll(run, slot);
}

/* The first job of a slot begins when its turn has come. */
static void begin_job(struct run *run, struct slot *slot) {
  double share = (double)(slot - run->slots) / run->slot_count;
  slot->next_ms = (int64_t)(run->world->begin_s * share * 1000);
  if (slot->next_ms == 0)
    start_job(run, slot, 0);
}

static void tally_job(struct run *run, const struct slot *slot, double late_s) {
  struct tally *tally = run->tally;
  if (slot->number < run->count_from || slot->number >= run->count_to)
    return;
  /* In a batch, one of these may be done before ten are. */
  if (run->count_from == WARM_JOBS && run->finished < WARM_JOBS)
    return;
  tally->polls += slot->plan.polls + 1;
  tally->delay_s += late_s;
  if (tally->jobs < DELAYS_MOST)
    tally->delays_s[tally->jobs] = (float)late_s;
  tally->jobs++;
}

/* The client plans the others anew while a model is new to it. */
static void plan_others(struct run *run, const struct slot *slot,
                        int64_t now_ms) {
  if (run->schedule->kind != LEARNED || !sm_learner_is_new(&run->learner))
    return;
  for (int i = 0; i < run->slot_count; i++) {
    struct slot *other = &run->slots[i];
    if (other != slot && other->is_begun && other->next_ms != INT64_MAX)
      other->next_ms = next_poll(run, other, now_ms);
  }
}

static void find_running(struct run *run, struct slot *slot, int64_t now_ms) {
  enum sm_seen seen = (double)now_ms / 1000 < slot->ready_s
                          ? SM_SEEN_QUEUED
                          : SM_SEEN_PROCESSING;
  if (run->world->is_mute)
    seen = SM_SEEN_NOTHING;
  sm_plan_note(&slot->plan, &run->learner, seen, now_ms);
  slot->next_ms = next_poll(run, slot, now_ms);
}

static void find_done(struct run *run, struct slot *slot, int64_t now_ms) {
  tally_job(run, slot, (double)now_ms / 1000 - slot->done_s);
  sm_plan_finish(&slot->plan, &run->learner,
                 run->world->is_mute ? 0 : slot->run_s, now_ms);
  run->finished++;
  plan_others(run, slot, now_ms);
  if (run->is_batch) {
    slot->next_ms = INT64_MAX;
    return;
  }
  /* Jobs that count start after ten are done, whatever the batch. */
  if (run->finished == WARM_JOBS && run->count_from == WARM_JOBS) {
    run->count_to += run->started - run->count_from;
    run->count_from = run->started;
  }
  start_job(run, slot, now_ms);
}

static void poll_job(struct run *run, struct slot *slot) {
  int64_t now_ms = slot->next_ms, next_ms = now_ms;
  if (!slot->is_begun) {
    start_job(run, slot, now_ms);
    return;
  }
  if (run->schedule->kind == LEARNED)
    next_ms = next_poll(run, slot, now_ms);
  if (next_ms > now_ms) /* more is known than when it was planned */
    slot->next_ms = next_ms;
  else if ((double)now_ms / 1000 < slot->done_s)
    find_running(run, slot, now_ms);
  else
    find_done(run, slot, now_ms);
}

static struct slot *next_slot(struct run *run) {
  struct slot *next = &run->slots[0];
  for (int i = 1; i < run->slot_count; i++)
    if (run->slots[i].next_ms < next->next_ms)
      next = &run->slots[i];
  return next;
}

/* Watches jobs `from` to `to`, `slots` at a time, and adds them to `tally`.
 * Returns what is known then. */
static struct sm_known simulate(const struct world *world,
                                const struct schedule *schedule, int slots,
                                long from, long to, uint64_t seed,
                                struct tally *tally) {
  static struct run run;
  memset(&run, 0, sizeof run);
  run.world = world;
  run.schedule = schedule;
  run.slot_count = slots;
  run.is_batch = from == 0 && to == slots;
  run.count_from = from;
  run.count_to = to;
  run.tally = tally;
  sm_rng_seed(&run.rng, seed);
  sm_learner_create(&run.learner, world->published_s);
  if (world->known)
    sm_learner_recall(&run.learner, world->known, 0);
  for (int i = 0; i < slots; i++)
    begin_job(&run, &run.slots[i]);
  size_t wanted = tally->jobs + (size_t)(to - from);
  while (tally->jobs < wanted)
    poll_job(&run, next_slot(&run));
  return sm_learner_known(&run.learner);
}

/* What is known after a hundred jobs, ten at a time. */
static struct sm_known learn(const struct world *world,
                             const struct schedule *schedule) {
  static float delays_s[DELAYS_MOST];
  static struct tally tally;
  tally = (struct tally){.delays_s = delays_s};
  return simulate(world, schedule, 10, 0, 100, 7, &tally);
}

struct figures {
  double polls, mean_s, p95_s;
};

static int compare_floats(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static struct figures figures_of(struct tally *tally) {
  size_t count = tally->jobs < DELAYS_MOST ? tally->jobs : DELAYS_MOST;
  qsort(tally->delays_s, count, sizeof(float), compare_floats);
  return (struct figures){
      .polls = tally->polls / (double)tally->jobs,
      .mean_s = tally->delay_s / (double)tally->jobs,
      .p95_s = (double)tally->delays_s[count * 95 / 100],
  };
}

/* `runs` runs with seeds of their own, jobs `from` to `to` of each. */
static struct figures measure(const struct world *world,
                              const struct schedule *schedule, int slots,
                              long from, long to, int runs) {
  static float delays_s[DELAYS_MOST];
  struct tally tally = {.delays_s = delays_s};
  for (int i = 0; i < runs; i++)
    (void)simulate(world, schedule, slots, from, to, 1000 + (uint64_t)i,
                   &tally);
  return figures_of(&tally);
}

/* The optimum: with a price on a poll, the cheapest plan from every grid time
 * on, backwards; the price that gives the wanted number of polls by bisection.
 */
struct optimum {
  double at_s[GRID], below[GRID], part_s[GRID]; /* time, cdf, partial mean */
  double cost[GRID];
  int next[GRID];
};

static double normal_cdf(double z) { return erfc(-z / sqrt(2)) / 2; }

/* The share of jobs of a lognormal kind that are over by `t`, and what they add
 * to the mean until then. */
static void add_kind(double mean, double variation, double share, double t,
                     double *below, double *part_s) {
  double var = log1p(variation * variation), sd = sqrt(var);
  double z = t > 0 ? (log(t) - log(mean) + var / 2) / sd : -40;
  *below += share * normal_cdf(z);
  *part_s += share * mean * normal_cdf(z - sd);
}

static double edge(double mean, double variation, double deviations) {
  double var = log1p(variation * variation);
  return exp(log(mean) - var / 2 + deviations * sqrt(var));
}

static void lay_grid(struct optimum *o, const struct world *world) {
  double share = world->other_share;
  double other = world->mean_s * world->other_factor;
  double low = edge(world->mean_s, world->variation, -4);
  double high = edge(world->mean_s, world->variation, 4.5);
  if (share > 0) {
    low = fmin(low, edge(other, world->other_variation, -4));
    high = fmax(high, edge(other, world->other_variation, 4.5));
  }
  for (int i = 0; i < GRID; i++) {
    double t = i == 0 ? 0 : low + (high - low) * (i - 1) / (GRID - 2);
    o->at_s[i] = t;
    o->below[i] = o->part_s[i] = 0;
    add_kind(world->mean_s, world->variation, 1 - share, t, &o->below[i],
             &o->part_s[i]);
    if (share > 0)
      add_kind(other, world->other_variation, share, t, &o->below[i],
               &o->part_s[i]);
  }
  o->below[GRID - 1] = 1;
}

static double delay_between(const struct optimum *o, int i, int j) {
  return o->at_s[j] * (o->below[j] - o->below[i]) -
         (o->part_s[j] - o->part_s[i]);
}

static struct figures plan_at_price(struct optimum *o, double price) {
  o->cost[GRID - 1] = 0;
  for (int i = GRID - 2; i >= 0; i--) {
    double ask = price * (1 - o->below[i]);
    o->cost[i] = INFINITY;
    for (int j = i + 1; j < GRID; j++) {
      double wait = ask + delay_between(o, i, j);
      if (wait + o->cost[j] < o->cost[i]) {
        o->cost[i] = wait + o->cost[j];
        o->next[i] = j;
      }
      if (wait > o->cost[i]) /* waiting longer only costs more */
        break;
    }
  }
  struct figures f = {0};
  for (int i = 0; i < GRID - 1; i = o->next[i]) {
    f.polls += 1 - o->below[i];
    f.mean_s += delay_between(o, i, o->next[i]);
  }
  return f;
}

static struct figures optimum_at(const struct world *world, double polls) {
  static struct optimum o;
  lay_grid(&o, world);
  double low = 1e-6, high = 100;
  for (int i = 0; i < 36; i++) {
    double price = sqrt(low * high);
    if (plan_at_price(&o, price).polls > polls)
      low = price;
    else
      high = price;
  }
  return plan_at_price(&o, high);
}

#endif
