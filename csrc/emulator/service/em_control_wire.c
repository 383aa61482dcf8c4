/* The control port of the faulty wire and of the foreign host. */
#include <stdlib.h>
#include <string.h>

#include "em_service.h"

/* Rules for a wire that is not there would never apply; say so. */
static bool lacks(int port, const char *option, struct em_reply *reply) {
  if (port < 0)
    em_reply_error(reply, 409, "the emulator was started without %s", option);
  return port < 0;
}

void em_control_wire(struct em_service *service, struct em_request *request,
                     struct em_reply *reply) {
  struct em_text text = {0};
  char message[320];
  if (lacks(service->options->wire_port, "--wire-port", reply))
    return;
  if (!strcmp(request->method, "DELETE"))
    em_wire_clear(service->wire);
  if (!strcmp(request->method, "POST") &&
      em_wire_add(service->wire, request->body, request->size, message,
                  sizeof message)) {
    em_reply_error(reply, 400, "%s", message);
    return;
  }
  em_wire_tell(service->wire, &text);
  em_reply_json(reply, 200, &text);
}

void em_control_wire_log(struct em_service *service, struct em_request *request,
                         struct em_reply *reply) {
  struct em_text text = {0};
  const char *from = em_request_argument(request, "from");
  if (lacks(service->options->wire_port, "--wire-port", reply))
    return;
  em_wire_tell_log(service->wire, from ? strtoull(from, NULL, 10) : 0, &text);
  em_reply_json(reply, 200, &text);
}

void em_control_foreign(struct em_service *service, struct em_request *request,
                        struct em_reply *reply) {
  struct em_text text = {0};
  char message[320];
  if (lacks(service->options->foreign_port, "--foreign-port", reply))
    return;
  if (!strcmp(request->method, "DELETE"))
    em_visits_clear(service->visits, true);
  if (!strcmp(request->method, "POST") &&
      em_visits_script(service->visits, request->body, request->size, message,
                       sizeof message)) {
    em_reply_error(reply, 400, "%s", message);
    return;
  }
  em_visits_tell(service->visits, &text);
  em_reply_json(reply, 200, &text);
}
