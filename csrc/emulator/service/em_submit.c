/* The two ways to submit: v2 answers with an id at once, v1 with the picture
 * when it is there. Both make the same job. */
#include "em_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "em_clock.h"

struct part {
  char name[128];
  bool is_file;
  struct em_text value;
};

/* A multipart v1 body as the JSON body it stands for: text fields take the
 * type that the model declares, raw files become assets and their URLs. */
struct form {
  const struct em_request *request;
  const struct em_model *model;
  json_t *body;
  struct part part; /* the one being received */
  struct em_error *error;
  bool failed;
};

/* Text that is not what the parameter wants stays text, and is refused later
 * like any wrong type. Booleans come as Python spells them, too: False. */
static json_t *typed(const struct em_param *param, const char *text) {
  if (param && param->type == EM_PARAM_BOOLEAN && !strcasecmp(text, "true"))
    return json_true();
  if (param && param->type == EM_PARAM_BOOLEAN && !strcasecmp(text, "false"))
    return json_false();
  if (param &&
      (param->type == EM_PARAM_INTEGER || param->type == EM_PARAM_NUMBER)) {
    json_t *number = json_loads(text, JSON_DECODE_ANY, NULL);
    if (json_is_number(number))
      return number;
    json_decref(number);
  }
  return json_string(text);
}

/* A file of a parameter that is not declared (a mask) may hold anything. */
static json_t *keep_file(struct form *form, const struct em_param *param) {
  struct em_bytes bytes = em_text_take(&form->part.value);
  char path[EM_PATH_SIZE];
  const char *problem =
      em_service_keep_asset(form->request->service, bytes, path);
  free(bytes.data);
  if (!problem)
    return json_sprintf("%s%s", form->request->base, path);
  if (param)
    em_fail(form->error, "Invalid file for %s: %s", form->part.name, problem);
  return param ? NULL : json_null();
}

/* A list comes as several parts of one name. */
static int append(struct form *form, json_t *value) {
  json_t *list = json_object_get(form->body, form->part.name);
  if (!list) {
    list = json_array();
    if (json_object_set_new(form->body, form->part.name, list)) {
      json_decref(value);
      return -1;
    }
  }
  return json_array_append_new(list, value);
}

static void finish_part(struct form *form) {
  struct part *part = &form->part;
  if (!*part->name || form->failed)
    return;
  const char *text = part->value.data ? part->value.data : "";
  const struct em_param *param = em_model_param(form->model, part->name);
  json_t *value = part->is_file ? keep_file(form, param) : typed(param, text);
  bool is_list = param && param->type == EM_PARAM_IMAGES;
  form->failed = is_list ? append(form, value)
                         : json_object_set_new(form->body, part->name, value);
  em_text_free(&part->value);
  *part->name = '\0';
}

static enum MHD_Result receive(void *arg, enum MHD_ValueKind kind,
                               const char *key, const char *file_name,
                               const char *type, const char *encoding,
                               const char *data, uint64_t offset, size_t size) {
  struct form *form = arg;
  (void)kind, (void)type, (void)encoding;
  if (offset == 0) {
    finish_part(form);
    snprintf(form->part.name, sizeof form->part.name, "%s", key ? key : "");
    form->part.is_file = file_name != NULL;
  }
  em_text_add_bytes(&form->part.value, data, size);
  return form->failed ? MHD_NO : MHD_YES;
}

/* Ownership: the caller's. Errors: NULL, and the reply says why. */
static json_t *read_form(struct em_request *request,
                         const struct em_model *model) {
  struct em_error error = {"Invalid multipart body"};
  struct form form = {.request = request,
                      .model = model,
                      .body = json_object(),
                      .error = &error};
  struct MHD_PostProcessor *parts =
      MHD_create_post_processor(request->connection, 64 * 1024, receive, &form);
  bool is_empty = !request->body.size;
  bool read =
      parts && (is_empty || MHD_post_process(parts, request->body.data,
                                             request->body.size) == MHD_YES);
  bool whole = parts && MHD_destroy_post_processor(parts) == MHD_YES;
  finish_part(&form);
  em_text_free(&form.part.value);
  if (read && (whole || is_empty) && !form.failed)
    return form.body;
  em_reply_error(request, 400, "%s", error.text);
  json_decref(form.body);
  return NULL;
}

/* The same. */
static json_t *read_body(struct em_request *request,
                         const struct em_model *model, enum em_api api) {
  if (api == EM_V1 && em_request_has_type(request, "multipart/form-data"))
    return read_form(request, model);
  if (!em_request_has_type(request, "application/json")) {
    em_reply_error(request, 406, "Invalid content type");
    return NULL;
  }
  json_t *body = em_request_json(request);
  if (!body || json_is_object(body))
    return body;
  em_reply_error(request, 400, "Invalid JSON: an object is expected");
  json_decref(body);
  return NULL;
}

/* JSON is kept as it came: the ledger shows what was sent, to the byte. */
static char *body_text(const struct em_request *request, const json_t *body) {
  if (em_request_has_type(request, "application/json"))
    return strdup(request->body.data);
  return json_dumps(body, JSON_COMPACT);
}

