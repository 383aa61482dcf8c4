/* What a faulty wire does to a link, and the three ways in which one ends. */
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "em_clock.h"
#include "em_link.h"
#include "em_relay.h"

enum {
  SWALLOW_US = 2000000, /* a client that sends on is heard so long */
  BREAK_US = 500000,    /* one that does not read is waited for so long */
  BREAK_STEP_US = 1000
};

static void set_clock(struct em_link *link, int64_t from_now_us) {
  if (em_loop_set_clock(em_relay_loop(link->relay), &link->clock, from_now_us))
    em_link_close(link);
}

/* A closing socket with this option sends a reset, and forgets its bytes. */
static void reset(struct em_watch *watch) {
  const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  if (watch->fd >= 0)
    setsockopt(watch->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  em_watch_close(watch);
}

/* By a reset: libmicrohttpd (0.9.75) reads edge-triggered and, when the end
 * comes together with bytes, keeps the connection until its timeout. Nothing is
 * lost by it: the service has answered, or was not to see the request whole. */
static void leave_service(struct em_link *link) {
  reset(&link->sides[EM_SERVICE_SIDE].watch);
}

void em_link_close(struct em_link *link) {
  link->state = EM_LINK_CLOSED;
  leave_service(link);
  em_watch_close(&link->sides[EM_CLIENT].watch);
  em_watch_close(&link->clock);
  em_loop_later(em_relay_loop(link->relay), &link->later);
}

void em_link_finish(struct em_link *link) {
  link->state = EM_LINK_FINISHING;
  leave_service(link);
  shutdown(link->sides[EM_CLIENT].watch.fd, SHUT_WR);
  set_clock(link, SWALLOW_US);
}

static void go_on_breaking(struct em_link *link) {
  int unsent = 0;
  ioctl(link->sides[EM_CLIENT].watch.fd, SIOCOUTQNSD, &unsent);
  if (unsent > 0 && em_clock_now_us() < link->give_up_us) {
    set_clock(link, BREAK_STEP_US);
    return;
  }
  reset(&link->sides[EM_CLIENT].watch);
  em_link_close(link);
}

void em_link_break(struct em_link *link) {
  link->state = EM_LINK_BREAKING;
  link->give_up_us = em_clock_now_us() + BREAK_US;
  leave_service(link);
  go_on_breaking(link);
}

static void pause_flow(struct em_link *link) {
  link->paused = true;
  set_clock(link, em_wire_terms(&link->plan)->seconds_us);
}

/* The client gets other bytes, the service hears no more. */
static void replace(struct em_link *link) {
  const struct em_wire_terms *terms = em_wire_terms(&link->plan);
  struct em_flow *answer = &link->flows[EM_RESPONSE];
  leave_service(link);
  em_flow_recite(answer, terms);
  if (terms->rate > 0)
    em_flow_slow_down(answer, terms->rate, em_clock_now_us());
}

void em_link_strike(struct em_link *link) {
  const struct em_wire_plan *plan = &link->plan;
  const struct em_wire_terms *terms = em_wire_terms(plan);
  struct em_flow *flow = &link->flows[plan->direction];
  em_wire_log(em_relay_wire(link->relay), plan, flow->passed,
              em_flow_total(flow));
  flow->stop_at = -1;
  switch (plan->action) {
  case EM_WIRE_CLOSE:
    em_link_finish(link);
    break;
  case EM_WIRE_RESET:
    em_link_break(link);
    break;
  case EM_WIRE_STALL:
  case EM_WIRE_DELAY:
    pause_flow(link);
    break;
  case EM_WIRE_TRICKLE:
    em_flow_slow_down(flow, terms->rate, em_clock_now_us());
    break;
  case EM_WIRE_GARBAGE:
    em_flow_garble(flow, terms->length, plan->seed);
    break;
  case EM_WIRE_REPLACE:
    replace(link);
    break;
  case EM_WIRE_ACTION_COUNT:
    break;
  }
}

void em_link_time_out(struct em_link *link) {
  if (link->state == EM_LINK_FINISHING) {
    em_link_close(link);
  } else if (link->state == EM_LINK_BREAKING) {
    go_on_breaking(link);
  } else if (link->state == EM_LINK_OPEN && link->paused) {
    link->paused = false;
    if (link->plan.action == EM_WIRE_STALL)
      em_link_finish(link);
  }
}
