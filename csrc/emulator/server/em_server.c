#include "em_server.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "em_clock.h"
#include "em_loop.h"

struct em_server {
  struct em_service *service;
  struct em_waiting waiting;
  struct MHD_Daemon *daemon;
  pthread_t thread;
  bool running;
  atomic_bool ends;
  int port;
  char *tls_cert, *tls_key; /* PEM texts */
  char url[64];
};

/* A body that is sent several times over, or without end. */
struct repeated {
  struct em_bytes body;
  uint64_t total; /* MHD_SIZE_UNKNOWN: endless */
};

static ssize_t read_repeated(void *arg, uint64_t offset, char *out,
                             size_t room) {
  const struct repeated *repeated = arg;
  size_t count = 0;
  if (!repeated->body.size || offset >= repeated->total)
    return MHD_CONTENT_READER_END_OF_STREAM;
  while (count < room && offset + count < repeated->total) {
    out[count] =
        (char)repeated->body.data[(offset + count) % repeated->body.size];
    count++;
  }
  return (ssize_t)count;
}

static void free_repeated(void *arg) {
  struct repeated *repeated = arg;
  free(repeated->body.data);
  free(repeated);
}

static struct MHD_Response *make_repeated(struct em_reply *reply) {
  struct repeated *repeated = malloc(sizeof *repeated);
  if (!repeated)
    return NULL;
  *repeated = (struct repeated){
      reply->body, reply->body.size * (reply->repeat ? reply->repeat : 1)};
  if (reply->endless)
    repeated->total = MHD_SIZE_UNKNOWN;
  reply->body.data = NULL;
  return MHD_create_response_from_callback(
      reply->framing ? MHD_SIZE_UNKNOWN : repeated->total, 16384, read_repeated,
      repeated, free_repeated);
}

static struct MHD_Response *make_picture(const struct em_service *service,
                                         const struct em_reply *reply) {
  int file = em_media_descriptor(service->media);
  if (file < 0)
    return NULL;
  struct MHD_Response *response = MHD_create_response_from_fd_at_offset64(
      reply->picture.size, file, reply->picture.offset);
  if (!response)
    close(file);
  return response;
}

static struct MHD_Response *make_response(const struct em_service *service,
                                          struct em_reply *reply) {
  struct MHD_Response *response;
  if (reply->has_picture)
    return make_picture(service, reply);
  if (reply->endless || reply->repeat > 1 || reply->framing)
    return make_repeated(reply);
  response = MHD_create_response_from_buffer(reply->body.size, reply->body.data,
                                             MHD_RESPMEM_MUST_FREE);
  if (response)
    reply->body.data = NULL;
  return response;
}

static void add_headers(struct MHD_Response *response,
                        const struct em_request *request) {
  const struct em_reply *reply = &request->reply;
  char date[EM_DATE_SIZE];
  if (reply->content_type && *reply->content_type &&
      !em_reply_has_header(request, "Content-Type"))
    MHD_add_response_header(response, "Content-Type", reply->content_type);
  for (int i = 0; i < reply->header_count; i++)
    if (reply->headers[i].value && *reply->headers[i].value)
      MHD_add_response_header(response, reply->headers[i].name,
                              reply->headers[i].value);
  if (em_reply_has_header(request, "Date"))
    return;
  em_date_write(em_date_form("http"),
                em_clock_wall_ms(request->service->options->clock_ahead_s), 0,
                date);
  MHD_add_response_header(response, "Date", date);
}

/* A body without length and without chunks ends with the connection; so does
 * one of which the wrong length is told, which else would be told beside the
 * right one. */
static void set_framing(struct MHD_Response *response,
                        const struct em_reply *reply) {
  unsigned flags = MHD_RF_NONE;
  if (reply->framing == EM_FRAMED_BY_CLOSE)
    flags |= MHD_RF_HTTP_1_0_COMPATIBLE_STRICT;
  if (reply->lies)
    flags |= MHD_RF_INSANITY_HEADER_CONTENT_LENGTH;
  MHD_set_response_options(response, (enum MHD_ResponseFlags)flags, MHD_RO_END);
}

static enum MHD_Result send_reply(struct em_request *request) {
  struct em_reply *reply = &request->reply;
  struct MHD_Response *response =
      reply->drop ? NULL : make_response(request->service, reply);
  if (!response)
    return MHD_NO;
  set_framing(response, reply);
  add_headers(response, request);
  enum MHD_Result result = MHD_queue_response(
      request->connection, (unsigned)reply->status, response);
  MHD_destroy_response(response);
  return result;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection,
                              const char *path, const char *method,
                              const char *version, const char *data,
                              size_t *size, void **context) {
  struct em_server *server = arg;
  struct em_exchange *exchange = *context;
  (void)version;
  if (!exchange) {
    *context = em_exchange_new(server->service, &server->waiting, connection,
                               method, path, server->url);
    return *context ? MHD_YES : MHD_NO;
  }
  if (*size) {
    em_exchange_receive(exchange, data, *size);
    *size = 0;
    return MHD_YES;
  }
  struct em_request *request = em_exchange_step(exchange);
  return request ? send_reply(request) : MHD_YES;
}

static void completed(void *arg, struct MHD_Connection *connection,
                      void **context, enum MHD_RequestTerminationCode how) {
  (void)arg, (void)connection, (void)how;
  em_exchange_delete(*context);
  *context = NULL;
}

