#include "em_foreign.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "em_base64.h"
#include "em_frame.h"
#include "em_member.h"
#include "em_painter.h"

enum { PIECE = 16384, LINGER_US = 2000000, KEPT_MAX = 1 << 20 };

/* A request that was received: the first of its bytes, and how many came. */
struct received {
  struct em_text bytes;
  unsigned long long size;
  STAILQ_ENTRY(received) entry;
};

enum state { LISTENING, ANSWERING, LEAVING, GONE };

struct visitor {
  struct em_watch watch, clock;
  struct em_later later;
  struct em_foreign *foreign;
  LIST_ENTRY(visitor) entry;
  enum state state;
  struct em_frame frame;
  struct received *received; /* until it is whole */
  struct em_text answer;
  size_t sent;
};

struct em_foreign {
  struct em_watch listener;
  struct em_loop *loop;
  LIST_HEAD(, visitor) visitors;
  pthread_mutex_t lock; /* guards what follows */
  STAILQ_HEAD(, received) received;
  struct em_text answer; /* empty: the picture */
};

static void accept_all(struct em_watch *watch, uint32_t events);

struct em_foreign *em_foreign_new(void) {
  struct em_foreign *foreign = calloc(1, sizeof *foreign);
  if (!foreign)
    return NULL;
  foreign->listener = (struct em_watch){-1, accept_all};
  STAILQ_INIT(&foreign->received);
  pthread_mutex_init(&foreign->lock, NULL);
  return foreign;
}

static void free_received(struct received *received) {
  if (received)
    em_text_free(&received->bytes);
  free(received);
}

void em_foreign_reset(struct em_foreign *foreign) {
  struct received *received;
  pthread_mutex_lock(&foreign->lock);
  while ((received = STAILQ_FIRST(&foreign->received))) {
    STAILQ_REMOVE_HEAD(&foreign->received, entry);
    free_received(received);
  }
  em_text_free(&foreign->answer);
  pthread_mutex_unlock(&foreign->lock);
}

void em_foreign_delete(struct em_foreign *foreign) {
  if (!foreign)
    return;
  em_foreign_reset(foreign);
  pthread_mutex_destroy(&foreign->lock);
  free(foreign);
}

static const struct em_member members[] = {{"status", EM_COUNT},
                                           {"headers", EM_HEADERS},
                                           {"body", EM_STRING},
                                           {"body_base64", EM_STRING},
                                           {NULL, EM_ANY}};

static void write_answer(struct em_text *text, int status,
                         const json_t *headers, const void *body, size_t size) {
  const char *name;
  const json_t *value;
  em_text_addf(text, "HTTP/1.1 %d Foreign\r\nConnection: close\r\n", status);
  if (!json_object_get(headers, "Content-Length"))
    em_text_addf(text, "Content-Length: %zu\r\n", size);
  json_object_foreach((json_t *)(uintptr_t)headers, name, value) {
    em_text_addf(text, "%s: %s\r\n", name, json_string_value(value));
  }
  em_text_add(text, "\r\n");
  em_text_add_bytes(text, body, size);
}

static int write_script(struct em_text *text, const json_t *script) {
  const json_t *status = json_object_get(script, "status");
  const json_t *body = json_object_get(script, "body");
  const json_t *encoded = json_object_get(script, "body_base64");
  size_t size = json_string_length(body);
  unsigned char *bytes = NULL;
  if (encoded &&
      !(bytes = em_base64_decode(json_string_value(encoded),
                                 json_string_length(encoded), &size)))
    return -1;
  write_answer(text, status ? (int)json_integer_value(status) : 200,
               json_object_get(script, "headers"),
               bytes ? (const void *)bytes : json_string_value(body), size);
  free(bytes);
  return 0;
}

int em_foreign_script(struct em_foreign *foreign, const char *json, size_t size,
                      struct em_error *error) {
  json_error_t mistake;
  struct em_text answer = {0};
  json_t *script = json_loadb(json ? json : "", size, 0, &mistake);
  int failed = -1;
  if (!json_is_object(script))
    em_fail(error, "an object is expected");
  else if (json_integer_value(json_object_get(script, "status")) > 999)
    em_fail(error, "status must be at most 999");
  else if (!em_members_check(script, "", members, error) &&
           (failed = write_script(&answer, script)))
    em_fail(error, "body_base64 is not base64");
  json_decref(script);
  if (failed) {
    em_text_free(&answer);
    return -1;
  }
  pthread_mutex_lock(&foreign->lock);
  em_text_free(&foreign->answer);
  em_text_add_bytes(&foreign->answer, answer.data, answer.size);
  pthread_mutex_unlock(&foreign->lock);
  em_text_free(&answer);
  return 0;
}

static void write_picture(struct em_text *text) {
  unsigned char *picture = NULL;
  size_t size = 0;
  json_t *headers = json_pack("{s:s}", "Content-Type", "image/png");
  if (em_painter_plain(0x808080, "png", &picture, &size))
    size = 0;
  write_answer(text, 200, headers, picture, size);
  json_decref(headers);
  free(picture);
}

static void write_bytes(struct em_text *text, const char *bytes, size_t size) {
  em_text_add(text, "\"");
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)bytes[i];
    if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
      em_text_addf(text, "\\u%04x", c);
    else
      em_text_add_bytes(text, &bytes[i], 1);
  }
  em_text_add(text, "\"");
}

/* Up to the stop, and past it. */
static const char *write_word(struct em_text *text, const char *name,
                              const char *from, const char *end, char stop) {
  const char *to = memchr(from, stop, (size_t)(end - from));
  em_text_addf(text, ",\"%s\":", name);
  write_bytes(text, from, (size_t)((to ? to : end) - from));
  return to ? to + 1 : end;
}

