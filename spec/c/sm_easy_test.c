/* What libcurl makes of answers over real sockets: whether a body is whole,
 * encodings that nobody asked for, redirects of free requests, an exchange that
 * stalls, a server that repeats the key. */
#include "sm_easy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/tcp.h>
#endif

#include "check.h"
#include "sm_http.h"
#include "sm_system.h"
#include "sm_timer.h"

#define KEY "SG_0123456789abcdef"
#define HEAD "HTTP/1.1 200 OK\r\nConnection: close\r\n"

/* -- a server that has an answer for each path ----------------------------- */

struct page {
  const char *path;
  const char *head;
  const void *body;
  size_t size;
  bool is_held; /* the connection stays open and silent behind it */
};

static struct {
  pthread_t thread;
  int listener;
  int port;
  const struct page *pages;
  atomic_int requests;
  char last[4096];     /* the last request */
  int packets;         /* in which it came; 0 where that cannot be known */
  atomic_bool is_shut; /* it takes requests and holds their answers back */
} server;

static const struct page *page_of(const char *request) {
  const char *path = strchr(request, ' ') + 1;
  for (const struct page *page = server.pages; page->path; page++)
    if (strncmp(path, page->path, strlen(page->path)) == 0 &&
        path[strlen(page->path)] == ' ')
      return page;
  return NULL;
}

/* A POST's body is two bytes here. */
static bool is_request(const char *text) {
  const char *end = strstr(text, "\r\n\r\n");
  return end && (text[0] != 'P' || strlen(end) >= 6);
}

static int packets_of(int fd) {
#ifdef __linux__
  struct tcp_info info = {0};
  socklen_t size = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0)
    return (int)info.tcpi_data_segs_in;
#endif
  return fd * 0;
}

static void answer(int fd) {
  char *text = server.last;
  size_t have = 0;
  while (have + 1 < sizeof server.last && !is_request(text)) {
    ssize_t got = recv(fd, text + have, sizeof server.last - 1 - have, 0);
    if (got <= 0)
      return;
    have += (size_t)got;
    text[have] = '\0';
  }
  server.requests++;
  server.packets = packets_of(fd);
  const struct page *page = page_of(text);
  if (!page)
    return;
  while (server.is_shut)
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  (void)send(fd, page->head, strlen(page->head), MSG_NOSIGNAL);
  (void)send(fd, page->body, page->size, MSG_NOSIGNAL);
  if (page->is_held)
    (void)recv(fd, text, 1, 0); /* until the client goes */
}

static void *run_server(void *user) {
  int fd;
  while ((fd = accept(server.listener, NULL, NULL)) >= 0) {
    memset(server.last, 0, sizeof server.last);
    answer(fd);
    close(fd);
  }
  return user;
}

static void start_server(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(bind(server.listener, (struct sockaddr *)&address, size) == 0);
  CHECK(listen(server.listener, 8) == 0);
  CHECK(getsockname(server.listener, (struct sockaddr *)&address, &size) == 0);
  server.port = ntohs(address.sin_port);
  CHECK(pthread_create(&server.thread, NULL, run_server, NULL) == 0);
}

static void stop_server(void) {
  (void)shutdown(server.listener, SHUT_RDWR);
  pthread_join(server.thread, NULL);
  close(server.listener);
}

/* -- one exchange -----------------------------------------------------------
 */

static const atomic_bool never;
static struct sm_base base;
static struct sm_http *http;
static struct sm_exchange exchange;
static const char *host = "127.0.0.1"; /* that requests are for */

static void open_http(void) {
  const struct sm_http_options options = {.key = KEY,
                                          .base = &base,
                                          .user_agent = "test",
                                          .max_transfers = 4,
                                          .stop = &never};
  struct sm_error e;
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.1:%d", server.port);
  CHECK(sm_base_read(&base, url, &e) == SM_OK);
  CHECK(sm_http_new(&http, &options, &e) == SM_OK);
}

static void forget(void) {
  struct sm_transport transport = sm_http_transport(http);
  transport.release(transport.self, &exchange);
  sm_exchange_destroy(&exchange);
}

static void start(const char *path) {
  struct sm_transport transport = sm_http_transport(http);
  struct sm_error e;
  sm_buf_printf(&exchange.url, NULL, "http://%s:%d%s", host, server.port, path);
  CHECK(transport.start(transport.self, &exchange, &e) == SM_OK);
}

