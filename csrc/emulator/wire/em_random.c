#include "em_random.h"

static uint64_t finalise(uint64_t x) {
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

uint64_t em_random_hash(const char *text, uint64_t salt) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ finalise(salt + 1);
  for (; *text; text++) {
    hash ^= (unsigned char)*text;
    hash *= UINT64_C(0x100000001b3);
  }
  return finalise(hash);
}

uint32_t em_random_next(struct em_random *random) {
  random->state += UINT64_C(0x9e3779b97f4a7c15);
  return (uint32_t)(finalise(random->state) >> 32);
}

int em_random_below(struct em_random *random, int n) {
  return (int)(((uint64_t)em_random_next(random) * (uint64_t)n) >> 32);
}

double em_random_between(struct em_random *random, double low, double high) {
  return low + (high - low) * (em_random_next(random) / 4294967296.0);
}
