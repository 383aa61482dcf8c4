/* The pace under any sequence of requests, refusals and good answers. */
#include <math.h>

#include "fuzz.h"
#include "sm_pace.h"

static void check(const struct sm_pace *pace, int64_t now_ms) {
  PROMISE(isfinite(pace->tokens) && isfinite(pace->rate_per_ms));
  PROMISE(pace->tokens >= 0 && pace->tokens <= pace->burst);
  PROMISE(pace->rate_per_ms >= 0 && pace->rate_per_ms <= pace->limit_per_ms);
  PROMISE(pace->limit_per_ms <= 0 || pace->rate_per_ms > 0);
  PROMISE(pace->gate_ms <= now_ms + 300000);
  PROMISE(pace->breaker_ms <= now_ms + 60000);
  PROMISE(pace->strike_next >= 0 && pace->strike_next < SM_PACE_STRIKES);
}

/* Whoever waits as long as he is told, gets his turn soon. */
static void wait_out(struct sm_pace *pace, bool is_submit, int64_t *now_ms) {
  int64_t wait_ms = 1;
  for (int i = 0; wait_ms > 0 && i < 8; i++) {
    wait_ms = sm_pace_take(pace, is_submit, *now_ms);
    PROMISE(wait_ms >= 0);
    check(pace, *now_ms);
    *now_ms += wait_ms;
  }
  PROMISE(wait_ms == 0);
}

static void act(struct sm_pace *pace, struct sm_rng *rng, struct source *source,
                int64_t *now_ms) {
  uint8_t what = take_byte(source);
  *now_ms += (int64_t)take_number(source, what & 8 ? 3 : 1);
  switch (what % 8) {
  case 0:
  case 1:
    wait_out(pace, what & 1, now_ms);
    break;
  case 2:
  case 3: {
    int64_t named_ms = (int64_t)take_number(source, 4) - 1000;
    int64_t wait_ms = sm_pace_throttle(pace, rng, named_ms, *now_ms);
    PROMISE(wait_ms >= 0 && wait_ms <= 300000);
    break;
  }
  case 4:
  case 5:
    sm_pace_strike(pace, *now_ms);
    break;
  case 6:
    sm_pace_recover(pace, *now_ms);
    break;
  default: {
    int64_t floor_ms = take_byte(source);
    int64_t wait_ms = sm_backoff_ms(rng, take_byte(source), floor_ms,
                                    floor_ms + 1, floor_ms + 5000);
    PROMISE(wait_ms >= floor_ms && wait_ms <= floor_ms + 5000);
  }
  }
  check(pace, *now_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct source source = {data, size};
  struct sm_pace pace;
  struct sm_rng rng;
  int64_t now_ms = (int64_t)take_number(&source, 4);
  double rpm = (double)take_number(&source, 3) / 16;
  sm_pace_create(&pace, rpm <= 1e6 ? rpm : 1e6, now_ms);
  sm_rng_seed(&rng, take_byte(&source));
  while (source.left > 0)
    act(&pace, &rng, &source, &now_ms);
  return 0;
}
