/* sm_queue: who may be sent now, and if nobody, when to look again.
 *
 * What is due waits in lanes until a slot is free for it and the pace lets it
 * go. This queue is ours and not libcurl's, whose timeouts would count the
 * waiting. A lane whose first is held back is closed for the rest of the turn,
 * so that nobody overtakes within a lane and a held submit keeps no poll
 * waiting.
 *
 * It rests on sm_lanes for the order and on sm_pace for the rate; it sends
 * nothing, takes no slot and reads no clock.
 */
#ifndef SM_QUEUE_H
#define SM_QUEUE_H

#include "sm_lanes.h"
#include "sm_slots.h"

struct sm_queue {
  struct sm_lanes lanes;
  struct sm_pace pace;
  unsigned closed;  /* lanes, a bit for each */
  int64_t again_ms; /* the pace lets nothing go before; INT64_MAX: never */
};

/* `rpm` as sm_pace_create has it. */
void sm_queue_create(struct sm_queue *queue, double rpm, int64_t now_ms);

/* Opens all lanes again. */
void sm_queue_open(struct sm_queue *queue);

/* Takes out whoever may be sent now; NULL when all lanes are empty or closed,
 * and `again_ms` tells when to open them again. The pace has counted it. */
struct sm_task *sm_queue_next(struct sm_queue *queue,
                              const struct sm_slots *slots, int64_t now_ms);

/* Whether it takes a request of our own to learn if the service is well again:
 * the breaker keeps submits from an ailing service until a GET was answered
 * well, and no poll is there to be that GET. If not yet, `again_ms` tells when.
 */
bool sm_queue_wants_probe(struct sm_queue *queue, int64_t now_ms);

#endif
