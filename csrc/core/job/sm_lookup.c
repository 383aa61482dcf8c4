#include "sm_lookup.h"

#include <stdio.h>
#include <string.h>

#include "sm_history.h"
#include "sm_outcome.h"

/* A lookup may outlive the job's deadline by LEAST_MS: long enough to ask four
 * times, and an answer to "was I charged?" is worth it. */
#define LOOKUP_LEAST_MS 15000
#define LOOKUP_MOST_MS 60000
#define LOOKUPS 4
#define MAX_PAGES 50
/* A server that gives fewer rows than it is asked for gives so many at least:
 * what is documented to come unasked. */
#define FULL_PAGE_ROWS 20
#define BACKOFF_MS 500
#define BACKOFF_CAP_MS 5000
/* Another submit of the same body is about to get its id. */
#define CONTESTED_MS 500

#define DAY_MS INT64_C(86400000)
/* The history answers for 31 days at most. */
#define WINDOW_MS (30 * DAY_MS)
/* The clocks of the service need not agree with each other. */
#define CLOCKS_MS 120000
/* The clock that wrote a ledger may have been wrong by a time zone and a day,
 * and one that nobody has compared by anything. */
#define WRONG_CLOCK_MS (26 * INT64_C(3600000))
/* This machine's clock ran on by so much more than its timer: it slept. */
#define SLEEP_MS 2000

/* The history may be written a little after the submit: it is asked again. */
static const int64_t lookup_gap_ms[LOOKUPS] = {200, 1000, 3000, 8000};

/* -- times --------------------------------------------------------------- */

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/* The sending in the service's time. The timer stands still while the machine
 * sleeps, and the clock may have been set: the true age lies between what they
 * say. */
static void date_sending(struct sm_history_query *query,
                         const struct sm_lookup *lookup,
                         const struct sm_context *context) {
  int64_t age_ms = context->now_ms - lookup->sent_ms;
  int64_t wall_age_ms = context->wall_ms - lookup->sent_wall_ms;
  int64_t slept_ms = most(wall_age_ms - age_ms - SLEEP_MS, 0);
  int64_t wrong_ms = !context->has_service_clock ? WINDOW_MS
                     : lookup->is_remembered     ? WRONG_CLOCK_MS
                                                 : CLOCKS_MS;
  query->since_ms = context->service_ms - age_ms;
  query->unsure_ms = least(slept_ms, WINDOW_MS) + wrong_ms;
  query->until_ms =
      context->has_service_clock ? context->service_ms + CLOCKS_MS : INT64_MAX;
}

/* From the day before: days are days in some time zone. */
static int64_t first_day_s(struct sm_lookup *lookup,
                           const struct sm_context *context) {
  struct sm_history_query query;
  date_sending(&query, lookup, context);
  int64_t wanted_ms = query.since_ms - query.unsure_ms - DAY_MS;
  int64_t first_ms = most(wanted_ms, context->service_ms - WINDOW_MS);
  lookup->is_partial = query.since_ms < first_ms;
  return most(first_ms, 0) / DAY_MS * (DAY_MS / 1000);
}

static int64_t lookup_end_ms(int64_t deadline_ms, int64_t now_ms) {
  return least(most(deadline_ms, now_ms + LOOKUP_LEAST_MS),
               now_ms + LOOKUP_MOST_MS);
}

static void begin_pages(struct sm_lookup *lookup) {
  memset(&lookup->find, 0, sizeof lookup->find);
  lookup->page = 1;
}

void sm_lookup_begin(struct sm_lookup *lookup, const struct sm_context *context,
                     int64_t deadline_ms) {
  begin_pages(lookup);
  lookup->error.charged = SM_CHARGED_UNKNOWN;
  lookup->until_ms = lookup_end_ms(deadline_ms, context->now_ms);
  lookup->from_s = first_day_s(lookup, context);
  lookup->at_ms = context->now_ms + lookup_gap_ms[0];
}

/* -- the pages ----------------------------------------------------------- */

static enum sm_lookup_result remain_unknown(struct sm_lookup *lookup,
                                            enum sm_found found) {
  const char *ids = lookup->find.ids;
  struct sm_error *e = &lookup->error;
  char why[sizeof e->message];
  memcpy(why, e->message, sizeof why);
  if (found == SM_FOUND_UNCLEAR && ids[0])
    snprintf(e->message, sizeof e->message,
             "%.240s; the request history shows what may be it, and cannot "
             "tell: %.150s",
             why, ids);
  else
    snprintf(e->message, sizeof e->message, "%.360s; the request history %s",
             why,
             found == SM_FOUND_ABSENT    ? "does not show it"
             : found == SM_FOUND_UNCLEAR ? "could not be read to its end"
                                         : "could not be asked");
  e->lookup = found;
  return SM_LOOKUP_UNKNOWN;
}

static enum sm_lookup_result again(struct sm_lookup *lookup, int64_t at_ms) {
  lookup->at_ms = at_ms;
  return SM_LOOKUP_AGAIN;
}

static enum sm_lookup_result look_again(struct sm_lookup *lookup,
                                        int64_t now_ms) {
  if (++lookup->lookups < LOOKUPS) {
    begin_pages(lookup);
    return again(lookup, now_ms + lookup_gap_ms[lookup->lookups]);
  }
  bool is_absent = sm_history_is_absent(&lookup->find) && !lookup->is_partial;
  return remain_unknown(lookup, is_absent ? SM_FOUND_ABSENT : SM_FOUND_UNCLEAR);
}

