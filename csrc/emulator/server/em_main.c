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
#include "em_server.h"

/* The further listeners, opened when their options are given: the faulty wire
 * before the service, and the foreign host. One thread serves both. */
struct listeners {
  struct em_service *service;
  struct em_loop *loop;
  struct em_relay *relay;
  int port, wire_port, foreign_port; /* negative: none */
};

static void close_listeners(struct listeners *listeners) {
  em_loop_stop(listeners->loop);
  em_relay_delete(listeners->relay);
  em_foreign_close(listeners->service->foreign);
  em_loop_delete(listeners->loop);
}

/* Errors: -1; then close_listeners is not needed. */
static int open_listeners(struct listeners *listeners, struct em_error *error) {
  struct em_service *service = listeners->service;
  bool opened = true;
  em_fail(error, "no descriptor or thread to be had");
  listeners->loop = em_loop_new();
  if (listeners->loop && listeners->wire_port >= 0) {
    listeners->relay =
        em_relay_new(listeners->loop, service->wire, &listeners->wire_port,
                     listeners->port, error);
    opened = listeners->relay;
  }
  if (listeners->loop && opened && listeners->foreign_port >= 0)
    opened = !em_foreign_listen(service->foreign, listeners->loop,
                                &listeners->foreign_port, error);
  if (listeners->loop && opened && !em_loop_start(listeners->loop))
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

/* Where something listens, and the file that says so. */
struct address {
  const char *name, *file;
  char url[64]; /* empty: nowhere */
};

static struct address make_address(const char *name, const char *file,
                                   bool is_tls, int port) {
  struct address address = {.name = name, .file = file};
  if (port >= 0)
    snprintf(address.url, sizeof address.url, "http%s://127.0.0.1:%d",
             is_tls ? "s" : "", port);
  return address;
}

/* Written beside it and renamed: who sees the file sees a whole URL. */
static int write_url_file(const struct address *address) {
  char beside[4096];
  int length = snprintf(beside, sizeof beside, "%s.%ld.part", address->file,
                        (long)getpid());
  if (length < 0 || (size_t)length >= sizeof beside)
    return -1;
  FILE *file = fopen(beside, "w");
  if (!file)
    return -1;
  bool written = fprintf(file, "%s\n", address->url) > 0;
  if (fclose(file) == 0 && written && rename(beside, address->file) == 0)
    return 0;
  remove(beside);
  return -1;
}

static int complain(const char *message) {
  fprintf(stderr, "segmind-emulator: %s\n", message);
  return EXIT_FAILURE;
}

/* The files from the last to the first, the service's own: who waits for it
 * finds the others there. */
static int tell(const struct address *addresses, size_t count, bool quiet) {
  for (size_t i = count; i-- > 0;)
    if (addresses[i].file && write_url_file(&addresses[i])) {
      fprintf(stderr, "segmind-emulator: cannot write %s: %s\n",
              addresses[i].file, strerror(errno));
      return EXIT_FAILURE;
    }
  if (quiet)
    return EXIT_SUCCESS;
  printf("segmind-emulator: an emulator of the Segmind image service.\n"
         "No model runs in it: pictures are drawn, credits are play money.\n");
  for (size_t i = 0; i < count; i++)
    if (*addresses[i].url)
      printf("%s: %s%s\n", addresses[i].name, addresses[i].url,
             i ? "" : " (in a browser it shows its jobs)");
  fflush(stdout);
  return EXIT_SUCCESS;
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

static int serve(struct em_service *service, int port, int signals) {
  const struct em_options *options = service->options;
  struct listeners listeners = {.service = service,
                                .port = port,
                                .wire_port = options->wire_port,
                                .foreign_port = options->foreign_port};
  struct em_error error;
  if (open_listeners(&listeners, &error))
    return complain(error.text);
  const struct address addresses[] = {
      make_address("Base URL", options->url_file, options->tls_cert, port),
      make_address("Through the faulty wire", options->wire_url_file,
                   options->tls_cert, listeners.wire_port),
      make_address("Foreign host", options->foreign_url_file, false,
                   listeners.foreign_port)};
  int result =
      tell(addresses, sizeof addresses / sizeof *addresses, options->quiet);
  if (result == EXIT_SUCCESS)
    wait_for_end(signals, options->exit_with_stdin);
  close_listeners(&listeners);
  return result;
}

static int start(struct em_service *service, int signals) {
  struct em_error error = {"out of memory"};
  struct em_server *server = em_server_new(service, &error);
  int result = server ? serve(service, em_server_port(server), signals)
                      : complain(error.text);
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
  int result = start(&service, signals);
  em_service_destroy(&service);
  curl_global_cleanup();
  close(signals);
  return result;
}
