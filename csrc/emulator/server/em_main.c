/* segmind-emulator: reads its options, starts the service and its network,
 * says where it is, and waits until somebody wants it to end. */
#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "em_foreign.h"
#include "em_relay.h"
#include "em_server.h"

/* The further listeners, opened when their options are given: the faulty wire
 * before the service, and the foreign host. One thread serves both. */
struct listeners {
  struct em_loop *loop;
  struct em_relay *relay;
  struct em_foreign *foreign;
  char wire_url[64], foreign_url[64]; /* "" when there is none */
};

static int open_wire(struct listeners *listeners, struct em_service *service,
                     int service_port, struct em_error *error) {
  const struct em_options *options = service->options;
  if (options->wire_port < 0)
    return 0;
  listeners->relay = em_relay_new(listeners->loop, service->wire,
                                  options->wire_port, service_port, error);
  if (!listeners->relay)
    return -1;
  snprintf(listeners->wire_url, sizeof listeners->wire_url,
           "http%s://127.0.0.1:%d", options->tls_cert ? "s" : "",
           em_relay_port(listeners->relay));
  return 0;
}

static int open_foreign(struct listeners *listeners, struct em_service *service,
                        struct em_error *error) {
  int port = service->options->foreign_port;
  if (port < 0)
    return 0;
  if (em_foreign_listen(service->foreign, listeners->loop, &port, error))
    return -1;
  snprintf(listeners->foreign_url, sizeof listeners->foreign_url,
           "http://127.0.0.1:%d", port);
  return 0;
}

static void close_listeners(struct listeners *listeners) {
  em_loop_stop(listeners->loop);
  em_relay_delete(listeners->relay);
  if (listeners->foreign)
    em_foreign_close(listeners->foreign);
  em_loop_delete(listeners->loop);
  *listeners = (struct listeners){0};
}

/* Errors: -1; then close_listeners is not needed. */
static int open_listeners(struct listeners *listeners,
                          struct em_service *service, int service_port,
                          struct em_error *error) {
  const struct em_options *options = service->options;
  *listeners = (struct listeners){.foreign = service->foreign};
  if (options->wire_port < 0 && options->foreign_port < 0)
    return 0;
  em_fail(error, "no descriptor or thread to be had");
  listeners->loop = em_loop_new();
  if (listeners->loop && !open_wire(listeners, service, service_port, error) &&
      !open_foreign(listeners, service, error) &&
      !em_loop_start(listeners->loop))
    return 0;
  close_listeners(listeners);
  return -1;
}

/* Blocked before the first thread is made, so that only the descriptor gets
 * them. Errors: -1. */
static int open_signals(void) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, NULL);
  signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &ends, SFD_CLOEXEC);
}

/* POST /_emulator/shutdown ends the program the way a signal does. */
static void shut_down(void *arg) {
  (void)arg;
  kill(getpid(), SIGTERM);
}

/* Written beside it and renamed: who sees the file sees a whole URL. */
static int write_url(const char *path, const char *url) {
  char beside[4096];
  int length =
      snprintf(beside, sizeof beside, "%s.%ld.part", path, (long)getpid());
  if (length < 0 || (size_t)length >= sizeof beside)
    return -1;
  FILE *file = fopen(beside, "w");
  if (!file) {
    fprintf(stderr, "segmind-emulator: %s: %s\n", path, strerror(errno));
    return -1;
  }
  bool written = fprintf(file, "%s\n", url) > 0;
  written = fclose(file) == 0 && written;
  if (written && rename(beside, path) == 0)
    return 0;
  remove(beside);
  return -1;
}

static void print_banner(const struct em_options *options, const char *url,
                         const struct listeners *listeners) {
  if (options->quiet)
    return;
  printf("segmind-emulator: an emulator of the Segmind image service.\n"
         "No model runs in it: pictures are drawn, credits are play money.\n"
         "Base URL: %s (in a browser it shows its jobs)\n",
         url);
  if (*listeners->wire_url)
    printf("Through the faulty wire: %s\n", listeners->wire_url);
  if (*listeners->foreign_url)
    printf("Foreign host: %s\n", listeners->foreign_url);
  fflush(stdout);
}

/* Nothing is expected on standard input but its end. */
static bool stdin_ended(void) {
  char ignored[256];
  ssize_t count = read(STDIN_FILENO, ignored, sizeof ignored);
  return count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN);
}

static void wait_for_end(int signals, bool with_stdin) {
  struct pollfd watched[] = {
      {.fd = signals, .events = POLLIN},
      {.fd = with_stdin ? STDIN_FILENO : -1, .events = POLLIN}};
  for (;;) {
    if (poll(watched, 2, -1) < 0 && errno != EINTR)
      return;
    if (watched[0].revents)
      return;
    if (watched[1].revents && stdin_ended())
      return;
  }
}

static int complain(const char *message) {
  fprintf(stderr, "segmind-emulator: %s\n", message);
  return EXIT_FAILURE;
}

/* The service's own last: who waits for it finds the others there. */
static int write_urls(const struct em_options *options, const char *url,
                      const struct listeners *listeners) {
  if (options->wire_url_file &&
      write_url(options->wire_url_file, listeners->wire_url))
    return complain("cannot write the --wire-url-file");
  if (options->foreign_url_file &&
      write_url(options->foreign_url_file, listeners->foreign_url))
    return complain("cannot write the --foreign-url-file");
  if (options->url_file && write_url(options->url_file, url))
    return complain("cannot write the --url-file");
  return EXIT_SUCCESS;
}

static int serve(struct em_service *service, struct em_server *server,
                 int signals) {
  const struct em_options *options = service->options;
  const char *url = em_server_url(server);
  struct listeners listeners;
  struct em_error error;
  if (open_listeners(&listeners, service, em_server_port(server), &error))
    return complain(error.text);
  int result = write_urls(options, url, &listeners);
  if (result == EXIT_SUCCESS) {
    print_banner(options, url, &listeners);
    wait_for_end(signals, options->exit_with_stdin);
  }
  close_listeners(&listeners);
  return result;
}

static int start(struct em_service *service, int signals) {
  struct em_error error = {"out of memory"};
  struct em_server *server = em_server_new(service, &error);
  int result = server ? serve(service, server, signals) : complain(error.text);
  em_service_stop(service);
  em_server_delete(server);
  return result;
}

int main(int argc, char **argv) {
  struct em_options options;
  struct em_service service;
  struct em_error error;
  em_options_read(&options, argc, argv);
  int signals = open_signals();
  if (signals < 0 || curl_global_init(CURL_GLOBAL_DEFAULT))
    return complain("cannot start");
  if (em_service_create(&service, &options, &error))
    return complain(error.text);
  service.shut_down = shut_down;
  int result = start(&service, signals);
  em_service_destroy(&service);
  curl_global_cleanup();
  close(signals);
  return result;
}