static void end(void) {
  struct sm_transport transport = sm_http_transport(http);
  while (!transport.finished(transport.self)) {
    sm_http_wait(http, 60000);
    sm_http_perform(http);
  }
}

static void carry(const char *path) {
  start(path);
  end();
}

static void send_request(const char *path, bool has_key, int64_t stall_ms,
                         struct sm_body *body) {
  sm_exchange_create(&exchange);
  exchange.request = (struct sm_request){.method = body ? SM_POST : SM_GET,
                                         .is_once = body != NULL,
                                         .body = body,
                                         .has_key = has_key,
                                         .max_bytes = 4096,
                                         .timeout_ms = 5000,
                                         .stall_ms = stall_ms};
  carry(path);
}

static const struct sm_answer *get(const char *path) {
  send_request(path, true, 0, NULL);
  return &exchange.answer;
}

static bool says(const struct sm_answer *told, const char *body) {
  return told->code == SM_OK && told->body.size == strlen(body) &&
         memcmp(told->body.data, body, told->body.size) == 0;
}

/* -- whole or not -----------------------------------------------------------
 */

static void an_answer_is_all_there_when_its_length_or_last_chunk_came(void) {
  static const struct page pages[] = {
      {"/length", HEAD "Content-Length: 2\r\n\r\n", "{}", 2, false},
      {"/chunks", HEAD "Transfer-Encoding: chunked\r\n\r\n",
       "2\r\n{}\r\n0\r\n\r\n", 12, false},
      {"/open", HEAD "\r\n", "{}", 2, false},
      {"/short", HEAD "Content-Length: 3\r\n\r\n", "{}", 2, false},
      {"/unended", HEAD "Transfer-Encoding: chunked\r\n\r\n", "2\r\n{}\r\n", 7,
       false},
      {NULL, NULL, NULL, 0, false}};
  server.pages = pages;
  for (int i = 0; i < 5; i++) {
    const struct sm_answer *told = get(pages[i].path);
    CHECK(told->status == 200 && (told->code == SM_OK) == (i < 3));
    CHECK(told->is_all == (i < 2));
    CHECK(told->body.size == 2);
    forget();
  }
}

/* -- encodings ---------------------------------------------------------------
 */

/* {"request_id":"a1"} */
static const unsigned char gzipped[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
    0xab, 0x56, 0x2a, 0x4a, 0x2d, 0x2c, 0x4d, 0x2d, 0x2e, 0x89,
    0xcf, 0x4c, 0x51, 0xb2, 0x52, 0x4a, 0x34, 0x54, 0xaa, 0x05,
    0x00, 0xb6, 0x89, 0x22, 0xf9, 0x13, 0x00, 0x00, 0x00};

/* 20,000 zero bytes */
static const unsigned char bomb[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed,
    0xc1, 0x31, 0x01, 0x00, 0x00, 0x00, 0xc2, 0xa0, 0xf5, 0x4f, 0x6d,
    0x0d, 0x0f, 0xa0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x78,
    0x30, 0x02, 0x53, 0x2f, 0x97, 0x20, 0x4e, 0x00, 0x00};

#define ENCODED(how) HEAD "Content-Encoding: " how "\r\n"

static void an_encoding_that_comes_unasked_is_decoded(void) {
  static const struct page pages[] = {
      {"/gzip", ENCODED("gzip") "Content-Length: 39\r\n\r\n", gzipped,
       sizeof gzipped, false},
      {"/bomb", ENCODED("gzip") "\r\n", bomb, sizeof bomb, false},
      {NULL, NULL, NULL, 0, false}};
  server.pages = pages;
  CHECK(says(get("/gzip"), "{\"request_id\":\"a1\"}"));
  CHECK(exchange.answer.is_all);
  CHECK(strstr(server.last, "\r\nAccept-Encoding: identity\r\n"));
  forget();
  const struct sm_answer *told = get("/bomb");
  CHECK(told->code == SM_PROTOCOL && told->body.size <= 4096);
  CHECK(strstr(told->reason, "larger than"));
  forget();
}

static void what_is_not_encoded_after_all_is_taken_as_it_is(void) {
  static const struct page pages[] = {
      {"/stored", ENCODED("utf-8") "Content-Length: 2\r\n\r\n", "{}", 2, false},
      {"/aws", ENCODED("aws-chunked") "\r\n", "{}", 2, false},
      {"/mislabelled", ENCODED("gzip") "Content-Length: 7\r\n\r\n", "{\"a\":1}",
       7, false},
      {NULL, NULL, NULL, 0, false}};
  server.pages = pages;
  CHECK(says(get("/stored"), "{}"));
  forget();
  CHECK(says(get("/aws"), "{}"));
  forget();
  CHECK(says(get("/mislabelled"), "{\"a\":1}"));
  forget();
}

