#include "em_clock.h"

#include <stdio.h>
#include <time.h>

int64_t em_clock_now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t em_clock_wall_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void em_clock_iso(int64_t wall_ms, char out[EM_ISO_SIZE]) {
  time_t seconds = (time_t)(wall_ms / 1000);
  struct tm parts;
  gmtime_r(&seconds, &parts);
  size_t size = strftime(out, EM_ISO_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
  snprintf(out + size, EM_ISO_SIZE - size, ".%03dZ", (int)(wall_ms % 1000));
}

int64_t em_clock_parse_ms(const char *text, int day_end) {
  struct tm parts = {0};
  const char *rest = strptime(text, "%Y-%m-%d", &parts);
  if (!rest)
    return -1;
  if (*rest == '\0') {
    int64_t day = (int64_t)timegm(&parts);
    return (day + (day_end ? 86400 : 0)) * 1000 - (day_end ? 1 : 0);
  }
  if (!strptime(rest + 1, "%H:%M:%S", &parts))
    return -1;
  return (int64_t)timegm(&parts) * 1000;
}
