#include "sm_slots.h"

#include <stdlib.h>
#include <string.h>

bool sm_slots_create(struct sm_slots *slots, int count) {
  memset(slots, 0, sizeof *slots);
  slots->all = calloc((size_t)count, sizeof *slots->all);
  if (!slots->all)
    return false;
  slots->count = count;
  for (int i = count; i-- > 0;) {
    sm_exchange_create(&slots->all[i]);
    slots->all[i].next = slots->idle;
    slots->idle = &slots->all[i];
  }
  return true;
}

void sm_slots_destroy(struct sm_slots *slots,
                      const struct sm_transport *transport) {
  for (int i = 0; i < slots->count; i++) {
    transport->release(transport->self, &slots->all[i]);
    sm_exchange_destroy(&slots->all[i]);
  }
  free(slots->all);
  memset(slots, 0, sizeof *slots);
}

bool sm_slots_has_room(const struct sm_slots *slots, bool is_heavy) {
  int reserve = slots->count / 4;
  return slots->idle && (!is_heavy || slots->heavy < slots->count - reserve);
}

struct sm_exchange *sm_slots_take(struct sm_slots *slots, bool is_heavy) {
  struct sm_exchange *exchange = slots->idle;
  slots->idle = exchange->next;
  slots->active++;
  slots->heavy += is_heavy;
  return exchange;
}

void sm_slots_give_back(struct sm_slots *slots, struct sm_exchange *exchange,
                        bool is_heavy) {
  sm_exchange_reset(exchange);
  exchange->next = slots->idle;
  slots->idle = exchange;
  slots->active--;
  slots->heavy -= is_heavy;
}
