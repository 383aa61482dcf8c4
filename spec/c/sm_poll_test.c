#include "sm_poll.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const struct sm_dial balanced = {.k = 0.25};

/* Plays one job of `run_s` behind `queue_s` in the queue, and returns how long
 * after its end it was found done, in ms. */
static int64_t play(struct sm_learner *learner, const struct sm_dial *dial,
                    double queue_s, double run_s, bool has_states,
                    struct sm_plan *plan) {
  const int64_t start_ms = 1000000;
  int64_t ready_ms = start_ms + (int64_t)(queue_s * 1000);
  int64_t done_ms = ready_ms + (int64_t)(run_s * 1000);
  int64_t now_ms = start_ms;
  sm_plan_create(plan, learner, now_ms);
  for (;;) {
    int64_t next_ms = sm_plan_next(plan, learner, dial, 5, now_ms);
    CHECK(next_ms >= now_ms);
    CHECK(plan->polls == 0 || next_ms > now_ms);
    now_ms = next_ms;
    if (now_ms >= done_ms)
      break;
    enum sm_seen seen = SM_SEEN_NOTHING;
    if (has_states)
      seen = now_ms < ready_ms ? SM_SEEN_QUEUED : SM_SEEN_PROCESSING;
    sm_plan_note(plan, learner, seen, now_ms);
  }
  sm_plan_finish(plan, learner, has_states ? run_s : 0, now_ms);
  return now_ms - done_ms;
}

static double mean_s(const struct sm_learner *learner) {
  return exp(learner->mu + learner->var / 2);
}

static double sigma_s(const struct sm_learner *learner) {
  return mean_s(learner) * sqrt(expm1(learner->var));
}

static void a_learner_starts_from_the_published_mean(void) {
  struct sm_learner learner;
  sm_learner_create(&learner, 10.65);
  CHECK(fabs(mean_s(&learner) - 10.65) < 0.001);
  CHECK(fabs(sigma_s(&learner) / 10.65 - 0.25) < 0.001);
  double strange[] = {0, -1, NAN, INFINITY};
  for (int i = 0; i < 4; i++) {
    sm_learner_create(&learner, strange[i]);
    CHECK(fabs(mean_s(&learner) - 8) < 0.001);
  }
}

static void the_first_look_is_at_one_second_or_before_a_quick_job(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  sm_plan_create(&plan, &learner, 500);
  sm_learner_create(&learner, 10);
  CHECK(sm_plan_next(&plan, &learner, &balanced, 0, 500) == 1500);
  sm_learner_create(&learner, 0.5);
  int64_t at_ms = sm_plan_next(&plan, &learner, &balanced, 0, 500);
  CHECK(at_ms > 500 && at_ms < 1500);
}

static void a_look_that_is_overdue_is_due_now(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  sm_learner_create(&learner, 10);
  sm_plan_create(&plan, &learner, 0);
  CHECK(sm_plan_next(&plan, &learner, &balanced, 0, 99999) == 99999);
}

static void a_fixed_dial_asks_every_so_often(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  struct sm_dial fixed = {.k = 0.25, .fixed_ms = 250};
  sm_learner_create(&learner, 10);
  sm_plan_create(&plan, &learner, 100);
  CHECK(sm_plan_next(&plan, &learner, &fixed, 0, 100) == 350);
  sm_plan_note(&plan, &learner, SM_SEEN_QUEUED, 360);
  CHECK(sm_plan_next(&plan, &learner, &fixed, 0, 360) == 610);
}

static void between_the_early_look_and_the_first_few_done_nobody_asks(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  sm_learner_create(&learner, 20);
  learner.jobs = 1;
  sm_plan_create(&plan, &learner, 0);
  sm_plan_note(&plan, &learner, SM_SEEN_PROCESSING, 1000);
  int64_t at_ms = sm_plan_next(&plan, &learner, &balanced, 0, 1000);
  CHECK(at_ms > 9000 && at_ms < 16000);
}

