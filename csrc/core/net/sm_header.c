#include "sm_header.h"

#include <string.h>
#include <strings.h>

#include "sm_number.h"
#include "sm_time.h"

#define MAX_WAIT_MS 300000

/* Between the end of the headers and their being read. */
#define DATE_SLACK_MS 2000

/* -- lines --------------------------------------------------------------- */

/* `name` is in lower case. */
static bool is_header(const char *line, size_t size, const char *name,
                      const char **value, size_t *value_size) {
  if (size == 0 || (*line | 0x20) != *name)
    return false;
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

/* A figure of the service: USD or seconds. */
static double number_of(const char *value, size_t size) {
  double number;
  bool is_figure = sm_number_read_amount(value, size, &number) && number >= 0 &&
                   number < 1e12;
  return is_figure ? number : -1;
}

static void note_figure(struct sm_answer *answer, const char *line,
                        size_t size) {
  const struct {
    const char *name;
    double *figure;
  } figures[] = {{"x-cost", &answer->cost},
                 {"x-remaining-credits", &answer->remaining_credits},
                 {"x-generation-time", &answer->generation_s}};
  const char *value;
  size_t length;
  for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
    if (is_header(line, size, figures[i].name, &value, &length))
      *figures[i].figure = number_of(value, length);
}

static void note_text(struct sm_answer *answer, const char *line, size_t size) {
  struct sm_when *when = &answer->when;
  const struct {
    const char *name;
    char *text;
    size_t size;
  } texts[] = {
      {"date", when->date, sizeof when->date},
      {"retry-after", when->retry_after, sizeof when->retry_after},
      {"x-rate-limit-reset-at-utc", when->reset, sizeof when->reset},
      {"x-request-id", answer->request_id, sizeof answer->request_id},
      {"x-seed-value", answer->seed, sizeof answer->seed},
  };
  const char *value;
  size_t length;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (is_header(line, size, texts[i].name, &value, &length))
      copy_text(texts[i].text, texts[i].size, value, length);
}

/* As gateways and other services call it; the service's own name counts before
 * these. */
static void note_reset(struct sm_answer *answer, const char *line,
                       size_t size) {
  static const char *const names[] = {"ratelimit-reset", "x-ratelimit-reset",
                                      "x-rate-limit-reset",
                                      "x-ratelimit-reset-requests"};
  struct sm_when *when = &answer->when;
  const char *value;
  size_t length;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!when->reset[0] && is_header(line, size, names[i], &value, &length))
      copy_text(when->reset, sizeof when->reset, value, length);
}

static void begin_anew(struct sm_answer *answer) {
  answer->when = (struct sm_when){"", "", ""};
  answer->request_id[0] = answer->seed[0] = '\0';
  answer->cost = answer->remaining_credits = answer->generation_s = -1;
}

/* Most lines begin like none of those that are looked for. */
static bool may_matter(const char *line, size_t size) {
  char first = size > 0 ? (char)(*line | 0x20) : ' ';
  return first == 'h' || first == 'd' || first == 'r' || first == 'x';
}

void sm_header_note(struct sm_answer *answer, const char *line, size_t size) {
  if (!may_matter(line, size))
    return;
  if (size > 5 && strncasecmp(line, "HTTP/", 5) == 0) {
    begin_anew(answer);
    return;
  }
  note_text(answer, line, size);
  note_reset(answer, line, size);
  note_figure(answer, line, size);
}

/* -- times --------------------------------------------------------------- */

static int64_t clamp(double wait_ms) {
  if (!(wait_ms > 0))
    return 0;
  return wait_ms > MAX_WAIT_MS ? MAX_WAIT_MS : (int64_t)wait_ms;
}

/* "30", "2.5s", "500ms", "3 seconds"; of several values the first. */
static bool read_seconds(const char *text, size_t size, double *seconds) {
  size_t length = 0, unit;
  while (length < size && strchr("0123456789.+-", text[length]))
    length++;
  for (unit = length; unit < size && text[unit] == ' ';)
    unit++;
  if (!sm_number_read(text, length, seconds))
    return sm_number_read(text, size, seconds);
  bool is_milli = size - unit >= 2 && strncasecmp(text + unit, "ms", 2) == 0;
  bool is_plain = unit == size || strchr(",;sS", text[unit]);
  *seconds *= is_milli ? 0.001 : 1;
  return is_milli || is_plain;
}

/* How long to wait, by a header that says so or says until when; -1 when it
 * does not. */
static int64_t wait_of(const char *text, int64_t now_ms) {
  int64_t at_ms;
  double seconds;
  size_t size = strlen(text);
  if (size > 1 && text[0] == '"' && text[size - 1] == '"')
    text++, size -= 2;
  if (sm_time_read(text, size, &at_ms))
    return clamp((double)at_ms - (double)now_ms);
  return read_seconds(text, size, &seconds) ? clamp(seconds * 1000) : -1;
}

/* Date has whole seconds. */
static int64_t moment_of(int64_t date_ms, int64_t clock_ms) {
  bool agrees = clock_ms >= date_ms && clock_ms < date_ms + DATE_SLACK_MS;
  return date_ms < 0 || agrees ? clock_ms : date_ms;
}

static int64_t read_date(const char *date, struct sm_date *last) {
  if (strcmp(date, last->text) != 0) {
    (void)memcpy(last->text, date, strlen(date) + 1);
    if (!sm_time_read(date, strlen(date), &last->ms))
      last->ms = -1;
  }
  return *date ? last->ms : -1;
}

void sm_header_settle(struct sm_answer *answer, struct sm_date *last,
                      int64_t clock_ms) {
  const struct sm_when *when = &answer->when;
  answer->date_ms = read_date(when->date, last);
  int64_t now_ms = moment_of(answer->date_ms, clock_ms);
  int64_t wait_ms = wait_of(when->retry_after, now_ms);
  if (wait_ms <= 0 && when->reset[0])
    wait_ms = wait_of(when->reset, now_ms);
  if (wait_ms >= 0)
    answer->retry_after_ms = wait_ms;
}
