/* sm_inflight: the requests in flight.
 *
 * There are as many slots as requests may be active at once. From the moment a
 * task is sent until its answer was read it holds one, and the exchange in it;
 * the transport carries that. Here tasks and exchanges are tied together and
 * parted again, and counted. A quarter of the slots is kept free of transfers
 * that last long.
 *
 * Which request is sent next is for sm_queue to say, what an answer means for
 * the state machines: no answer is looked at here, nor anything sent a second
 * time.
 */
#ifndef SM_INFLIGHT_H
#define SM_INFLIGHT_H

#include "sm_task_http.h"

struct sm_inflight {
  struct sm_transport transport;
  struct sm_limits limits;
  struct sm_exchange *slots;
  struct sm_exchange *idle; /* slots, linked by `next` */
  int slot_count;
  int active;
  int heavy;          /* active ones that last long: uploads, downloads, v1 */
  uint64_t transfers; /* sent so far, like the next two */
  uint64_t submits;
  uint64_t polls;
};

/* False without memory. */
bool sm_inflight_create(struct sm_inflight *inflight,
                        const struct sm_transport *transport,
                        const struct sm_limits *limits, int max_transfers);
/* All tasks must have left. */
void sm_inflight_destroy(struct sm_inflight *inflight);

/* Whether a slot is free for a request of that class. */
bool sm_inflight_has_room(const struct sm_inflight *inflight,
                          enum sm_request_class class);

/* Takes a slot for a task that is sent a little later. Only where there is
 * room. */
void sm_inflight_hold(struct sm_inflight *inflight, struct sm_task *task);

/* Sends the task's next request, in the slot that it holds or in another. Only
 * where there is room. On an error nothing was sent; the task holds its slot
 * all the same, until it leaves. Errors: those of sm_task_http_prepare and of
 * the transport. */
enum sm_code sm_inflight_start(struct sm_inflight *inflight,
                               struct sm_task *task, int64_t now_ms,
                               struct sm_error *e);

/* A finished exchange, or NULL. Its owner is the task. */
struct sm_exchange *sm_inflight_finished(struct sm_inflight *inflight);

/* Ends the task's exchange now, if it has one; the answer can still be read.
 * Returns whether the request may have left. */
bool sm_inflight_cut(struct sm_inflight *inflight, struct sm_task *task);

/* Gives the task's slot back, if it has one. */
void sm_inflight_leave(struct sm_inflight *inflight, struct sm_task *task);

/* The text of the `n`th submit to that model whose answer is still awaited;
 * NULL: there are no more. */
const char *sm_inflight_awaited(const struct sm_inflight *inflight,
                                const char *model, int n, size_t *size);

#endif
