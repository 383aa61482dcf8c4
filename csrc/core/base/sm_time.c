#include "sm_time.h"

#include <string.h>
#include <strings.h>

#include "sm_number.h"

/* From here on a number of seconds is a moment: 9 September 2001. */
#define EPOCH_LEAST_S 1e9
/* The year 5138; from there on it counts smaller units. */
#define EPOCH_MOST_S 1e11

struct cursor {
  const char *at;
  size_t left;
};

struct moment {
  int year, month, day; /* 0: not yet */
  int hour, minute, second, ms;
  int offset_min; /* east of UTC */
  bool has_clock, has_zone, has_name;
};

/* -- the pieces ---------------------------------------------------------- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char peek(const struct cursor *in) { return in->left ? *in->at : '\0'; }

static void advance(struct cursor *in, size_t count) {
  in->at += count;
  in->left -= count;
}

static bool take(struct cursor *in, const char *any) {
  if (!in->left || !*in->at || !strchr(any, *in->at))
    return false;
  advance(in, 1);
  return true;
}

static size_t digits(const struct cursor *in) {
  size_t count = 0;
  while (count < in->left && is_digit(in->at[count]))
    count++;
  return count;
}

/* A number of exactly `count` digits, at most 9. */
static bool take_digits(struct cursor *in, size_t count, int *value) {
  if (digits(in) < count)
    return false;
  *value = 0;
  for (size_t i = 0; i < count; i++)
    *value = *value * 10 + (in->at[i] - '0');
  advance(in, count);
  return true;
}

static size_t letters(const struct cursor *in) {
  size_t count = 0;
  while (count < in->left && is_letter(in->at[count]))
    count++;
  return count;
}

/* Thousandths, of as many digits as there are. */
static bool take_fraction(struct cursor *in, int *ms) {
  size_t count = digits(in);
  *ms = 0;
  for (size_t i = 0; i < 3; i++)
    *ms = *ms * 10 + (i < count ? in->at[i] - '0' : 0);
  advance(in, count);
  return count > 0;
}

/* -- time of day and zone ------------------------------------------------ */

/* 14:59, 14:59:09, 14:59:09.123, or the same without colons. */
static bool take_clock(struct cursor *in, struct moment *out) {
  size_t first = digits(in);
  bool is_basic = first == 4 || first == 6;
  size_t hour = first == 1 ? 1 : 2;
  if (out->has_clock || first == 0 || !take_digits(in, hour, &out->hour) ||
      (!is_basic && !take(in, ":")) || !take_digits(in, 2, &out->minute))
    return false;
  bool has_seconds = is_basic ? first == 6 : take(in, ":");
  if (has_seconds && !take_digits(in, 2, &out->second))
    return false;
  if (has_seconds && take(in, ".,") && !take_fraction(in, &out->ms))
    return false;
  return out->has_clock = !is_digit(peek(in));
}

/* +05:30, +0530, -08; the sign is taken already. */
static bool take_offset(struct cursor *in, int sign, struct moment *out) {
  int hours, minutes = 0;
  if (!take_digits(in, 2, &hours))
    return false;
  if ((take(in, ":") || digits(in)) && !take_digits(in, 2, &minutes))
    return false;
  if (hours > 15 || minutes > 59 || is_digit(peek(in)))
    return false;
  out->offset_min = sign * (hours * 60 + minutes);
  return out->has_zone = true;
}

