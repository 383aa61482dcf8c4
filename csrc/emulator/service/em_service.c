#include "em_service.h"

#include <stdio.h>
#include <string.h>

#include "em_clock.h"
#include "em_codec.h"

enum { DRAWING_THREADS = 3 };

int em_service_create(struct em_service *service,
                      const struct em_options *options,
                      struct em_error *error) {
  *service =
      (struct em_service){.options = options, .started_us = em_clock_now_us()};
  em_store_create(&service->store, options);
  em_rules_create(&service->faults, &em_fault_kind, 0);
  service->models = em_model_set_new(options->models, error);
  if (!service->models) {
    em_service_destroy(service);
    return -1;
  }
  service->media = em_media_new();
  service->wire =
      em_wire_new(options->seed.given ? options->seed.value
                                      : em_random_bits(&service->store.random));
  service->foreign = em_foreign_new();
  service->timer = em_tasks_new(1);
  service->pool = em_tasks_new(DRAWING_THREADS);
  if (service->media && service->timer && service->pool && service->wire &&
      service->foreign)
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
  em_rules_destroy(&service->faults);
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
  int size = 0;
  if (sscanf(path, "%36[^/]%n", id, &size) != 1)
    return false;
  pthread_mutex_lock(&service->store.lock);
  const struct em_job *job = em_store_find_locked(&service->store, id);
  bool lives = job && job->state == EM_COMPLETED &&
               em_clock_now_us() - job->finished_us < media_life_us(service);
  if (lives) {
    em_job_picture_path(job, own_path);
    *picture = job->picture;
  }
  pthread_mutex_unlock(&service->store.lock);
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

const char *em_service_keep_asset(struct em_service *service,
                                  struct em_bytes file,
                                  char path[EM_PATH_SIZE]) {
  const char *type = em_codec_media_type(file);
  struct em_picture_ref ref;
  char id[EM_ID_SIZE];
  if (!type)
    return "not a jpeg, png, gif or webp image";
  pthread_mutex_lock(&service->store.lock);
  em_random_id(&service->store.random, false, id);
  pthread_mutex_unlock(&service->store.lock);
  snprintf(path, EM_PATH_SIZE, "/assets/%s.%s", id, type + strlen("image/"));
  return em_media_keep(service->media, path, file, type, 0, &ref)
             ? "the emulator's disk space is used up"
             : NULL;
}

uint64_t em_service_account(const struct em_request *request) {
  const char *key = em_request_header(request, "x-api-key");
  return key ? em_hash(key, strlen(key)) : 0;
}
