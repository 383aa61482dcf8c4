#include "em_random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static uint64_t finalise(uint64_t x) {
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

static uint64_t fnv(uint64_t hash, const unsigned char *byte, size_t size) {
  for (; size; byte++, size--)
    hash = (hash ^ *byte) * UINT64_C(0x100000001b3);
  return hash;
}

uint64_t em_hash(const void *bytes, size_t size) {
  return fnv(UINT64_C(0xcbf29ce484222325), bytes, size);
}

uint64_t em_random_hash(const char *text, uint64_t salt) {
  uint64_t start = UINT64_C(0xcbf29ce484222325) ^ finalise(salt + 1);
  return finalise(fnv(start, (const unsigned char *)text, strlen(text)));
}

struct em_random em_random_new(void) {
  struct em_random random;
  if (getrandom(&random.state, sizeof random.state, 0) !=
      (ssize_t)sizeof random.state)
    random.state = (uint64_t)time(NULL);
  return random;
}

uint64_t em_random_bits(struct em_random *random) {
  random->state += UINT64_C(0x9e3779b97f4a7c15);
  return finalise(random->state);
}

uint32_t em_random_next(struct em_random *random) {
  return (uint32_t)(em_random_bits(random) >> 32);
}

int em_random_below(struct em_random *random, int n) {
  return (int)(((uint64_t)em_random_next(random) * (uint64_t)n) >> 32);
}

double em_random_between(struct em_random *random, double low, double high) {
  return low + (high - low) * (em_random_next(random) / 4294967296.0);
}

/* In (0, 1], so that its logarithm exists. */
static double unit(struct em_random *random) {
  return ((double)(em_random_bits(random) >> 11) + 1.0) / 9007199254740992.0;
}

static double normal(struct em_random *random) {
  double radius = sqrt(-2.0 * log(unit(random)));
  return radius * cos(6.283185307179586 * unit(random));
}

double em_random_latency(struct em_random *random, double mean_s,
                         double variation) {
  if (variation <= 0 || mean_s <= 0)
    return mean_s > 0 ? mean_s : 0;
  double var = log(1.0 + variation * variation);
  return exp(log(mean_s) - var / 2 + sqrt(var) * normal(random));
}

void em_random_id(struct em_random *random, bool uuid, char id[EM_ID_SIZE]) {
  unsigned long long high = em_random_bits(random);
  unsigned long long low = em_random_bits(random);
  if (!uuid) {
    snprintf(id, EM_ID_SIZE, "%016llx%016llx", high, low);
    return;
  }
  snprintf(id, EM_ID_SIZE, "%08llx-%04llx-4%03llx-%04llx-%012llx", high >> 32,
           (high >> 16) & 0xffff, high & 0xfff, 0x8000 | ((low >> 48) & 0x3fff),
           low & 0xffffffffffff);
}