/* -- redirects ---------------------------------------------------------------
 */

#define MOVED "HTTP/1.1 308 Moved\r\nConnection: close\r\nContent-Length: 0\r\n"

static void a_free_request_follows_its_own_origin(void) {
  static const struct page pages[] = {
      {"/status", MOVED "Location: /status/\r\n\r\n", "", 0, false},
      {"/status/", HEAD "Content-Length: 2\r\n\r\n", "{}", 2, false},
      {"/a", MOVED "location: /caf\xc3\xa9 b\r\n\r\n", "", 0, false},
      {"/caf%C3%A9%20b", HEAD "Content-Length: 1\r\n\r\n", "1", 1, false},
      {"/round", MOVED "Location: /round\r\n\r\n", "", 0, false},
      {"/away", MOVED "Location: http://127.0.0.1:1/x\r\n\r\n", "", 0, false},
      {NULL, NULL, NULL, 0, false}};
  server.pages = pages;
  CHECK(says(get("/status"), "{}") && exchange.answer.status == 200);
  CHECK(strstr(server.last, "GET /status/ ") && strstr(server.last, KEY));
  forget();
  CHECK(says(get("/a"), "1"));
  forget();
  int before = server.requests;
  CHECK(get("/round")->status == 308 && server.requests == before + 4);
  forget();
  before = server.requests;
  CHECK(get("/away")->status == 308 && server.requests == before + 1);
  forget();
}

static void a_submit_and_a_picture_are_not_sent_on(void) {
  static const struct page pages[] = {
      {"/v2/x", MOVED "Location: /v2/x/\r\n\r\n", "", 0, false},
      {NULL, NULL, NULL, 0, false}};
  struct sm_body *body = sm_body_new();
  sm_body_add_text(body, "{}", 2, NULL);
  server.pages = pages;
  int before = server.requests;
  send_request("/v2/x", true, 0, body);
  CHECK(exchange.answer.status == 308 && exchange.answer.was_sent);
  forget();
  send_request("/v2/x", false, 0, NULL);
  CHECK(exchange.answer.status == 308 && exchange.answer.redirect.size > 0);
  forget();
  CHECK(server.requests == before + 2);
  sm_body_delete(body);
}

/* -- one handle after the other's request ------------------------------------
 */

/* What the engine sends: a poll, a page of the history, a picture from a
 * foreign host, a submit, an upload, and two whose answers change how bodies
 * are read. Paths that libcurl changes, too. */
static const struct turn {
  const char *path, *body;
  bool has_key, is_once;
  int64_t stall_ms;
  const char *answer; /* NULL: none that is whole */
  const char *host;   /* NULL: that of the base */
} turns[] = {
    {"/status", NULL, true, false, 0, "{}", NULL},
    {"/page?n=1&of=%2fa", NULL, true, false, 0, "{}", NULL},
    {"/a%2fb", NULL, true, false, 0, "{}", NULL},
    {"/a/../status#b", NULL, true, false, 0, "{}", NULL},
    {"/picture", NULL, false, false, 2000, "GIF", "localhost"},
    {"/v2/x", "{}", true, true, 0, "{}", NULL},
    {"/upload", "[]", true, false, 0, "{}", NULL},
    {"/gzip", NULL, true, false, 0, "{\"request_id\":\"a1\"}", NULL},
    {"/raw", NULL, true, false, 0, "{\"a\":1}", NULL},
    {"/mute", NULL, false, false, 5, NULL, NULL},
};

enum { TURNS = sizeof turns / sizeof *turns };

/* On the exchange's handle, or the first of a new one. */
static void take_turn(const struct turn *turn) {
  struct sm_body *body = turn->body ? sm_body_new() : NULL;
  if (body)
    sm_body_add_text(body, turn->body, strlen(turn->body), NULL);
  sm_exchange_reset(&exchange);
  exchange.request = (struct sm_request){.method = body ? SM_POST : SM_GET,
                                         .is_once = turn->is_once,
                                         .body = body,
                                         .has_key = turn->has_key,
                                         .max_bytes = 4096,
                                         .timeout_ms = 5000,
                                         .stall_ms = turn->stall_ms};
  host = turn->host ? turn->host : "127.0.0.1";
  carry(turn->path);
  if (turn->answer)
    CHECK(says(&exchange.answer, turn->answer) && !exchange.answer.reason[0]);
  else
    CHECK(exchange.answer.code == SM_TIMEOUT && exchange.answer.was_sent);
  sm_body_delete(body);
}

