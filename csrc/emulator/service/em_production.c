#include "em_production.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "em_clock.h"
#include "em_codec.h"
#include "em_painter.h"
#include "em_sign.h"
#include "em_source.h"

/* What one drawing needs, from the inputs to the name it is kept under. */
struct drawing {
  struct em_source sources[EM_INPUT_MAX];
  int count;
  int step;
  char kept[768];
};

static int open_sources(const struct em_job *job, struct drawing *drawing,
                        struct em_error *error) {
  const struct em_order *order = job->order;
  for (; drawing->count < order->input_count; drawing->count++) {
    struct em_source *source = &drawing->sources[drawing->count];
    if (em_source_open(job->service, order->inputs[drawing->count], source,
                       error))
      return -1;
    if (source->step > drawing->step)
      drawing->step = source->step;
  }
  drawing->step++;
  return 0;
}

/* All that a picture depends on, as one name. */
static void name_render(const struct em_job *job, struct drawing *drawing) {
  const struct em_order *order = job->order;
  size_t room = sizeof drawing->kept;
  int size =
      snprintf(drawing->kept, room,
               "render:%.80s:%016" PRIx64 ":%zu:%lld:%.40s:%dx%d:%s:%d:%d",
               job->model->name, em_hash(job->prompt, strlen(job->prompt)),
               strlen(job->prompt), job->seed,
               order->aspect_ratio ? order->aspect_ratio : "", order->width,
               order->height, order->format, order->quality, drawing->step);
  for (int i = 0; i < drawing->count; i++)
    size += snprintf(drawing->kept + size, room - (size_t)size, ":%" PRIx64,
                     drawing->sources[i].identity);
}

/* A plain picture is one of 4096 colours: they differ, and few are drawn. */
static uint32_t name_plain(const struct em_job *job, struct drawing *drawing) {
  uint64_t hash = em_hash(drawing->kept, strlen(drawing->kept));
  uint32_t colour = (uint32_t)(hash ^ hash >> 24) & 0xf0f0f0;
  snprintf(drawing->kept, sizeof drawing->kept, "plain:%s:%06x:%d",
           job->order->format, colour, drawing->step);
  return colour;
}

static int render_full(const struct em_job *job, const struct drawing *drawing,
                       unsigned char **data, size_t *size,
                       struct em_error *error) {
  struct em_painter_input inputs[EM_INPUT_MAX];
  for (int i = 0; i < drawing->count; i++)
    inputs[i] = (struct em_painter_input){drawing->sources[i].data,
                                          drawing->sources[i].size};
  const struct em_painter_job picture = {.model = job->model->name,
                                         .prompt = job->prompt,
                                         .seed = job->seed,
                                         .aspect_ratio =
                                             job->order->aspect_ratio,
                                         .format = job->order->format,
                                         .quality = job->order->quality,
                                         .step = drawing->step,
                                         .inputs = inputs,
                                         .input_count = drawing->count,
                                         .width = job->order->width,
                                         .height = job->order->height};
  return em_painter_render(&picture, data, size, error);
}

static int keep_render(const struct em_job *job, const struct drawing *drawing,
                       const unsigned char *data, size_t size,
                       struct em_picture_ref *ref) {
  struct em_media *media = job->service->media;
  if (em_media_store(media, data, size, em_codec_media_type(data, size), ref))
    return -1;
  ref->step = drawing->step;
  return em_media_name(media, drawing->kept, ref, em_clock_now_us());
}

/* Draws, or finds the same picture drawn before. */
static int render(const struct em_job *job, struct drawing *drawing,
                  struct em_picture_ref *ref, struct em_error *error) {
  bool is_plain = job->service->options->plain;
  unsigned char *data = NULL;
  size_t size = 0;
  name_render(job, drawing);
  uint32_t colour = is_plain ? name_plain(job, drawing) : 0;
  if (em_media_find(job->service->media, drawing->kept, 0, ref))
    return 0;
  em_fail(error, "the picture could not be drawn");
  int failed = is_plain
                   ? em_painter_plain(colour, job->order->format, &data, &size)
                   : render_full(job, drawing, &data, &size, error);
  if (!failed && job->service->options->signed_pictures)
    failed = em_sign_picture(&data, &size);
  if (!failed && keep_render(job, drawing, data, size, ref))
    failed = em_fail(error, "the emulator's disk space is used up");
  free(data);
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
  struct drawing drawing = {0};
  struct em_error error = {""};
  int failed =
      open_sources(job, &drawing, &error) || render(job, &drawing, ref, &error);
  for (int i = 0; i < EM_INPUT_MAX; i++)
    free(drawing.sources[i].data);
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
