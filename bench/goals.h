/* goals: what bench/run.sh ends with, a row for each goal. The file is that of
 * BENCH_GOALS; the rows are those of bench/support/trial.lua. */
#ifndef BENCH_GOALS_H
#define BENCH_GOALS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* A ratio that is to be at most so much; `peer` is what it is a ratio to. True
 * when it is. */
static inline bool goals_note(const char *name, double ratio, double most,
                              const char *peer) {
  const char *path = getenv("BENCH_GOALS");
  FILE *file = path ? fopen(path, "a") : NULL;
  bool is_met = ratio <= most;
  printf("- %s: %.2f ×, goal ≤ %g ×%s\n", name, ratio, most,
         is_met ? "" : " — **missed**");
  if (!file)
    return is_met;
  (void)fprintf(file, "| %s | %.2f × | ≤ %g × | %s | %s |\n", name, ratio, most,
                peer, is_met ? "met" : "**missed**");
  (void)fclose(file);
  return is_met;
}

#endif
