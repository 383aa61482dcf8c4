#include "em_latency.h"

#include <math.h>
#include <stdio.h>
#include <sys/random.h>

#include "em_clock.h"

void em_chance_create(struct em_chance *chance, bool seeded, uint64_t seed) {
  chance->state = seed;
  if (seeded)
    return;
  if (getrandom(&chance->state, sizeof chance->state, 0) !=
      (ssize_t)sizeof chance->state)
    chance->state = (uint64_t)em_clock_now_us();
}

/* splitmix64: small, fast, and good enough for a stage prop. */
uint64_t em_chance_bits(struct em_chance *chance) {
  uint64_t z = chance->state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* In (0, 1], so that its logarithm exists. */
static double unit(struct em_chance *chance) {
  return ((double)(em_chance_bits(chance) >> 11) + 1.0) / 9007199254740992.0;
}

static double normal(struct em_chance *chance) {
  double radius = sqrt(-2.0 * log(unit(chance)));
  return radius * cos(6.283185307179586 * unit(chance));
}

double em_chance_latency(struct em_chance *chance, double mean_s,
                         double variation) {
  if (variation <= 0 || mean_s <= 0)
    return mean_s > 0 ? mean_s : 0;
  double var = log(1.0 + variation * variation);
  return exp(log(mean_s) - var / 2 + sqrt(var) * normal(chance));
}

void em_chance_id(struct em_chance *chance, bool uuid, char id[EM_ID_SIZE]) {
  unsigned long long high = em_chance_bits(chance);
  unsigned long long low = em_chance_bits(chance);
  if (!uuid) {
    snprintf(id, EM_ID_SIZE, "%016llx%016llx", high, low);
    return;
  }
  snprintf(id, EM_ID_SIZE, "%08llx-%04llx-4%03llx-%04llx-%012llx", high >> 32,
           (high >> 16) & 0xffff, high & 0xfff, 0x8000 | ((low >> 48) & 0x3fff),
           low & 0xffffffffffff);
}
