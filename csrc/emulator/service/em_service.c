#include "em_service.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "em_answer.h"
#include "em_clock.h"
#include "em_codec.h"
#include "em_control.h"
#include "em_fetch.h"
#include "em_history.h"
#include "em_submit.h"
#include "em_upload.h"

/* The tables built in, made by lua/segmind/models/export.lua. */
extern const char em_models_json[];
extern const unsigned long em_models_json_len;

enum { DRAWING_THREADS = 3 };

static int load_models(struct em_service *service, struct em_error *error) {
  const char *path = service->options->models;
  struct em_error mistake;
  struct em_text text = {0};
  if (path && em_text_add_file(&text, path)) {
    em_text_free(&text);
    return em_fail(error, "cannot read %s", path);
  }
  service->models =
      em_model_set_new(path ? text.data : em_models_json,
                       path ? text.size : (size_t)em_models_json_len, &mistake);
  em_text_free(&text);
  if (!service->models)
    return em_fail(error, "%s: %.400s", path ? path : "model tables",
                   mistake.text);
  return 0;
}

/* Of its own when none was given, so that a run's faults can be repeated. */
static uint64_t wire_seed(const struct em_options *options) {
  struct em_random random = em_random_new();
  return options->seeded ? options->seed : em_random_bits(&random);
}

int em_service_create(struct em_service *service,
                      const struct em_options *options,
                      struct em_error *error) {
  *service =
      (struct em_service){.options = options, .started_us = em_clock_now_us()};
  em_store_create(&service->store, options);
  if (load_models(service, error)) {
    em_service_destroy(service);
    return -1;
  }
  service->media = em_media_new();
  service->faults = em_faults_new();
  service->wire = em_wire_new(wire_seed(options));
  service->foreign = em_foreign_new();
  service->timer = em_tasks_new(1);
  service->pool = em_tasks_new(DRAWING_THREADS);
  if (service->media && service->faults && service->timer && service->pool &&
      service->wire && service->foreign)
    return 0;
  em_fail(error, "no memory, no thread or no temporary file to be had");
  em_service_destroy(service);
  return -1;
}

void em_service_stop(struct em_service *service) {
  em_tasks_stop(service->timer);
  em_tasks_stop(service->pool);
}

void em_service_destroy(struct em_service *service) {
  em_tasks_delete(service->timer);
  em_tasks_delete(service->pool);
  em_store_destroy(&service->store);
  em_faults_delete(service->faults);
  em_wire_delete(service->wire);
  em_foreign_delete(service->foreign);
  em_media_delete(service->media);
  em_model_set_delete(service->models);
}

/* Outputs and assets live for 7 days of the emulator's time. */
static int64_t media_life_us(const struct em_service *service) {
  return em_clock_us(7 * 86400.0 / service->options->speed);
}

static bool find_output(struct em_service *service, const char *path,
                        struct em_picture_ref *picture) {
  char id[EM_ID_SIZE], own_path[EM_PATH_SIZE] = "";
  size_t size = strcspn(path, "/");
  if (size >= sizeof id)
    return false;
  memcpy(id, path, size);
  id[size] = '\0';
  em_store_lock(&service->store);
  const struct em_job *job = em_store_find_locked(&service->store, id);
  bool lives = job && job->state == EM_COMPLETED &&
               em_clock_now_us() - job->finished_us < media_life_us(service);
  if (lives) {
    em_job_picture_path(job, own_path);
    *picture = job->picture;
  }
  em_store_unlock(&service->store);
  return lives && !strcmp(strrchr(own_path, '/'), path + size);
}

bool em_service_find_picture(struct em_service *service, const char *path,
                             struct em_picture_ref *picture) {
  static const char outputs[] = "/generations/", assets[] = "/assets/";
  if (!strncmp(path, outputs, sizeof outputs - 1))
    return find_output(service, path + sizeof outputs - 1, picture);
  if (strncmp(path, assets, sizeof assets - 1) != 0)
    return false;
  return em_media_find(service->media, path,
                       em_clock_now_us() - media_life_us(service), picture);
}

