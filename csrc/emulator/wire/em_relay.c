#include "em_relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "em_listen.h"

struct em_relay {
  struct em_watch listener;
  struct em_loop *loop;
  struct em_wire *wire;
  struct em_link *first;
  int port, service_port;
  unsigned long long connections;
  bool starved; /* of descriptors: connections wait to be accepted */
};

struct em_loop *em_relay_loop(struct em_relay *relay) {
  return relay->loop;
}
struct em_wire *em_relay_wire(struct em_relay *relay) {
  return relay->wire;
}
int em_relay_port(const struct em_relay *relay) { return relay->port; }

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
    em_link_new(relay, send_at_once(client), service, ++relay->connections);
  return true;
}

static void accept_all(struct em_watch *watch, uint32_t events) {
  (void)events;
  while (accept_one((struct em_relay *)watch))
    ;
}

void em_relay_add(struct em_relay *relay, struct em_link *link) {
  link->next = relay->first;
  if (relay->first)
    relay->first->previous = link;
  relay->first = link;
}

void em_relay_remove(struct em_relay *relay, struct em_link *link) {
  if (link->next)
    link->next->previous = link->previous;
  if (link->previous)
    link->previous->next = link->next;
  else
    relay->first = link->next;
  if (relay->starved)
    accept_all(&relay->listener, 0);
}

struct em_relay *em_relay_new(struct em_loop *loop, struct em_wire *wire,
                              int port, int service_port, char *message,
                              size_t message_size) {
  struct em_relay *relay = calloc(1, sizeof *relay);
  if (!relay) {
    snprintf(message, message_size, "out of memory");
    return NULL;
  }
  *relay = (struct em_relay){.listener = {-1, accept_all},
                             .loop = loop,
                             .wire = wire,
                             .port = port,
                             .service_port = service_port};
  relay->listener.fd = em_listen(&relay->port, message, message_size);
  if (relay->listener.fd >= 0) {
    if (!em_loop_watch(loop, &relay->listener))
      return relay;
    snprintf(message, message_size, "cannot watch the wire's port");
  }
  em_relay_delete(relay);
  return NULL;
}

void em_relay_delete(struct em_relay *relay) {
  if (!relay)
    return;
  em_watch_close(&relay->listener);
  relay->starved = false;
  while (relay->first)
    em_link_delete(relay->first);
  free(relay);
}
