#include "sm_header.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define MAX_WAIT_S 300

static bool is_header(const char *line, size_t size, const char *name,
                      const char **value, size_t *value_size) {
  size_t length = strlen(name);
  if (size <= length || line[length] != ':' ||
      strncasecmp(line, name, length) != 0)
    return false;
  line += length + 1;
  size -= length + 1;
  while (size && (*line == ' ' || *line == '\t'))
    line++, size--;
  while (size && (unsigned char)line[size - 1] <= ' ')
    size--;
  *value = line;
  *value_size = size;
  return true;
}

static void copy_text(char *out, size_t out_size, const char *value,
                      size_t size) {
  if (size >= out_size)
    size = out_size - 1;
  memcpy(out, value, size);
  out[size] = '\0';
}

static double number_of(const char *value, size_t size) {
  char text[32];
  char *end;
  copy_text(text, sizeof text, value, size);
  double number = strtod(text, &end);
  return end == text || !(number >= 0 && number < 1e12) ? -1 : number;
}

int64_t sm_header_wait_ms(double seconds) {
  if (!(seconds > 0))
    return 0;
  return seconds > MAX_WAIT_S ? MAX_WAIT_S * 1000 : (int64_t)(seconds * 1000);
}

/* curl_getdate reads all these dates but for ISO's "T" and "Z"
 * (https://curl.se/libcurl/c/curl_getdate.html). */
static int64_t until(const char *value, size_t size) {
  char text[64];
  char *end;
  copy_text(text, sizeof text - 4, value, size);
  double at = strtod(text, &end);
  if (end == text || *end != '\0') {
    if (strlen(text) > 10 && text[10] == 'T')
      text[10] = ' ';
    char *zone = strpbrk(text, "Z.");
    if (zone && zone > text + 10)
      memcpy(zone, " GMT", 5);
    at = (double)curl_getdate(text, NULL);
    if (at < 0)
      return -1;
  }
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return sm_header_wait_ms(at - (double)now.tv_sec);
}

void sm_header_note(struct sm_answer *answer, const char *line, size_t size) {
  const char *value;
  size_t length;
  if (is_header(line, size, "x-rate-limit-reset-at-utc", &value, &length))
    answer->retry_after_ms = until(value, length);
  else if (is_header(line, size, "x-request-id", &value, &length))
    copy_text(answer->request_id, sizeof answer->request_id, value, length);
  else if (is_header(line, size, "x-seed-value", &value, &length))
    copy_text(answer->seed, sizeof answer->seed, value, length);
  else if (is_header(line, size, "x-cost", &value, &length))
    answer->cost = number_of(value, length);
  else if (is_header(line, size, "x-remaining-credits", &value, &length))
    answer->remaining_credits = number_of(value, length);
  else if (is_header(line, size, "x-generation-time", &value, &length))
    answer->generation_s = number_of(value, length);
}
