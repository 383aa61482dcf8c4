/* Numbers and times in text: every spelling that a server may choose. */
#include "sm_time.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "sm_number.h"

/* 2026-11-26T14:59:09Z */
#define MOMENT INT64_C(1795705149000)

static int64_t read_time(const char *text) {
  int64_t at_ms = -1;
  return sm_time_read(text, strlen(text), &at_ms) ? at_ms : -1;
}

static void one_moment_is_read_in_every_spelling(void) {
  static const char *const spellings[] = {
      "2026-11-26T14:59:09Z",
      "2026-11-26t14:59:09z",
      "2026-11-26 14:59:09",
      "2026-11-26T14:59:09",
      "2026-11-26 14:59:09 UTC",
      "2026-11-26 14:59:09.000000+00:00",
      "2026-11-26T14:59:09,000Z",
      "2026-11-26T20:29:09+05:30",
      "2026-11-26T20:29:09+0530",
      "2026-11-26T06:59:09-08",
      "2026-11-26T06:59:09 PST",
      "2026-11-26 14:59:09 +0000 UTC",
      "2026-11-26T15:59:09+01:00[Europe/Paris]",
      "2026-11-27T00:59:09+10:00",
      "2026/11/26 14:59:09",
      "20261126T145909Z",
      "20261126T205909+0600",
      "20261126145909",
      "Thu, 26 Nov 2026 14:59:09 GMT",
      "Thursday, 26-Nov-26 14:59:09 GMT",
      "Thu Nov 26 14:59:09 2026",
      "Thu Nov 26 14:59:09 UTC 2026",
      "26 Nov 2026 14:59:09 +0000",
      "Thu Nov 26 2026 15:59:09 GMT+0100 (Central European Standard Time)",
      "  1795705149 ",
      "1795705149.0",
      "1795705149000",
      "1795705149000000",
      "1795705149000000000",
      "1.795705149e9",
  };
  for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
    CHECK(read_time(spellings[i]) == MOMENT);
    if (read_time(spellings[i]) != MOMENT)
      fprintf(stderr, "%s\n", spellings[i]);
  }
}

static void fractions_and_leap_days_count(void) {
  CHECK(read_time("2026-11-26T14:59:09.1Z") == MOMENT + 100);
  CHECK(read_time("2026-11-26T14:59:09.123456789Z") == MOMENT + 123);
  CHECK(read_time("1795705149.25") == MOMENT + 250);
  CHECK(read_time("2026-11-26T14:59Z") == MOMENT - 9000);
  CHECK(read_time("2024-02-29T00:00:00Z") == INT64_C(1709164800000));
  CHECK(read_time("2024-03-01T00:00:00Z") == INT64_C(1709251200000));
  CHECK(read_time("2100-03-01T00:00:00Z") == INT64_C(4107542400000));
  CHECK(read_time("2016-12-31T23:59:60Z") == INT64_C(1483228800000));
}

static void what_is_no_moment_is_not_read(void) {
  static const char *const nonsense[] = {
      "",
      " ",
      "soon",
      "2026-13-26T14:59:09Z",
      "2026-02-30T14:59:09Z",
      "2025-02-29T14:59:09Z",
      "2026-11-26T24:59:09Z",
      "2026-11-26T14:60:09Z",
      "2026-11-26T14:59:61Z",
      "2026-11-26",
      "20261126",
      "2026-11-26T14:59:09 CET",
      "2026-11-26T14:59:09Z and more",
      "2026-11-26T02:59:09 PM",
      "2026-11-26T14:59:09+99:00",
      "2026-11-26T14:59:09+",
      "2026-11-26T14:59:09.Z",
      "11/26/2026 14:59:09",
      "26.11.2026 14:59:09",
      "Thu, 32 Nov 2026 14:59:09 GMT",
      "Thu, 26 Nov 2026",
      "Nov Nov 26 2026 14:59:09",
      "0001-01-01T00:00:00Z",
      "1970-01-01T00:00:00Z",
      "4",
      "-1795705149",
      "0x6b0878bd",
      "nan",
      "1e30",
  };
  for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
    CHECK(read_time(nonsense[i]) == -1);
    if (read_time(nonsense[i]) != -1)
      fprintf(stderr, "%s\n", nonsense[i]);
  }
}

static bool reads_as(const char *text, double expected) {
  double number = -12345;
  return sm_number_read(text, strlen(text), &number) && number == expected;
}

static void numbers_are_read_in_the_form_of_the_wire(void) {
  CHECK(reads_as("0.05", 0.05) && reads_as("-0.01", -0.01));
  CHECK(reads_as(" 7 ", 7) && reads_as("7.0", 7) && reads_as("007", 7));
  CHECK(reads_as(".5", 0.5) && reads_as("5.", 5) && reads_as("+1e3", 1000));
  CHECK(reads_as("13246127462783462783", 13246127462783462783.0));
  CHECK(reads_as("1e-400", 0));
  CHECK(reads_as("123456789012345", 123456789012345.0));
  CHECK(reads_as("0.00000000000001", 0.00000000000001));
  CHECK(reads_as("12345678901.2345", 12345678901.2345));
  CHECK(reads_as("9007199254740993.1", 9007199254740993.1));
  CHECK(reads_as("1.2345678901234567", 1.2345678901234567));
  CHECK(reads_as("0.12345678901234567", 0.12345678901234567));
  CHECK(reads_as("0.1234567890123456789", 0.1234567890123456789));
}

/* A few digits are read without strtod, to the same double. */
static void a_number_is_the_double_next_to_it(void) {
  double number;
  char text[32];
  for (int i = 0; i < 20000; i++) {
    long long digits = i * 49979687LL % 1000000007LL;
    snprintf(text, sizeof text, "%s%lld.%06lld", i % 2 ? "-" : "", digits,
             digits * 7 % 1000000);
    CHECK(sm_number_read(text, strlen(text), &number));
    char *point = strchr(text, '.');
    *point = localeconv()->decimal_point[0];
    CHECK(number == strtod(text, NULL));
  }
  CHECK(sm_number_read("-0", 2, &number) && signbit(number));
}

static void what_is_no_number_is_not_read(void) {
  static const char *const nonsense[] = {
      "",      " ",    ".",         "-",    "e5",      "1e",       "nan",
      "NaN",   "inf",  "-Infinity", "0x10", "1,5",     "0.05 USD", "1 2",
      "1e400", "1..2", "--1",       "1e+",  "\xd9\xa1"};
  double number = 3;
  for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
    CHECK(!sm_number_read(nonsense[i], strlen(nonsense[i]), &number));
  CHECK(!sm_number_read("1\0", 2, &number));
  CHECK(number == 3);
}

int main(void) {
  static const char *const locales[] = {"C", "de_DE.UTF-8", "fr_FR.UTF-8"};
  for (size_t i = 0; i < sizeof locales / sizeof *locales; i++) {
    if (!setlocale(LC_ALL, locales[i]))
      continue;
    one_moment_is_read_in_every_spelling();
    fractions_and_leap_days_count();
    what_is_no_moment_is_not_read();
    numbers_are_read_in_the_form_of_the_wire();
    a_number_is_the_double_next_to_it();
    what_is_no_number_is_not_read();
  }
  return check_report("sm_time");
}
