#include "sm_lookup.h"

#include <stdio.h>
#include <stdlib.h>
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
#define RECORD_TRIES 3
#define RECORD_GAP_MS 5000
/* Another submit of the same body is about to be told its id. */
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
                         const struct sm_lookup *doubt,
                         const struct sm_context *context) {
  int64_t age_ms = context->now_ms - doubt->sent_ms;
  int64_t wall_age_ms = context->wall_ms - doubt->sent_wall_ms;
  int64_t slept_ms = most(wall_age_ms - age_ms - SLEEP_MS, 0);
  int64_t wrong_ms = !context->is_told      ? WINDOW_MS
                     : doubt->is_remembered ? WRONG_CLOCK_MS
                                            : CLOCKS_MS;
  query->since_ms = context->service_ms - age_ms;
  query->unsure_ms = least(slept_ms, WINDOW_MS) + wrong_ms;
  query->until_ms =
      context->is_told ? context->service_ms + CLOCKS_MS : INT64_MAX;
}

/* From the day before: days are days in some time zone. */
static int64_t first_day_s(struct sm_lookup *doubt,
                           const struct sm_context *context) {
  struct sm_history_query query;
  date_sending(&query, doubt, context);
  int64_t wanted_ms = query.since_ms - query.unsure_ms - DAY_MS;
  int64_t first_ms = most(wanted_ms, context->service_ms - WINDOW_MS);
  doubt->is_partial = query.since_ms < first_ms;
  return most(first_ms, 0) / DAY_MS * (DAY_MS / 1000);
}

static int64_t lookup_end_ms(int64_t deadline_ms, int64_t now_ms) {
  return least(most(deadline_ms, now_ms + LOOKUP_LEAST_MS),
               now_ms + LOOKUP_MOST_MS);
}

static struct sm_lookup *make_doubt(struct sm_job *job, int64_t now_ms) {
  if (!job->doubt)
    job->doubt = calloc(1, sizeof *job->doubt);
  if (!job->doubt)
    return NULL;
  job->doubt->until_ms = lookup_end_ms(job->deadline_ms, now_ms);
  job->doubt->page = 1;
  job->phase = SM_PHASE_LOOKUP;
  return job->doubt;
}

void sm_lookup_begin(struct sm_job *job, const struct sm_context *context,
                     struct sm_action *action) {
  struct sm_error e = action->error;
  struct sm_lookup *doubt = make_doubt(job, context->now_ms);
  e.charged = SM_CHARGED_UNKNOWN;
  if (!doubt) {
    sm_action_fail(action, &e);
    return;
  }
  doubt->sent_ms = job->sent_ms;
  doubt->sent_wall_ms = job->sent_wall_ms;
  doubt->error = e;
  doubt->from_s = first_day_s(doubt, context);
  action->note =
      "the answer to a submit was lost; the request history is asked";
  sm_action_send(action, context->now_ms + lookup_gap_ms[0]);
}

enum sm_code sm_job_find(struct sm_job *job, int64_t since_s, int64_t wall_ms,
                         int64_t now_ms, struct sm_error *e) {
  struct sm_lookup *doubt = make_doubt(job, now_ms);
  if (!doubt || !sm_job_reserve(job))
    return sm_fail_memory(e);
  doubt->sent_wall_ms = since_s * 1000;
  doubt->sent_ms = now_ms - most(wall_ms - doubt->sent_wall_ms, 0);
  doubt->is_remembered = true;
  const struct sm_context context = {
      .now_ms = now_ms, .wall_ms = wall_ms, .service_ms = wall_ms};
  doubt->from_s = first_day_s(doubt, &context);
  sm_fail(&doubt->error, SM_UNKNOWN,
          "the submit was begun and its answer never seen");
  doubt->error.charged = SM_CHARGED_UNKNOWN;
  return SM_OK;
}

/* -- the lookup ---------------------------------------------------------- */