static void connection_changed(void *arg, struct MHD_Connection *connection,
                               void **context,
                               enum MHD_ConnectionNotificationCode code) {
  struct em_stats *stats = arg;
  (void)connection, (void)context;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    atomic_fetch_add(&stats->connections, 1);
    atomic_fetch_add(&stats->open, 1);
  } else {
    atomic_fetch_sub(&stats->open, 1);
  }
}

/* As many connections as the system allows, some descriptors kept back. */
static unsigned connection_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit))
    return 900;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur > 100000)
    return 100000;
  return limit.rlim_cur > 200 ? (unsigned)limit.rlim_cur - 100 : 100;
}

/* Errors: NULL and why. */
static char *read_pem(const char *path, struct em_error *error) {
  char *pem = NULL;
  size_t room = 0;
  FILE *file = fopen(path, "r");
  if (!file || getdelim(&pem, &room, '\0', file) < 0)
    em_fail(error, "cannot read %s", path);
  if (file)
    fclose(file);
  return pem;
}

static int read_tls(struct em_server *server, struct em_error *error) {
  const struct em_options *options = server->service->options;
  if (!options->tls_cert)
    return 0;
  server->tls_cert = read_pem(options->tls_cert, error);
  server->tls_key = read_pem(options->tls_key, error);
  return server->tls_cert && server->tls_key ? 0 : -1;
}

/* Bound before the daemon starts, so that the URL is known to its thread.
 * Errors: -1 and a message. */
static int open_socket(struct em_server *server, struct em_error *error) {
  server->port = server->service->options->port;
  int listener = em_listen(&server->port, error);
  snprintf(server->url, sizeof server->url, "http%s://127.0.0.1:%d",
           server->tls_cert ? "s" : "", server->port);
  return listener;
}

static struct MHD_Daemon *start_daemon(struct em_server *server, int listener) {
  struct MHD_OptionItem tls[] = {
      {MHD_OPTION_HTTPS_MEM_CERT, 0, server->tls_cert},
      {MHD_OPTION_HTTPS_MEM_KEY, 0, server->tls_key},
      {MHD_OPTION_END, 0, NULL}};
  struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
  unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME |
                   MHD_USE_SUPPRESS_DATE_NO_CLOCK | MHD_USE_TURBO;
  if (server->tls_cert)
    flags |= MHD_USE_TLS;
  if (server->service->options->verbose)
    flags |= MHD_USE_ERROR_LOG;
  return MHD_start_daemon(
      flags, 0, NULL, NULL, handle, server, MHD_OPTION_LISTEN_SOCKET, listener,
      MHD_OPTION_CONNECTION_LIMIT, connection_limit(),
      MHD_OPTION_CONNECTION_TIMEOUT, 120u, MHD_OPTION_NOTIFY_COMPLETED,
      completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, connection_changed,
      &server->service->stats, MHD_OPTION_ARRAY, server->tls_cert ? tls : none,
      MHD_OPTION_END);
}

/* How long nothing has to be done unless a socket wakes us. */
static int timeout_ms(struct em_server *server) {
  MHD_UNSIGNED_LONG_LONG timeout;
  if (MHD_get_timeout(server->daemon, &timeout) != MHD_YES)
    return -1;
  return timeout > INT_MAX ? INT_MAX : (int)timeout;
}

/* libmicrohttpd's own thread reads events by 128 and waits again, with its
 * first timeout, whenever it got exactly 128: with 128, 256, ... connections
 * asking at once it sleeps on work that it has already taken. MHD_run never
 * waits, so the waiting is done here. */
static void *turn(void *arg) {
  struct em_server *server = arg;
  struct pollfd watched[] = {
      {.fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)
                 ->epoll_fd,
       .events = POLLIN},
      {.fd = server->waiting.wake, .events = POLLIN}};
  while (!atomic_load(&server->ends)) {
    eventfd_t ignored;
    if (poll(watched, 2, timeout_ms(server)) > 0 && watched[1].revents)
      eventfd_read(server->waiting.wake, &ignored);
    MHD_run(server->daemon);
  }
  return NULL;
}

/* Leaves nothing suspended, as MHD_stop_daemon demands. */
static void end_thread(struct em_server *server) {
  atomic_store(&server->ends, true);
  em_waiting_release(&server->waiting);
  if (server->running)
    pthread_join(server->thread, NULL);
  if (server->daemon)
    MHD_run(server->daemon);
}

static int start(struct em_server *server, struct em_error *error) {
  if (read_tls(server, error))
    return -1;
  int listener = open_socket(server, error);
  if (listener < 0)
    return -1;
  server->daemon = start_daemon(server, listener);
  server->running =
      server->daemon && !pthread_create(&server->thread, NULL, turn, server);
  if (server->running)
    return 0;
  if (!server->daemon)
    close(listener);
  return em_fail(error, "cannot start the server%s",
                 server->tls_cert ? ": is it a certificate and its key?" : "");
}

struct em_server *em_server_new(struct em_service *service,
                                struct em_error *error) {
  struct em_server *server = calloc(1, sizeof *server);
  if (!server)
    return NULL;
  server->service = service;
  em_fail(error, "no descriptor to be had");
  if (!em_waiting_create(&server->waiting) && !start(server, error))
    return server;
  em_server_delete(server);
  return NULL;
}

int em_server_port(const struct em_server *server) { return server->port; }

void em_server_delete(struct em_server *server) {
  if (!server)
    return;
  end_thread(server);
  if (server->daemon)
    MHD_stop_daemon(server->daemon);
  em_waiting_destroy(&server->waiting);
  free(server->tls_cert);
  free(server->tls_key);
  free(server);
}
