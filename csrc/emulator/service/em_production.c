#include "em_service.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "em_clock.h"
#include "em_codec.h"
#include "em_painter.h"

/* What one drawing needs, and the name it is kept under. */
struct drawing {
  struct em_painter_job picture;
  uint64_t identities[EM_INPUT_MAX]; /* of its inputs */
  char kept[768];
};
static int open_sources(const struct em_job *job, struct drawing *drawing,
                        struct em_error *error) {
  struct em_painter_job *picture = &drawing->picture;
  struct em_source source;
  for (int i = 0; i < picture->input_count; i++) {
    if (em_source_open(job->service, job->order->urls[i], &source, error))
      return -1;
    picture->inputs[i] = source.file;
    drawing->identities[i] = source.identity;
    if (source.step > picture->step)
      picture->step = source.step;
  }
  picture->step++;
  return 0;
}
/* All that a picture depends on, as one name. */
static void name_render(struct drawing *drawing) {
  const struct em_painter_job *picture = &drawing->picture;
  size_t room = sizeof drawing->kept, length = strlen(picture->prompt);
  int size = snprintf(
      drawing->kept, room,
      "render:%.80s:%016" PRIx64 ":%zu:%lld:%.40s:%dx%d:%s:%d:%d",
      picture->model, em_hash(picture->prompt, length), length, picture->seed,
      picture->aspect_ratio ? picture->aspect_ratio : "", picture->width,
      picture->height, picture->format, picture->quality, picture->step);
  for (int i = 0; i < picture->input_count; i++)
    size += snprintf(drawing->kept + size, room - (size_t)size, ":%" PRIx64,
                     drawing->identities[i]);
}
/* A plain picture is one of 4096 colours: they differ, and few are drawn. */
static uint32_t name_plain(struct drawing *drawing) {
  uint64_t hash = em_hash(drawing->kept, strlen(drawing->kept));
  uint32_t colour = (uint32_t)(hash ^ hash >> 24) & 0xf0f0f0;
  snprintf(drawing->kept, sizeof drawing->kept, "plain:%s:%06x:%d",
           drawing->picture.format, colour, drawing->picture.step);
  return colour;
}
/* Draws, or finds the same picture drawn before. */
static int render(struct em_service *service, struct drawing *drawing,
                  struct em_picture_ref *ref, struct em_error *error) {
  bool is_plain = service->options->plain;
  name_render(drawing);
  uint32_t colour = is_plain ? name_plain(drawing) : 0;
  if (em_media_find(service->media, drawing->kept, 0, ref))
    return 0;
  em_fail(error, "the picture could not be drawn");
  struct em_bytes file =
      is_plain ? em_painter_plain(colour, drawing->picture.format, error)
               : em_painter_render(&drawing->picture, error);
  int failed =
      !file.data || (service->options->signed_pictures && em_codec_sign(&file));
  if (!failed &&
      em_media_keep(service->media, drawing->kept, file,
                    em_codec_media_type(file), drawing->picture.step, ref))
    failed = em_fail(error, "the emulator's disk space is used up");
  free(file.data);
  return failed;
}
/* Ends the job if nothing is left to wait for, and wakes who waits. */
static void settle(struct em_job *job) {
  struct em_store *store = &job->service->store;
  void (*wake)(void *) = NULL;
  void *arg = NULL;
  pthread_mutex_lock(&store->lock);
  if (!em_job_is_finished(job) && job->drawn && job->ripe) {
    em_store_finish_locked(store, job, em_clock_now_us());
    wake = job->wake;
    arg = job->wake_arg;
    job->wake = NULL;
  }
  pthread_mutex_unlock(&store->lock);
  if (wake)
    wake(arg);
}
static void ripen(void *arg, bool run) {
  struct em_job *job = arg;
  if (run) {
    pthread_mutex_lock(&job->service->store.lock);
    job->ripe = true;
    pthread_mutex_unlock(&job->service->store.lock);
    settle(job);
  }
  em_job_drop(job);
}
/* Opens the inputs and renders. Errors: the text, malloc'ed. */
static char *make_picture(const struct em_job *job,
                          struct em_picture_ref *ref) {
  struct drawing drawing = {.picture = job->order->picture};
  struct em_error error = {""};
  drawing.picture.seed = job->seed;
  int failed = open_sources(job, &drawing, &error) ||
               render(job->service, &drawing, ref, &error);
  for (int i = 0; i < EM_INPUT_MAX; i++)
    free(drawing.picture.inputs[i].data);
  return failed ? strdup(error.text) : NULL;
}
static void draw(void *arg, bool run) {
  struct em_job *job = arg;
  if (run) {
    struct em_picture_ref ref = {0};
    char *error = make_picture(job, &ref);
    pthread_mutex_lock(&job->service->store.lock);
    job->picture = ref;
    job->error = error;
    job->drawn = true;
    if (error)
      job->ripe = true;
    em_order_delete(job->order);
    job->order = NULL;
    pthread_mutex_unlock(&job->service->store.lock);
    settle(job);
  }
  em_job_drop(job);
}
/* A refused body fails about this long after the queue, as it was seen to. */
static const int64_t refusal_us = 3000;
static void begin(void *arg, bool run) {
  struct em_job *job = arg;
  struct em_service *service = job->service;
  if (!run) {
    em_job_drop(job);
    return;
  }
  pthread_mutex_lock(&service->store.lock);
  job->state = EM_PROCESSING;
  job->started_us = em_clock_now_us();
  bool refused = job->drawn = job->order == NULL;
  int64_t ripe_us = job->started_us + (refused ? refusal_us : job->latency_us);
  pthread_mutex_unlock(&service->store.lock);
  if (!refused)
    em_tasks_at(service->pool, em_clock_now_us(), draw, em_job_keep(job));
  em_tasks_at(service->timer, ripe_us, ripen, job);
}
void em_production_start(struct em_job *job, int64_t queue_us) {
  em_job_keep(job);
  if (queue_us > 0)
    em_tasks_at(job->service->timer, job->submitted_us + queue_us, begin, job);
  else
    begin(job, true);
}
bool em_production_wait(struct em_job *job, void (*wake)(void *arg),
                        void *arg) {
  pthread_mutex_lock(&job->service->store.lock);
  bool waits = !em_job_is_finished(job);
  job->wake = waits ? wake : NULL;
  job->wake_arg = arg;
  pthread_mutex_unlock(&job->service->store.lock);
  return waits;
}
