#include "em_submit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "em_clock.h"
#include "em_form.h"
#include "em_production.h"

static json_t *read_json(const struct em_request *request,
                         struct em_reply *reply) {
  json_error_t error;
  json_t *body = json_loadb(request->body.data ? request->body.data : "",
                            request->body.size, 0, &error);
  if (!body)
    em_reply_error(reply, 400, "Invalid JSON: %s", error.text);
  else if (!json_is_object(body))
    em_reply_error(reply, 400, "Invalid JSON: an object is expected");
  if (json_is_object(body))
    return body;
  json_decref(body);
  return NULL;
}

static json_t *read_body(struct em_service *service,
                         const struct em_request *request,
                         const struct em_model *model, enum em_api api,
                         struct em_reply *reply) {
  struct em_error error;
  if (em_request_has_type(request, "application/json"))
    return read_json(request, reply);
  if (api == EM_V1 && em_request_has_type(request, "multipart/form-data")) {
    json_t *body = em_form_read(service, request, model, &error);
    if (!body)
      em_reply_error(reply, 400, "%s", error.text);
    return body;
  }
  em_reply_error(reply, 406, "Invalid content type");
  return NULL;
}

/* An order, or the error with which the queued job will fail. */
static int fill_order(struct em_job *job, const json_t *body) {
  const struct em_order_rules rules = {.data_uris = job->api == EM_V1,
                                       .strict = job->service->options->strict};
  struct em_refusal refusal;
  struct em_order *order = calloc(1, sizeof *order);
  if (!order)
    return -1;
  if (!em_order_create(order, job->model, body, &rules, &refusal)) {
    job->order = order;
    job->seed = order->seed;
    return 0;
  }
  free(order);
  job->error = strdup(refusal.error.text);
  job->v1_status = refusal.v1_status;
  return job->error ? 0 : -1;
}

/* JSON is kept as it came: the ledger shows what was sent, to the byte. */
static char *body_text(const struct em_request *request, const json_t *body) {
  if (em_request_has_type(request, "application/json"))
    return strdup(request->body.data);
  return json_dumps(body, JSON_COMPACT);
}

static struct em_job *make_job(struct em_service *service,
                               const struct em_request *request,
                               const struct em_model *model, enum em_api api,
                               const json_t *body) {
  struct em_job *job = em_job_new();
  if (!job)
    return NULL;
  const char *prompt = json_string_value(json_object_get(body, "prompt"));
  job->service = service;
  job->api = api;
  job->model = model;
  job->account = em_service_account(request);
  job->wall_ms = em_clock_wall_ms(service->options->clock_ahead_s);
  job->submitted_us = em_clock_now_us();
  job->body = body_text(request, body);
  job->prompt = strdup(prompt ? prompt : "");
  if (job->body && job->prompt && !fill_order(job, body))
    return job;
  em_job_drop(job);
  return NULL;
}

/* Draws what is left to chance; returns the time in the queue. */
static int64_t draw_times_locked(struct em_store *store, struct em_job *job) {
  const struct em_options *options = store->options;
  bool fixed = options->latency_s >= 0;
  double latency_s = em_random_latency(
      &store->random, fixed ? options->latency_s : job->model->latency_s,
      fixed ? 0 : options->variation);
  double queue_s = em_random_latency(&store->random, options->queue_s,
                                     options->queue_variation);
  uint64_t seed = em_random_bits(&store->random);
  if (job->order && !job->order->has_seed)
    job->seed = (long long)(seed & 0x7fffffff);
  job->latency_us = em_clock_us(latency_s / options->speed);
  return em_clock_us(queue_s / options->speed);
}

static void add_rate_reset(const struct em_store *store,
                           struct em_reply *reply) {
  int64_t now_us = em_clock_now_us();
  em_reply_reset(reply, store->options,
                 em_store_rate_reset_locked(store, now_us) - now_us);
}

/* 406, which names the balance and the price, is the service's documented
 * answer; 402 with this text was seen on v2. */
