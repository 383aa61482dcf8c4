#include "em_link.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "em_clock.h"
#include "em_relay.h"

/* Moves of a link in one go, so that an endless answer leaves the others their
 * turn. */
enum { FAIR_MOVES = 32 };

static struct em_side_socket *source_of(struct em_link *link,
                                        enum em_direction direction) {
  return &link->sides[direction == EM_REQUEST ? EM_CLIENT : EM_SERVICE_SIDE];
}

static struct em_side_socket *sink_of(struct em_link *link,
                                      enum em_direction direction) {
  return &link->sides[direction == EM_REQUEST ? EM_SERVICE_SIDE : EM_CLIENT];
}

/* What is no HTTP goes through untold, one exchange to the end. */
static void begin_opaque(struct em_link *link) {
  for (int i = 0; i < EM_DIRECTION_COUNT; i++) {
    em_frame_make_opaque(&link->flows[i].frame);
    link->flows[i].begun = true;
  }
}

static void begin_exchange(struct em_link *link, const char *path) {
  em_wire_match(em_relay_wire(link->relay), path, &link->plan);
  link->plan.connection = link->number;
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
  struct em_side_socket *source = source_of(link, direction);
  struct em_side_socket *sink = sink_of(link, direction);
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
    em_link_strike(link);
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

/* A client that went while it waits for its answer: the service is told so,
 * which may be waiting in turn for the rest of a request full of garbage. */
static void pass_hang_up_on(struct em_link *link) {
  struct em_side_socket *client = &link->sides[EM_CLIENT];
  if (!client->hung_up || !em_flow_is_done(&link->flows[EM_REQUEST]))
    return;
  client->hung_up = false;
  shutdown(link->sides[EM_SERVICE_SIDE].watch.fd, SHUT_WR);
}

static void set_slow_clock(struct em_link *link, const struct em_flow *flow) {
  int64_t wait_us = em_flow_wait_us(flow, em_clock_now_us());
  if (wait_us >= 0 && !link->paused)
    em_loop_set_clock(em_relay_loop(link->relay), &link->clock, wait_us);
}

static void move_on(struct em_link *link) {
  bool moved = true;
  for (int i = 0; moved && i < FAIR_MOVES && link->state == EM_LINK_OPEN; i++) {
    moved = turn_flow(link, EM_REQUEST);
    if (link->state == EM_LINK_OPEN)
      moved = turn_flow(link, EM_RESPONSE) || moved;
    if (link->state == EM_LINK_OPEN)
      end_exchange(link);
  }
  if (link->state != EM_LINK_OPEN)
    return;
  if (link->sides[EM_CLIENT].broken)
    em_link_close(link);
  else if (is_over(link))
    em_link_finish(link);
  else
    pass_hang_up_on(link);
  if (moved && link->state == EM_LINK_OPEN)
    em_loop_later(em_relay_loop(link->relay), &link->later);
  for (int i = 0; i < EM_DIRECTION_COUNT; i++)
    if (link->state == EM_LINK_OPEN)
      set_slow_clock(link, &link->flows[i]);
}

/* Reads and forgets what a client still sends, as closing a socket with bytes
 * unread would reset the connection and take our last words back. */
static void swallow(struct em_link *link) {
  struct em_side_socket *client = &link->sides[EM_CLIENT];
  struct em_flow *flow = &link->flows[EM_REQUEST];
  for (int i = 0; client->readable && i < FAIR_MOVES; i++) {
    em_flow_drop(flow);
    em_flow_read(flow, client->watch.fd, &client->readable);
  }
  if (flow->ended || client->broken)
    em_link_close(link);
  else if (client->readable)
    em_loop_later(em_relay_loop(link->relay), &link->later);
}

static void go_on(struct em_link *link) {
  if (link->state == EM_LINK_OPEN)
    move_on(link);
  if (link->state == EM_LINK_FINISHING)
    swallow(link);
}

static void side_ready(struct em_watch *watch, uint32_t events) {
  struct em_side_socket *side = (struct em_side_socket *)watch;
  /* An error is told by the next read, after the bytes that came before. */
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
  em_link_time_out(link);
  go_on(link);
}

static void run_later(struct em_later *later) {
  struct em_link *link =
      (struct em_link *)(void *)((char *)later -
                                 offsetof(struct em_link, later));
  if (link->state == EM_LINK_CLOSED)
    em_link_delete(link);
  else
    go_on(link);
}

struct em_link *em_link_new(struct em_relay *relay, int client, int service,
                            unsigned long long number) {
  struct em_link *link = calloc(1, sizeof *link);
  if (!link) {
    close(client);
    close(service);
    return NULL;
  }
  const int sockets[] = {client, service};
  link->relay = relay;
  link->number = number;
  link->clock = (struct em_watch){-1, clock_ready};
  link->later.run = run_later;
  for (int i = 0; i < EM_SIDE_COUNT; i++) {
    em_flow_create(&link->flows[i]);
    link->sides[i].watch = (struct em_watch){sockets[i], side_ready};
    link->sides[i].link = link;
  }
  em_relay_add(relay, link);
  if (em_loop_watch(em_relay_loop(relay), &link->sides[EM_CLIENT].watch) ||
      em_loop_watch(em_relay_loop(relay), &link->sides[EM_SERVICE_SIDE].watch))
    em_link_close(link);
  return link;
}

void em_link_delete(struct em_link *link) {
  em_relay_remove(link->relay, link);
  for (int i = 0; i < EM_SIDE_COUNT; i++) {
    em_watch_close(&link->sides[i].watch);
    em_flow_destroy(&link->flows[i]);
  }
  em_watch_close(&link->clock);
  em_wire_drop(&link->plan);
  free(link);
}