static void the_first_job_of_a_model_is_looked_at_early(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  sm_learner_create(&learner, 60);
  sm_plan_create(&plan, &learner, 0);
  int64_t now_ms = 0;
  static const int64_t looks_ms[] = {1000, 2340, 5474};
  for (int i = 0; i < 3; i++) {
    now_ms = sm_plan_next(&plan, &learner, &balanced, 0, now_ms);
    CHECK(now_ms == looks_ms[i]);
    sm_plan_note(&plan, &learner, SM_SEEN_PROCESSING, now_ms);
  }
  CHECK(sm_plan_next(&plan, &learner, &balanced, 0, now_ms) > 20000);
}

/* A look that finds the job at work says that jobs take longer, so the first
 * look would come later now; the second is not made at once for that. */
static void a_look_that_moves_the_first_one_is_not_made_again_at_once(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  sm_learner_create(&learner, 2);
  for (int job = 0; job < 10; job++)
    play(&learner, &balanced, 0, 2 + 0.15 * (job % 7 - 3), true, &plan);
  CHECK(sm_learner_is_new(&learner));
  sm_plan_create(&plan, &learner, 0);
  int64_t first_ms = sm_plan_next(&plan, &learner, &balanced, 0, 0);
  CHECK(first_ms > 1500);
  sm_plan_note(&plan, &learner, SM_SEEN_PROCESSING, first_ms);
  CHECK(sm_plan_next(&plan, &learner, &balanced, 0, first_ms) > first_ms + 150);
}

static void the_dial_orders_the_gaps(void) {
  double k[] = {0.15, 0.25, 0.4};
  int64_t before_ms = 0;
  for (int i = 0; i < 3; i++) {
    struct sm_learner learner;
    struct sm_plan plan;
    struct sm_dial dial = {.k = k[i]};
    sm_learner_create(&learner, 20);
    sm_plan_create(&plan, &learner, 0);
    sm_plan_note(&plan, &learner, SM_SEEN_PROCESSING, 20000);
    int64_t gap_ms = sm_plan_next(&plan, &learner, &dial, 0, 20000) - 20000;
    CHECK(gap_ms > before_ms);
    before_ms = gap_ms;
  }
}

static void a_gap_is_never_under_a_round_trip_nor_over_five_seconds(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  sm_learner_create(&learner, 0.01);
  sm_plan_create(&plan, &learner, 0);
  sm_plan_note(&plan, &learner, SM_SEEN_PROCESSING, 20);
  CHECK(sm_plan_next(&plan, &learner, &balanced, 0, 20) >= 70);
  CHECK(sm_plan_next(&plan, &learner, &balanced, 400, 20) >= 420);
  learner.jobs = 100; /* what it believes has settled */
  sm_plan_note(&plan, &learner, SM_SEEN_PROCESSING, 1000000);
  CHECK(sm_plan_next(&plan, &learner, &balanced, 0, 1000000) == 1005000);
}

static void steady_jobs_are_found_quickly_with_few_polls(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  sm_learner_create(&learner, 10);
  for (int i = 0; i < 60; i++)
    play(&learner, &balanced, 0, 10 + 0.1 * (i % 7 - 3), true, &plan);
  CHECK(fabs(mean_s(&learner) - 10) < 0.2 && sigma_s(&learner) < 0.4);
  CHECK(play(&learner, &balanced, 0, 10, true, &plan) < 150);
  CHECK(plan.polls < 8);
}

static void a_wrong_published_mean_is_given_up_within_ten_jobs(void) {
  double means[] = {2, 50};
  for (int i = 0; i < 2; i++) {
    struct sm_learner learner;
    struct sm_plan plan;
    sm_learner_create(&learner, 10);
    for (int job = 0; job < 10; job++)
      play(&learner, &balanced, 0, means[i] * (job % 2 ? 0.95 : 1.05), true,
           &plan);
    CHECK(fabs(mean_s(&learner) / means[i] - 1) < 0.1);
    CHECK(play(&learner, &balanced, 0, means[i], true, &plan) < 500);
  }
}

static void a_thousandfold_server_is_soon_polled_in_time(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  sm_learner_create(&learner, 10.65);
  CHECK(play(&learner, &balanced, 0, 0.01, true, &plan) < 1000);
  for (int job = 0; job < 10; job++)
    play(&learner, &balanced, 0, 0.01, true, &plan);
  CHECK(play(&learner, &balanced, 0, 0.01, true, &plan) < 60);
}