static void nothing_of_a_request_is_left_for_the_next_of_its_handle(void) {
#define SAYS(body) HEAD "Content-Length: " body
  static const struct page pages[] = {
      {"/status", SAYS("2\r\n\r\n"), "{}", 2, false},
      {"/page?n=1&of=%2fa", SAYS("2\r\n\r\n"), "{}", 2, false},
      {"/a%2fb", SAYS("2\r\n\r\n"), "{}", 2, false},
      {"/picture", SAYS("3\r\n\r\n"), "GIF", 3, false},
      {"/v2/x", SAYS("2\r\n\r\n"), "{}", 2, false},
      {"/upload", SAYS("2\r\n\r\n"), "{}", 2, false},
      {"/gzip", ENCODED("gzip") "Content-Length: 39\r\n\r\n", gzipped,
       sizeof gzipped, false},
      {"/raw", ENCODED("gzip") "Content-Length: 7\r\n\r\n", "{\"a\":1}", 7,
       false},
      {"/mute", "", "", 0, true},
      {NULL, NULL, NULL, 0, false}};
  char alone[TURNS][sizeof server.last];
  server.pages = pages;
  sm_exchange_create(&exchange);
  for (int i = TURNS - 1; i >= 0; i--) {
    forget();
    sm_exchange_create(&exchange);
    take_turn(&turns[i]);
    if (!turns[i].answer)
      continue; /* who knows how far the server is */
    memcpy(alone[i], server.last, sizeof alone[i]);
    CHECK(!strstr(alone[i], KEY) == !turns[i].has_key);
    CHECK(!strstr(alone[i], "Content-Type:") == !turns[i].body);
  }
  for (int pair = TURNS * TURNS - 1; pair >= 0; pair--) {
    const struct turn *second = &turns[pair % TURNS];
    take_turn(&turns[pair / TURNS]);
    take_turn(second);
    if (second->answer)
      CHECK(strcmp(server.last, alone[pair % TURNS]) == 0);
  }
  forget();
}

/* -- two on one connection ---------------------------------------------------
 */

/* As libcurl does it over TLS, where some servers of a pool speak HTTP/2 and
 * others do not: the other's answer might have come for this request. */
static void an_answer_that_may_be_anothers_is_not_believed(void) {
  static const struct page pages[] = {
      {"/status", HEAD "Content-Length: 2\r\n\r\n", "{}", 2, false},
      {NULL, NULL, NULL, 0, false}};
  struct sm_exchange second;
  server.pages = pages;
  for (int is_beside = 0; is_beside < 2; is_beside++) {
    sm_exchange_create(&second);
    sm_exchange_create(&exchange);
    exchange.request = (struct sm_request){
        .has_key = true, .max_bytes = 4096, .timeout_ms = 5000};
    start("/status");
    struct sm_easy *first = exchange.carrier;
    struct sm_easy *other = sm_easy_new(first->wire, &second);
    CHECK(other != NULL);
    sm_easy_enter(other);
    first->is_tls = true;
    server.is_shut = true;
    while (first->local_port == 0)
      sm_http_perform(http);
    memcpy(other->ip, first->ip, sizeof other->ip);
    other->port = first->port;
    other->local_port = first->local_port + !is_beside;
    server.is_shut = false;
    end();
    CHECK(exchange.answer.code == (is_beside ? SM_NOT_SENT : SM_OK));
    CHECK(exchange.answer.body.size == (is_beside ? 0 : 2));
    CHECK(other->was_shared == is_beside);
    sm_easy_leave(other);
    sm_easy_delete(other);
    sm_exchange_destroy(&second);
    forget();
  }
}

/* -- packets -----------------------------------------------------------------
 */