int em_service_keep_asset(struct em_service *service, const void *data,
                          size_t size, char path[EM_PATH_SIZE],
                          struct em_error *error) {
  const char *type = em_codec_media_type(data, size);
  struct em_picture_ref ref;
  char id[EM_ID_SIZE];
  if (!type) {
    return em_fail(error, "not a jpeg, png, gif or webp image");
  }
  em_store_lock(&service->store);
  em_random_id(&service->store.random, false, id);
  em_store_unlock(&service->store);
  snprintf(path, EM_PATH_SIZE, "/assets/%s.%s", id, type + strlen("image/"));
  if (em_media_store(service->media, data, size, type, &ref) ||
      em_media_name(service->media, path, &ref, em_clock_now_us())) {
    return em_fail(error, "the emulator's disk space is used up");
  }
  return 0;
}

/* SG_ and 16 hex digits, or the one key that was asked for. */
static bool is_valid_key(const struct em_service *service, const char *key) {
  if (service->options->key)
    return !strcmp(key, service->options->key);
  size_t digits = 0;
  if (strncmp(key, "SG_", 3) != 0)
    return false;
  while (isxdigit((unsigned char)key[3 + digits]))
    digits++;
  return digits == 16 && key[3 + digits] == '\0';
}

static bool has_key(const struct em_service *service,
                    const struct em_request *request, struct em_reply *reply) {
  const char *key = em_request_header(request, "x-api-key");
  if (key && is_valid_key(service, key))
    return true;
  if (!key && !em_request_header(request, "Authorization"))
    em_reply_error(reply, 401, "Missing Authorization or x-api-key in header");
  else
    em_reply_error(reply, 401,
                   "Unauthorized. API key is invalid or may have expired...");
  return false;
}

/* The control port asks for no key, so it refuses what a page of a browser may
 * send: with a foreign Origin, or to a name that was made to lead here. */
static bool is_foreign(const struct em_request *request) {
  const char *host = em_request_header(request, "Host");
  const char *origin = em_request_header(request, "Origin");
  char url[EM_BASE_SIZE];
  struct em_url parts;
  if (origin && strcmp(origin, request->base) != 0)
    return true;
  snprintf(url, sizeof url, "http://%.256s/", host ? host : "localhost");
  return em_url_read(url, &parts) || !em_url_is_loopback(&parts);
}

uint64_t em_service_account(const struct em_request *request) {
  const char *key = em_request_header(request, "x-api-key");
  return key ? em_hash(key, strlen(key)) : 0;
}

void em_service_answer(struct em_service *service, struct em_request *request,
                       struct em_reply *reply) {
  static em_endpoint_fn *const endpoints[EM_ENDPOINT_COUNT] = {
      [EM_AT_STATUS] = em_answer_status,
      [EM_AT_RESULT] = em_answer_result,
      [EM_AT_SUBMIT] = em_submit_v2,
      [EM_AT_V1] = em_submit_v1,
      [EM_AT_CREDITS] = em_answer_credits,
      [EM_AT_UPLOAD] = em_upload,
      [EM_AT_HISTORY] = em_history_list,
      [EM_AT_HISTORY_ENTRY] = em_history_entry,
      [EM_AT_MODELS] = em_answer_models,
      [EM_AT_MEDIA] = em_answer_media,
      [EM_AT_LEDGER] = em_control_ledger,
      [EM_AT_STATS] = em_control_stats,
      [EM_AT_FAULTS] = em_control_faults,
      [EM_AT_WIRE] = em_control_wire,
      [EM_AT_WIRE_LOG] = em_control_wire_log,
      [EM_AT_FOREIGN] = em_control_foreign,
      [EM_AT_RESET] = em_control_reset,
      [EM_AT_SHUTDOWN] = em_control_shutdown,
  };
  const struct em_route *route = &request->route;
  if (route->endpoint == EM_AT_NOWHERE)
    em_reply_error(reply, 404, "Not Found");
  else if (em_endpoint_is_control(route->endpoint) && is_foreign(request))
    em_reply_error(reply, 403, "The control port is for this host's programs");
  else if (!em_route_allows(route, request->method))
    em_reply_not_allowed(reply, route->methods);
  else if (request->too_large)
    em_reply_error(reply, 413, "Request body is too large");
  else if (!route->keyed || has_key(service, request, reply))
    endpoints[route->endpoint](service, request, reply);
}