static void a_figure_that_the_answers_refute_is_not_believed(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  sm_learner_create(&learner, 0);
  for (int job = 0; job < 20; job++) {
    sm_plan_create(&plan, &learner, 0);
    sm_plan_note(&plan, &learner, SM_SEEN_PROCESSING, 10);
    sm_plan_finish(&plan, &learner, 3600, 30);
  }
  CHECK(mean_s(&learner) < 1);
  double strange[] = {NAN, INFINITY, -1, 0};
  for (int i = 0; i < 4; i++)
    sm_plan_finish(&plan, &learner, strange[i], 30);
  CHECK(isfinite(learner.mu) && isfinite(learner.var));
}

static void time_in_the_queue_is_not_learnt_as_work(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  sm_learner_create(&learner, 10);
  for (int job = 0; job < 40; job++)
    play(&learner, &balanced, 3 + job % 20, 10, true, &plan);
  CHECK(fabs(mean_s(&learner) - 10) < 0.5);
  CHECK(play(&learner, &balanced, 15, 10, true, &plan) < 500);
  CHECK(plan.processing_ms > plan.queued_ms);
}

static void a_queued_job_is_looked_at_slowly(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  sm_learner_create(&learner, 10);
  learner.says_processing = true;
  sm_plan_create(&plan, &learner, 0);
  sm_plan_note(&plan, &learner, SM_SEEN_QUEUED, 60000);
  CHECK(sm_plan_next(&plan, &learner, &balanced, 0, 60000) == 65000);
}

static void back_in_the_queue_the_count_starts_anew(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  sm_learner_create(&learner, 10);
  sm_plan_create(&plan, &learner, 0);
  sm_plan_note(&plan, &learner, SM_SEEN_PROCESSING, 1000);
  sm_plan_note(&plan, &learner, SM_SEEN_QUEUED, 8000);
  CHECK(plan.is_queued && plan.processing_ms == 0);
  sm_plan_note(&plan, &learner, SM_SEEN_PROCESSING, 9000);
  CHECK(sm_plan_next(&plan, &learner, &balanced, 0, 9000) > 13000);
}

/* A server that says QUEUED to the end must not put the first look off. */
static void a_server_that_knows_no_processing_is_polled_all_the_same(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  sm_learner_create(&learner, 10);
  sm_plan_create(&plan, &learner, 0);
  int64_t now_ms = 0;
  while (now_ms < 20000) {
    now_ms = sm_plan_next(&plan, &learner, &balanced, 0, now_ms);
    sm_plan_note(&plan, &learner, SM_SEEN_QUEUED, now_ms);
  }
  CHECK(plan.polls > 10);
}

static void a_server_that_says_nothing_is_learnt_from_the_gaps(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  sm_learner_create(&learner, 5);
  for (int job = 0; job < 60; job++)
    play(&learner, &balanced, 0, 10 + 0.2 * (job % 7 - 3), false, &plan);
  CHECK(fabs(mean_s(&learner) - 10) < 0.5);
  CHECK(play(&learner, &balanced, 0, 10, false, &plan) < 400);
}

static void the_early_look_is_dropped_where_it_tells_nothing(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  int early = 0;
  sm_learner_create(&learner, 10);
  for (int job = 0; job < 20; job++)
    play(&learner, &balanced, 0, 10, true, &plan);
  for (int job = 0; job < 80; job++) {
    sm_plan_create(&plan, &learner, 0);
    early += sm_plan_next(&plan, &learner, &balanced, 0, 0) == 1000;
    play(&learner, &balanced, 0, 10, true, &plan);
  }
  CHECK(early == 10);
  sm_plan_create(&plan, &learner, 0);
  sm_plan_note(&plan, &learner, SM_SEEN_QUEUED, 9000);
  sm_plan_create(&plan, &learner, 0);
  CHECK(sm_plan_next(&plan, &learner, &balanced, 0, 0) == 1000);
}

static void one_stray_job_does_not_undo_what_was_learnt(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  sm_learner_create(&learner, 10);
  for (int job = 0; job < 60; job++)
    play(&learner, &balanced, 0, 10 + 0.2 * (job % 7 - 3), true, &plan);
  double before = sigma_s(&learner);
  play(&learner, &balanced, 0, 120, true, &plan);
  CHECK(mean_s(&learner) < 12 && sigma_s(&learner) < 2 * before + 0.2);
}

