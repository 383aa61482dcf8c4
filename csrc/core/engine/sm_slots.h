/* sm_slots: as many transfers as may be active at once.
 */
#ifndef SM_SLOTS_H
#define SM_SLOTS_H

#include "sm_exchange.h"

struct sm_slots {
  struct sm_exchange *all;
  struct sm_exchange *idle; /* linked by `next` */
  int count;
  int active;
  int heavy; /* active ones that last long: uploads, downloads, v1 */
};

/* False without memory. */
bool sm_slots_create(struct sm_slots *slots, int count);
void sm_slots_destroy(struct sm_slots *slots,
                      const struct sm_transport *transport);

/* A quarter of the slots is kept free of heavy transfers. */
bool sm_slots_has_room(const struct sm_slots *slots, bool is_heavy);

/* Only after sm_slots_has_room. */
struct sm_exchange *sm_slots_take(struct sm_slots *slots, bool is_heavy);
void sm_slots_give_back(struct sm_slots *slots, struct sm_exchange *exchange,
                        bool is_heavy);

#endif
