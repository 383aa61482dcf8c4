/* The request history of the control plane: what became of every request of
 * the caller's, long after its record has expired. As the official SDK
 * documents it; page, per_page and total beside its data are an assumption,
 * and so is a 400 for an argument that is out of range. */
#include "em_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "em_clock.h"

static const int64_t day_ms = 86400000;
enum { WINDOW_DAYS = 7, WINDOW_MOST_DAYS = 31, ROWS = 20, ROWS_MOST = 100 };

struct row {
  size_t number; /* in order of acceptance: breaks every tie */
  const struct em_job *job;
};

typedef int compare_fn(const void *a, const void *b);

struct filter {
  uint64_t account;
  const char *model, *status;
  int64_t from_ms, to_ms; /* wall clock, both included */
  long page, per_page;
  compare_fn *compare; /* ascending */
  bool descends;
};

static int by_time(const void *a, const void *b) {
  const struct row *first = a, *second = b;
  return (first->number > second->number) - (first->number < second->number);
}

static int by_model(const void *a, const void *b) {
  const struct row *first = a, *second = b;
  int order = strcmp(first->job->model->name, second->job->model->name);
  return order ? order : by_time(a, b);
}

static int by_cost(const void *a, const void *b) {
  double first = ((const struct row *)a)->job->cost;
  double second = ((const struct row *)b)->job->cost;
  int order = (first > second) - (first < second);
  return order ? order : by_time(a, b);
}

/* Without the argument, or with an empty one: the fallback. */
static const char *read_text(const struct em_request *request, const char *name,
                             const char *fallback) {
  const char *text = em_request_argument(request, name);
  return text && *text ? text : fallback;
}

static const char *read_count(const struct em_request *request,
                              const char *name, long fallback, long most,
                              long *count) {
  char *end = NULL;
  const char *text = read_text(request, name, NULL);
  *count = text ? strtol(text, &end, 10) : fallback;
  if (*count >= 1 && *count <= most && !(end && *end))
    return NULL;
  return "page and per_page are numbers from 1, per_page up to 100";
}

static const char *read_order(const struct em_request *request,
                              struct filter *filter) {
  static const struct {
    const char *name;
    compare_fn *compare;
  } columns[] = {{"model_created", by_time},
                 {"model_name", by_model},
                 {"credits_deduction", by_cost}};
  const char *column = read_text(request, "sort_by", "model_created");
  const char *order = read_text(request, "sort_order", "desc");
  filter->descends = !strcmp(order, "desc");
  for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
    if (!strcmp(columns[i].name, column))
      filter->compare = columns[i].compare;
  if (filter->compare && (filter->descends || !strcmp(order, "asc")))
    return NULL;
  return "sort_by is model_created, model_name or credits_deduction, "
         "sort_order asc or desc";
}

static const char *read_window(const struct em_request *request, int64_t now_ms,
                               struct filter *filter) {
  const char *from = read_text(request, "from_date", NULL);
  const char *to = read_text(request, "to_date", NULL);
  filter->to_ms = to ? em_date_read(to, true) : now_ms;
  filter->from_ms =
      from ? em_date_read(from, false) : filter->to_ms - WINDOW_DAYS * day_ms;
  if ((to && filter->to_ms < 0) || (from && filter->from_ms < 0))
    return "from_date and to_date must be YYYY-MM-DD";
  if (filter->to_ms - filter->from_ms > WINDOW_MOST_DAYS * day_ms)
    return "from_date and to_date may be 31 days apart at most";
  return NULL;
}

/* Returns what is wrong with the question, or NULL. */
static const char *read_filter(struct filter *filter, int64_t now_ms,
                               const struct em_request *request) {
  const char *problem = read_count(request, "page", 1, 1000000, &filter->page);
  filter->account = em_service_account(request);
  filter->model = read_text(request, "model_name", "");
  filter->status = read_text(request, "status", NULL);
  if (!problem)
    problem =
        read_count(request, "per_page", ROWS, ROWS_MOST, &filter->per_page);
  if (!problem)
    problem = read_order(request, filter);
  return problem ? problem : read_window(request, now_ms, filter);
}

/* A request that runs is PENDING there. */
static const char *history_state(const struct em_job *job) {
  return em_job_is_finished(job) ? em_state_name(job->state) : "PENDING";
}

