/* A paid request over real sockets, to a server that takes it and dies without
 * a word on a connection that was used before: libcurl sends such a request
 * again by itself. Three things keep it from that, and each is enough; the last
 * row has none of them, and shows that the server would have been paid twice.
 * And the key: to its origin only. */
#include "sm_http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "sm_easy.h"

#define BODY "{\"prompt\":\"x\"}"

/* -- a server that answers GETs and dies at the first POST ---------------- */

struct server {
  pthread_t thread;
  int listener;
  int port;
  atomic_int requests;
  atomic_int posts;
  atomic_bool stop;
};

/* One request, as far as it came; its size, 0 when the client is gone. */
static size_t read_request(int fd, char *text, size_t size) {
  size_t have = 0;
  while (have + 1 < size) {
    ssize_t got = recv(fd, text + have, size - 1 - have, 0);
    if (got <= 0)
      return 0;
    have += (size_t)got;
    text[have] = '\0';
    const char *end = strstr(text, "\r\n\r\n");
    if (end && (text[0] == 'G' || strstr(end, BODY)))
      break;
  }
  return have;
}

/* False when the connection is over. */
static bool serve(struct server *server, int fd) {
  static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                               "Content-Type: application/json\r\n\r\n{}";
  char text[4096];
  if (read_request(fd, text, sizeof text) == 0)
    return false;
  server->requests++;
  if (text[0] == 'P' && server->posts++ == 0)
    return false;
  return send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) > 0;
}

static void *run_server(void *user) {
  struct server *server = user;
  struct pollfd fds[8] = {{.fd = server->listener, .events = POLLIN}};
  nfds_t count = 1;
  while (!server->stop) {
    if (poll(fds, count, 20) <= 0)
      continue;
    if (fds[0].revents && count < 8)
      fds[count++] = (struct pollfd){.fd = accept(server->listener, NULL, NULL),
                                     .events = POLLIN};
    for (nfds_t i = count - 1; i >= 1; i--)
      if (fds[i].revents && !serve(server, fds[i].fd)) {
        close(fds[i].fd);
        fds[i] = fds[--count];
      }
  }
  while (count > 0)
    close(fds[--count].fd);
  return NULL;
}

static void start_server(struct server *server) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  memset(server, 0, sizeof *server);
  server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(bind(server->listener, (struct sockaddr *)&address, size) == 0);
  CHECK(listen(server->listener, 8) == 0);
  CHECK(getsockname(server->listener, (struct sockaddr *)&address, &size) == 0);
  server->port = ntohs(address.sin_port);
  CHECK(pthread_create(&server->thread, NULL, run_server, server) == 0);
}

static void stop_server(struct server *server) {
  server->stop = true;
  pthread_join(server->thread, NULL);
}

/* -- a transport and its transfers ---------------------------------------- */

static const atomic_bool never;
static struct sm_base base;

static struct sm_http *open_http(const struct server *server) {
  const struct sm_http_options options = {.key = "SG_0123456789abcdef",
                                          .base = &base,
                                          .user_agent = "test",
                                          .max_transfers = 4,
                                          .stop = &never};
  struct sm_http *http = NULL;
  struct sm_error e;
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.1:%d", server->port);
  CHECK(sm_base_read(&base, url, &e) == SM_OK);
  CHECK(sm_http_new(&http, &options, &e) == SM_OK);
  return http;
}

static void ask(struct sm_exchange *exchange, int port, struct sm_body *body) {
  exchange->request.method = body ? SM_POST : SM_GET;
  exchange->request.is_once = body != NULL;
  exchange->request.has_key = true;
  exchange->request.body = body;
  exchange->request.max_bytes = 4096;
  exchange->request.timeout_ms = 5000;
  sm_buf_printf(&exchange->url, NULL, "http://127.0.0.1:%d/v2/flux", port);
}

static void make_transfer(struct sm_exchange *exchange, int port,
                          struct sm_body *body) {
  sm_exchange_create(exchange);
  ask(exchange, port, body);
}

static void finish(struct sm_http *http, const struct sm_exchange *exchange) {
  struct sm_transport transport = sm_http_transport(http);
  struct sm_exchange *finished;
  while ((finished = transport.finished(transport.self)) == NULL) {
    sm_http_wait(http, 20);
    sm_http_perform(http);
  }
  CHECK(finished == exchange);
}

static void get(struct sm_http *http, const struct server *server) {
  struct sm_transport transport = sm_http_transport(http);
  struct sm_exchange exchange;
  struct sm_error e;
  make_transfer(&exchange, server->port, NULL);
  CHECK(transport.start(transport.self, &exchange, &e) == SM_OK);
  finish(http, &exchange);
  CHECK(exchange.answer.code == SM_OK && exchange.answer.status == 200);
  transport.release(transport.self, &exchange);
  sm_exchange_destroy(&exchange);
}

