/* The service: what all endpoints share.
 *
 * Folders: server/ is the network, the program and the pieces that everything
 * is written with (text, random); service/ the endpoints (submit,
 * answer, history, control, page), the life of a job (order, job, production,
 * store, source, media) and its clock; script/ the rules of faulty answers;
 * picture/ the painter. On a loop of their own (em_loop) run the faulty wire
 * (wire/: em_wire has the rules; em_frame, em_flow and em_relay move the bytes)
 * and the foreign host (foreign/). */
#ifndef EM_SERVICE_H
#define EM_SERVICE_H

#include "em_fault.h"
#include "em_foreign.h"
#include "em_request.h"
#include "em_store.h"
#include "em_tasks.h"
#include "em_text.h"
#include "em_wire.h"

struct em_stats {
  atomic_ullong requests[EM_ENDPOINT_COUNT];
  atomic_ullong connections; /* ever accepted */
  atomic_int open;           /* of them, open now */
};

struct em_service {
  const struct em_options *options;
  struct em_model_set *models;
  struct em_media *media;
  struct em_tasks *timer;
  struct em_tasks *pool;
  struct em_rules faults;
  struct em_wire *wire;
  struct em_foreign *foreign;
  struct em_store store;
  struct em_stats stats;
  int64_t started_us;
};

/* Errors: -1 and a message; then destroy is not needed. */
int em_service_create(struct em_service *service,
                      const struct em_options *options, struct em_error *error);

/* Ends all threads but the network's; no job ends after this. */
void em_service_stop(struct em_service *service);
void em_service_destroy(struct em_service *service);

/* The picture behind a path of this origin, while it lives. */
bool em_service_find_picture(struct em_service *service, const char *path,
                             struct em_picture_ref *picture);

/* Keeps a picture under a new /assets/ path. Errors: what is wrong with it. */
const char *em_service_keep_asset(struct em_service *service,
                                  struct em_bytes file,
                                  char path[EM_PATH_SIZE]);

/* A hash of the request's key: whose request it is. */
uint64_t em_service_account(const struct em_request *request);

/* A picture that an order names: this origin's own outputs and assets, data
 * URIs (v1), stand-ins for the samples on the service's own hosts, which cannot
 * be fetched offline, and every other URL, which is fetched (em_source.c). */
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
