/* Fetching a picture from a foreign http(s) URL, as the service does with the
 * URLs it is given: at most 64 MiB, 20 seconds and 3 redirects, never another
 * scheme. Blocks; called by the drawing threads only. */
#ifndef EM_FETCH_H
#define EM_FETCH_H

#include <stdbool.h>
#include <stddef.h>

#include "em_error.h"

/* Ownership: *data is malloc'ed. Errors: -1 and a message. */
int em_fetch(const char *url, unsigned char **data, size_t *size,
             struct em_error *error);

/* What the emulator needs to know of a URL. */
struct em_url {
  char host[256];
  char path[1024]; /* without query */
};

/* Errors: -1 when it cannot be parsed or is longer than that. */
int em_url_read(const char *url, struct em_url *parts);

/* The loopback host: an address of the emulator itself, maybe. */
bool em_url_is_loopback(const struct em_url *parts);

/* The service's own hosts, where the samples of its pages are kept. */
bool em_url_is_service(const struct em_url *parts);

#endif
