#include "sm_pace.h"

#define STRIKE_WINDOW_MS 60000
#define BREAKER_MS 30000
#define RETRY_AFTER_MAX_MS 300000
#define THROTTLE_MIN_MS 1000
#define THROTTLE_MAX_MS 60000
/* A rate that a 429 halved is whole again after ten quiet minutes, and never
 * falls under a sixteenth: an account's limit may be lower than the caller
 * said, but it is not nothing. */
#define REGROW_MS 600000.0
#define LOWEST_SHARE 16.0

/* splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
 * Generators, OOPSLA 2014): any seed will do, 0 too. */
void sm_rng_seed(struct sm_rng *rng, uint64_t seed) { rng->state = seed; }

double sm_rng_next(struct sm_rng *rng) {
  rng->state += UINT64_C(0x9e3779b97f4a7c15);
  uint64_t z = rng->state;
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  z ^= z >> 31;
  return (double)(z >> 11) * 0x1p-53;
}

static int64_t clamp_ms(int64_t value, int64_t low, int64_t high) {
  if (value < low)
    return low;
  return value > high ? high : value;
}

/* base << attempt, but never past cap. */
static int64_t doubled(int64_t base_ms, int attempt, int64_t cap_ms) {
  int64_t top_ms = base_ms;
  for (int i = 0; i < attempt && top_ms < cap_ms; i++)
    top_ms = top_ms > cap_ms / 2 ? cap_ms : top_ms * 2;
  return top_ms < cap_ms ? top_ms : cap_ms;
}

int64_t sm_backoff_ms(struct sm_rng *rng, int attempt, int64_t floor_ms,
                      int64_t base_ms, int64_t cap_ms) {
  int64_t top_ms = doubled(base_ms, attempt, cap_ms);
  if (top_ms <= floor_ms)
    return floor_ms;
  double span = (double)(top_ms - floor_ms) + 1;
  return clamp_ms(floor_ms + (int64_t)(sm_rng_next(rng) * span), floor_ms,
                  top_ms);
}

void sm_pace_create(struct sm_pace *pace, double rpm, int64_t now_ms) {
  bool is_limited = rpm > 0;
  *pace = (struct sm_pace){
      .rate_per_ms = is_limited ? rpm / 60000 : 0,
      .limit_per_ms = is_limited ? rpm / 60000 : 0,
      .burst = is_limited && rpm > 10 ? rpm / 10 : 1,
      .filled_ms = now_ms,
      .gate_ms = now_ms,
      .breaker_ms = now_ms,
      .probe_ms = now_ms,
  };
  pace->tokens = pace->burst;
  for (int i = 0; i < SM_PACE_STRIKES; i++)
    pace->strikes_ms[i] = now_ms - STRIKE_WINDOW_MS - 1;
}

/* Brings the bucket up to date, and lets a halved rate grow back. */
static void fill(struct sm_pace *pace, int64_t now_ms) {
  if (now_ms <= pace->filled_ms)
    return;
  double passed_ms = (double)(now_ms - pace->filled_ms);
  pace->filled_ms = now_ms;
  pace->tokens += pace->rate_per_ms * passed_ms;
  if (pace->tokens > pace->burst)
    pace->tokens = pace->burst;
  pace->rate_per_ms += pace->limit_per_ms * (passed_ms / REGROW_MS);
  if (pace->rate_per_ms > pace->limit_per_ms)
    pace->rate_per_ms = pace->limit_per_ms;
}

static int64_t later(int64_t a_ms, int64_t b_ms) {
  return a_ms > b_ms ? a_ms : b_ms;
}

int64_t sm_pace_take(struct sm_pace *pace, bool is_submit, int64_t now_ms) {
  int64_t closed_ms = later(pace->gate_ms, pace->breaker_ms) - now_ms;
  if (is_submit && closed_ms > 0)
    return closed_ms;
  if (pace->limit_per_ms <= 0)
    return 0;
  fill(pace, now_ms);
  if (pace->tokens >= 1) {
    pace->tokens -= 1;
    return 0;
  }
  /* Rounded up and never 0, which would mean that the token was taken. */
  return (int64_t)((1 - pace->tokens) / pace->rate_per_ms) + 1;
}

/* A hundred submits in flight can bring a hundred 429s; they are one piece of
 * news, told by the first. Those behind it find the gate closed. */
static void slow_down(struct sm_pace *pace, int64_t now_ms) {
  double lowest = pace->limit_per_ms / LOWEST_SHARE;
  fill(pace, now_ms);
  pace->rate_per_ms /= 2;
  if (pace->rate_per_ms < lowest)
    pace->rate_per_ms = lowest;
  if (pace->tokens > 1)
    pace->tokens = 1;
  /* Answers to polls say nothing about submits, so it is a quiet minute that
   * ends a row of 429s, and not the next 200. */
  if (now_ms - pace->gate_ms > THROTTLE_MAX_MS)
    pace->throttles = 0;
  pace->throttles++;
}

int64_t sm_pace_throttle(struct sm_pace *pace, struct sm_rng *rng,
                         int64_t retry_after_ms, int64_t now_ms) {
  bool is_news = now_ms >= pace->gate_ms;
  int64_t wait_ms = clamp_ms(retry_after_ms, 0, RETRY_AFTER_MAX_MS);
  if (is_news)
    slow_down(pace, now_ms);
  /* "Retry-After: 0" names no time either: obeyed, it would be a hot loop. */
  if (is_news && wait_ms == 0)
    wait_ms = sm_backoff_ms(rng, pace->throttles, THROTTLE_MIN_MS,
                            THROTTLE_MIN_MS, THROTTLE_MAX_MS);
  pace->gate_ms = later(pace->gate_ms, now_ms + wait_ms);
  return pace->gate_ms - now_ms;
}

/* Open until a GET was answered well, 30 s at least; without any GET the
 * breaker gives in after twice that, or a client with nothing to poll would
 * stay shut. The strikes are kept, so one more 5xx soon after opens it again.
 */
void sm_pace_strike(struct sm_pace *pace, int64_t now_ms) {
  pace->strikes_ms[pace->strike_next] = now_ms;
  pace->strike_next = (pace->strike_next + 1) % SM_PACE_STRIKES;
  int64_t oldest_ms = pace->strikes_ms[pace->strike_next];
  if (now_ms - oldest_ms > STRIKE_WINDOW_MS || sm_pace_is_open(pace, now_ms))
    return;
  pace->probe_ms = now_ms + BREAKER_MS;
  pace->breaker_ms = now_ms + 2 * (int64_t)BREAKER_MS;
}

void sm_pace_recover(struct sm_pace *pace, int64_t now_ms) {
  if (sm_pace_is_open(pace, now_ms))
    pace->breaker_ms = later(pace->probe_ms, now_ms);
}

bool sm_pace_is_open(const struct sm_pace *pace, int64_t now_ms) {
  return now_ms < pace->breaker_ms;
}
