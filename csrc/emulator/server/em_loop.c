#include "em_loop.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { BATCH = 128 };

struct em_loop {
  int epoll;
  struct em_watch end;
  struct em_watch *later;
  pthread_t thread;
  bool running;
  atomic_bool ends;
};

struct em_loop *em_loop_new(void) {
  struct em_loop *loop = calloc(1, sizeof *loop);
  if (!loop)
    return NULL;
  loop->epoll = epoll_create1(EPOLL_CLOEXEC);
  loop->end.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (loop->epoll >= 0 && loop->end.fd >= 0 && !em_loop_watch(loop, &loop->end))
    return loop;
  em_loop_delete(loop);
  return NULL;
}

/* Those that ask again while they run are for the next turn. */
static void run_later(struct em_loop *loop) {
  struct em_watch *list = loop->later, *watch;
  loop->later = NULL;
  while ((watch = list)) {
    list = watch->next;
    watch->waits = false;
    watch->ready(watch->owner, 0);
  }
}

static void *turn(void *arg) {
  struct em_loop *loop = arg;
  struct epoll_event events[BATCH];
  while (!atomic_load(&loop->ends)) {
    int count = epoll_wait(loop->epoll, events, BATCH, loop->later ? 0 : -1);
    for (int i = 0; i < count; i++) {
      struct em_watch *watch = events[i].data.ptr;
      if (watch->fd >= 0 && watch->ready)
        watch->ready(watch->owner, events[i].events);
    }
    run_later(loop);
  }
  return NULL;
}

int em_loop_start(struct em_loop *loop) {
  loop->running = !pthread_create(&loop->thread, NULL, turn, loop);
  return loop->running ? 0 : -1;
}

void em_loop_stop(struct em_loop *loop) {
  if (!loop || !loop->running)
    return;
  loop->running = false;
  atomic_store(&loop->ends, true);
  eventfd_write(loop->end.fd, 1);
  pthread_join(loop->thread, NULL);
  run_later(loop);
}

void em_loop_delete(struct em_loop *loop) {
  if (!loop)
    return;
  em_loop_stop(loop);
  em_watch_close(&loop->end);
  if (loop->epoll >= 0)
    close(loop->epoll);
  free(loop);
}

int em_loop_watch(struct em_loop *loop, struct em_watch *watch) {
  struct epoll_event event = {
      .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = watch};
  return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, watch->fd, &event);
}

void em_loop_later(struct em_loop *loop, struct em_watch *watch) {
  if (watch->waits)
    return;
  watch->waits = true;
  watch->next = loop->later;
  loop->later = watch;
}

static int make_clock(struct em_loop *loop, struct em_watch *clock) {
  clock->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (clock->fd >= 0 && !em_loop_watch(loop, clock))
    return 0;
  em_watch_close(clock);
  return -1;
}

int em_loop_set_clock(struct em_loop *loop, struct em_watch *clock,
                      int64_t from_now_us) {
  if (clock->fd < 0 && make_clock(loop, clock))
    return -1;
  if (from_now_us < 1)
    from_now_us = 1; /* 0 would switch it off */
  struct itimerspec at = {
      .it_value = {.tv_sec = (time_t)(from_now_us / 1000000),
                   .tv_nsec = (long)(from_now_us % 1000000) * 1000}};
  return timerfd_settime(clock->fd, 0, &at, NULL);
}

void em_watch_close(struct em_watch *watch) {
  if (watch->fd >= 0)
    close(watch->fd);
  watch->fd = -1;
}

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

int em_listen(int *port, struct em_error *error) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener >= 0 && !bind_and_listen(listener, port))
    return listener;
  em_fail(error, "cannot listen on 127.0.0.1:%d: %s", *port, strerror(errno));
  if (listener >= 0)
    close(listener);
  return -1;
}

int em_loop_listen(struct em_loop *loop, struct em_watch *watch, int *port,
                   struct em_error *error) {
  watch->fd = em_listen(port, error);
  if (watch->fd < 0 || !em_loop_watch(loop, watch))
    return watch->fd < 0 ? -1 : 0;
  return em_fail(error, "cannot watch port %d", *port);
}