static void a_batch_under_way_is_one_piece_of_news(void) {
  struct sm_learner alone, many;
  struct sm_plan plan;
  sm_learner_create(&alone, 10);
  sm_learner_create(&many, 10);
  many.under_way = 100;
  for (int job = 0; job < 400; job++) {
    play(&alone, &balanced, 0, 10, true, &plan);
    play(&many, &balanced, 0, 10, true, &plan);
  }
  sm_plan_create(&plan, &alone, 0);
  sm_plan_finish(&plan, &alone, 20, 20000);
  sm_plan_create(&plan, &many, 0);
  sm_plan_finish(&plan, &many, 20, 20000);
  CHECK(mean_s(&many) < mean_s(&alone));
}

enum { BATCH = 100 };

/* A hundred jobs that begin together, of a model of which only the published
 * mean is known, on a server that takes `factor` times that, give or take a
 * fifth. Returns the polls a job, and the mean delay. */
static double play_batch(double factor, double *delay_s) {
  struct sm_learner learner;
  struct sm_plan plans[BATCH];
  int64_t next_ms[BATCH], polls = 0, late_ms = 0;
  sm_learner_create(&learner, 10);
  for (int i = 0; i < BATCH; i++) {
    sm_plan_create(&plans[i], &learner, 0);
    next_ms[i] = 0;
  }
  for (int left = BATCH; left > 0;) {
    int i = 0;
    for (int k = 1; k < BATCH; k++)
      if (next_ms[k] < next_ms[i])
        i = k;
    int64_t now_ms = next_ms[i];
    int64_t done_ms = (int64_t)(factor * (8000 + 40 * ((i * 37) % BATCH)));
    next_ms[i] = sm_plan_next(&plans[i], &learner, &balanced, 1, now_ms);
    if (next_ms[i] > now_ms)
      continue; /* more is known than when it was planned */
    polls++;
    if (now_ms < done_ms) {
      sm_plan_note(&plans[i], &learner, SM_SEEN_PROCESSING, now_ms);
      next_ms[i] = sm_plan_next(&plans[i], &learner, &balanced, 1, now_ms);
      continue;
    }
    late_ms += now_ms - done_ms;
    sm_plan_finish(&plans[i], &learner, (double)done_ms / 1000, now_ms);
    next_ms[i] = INT64_MAX;
    left--;
    for (int k = 0; k < BATCH && sm_learner_is_new(&learner); k++)
      if (next_ms[k] != INT64_MAX)
        next_ms[k] = now_ms;
  }
  CHECK(learner.under_way == 0);
  for (int row = 0; row < SM_AGES; row++)
    CHECK(learner.seen_at[row] == 0);
  *delay_s = (double)late_ms / 1000 / BATCH;
  return (double)polls / BATCH;
}

static void a_first_batch_needs_fewer_polls_than_each_second(void) {
  double delay_s;
  CHECK(play_batch(1, &delay_s) < 9);
  CHECK(delay_s < 0.25);
  CHECK(play_batch(5, &delay_s) < 25); /* and backs off while none is over */
  CHECK(delay_s < 0.8);
}

static void a_first_batch_finds_a_quick_server_by_what_one_job_finds(void) {
  double delay_s;
  CHECK(play_batch(0.2, &delay_s) < 4);
  CHECK(delay_s < 0.25);
}

/* Counts the looks of a batch of which no job is ever over, by half seconds. */
enum { HALVES = 800 };
static void look_in_vain(int looks[HALVES]) {
  struct sm_learner learner;
  struct sm_plan plans[BATCH];
  sm_learner_create(&learner, 10);
  for (int i = 0; i < BATCH; i++)
    sm_plan_create(&plans[i], &learner, 0);
  memset(looks, 0, HALVES * sizeof *looks);
  for (int i = 0; i < BATCH; i++)
    for (int64_t now_ms = 0;;) {
      now_ms = sm_plan_next(&plans[i], &learner, &balanced, 1, now_ms);
      if (now_ms >= HALVES * 500)
        break;
      sm_plan_note(&plans[i], &learner, SM_SEEN_PROCESSING, now_ms);
      looks[now_ms / 500]++;
    }
}

