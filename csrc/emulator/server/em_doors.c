#include "em_doors.h"

#include <stdio.h>

static int open_wire(struct em_doors *doors, struct em_service *service,
                     int service_port, char *message, size_t message_size) {
  const struct em_options *options = service->options;
  if (options->wire_port < 0)
    return 0;
  doors->relay = em_relay_new(doors->loop, service->wire, options->wire_port,
                              service_port, message, message_size);
  if (!doors->relay)
    return -1;
  snprintf(doors->wire_url, sizeof doors->wire_url, "http%s://127.0.0.1:%d",
           options->tls_cert ? "s" : "", em_relay_port(doors->relay));
  return 0;
}

static int open_foreign(struct em_doors *doors, struct em_service *service,
                        char *message, size_t message_size) {
  const struct em_options *options = service->options;
  if (options->foreign_port < 0)
    return 0;
  doors->foreign = em_foreign_new(doors->loop, service->visits,
                                  options->foreign_port, message, message_size);
  if (!doors->foreign)
    return -1;
  snprintf(doors->foreign_url, sizeof doors->foreign_url, "http://127.0.0.1:%d",
           em_foreign_port(doors->foreign));
  return 0;
}

int em_doors_open(struct em_doors *doors, struct em_service *service,
                  int service_port, char *message, size_t message_size) {
  const struct em_options *options = service->options;
  *doors = (struct em_doors){0};
  if (options->wire_port < 0 && options->foreign_port < 0)
    return 0;
  snprintf(message, message_size, "no descriptor or thread to be had");
  doors->loop = em_loop_new();
  if (doors->loop &&
      !open_wire(doors, service, service_port, message, message_size) &&
      !open_foreign(doors, service, message, message_size) &&
      !em_loop_start(doors->loop))
    return 0;
  em_doors_close(doors);
  return -1;
}

void em_doors_close(struct em_doors *doors) {
  em_loop_stop(doors->loop);
  em_relay_delete(doors->relay);
  em_foreign_delete(doors->foreign);
  em_loop_delete(doors->loop);
  *doors = (struct em_doors){0};
}
