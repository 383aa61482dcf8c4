#include "em_link.h"

#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "em_clock.h"
#include "em_flow.h"

/* Moves of a link in one go, so that an endless answer leaves the others their
 * turn. */
enum { FAIR_MOVES = 32 };

enum {
  SWALLOW_US = 2000000, /* a client that sends on is heard so long */
  BREAK_US = 500000,    /* one that does not read is waited for so long */
  BREAK_STEP_US = 1000
};

enum side { CLIENT, SERVICE, SIDE_COUNT };

struct side_socket {
  struct em_watch watch;
  struct em_link *link;
  bool readable, writable, broken;
  bool hung_up; /* it has sent all; the other side does not know yet */
};

enum state {
  OPEN,
  FINISHING, /* our end is sent; what the client still sends is dropped */
  BREAKING,  /* waits for the last bytes to leave before the reset */
  CLOSED,
};

struct em_link {
  struct em_link_config config;
  enum state state;
  struct side_socket sides[SIDE_COUNT];
  struct em_flow flows[EM_DIRECTION_COUNT];
  struct em_watch clock;
  int64_t give_up_us; /* BREAKING: no longer than this */
  struct em_later later;
  struct em_wire_plan plan;
  bool to_head; /* the request is a HEAD */
  bool paused;  /* nothing moves in the plan's direction */
};

static void close_link(struct em_link *link);

static void set_clock(struct em_link *link, int64_t from_now_us) {
  if (em_loop_set_clock(link->config.loop, &link->clock, from_now_us))
    close_link(link);
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
  reset(&link->sides[SERVICE].watch);
}

static void close_link(struct em_link *link) {
  link->state = CLOSED;
  leave_service(link);
  em_watch_close(&link->sides[CLIENT].watch);
  em_watch_close(&link->clock);
  em_loop_later(link->config.loop, &link->later);
}

static void finish(struct em_link *link) {
  link->state = FINISHING;
  leave_service(link);
  shutdown(link->sides[CLIENT].watch.fd, SHUT_WR);
  set_clock(link, SWALLOW_US);
}

static void go_on_breaking(struct em_link *link) {
  int unsent = 0;
  ioctl(link->sides[CLIENT].watch.fd, SIOCOUTQNSD, &unsent);
  if (unsent > 0 && em_clock_now_us() < link->give_up_us) {
    set_clock(link, BREAK_STEP_US);
    return;
  }
  reset(&link->sides[CLIENT].watch);
  close_link(link);
}

static void break_link(struct em_link *link) {
  link->state = BREAKING;
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
  em_flow_replay(answer, terms);
  if (terms->rate > 0)
    em_flow_slow_down(answer, terms->rate, em_clock_now_us());
}

static void apply_fault(struct em_link *link) {
  const struct em_wire_plan *plan = &link->plan;
  const struct em_wire_terms *terms = em_wire_terms(plan);
  struct em_flow *flow = &link->flows[plan->direction];
  em_wire_log(link->config.wire, plan, flow->passed, em_flow_total(flow));
  flow->stop_at = -1;
  switch (plan->action) {
  case EM_WIRE_CLOSE:
    finish(link);
    break;
  case EM_WIRE_RESET:
    break_link(link);
    break;
  case EM_WIRE_STALL:
  case EM_WIRE_DELAY:
    pause_flow(link);
    break;
  case EM_WIRE_TRICKLE:
    em_flow_slow_down(flow, terms->rate, em_clock_now_us());
    break;
  case EM_WIRE_GARBAGE:
    em_flow_corrupt(flow, terms->length, plan->seed);
    break;
  case EM_WIRE_REPLACE:
    replace(link);
    break;
  case EM_WIRE_ACTION_COUNT:
    break;
  }
}

static void time_out(struct em_link *link) {
  if (link->state == FINISHING) {
    close_link(link);
  } else if (link->state == BREAKING) {
    go_on_breaking(link);
  } else if (link->state == OPEN && link->paused) {
    link->paused = false;
    if (link->plan.action == EM_WIRE_STALL)
      finish(link);
  }
}

static struct side_socket *source_of(struct em_link *link,
                                     enum em_direction direction) {
  return &link->sides[direction == EM_REQUEST ? CLIENT : SERVICE];
}

static struct side_socket *sink_of(struct em_link *link,
                                   enum em_direction direction) {
  return &link->sides[direction == EM_REQUEST ? SERVICE : CLIENT];
}