static void refuse(const struct em_store *store, enum em_admission admission,
                   const struct em_job *job, struct em_reply *reply) {
  if (admission == EM_THROTTLED) {
    add_rate_reset(store, reply);
    em_reply_error(reply, 429, "rate_limit_exceeded");
    return;
  }
  char credits[32];
  snprintf(credits, sizeof credits, "%.4g", store->credits);
  const char *balance = store->credits > 0 ? credits : "0.0";
  if (job->api == EM_V2)
    em_reply_error(reply, 402, "Insufficient credits. You have %s credits.",
                   balance);
  else
    em_reply_error(reply, 406,
                   "Insufficient credits. You have %s credits, this request "
                   "needs %.4g.",
                   balance, job->model->price_usd);
}

/* Accepts the job, or says why not. Takes the reference; returns another. */
static struct em_job *enter(struct em_service *service, struct em_job *job,
                            struct em_reply *reply) {
  struct em_store *store = &service->store;
  int64_t queue_us = 0;
  em_store_lock(store);
  enum em_admission admission =
      em_store_admit_locked(store, job->model->price_usd, job->submitted_us);
  bool added = admission == EM_ADMITTED && !em_store_add_locked(store, job);
  if (added)
    queue_us = draw_times_locked(store, job);
  else if (admission != EM_ADMITTED)
    refuse(store, admission, job, reply);
  else
    em_reply_error(reply, 500, "Internal Server Error");
  em_store_unlock(store);
  if (!added) {
    em_job_drop(job);
    return NULL;
  }
  em_production_start(job, queue_us);
  return job;
}

static struct em_job *submit(struct em_service *service,
                             const struct em_request *request, enum em_api api,
                             struct em_reply *reply) {
  const char *name = request->route.argument;
  const struct em_model *model = em_model_find(service->models, name);
  if (!model) {
    em_reply_error(reply, 404, "Model %.80s not found", name);
    return NULL;
  }
  json_t *body = read_body(service, request, model, api, reply);
  if (!body)
    return NULL;
  struct em_job *job = make_job(service, request, model, api, body);
  json_decref(body);
  if (job && (api == EM_V2 || job->v1_status != 406))
    return enter(service, job, reply);
  em_reply_error(reply, job ? 406 : 500, "%s",
                 job ? job->error : "Internal Server Error");
  em_job_drop(job);
  return NULL;
}

void em_submit_v2(struct em_service *service, struct em_request *request,
                  struct em_reply *reply) {
  struct em_text text = {0};
  request->job = submit(service, request, EM_V2, reply);
  if (!request->job)
    return;
  em_job_write_accepted(request->job, request->base, &text);
  em_reply_json(reply, 200, &text);
}

void em_submit_v1(struct em_service *service, struct em_request *request,
                  struct em_reply *reply) {
  request->job = submit(service, request, EM_V1, reply);
  request->waits = request->job != NULL;
  if (request->waits)
    return;
  em_store_lock(&service->store);
  add_rate_reset(&service->store, reply);
  em_store_unlock(&service->store);
}

__attribute__((format(printf, 3, 4))) static void
set_header(struct em_reply *reply, const char *name, const char *format, ...) {
  char value[64];
  va_list args;
  va_start(args, format);
  vsnprintf(value, sizeof value, format, args);
  va_end(args);
  em_reply_header(reply, name, value);
}

/* The pages' samples read JSON, whoever published an answer got a picture. */
static void reply_picture(const struct em_service *service,
                          const struct em_request *request,
                          struct em_reply *reply) {
  const struct em_job *job = request->job;
  struct em_text text = {0};
  if (!service->options->v1_json) {
    em_reply_picture(reply, &job->picture);
    return;
  }
  em_job_write_result(job, request->base, &text);
  em_reply_json(reply, 200, &text);
}

void em_submit_v1_finish(struct em_service *service, struct em_request *request,
                         struct em_reply *reply) {
  const struct em_job *job = request->job;
  em_store_lock(&service->store);
  set_header(reply, "x-request-id", "%s", job->id);
  set_header(reply, "x-remaining-credits", "%.10g", job->remaining_credits);
  if (job->state == EM_COMPLETED) {
    reply_picture(service, request, reply);
    set_header(reply, "x-cost", "%.6g", job->cost);
    set_header(reply, "x-generation-time", "%.6f",
               em_clock_s(job->finished_us - job->started_us));
    set_header(reply, "x-seed-value", "%lld", job->seed);
  } else {
    em_reply_error(reply, job->v1_status ? job->v1_status : 500, "%s",
                   job->error ? job->error : "Failed");
  }
  add_rate_reset(&service->store, reply);
  em_store_unlock(&service->store);
}