static bool can_hold(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(bind(fd, (struct sockaddr *)&address, size) == 0);
  CHECK(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
  CHECK(!sm_system_hold(fd, ntohs(address.sin_port) - 1));
  bool is_held = sm_system_hold(fd, ntohs(address.sin_port));
  close(fd);
  return is_held;
}

static void a_submit_is_one_packet(void) {
  static const struct page pages[] = {
      {"/v2/x", HEAD "Content-Length: 2\r\n\r\n", "{}", 2, false},
      {NULL, NULL, NULL, 0, false}};
  struct sm_body *body = sm_body_new();
  sm_body_add_text(body, "{}", 2, NULL);
  server.pages = pages;
  int64_t start_ms = sm_now_ms();
  send_request("/v2/x", true, 0, body);
  CHECK(says(&exchange.answer, "{}"));
  CHECK(server.packets == (can_hold() ? 1 : server.packets));
  CHECK(sm_now_ms() - start_ms < 150); /* it would be let go at 200 */
  forget();
  sm_body_delete(body);
}

/* -- stalls ------------------------------------------------------------------
 */

static void a_transfer_without_a_byte_for_too_long_is_given_up(void) {
  static const struct page pages[] = {
      {"/mute", "", "", 0, true},
      {"/held", HEAD "Content-Length: 9\r\n\r\n", "{", 1, true},
      {"/fine", HEAD "Content-Length: 1\r\n\r\n", "1", 1, false},
      {NULL, NULL, NULL, 0, false}};
  server.pages = pages;
  for (int i = 0; i < 2; i++) {
    int64_t start_ms = sm_now_ms();
    send_request(pages[i].path, false, 20, NULL);
    CHECK(exchange.answer.code == SM_TIMEOUT && !exchange.answer.is_all);
    CHECK(strstr(exchange.answer.reason, "stalled"));
    CHECK(sm_now_ms() - start_ms >= 20 && sm_now_ms() - start_ms < 2000);
    forget();
  }
  send_request("/fine", false, 2000, NULL);
  CHECK(says(&exchange.answer, "1"));
  forget();
}

/* -- the key -----------------------------------------------------------------
 */

static void the_key_is_masked_where_answers_come_in(void) {
  static const struct page pages[] = {
      {"/echo", HEAD "x-request-id: " KEY "\r\nContent-Length: 42\r\n\r\n",
       "{\"request_id\":\"" KEY "\",\"a\":\"" KEY, 42, false},
      {NULL, NULL, NULL, 0, false}};
  server.pages = pages;
  const struct sm_answer *told = get("/echo");
  CHECK(told->body.size == 42 && told->request_id[0] == '\0');
  CHECK(!memmem(told->body.data, told->body.size, KEY, strlen(KEY)));
  forget();
}

/* A child of the host gets what is open without FD_CLOEXEC. */
static int inherited(void) {
  int count = 0;
  for (int fd = 3; fd < 256; fd++) {
    int flags = fcntl(fd, F_GETFD);
    count += flags >= 0 && !(flags & FD_CLOEXEC);
  }
  return count;
}

static void no_socket_of_libcurl_goes_to_a_child_of_the_host(void) {
  struct sm_http *own = http;
  int taken[64];
  for (int i = 0; i < 64; i++)
    taken[i] = fcntl(2, F_DUPFD_CLOEXEC, 3);
  for (int i = 0; i < 64; i += 60) /* the two that are free lie far apart */
    (void)close(taken[i]);
  int before = inherited();
  open_http();
  CHECK(inherited() == before);
  sm_http_wake(http); /* which still works */
  int64_t start_ms = sm_now_ms();
  sm_http_wait(http, 2000);
  CHECK(sm_now_ms() - start_ms < 1000);
  sm_http_delete(http);
  http = own;
  for (int i = 0; i < 64; i++)
    if (i % 60 != 0)
      (void)close(taken[i]);
}

int main(void) {
  CHECK(sm_http_prepare());
  start_server();
  open_http();
  an_answer_is_all_there_when_its_length_or_last_chunk_came();
  an_encoding_that_comes_unasked_is_decoded();
  what_is_not_encoded_after_all_is_taken_as_it_is();
  a_free_request_follows_its_own_origin();
  a_submit_and_a_picture_are_not_sent_on();
  nothing_of_a_request_is_left_for_the_next_of_its_handle();
  an_answer_that_may_be_anothers_is_not_believed();
  a_submit_is_one_packet();
  a_transfer_without_a_byte_for_too_long_is_given_up();
  the_key_is_masked_where_answers_come_in();
  no_socket_of_libcurl_goes_to_a_child_of_the_host();
  sm_http_delete(http);
  stop_server();
  return check_report("sm_easy");
}
