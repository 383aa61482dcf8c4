#include "em_foreign.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "em_frame.h"
#include "em_member.h"
#include "em_painter.h"

enum { PIECE = 16384, KEPT_MAX = 1 << 20 };

/* A request that was received: the first of its bytes, and how many came. */
struct received {
  struct em_text bytes;
  unsigned long long size;
  STAILQ_ENTRY(received) entry;
};

enum state { LISTENING, ANSWERING, LEAVING };

struct visitor {
  struct em_watch watch;
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

static void accept_all(void *owner, uint32_t events);

struct em_foreign *em_foreign_new(void) {
  struct em_foreign *foreign = calloc(1, sizeof *foreign);
  if (!foreign)
    return NULL;
  foreign->listener =
      (struct em_watch){.fd = -1, .ready = accept_all, .owner = foreign};
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
                                           {"body_base64", EM_BASE64},
                                           {NULL, 0}};

static void write_answer(struct em_text *text, int status,
                         const json_t *headers, struct em_bytes body) {
  const char *name;
  const json_t *value;
  em_text_addf(text, "HTTP/1.1 %d Foreign\r\nConnection: close\r\n", status);
  if (!json_object_get(headers, "Content-Length"))
    em_text_addf(text, "Content-Length: %zu\r\n", body.size);
  json_object_foreach((json_t *)(uintptr_t)headers, name, value) {
    em_text_addf(text, "%s: %s\r\n", name, json_string_value(value));
  }
  em_text_add(text, "\r\n");
  em_text_add_bytes(text, body.data, body.size);
}

/* Errors: -1 and what is wrong. */
static int write_script(struct em_text *text, const json_t *script,
                        struct em_error *error) {
  const json_t *status = json_object_get(script, "status");
  if (!json_is_object(script))
    return em_fail(error, "an object is expected");
  if (json_integer_value(status) > 999)
    return em_fail(error, "status must be at most 999");
  if (em_members_check(script, "", members, NULL, error))
    return -1;
  struct em_bytes body = em_member_bytes(script, "body");
  write_answer(text, status ? (int)json_integer_value(status) : 200,
               json_object_get(script, "headers"), body);
  free(body.data);
  return 0;
}

int em_foreign_script(struct em_foreign *foreign, const json_t *script,
                      struct em_error *error) {
  struct em_text answer = {0};
  int failed = write_script(&answer, script, error);
  if (!failed) {
    pthread_mutex_lock(&foreign->lock);
    em_text_free(&foreign->answer);
    em_text_add_bytes(&foreign->answer, answer.data, answer.size);
    pthread_mutex_unlock(&foreign->lock);
  }
  em_text_free(&answer);
  return failed;
}

static void write_picture(struct em_text *text) {
  struct em_error error;
  struct em_bytes picture = em_painter_plain(0x808080, "png", &error);
  json_t *headers = json_pack("{s:s}", "Content-Type", "image/png");
  write_answer(text, 200, headers, picture);
  json_decref(headers);
  free(picture.data);
}

/* Bytes as the characters U+0000 to U+00FF. */
static json_t *latin1(const char *bytes, size_t size) {
  char *utf8 = malloc(2 * size + 1);
  size_t length = 0;
  for (size_t i = 0; utf8 && i < size; i++) {
    unsigned char c = (unsigned char)bytes[i];
    if (c >= 0x80)
      utf8[length++] = (char)(0xc0 | c >> 6);
    utf8[length++] = (char)(c < 0x80 ? c : 0x80 | (c & 0x3f));
  }
  json_t *string = utf8 ? json_stringn(utf8, length) : NULL;
  free(utf8);
  return string;
}

static void lower(char *text) {
  for (; *text; text++)
    *text = (char)tolower((unsigned char)*text);
}

/* Of a request's head, whose lines are cut up. */
static json_t *read_head(char *head) {
  char *rest = NULL, *words = NULL;
  char *line = strtok_r(head, "\r\n", &rest);
  json_t *headers = json_object();
  const char *method = line ? strtok_r(line, " ", &words) : NULL;
  const char *path = line ? strtok_r(NULL, " ", &words) : NULL;
  while ((line = strtok_r(NULL, "\r\n", &rest))) {
    char *value = strchr(line, ':');
    if (!value)
      continue;
    *value++ = '\0';
    lower(line);
    value += strspn(value, " \t");
    json_object_set_new(headers, line, json_string(value));
  }
  return json_pack("{s:o*, s:o*, s:o}", "method",
                   method ? latin1(method, strlen(method)) : NULL, "path",
                   path ? latin1(path, strlen(path)) : NULL, "headers",
                   headers);
}

static json_t *received_tree(const struct received *received) {
  const struct em_text *bytes = &received->bytes;
  size_t size = bytes->data ? em_frame_head_size(bytes->data, bytes->size) : 0;
  char *head = size ? strndup(bytes->data, size) : NULL;
  json_t *tree = head ? read_head(head) : json_object();
  free(head);
  json_object_set_new(tree, "size", json_integer((json_int_t)received->size));
  json_object_set_new(
      tree, "body_size",
      json_integer((json_int_t)(size ? received->size - size : 0)));
  json_object_set_new(tree, "bytes", latin1(bytes->data, bytes->size));
  return tree;
}

json_t *em_foreign_tree(struct em_foreign *foreign) {
  const struct received *received;
  json_t *list = json_array();
  pthread_mutex_lock(&foreign->lock);
  STAILQ_FOREACH(received, &foreign->received, entry) {
    json_array_append_new(list, received_tree(received));
  }
  pthread_mutex_unlock(&foreign->lock);
  return list;
}

static void delete_visitor(struct visitor *visitor) {
  LIST_REMOVE(visitor, entry);
  em_watch_close(&visitor->watch);
  free_received(visitor->received);
  em_text_free(&visitor->answer);
  free(visitor);
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

/* Reads till nothing is left; what comes after the request is lost. Returns
 * false when the visitor is gone: without an answer, if it waits for none. */
static bool listen_to(struct visitor *visitor) {
  char piece[PIECE];
  for (;;) {
    ssize_t count = recv(visitor->watch.fd, piece, sizeof piece, 0);
    if (count > 0) {
      take(visitor, piece, (size_t)count);
      continue;
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
      return true;
    if (visitor->state == LISTENING)
      keep_request(visitor);
    else if (!count && visitor->state == ANSWERING)
      return true;
    return false;
  }
}

/* The visitor leaves; what it still sends meanwhile is lost. */
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
}

/* One that is gone can be freed at once: no further event of its only
 * descriptor is on its way. */
static void visitor_ready(void *owner, uint32_t events) {
  struct visitor *visitor = owner;
  if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) && !listen_to(visitor))
    delete_visitor(visitor);
  else if (visitor->state == ANSWERING)
    answer(visitor);
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
  visitor->watch =
      (struct em_watch){.fd = fd, .ready = visitor_ready, .owner = visitor};
  visitor->foreign = foreign;
  visitor->received = received;
  LIST_INSERT_HEAD(&foreign->visitors, visitor, entry);
  if (em_loop_watch(foreign->loop, &visitor->watch))
    delete_visitor(visitor);
}

static void accept_all(void *owner, uint32_t events) {
  struct em_foreign *foreign = owner;
  int fd;
  (void)events;
  while ((fd = accept4(foreign->listener.fd, NULL, NULL,
                       SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
    add_visitor(foreign, fd);
}

int em_foreign_listen(struct em_foreign *foreign, struct em_loop *loop,
                      int *port, struct em_error *error) {
  foreign->loop = loop;
  return em_loop_listen(loop, &foreign->listener, port, error);
}

void em_foreign_close(struct em_foreign *foreign) {
  em_watch_close(&foreign->listener);
  struct visitor *next, *visitor = LIST_FIRST(&foreign->visitors);
  for (; visitor; visitor = next) {
    next = LIST_NEXT(visitor, entry);
    delete_visitor(visitor);
  }
}
