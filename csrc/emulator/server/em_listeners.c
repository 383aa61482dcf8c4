#include "em_listeners.h"

#include <stdio.h>

static int open_wire(struct em_listeners *listeners, struct em_service *service,
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

static int open_foreign(struct em_listeners *listeners,
                        struct em_service *service, struct em_error *error) {
  int port = service->options->foreign_port;
  if (port < 0)
    return 0;
  if (em_foreign_listen(service->foreign, listeners->loop, &port, error))
    return -1;
  snprintf(listeners->foreign_url, sizeof listeners->foreign_url,
           "http://127.0.0.1:%d", port);
  return 0;
}

int em_listeners_open(struct em_listeners *listeners,
                      struct em_service *service, int service_port,
                      struct em_error *error) {
  const struct em_options *options = service->options;
  *listeners = (struct em_listeners){.foreign = service->foreign};
  if (options->wire_port < 0 && options->foreign_port < 0)
    return 0;
  em_fail(error, "no descriptor or thread to be had");
  listeners->loop = em_loop_new();
  if (listeners->loop && !open_wire(listeners, service, service_port, error) &&
      !open_foreign(listeners, service, error) &&
      !em_loop_start(listeners->loop))
    return 0;
  em_listeners_close(listeners);
  return -1;
}

void em_listeners_close(struct em_listeners *listeners) {
  em_loop_stop(listeners->loop);
  em_relay_delete(listeners->relay);
  if (listeners->foreign)
    em_foreign_close(listeners->foreign);
  em_loop_delete(listeners->loop);
  *listeners = (struct em_listeners){0};
}
