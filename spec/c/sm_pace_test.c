#include "sm_pace.h"

#include "check.h"

static void chance_is_even_and_the_seed_decides(void) {
  struct sm_rng a, b;
  double sum = 0, least = 1, most = 0;
  sm_rng_seed(&a, 0);
  sm_rng_seed(&b, 0);
  for (int i = 0; i < 10000; i++) {
    double x = sm_rng_next(&a);
    CHECK(x == sm_rng_next(&b));
    sum += x;
    least = x < least ? x : least;
    most = x > most ? x : most;
  }
  CHECK(sum > 4900 && sum < 5100);
  CHECK(least >= 0 && least < 0.01 && most < 1 && most > 0.99);
}

static void back_off_is_full_jitter_under_a_doubling_top(void) {
  struct sm_rng rng;
  sm_rng_seed(&rng, 1);
  for (int attempt = 0; attempt < 100; attempt++) {
    int64_t top_ms = attempt < 5 ? INT64_C(500) << attempt : 10000;
    int64_t highest_ms = 0;
    for (int i = 0; i < 300; i++) {
      int64_t ms = sm_backoff_ms(&rng, attempt, 500, 500, 10000);
      CHECK(ms >= 500 && ms <= top_ms);
      highest_ms = ms > highest_ms ? ms : highest_ms;
    }
    CHECK(highest_ms >= top_ms - top_ms / 20);
  }
}

static void back_off_survives_any_attempt(void) {
  struct sm_rng rng;
  sm_rng_seed(&rng, 1);
  CHECK(sm_backoff_ms(&rng, 1 << 30, 0, 1, INT64_MAX / 2) >= 0);
  CHECK(sm_backoff_ms(&rng, -5, 10, 20, 30) <= 20);
  CHECK(sm_backoff_ms(&rng, 3, 100, 1, 50) == 100);
}

static void without_a_limit_nothing_waits(void) {
  struct sm_pace pace;
  sm_pace_create(&pace, 0, 1000);
  for (int i = 0; i < 1000; i++)
    CHECK(sm_pace_take(&pace, i % 2 == 0, 1000) == 0);
}

static void a_minute_holds_its_burst_and_its_rate(void) {
  struct sm_pace pace;
  int64_t now_ms = 5000;
  int taken = 0;
  sm_pace_create(&pace, 60, now_ms);
  while (now_ms < 5000 + 60000) {
    int64_t wait_ms = sm_pace_take(&pace, false, now_ms);
    taken += wait_ms == 0;
    CHECK(wait_ms >= 0 && wait_ms <= 1001);
    now_ms += wait_ms;
  }
  CHECK(taken >= 65 && taken <= 66);
}

static void a_429_closes_the_gate_for_submits_only(void) {
  struct sm_pace pace;
  struct sm_rng rng;
  sm_rng_seed(&rng, 7);
  sm_pace_create(&pace, 0, 0);
  CHECK(sm_pace_throttle(&pace, &rng, 7000, 100) == 7000);
  CHECK(sm_pace_take(&pace, true, 100) == 7000);
  CHECK(sm_pace_take(&pace, true, 7099) == 1);
  CHECK(sm_pace_take(&pace, true, 7100) == 0);
  CHECK(sm_pace_take(&pace, false, 100) == 0);
}

static void what_the_server_names_is_bounded(void) {
  struct sm_pace pace;
  struct sm_rng rng;
  sm_rng_seed(&rng, 7);
  sm_pace_create(&pace, 0, 0);
  CHECK(sm_pace_throttle(&pace, &rng, INT64_MAX, 0) == 300000);
  sm_pace_create(&pace, 0, 0);
  CHECK(sm_pace_throttle(&pace, &rng, 0, 0) >= 1000);
  sm_pace_create(&pace, 0, 0);
  CHECK(sm_pace_throttle(&pace, &rng, INT64_MIN, 0) >= 1000);
}

static void a_row_of_429s_backs_off_further(void) {
  struct sm_rng rng;
  int64_t longest_ms = 0;
  sm_rng_seed(&rng, 3);
  for (int run = 0; run < 200; run++) {
    struct sm_pace pace;
    int64_t now_ms = 0;
    sm_pace_create(&pace, 0, 0);
    for (int i = 0; i < 8; i++) {
      int64_t wait_ms = sm_pace_throttle(&pace, &rng, -1, now_ms);
      CHECK(wait_ms >= 1000 && wait_ms <= 60000);
      CHECK(i > 0 || wait_ms <= 2000);
      longest_ms = wait_ms > longest_ms ? wait_ms : longest_ms;
      now_ms += wait_ms;
    }
  }
  CHECK(longest_ms > 55000);
}