static void add_header(json_t *headers, const char *line, const char *stop) {
  char name[128];
  size_t size = 0;
  const char *colon = memchr(line, ':', (size_t)(stop - line));
  if (!colon || (size_t)(colon - line) >= sizeof name)
    return;
  for (; line < colon; line++)
    name[size++] = (char)tolower((unsigned char)*line);
  name[size] = '\0';
  line = colon + 1;
  while (line < stop && isspace((unsigned char)*line))
    line++;
  while (stop > line && isspace((unsigned char)stop[-1]))
    stop--;
  json_object_set_new(headers, name, json_stringn(line, (size_t)(stop - line)));
}

static void write_headers(struct em_text *text, const char *from,
                          const char *end) {
  json_t *headers = json_object();
  for (const char *line = from; line < end;) {
    const char *feed = memchr(line, '\n', (size_t)(end - line));
    add_header(headers, line, feed ? feed : end);
    line = feed ? feed + 1 : end;
  }
  char *object = json_dumps(headers, JSON_COMPACT);
  em_text_addf(text, ",\"headers\":%s", object ? object : "{}");
  free(object);
  json_decref(headers);
}

static void write_received(struct em_text *text,
                           const struct received *received) {
  const char *start = received->bytes.data;
  size_t head = start ? em_frame_head_size(start, received->bytes.size) : 0;
  const char *end = start + head;
  em_text_addf(text, "{\"size\":%llu,\"body_size\":%llu", received->size,
               received->size - (head ? head : received->size));
  if (head) {
    const char *p = write_word(text, "method", start, end, ' ');
    p = write_word(text, "path", p, end, ' ');
    p = memchr(p, '\n', (size_t)(end - p));
    write_headers(text, p ? p : end, end);
  }
  em_text_add(text, ",\"bytes\":");
  write_bytes(text, start, received->bytes.size);
  em_text_add(text, "}");
}

void em_foreign_write_json(struct em_foreign *foreign, struct em_text *text) {
  const struct received *received;
  const char *comma = "";
  em_text_add(text, "[");
  pthread_mutex_lock(&foreign->lock);
  STAILQ_FOREACH(received, &foreign->received, entry) {
    em_text_add(text, comma);
    write_received(text, received);
    comma = ",";
  }
  pthread_mutex_unlock(&foreign->lock);
  em_text_add(text, "]");
}

static void free_visitor(struct visitor *visitor) {
  em_watch_close(&visitor->watch);
  em_watch_close(&visitor->clock);
  free_received(visitor->received);
  em_text_free(&visitor->answer);
  free(visitor);
}

static void leave(struct visitor *visitor) {
  visitor->state = GONE;
  em_watch_close(&visitor->watch);
  em_watch_close(&visitor->clock);
  em_loop_later(visitor->foreign->loop, &visitor->later);
}

/* Once a request is whole, or its sender gone. */
static void keep_request(struct visitor *visitor) {
  struct em_foreign *foreign = visitor->foreign;
  visitor->state = ANSWERING;
  pthread_mutex_lock(&foreign->lock);
  STAILQ_INSERT_TAIL(&foreign->received, visitor->received, entry);
  em_text_add_bytes(&visitor->answer, foreign->answer.data,
                    foreign->answer.size);
  pthread_mutex_unlock(&foreign->lock);
  visitor->received = NULL;
  if (!visitor->answer.size)
    write_picture(&visitor->answer);
}

/* Is the request whole with these last bytes of what is kept? */
static bool is_whole(struct visitor *visitor, const char *bytes, size_t size) {
  struct em_request_line line;
  const struct em_text *kept = &visitor->received->bytes;
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
  struct received *received = visitor->received;
  if (!received)
    return;
  received->size += size;
  if (received->bytes.size + size <= KEPT_MAX)
    em_text_add_bytes(&received->bytes, bytes, size);
  if (is_whole(visitor, bytes, size))
    keep_request(visitor);
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
      keep_request(visitor);
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
  struct visitor *visitor =
      (struct visitor *)(void *)((char *)later -
                                 offsetof(struct visitor, later));
  LIST_REMOVE(visitor, entry);
  free_visitor(visitor);
}

static void add_visitor(struct em_foreign *foreign, int fd) {
  struct visitor *visitor = calloc(1, sizeof *visitor);
  struct received *received = calloc(1, sizeof *received);
  if (!visitor || !received) {
    free(visitor);
    free(received);
    close(fd);
    return;
  }
  visitor->watch = (struct em_watch){fd, visitor_ready};
  visitor->clock = (struct em_watch){-1, time_out};
  visitor->later.run = run_later;
  visitor->foreign = foreign;
  visitor->received = received;
  if (em_loop_watch(foreign->loop, &visitor->watch))
    free_visitor(visitor);
  else
    LIST_INSERT_HEAD(&foreign->visitors, visitor, entry);
}

static void accept_all(struct em_watch *watch, uint32_t events) {
  int fd;
  (void)events;
  while ((fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >=
         0)
    add_visitor((struct em_foreign *)watch, fd);
}

int em_foreign_listen(struct em_foreign *foreign, struct em_loop *loop,
                      int *port, struct em_error *error) {
  foreign->loop = loop;
  foreign->listener.fd = em_listen(port, error);
  if (foreign->listener.fd < 0)
    return -1;
  if (em_loop_watch(loop, &foreign->listener))
    return em_fail(error, "cannot watch the foreign host's port");
  return 0;
}

void em_foreign_close(struct em_foreign *foreign) {
  em_watch_close(&foreign->listener);
  struct visitor *visitor;
  while ((visitor = LIST_FIRST(&foreign->visitors))) {
    LIST_REMOVE(visitor, entry);
    free_visitor(visitor);
  }
}
