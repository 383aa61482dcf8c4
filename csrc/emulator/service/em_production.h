/* What becomes of an accepted job:
 *
 *   QUEUED      until the drawn queueing time has passed
 *   PROCESSING  the picture is drawn by the pool while the drawn latency runs
 *   COMPLETED   when both are done; billed then
 *   FAILED      at once when it cannot be drawn, or a few milliseconds after
 *               the queue when its parameters were refused
 *
 * Each step holds a reference of the job, so that a reset may forget it at
 * any time. */
#ifndef EM_PRODUCTION_H
#define EM_PRODUCTION_H

#include "em_job.h"

/* Sets a job on its way, its latency drawn and its order or error filled. */
void em_production_start(struct em_job *job, int64_t queue_us);

/* Calls wake(arg), once, when the job has ended.
 * Errors: false when it has ended already; then wake is not called. */
bool em_production_wait(struct em_job *job, void (*wake)(void *arg), void *arg);

#endif
