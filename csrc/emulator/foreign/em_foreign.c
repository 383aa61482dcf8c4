#include "em_foreign.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "em_frame.h"
#include "em_listen.h"

enum { PIECE = 16384, LINGER_US = 2000000 };

struct em_foreign {
  struct em_watch listener;
  struct em_loop *loop;
  struct em_visits *visits;
  struct visitor *first;
  int port;
};

enum state { LISTENING, ANSWERING, LEAVING, GONE };

struct visitor {
  struct em_watch watch, clock;
  struct em_later later;
  struct em_foreign *foreign;
  struct visitor *next, *previous;
  enum state state;
  struct em_frame frame;
  struct em_text bytes; /* the first of them */
  unsigned long long size;
  struct em_text answer;
  size_t sent;
};

int em_foreign_port(const struct em_foreign *foreign) { return foreign->port; }

static void free_visitor(struct visitor *visitor) {
  em_watch_close(&visitor->watch);
  em_watch_close(&visitor->clock);
  em_text_free(&visitor->bytes);
  em_text_free(&visitor->answer);
  free(visitor);
}

static void delete_visitor(struct visitor *visitor) {
  if (visitor->next)
    visitor->next->previous = visitor->previous;
  if (visitor->previous)
    visitor->previous->next = visitor->next;
  else
    visitor->foreign->first = visitor->next;
  free_visitor(visitor);
}

static void leave(struct visitor *visitor) {
  visitor->state = GONE;
  em_watch_close(&visitor->watch);
  em_watch_close(&visitor->clock);
  em_loop_later(visitor->foreign->loop, &visitor->later);
}

/* Once a request is whole, or its sender gone. */
static void note_visit(struct visitor *visitor) {
  visitor->state = ANSWERING;
  em_visits_add(visitor->foreign->visits, visitor->bytes.data,
                visitor->bytes.size, visitor->size);
  em_visits_answer(visitor->foreign->visits, &visitor->answer);
}

/* Is the request whole with these last bytes of what is kept? */
static bool is_whole(struct visitor *visitor, const char *bytes, size_t size) {
  struct em_request_line line;
  const struct em_text *kept = &visitor->bytes;
  if (visitor->frame.state == EM_FRAME_HEAD) {
    size_t head = em_frame_head_size(kept->data, kept->size);
    if (!em_frame_is_http(kept->data, kept->size) ||
        (!head && kept->size > EM_FRAME_HEAD_MAX))
      return true;
    if (!head)
      return false;
    em_frame_begin_request(&visitor->frame, kept->data, head, &line);
    bytes = kept->data + head;
    size = kept->size - head;
  }
  em_frame_take(&visitor->frame, bytes, size);
  return visitor->frame.state == EM_FRAME_DONE;
}

static void take(struct visitor *visitor, const char *bytes, size_t size) {
  visitor->size += size;
  if (visitor->state != LISTENING)
    return;
  if (visitor->bytes.size + size <= EM_VISIT_KEPT_MAX)
    em_text_add_bytes(&visitor->bytes, bytes, size);
  if (is_whole(visitor, bytes, size))
    note_visit(visitor);
}

/* Reads till nothing is left; what comes after the request is lost. */
static void listen_to(struct visitor *visitor) {
  char piece[PIECE];
  for (;;) {
    ssize_t count = recv(visitor->watch.fd, piece, sizeof piece, 0);
    if (count > 0) {
      take(visitor, piece, (size_t)count);
      continue;
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
      return;
    if (!count && visitor->state == ANSWERING)
      return;
    if (visitor->state == LISTENING)
      note_visit(visitor);
    leave(visitor);
    return;
  }
}

static void answer(struct visitor *visitor) {
  const struct em_text *text = &visitor->answer;
  while (visitor->sent < text->size) {
    ssize_t count = send(visitor->watch.fd, text->data + visitor->sent,
                         text->size - visitor->sent, MSG_NOSIGNAL);
    if (count < 0)
      return;
    visitor->sent += (size_t)count;
  }
  visitor->state = LEAVING;
  shutdown(visitor->watch.fd, SHUT_WR);
  if (em_loop_set_clock(visitor->foreign->loop, &visitor->clock, LINGER_US))
    leave(visitor);
}

static void visitor_ready(struct em_watch *watch, uint32_t events) {
  struct visitor *visitor = (struct visitor *)watch;
  if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
    listen_to(visitor);
  if (visitor->state == ANSWERING)
    answer(visitor);
}

static void time_out(struct em_watch *clock, uint32_t events) {
  if (events & EPOLLIN)
    leave((struct visitor *)(void *)((char *)clock -
                                     offsetof(struct visitor, clock)));
}

static void run_later(struct em_later *later) {
  delete_visitor((struct visitor *)(void *)((char *)later -
                                            offsetof(struct visitor, later)));
}

static void add_visitor(struct em_foreign *foreign, int fd) {
  struct visitor *visitor = calloc(1, sizeof *visitor);
  if (!visitor) {
    close(fd);
    return;
  }
  visitor->watch = (struct em_watch){fd, visitor_ready};
  visitor->clock = (struct em_watch){-1, time_out};
  visitor->later.run = run_later;
  visitor->foreign = foreign;
  visitor->next = foreign->first;
  if (foreign->first)
    foreign->first->previous = visitor;
  foreign->first = visitor;
  if (em_loop_watch(foreign->loop, &visitor->watch))
    delete_visitor(visitor);
}

static void accept_all(struct em_watch *watch, uint32_t events) {
  int fd;
  (void)events;
  while ((fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >=
         0)
    add_visitor((struct em_foreign *)watch, fd);
}

struct em_foreign *em_foreign_new(struct em_loop *loop,
                                  struct em_visits *visits, int port,
                                  char *message, size_t message_size) {
  struct em_foreign *foreign = calloc(1, sizeof *foreign);
  if (!foreign) {
    snprintf(message, message_size, "out of memory");
    return NULL;
  }
  *foreign = (struct em_foreign){.listener = {-1, accept_all},
                                 .loop = loop,
                                 .visits = visits,
                                 .port = port};
  foreign->listener.fd = em_listen(&foreign->port, message, message_size);
  if (foreign->listener.fd >= 0) {
    if (!em_loop_watch(loop, &foreign->listener))
      return foreign;
    snprintf(message, message_size, "cannot watch the foreign host's port");
  }
  em_foreign_delete(foreign);
  return NULL;
}

void em_foreign_delete(struct em_foreign *foreign) {
  if (!foreign)
    return;
  em_watch_close(&foreign->listener);
  for (struct visitor *visitor = foreign->first, *next; visitor;
       visitor = next) {
    next = visitor->next;
    free_visitor(visitor);
  }
  free(foreign);
}
