/* sm_traffic: the requests under way.
 *
 * From the moment a task is sent until its answer was read it holds a slot and
 * the exchange in it; the transport carries that. Here tasks and transfers are
 * tied together and parted again, and counted. Who is sent is for sm_queue to
 * say, what an answer means for the state machines: no answer is looked at
 * here, nor anything sent a second time.
 */
#ifndef SM_TRAFFIC_H
#define SM_TRAFFIC_H

#include "sm_slots.h"
#include "sm_task_http.h"

struct sm_traffic {
  struct sm_transport transport;
  struct sm_limits limits;
  struct sm_slots slots;
  uint64_t transfers; /* sent so far, like the next two */
  uint64_t submits;
  uint64_t polls;
};

/* False without memory. */
bool sm_traffic_create(struct sm_traffic *traffic,
                       const struct sm_transport *transport,
                       const struct sm_limits *limits, int max_transfers);
/* All tasks must have left. */
void sm_traffic_destroy(struct sm_traffic *traffic);

/* Takes a slot for a task that is sent a little later. Only where the slots
 * have room. */
void sm_traffic_hold(struct sm_traffic *traffic, struct sm_task *task);

/* Sends the task's next request, in the slot that it holds or in another. Only
 * where the slots have room. On an error
 * nothing was sent; the task holds its slot all the same, until it leaves.
 * Errors: those of sm_task_http_prepare and of the transport. */
enum sm_code sm_traffic_start(struct sm_traffic *traffic, struct sm_task *task,
                              int64_t now_ms, struct sm_error *e);

/* A finished exchange, or NULL. Its owner is the task. */
struct sm_exchange *sm_traffic_finished(struct sm_traffic *traffic);

/* Ends the task's exchange now, if it has one; the answer can still be read.
 * Returns whether the request may have left. */
bool sm_traffic_cut(struct sm_traffic *traffic, struct sm_task *task);

/* Gives the task's slot back, if it has one. */
void sm_traffic_leave(struct sm_traffic *traffic, struct sm_task *task);

/* The text of the `n`th submit to that model whose answer is still awaited;
 * NULL: there are no more. */
const char *sm_traffic_awaited(const struct sm_traffic *traffic,
                               const char *model, int n, size_t *size);

#endif