static void many_429s_at_once_are_one_piece_of_news(void) {
  struct sm_pace pace;
  struct sm_rng rng;
  sm_rng_seed(&rng, 7);
  sm_pace_create(&pace, 600, 0);
  double before = pace.rate_per_ms;
  for (int i = 0; i < 100; i++)
    sm_pace_throttle(&pace, &rng, -1, i);
  CHECK(pace.rate_per_ms > before * 0.49 && pace.rate_per_ms < before * 0.51);
  CHECK(pace.throttles == 1);
}

static void a_halved_rate_grows_back_in_quiet_times(void) {
  struct sm_pace pace;
  struct sm_rng rng;
  int64_t now_ms = 0;
  sm_rng_seed(&rng, 7);
  sm_pace_create(&pace, 600, 0);
  double before = pace.rate_per_ms;
  for (int i = 0; i < 50; i++)
    now_ms += sm_pace_throttle(&pace, &rng, 1000, now_ms);
  CHECK(pace.rate_per_ms >= before / 16 && pace.rate_per_ms < before / 8);
  CHECK(sm_pace_take(&pace, true, now_ms + 600000) == 0);
  CHECK(pace.rate_per_ms == before);
}

static void five_5xx_in_a_minute_open_the_breaker(void) {
  struct sm_pace pace;
  sm_pace_create(&pace, 0, 0);
  for (int i = 0; i < 4; i++)
    sm_pace_strike(&pace, i * 15000);
  CHECK(!sm_pace_is_open(&pace, 45000));
  sm_pace_strike(&pace, 60000);
  CHECK(sm_pace_is_open(&pace, 60000));
  CHECK(sm_pace_take(&pace, true, 60000) > 0);
  CHECK(sm_pace_take(&pace, false, 60000) == 0);
}

static void five_5xx_in_more_than_a_minute_do_not(void) {
  struct sm_pace pace;
  sm_pace_create(&pace, 0, 0);
  for (int i = 0; i < 50; i++)
    sm_pace_strike(&pace, i * 15001);
  CHECK(!sm_pace_is_open(&pace, 50 * 15001));
}

static void trip(struct sm_pace *pace, int64_t now_ms) {
  for (int i = 0; i < SM_PACE_STRIKES; i++)
    sm_pace_strike(pace, now_ms);
}

static void a_good_get_closes_the_breaker_after_30_s(void) {
  struct sm_pace pace;
  sm_pace_create(&pace, 0, 0);
  trip(&pace, 1000);
  sm_pace_recover(&pace, 5000);
  CHECK(sm_pace_is_open(&pace, 30999));
  CHECK(!sm_pace_is_open(&pace, 31000));
  trip(&pace, 200000);
  CHECK(sm_pace_is_open(&pace, 235000));
  sm_pace_recover(&pace, 235000);
  CHECK(!sm_pace_is_open(&pace, 235000));
}

static void without_a_probe_the_breaker_gives_in_after_a_minute(void) {
  struct sm_pace pace;
  sm_pace_create(&pace, 0, 0);
  trip(&pace, 1000);
  CHECK(sm_pace_is_open(&pace, 60999));
  CHECK(!sm_pace_is_open(&pace, 61000));
}

static void one_more_5xx_soon_after_opens_it_again(void) {
  struct sm_pace pace;
  sm_pace_create(&pace, 0, 0);
  trip(&pace, 1000);
  sm_pace_recover(&pace, 5000);
  CHECK(sm_pace_take(&pace, true, 31000) == 0);
  sm_pace_strike(&pace, 31500);
  CHECK(sm_pace_is_open(&pace, 31500));
}

int main(void) {
  chance_is_even_and_the_seed_decides();
  back_off_is_full_jitter_under_a_doubling_top();
  back_off_survives_any_attempt();
  without_a_limit_nothing_waits();
  a_minute_holds_its_burst_and_its_rate();
  a_429_closes_the_gate_for_submits_only();
  what_the_server_names_is_bounded();
  a_row_of_429s_backs_off_further();
  many_429s_at_once_are_one_piece_of_news();
  a_halved_rate_grows_back_in_quiet_times();
  five_5xx_in_a_minute_open_the_breaker();
  five_5xx_in_more_than_a_minute_do_not();
  a_good_get_closes_the_breaker_after_30_s();
  without_a_probe_the_breaker_gives_in_after_a_minute();
  one_more_5xx_soon_after_opens_it_again();
  return check_report("sm_pace");
}
