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

static int open_wire(struct listeners *listeners, struct em_error *error) {
  if (listeners->wire_port < 0)
    return 0;
  listeners->relay =
      em_relay_new(listeners->loop, listeners->service->wire,
                   &listeners->wire_port, listeners->port, error);
  return listeners->relay ? 0 : -1;
}

static int open_foreign(struct listeners *listeners, struct em_error *error) {
  if (listeners->foreign_port < 0)
    return 0;
  return em_foreign_listen(listeners->service->foreign, listeners->loop,
                           &listeners->foreign_port, error);
}

/* Errors: -1; then close_listeners is not needed. */
static int open_listeners(struct listeners *listeners, struct em_error *error) {
  em_fail(error, "no descriptor or thread to be had");
  listeners->loop = em_loop_new();
  if (listeners->loop && !open_wire(listeners, error) &&
      !open_foreign(listeners, error) && !em_loop_start(listeners->loop))
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

static void write_url(FILE *file, const char *before, const char *tls_cert,
                      int port, const char *after) {
  fprintf(file, "%shttp%s://127.0.0.1:%d%s\n", before, tls_cert ? "s" : "",
          port, after);
}

/* Written beside it and renamed: who sees the file sees a whole URL. */
static int write_url_file(const char *path, const char *tls_cert, int port) {
  char beside[4096];
  int length =
      snprintf(beside, sizeof beside, "%s.%ld.part", path, (long)getpid());
  if (length < 0 || (size_t)length >= sizeof beside)
    return -1;
  FILE *file = fopen(beside, "w");
  if (!file)
    return -1;
  write_url(file, "", tls_cert, port, "");
  bool written = !ferror(file);
  if (fclose(file) == 0 && written && rename(beside, path) == 0)
    return 0;
  remove(beside);
  return -1;
}

static void print_banner(const struct em_options *options,
                         const struct listeners *listeners) {
  if (options->quiet)
    return;
  printf("segmind-emulator: an emulator of the Segmind image service.\n"
         "No model runs in it: pictures are drawn, credits are play money.\n");
  write_url(stdout, "Base URL: ", options->tls_cert, listeners->port,
            " (in a browser it shows its jobs)");
  if (listeners->wire_port >= 0)
    write_url(stdout, "Through the faulty wire: ", options->tls_cert,
              listeners->wire_port, "");
  if (listeners->foreign_port >= 0)
    write_url(stdout, "Foreign host: ", NULL, listeners->foreign_port, "");
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
static int write_url_files(const struct em_options *options,
                           const struct listeners *listeners) {
  const struct {
    const char *path, *tls_cert;
    int port;
  } files[] = {
      {options->wire_url_file, options->tls_cert, listeners->wire_port},
      {options->foreign_url_file, NULL, listeners->foreign_port},
      {options->url_file, options->tls_cert, listeners->port}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    if (files[i].path &&
        write_url_file(files[i].path, files[i].tls_cert, files[i].port)) {
      fprintf(stderr, "segmind-emulator: cannot write %s: %s\n", files[i].path,
              strerror(errno));
      return EXIT_FAILURE;
    }
  return EXIT_SUCCESS;
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
  int result = write_url_files(options, &listeners);
  if (result == EXIT_SUCCESS) {
    print_banner(options, &listeners);
    wait_for_end(signals, options->exit_with_stdin);
  }
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
