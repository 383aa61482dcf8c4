/* Randomness that can be repeated: hashes, and the splitmix64 sequence that
 * follows from a state. Latencies, ids, looks and faults are drawn from here;
 * rand() and the clock are kept out, so that the same seed gives the same run.
 * Not for secrets. */
#ifndef EM_RANDOM_H
#define EM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EM_ID_SIZE = 37 }; /* 32 hex digits or a UUID, and the end */

struct em_random {
  uint64_t state;
};

/* FNV-1a, of 64 bits: also the fingerprint of a picture. */
uint64_t em_hash(const void *bytes, size_t size);

/* Mixes `text` into `salt`: FNV-1a, then a finaliser, so that neighbouring
 * seeds give unrelated numbers. */
uint64_t em_random_hash(const char *text, uint64_t salt);

/* Starts from the system's entropy. */
struct em_random em_random_new(void);

uint64_t em_random_bits(struct em_random *random);
uint32_t em_random_next(struct em_random *random);

/* 0 .. n-1; n must be positive. */
int em_random_below(struct em_random *random, int n);

/* low <= x < high. */
double em_random_between(struct em_random *random, double low, double high);

/* From a lognormal distribution, never negative and with the long tail that
 * real inference has; the mean itself when the variation is 0. */
double em_random_latency(struct em_random *random, double mean_s,
                         double variation);

/* 32 hex digits, or a version 4 UUID. */
void em_random_id(struct em_random *random, bool uuid, char id[EM_ID_SIZE]);

#endif