/* What is not HTTP passes through unread, as one exchange to the end. */
static void begin_opaque(struct em_link *link) {
  for (int i = 0; i < EM_DIRECTION_COUNT; i++) {
    em_frame_make_opaque(&link->flows[i].frame);
    link->flows[i].begun = true;
  }
}

static void begin_exchange(struct em_link *link, const char *path) {
  em_wire_match(link->config.wire, path, &link->plan);
  link->plan.connection = link->config.number;
  if (link->plan.rule &&
      (link->plan.direction == EM_REQUEST || link->flows[EM_RESPONSE].begun))
    em_flow_aim(&link->flows[link->plan.direction], &link->plan);
}

static void begin_request(struct em_link *link) {
  struct em_flow *flow = &link->flows[EM_REQUEST];
  struct em_request_line line = {.path = ""};
  size_t size;
  const char *bytes = em_flow_unframed(flow, &size);
  if (!size)
    return;
  size_t head = em_frame_head_size(bytes, size);
  if (head && em_frame_is_http(bytes, head)) {
    em_frame_begin_request(&flow->frame, bytes, head, &line);
    flow->begun = true;
    flow->ready = head;
  } else if (size >= EM_FRAME_HEAD_MAX || flow->ended ||
             !em_frame_is_http(bytes, size)) {
    begin_opaque(link);
  } else {
    return;
  }
  link->to_head = !strcmp(line.method, "HEAD");
  begin_exchange(link, line.path);
}

/* Returns false when the head has not come whole. */
static bool begin_answer(struct em_link *link, const char *bytes, size_t size) {
  struct em_flow *flow = &link->flows[EM_RESPONSE];
  size_t head = em_frame_head_size(bytes, size);
  bool is_http = !strncmp(bytes, "HTTP/", size < 5 ? size : 5);
  if (!head && is_http && size < EM_FRAME_HEAD_MAX && !flow->ended)
    return false;
  if (!head || !is_http) {
    em_frame_make_opaque(&flow->frame);
  } else if (!em_frame_begin_response(&flow->frame, bytes, head,
                                      link->to_head)) {
    flow->interim += head;
    return true;
  } else {
    flow->ready = head;
  }
  flow->begun = true;
  if (link->plan.rule && link->plan.direction == EM_RESPONSE)
    em_flow_aim(flow, &link->plan);
  return true;
}

static void begin_response(struct em_link *link) {
  struct em_flow *flow = &link->flows[EM_RESPONSE];
  size_t size;
  do {
    const char *bytes = em_flow_unframed(flow, &size);
    if (!size || !begin_answer(link, bytes, size))
      return;
  } while (!flow->begun);
}

static void begin_message(struct em_link *link, enum em_direction direction) {
  if (link->flows[direction].begun)
    return;
  if (direction == EM_REQUEST)
    begin_request(link);
  else if (link->flows[EM_REQUEST].begun)
    begin_response(link);
}

/* Returns whether anything has moved. */
static bool turn_flow(struct em_link *link, enum em_direction direction) {
  struct em_flow *flow = &link->flows[direction];
  struct side_socket *source = source_of(link, direction);
  struct side_socket *sink = sink_of(link, direction);
  bool moved = false;
  if (!em_flow_is_whole(flow))
    moved = em_flow_read(flow, source->watch.fd, &source->readable);
  begin_message(link, direction);
  em_flow_frame(flow);
  if (sink->watch.fd < 0) /* after a replaced answer nobody listens */
    em_flow_drop(flow);
  if (link->paused && direction == link->plan.direction)
    return moved;
  if (em_flow_is_due(flow)) {
    apply_fault(link);
    return true;
  }
  return em_flow_write(flow, sink->watch.fd, em_clock_now_us(),
                       &sink->writable) ||
         moved;
}

static void end_exchange(struct em_link *link) {
  if (!em_flow_is_done(&link->flows[EM_REQUEST]) ||
      !em_flow_is_done(&link->flows[EM_RESPONSE]))
    return;
  em_flow_next(&link->flows[EM_REQUEST]);
  em_flow_next(&link->flows[EM_RESPONSE]);
  em_wire_drop(&link->plan);
}

/* Has one side said all, and the other been given it? */
static bool is_over(const struct em_link *link) {
  const struct em_flow *request = &link->flows[EM_REQUEST];
  const struct em_flow *response = &link->flows[EM_RESPONSE];
  if (response->ended && !em_flow_waiting(response))
    return true;
  return request->ended && !em_flow_waiting(request) &&
         !em_flow_is_whole(request);
}

/* A client that went while it waits for its answer: the service learns of it,
 * which may be waiting in turn for the rest of a request full of garbage. */
