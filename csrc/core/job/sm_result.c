#include "sm_result.h"

#include <math.h>

#include "sm_number.h"

#define NAME(text)                                                             \
  { text, sizeof(text) - 1 }
#define EXACT_DIGITS 15
#define COUNT(list) ((int)(sizeof(list) / sizeof *(list)))

/* The documented members. */
enum { STATUS, OUTPUT, METRICS, SEED, NO_ERROR, PASSED };

static const struct sm_slice members[] = {
    [STATUS] = NAME("status"),           [OUTPUT] = NAME("output"),
    [METRICS] = NAME("metrics"),         [SEED] = NAME("seed"),
    [NO_ERROR] = NAME("error"),          [PASSED] = NAME("request_id"),
    [PASSED + 1] = NAME("prompt"),       [PASSED + 2] = NAME("images"),
    [PASSED + 3] = NAME("timings"),      [PASSED + 4] = NAME("status_url"),
    [PASSED + 5] = NAME("response_url"), [PASSED + 6] = NAME("poll_url"),
};

/* The figures of `metrics` that have a meaning. All but the first are summed up
 * or measured, so they have no sign. */
enum { CREDITS, COST };

static const struct sm_slice figures[] = {
    [CREDITS] = NAME("remaining_credits"),
    [COST] = NAME("cost"),
    NAME("inference_time"),
    NAME("queue_time"),
    NAME("total_time"),
    NAME("retry_count"),
};

static bool read_figure(struct sm_cursor *cursor, int figure, double *cost) {
  struct sm_slice digits;
  if (figure < 0 || !sm_cursor_number(cursor, &digits))
    return false;
  if (figure == COST)
    (void)sm_number_read(digits.text, digits.size, cost);
  return figure == CREDITS || digits.text[0] != '-';
}

static bool read_metrics(struct sm_cursor *cursor, double *cost) {
  struct sm_slice name;
  unsigned seen = 0;
  bool is_read = sm_cursor_open(cursor);
  while (is_read && sm_cursor_next(cursor, &name)) {
    int figure = sm_slice_find(figures, COUNT(figures), &name, &seen);
    is_read = figure == COUNT(figures) ? sm_cursor_pass(cursor)
                                       : read_figure(cursor, figure, cost);
  }
  return is_read;
}

/* A whole number, or one as text, in digits that a double holds. */
static bool read_seed(struct sm_cursor *cursor, double *seed) {
  struct sm_slice digits;
  if (sm_cursor_is_null(cursor))
    return true;
  return sm_cursor_figure(cursor, &digits) && digits.size <= EXACT_DIGITS &&
         sm_number_read(digits.text, digits.size, seed) &&
         *seed == floor(*seed);
}

static bool is_word(struct sm_cursor *cursor, const char *word) {
  const struct sm_slice wanted = {word, strlen(word)};
  struct sm_slice text;
  return sm_cursor_text(cursor, &text) && sm_slice_is(&text, &wanted);
}

static bool starts(const struct sm_slice *text, const char *prefix) {
  size_t size = strlen(prefix);
  return text->size > size && memcmp(text->text, prefix, size) == 0;
}

static bool read_address(struct sm_cursor *cursor, struct sm_slice *address) {
  return sm_cursor_text(cursor, address) &&
         (starts(address, "https://") || starts(address, "http://"));
}

static bool read_member(struct sm_result *result, struct sm_cursor *cursor,
                        int member) {
  switch (member) {
  case STATUS:
    return is_word(cursor, "COMPLETED");
  case OUTPUT:
    return read_address(cursor, &result->address);
  case METRICS:
    return read_metrics(cursor, &result->cost);
  case SEED:
    return read_seed(cursor, &result->seed);
  case NO_ERROR:
    return sm_cursor_is_null(cursor);
  default:
    return member >= PASSED && member < COUNT(members) &&
           sm_cursor_pass(cursor);
  }
}

bool sm_result_read(struct sm_result *result, const char *text, size_t size) {
  const unsigned needed = 1U << STATUS | 1U << OUTPUT;
  struct sm_cursor cursor;
  struct sm_slice name;
  unsigned seen = 0;
  *result = (struct sm_result){.cost = (double)NAN, .seed = (double)NAN};
  if (size == 0 || text[0] != '{')
    return false;
  sm_cursor_create(&cursor, text, size);
  bool is_usual = sm_cursor_open(&cursor);
  while (is_usual && sm_cursor_next(&cursor, &name))
    is_usual = read_member(
        result, &cursor, sm_slice_find(members, COUNT(members), &name, &seen));
  return is_usual && sm_cursor_is_over(&cursor) && (seen & needed) == needed;
}
