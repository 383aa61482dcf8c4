#include "em_wire.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
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

struct em_relay {
  struct em_watch listener;
  struct em_loop *loop;
  struct em_wire *wire;
  LIST_HEAD(, em_link) links;
  int service_port;
  unsigned long long connections;
  bool starved; /* of descriptors: connections wait to be accepted */
};

/* A client's connection through the faulty wire: its socket, one of our own to
 * the service, what flows between them, and the fault of the current exchange.
 *
 * One exchange at a time: the bytes of a next request wait until the answer is
 * through, so that rules can count exchanges one after the other. Whatever
 * came from a client before it went is passed on, as a wire does.
 *
 * A link lives on the loop and ends by itself, with one of the sides or by its
 * fault. */
struct em_link {
  struct em_relay *relay;
  LIST_ENTRY(em_link) entry;
  unsigned long long number; /* of the connection */
  enum state state;
  struct side_socket sides[SIDE_COUNT];
  struct em_flow flows[EM_DIRECTION_COUNT];
  struct em_watch clock; /* also calls the link later */
  int64_t give_up_us;    /* BREAKING: no longer than this */
  struct em_wire_plan plan;
  bool to_head; /* the request is a HEAD */
  bool paused;  /* nothing moves in the plan's direction */
};

static void close_link(struct em_link *link);

