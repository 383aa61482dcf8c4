#include "em_store.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "em_clock.h"

static void start_account(struct em_store *store) {
  store->credits = store->options->credits;
  store->reserved = 0;
  store->rpm = store->options->rpm;
  store->window_us = 0;
  store->window_count = 0;
}

void em_store_create(struct em_store *store, const struct em_options *options) {
  *store = (struct em_store){.options = options};
  pthread_mutex_init(&store->lock, NULL);
  store->random = options->seed.given ? (struct em_random){options->seed.value}
                                      : em_random_new();
  start_account(store);
}

static int compare_ids(const void *a, const void *b) {
  return strcmp(((const struct em_job *)a)->id, ((const struct em_job *)b)->id);
}

/* The list has the references, the tree none. */
static void keep(void *job) { (void)job; }

static void forget_jobs(struct em_store *store) {
  tdestroy(store->ids, keep);
  store->ids = NULL;
  for (size_t i = 0; i < store->count; i++)
    em_job_drop(store->jobs[i]);
  free(store->jobs);
  store->jobs = NULL;
  store->count = 0;
}

void em_store_destroy(struct em_store *store) {
  forget_jobs(store);
  pthread_mutex_destroy(&store->lock);
}

void em_store_reset(struct em_store *store) {
  pthread_mutex_lock(&store->lock);
  forget_jobs(store);
  start_account(store);
  store->epoch++;
  pthread_mutex_unlock(&store->lock);
}

static int64_t window_length_us(const struct em_store *store) {
  return em_clock_us(60.0 / store->options->speed);
}

/* A fixed window: simpler than the service's, whose rule is not published,
 * and its end can be told exactly. */
static bool is_window_over(const struct em_store *store, int64_t now_us) {
  return !store->window_us ||
         now_us >= store->window_us + window_length_us(store);
}

static bool is_throttled(struct em_store *store, int64_t now_us) {
  if (is_window_over(store, now_us)) {
    store->window_us = now_us;
    store->window_count = 0;
  }
  return store->rpm && ++store->window_count > store->rpm;
}

int64_t em_store_rate_reset_locked(const struct em_store *store,
                                   int64_t now_us) {
  int64_t start_us = is_window_over(store, now_us) ? now_us : store->window_us;
  return start_us + window_length_us(store);
}

enum em_admission em_store_admit_locked(struct em_store *store, double price,
                                        int64_t now_us) {
  if (is_throttled(store, now_us))
    return EM_THROTTLED;
  if (store->credits - store->reserved + 1e-9 < price || store->credits <= 0)
    return EM_NO_CREDITS;
  store->reserved += price;
  return EM_ADMITTED;
}

int em_store_add_locked(struct em_store *store, struct em_job *job) {
  em_random_id(&store->random, store->options->uuid, job->id);
  job->epoch = store->epoch;
  struct em_job **jobs = em_grow(store->jobs, store->count, sizeof(*jobs));
  if (jobs)
    store->jobs = jobs;
  if (!jobs || !tsearch(job, &store->ids, compare_ids))
    return -1;
  store->jobs[store->count++] = em_job_keep(job);
  return 0;
}

struct em_job *em_store_find_locked(const struct em_store *store,
                                    const char *id) {
  struct em_job key;
  size_t size = strlen(id) + 1;
  if (size > sizeof key.id)
    return NULL;
  memcpy(key.id, id, size);
  struct em_job *const *found = tfind(&key, &store->ids, compare_ids);
  return found ? *found : NULL;
}

void em_store_finish_locked(struct em_store *store, struct em_job *job,
                            int64_t now_us) {
  job->finished_us = now_us;
  job->state = job->error ? EM_FAILED : EM_COMPLETED;
  if (!job->error)
    job->cost = job->model->price_usd;
  if (job->epoch == store->epoch) {
    store->reserved -= job->model->price_usd;
    store->credits -= job->cost;
  }
  job->remaining_credits = store->credits;
}