static struct em_job *make_job(const struct em_request *request,
                               const struct em_model *model, enum em_api api,
                               json_t *body) {
  struct em_service *service = request->service;
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
  if (job->body && job->prompt && !em_order_read(job, body))
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
  double queue_s = em_random_latency(&store->random, options->queue.mean_s,
                                     options->queue.variation);
  uint64_t seed = em_random_bits(&store->random);
  if (job->order && !job->order->has_seed)
    job->seed = (long long)(seed & 0x7fffffff);
  job->latency_us = em_clock_us(latency_s / options->speed);
  return em_clock_us(queue_s / options->speed);
}

static void add_rate_reset_locked(struct em_request *request) {
  const struct em_store *store = &request->service->store;
  int64_t now_us = em_clock_now_us();
  em_reply_reset(request, em_store_rate_reset_locked(store, now_us) - now_us);
}

/* 406, which names the balance and the price, is the service's documented
 * answer; 402 with this text was seen on v2. */
static void refuse_locked(struct em_request *request,
                          enum em_admission admission,
                          const struct em_job *job) {
  if (admission == EM_THROTTLED) {
    add_rate_reset_locked(request);
    em_reply_error(request, 429, "rate_limit_exceeded");
    return;
  }
  double left = request->service->store.credits;
  char credits[32];
  snprintf(credits, sizeof credits, "%.4g", left);
  const char *balance = left > 0 ? credits : "0.0";
  if (job->api == EM_V2)
    em_reply_error(request, 402, "Insufficient credits. You have %s credits.",
                   balance);
  else
    em_reply_error(request, 406,
                   "Insufficient credits. You have %s credits, this request "
                   "needs %.4g.",
                   balance, job->model->price_usd);
}

/* Accepts the job, or says why not. Takes the reference; returns another. */
static struct em_job *enter(struct em_request *request, struct em_job *job) {
  struct em_store *store = &request->service->store;
  int64_t queue_us = 0;
  pthread_mutex_lock(&store->lock);
  enum em_admission admission =
      em_store_admit_locked(store, job->model->price_usd, job->submitted_us);
  bool added = admission == EM_ADMITTED && !em_store_add_locked(store, job);
  if (added)
    queue_us = draw_times_locked(store, job);
  else if (admission != EM_ADMITTED)
    refuse_locked(request, admission, job);
  else
    em_reply_error(request, 500, "Internal Server Error");
  pthread_mutex_unlock(&store->lock);
  if (added)
    em_production_start(job, queue_us);
  else
    em_job_drop(job);
  return added ? job : NULL;
}

static struct em_job *submit(struct em_request *request, enum em_api api) {
  const char *name = request->route.argument;
  const struct em_model *model = em_model_find(request->service->models, name);
  if (!model) {
    em_reply_error(request, 404, "Model %.80s not found", name);
    return NULL;
  }
  json_t *body = read_body(request, model, api);
  if (!body)
    return NULL;
  struct em_job *job = make_job(request, model, api, body);
  json_decref(body);
  if (job && (api == EM_V2 || job->v1_status != 406))
    return enter(request, job);
  em_reply_error(request, job ? 406 : 500, "%s",
                 job ? job->error : "Internal Server Error");
  em_job_drop(job);
  return NULL;
}

void em_submit_v2(struct em_request *request) {
  struct em_text text = {0};
  request->job = submit(request, EM_V2);
  if (!request->job)
    return;
  em_job_write_accepted(request->job, request->base, &text);
  em_reply_json(request, 200, &text);
}

void em_submit_v1(struct em_request *request) {
  struct em_service *service = request->service;
  request->job = submit(request, EM_V1);
  request->waits = request->job != NULL;
  if (request->waits)
    return;
  pthread_mutex_lock(&service->store.lock);
  add_rate_reset_locked(request);
  pthread_mutex_unlock(&service->store.lock);
}

/* The pages' samples read JSON, whoever published an answer got a picture. */
static void reply_picture(struct em_request *request) {
  const struct em_job *job = request->job;
  struct em_text text = {0};
  if (!request->service->options->v1_json) {
    em_reply_picture(request, &job->picture);
    return;
  }
  em_job_write_result(job, request->base, &text);
  em_reply_json(request, 200, &text);
}

void em_submit_v1_finish(struct em_request *request) {
  struct em_service *service = request->service;
  const struct em_job *job = request->job;
  pthread_mutex_lock(&service->store.lock);
  em_reply_header(request, "x-request-id", "%s", job->id);
  em_reply_header(request, "x-remaining-credits", "%.10g",
                  job->remaining_credits);
  if (job->state == EM_COMPLETED) {
    reply_picture(request);
    em_reply_header(request, "x-cost", "%.6g", job->cost);
    em_reply_header(request, "x-generation-time", "%.6f",
                    em_clock_s(job->finished_us - job->started_us));
    em_reply_header(request, "x-seed-value", "%lld", job->seed);
  } else {
    em_reply_error(request, job->v1_status ? job->v1_status : 500, "%s",
                   job->error ? job->error : "Failed");
  }
  add_rate_reset_locked(request);
  pthread_mutex_unlock(&service->store.lock);
}
