#include "em_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "em_clock.h"

struct em_job *em_job_new(void) {
  struct em_job *job = calloc(1, sizeof *job);
  if (job)
    atomic_init(&job->references, 1);
  return job;
}

struct em_job *em_job_keep(struct em_job *job) {
  atomic_fetch_add(&job->references, 1);
  return job;
}

void em_job_drop(struct em_job *job) {
  if (!job || atomic_fetch_sub(&job->references, 1) > 1)
    return;
  em_order_delete(job->order);
  free(job->body);
  free(job->prompt);
  free(job->error);
  json_decref(job->script);
  free(job);
}

bool em_job_is_finished(const struct em_job *job) {
  return job->state == EM_COMPLETED || job->state == EM_FAILED;
}

const char *em_state_name(enum em_state state) {
  static const char *const names[] = {"QUEUED", "PROCESSING", "COMPLETED",
                                      "FAILED"};
  return names[state];
}

static const char *extension(const struct em_job *job) {
  const char *type = job->picture.media_type;
  return type ? type + strlen("image/") : "png";
}

void em_job_picture_path(const struct em_job *job, char path[EM_PATH_SIZE]) {
  snprintf(path, EM_PATH_SIZE, "/generations/%s/%.80s.%s", job->id,
           job->model->name, extension(job));
}

static void add_links(const struct em_job *job, const char *base,
                      struct em_text *text) {
  em_text_addf(text,
               "\"status_url\":\"%s/v2/requests/%s/status\","
               "\"response_url\":\"%s/v2/requests/%s\"",
               base, job->id, base, job->id);
}

void em_job_write_accepted(const struct em_job *job, const char *base,
                           struct em_text *text) {
  em_text_addf(text,
               "{\"request_id\":\"%s\",\"status\":\"QUEUED\","
               "\"poll_url\":\"%s/v1/requests/%s\",",
               job->id, base, job->id);
  add_links(job, base, text);
  em_text_add(text, "}");
}

double em_job_inference_s(const struct em_job *job) {
  return job->finished_us ? em_clock_s(job->finished_us - job->started_us) : 0;
}

static double queue_s(const struct em_job *job) {
  return job->started_us ? em_clock_s(job->started_us - job->submitted_us) : 0;
}

static void add_metrics(const struct em_job *job, struct em_text *text) {
  em_text_addf(text,
               "\"metrics\":{\"cost\":%.6g,\"remaining_credits\":%.10g,"
               "\"inference_time\":%.6f,\"queue_time\":%.6f,"
               "\"total_time\":%.6f}",
               job->cost, job->remaining_credits, em_job_inference_s(job),
               queue_s(job), queue_s(job) + em_job_inference_s(job));
}

static int write_failed(const struct em_job *job, struct em_text *text) {
  em_text_add(text, "{\"status\":\"FAILED\",\"error\":");
  em_text_add_json(text, job->error ? job->error : "Inference failed");
  em_text_addf(text,
               ",\"metrics\":{\"inference_time\":%.6f,\"queue_time\":%.6f}}",
               em_job_inference_s(job), queue_s(job));
  return 422;
}

static int write_running(const struct em_job *job, const char *state,
                         const char *base, struct em_text *text) {
  em_text_add(text, "{\"status\":");
  em_text_add_json(text, state);
  em_text_addf(text, ",\"request_id\":\"%s\",", job->id);
  add_links(job, base, text);
  em_text_add(text, ",\"metrics\":{}}");
  return 200;
}

int em_job_write_status(const struct em_job *job, const char *state,
                        const char *base, struct em_text *text) {
  if (!strcmp(state, "FAILED"))
    return write_failed(job, text);
  if (strcmp(state, "COMPLETED") != 0)
    return write_running(job, state, base, text);
  em_text_addf(text, "{\"status\":\"COMPLETED\",\"request_id\":\"%s\",",
               job->id);
  add_metrics(job, text);
  em_text_add(text, "}");
  return 200;
}

static int write_completed(const struct em_job *job, const char *base,
                           struct em_text *text) {
  char path[EM_PATH_SIZE];
  em_job_picture_path(job, path);
  em_text_addf(text,
               "{\"status\":\"COMPLETED\",\"error\":null,"
               "\"output\":\"%s%s\",\"images\":[{\"url\":\"%s%s\","
               "\"content_type\":\"%s\",\"file_name\":\"%s\","
               "\"file_size\":\"%u\"}],\"seed\":\"%lld\",\"prompt\":",
               base, path, base, path, job->picture.media_type,
               strrchr(path, '/') + 1, (unsigned)job->picture.size, job->seed);
  em_text_add_json(text, job->prompt);
  em_text_add(text, ",\"timings\":{},");
  add_metrics(job, text);
  em_text_add(text, "}");
  return 200;
}

int em_job_write_result(const struct em_job *job, const char *base,
                        struct em_text *text) {
  if (job->state == EM_COMPLETED)
    return write_completed(job, base, text);
  return job->state == EM_FAILED
             ? write_failed(job, text)
             : write_running(job, em_state_name(job->state), base, text);
}