static void remain_unknown(const struct sm_job *job, enum sm_found lookup,
                           struct sm_action *action) {
  const struct sm_history_find *find = &job->doubt->find;
  struct sm_error e = job->doubt->error;
  char why[sizeof e.message];
  memcpy(why, e.message, sizeof why);
  if (lookup == SM_FOUND_UNCLEAR && find->ids[0])
    snprintf(e.message, sizeof e.message,
             "%.240s; the request history shows what may be it, and cannot "
             "tell: %.150s",
             why, find->ids);
  else
    snprintf(e.message, sizeof e.message, "%.360s; the request history %s", why,
             lookup == SM_FOUND_ABSENT    ? "does not show it"
             : lookup == SM_FOUND_UNCLEAR ? "could not be read to its end"
                                          : "could not be asked");
  e.lookup = lookup;
  sm_action_fail(action, &e);
}

static void begin_lookup(struct sm_lookup *doubt) {
  memset(&doubt->find, 0, sizeof doubt->find);
  doubt->page = 1;
}

static void look_again(struct sm_job *job, const struct sm_context *context,
                       struct sm_action *action) {
  struct sm_lookup *doubt = job->doubt;
  if (++doubt->lookups < LOOKUPS) {
    begin_lookup(doubt);
    sm_action_send(action, context->now_ms + lookup_gap_ms[doubt->lookups]);
    return;
  }
  bool is_absent = sm_history_is_absent(&doubt->find) && !doubt->is_partial;
  remain_unknown(job, is_absent ? SM_FOUND_ABSENT : SM_FOUND_UNCLEAR, action);
}

/* The service's clock shows that the list was asked for from too late on, or
 * from too long ago: what it says proves nothing. */
static bool asks_anew(struct sm_job *job, const struct sm_context *context,
                      bool was_refused, struct sm_action *action) {
  struct sm_lookup *doubt = job->doubt;
  int64_t from_s = first_day_s(doubt, context);
  bool is_well =
      was_refused ? from_s == doubt->from_s : from_s >= doubt->from_s;
  if (is_well || doubt->lookups + 1 >= LOOKUPS)
    return false;
  doubt->lookups++;
  doubt->from_s = from_s;
  begin_lookup(doubt);
  sm_action_send(action, context->now_ms);
  return true;
}

static bool has_more(struct sm_lookup *doubt) {
  const struct sm_history_find *find = &doubt->find;
  if (find->rows < FULL_PAGE_ROWS || find->is_past || find->is_repeated)
    return false;
  if (doubt->page >= MAX_PAGES)
    doubt->is_partial = true;
  return doubt->page < MAX_PAGES;
}

static void conclude(struct sm_job *job, const struct sm_context *context,
                     struct sm_action *action) {
  struct sm_lookup *doubt = job->doubt;
  const char *found = sm_history_found(&doubt->find);
  char id[SM_ID_MAX + 1];
  if (found) {
    snprintf(id, sizeof id, "%s", found); /* the doubt ends with it */
    action->note = "a submit whose answer was lost was found in the request "
                   "history and goes on";
    sm_job_accept(job, context, id, action);
  } else if (doubt->find.is_contested) {
    begin_lookup(doubt);
    sm_action_send(action, context->now_ms + CONTESTED_MS);
  } else {
    look_again(job, context, action);
  }
}

static void read_page(struct sm_job *job, const struct sm_context *context,
                      const struct sm_answer *answer,
                      struct sm_action *action) {
  struct sm_lookup *doubt = job->doubt;
  struct sm_history_query query = {.model = context->model,
                                   .others = context->others};
  date_sending(&query, doubt, context);
  query.body = sm_body_text(context->body, &query.body_size);
  if (!query.body || sm_history_search(&doubt->find, &query, answer->body.data,
                                       answer->body.size, NULL) != SM_OK) {
    remain_unknown(job, SM_FOUND_UNREACHABLE, action);
  } else if (has_more(doubt)) {
    doubt->page++;
    sm_action_send(action, context->now_ms);
  } else {
    conclude(job, context, action);
  }
}

static void ask_later(struct sm_job *job, const struct sm_context *context,
                      struct sm_action *action) {
  if (job->doubt->failures < UINT8_MAX)
    job->doubt->failures++;
  sm_action_send(action, context->now_ms + sm_backoff_ms(context->rng,
                                                         job->doubt->failures,
                                                         BACKOFF_MS, BACKOFF_MS,
                                                         BACKOFF_CAP_MS));
}

