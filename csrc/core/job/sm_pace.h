/* sm_pace: how fast, for a whole client. Pure: time and chance are handed in.
 *
 * One bucket for all submits and polls of a client (requests a minute), one
 * gate that a 429 closes for every submit together until the time the server
 * named (or a full-jitter back-off, 1 to 60 s, where it named none), and a
 * breaker that opens for 30 s after five 5xx answers within 60 s; while it is
 * open no submit goes out, and a GET is what probes the service: it stays open
 * until one was answered well, though for no more than 60 s.
 */
#ifndef SM_PACE_H
#define SM_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct sm_rng {
  uint64_t state;
};

void sm_rng_seed(struct sm_rng *rng, uint64_t seed);
/* In [0, 1). */
double sm_rng_next(struct sm_rng *rng);

/* Full jitter: uniform in [floor_ms, min(cap_ms, base_ms << attempt)];
 * attempt counts from 0. */
int64_t sm_backoff_ms(struct sm_rng *rng, int attempt, int64_t floor_ms,
                      int64_t base_ms, int64_t cap_ms);

#define SM_PACE_STRIKES 5

struct sm_pace {
  double rate_per_ms;  /* now: halved by a 429, growing back */
  double limit_per_ms; /* as the caller said; 0: no limit */
  double burst;
  double tokens;
  int64_t filled_ms; /* when `tokens` was last brought up to date */
  int64_t gate_ms;   /* submits wait until then */
  int throttles;     /* 429s in a row */
  int64_t strikes_ms[SM_PACE_STRIKES]; /* times of the last 5xx, a ring */
  int strike_next;
  int64_t breaker_ms; /* the breaker is open until then */
  int64_t probe_ms;   /* a good answer closes it from then on */
};

/* `rpm` requests a minute; 0 for no limit. The burst is a tenth of a minute's
 * worth, at least 1. */
void sm_pace_create(struct sm_pace *pace, double rpm, int64_t now_ms);

/* How long a request must wait: 0 and the token is taken, or milliseconds.
 * A submit also waits for the gate and the breaker. */
int64_t sm_pace_take(struct sm_pace *pace, bool is_submit, int64_t now_ms);

/* A 429: `retry_after_ms` as the server named it (clamped to 300 s), or -1; 0
 * names no time either. Returns the time in ms until submits go again. Halves
 * the rate as well, once for all 429s that come while the gate is closed. */
int64_t sm_pace_throttle(struct sm_pace *pace, struct sm_rng *rng,
                         int64_t retry_after_ms, int64_t now_ms);

/* A 5xx answer, and an answer that shows the service is well. */
void sm_pace_strike(struct sm_pace *pace, int64_t now_ms);
void sm_pace_recover(struct sm_pace *pace, int64_t now_ms);
bool sm_pace_is_open(const struct sm_pace *pace, int64_t now_ms);

#endif
