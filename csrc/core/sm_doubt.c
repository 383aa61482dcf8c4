#include "sm_doubt.h"

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
#define BACKOFF_MS 500
#define BACKOFF_CAP_MS 5000
#define RECORD_TRIES 3
/* Another submit of the same body is about to be told its id. */
#define CONTESTED_MS 500

/* The history may be written a little after the submit: it is asked again. */
static const int64_t lookup_gap_ms[LOOKUPS] = {200, 1000, 3000, 8000};

static int64_t lookup_end_ms(int64_t deadline_ms, int64_t now_ms) {
  if (deadline_ms < now_ms + LOOKUP_LEAST_MS)
    return now_ms + LOOKUP_LEAST_MS;
  return deadline_ms < now_ms + LOOKUP_MOST_MS ? deadline_ms
                                               : now_ms + LOOKUP_MOST_MS;
}

static struct sm_doubt *make_doubt(struct sm_job *job, int64_t since_s,
                                   int64_t now_ms) {
  if (!job->doubt)
    job->doubt = calloc(1, sizeof *job->doubt);
  if (!job->doubt)
    return NULL;
  job->doubt->since_s = since_s;
  job->doubt->until_ms = lookup_end_ms(job->deadline_ms, now_ms);
  job->doubt->page = 1;
  job->phase = SM_PHASE_LOOKUP;
  return job->doubt;
}

void sm_doubt_begin(struct sm_job *job, const struct sm_scene *scene,
                    struct sm_verdict *verdict) {
  struct sm_error e = verdict->error;
  /* A submit's deadline may have passed: it was sent at most that long ago. */
  struct sm_doubt *doubt =
      make_doubt(job, scene->wall_s - (scene->now_ms - job->sent_ms) / 1000,
                 scene->now_ms);
  e.charged = SM_CHARGED_UNKNOWN;
  if (!doubt) {
    sm_verdict_fail(verdict, &e);
    return;
  }
  doubt->error = e;
  verdict->note =
      "the answer to a submit was lost; the request history is asked";
  sm_verdict_send(verdict, scene->now_ms + lookup_gap_ms[0]);
}

enum sm_code sm_job_find(struct sm_job *job, int64_t since_s, int64_t now_ms,
                         struct sm_error *e) {
  struct sm_doubt *doubt = make_doubt(job, since_s, now_ms);
  if (!doubt)
    return sm_fail_memory(e);
  sm_fail(&doubt->error, SM_UNKNOWN,
          "the submit was begun and its answer never seen");
  doubt->error.charged = SM_CHARGED_UNKNOWN;
  return SM_OK;
}

/* -- the lookup ---------------------------------------------------------- */

static void remain_unknown(const struct sm_job *job, enum sm_lookup lookup,
                           struct sm_verdict *verdict) {
  struct sm_error e = job->doubt->error;
  char why[sizeof e.message];
  memcpy(why, e.message, sizeof why);
  snprintf(e.message, sizeof e.message, "%.360s; the request history %s", why,
           lookup == SM_LOOKUP_ABSENT ? "does not show it"
                                      : "could not be asked");
  e.lookup = lookup;
  sm_verdict_fail(verdict, &e);
}

static void look_again(struct sm_job *job, const struct sm_scene *scene,
                       struct sm_verdict *verdict) {
  struct sm_doubt *doubt = job->doubt;
  doubt->page = 1;
  if (++doubt->lookups >= LOOKUPS)
    remain_unknown(job, SM_LOOKUP_ABSENT, verdict);
  else
    sm_verdict_send(verdict, scene->now_ms + lookup_gap_ms[doubt->lookups]);
}