static bool passes(const struct filter *filter, const struct em_job *job) {
  return !job->forgotten && job->account == filter->account &&
         strstr(job->model->name, filter->model) &&
         (!filter->status || !strcmp(filter->status, history_state(job))) &&
         job->wall_ms >= filter->from_ms && job->wall_ms <= filter->to_ms;
}

static json_t *row_time(const struct em_job *job,
                        const struct em_options *options) {
  char at[EM_DATE_SIZE];
  em_date_write(options->history_form, job->wall_ms, options->zone_min, at);
  return em_date_form_is_number(options->history_form)
             ? json_loads(at, JSON_DECODE_ANY, NULL)
             : json_string(at);
}

static json_t *row_tree(const struct em_job *job,
                        const struct em_options *options, const char *base) {
  bool is_finished = em_job_is_finished(job);
  char path[EM_PATH_SIZE];
  em_job_picture_path(job, path);
  return json_pack(
      "{s:s, s:s, s:s, s:f, s:o, s:o, s:I, s:s?, s:o}", "request_id", job->id,
      "model_name", job->model->name, "model_status", history_state(job),
      "credits_deduction", job->cost, "request_body",
      json_loads(job->body, 0, NULL), "generation_url",
      job->state == EM_COMPLETED ? json_sprintf("%s%s", base, path)
                                 : json_null(),
      "latency_ms", (json_int_t)(1e3 * em_job_inference_s(job) + 0.5), "error",
      is_finished ? job->error : NULL, options->history_time,
      row_time(job, options));
}

/* Ownership: the caller frees the rows. Errors: NULL when out of memory. */
static struct row *find_rows_locked(const struct em_store *store,
                                    const struct filter *filter,
                                    size_t *count) {
  struct row *rows = malloc((store->count + 1) * sizeof *rows);
  *count = 0;
  for (size_t i = 0; rows && i < store->count; i++)
    if (passes(filter, store->jobs[i]))
      rows[(*count)++] = (struct row){i, store->jobs[i]};
  if (rows && filter->compare != by_time)
    qsort(rows, *count, sizeof *rows, filter->compare);
  return rows;
}

/* One page of the rows, and how many pass in all. Errors: NULL when out of
 * memory. */
static json_t *page_locked(const struct em_service *service,
                           const struct filter *filter, const char *base,
                           size_t *count) {
  struct row *rows = find_rows_locked(&service->store, filter, count);
  size_t first = (size_t)((filter->page - 1) * filter->per_page);
  size_t end = first + (size_t)filter->per_page;
  json_t *page = rows ? json_array() : NULL;
  for (size_t i = first; rows && i < end && i < *count; i++) {
    const struct row *row = &rows[filter->descends ? *count - 1 - i : i];
    json_array_append_new(page, row_tree(row->job, service->options, base));
  }
  free(rows);
  return page;
}

void em_history_list(struct em_request *request) {
  struct em_service *service = request->service;
  struct filter filter = {0};
  size_t total;
  int64_t now_ms = em_clock_wall_ms(service->options->clock_ahead_s);
  const char *problem = read_filter(&filter, now_ms, request);
  if (problem) {
    em_reply_error(request, 400, "%s", problem);
    return;
  }
  pthread_mutex_lock(&service->store.lock);
  json_t *page = page_locked(service, &filter, request->base, &total);
  pthread_mutex_unlock(&service->store.lock);
  em_reply_tree(request, 200,
                json_pack("{s:o, s:I, s:I, s:I}", "data", page, "page",
                          (json_int_t)filter.page, "per_page",
                          (json_int_t)filter.per_page, "total",
                          (json_int_t)total));
}

void em_history_entry(struct em_request *request) {
  struct em_service *service = request->service;
  const struct em_job *job = request->job;
  json_t *row = NULL;
  pthread_mutex_lock(&service->store.lock);
  if (job && !job->forgotten && job->account == em_service_account(request))
    row = row_tree(job, service->options, request->base);
  pthread_mutex_unlock(&service->store.lock);
  if (row)
    em_reply_tree(request, 200, row);
  else
    em_reply_error(request, 404, "Request %s not found",
                   request->route.argument);
}
