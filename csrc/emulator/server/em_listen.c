#include "em_listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

static int bind_and_listen(int listener, int *port) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)*port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, size) ||
      getsockname(listener, (struct sockaddr *)&address, &size) ||
      listen(listener, BACKLOG))
    return -1;
  *port = ntohs(address.sin_port);
  return 0;
}

int em_listen(int *port, char *message, size_t message_size) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener >= 0 && !bind_and_listen(listener, port))
    return listener;
  snprintf(message, message_size, "cannot listen on 127.0.0.1:%d: %s", *port,
           strerror(errno));
  if (listener >= 0)
    close(listener);
  return -1;
}