/* One of the names that RFC 822 fixed, or any behind an offset. */
static bool take_zone_name(struct cursor *in, size_t size, struct moment *out) {
  static const struct {
    const char *name;
    int hours;
  } zones[] = {{"Z", 0},    {"UTC", 0},  {"GMT", 0},  {"UT", 0},
               {"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5},
               {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7}};
  bool is_known = out->has_zone;
  if (out->has_name)
    return false;
  for (size_t i = 0; !is_known && i < sizeof zones / sizeof *zones; i++)
    if (strlen(zones[i].name) == size &&
        strncasecmp(zones[i].name, in->at, size) == 0) {
      out->offset_min = zones[i].hours * 60;
      is_known = true;
    }
  advance(in, size);
  out->has_name = true;
  return out->has_zone = is_known;
}

/* "(Coordinated Universal Time)", "[UTC]" */
static bool take_comment(struct cursor *in, char end) {
  const char *found = memchr(in->at, end, in->left);
  if (found)
    advance(in, (size_t)(found - in->at) + 1);
  return found != NULL;
}

/* What follows the time of day. */
static bool take_zone(struct cursor *in, struct moment *out) {
  while (in->left) {
    size_t name = letters(in);
    if (take(in, " "))
      continue;
    if (name            ? !take_zone_name(in, name, out)
        : take(in, "+") ? !take_offset(in, 1, out)
        : take(in, "-") ? !take_offset(in, -1, out)
        : take(in, "(") ? !take_comment(in, ')')
                        : !(take(in, "[") && take_comment(in, ']')))
      return false;
  }
  return true;
}

/* -- the forms ----------------------------------------------------------- */

static bool read_iso(struct cursor in, struct moment *out) {
  size_t first = digits(&in);
  if (first == 4) {
    if (!take_digits(&in, 4, &out->year) || !take(&in, "-/") ||
        !take_digits(&in, 2, &out->month) || !take(&in, "-/") ||
        !take_digits(&in, 2, &out->day))
      return false;
  } else if ((first != 8 && first != 14) || !take_digits(&in, 4, &out->year) ||
             !take_digits(&in, 2, &out->month) ||
             !take_digits(&in, 2, &out->day)) {
    return false;
  }
  if (first != 14 && !take(&in, "Tt _"))
    return false;
  return take_clock(&in, out) && take_zone(&in, out);
}

static int month_of(const struct cursor *in, size_t size) {
  static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
  for (int month = 0; size >= 3 && month < 12; month++)
    if (strncasecmp(names + (size_t)month * 3, in->at, 3) == 0)
      return month + 1;
  return 0;
}

static bool is_weekday(const struct cursor *in, size_t size) {
  static const char names[] = "sunmontuewedthufrisat";
  for (size_t day = 0; size >= 3 && day < 7; day++)
    if (strncasecmp(names + day * 3, in->at, 3) == 0)
      return true;
  return false;
}

static bool take_word(struct cursor *in, struct moment *out) {
  size_t size = letters(in);
  int month = month_of(in, size);
  if (month && !out->month)
    out->month = month;
  else if (!is_weekday(in, size))
    return out->has_clock && take_zone_name(in, size, out);
  advance(in, size);
  return true;
}

/* A day, a year of four digits or two, or a time of day. */
static bool take_figure(struct cursor *in, struct moment *out) {
  size_t size = digits(in);
  if (size < in->left && in->at[size] == ':')
    return take_clock(in, out);
  if (size <= 2 && !out->day)
    return take_digits(in, size, &out->day);
  if (out->year || (size != 2 && size != 4) ||
      !take_digits(in, size, &out->year))
    return false;
  if (size == 2)
    out->year += out->year < 70 ? 2000 : 1900;
  return true;
}

/* Thu, 26 Nov 2026 14:59:09 GMT; Thursday, 26-Nov-26 14:59:09 GMT;
 * Thu Nov 26 14:59:09 2026; Thu Nov 26 2026 14:59:09 GMT+0000 (UTC) */
static bool read_named(struct cursor in, struct moment *out) {
  while (in.left) {
    char c = peek(&in);
    bool is_good;
    if (c == ' ' || c == ',' || (c == '-' && !out->has_clock))
      is_good = take(&in, " ,-");
    else if (is_letter(c))
      is_good = take_word(&in, out);
    else if (is_digit(c))
      is_good = take_figure(&in, out);
    else if (c == '(')
      is_good = take_comment(&in, ')');
    else
      is_good = take(&in, "+-") && take_offset(&in, c == '-' ? -1 : 1, out);
    if (!is_good)
      return false;
  }
  return out->year && out->month && out->day && out->has_clock;
}

/* -- the calendar -------------------------------------------------------- */

static bool is_leap(int year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool is_date(const struct moment *m) {
  static const char most[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return m->year >= 1970 && m->month >= 1 && m->month <= 12 && m->day >= 1 &&
         m->day <= most[m->month - 1] + (m->month == 2 && is_leap(m->year)) &&
         m->hour <= 23 && m->minute <= 59 && m->second <= 60;
}

static int64_t days_since_1970(const struct moment *m) {
  static const int before[] = {0,   31,  59,  90,  120, 151,
                               181, 212, 243, 273, 304, 334};
  int64_t past = m->year - 1;
  int64_t days = past * 365 + past / 4 - past / 100 + past / 400 - 719162;
  return days + before[m->month - 1] + (m->month > 2 && is_leap(m->year)) +
         m->day - 1;
}

static int64_t since_1970_s(const struct moment *m) {
  int64_t hours = days_since_1970(m) * 24 + m->hour;
  return (hours * 60 + m->minute - m->offset_min) * 60 + m->second;
}

/* -- the whole ----------------------------------------------------------- */

bool sm_time_of_number(double number, int64_t *unix_ms) {
  for (int unit = 0; unit < 3 && number >= EPOCH_MOST_S; unit++)
    number /= 1000;
  if (!(number >= EPOCH_LEAST_S && number < EPOCH_MOST_S))
    return false;
  *unix_ms = (int64_t)(number * 1000 + 0.5);
  return true;
}

bool sm_time_read(const char *text, size_t size, int64_t *unix_ms) {
  bool has_zone;
  return sm_time_read_zoned(text, size, unix_ms, &has_zone);
}

bool sm_time_read_zoned(const char *text, size_t size, int64_t *unix_ms,
                        bool *has_zone) {
  struct cursor in = {text, size};
  struct moment iso = {0}, named = {0};
  double number;
  while (take(&in, " \t"))
    ;
  while (in.left && (unsigned char)in.at[in.left - 1] <= ' ')
    in.left--;
  const struct moment *found = read_iso(in, &iso)       ? &iso
                               : read_named(in, &named) ? &named
                                                        : NULL;
  *has_zone = !found || found->has_zone;
  if (!found)
    return sm_number_read(in.at, in.left, &number) &&
           sm_time_of_number(number, unix_ms);
  if (!is_date(found) || (double)since_1970_s(found) < EPOCH_LEAST_S)
    return false;
  *unix_ms = since_1970_s(found) * 1000 + found->ms;
  return true;
}