static int looks_between(const int looks[HALVES], int from_s, int to_s) {
  int sum = 0;
  for (int half = 2 * from_s; half < 2 * to_s; half++)
    sum += looks[half];
  return sum;
}

/* Gaps would be lost time, and looks that fall together a burst of requests. */
static void a_batch_looks_evenly_while_none_of_it_is_over(void) {
  int looks[HALVES];
  look_in_vain(looks);
  for (int half = 4; half < 100; half++) {
    int around = 0;
    for (int i = half - 2; i <= half + 2; i++)
      around += looks[i];
    CHECK(looks[half] >= 1 && looks[half] <= 12);
    CHECK(5 * looks[half] < 2 * around);
  }
}

static void a_batch_looks_most_about_the_published_latency(void) {
  int looks[HALVES];
  look_in_vain(looks);
  int before = looks_between(looks, 4, 7), about = looks_between(looks, 8, 11);
  CHECK(4 * about > 5 * before);
  CHECK(4 * about > 5 * looks_between(looks, 13, 16));
}

static void a_batch_that_is_late_is_looked_at_steadily_until_it_hangs(void) {
  int looks[HALVES];
  look_in_vain(looks);
  int late = looks_between(looks, 20, 40), later = looks_between(looks, 60, 80);
  CHECK(abs(later - late) < late / 10);
  CHECK(4 * looks_between(looks, 380, 400) < 3 * later);
}

/* The first few that are over of many, which were all seen at work before, must
 * not lead what is believed astray. */
static void the_first_of_a_large_batch_say_when_the_others_are_due(void) {
  enum { MANY = 300 };
  struct sm_learner learner;
  static struct sm_plan plans[MANY];
  sm_learner_create(&learner, 10);
  for (int i = 0; i < MANY; i++)
    sm_plan_create(&plans[i], &learner, 0);
  for (int i = 0; i < MANY; i++)
    sm_plan_note(&plans[i], &learner, SM_SEEN_PROCESSING, 30000 + 40 * i);
  for (int i = 0; i < 12; i++) {
    sm_plan_finish(&plans[i], &learner, 40 + 0.2 * i, 42500);
    CHECK(mean_s(&learner) > 40 && mean_s(&learner) < 85);
    CHECK(sigma_s(&learner) < 0.35 * mean_s(&learner));
  }
}

static void those_of_a_batch_that_began_first_look_first(void) {
  struct sm_learner learner;
  struct sm_plan plans[40];
  int64_t sum_ms[2] = {0};
  sm_learner_create(&learner, 10);
  for (int i = 0; i < 40; i++)
    sm_plan_create(&plans[i], &learner, 0);
  for (int i = 0; i < 40; i++)
    sum_ms[i / 20] += sm_plan_next(&plans[i], &learner, &balanced, 0, 0);
  CHECK(sum_ms[0] < sum_ms[1]);
}

static void a_job_at_work_is_believed_to_last_longer(void) {
  struct sm_learner learner;
  struct sm_plan plans[10];
  sm_learner_create(&learner, 10);
  for (int i = 0; i < 10; i++) {
    sm_plan_create(&plans[i], &learner, 0);
    sm_plan_note(&plans[i], &learner, SM_SEEN_PROCESSING, 15000);
  }
  CHECK(mean_s(&learner) > 18);
  for (int i = 0; i < 10; i++)
    sm_plan_forget(&plans[i], &learner);
  CHECK(learner.under_way == 0);
}

/* -- a second run -----------------------------------------------------------
 */

#define WEEK_S (7 * 24 * 3600.0)

/* What is known after sixty jobs of some ten seconds. */
static struct sm_known known_of_ten_seconds(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  sm_learner_create(&learner, 30);
  for (int job = 0; job < 60; job++)
    play(&learner, &balanced, 0, 10 + 0.4 * (job % 7 - 3), true, &plan);
  return sm_learner_known(&learner);
}

