#include "em_clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t em_clock_now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t em_clock_wall_ms(double ahead_s) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 +
         (int64_t)(ahead_s * 1000);
}

enum zone {
  UTC,    /* whatever the zone is, without an offset of its own */
  LOCAL,  /* the zone's time, which the text does not say */
  OFFSET, /* the zone's time and +hh:mm */
};

struct em_date_form {
  const char *name;
  const char *pattern; /* of strftime; NULL: a number since 1970 */
  int decimals;        /* 0, 3 or 6 */
  const char *end;
  enum zone zone;
  int unit_ms; /* of a number */
};

static const struct em_date_form forms[] = {
    {"iso", "%Y-%m-%dT%H:%M:%S", 3, "Z", UTC, 0},
    {"iso-seconds", "%Y-%m-%dT%H:%M:%S", 0, "Z", UTC, 0},
    {"iso-offset", "%Y-%m-%dT%H:%M:%S", 3, "", OFFSET, 0},
    {"iso-bare", "%Y-%m-%dT%H:%M:%S", 6, "", LOCAL, 0},
    {"blank", "%Y-%m-%d %H:%M:%S", 0, "", LOCAL, 0},
    {"blank-offset", "%Y-%m-%d %H:%M:%S", 6, "", OFFSET, 0},
    {"http", "%a, %d %b %Y %H:%M:%S", 0, " GMT", UTC, 0},
    {"epoch", NULL, 0, "", UTC, 1000},
    {"epoch-fraction", NULL, 3, "", UTC, 1000},
    {"epoch-ms", NULL, 0, "", UTC, 1},
};

const struct em_date_form *em_date_form(const char *name) {
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    if (!strcmp(forms[i].name, name))
      return &forms[i];
  return NULL;
}

bool em_date_form_is_number(const struct em_date_form *form) {
  return !form->pattern;
}

static size_t write_digits(const struct em_date_form *form, int64_t wall_ms,
                           char out[EM_DATE_SIZE]) {
  struct tm parts;
  time_t seconds = (time_t)(wall_ms / 1000);
  if (form->pattern && gmtime_r(&seconds, &parts))
    return strftime(out, EM_DATE_SIZE, form->pattern, &parts);
  return (size_t)snprintf(out, EM_DATE_SIZE, "%" PRId64,
                          wall_ms / (form->unit_ms ? form->unit_ms : 1000));
}

void em_date_write(const struct em_date_form *form, int64_t wall_ms,
                   int zone_min, char out[EM_DATE_SIZE]) {
  int shift_min = form->zone == UTC ? 0 : zone_min;
  size_t size = write_digits(form, wall_ms + shift_min * INT64_C(60000), out);
  if (form->decimals)
    size += (size_t)snprintf(out + size, EM_DATE_SIZE - size, ".%03d%s",
                             (int)(wall_ms % 1000),
                             form->decimals == 6 ? "000" : "");
  if (form->zone == OFFSET)
    snprintf(out + size, EM_DATE_SIZE - size, "%c%02d:%02d",
             shift_min < 0 ? '-' : '+', abs(shift_min) / 60,
             abs(shift_min) % 60);
  else
    snprintf(out + size, EM_DATE_SIZE - size, "%s", form->end);
}

int64_t em_date_read(const char *text, bool day_end) {
  struct tm parts = {0};
  const char *rest = strptime(text, "%Y-%m-%d", &parts);
  if (!rest || *rest)
    return -1;
  int64_t day = (int64_t)timegm(&parts);
  return (day + (day_end ? 86400 : 0)) * 1000 - (day_end ? 1 : 0);
}
