#include "em_relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "em_link.h"
#include "em_loop.h"

struct passage {
  struct em_relay *relay;
  struct em_link *link;
  LIST_ENTRY(passage) entry;
};

struct em_relay {
  struct em_watch listener;
  struct em_loop *loop;
  struct em_wire *wire;
  LIST_HEAD(, passage) passages;
  int port, service_port;
  unsigned long long connections;
  bool starved; /* of descriptors: connections wait to be accepted */
};

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

static void passage_closed(void *user);

static void open_passage(struct em_relay *relay, int client, int service) {
  struct passage *passage = calloc(1, sizeof *passage);
  if (!passage) {
    close(client);
    close(service);
    return;
  }
  passage->relay = relay;
  passage->link =
      em_link_new(&(struct em_link_config){.loop = relay->loop,
                                           .wire = relay->wire,
                                           .client = send_at_once(client),
                                           .service = service,
                                           .number = ++relay->connections,
                                           .closed = passage_closed,
                                           .user = passage});
  if (passage->link)
    LIST_INSERT_HEAD(&relay->passages, passage, entry);
  else
    free(passage);
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
    open_passage(relay, client, service);
  return true;
}

static void accept_all(struct em_watch *watch, uint32_t events) {
  (void)events;
  while (accept_one((struct em_relay *)watch))
    ;
}

static void passage_closed(void *user) {
  struct passage *passage = user;
  struct em_relay *relay = passage->relay;
  LIST_REMOVE(passage, entry);
  free(passage);
  if (relay->starved)
    accept_all(&relay->listener, 0);
}

struct em_relay *em_relay_new(struct em_loop *loop, struct em_wire *wire,
                              int port, int service_port,
                              struct em_error *error) {
  struct em_relay *relay = calloc(1, sizeof *relay);
  if (!relay) {
    em_fail(error, "out of memory");
    return NULL;
  }
  *relay = (struct em_relay){.listener = {-1, accept_all},
                             .loop = loop,
                             .wire = wire,
                             .port = port,
                             .service_port = service_port};
  relay->listener.fd = em_listen(&relay->port, error);
  if (relay->listener.fd >= 0) {
    if (!em_loop_watch(loop, &relay->listener))
      return relay;
    em_fail(error, "cannot watch the wire's port");
  }
  em_relay_delete(relay);
  return NULL;
}

void em_relay_delete(struct em_relay *relay) {
  struct passage *passage;
  if (!relay)
    return;
  em_watch_close(&relay->listener);
  while ((passage = LIST_FIRST(&relay->passages))) {
    LIST_REMOVE(passage, entry);
    em_link_delete(passage->link);
    free(passage);
  }
  free(relay);
}