static void set_clock(struct em_link *link, int64_t from_now_us) {
  if (em_loop_set_clock(link->relay->loop, &link->clock, from_now_us))
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
  em_loop_later(link->relay->loop, &link->clock);
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

static struct em_flow *faulty_flow(struct em_link *link) {
  return &link->flows[link->plan.direction];
}

static void pause_flow(struct em_link *link) {
  link->paused = true;
  set_clock(link, link->plan.terms->seconds_us);
}

static void trickle(struct em_link *link) {
  em_flow_slow_down(faulty_flow(link), link->plan.terms->rate,
                    em_clock_now_us());
}

static void garble(struct em_link *link) {
  em_flow_corrupt(faulty_flow(link), link->plan.terms->length, link->plan.seed);
}

/* The client gets other bytes, the service hears no more. */
static void replace(struct em_link *link) {
  const struct em_wire_terms *terms = link->plan.terms;
  struct em_flow *answer = &link->flows[EM_RESPONSE];
  leave_service(link);
  em_flow_replay(answer, terms);
  if (terms->rate > 0)
    em_flow_slow_down(answer, terms->rate, em_clock_now_us());
}

static void apply_fault(struct em_link *link) {
  static void (*const actions[EM_WIRE_ACTION_COUNT])(struct em_link *) = {
      [EM_WIRE_CLOSE] = finish,     [EM_WIRE_RESET] = break_link,
      [EM_WIRE_STALL] = pause_flow, [EM_WIRE_DELAY] = pause_flow,
      [EM_WIRE_TRICKLE] = trickle,  [EM_WIRE_GARBAGE] = garble,
      [EM_WIRE_REPLACE] = replace};
  struct em_flow *flow = faulty_flow(link);
  em_wire_log(link->relay->wire, &link->plan, flow->passed,
              em_flow_total(flow));
  flow->stop_at = -1;
  actions[link->plan.action](link);
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

/* What is not HTTP passes through unread, as one exchange to the end. */
static void begin_opaque(struct em_link *link) {
  for (int i = 0; i < EM_DIRECTION_COUNT; i++) {
    em_frame_make_opaque(&link->flows[i].frame);
    link->flows[i].begun = true;
  }
}

static void begin_exchange(struct em_link *link, const char *path) {
  em_wire_match(link->relay->wire, path, &link->plan);
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
  bool is_request = direction == EM_REQUEST;
  struct side_socket *source = &link->sides[is_request ? CLIENT : SERVICE];
  struct side_socket *sink = &link->sides[is_request ? SERVICE : CLIENT];
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
    em_loop_set_clock(link->relay->loop, &link->clock, wait_us);
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
    em_loop_later(link->relay->loop, &link->clock);
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
    em_loop_later(link->relay->loop, &link->clock);
}

static void go_on(struct em_link *link) {
  if (link->state == OPEN)
    move_on(link);
  if (link->state == FINISHING)
    swallow(link);
}

static void side_ready(void *owner, uint32_t events) {
  struct side_socket *side = owner;
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

static void accept_all(void *owner, uint32_t events);

static void delete_link(struct em_link *link) {
  for (int i = 0; i < SIDE_COUNT; i++) {
    em_watch_close(&link->sides[i].watch);
    em_flow_destroy(&link->flows[i]);
  }
  em_watch_close(&link->clock);
  em_wire_drop(&link->plan);
  free(link);
}

/* Bytes go on as they come. */
static int send_at_once(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

/* Errors: -1; a refusal shows when the socket is used. */
static int open_service(const struct em_relay *relay) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port =
                                    htons((uint16_t)relay->service_port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return -1;
  if (!connect(fd, (struct sockaddr *)&address, sizeof address) ||
      errno == EINPROGRESS)
    return send_at_once(fd);
  close(fd);
  return -1;
}

/* Its time is over, or the loop comes back to it: then there are no events. */
static void clock_ready(void *owner, uint32_t events) {
  struct em_link *link = owner;
  struct em_relay *relay = link->relay;
  uint64_t ignored;
  if (events & EPOLLIN &&
      read(link->clock.fd, &ignored, sizeof ignored) == sizeof ignored)
    time_out(link);
  else if (events)
    return;
  if (link->state != CLOSED || events) {
    go_on(link);
    return;
  }
  LIST_REMOVE(link, entry);
  delete_link(link);
  if (relay->starved)
    accept_all(relay, 0);
}

static void open_link(struct em_relay *relay, int client, int service) {
  const int sockets[] = {send_at_once(client), service};
  struct em_link *link = calloc(1, sizeof *link);
  if (!link) {
    close(client);
    close(service);
    return;
  }
  link->relay = relay;
  link->number = ++relay->connections;
  link->clock =
      (struct em_watch){.fd = -1, .ready = clock_ready, .owner = link};
  LIST_INSERT_HEAD(&relay->links, link, entry);
  for (int i = 0; i < SIDE_COUNT; i++) {
    em_flow_create(&link->flows[i]);
    link->sides[i].watch = (struct em_watch){
        .fd = sockets[i], .ready = side_ready, .owner = &link->sides[i]};
    link->sides[i].link = link;
  }
  if (em_loop_watch(relay->loop, &link->sides[CLIENT].watch) ||
      em_loop_watch(relay->loop, &link->sides[SERVICE].watch))
    close_link(link);
}

/* Returns whether another may wait. */
static bool accept_one(struct em_relay *relay) {
  int client =
      accept4(relay->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) {
    relay->starved = errno == EMFILE || errno == ENFILE;
    return errno == ECONNABORTED || errno == EINTR;
  }
  int service = open_service(relay);
  if (service < 0)
    close(client);
  else
    open_link(relay, client, service);
  return true;
}

static void accept_all(void *owner, uint32_t events) {
  (void)events;
  while (accept_one(owner))
    ;
}

struct em_relay *em_relay_new(struct em_loop *loop, struct em_wire *wire,
                              int *port, int service_port,
                              struct em_error *error) {
  struct em_relay *relay = calloc(1, sizeof *relay);
  if (!relay) {
    em_fail(error, "out of memory");
    return NULL;
  }
  *relay = (struct em_relay){
      .listener = {.fd = -1, .ready = accept_all, .owner = relay},
      .loop = loop,
      .wire = wire,
      .service_port = service_port};
  if (!em_loop_listen(loop, &relay->listener, port, error))
    return relay;
  em_relay_delete(relay);
  return NULL;
}

void em_relay_delete(struct em_relay *relay) {
  struct em_link *link;
  if (!relay)
    return;
  em_watch_close(&relay->listener);
  while ((link = LIST_FIRST(&relay->links))) {
    LIST_REMOVE(link, entry);
    delete_link(link);
  }
  free(relay);
}