static void a_second_run_looks_as_the_first_one_did_at_its_end(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  const struct sm_known known = known_of_ten_seconds();
  sm_learner_create(&learner, 30);
  sm_learner_recall(&learner, &known, 0);
  CHECK(fabs(mean_s(&learner) - 10) < 0.2);
  CHECK(fabs(sigma_s(&learner) - 0.8) < 0.2);
  CHECK(play(&learner, &balanced, 0, 10, true, &plan) < 300);
  CHECK(plan.polls < 8); /* and none at a second, which told nothing before */
  sm_learner_create(&learner, 30);
  CHECK(play(&learner, &balanced, 0, 10, true, &plan) > 300);
}

static void what_is_old_gives_way_sooner(void) {
  const struct sm_known known = known_of_ten_seconds();
  double before = 0;
  for (int weeks = 0; weeks < 100; weeks += 3) {
    struct sm_learner learner;
    struct sm_plan plan;
    sm_learner_create(&learner, 30);
    sm_learner_recall(&learner, &known, weeks * WEEK_S);
    CHECK(fabs(mean_s(&learner) - 10) < 1);
    play(&learner, &balanced, 0, 11, true, &plan);
    CHECK(mean_s(&learner) >= before && mean_s(&learner) < 11);
    before = mean_s(&learner);
  }
  CHECK(before > 10.4);
}

static void what_does_not_hold_any_more_is_forgotten(void) {
  const struct sm_known known = known_of_ten_seconds();
  double means[] = {2, 50};
  for (int i = 0; i < 2; i++) {
    struct sm_learner learner;
    struct sm_plan plan;
    sm_learner_create(&learner, 10);
    sm_learner_recall(&learner, &known, 0);
    for (int job = 0; job < 10; job++)
      play(&learner, &balanced, 0, means[i] * (job % 2 ? 0.95 : 1.05), true,
           &plan);
    CHECK(fabs(mean_s(&learner) / means[i] - 1) < 0.1);
    CHECK(play(&learner, &balanced, 0, means[i], true, &plan) < 500);
  }
}

/* One of eight looks where the server may have become quicker. */
static void of_a_batch_in_a_second_run_some_look_early(void) {
  struct sm_learner learner;
  struct sm_plan plans[40];
  const struct sm_known known = known_of_ten_seconds();
  int early = 0;
  sm_learner_create(&learner, 10);
  sm_learner_recall(&learner, &known, 0);
  for (int i = 0; i < 40; i++) {
    sm_plan_create(&plans[i], &learner, 0);
    early += sm_plan_next(&plans[i], &learner, &balanced, 0, 0) < 7000;
  }
  CHECK(early >= 3 && early <= 5);
}

static void figures_that_make_no_sense_are_not_recalled(void) {
  const struct sm_known strange[] = {
      {.mu = 2, .var = 0.1, .jobs = 0},
      {.mu = 2, .var = 0.1, .jobs = -3},
      {.mu = 2, .var = 0, .jobs = 9},
      {.mu = 2, .var = INFINITY, .jobs = 9},
      {.mu = NAN, .var = 0.1, .jobs = 9},
      {.mu = 2000, .var = 0.1, .jobs = 9},
      {.mu = 2, .var = 0.1, .jobs = 9, .early_worth = 7},
      {.mu = 2, .var = NAN, .jobs = NAN},
  };
  struct sm_learner learner;
  for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
    sm_learner_create(&learner, 10);
    sm_learner_recall(&learner, &strange[i], 0);
    CHECK(fabs(mean_s(&learner) - 10) < 0.001 && learner.jobs == 0);
  }
  double ages_s[] = {-1e12, 0, 1e300, INFINITY, NAN};
  for (int i = 0; i < 5; i++) {
    const struct sm_known known = {.mu = 2, .var = 0.01, .jobs = 1e300};
    sm_learner_create(&learner, 10);
    sm_learner_recall(&learner, &known, ages_s[i]);
    CHECK(fabs(mean_s(&learner) - exp(2.005)) < 0.2);
  }
}

static void who_has_learned_by_himself_recalls_nothing(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  const struct sm_known known = known_of_ten_seconds();
  sm_learner_create(&learner, 30);
  play(&learner, &balanced, 0, 30, true, &plan);
  sm_learner_recall(&learner, &known, 0);
  CHECK(mean_s(&learner) > 25);
}

