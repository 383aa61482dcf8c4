/* sm_exchange: one exchange with a server, as the engine sees it.
 *
 * A request and the room for its answer, plus the four verbs by which the
 * engine has it carried out. The engine and the state machines know only this;
 * sm_http carries transfers over libcurl, the simulation in spec/c carries them
 * in memory on a virtual clock. There are as many transfers as may be active at
 * once, not as many as there are jobs: a waiting job owns none.
 */
#ifndef SM_EXCHANGE_H
#define SM_EXCHANGE_H

#include "sm_body.h"
#include "sm_buf.h"
#include "sm_error.h"
#include "sm_file.h"
#include "sm_url.h"

enum sm_method { SM_GET, SM_POST };

struct sm_request {
  enum sm_method method;
  bool has_key;     /* may carry the key, to the origin of `host` only */
  bool is_once;     /* paid: nobody sends it a second time (M3) */
  bool wants_image; /* what Accept says */
  enum sm_host host;
  struct sm_body *body; /* NULL for a GET; borrowed */
  struct sm_file *file; /* where a picture's bytes go; NULL: to answer.body */
  size_t max_bytes;
  int64_t timeout_ms;
  int64_t stall_ms; /* given up after so long without a byte; 0: never */
};

/* Headers with a time, as they came; "" when they did not. Each may need
 * another to be understood, so they are read when all are there. */
struct sm_when {
  char date[48];
  char retry_after[48];
  char reset[48];
};

struct sm_answer {
  enum sm_code code; /* SM_OK: `status` was received, else why not */
  int status;
  bool was_sent; /* the whole request may have reached the server */
  bool is_all;   /* the body's announced length or last chunk came */
  int64_t took_ms;
  int64_t retry_after_ms; /* -1 when the server named no time */
  int64_t date_ms;        /* the server's clock, Unix time; -1 when not said */
  struct sm_when when;    /* what the last two are read from */
  struct sm_buf body;
  struct sm_buf redirect; /* where a 3xx points, absolute */
  char content_type[64];
  char request_id[SM_ID_MAX + 1]; /* the x-... headers of the v1 API */
  char seed[24];
  double cost; /* USD; -1 when not said, like the next two */
  double remaining_credits;
  double generation_s;
  char reason[256]; /* why there is no answer */
};

/* A picture comes with these. */
static inline bool sm_status_is_file(long status) {
  return status == 200 || status == 203 || status == 206;
}

struct sm_exchange {
  struct sm_request request;
  struct sm_answer answer;
  struct sm_buf url;
  void *owner;              /* the engine's */
  void *carrier;            /* the transport's */
  struct sm_exchange *next; /* the engine's */
};

struct sm_transport {
  void *self;
  /* Begins; on an error nothing was begun and nothing was sent. */
  enum sm_code (*start)(void *self, struct sm_exchange *exchange,
                        struct sm_error *e);
  /* Ends it now; answer.was_sent: the request may have left. */
  void (*cancel)(void *self, struct sm_exchange *exchange);
  /* A finished exchange, or NULL. */
  struct sm_exchange *(*finished)(void *self);
  /* Frees what `carrier` holds. */
  void (*release)(void *self, struct sm_exchange *exchange);
};

/* The ceiling of an address. Signed ones have thousands of bytes, and each may
 * take three when it is encoded. */
#define SM_URL_MAX 65536

void sm_exchange_create(struct sm_exchange *exchange);
void sm_exchange_destroy(struct sm_exchange *exchange);

/* Ready for another exchange; the buffers keep their memory, unless a large
 * answer went through them. */
void sm_exchange_reset(struct sm_exchange *exchange);

/* The same request once more: forgets the answer. */
void sm_exchange_repeat(struct sm_exchange *exchange);

#endif