/* The service's clock shows that the list was asked for from too late on, or
 * from too long ago: what it says proves nothing. */
static bool asks_anew(struct sm_lookup *lookup,
                      const struct sm_context *context, bool was_refused) {
  int64_t from_s = first_day_s(lookup, context);
  bool is_well =
      was_refused ? from_s == lookup->from_s : from_s >= lookup->from_s;
  if (is_well || lookup->lookups + 1 >= LOOKUPS)
    return false;
  lookup->lookups++;
  lookup->from_s = from_s;
  begin_pages(lookup);
  return true;
}

static bool has_more(struct sm_lookup *lookup) {
  const struct sm_history_find *find = &lookup->find;
  if (find->rows < FULL_PAGE_ROWS || find->is_past || find->is_repeated)
    return false;
  if (lookup->page >= MAX_PAGES)
    lookup->is_partial = true;
  return lookup->page < MAX_PAGES;
}

/* Between two pages another lookup may have come to the same row. */
static bool is_free(const struct sm_others *others, const char *id) {
  return !others->is_taken(others->user, id);
}

static enum sm_lookup_result conclude(struct sm_lookup *lookup,
                                      const struct sm_context *context) {
  const char *found = sm_history_found(&lookup->find);
  if (found && is_free(&context->others, found))
    return SM_LOOKUP_FOUND;
  if (!found && !lookup->find.is_contested)
    return look_again(lookup, context->now_ms);
  begin_pages(lookup);
  return again(lookup, context->now_ms + CONTESTED_MS);
}

static enum sm_lookup_result ask_later(struct sm_lookup *lookup,
                                       const struct sm_context *context) {
  if (lookup->failures < UINT8_MAX)
    lookup->failures++;
  return again(lookup,
               context->now_ms + sm_backoff_ms(context->rng, lookup->failures,
                                               BACKOFF_MS, BACKOFF_MS,
                                               BACKOFF_CAP_MS));
}

/* A firewall's page, or a list that broke off, is not the history's word. */
static enum sm_lookup_result pass_over(struct sm_lookup *lookup,
                                       const struct sm_context *context) {
  return ++lookup->oddities < LOOKUPS
             ? ask_later(lookup, context)
             : remain_unknown(lookup, SM_FOUND_UNREACHABLE);
}

static enum sm_lookup_result read_page(struct sm_lookup *lookup,
                                       const struct sm_context *context,
                                       const struct sm_buf *page) {
  struct sm_history_query query = {.model = context->model,
                                   .others = context->others};
  date_sending(&query, lookup, context);
  query.body = sm_body_text(context->body, &query.body_size);
  if (!query.body || sm_history_search(&lookup->find, &query, page->data,
                                       page->size, NULL) != SM_OK)
    return pass_over(lookup, context);
  if (!has_more(lookup))
    return conclude(lookup, context);
  lookup->page++;
  return again(lookup, context->now_ms);
}

enum sm_lookup_result sm_lookup_answer(struct sm_lookup *lookup,
                                       const struct sm_context *context,
                                       const struct sm_answer *answer) {
  struct sm_error e;
  enum sm_code code = sm_outcome_of_get(answer, &e);
  if (code == SM_NOT_SENT || code == SM_THROTTLED)
    return ask_later(lookup, context);
  if (code != SM_OK && code != SM_REJECTED)
    return remain_unknown(lookup, SM_FOUND_UNREACHABLE);
  if (asks_anew(lookup, context, code == SM_REJECTED))
    return again(lookup, context->now_ms);
  if (code == SM_OK)
    return read_page(lookup, context, &answer->body);
  return sm_outcome_is_page(answer)
             ? pass_over(lookup, context)
             : remain_unknown(lookup, SM_FOUND_UNREACHABLE);
}

void sm_lookup_expire(struct sm_lookup *lookup) {
  (void)remain_unknown(lookup, lookup->find.ids[0] ? SM_FOUND_UNCLEAR
                                                   : SM_FOUND_UNREACHABLE);
}

/* -- the record ---------------------------------------------------------- */

static enum sm_record record_of(const struct sm_history_row *row) {
  bool is_over =
      row->state == SM_STATE_COMPLETED || row->state == SM_STATE_NONE;
  if (row->state == SM_STATE_FAILED || row->state == SM_STATE_ENDED)
    return SM_RECORD_FAILED;
  if (row->urls_bytes && is_over)
    return SM_RECORD_PICTURE;
  return row->state == SM_STATE_COMPLETED ? SM_RECORD_EMPTY : SM_RECORD_RUNNING;
}

enum sm_record sm_lookup_record(struct sm_history_row *row,
                                const struct sm_answer *answer,
                                const char *request_id) {
  struct sm_error e;
  enum sm_code code = sm_outcome_of_get(answer, &e);
  if (code == SM_OK &&
      sm_history_read(row, answer->body.data, answer->body.size, NULL) ==
          SM_OK &&
      sm_reply_is_same_id(row->request_id, request_id))
    return record_of(row);
  if (code == SM_NOT_SENT || code == SM_THROTTLED)
    return SM_RECORD_LATER;
  return code == SM_OK || code == SM_IO || sm_outcome_is_page(answer)
             ? SM_RECORD_ODD
             : SM_RECORD_NONE;
}
