/* Chance, in one place: latencies and ids.
 *
 * A model's latency is drawn from a lognormal distribution whose mean is the
 * one its page publishes: never negative, with the long tail real inference
 * has. With a seed every draw repeats, so a run can be made again. */
#ifndef EM_LATENCY_H
#define EM_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

enum { EM_ID_SIZE = 37 }; /* 32 hex digits or a UUID, and the end */

struct em_chance {
  uint64_t state;
};

/* Starts from the seed, or from the system's entropy when not `seeded`. */
void em_chance_create(struct em_chance *chance, bool seeded, uint64_t seed);
uint64_t em_chance_bits(struct em_chance *chance);

/* Seconds, lognormal with this mean and coefficient of variation; the mean
 * itself when the variation is 0. */
double em_chance_latency(struct em_chance *chance, double mean_s,
                         double variation);

/* 32 hex digits, or a version 4 UUID. */
void em_chance_id(struct em_chance *chance, bool uuid, char id[EM_ID_SIZE]);

#endif
