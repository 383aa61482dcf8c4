#include "em_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "em_clock.h"

static int64_t record_life_us(const struct em_service *service) {
  const struct em_options *options = service->options;
  if (options->expire_s >= 0)
    return em_clock_us(options->expire_s);
  return em_clock_us(3600 / options->speed);
}

/* The job if its record is still there; an expired one is as unknown as one
 * that never was. */
static struct em_job *find_job_locked(struct em_service *service,
                                      const char *id) {
  struct em_job *job = em_store_find_locked(&service->store, id);
  if (!job || job->lost ||
      em_clock_now_us() - job->submitted_us >= record_life_us(service))
    return NULL;
  job->polls++;
  return job;
}

/* /v1/requests/{id}, the poll_url of a submit, has words of its own. */
static void reply_not_found(const struct em_request *request,
                            struct em_reply *reply) {
  const char *id = request->route.argument;
  if (strncmp(request->path, "/v1/", 4) != 0)
    em_reply_error(reply, 404, "Request %s not found", id);
  else
    em_reply_error(reply, 404, "Output for this request ID %s Not Found", id);
}

static bool reports_end(const struct em_job *job, const char *state) {
  return em_job_is_finished(job) && !strcmp(state, em_state_name(job->state));
}

/* The next state of a script, or the true one. */
static const char *next_state(struct em_job *job) {
  const char *state = job->script_next;
  if (!state || !*state)
    return em_state_name(job->state);
  job->script_next += strlen(state) + 1;
  return state;
}

void em_answer_status(struct em_service *service, struct em_request *request,
                      struct em_reply *reply) {
  struct em_text text = {0};
  int status = 404;
  em_store_lock(&service->store);
  struct em_job *job = find_job_locked(service, request->route.argument);
  if (job) {
    const char *state = next_state(job);
    status = em_job_write_status(job, state, request->base, &text);
    request->reports_end = reports_end(job, state);
  }
  em_store_unlock(&service->store);
  if (job)
    em_reply_json(reply, status, &text);
  else
    reply_not_found(request, reply);
}

void em_answer_result(struct em_service *service, struct em_request *request,
                      struct em_reply *reply) {
  struct em_text text = {0};
  int status = 404;
  em_store_lock(&service->store);
  struct em_job *job = find_job_locked(service, request->route.argument);
  if (job) {
    status = em_job_write_result(job, request->base, &text);
    request->reports_end = em_job_is_finished(job);
  }
  em_store_unlock(&service->store);
  if (job)
    em_reply_json(reply, status, &text);
  else
    reply_not_found(request, reply);
}

void em_answer_credits(struct em_service *service, struct em_request *request,
                       struct em_reply *reply) {
  struct em_text text = {0};
  (void)request;
  em_store_lock(&service->store);
  em_text_addf(&text, "{\"credits\":%.10g,\"free-credits\":0}",
               service->store.credits);
  em_store_unlock(&service->store);
  em_reply_json(reply, 200, &text);
}

static void add_model(struct em_text *text, const struct em_model *model) {
  char *source = json_dumps(model->source, JSON_COMPACT);
  em_text_add(text, "{\"slug\":");
  em_text_add_json(text, model->name);
  em_text_add(text, ",\"name\":");
  em_text_add_json(text, model->title ? model->title : model->name);
  em_text_addf(text, ",\"model\":%s}", source ? source : "null");
  free(source);
}

void em_answer_models(struct em_service *service, struct em_request *request,
                      struct em_reply *reply) {
  struct em_text text = {0};
  (void)request;
  em_text_add(&text, "{\"models\":[");
  for (size_t i = 0; i < service->models->count; i++) {
    em_text_add(&text, i ? "," : "");
    add_model(&text, &service->models->models[i]);
  }
  em_text_add(&text, "]}");
  em_reply_json(reply, 200, &text);
}

void em_answer_media(struct em_service *service, struct em_request *request,
                     struct em_reply *reply) {
  struct em_picture_ref picture;
  if (em_service_find_picture(service, request->path, &picture))
    em_reply_picture(reply, &picture);
  else
    em_reply_error(reply, 404, "File not found");
}
