/* poll_batches: what the first jobs of a model cost, when nothing or little is
 * known of it.
 *
 * Batches that are sent at once or one by one, of 10 to 300 jobs, on servers
 * that are as quick as published, five times quicker and five times slower; of
 * little and of much variation, with a queue, a heavy tail, two kinds of jobs.
 * Then the second run of a client with a ledger, which recalls what the first
 * one learned, on the same server and on one that has changed since. Goals are
 * judged by poll_schedule; this shows what a change to sm_poll.c does
 * elsewhere.
 */
#include "poll_world.h"

static const struct schedule by_second = {"fixed 1 s", FIXED, 1};
static const struct schedule balanced = {"learned", LEARNED, 0.25};

static void print_row(const struct world *world, struct figures ours,
                      struct figures second) {
  printf("  %-44s %6.1f %6.0f %6.0f  %6.1f %5.0f", world->name, ours.polls,
         ours.mean_s * 1000, ours.p95_s * 1000, second.polls,
         second.mean_s * 1000);
  if (world->queue_s == 0)
    printf("  x %.2f", ours.mean_s / optimum_at(world, ours.polls).mean_s);
  printf("\n");
}

static void print_batch(const struct world *world, int jobs) {
  int runs = 20000 / jobs < 500 ? 20000 / jobs : 500;
  print_row(world, measure(world, &balanced, jobs, 0, jobs, runs),
            measure(world, &by_second, jobs, 0, jobs, runs));
}

static const double factors[] = {0.2, 1, 5};

static void print_factors(struct world world, const char *words, int jobs) {
  char name[80];
  double mean_s = world.mean_s;
  for (int i = 0; i < 3; i++) {
    world.mean_s = mean_s * factors[i];
    (void)snprintf(name, sizeof name, "%d jobs, %s, %.3g s", jobs, words,
                   world.mean_s);
    world.name = name;
    print_batch(&world, jobs);
  }
}

static void print_variations(void) {
  static const double variations[] = {0.05, 0.1, 0.25, 0.5};
  char words[40];
  for (int i = 0; i < 4; i++) {
    const struct world world = {
        .mean_s = 10.65, .variation = variations[i], .published_s = 10.65};
    (void)snprintf(words, sizeof words, "variation %.2g", variations[i]);
    print_factors(world, words, 100);
  }
}

static void print_means(void) {
  static const double means[] = {3, 23.3, 60};
  for (int i = 0; i < 3; i++)
    for (double variation = 0.1; variation < 0.3; variation += 0.15) {
      const struct world world = {
          .mean_s = means[i], .variation = variation, .published_s = means[i]};
      char words[40];
      (void)snprintf(words, sizeof words, "published %.3g s, var. %.2g",
                     means[i], variation);
      print_factors(world, words, 100);
    }
}

static void print_shapes(void) {
  static const struct {
    const char *words;
    struct world world;
    int jobs;
  } shapes[] = {
      {"var. 0.1", {.variation = 0.1}, 10},
      {"var. 0.25", {.variation = 0.25}, 10},
      {"var. 0.1", {.variation = 0.1}, 30},
      {"var. 0.1", {.variation = 0.1}, 300},
      {"var. 0.25", {.variation = 0.25}, 300},
      {"var. 0.1, begun within 5 s", {.variation = 0.1, .begin_s = 5}, 100},
      {"var. 0.1, begun within 30 s", {.variation = 0.1, .begin_s = 30}, 100},
      {"var. 0.25, begun within 5 s", {.variation = 0.25, .begin_s = 5}, 100},
      {"var. 0.1, queue of 5 s",
       {.variation = 0.1, .queue_s = 5, .queue_variation = 1},
       100},
      {"var. 0.25, queue of 20 s",
       {.variation = 0.25, .queue_s = 20, .queue_variation = 0.5},
       100},
      {"var. 0.1, no states", {.variation = 0.1, .is_mute = true}, 100},
      {"a tenth thrice as long",
       {.variation = 0.1,
        .other_share = 0.1,
        .other_factor = 3,
        .other_variation = 0.5},
       100},
      {"half twice as long",
       {.variation = 0.1,
        .other_share = 0.5,
        .other_factor = 2,
        .other_variation = 0.1},
       100},
  };
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    struct world world = shapes[i].world;
    world.mean_s = world.published_s = 10.65;
    print_factors(world, shapes[i].words, shapes[i].jobs);
  }
}

static void print_second_run(double variation, double factor) {
  static const int batches[] = {1, 10, 100};
  struct world world = {
      .mean_s = 10.65, .variation = variation, .published_s = 10.65};
  const struct sm_known known = learn(&world, &balanced);
  char name[80];
  world.mean_s *= factor;
  world.known = &known;
  for (int i = 0; i < 3; i++) {
    (void)snprintf(name, sizeof name, "first %d, var. %.2g, %.2g x since",
                   batches[i], variation, factor);
    world.name = name;
    print_batch(&world, batches[i]);
  }
  (void)snprintf(name, sizeof name, "jobs 11 to 20, var. %.2g, %.2g x since",
                 variation, factor);
  print_row(&world, measure(&world, &balanced, 1, 10, 20, 500),
            measure(&world, &by_second, 1, 10, 20, 500));
}

int main(void) {
  printf("  %-44s %6s %6s %6s  %12s\n", "first batches", "polls", "ms", "p95",
         "fixed 1 s");
  print_variations();
  print_means();
  print_shapes();
  printf("  in a second run\n");
  for (int i = 0; i < 3; i++)
    print_second_run(0.1, factors[i]);
  for (int i = 0; i < 3; i++)
    print_second_run(0.25, factors[i]);
  return 0;
}
