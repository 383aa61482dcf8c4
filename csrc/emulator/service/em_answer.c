/* The endpoints that are asked, and the one for uploads: data URIs in, public
 * URLs out. */
#include "em_service.h"

#include <stdlib.h>
#include <string.h>

#include "em_clock.h"

/* An expired record is as unknown as one that never was. */
static bool has_record_locked(const struct em_options *options,
                              const struct em_job *job) {
  double life_s =
      options->expire_s < 0 ? 3600 / options->speed : options->expire_s;
  return job && !job->lost &&
         em_clock_now_us() - job->submitted_us < em_clock_us(life_s);
}

/* /v1/requests/{id}, the poll_url of a submit, has words of its own. */
static void reply_not_found(struct em_request *request) {
  const char *id = request->route.argument;
  if (strncmp(request->path, "/v1/", 4) != 0)
    em_reply_error(request, 404, "Request %s not found", id);
  else
    em_reply_error(request, 404, "Output for this request ID %s Not Found", id);
}

/* The next state of a script, or the true one. */
static const char *next_state(struct em_job *job) {
  const json_t *state = json_array_get(job->script, job->script_next);
  job->script_next += state != NULL;
  return state ? json_string_value(state) : em_state_name(job->state);
}

static int write_job(struct em_request *request, struct em_text *text) {
  struct em_job *job = request->job;
  bool is_status = request->route.endpoint == EM_AT_STATUS;
  const char *truth = em_state_name(job->state);
  const char *state = is_status ? next_state(job) : truth;
  job->polls++;
  request->reports_end = em_job_is_finished(job) && !strcmp(state, truth);
  return is_status ? em_job_write_status(job, state, request->base, text)
                   : em_job_write_result(job, request->base, text);
}

void em_answer_job(struct em_request *request) {
  struct em_service *service = request->service;
  struct em_text text = {0};
  int status = 0;
  pthread_mutex_lock(&service->store.lock);
  if (has_record_locked(service->options, request->job))
    status = write_job(request, &text);
  pthread_mutex_unlock(&service->store.lock);
  if (status)
    em_reply_json(request, status, &text);
  else
    reply_not_found(request);
}

void em_answer_credits(struct em_request *request) {
  struct em_store *store = &request->service->store;
  struct em_text text = {0};
  pthread_mutex_lock(&store->lock);
  em_text_addf(&text, "{\"credits\":%.10g,\"free-credits\":0}", store->credits);
  pthread_mutex_unlock(&store->lock);
  em_reply_json(request, 200, &text);
}

void em_answer_models(struct em_request *request) {
  json_t *list = json_array();
  for (size_t i = 0; i < request->service->models->count; i++) {
    const struct em_model *model = &request->service->models->models[i];
    json_array_append_new(
        list, json_pack("{s:s, s:s, s:O}", "slug", model->name, "name",
                        model->title ? model->title : model->name, "model",
                        model->source));
  }
  em_reply_tree(request, 200, json_pack("{s:o}", "models", list));
}

void em_answer_media(struct em_request *request) {
  struct em_picture_ref picture;
  if (em_service_find_picture(request->service, request->path, &picture))
    em_reply_picture(request, &picture);
  else
    em_reply_error(request, 404, "File not found");
}

/* Errors: false, and the reply says why. */
static bool add_asset(struct em_request *request, const json_t *uri,
                      json_t *urls) {
  char path[EM_PATH_SIZE];
  const char *text = json_string_value(uri);
  struct em_bytes file = em_data_uri_decode(text ? text : "");
  const char *problem =
      file.data ? em_service_keep_asset(request->service, file, path) : NULL;
  if (!file.data)
    em_reply_error(request, 400, "data_urls must hold base64 data URIs");
  else if (problem)
    em_reply_error(request, 400, "Invalid file: %s", problem);
  else
    json_array_append_new(urls, json_sprintf("%s%s", request->base, path));
  free(file.data);
  return file.data && !problem;
}

/* All or none. */
static void upload(struct em_request *request, const json_t *body) {
  const json_t *list = json_object_get(body, "data_urls");
  json_t *urls = json_array();
  size_t i = 0, count = json_array_size(list);
  while (i < count && add_asset(request, json_array_get(list, i), urls))
    i++;
  if (!count)
    em_reply_error(request, 400, "data_urls is required");
  else if (i == count)
    em_reply_tree(request, 200,
                  json_pack("{s:O, s:s}", "file_urls", urls, "message",
                            "Files uploaded successfully"));
  json_decref(urls);
}

void em_answer_upload(struct em_request *request) {
  if (!em_request_has_type(request, "application/json")) {
    em_reply_error(request, 406, "Invalid content type");
    return;
  }
  json_t *body = em_request_json(request);
  if (body)
    upload(request, body);
  json_decref(body);
}
