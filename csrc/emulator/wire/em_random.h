/* Randomness that can be repeated: a hash that turns a job's words into a
 * number, and the splitmix64 sequence that follows from it. Everything the
 * painter scatters, tilts or picks comes from here; rand() and the clock are
 * kept out so that the same job gives the same bytes on every machine. Not
 * for secrets. */
#ifndef EM_RANDOM_H
#define EM_RANDOM_H

#include <stdint.h>

struct em_random {
  uint64_t state;
};

/* Mixes `text` into `salt`: FNV-1a, then a finaliser, so that neighbouring
 * seeds give unrelated numbers. */
uint64_t em_random_hash(const char *text, uint64_t salt);

uint32_t em_random_next(struct em_random *random);

/* 0 .. n-1; n must be positive. */
int em_random_below(struct em_random *random, int n);

/* low <= x < high. */
double em_random_between(struct em_random *random, double low, double high);

#endif