static void a_job_whose_beginning_is_unknown_teaches_nothing(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  sm_learner_create(&learner, 10);
  sm_plan_create(&plan, NULL, 0);
  sm_plan_note(&plan, &learner, SM_SEEN_PROCESSING, 100);
  sm_plan_finish(&plan, &learner, 0, 200);
  CHECK(fabs(mean_s(&learner) - 10) < 0.001 && learner.jobs == 0);
}

static void one_of_unknown_age_beside_a_new_batch_is_asked_for_as_others(void) {
  struct sm_learner learner;
  struct sm_plan plan, others[3];
  sm_learner_create(&learner, 10);
  for (int i = 0; i < 3; i++)
    sm_plan_create(&others[i], &learner, 0);
  sm_plan_create(&plan, NULL, 0);
  for (int64_t now_ms = 0, next_ms; now_ms < 20000; now_ms = next_ms) {
    next_ms = sm_plan_next(&plan, &learner, &balanced, 0, now_ms);
    CHECK(next_ms > now_ms && next_ms < now_ms + 5000);
    sm_plan_note(&plan, &learner, SM_SEEN_PROCESSING, next_ms);
  }
  CHECK(plan.polls > 5 && plan.polls < 40);
}

static void a_job_that_never_ends_breaks_no_counter(void) {
  struct sm_learner learner;
  struct sm_plan plan;
  sm_learner_create(&learner, 10);
  sm_plan_create(&plan, &learner, 0);
  for (int i = 0; i < 70000; i++)
    sm_plan_note(&plan, &learner, SM_SEEN_QUEUED, INT64_C(1) << 40);
  CHECK(plan.polls == UINT16_MAX && plan.queued_ms == INT32_MAX);
  CHECK(sm_plan_next(&plan, &learner, &balanced, 0, 0) > 0);
}

int main(void) {
  a_learner_starts_from_the_published_mean();
  the_first_look_is_at_one_second_or_before_a_quick_job();
  a_look_that_is_overdue_is_due_now();
  a_fixed_dial_asks_every_so_often();
  between_the_early_look_and_the_first_few_done_nobody_asks();
  the_first_job_of_a_model_is_looked_at_early();
  a_look_that_moves_the_first_one_is_not_made_again_at_once();
  the_dial_orders_the_gaps();
  a_gap_is_never_under_a_round_trip_nor_over_five_seconds();
  steady_jobs_are_found_quickly_with_few_polls();
  a_wrong_published_mean_is_given_up_within_ten_jobs();
  a_thousandfold_server_is_soon_polled_in_time();
  a_figure_that_the_answers_refute_is_not_believed();
  time_in_the_queue_is_not_learnt_as_work();
  a_queued_job_is_looked_at_slowly();
  back_in_the_queue_the_count_starts_anew();
  a_server_that_knows_no_processing_is_polled_all_the_same();
  a_server_that_says_nothing_is_learnt_from_the_gaps();
  the_early_look_is_dropped_where_it_tells_nothing();
  one_stray_job_does_not_undo_what_was_learnt();
  a_batch_under_way_is_one_piece_of_news();
  a_first_batch_needs_fewer_polls_than_each_second();
  a_first_batch_finds_a_quick_server_by_what_one_job_finds();
  a_batch_looks_evenly_while_none_of_it_is_over();
  a_batch_looks_most_about_the_published_latency();
  a_batch_that_is_late_is_looked_at_steadily_until_it_hangs();
  the_first_of_a_large_batch_say_when_the_others_are_due();
  those_of_a_batch_that_began_first_look_first();
  a_job_at_work_is_believed_to_last_longer();
  a_second_run_looks_as_the_first_one_did_at_its_end();
  what_is_old_gives_way_sooner();
  what_does_not_hold_any_more_is_forgotten();
  of_a_batch_in_a_second_run_some_look_early();
  figures_that_make_no_sense_are_not_recalled();
  who_has_learned_by_himself_recalls_nothing();
  a_job_whose_beginning_is_unknown_teaches_nothing();
  one_of_unknown_age_beside_a_new_batch_is_asked_for_as_others();
  a_job_that_never_ends_breaks_no_counter();
  return check_report("sm_poll");
}
