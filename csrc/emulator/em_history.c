/* The request history of the control plane: what became of every request of
 * the caller's, long after its record has expired. The envelope of the list
 * is not published; data, page, per_page and total are an assumption. */
#include <stdlib.h>
#include <string.h>

#include "em_clock.h"
#include "em_service.h"

struct filter {
  uint64_t account;
  const char *model, *status;
  int64_t from_ms, to_ms; /* wall clock; -1: open */
  long page, per_page;
};

static long read_long(const struct em_request *request, const char *name,
                      long fallback, long most) {
  const char *text = em_request_argument(request, name);
  long value = text ? strtol(text, NULL, 10) : fallback;
  if (value < 1)
    return fallback;
  return value > most ? most : value;
}

/* Errors: -1 when a date cannot be read. */
static int read_date(const struct em_request *request, const char *name,
                     int day_end, int64_t *wall_ms) {
  const char *text = em_request_argument(request, name);
  *wall_ms = -1;
  if (!text || !*text)
    return 0;
  *wall_ms = em_clock_parse_ms(text, day_end);
  return *wall_ms < 0 ? -1 : 0;
}

static int read_filter(struct filter *filter,
                       const struct em_request *request) {
  filter->account = em_service_account(request);
  filter->model = em_request_argument(request, "model_name");
  filter->status = em_request_argument(request, "status");
  filter->page = read_long(request, "page", 1, 1000000);
  filter->per_page = read_long(request, "per_page", 10, 1000);
  return read_date(request, "from_date", 0, &filter->from_ms) ||
         read_date(request, "to_date", 1, &filter->to_ms);
}

static bool passes(const struct filter *filter, const struct em_job *job) {
  if (job->forgotten || job->account != filter->account)
    return false;
  if (filter->model && *filter->model &&
      strcmp(filter->model, job->model->name) != 0)
    return false;
  if (filter->status && *filter->status &&
      strcmp(filter->status, em_state_name(job->state)) != 0)
    return false;
  return (filter->from_ms < 0 || job->wall_ms >= filter->from_ms) &&
         (filter->to_ms < 0 || job->wall_ms <= filter->to_ms);
}

/* Adds one page of rows, the newest first; returns how many pass in all. */
static long add_rows_locked(const struct em_store *store,
                            const struct filter *filter, const char *base,
                            struct em_text *text) {
  long total = 0, first = (filter->page - 1) * filter->per_page;
  for (size_t i = store->count; i-- > 0;) {
    const struct em_job *job = store->jobs[i];
    if (!passes(filter, job))
      continue;
    if (total >= first && total < first + filter->per_page) {
      em_text_add(text, total > first ? "," : "");
      em_job_tell_history(job, base, text);
    }
    total++;
  }
  return total;
}

void em_history_list(struct em_service *service, struct em_request *request,
                     struct em_reply *reply) {
  struct filter filter;
  struct em_text text = {0};
  if (read_filter(&filter, request)) {
    em_reply_error(reply, 400, "from_date and to_date must be YYYY-MM-DD");
    return;
  }
  em_text_add(&text, "{\"data\":[");
  em_store_lock(&service->store);
  long total = add_rows_locked(&service->store, &filter, request->base, &text);
  em_store_unlock(&service->store);
  em_text_addf(&text, "],\"page\":%ld,\"per_page\":%ld,\"total\":%ld}",
               filter.page, filter.per_page, total);
  em_reply_json(reply, 200, &text);
}

void em_history_entry(struct em_service *service, struct em_request *request,
                      struct em_reply *reply) {
  struct em_text text = {0};
  const char *id = request->route.argument;
  em_store_lock(&service->store);
  const struct em_job *job = em_store_find_locked(&service->store, id);
  if (job && !job->forgotten && job->account == em_service_account(request))
    em_job_tell_history(job, request->base, &text);
  em_store_unlock(&service->store);
  if (text.size)
    em_reply_json(reply, 200, &text);
  else
    em_reply_error(reply, 404, "Request %s not found", id);
}