static void pass_hang_up_on(struct em_link *link) {
  struct side_socket *client = &link->sides[CLIENT];
  if (!client->hung_up || !em_flow_is_done(&link->flows[EM_REQUEST]))
    return;
  client->hung_up = false;
  shutdown(link->sides[SERVICE].watch.fd, SHUT_WR);
}

static void set_slow_clock(struct em_link *link, const struct em_flow *flow) {
  int64_t wait_us = em_flow_wait_us(flow, em_clock_now_us());
  if (wait_us >= 0 && !link->paused)
    em_loop_set_clock(link->config.loop, &link->clock, wait_us);
}

static void move_on(struct em_link *link) {
  bool moved = true;
  for (int i = 0; moved && i < FAIR_MOVES && link->state == OPEN; i++) {
    moved = turn_flow(link, EM_REQUEST);
    if (link->state == OPEN)
      moved = turn_flow(link, EM_RESPONSE) || moved;
    if (link->state == OPEN)
      end_exchange(link);
  }
  if (link->state != OPEN)
    return;
  if (link->sides[CLIENT].broken)
    close_link(link);
  else if (is_over(link))
    finish(link);
  else
    pass_hang_up_on(link);
  if (moved && link->state == OPEN)
    em_loop_later(link->config.loop, &link->later);
  for (int i = 0; i < EM_DIRECTION_COUNT; i++)
    if (link->state == OPEN)
      set_slow_clock(link, &link->flows[i]);
}

/* Reads and forgets what a client still sends, as closing a socket with bytes
 * unread would reset the connection and take our last words back. */
static void swallow(struct em_link *link) {
  struct side_socket *client = &link->sides[CLIENT];
  struct em_flow *flow = &link->flows[EM_REQUEST];
  for (int i = 0; client->readable && i < FAIR_MOVES; i++) {
    em_flow_drop(flow);
    em_flow_read(flow, client->watch.fd, &client->readable);
  }
  if (flow->ended || client->broken)
    close_link(link);
  else if (client->readable)
    em_loop_later(link->config.loop, &link->later);
}

static void go_on(struct em_link *link) {
  if (link->state == OPEN)
    move_on(link);
  if (link->state == FINISHING)
    swallow(link);
}

static void side_ready(struct em_watch *watch, uint32_t events) {
  struct side_socket *side = (struct side_socket *)watch;
  /* The next read reports an error, after the bytes that came before. */
  if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
    side->readable = true;
  if (events & EPOLLOUT)
    side->writable = true;
  if (events & (EPOLLERR | EPOLLHUP))
    side->broken = true;
  if (events & EPOLLRDHUP)
    side->hung_up = true;
  go_on(side->link);
}

static void clock_ready(struct em_watch *watch, uint32_t events) {
  struct em_link *link =
      (struct em_link *)(void *)((char *)watch -
                                 offsetof(struct em_link, clock));
  uint64_t ignored;
  if (!(events & EPOLLIN) || read(watch->fd, &ignored, sizeof ignored) < 0)
    return;
  time_out(link);
  go_on(link);
}

static void run_later(struct em_later *later) {
  struct em_link *link =
      (struct em_link *)(void *)((char *)later -
                                 offsetof(struct em_link, later));
  if (link->state != CLOSED) {
    go_on(link);
    return;
  }
  void (*closed)(void *) = link->config.closed;
  void *user = link->config.user;
  em_link_delete(link);
  closed(user);
}

struct em_link *em_link_new(const struct em_link_config *config) {
  const int sockets[] = {config->client, config->service};
  struct em_link *link = calloc(1, sizeof *link);
  if (!link) {
    close(config->client);
    close(config->service);
    return NULL;
  }
  link->config = *config;
  link->clock = (struct em_watch){-1, clock_ready};
  link->later.run = run_later;
  for (int i = 0; i < SIDE_COUNT; i++) {
    em_flow_create(&link->flows[i]);
    link->sides[i].watch = (struct em_watch){sockets[i], side_ready};
    link->sides[i].link = link;
  }
  if (em_loop_watch(config->loop, &link->sides[CLIENT].watch) ||
      em_loop_watch(config->loop, &link->sides[SERVICE].watch))
    close_link(link);
  return link;
}

void em_link_delete(struct em_link *link) {
  for (int i = 0; i < SIDE_COUNT; i++) {
    em_watch_close(&link->sides[i].watch);
    em_flow_destroy(&link->flows[i]);
  }
  em_watch_close(&link->clock);
  em_wire_drop(&link->plan);
  free(link);
}
