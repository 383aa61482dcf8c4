/* What an answer's headers say: figures, the service's clock, and for how long
 * the service wants to be left alone. */
#include "sm_header.h"

#include <stdio.h>
#include <string.h>

#include "check.h"

/* 2026-11-26T14:59:09Z, the service's time; ours is ten minutes ahead. */
#define SERVICE_MS INT64_C(1795705149000)
#define OURS_MS (SERVICE_MS + 600000)
#define DATE "Date: Thu, 26 Nov 2026 14:59:09 GMT"
#define RESET "X-Rate-Limit-Reset-At-Utc: "

static struct sm_exchange exchange;

static struct sm_answer *read_lines(const char *const *lines) {
  sm_exchange_destroy(&exchange);
  sm_exchange_create(&exchange);
  for (; *lines; lines++) {
    char line[200];
    snprintf(line, sizeof line, "%s\r\n", *lines);
    sm_header_note(&exchange.answer, line, strlen(line));
  }
  sm_header_settle(&exchange.answer, &(struct sm_date){0}, OURS_MS);
  return &exchange.answer;
}

static int64_t wait_of(const char *a, const char *b) {
  const char *const lines[] = {"HTTP/1.1 429 X", a, b, NULL};
  return read_lines(lines)->retry_after_ms;
}

static void the_reset_time_is_read_in_every_spelling(void) {
  static const char *const resets[] = {
      RESET "2026-11-26T14:59:13Z",
      RESET "2026-11-26T14:59:13.000Z",
      RESET "2026-11-26T14:59:13+00:00",
      RESET "2026-11-26 20:29:13+0530",
      RESET "2026-11-26T14:59:13",
      RESET "Thu, 26 Nov 2026 14:59:13 GMT",
      RESET "1795705153",
      RESET "1795705153000",
      RESET "4",
      RESET "4.0",
      "Retry-After: 4",
      "Retry-After: 4, 9",
      "Retry-After: 4s",
      "Retry-After: 4 seconds",
      "X-RateLimit-Reset: 4000ms",
      "x-ratelimit-reset: 1795705153",
      "RateLimit-Reset: 4",
      RESET "\"2026-11-26T14:59:13Z\"",
      "retry-after: Thu, 26 Nov 2026 "
      "14:59:13 GMT",
  };
  for (size_t i = 0; i < sizeof resets / sizeof *resets; i++) {
    CHECK(wait_of(DATE, resets[i]) == 4000);
    CHECK(wait_of(resets[i], DATE) == 4000);
  }
}

static void without_a_date_our_clock_counts(void) {
  CHECK(wait_of(RESET "2026-11-26T15:09:13Z", "x: y") == 4000);
  CHECK(wait_of(RESET "2026-11-26T15:09:13Z", "Date: today") == 4000);
}

static void a_wait_is_between_nothing_and_five_minutes(void) {
  CHECK(wait_of(DATE, RESET "2026-11-26T14:00:00Z") == 0);
  CHECK(wait_of(DATE, RESET "2027-11-26T14:00:00Z") == 300000);
  CHECK(wait_of(DATE, "Retry-After: -5") == 0);
  CHECK(wait_of(DATE, "Retry-After: 30000000000") == 300000);
  CHECK(wait_of(DATE, "Retry-After: 999999999999999999999") == 300000);
  CHECK(wait_of(RESET "4", "x-ratelimit-reset: 9") == 4000);
  CHECK(wait_of("x-ratelimit-reset: 9", RESET "4") == 4000);
  CHECK(wait_of(DATE, "Retry-After: 4 moons") == -1);
  CHECK(wait_of(DATE, RESET "soon") == -1);
  CHECK(wait_of(DATE, "x: y") == -1);
  CHECK(wait_of("Retry-After: 2", RESET "2026-11-26T16:00:00Z") == 2000);
  CHECK(wait_of("Retry-After: 0", RESET "60") == 60000);
}

static void the_date_is_the_service_s_clock(void) {
  const char *const lines[] = {"HTTP/1.1 200 OK", DATE, NULL};
  CHECK(read_lines(lines)->date_ms == SERVICE_MS);
  const char *const none[] = {"HTTP/1.1 200 OK", NULL};
  CHECK(read_lines(none)->date_ms == -1);
}

static void headers_of_an_earlier_answer_are_forgotten(void) {
  const char *const lines[] = {"HTTP/1.1 200 Connection established",
                               "Date: Thu, 01 Jan 2026 00:00:00 GMT",
                               "x-cost: 7",
                               "x-request-id: proxy",
                               "HTTP/1.1 200 OK",
                               DATE,
                               NULL};
  const struct sm_answer *answer = read_lines(lines);
  CHECK(answer->date_ms == SERVICE_MS);
  CHECK(answer->cost == -1 && answer->request_id[0] == '\0');
}

static void figures_are_read_in_the_form_of_the_wire(void) {
  const char *const lines[] = {"HTTP/1.1 200 OK", "X-Cost: $0.05 ",
                               "x-remaining-credits: nan",
                               "x-generation-time: -1", NULL};
  const struct sm_answer *answer = read_lines(lines);
  CHECK(answer->cost == 0.05 && answer->remaining_credits == -1);
  CHECK(answer->generation_s == -1);
}

int main(void) {
  sm_exchange_create(&exchange);
  the_reset_time_is_read_in_every_spelling();
  without_a_date_our_clock_counts();
  a_wait_is_between_nothing_and_five_minutes();
  the_date_is_the_service_s_clock();
  headers_of_an_earlier_answer_are_forgotten();
  figures_are_read_in_the_form_of_the_wire();
  sm_exchange_destroy(&exchange);
  return check_report("sm_header");
}
