/* The service's memory: all jobs in the order they were accepted, found by
 * id, and the account that pays for them.
 *
 * The list of accepted submits is the oracle of the tests: nothing is added
 * to it that was not answered for, nothing is ever taken out but by a reset.
 *
 * Functions named _locked are called with the lock held; so is every reading of
 * a job. */
#ifndef EM_STORE_H
#define EM_STORE_H

#include <pthread.h>

#include "em_job.h"
#include "em_options.h"
#include "em_random.h"

struct em_store {
  pthread_mutex_t lock;
  const struct em_options *options;
  void *ids;            /* a tree of tsearch(3): the jobs by their ids */
  struct em_job **jobs; /* in order of acceptance */
  size_t count;
  struct em_random random;
  double credits;  /* dollars */
  double reserved; /* of them, for jobs that have not ended */
  int rpm;         /* submits a minute, 0: no limit */
  int64_t window_us;
  int window_count;
  unsigned epoch;
};

enum em_admission { EM_ADMITTED, EM_NO_CREDITS, EM_THROTTLED };

void em_store_create(struct em_store *store, const struct em_options *options);
void em_store_destroy(struct em_store *store);

/* Forgets all jobs and starts from the options' credits and rate again. */
void em_store_reset(struct em_store *store);

/* May a job of this price be accepted now? Reserves the price if so. */
enum em_admission em_store_admit_locked(struct em_store *store, double price,
                                        int64_t now_us);

/* When the window of the rate limit ends, also without a limit. */
int64_t em_store_rate_reset_locked(const struct em_store *store,
                                   int64_t now_us);

/* Draws an id and adds the job. Ownership: the store keeps a reference of its
 * own. Errors: -1 when out of memory. */
int em_store_add_locked(struct em_store *store, struct em_job *job);

struct em_job *em_store_find_locked(const struct em_store *store,
                                    const char *id);

/* Ends a job: bills it when it has a picture. A job of before a reset leaves
 * the account alone. */
void em_store_finish_locked(struct em_store *store, struct em_job *job,
                            int64_t now_us);

#endif