void sm_lookup_answer_lookup(struct sm_job *job,
                             const struct sm_context *context,
                             const struct sm_answer *answer,
                             struct sm_action *action) {
  struct sm_error e;
  enum sm_code code = sm_outcome_of_get(answer, &e);
  if (code == SM_NOT_SENT || code == SM_THROTTLED)
    ask_later(job, context, action);
  else if ((code == SM_OK || code == SM_REJECTED) &&
           asks_anew(job, context, code == SM_REJECTED, action))
    return;
  else if (code == SM_OK)
    read_page(job, context, answer, action);
  else
    remain_unknown(job, SM_FOUND_UNREACHABLE, action);
}

void sm_lookup_expire(const struct sm_job *job, struct sm_action *action) {
  bool has_any = job->doubt->find.ids[0] != '\0';
  remain_unknown(job, has_any ? SM_FOUND_UNCLEAR : SM_FOUND_UNREACHABLE,
                 action);
}

/* -- the record ---------------------------------------------------------- */

void sm_lookup_ask_record(struct sm_job *job, const struct sm_context *context,
                          struct sm_action *action) {
  job->phase = SM_PHASE_RECORD;
  job->odd = 0;
  action->note = "the service no longer knows the id; its history is asked";
  sm_action_send(action, context->now_ms);
}

static void expire(const struct sm_job *job, struct sm_action *action) {
  struct sm_error e;
  sm_fail(&e, SM_EXPIRED,
          job->is_known
              ? "the service no longer knows the request (its record lives an "
                "hour) and its history names no picture"
              : "neither the service nor its request history knows this id");
  e.charged = sm_job_charged(job);
  sm_action_fail(action, &e);
}

/* The history knows the request: it is asked until it tells the end. */
static void wait_for_end(struct sm_job *job, const struct sm_context *context,
                         struct sm_action *action) {
  job->is_known = true;
  job->odd = job->failures = 0;
  sm_job_forget_answer(job);
  if (job->state != SM_STATE_PROCESSING)
    action->news = SM_STATE_PROCESSING;
  job->state = SM_STATE_PROCESSING;
  sm_action_send(action, context->now_ms + RECORD_GAP_MS);
}

static void read_entry(struct sm_job *job, const struct sm_context *context,
                       const struct sm_history_row *row,
                       struct sm_action *action) {
  struct sm_error *e = &action->error;
  if (row->state == SM_STATE_FAILED || row->state == SM_STATE_ENDED) {
    sm_fail(e, SM_FAILED, "%s", row->error[0] ? row->error : "the job FAILED");
    e->charged =
        row->state == SM_STATE_FAILED ? SM_CHARGED_NO : SM_CHARGED_UNKNOWN;
    sm_action_fail(action, e);
  } else if (row->urls_bytes && (row->state == SM_STATE_COMPLETED ||
                                 row->state == SM_STATE_NONE)) {
    job->state = SM_STATE_COMPLETED;
    action->kind = SM_ACTION_DONE;
  } else if (row->state == SM_STATE_COMPLETED) {
    job->is_known = true;
    expire(job, action);
  } else {
    wait_for_end(job, context, action);
  }
}

static void ask_record_later(struct sm_job *job,
                             const struct sm_context *context,
                             struct sm_action *action) {
  if (job->failures < UINT8_MAX)
    job->failures++;
  sm_action_send(action,
                 context->now_ms + sm_backoff_ms(context->rng, job->failures,
                                                 BACKOFF_MS, BACKOFF_MS,
                                                 BACKOFF_CAP_MS));
}

void sm_lookup_answer_record(struct sm_job *job,
                             const struct sm_context *context,
                             const struct sm_answer *answer,
                             struct sm_action *action) {
  struct sm_history_row row;
  struct sm_error e;
  enum sm_code code = sm_outcome_of_get(answer, &e);
  bool is_read = code == SM_OK &&
                 sm_history_read(&row, answer->body.data, answer->body.size,
                                 NULL) == SM_OK &&
                 sm_reply_is_same_id(row.request_id, job->request_id);
  if (is_read)
    read_entry(job, context, &row, action);
  else if (code == SM_NOT_SENT || code == SM_THROTTLED)
    ask_record_later(job, context, action);
  else if ((code == SM_OK || code == SM_IO) && ++job->odd < RECORD_TRIES)
    ask_record_later(job, context, action);
  else
    expire(job, action);
}