static void read_page(struct sm_job *job, const struct sm_scene *scene,
                      const struct sm_answer *answer,
                      struct sm_verdict *verdict) {
  struct sm_doubt *doubt = job->doubt;
  struct sm_history_page page;
  struct sm_history_query query = {.model = scene->model,
                                   .since_s = doubt->since_s,
                                   .others = scene->others};
  query.body = sm_body_text(scene->body, &query.body_size);
  if (!query.body || sm_history_search(&page, &query, answer->body.data,
                                       answer->body.size, NULL) != SM_OK) {
    remain_unknown(job, SM_LOOKUP_UNREACHABLE, verdict);
  } else if (page.is_found) {
    verdict->note = "a submit whose answer was lost was found in the request "
                    "history and goes on";
    sm_job_accept(job, scene, page.row.request_id, verdict);
  } else if (page.is_contested) {
    doubt->page = 1;
    sm_verdict_send(verdict, scene->now_ms + CONTESTED_MS);
  } else if (page.rows >= SM_HISTORY_ROWS && !page.is_past &&
             doubt->page < MAX_PAGES) {
    doubt->page++;
    sm_verdict_send(verdict, scene->now_ms);
  } else {
    look_again(job, scene, verdict);
  }
}

static void ask_later(struct sm_job *job, const struct sm_scene *scene,
                      struct sm_verdict *verdict) {
  if (job->doubt->failures < UINT8_MAX)
    job->doubt->failures++;
  sm_verdict_send(verdict, scene->now_ms + sm_backoff_ms(scene->rng,
                                                         job->doubt->failures,
                                                         BACKOFF_MS, BACKOFF_MS,
                                                         BACKOFF_CAP_MS));
}

void sm_doubt_answer_lookup(struct sm_job *job, const struct sm_scene *scene,
                            const struct sm_answer *answer,
                            struct sm_verdict *verdict) {
  struct sm_error e;
  enum sm_code code = sm_outcome_of_get(answer, &e);
  if (code == SM_OK)
    read_page(job, scene, answer, verdict);
  else if (code == SM_NOT_SENT || code == SM_THROTTLED)
    ask_later(job, scene, verdict);
  else
    remain_unknown(job, SM_LOOKUP_UNREACHABLE, verdict);
}

void sm_doubt_expire(const struct sm_job *job, struct sm_verdict *verdict) {
  remain_unknown(job, SM_LOOKUP_UNREACHABLE, verdict);
}

/* -- the record ---------------------------------------------------------- */

void sm_doubt_ask_record(struct sm_job *job, const struct sm_scene *scene,
                         struct sm_verdict *verdict) {
  job->phase = SM_PHASE_RECORD;
  job->odd = 0;
  verdict->note = "the service no longer knows the id; its history is asked";
  sm_verdict_send(verdict, scene->now_ms);
}

static void expire(struct sm_verdict *verdict) {
  struct sm_error e;
  sm_fail(&e, SM_EXPIRED,
          "the service no longer knows the request (its record lives an hour) "
          "and its history names no picture");
  e.charged = SM_CHARGED_YES;
  sm_verdict_fail(verdict, &e);
}

static void read_entry(struct sm_job *job, const struct sm_history_row *row,
                       struct sm_verdict *verdict) {
  if (strcmp(row->request_id, job->request_id) == 0 && row->url[0] &&
      row->state == SM_STATE_COMPLETED) {
    job->state = SM_STATE_COMPLETED;
    verdict->step = SM_STEP_DONE;
  } else if (row->state == SM_STATE_FAILED) {
    struct sm_error e;
    sm_fail(&e, SM_FAILED, "%s", row->error[0] ? row->error : "the job FAILED");
    sm_verdict_fail(verdict, &e);
  } else {
    expire(verdict);
  }
}

void sm_doubt_answer_record(struct sm_job *job, const struct sm_scene *scene,
                            const struct sm_answer *answer,
                            struct sm_verdict *verdict) {
  struct sm_history_row row;
  struct sm_error e;
  enum sm_code code = sm_outcome_of_get(answer, &e);
  if (code == SM_OK && sm_history_read(&row, answer->body.data,
                                       answer->body.size, NULL) == SM_OK)
    read_entry(job, &row, verdict);
  else if ((code == SM_NOT_SENT || code == SM_THROTTLED || code == SM_IO) &&
           ++job->odd < RECORD_TRIES)
    sm_verdict_send(verdict, scene->now_ms +
                                 sm_backoff_ms(scene->rng, job->odd, BACKOFF_MS,
                                               BACKOFF_MS, BACKOFF_CAP_MS));
  else
    expire(verdict);
}