/* -- once ----------------------------------------------------------------- */

/* What is taken away from the rules of a paid request. */
struct way {
  bool is_reused;  /* the connection is not a fresh one */
  bool can_rewind; /* the body has a seek function */
  bool is_unguarded;
  int posts;
};

static int on_seek(void *user, curl_off_t offset, int origin) {
  (void)origin;
  return offset == 0 && sm_body_rewind(user, NULL) == SM_OK
             ? CURL_SEEKFUNC_OK
             : CURL_SEEKFUNC_FAIL;
}

static void take_away(CURL *handle, const struct way *way,
                      struct sm_body *body) {
  if (way->is_reused)
    curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 0L);
  if (way->can_rewind) {
    curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(handle, CURLOPT_SEEKDATA, body);
  }
  if (way->is_unguarded)
    curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, NULL);
}

static void pay(struct sm_http *http, const struct server *server,
                const struct way *way) {
  struct sm_transport transport = sm_http_transport(http);
  struct sm_body *body = sm_body_new();
  struct sm_exchange exchange;
  struct sm_error e;
  sm_body_add_text(body, BODY, strlen(BODY), NULL);
  make_transfer(&exchange, server->port, body);
  CHECK(transport.start(transport.self, &exchange, &e) == SM_OK);
  const struct sm_easy *easy = exchange.carrier;
  take_away(easy->handle, way, body);
  finish(http, &exchange);
  CHECK(way->is_unguarded || exchange.answer.was_sent);
  CHECK(way->posts > 1 || exchange.answer.code != SM_OK);
  transport.release(transport.self, &exchange);
  sm_exchange_destroy(&exchange);
  sm_body_delete(body);
}

static void each_of_three_measures_keeps_a_paid_request_single(void) {
  static const struct way ways[] = {
      {false, false, false, 1},
      {false, true, true, 1}, /* the fresh connection alone */
      {true, false, true, 1}, /* a body that cannot be rewound alone */
      {true, true, false, 1}, /* the guard alone */
      {true, true, true, 2},
  };
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    struct server server;
    start_server(&server);
    struct sm_http *http = open_http(&server);
    get(http, &server);
    pay(http, &server, &ways[i]);
    CHECK(server.posts == ways[i].posts);
    sm_http_delete(http);
    stop_server(&server);
  }
}

static void a_poll_after_a_submit_on_its_handle_takes_a_kept_connection(void) {
  struct server server;
  struct sm_exchange exchange;
  struct sm_body *body = sm_body_new();
  sm_body_add_text(body, BODY, strlen(BODY), NULL);
  start_server(&server);
  server.posts = 1; /* from now on it answers them */
  struct sm_http *http = open_http(&server);
  struct sm_transport transport = sm_http_transport(http);
  sm_exchange_create(&exchange);
  for (int i = 0; i < 3; i++) {
    sm_exchange_reset(&exchange);
    ask(&exchange, server.port, i == 1 ? body : NULL);
    CHECK(transport.start(transport.self, &exchange, NULL) == SM_OK);
    finish(http, &exchange);
    CHECK(exchange.answer.status == 200);
    CHECK(sm_http_connections(http) == (i == 0 ? 1 : 2));
  }
  transport.release(transport.self, &exchange);
  sm_exchange_destroy(&exchange);
  sm_http_delete(http);
  stop_server(&server);
  sm_body_delete(body);
}

/* -- the key -------------------------------------------------------------- */

static void the_key_goes_to_its_origin_only(void) {
  struct server own, foreign;
  struct sm_exchange exchange;
  struct sm_error e;
  start_server(&own);
  start_server(&foreign);
  struct sm_http *http = open_http(&own);
  struct sm_transport transport = sm_http_transport(http);
  make_transfer(&exchange, foreign.port, NULL);
  CHECK(transport.start(transport.self, &exchange, &e) == SM_SECURITY);
  transport.release(transport.self, &exchange);
  sm_exchange_destroy(&exchange);
  get(http, &own);
  sm_http_delete(http);
  stop_server(&own);
  stop_server(&foreign);
  CHECK(own.requests == 1 && foreign.requests == 0);
}

int main(void) {
  CHECK(sm_http_prepare());
  each_of_three_measures_keeps_a_paid_request_single();
  a_poll_after_a_submit_on_its_handle_takes_a_kept_connection();
  the_key_goes_to_its_origin_only();
  return check_report("sm_http");
}
