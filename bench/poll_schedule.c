/* poll_schedule: what asking when costs, in virtual time.
 *
 * Jobs of drawn latencies are watched by several schedules: fixed gaps (the
 * official SDK asks at once and then each second), exponential gaps, and the
 * client's own, csrc/core/sm_poll.c, as it is compiled into the client. Printed
 * are the polls a job, and mean and 95th percentile of the delay between the
 * server's completion and the poll that finds it; for the client's own also the
 * least mean delay that any schedule can have with as many polls when the true
 * distribution is known to it (by dynamic programming over a fine grid).
 *
 * Nothing sleeps and every draw is seeded, so two runs print the same. The
 * first ten jobs of a run are left out unless a line says otherwise. The exit
 * status is 1 when a goal is missed.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sm_pace.h"
#include "sm_poll.h"

enum { WARM_JOBS = 10, SLOTS_MOST = 100, GRID = 2500, DELAYS_MOST = 1 << 18 };

/* How a server behaves, in seconds. */
struct world {
  const char *name;
  double mean_s, variation;
  double queue_s, queue_variation; /* 0: no queue */
  double published_s;
  bool is_mute; /* says neither states nor inference times */
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

static void start_job(struct run *run, struct slot *slot, int64_t now_ms) {
  const struct world *world = run->world;
  double queue_s = 0;
  if (world->queue_s > 0)
    queue_s = draw_lognormal(&run->rng, world->queue_s, world->queue_variation);
  slot->run_s = draw_lognormal(&run->rng, world->mean_s, world->variation);
  slot->ready_s = (double)now_ms / 1000 + queue_s;
  slot->done_s = slot->ready_s + slot->run_s;
  slot->number = run->started++;
  sm_plan_create(&slot->plan, &run->learner, now_ms);
  slot->next_ms = first_poll(run, slot);
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

static void poll_job(struct run *run, struct slot *slot) {
  int64_t now_ms = slot->next_ms;
  if (run->schedule->kind == LEARNED) {
    int64_t next_ms = next_poll(run, slot, now_ms);
    if (next_ms > now_ms) {
      slot->next_ms = next_ms;
      return;
    }
  }
  double now_s = (double)now_ms / 1000;
  if (now_s < slot->done_s) {
    enum sm_seen seen =
        now_s < slot->ready_s ? SM_SEEN_QUEUED : SM_SEEN_PROCESSING;
    if (run->world->is_mute)
      seen = SM_SEEN_NOTHING;
    sm_plan_note(&slot->plan, &run->learner, seen, now_ms);
    slot->next_ms = next_poll(run, slot, now_ms);
    return;
  }
  tally_job(run, slot, now_s - slot->done_s);
  sm_plan_finish(&slot->plan, &run->learner,
                 run->world->is_mute ? 0 : slot->run_s, now_ms);
  run->finished++;
  if (run->schedule->kind == LEARNED && sm_learner_is_new(&run->learner))
    for (int i = 0; i < run->slot_count; i++) {
      struct slot *other = &run->slots[i];
      if (other != slot && other->next_ms != INT64_MAX)
        other->next_ms = next_poll(run, other, now_ms);
    }
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

static struct slot *next_slot(struct run *run) {
  struct slot *next = &run->slots[0];
  for (int i = 1; i < run->slot_count; i++)
    if (run->slots[i].next_ms < next->next_ms)
      next = &run->slots[i];
  return next;
}

/* Watches jobs `from` to `to`, `slots` at a time, and adds them to `tally`. */
static void simulate(const struct world *world, const struct schedule *schedule,
                     int slots, long from, long to, uint64_t seed,
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
  for (int i = 0; i < slots; i++)
    start_job(&run, &run.slots[i], 0);
  size_t wanted = tally->jobs + (size_t)(to - from);
  while (tally->jobs < wanted)
    poll_job(&run, next_slot(&run));
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
    simulate(world, schedule, slots, from, to, 1000 + (uint64_t)i, &tally);
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

static void lay_grid(struct optimum *o, const struct world *world) {
  double var = log1p(world->variation * world->variation), sd = sqrt(var);
  double mu = log(world->mean_s) - var / 2;
  double low = exp(mu - 4 * sd), high = exp(mu + 4.5 * sd);
  for (int i = 0; i < GRID; i++) {
    o->at_s[i] = i == 0 ? 0 : low + (high - low) * (i - 1) / (GRID - 2);
    double z = i == 0 ? -40 : (log(o->at_s[i]) - mu) / sd;
    o->below[i] = i == GRID - 1 ? 1 : normal_cdf(z);
    o->part_s[i] = world->mean_s * normal_cdf(z - sd);
  }
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

static const struct schedule by_second = {"fixed 1 s", FIXED, 1};
static const struct schedule by_quarter = {"fixed 0.25 s", FIXED, 0.25};
static const struct schedule by_growth = {"exponential", EXPONENTIAL, 0};
static const struct schedule balanced = {"learned", LEARNED, 0.25};

static void print_figures(const char *name, struct figures f) {
  printf("  %-22s %7.1f %7.0f %7.0f %9.2f", name, f.polls, f.mean_s * 1000,
         f.p95_s * 1000, f.polls * f.mean_s);
}

static int missed(const char *goal, bool is_met) {
  if (!is_met)
    printf("  MISSED: %s", goal);
  return is_met ? 0 : 1;
}

/* The goals of a server without a queue whose published latency is right. */
static int judge(const struct world *world, struct figures ours,
                 struct figures second) {
  double best_s = 0,
         share = ours.polls * ours.mean_s / (second.polls * second.mean_s);
  int misses = 0;
  if (world->queue_s == 0) {
    best_s = optimum_at(world, ours.polls).mean_s;
    printf("  best %.0f (x %.2f)", best_s * 1000, ours.mean_s / best_s);
  }
  printf("  share %.2f", share);
  if (world->queue_s == 0)
    misses += missed("1.2 x best", ours.mean_s <= 1.2 * best_s);
  if (world->queue_s > 0)
    misses += missed("share 0.35", share <= 0.35);
  else if (world->variation <= 0.25)
    misses += missed("share 0.5", share <= 0.5);
  /* One that says nothing is watched for the delay's sake alone. */
  if (world->variation <= 0.25 && !world->is_mute)
    misses += missed("polls", ours.polls < second.polls);
  return misses + missed("delay", ours.mean_s < second.mean_s);
}

static int compare(const struct world *world) {
  static const int batches[] = {1, 10, 100};
  int misses = 0;
  struct figures second = measure(world, &by_second, 1, 10, 2010, 20);
  printf("%s\n", world->name);
  print_figures(by_second.name, second);
  printf("\n");
  print_figures(by_quarter.name, measure(world, &by_quarter, 1, 10, 2010, 20));
  printf("\n");
  print_figures(by_growth.name, measure(world, &by_growth, 1, 10, 2010, 20));
  printf("\n");
  for (int i = 0; i < 3; i++) {
    char name[40];
    struct figures ours =
        measure(world, &balanced, batches[i], WARM_JOBS, WARM_JOBS + 1000, 40);
    (void)snprintf(name, sizeof name, "learned, %d in flight", batches[i]);
    print_figures(name, ours);
    misses += judge(world, ours, second);
    printf("\n");
  }
  return misses;
}

static int print_misled(const char *name, struct figures ours,
                        struct figures second) {
  print_figures(name, ours);
  return missed("worse in both",
                ours.polls < second.polls || ours.mean_s < second.mean_s);
}

/* A published latency that is wrong: the first ten jobs one by one, then what
 * follows, against fixed 1 s. */
static int mislead(const struct world *world) {
  static const long edges[] = {0, 1, 2, 4, 7, 10, 20, 100};
  static const int batches[] = {10, 100};
  int misses = 0;
  char name[40];
  struct figures ours, second = measure(world, &by_second, 1, 0, 100, 200);
  printf("%s\n", world->name);
  print_figures(by_second.name, second);
  printf("\n");
  for (int i = 0; i < 7; i++) {
    ours = measure(world, &balanced, 1, edges[i], edges[i + 1], 1000);
    (void)snprintf(name, sizeof name, "jobs %ld to %ld", edges[i] + 1,
                   edges[i + 1]);
    misses += print_misled(name, ours, second);
    if (edges[i] >= WARM_JOBS)
      misses += judge(world, ours, second);
    printf("\n");
  }
  for (int i = 0; i < 2; i++) {
    ours =
        measure(world, &balanced, batches[i], WARM_JOBS, WARM_JOBS + 100, 200);
    (void)snprintf(name, sizeof name, "learned, %d in flight", batches[i]);
    misses += print_misled(name, ours, second);
    misses += judge(world, ours, second);
    printf("\n");
  }
  return misses;
}

/* A hundred jobs that are sent before anything is known. */
static int start_cold(const struct world *world) {
  struct figures second = measure(world, &by_second, 100, 0, 100, 200);
  struct figures ours = measure(world, &balanced, 100, 0, 100, 200);
  double best_s = optimum_at(world, ours.polls).mean_s;
  char name[60];
  (void)snprintf(name, sizeof name, "x %.2g, var. %.2g",
                 world->mean_s / world->published_s, world->variation);
  print_figures(name, ours);
  printf("  best %.0f (x %.2f)  fixed 1 s: %.1f", best_s * 1000,
         ours.mean_s / best_s, second.polls);
  int misses = missed("1.4 x best", ours.mean_s <= 1.4 * best_s);
  if (world->variation <= 0.25)
    misses += missed("polls", ours.polls < second.polls);
  printf("\n");
  return misses;
}

static int start_all_cold(void) {
  static const double factors[] = {0.2, 1, 5};
  static const double variations[] = {0.1, 0.25};
  const double published_s = 10.65;
  int misses = 0;
  printf("a first batch of 100, published %.2f s\n", published_s);
  for (int v = 0; v < 2; v++)
    for (int f = 0; f < 3; f++) {
      struct world world = {.mean_s = published_s * factors[f],
                            .variation = variations[v],
                            .published_s = published_s};
      misses += start_cold(&world);
    }
  return misses;
}

int main(void) {
  static const struct world worlds[] = {
      {"10.65 s, variation 0.1", 10.65, 0.1, 0, 0, 10.65, false},
      {"10.65 s, variation 0.25", 10.65, 0.25, 0, 0, 10.65, false},
      {"10.65 s, variation 0.5", 10.65, 0.5, 0, 0, 10.65, false},
      {"23.3 s, variation 0.25", 23.3, 0.25, 0, 0, 23.3, false},
      {"4 s, variation 0.25", 4, 0.25, 0, 0, 4, false},
      {"2.13 s, variation 0.1", 2.13, 0.1, 0, 0, 2.13, false},
      {"53.25 s, variation 0.25", 53.25, 0.25, 0, 0, 53.25, false},
      {"10.65 s, variation 0.1, queue 5 s, variation 1", 10.65, 0.1, 5, 1,
       10.65, false},
      {"10.65 s, variation 0.25, server says no states and no times", 10.65,
       0.25, 0, 0, 10.65, true},
  };
  static const struct world liars[] = {
      {"53.25 s, variation 0.1, published 10.65 s", 53.25, 0.1, 0, 0, 10.65,
       false},
      {"53.25 s, variation 0.25, published 10.65 s", 53.25, 0.25, 0, 0, 10.65,
       false},
      {"2.13 s, variation 0.1, published 10.65 s", 2.13, 0.1, 0, 0, 10.65,
       false},
      {"2.13 s, variation 0.25, published 10.65 s", 2.13, 0.25, 0, 0, 10.65,
       false},
  };
  int misses = start_all_cold();
  printf("  %-22s %7s %7s %7s %9s\n", "", "polls", "mean ms", "p95 ms",
         "polls x s");
  for (size_t i = 0; i < sizeof worlds / sizeof worlds[0]; i++)
    misses += compare(&worlds[i]);
  for (size_t i = 0; i < sizeof liars / sizeof liars[0]; i++)
    misses += mislead(&liars[i]);
  printf(misses == 0 ? "every goal is met\n" : "%d goals are missed\n", misses);
  return misses != 0;
}
