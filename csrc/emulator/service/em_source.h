/* Where the pictures of an order come from: this origin's own outputs and
 * assets, data URIs (v1), stand-ins for the samples on the service's own
 * hosts, which cannot be fetched offline, and every other URL, which is
 * fetched. */
#ifndef EM_SOURCE_H
#define EM_SOURCE_H

#include "em_service.h"
#include "em_text.h"

struct em_source {
  struct em_bytes file;
  int step;          /* edits behind it: 0 for a picture from outside */
  uint64_t identity; /* the same for the same picture */
};

/* May block on a foreign host. Errors: -1 and the message the job fails with.
 */
int em_source_open(struct em_service *service, const char *url,
                   struct em_source *source, struct em_error *error);

/* Does the URL lead to this machine? */
bool em_source_is_loopback(const char *url);

#endif
