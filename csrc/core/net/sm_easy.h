/* sm_easy: one libcurl handle, its options and its callbacks.
 *
 * Every option that a request depends on is set for every request, so nothing
 * of the one before is left over; every setopt is checked; every callback
 * belongs to C alone. What the callbacks refuse (a body or headers beyond the
 * ceiling, a private address, a second sending of a paid request) is kept as
 * the answer's reason in place of libcurl's.
 *
 * Where a server speaks HTTP/2 on some connections and HTTP/1.1 on others,
 * libcurl (7.88 at least, see https://github.com/curl/curl/issues/4885) may put
 * a request on an HTTP/1.1 connection that another is still using, and the two
 * get each other's answers. Submits are kept apart from everything else by
 * their TLS settings; responses that may belong to another request on the same
 * connection, as with a mixed pool of servers, are detected and not believed.
 */
#ifndef SM_EASY_H
#define SM_EASY_H

#include <curl/curl.h>
#include <stdatomic.h>

#include "sm_exchange.h"

/* What all handles of one sm_http share. */
struct sm_wire {
  const struct sm_base *base;
  const atomic_bool *stop;
  CURLSH *share; /* TLS sessions, so that a fresh connection resumes one */
  char *user_agent;
  char *ca_file;
  char *proxy;
  long http_version; /* CURL_HTTP_VERSION_... of what may share a connection */
  struct sm_easy *active; /* linked by `next` */
  long connections;
};

struct sm_easy {
  struct sm_wire *wire;
  struct sm_exchange *exchange;
  CURL *handle;
  CURLU *url;   /* that of the exchange, parsed */
  int url_host; /* whose origin it has, and no query; SM_HOSTS: another's */
  size_t header_bytes;
  size_t body_bytes;    /* decoded */
  int64_t heard_ms;     /* when the last byte came, or the request went out */
  struct sm_easy *next; /* among the active ones */
  struct sm_easy *previous;
  char ip[46]; /* of the connection, once the request goes out */
  int port;
  int local_port; /* 0 until then */
  int socket;     /* the last that was opened, -1 at first */
  bool is_held;   /* head and body of the request are to go together */
  bool is_tls;
  bool was_shared;  /* another was on the connection meanwhile */
  bool was_started; /* the one-send guard */
  bool was_spent;   /* the body's last byte was handed over, at any time */
  bool is_active;   /* added to a multi handle */
  bool is_chunked;  /* the answer says so */
  bool is_raw;      /* bodies are taken as they come, not decoded */
  int repeats;      /* of a free request: redirects, undecodable answers */
  char error[CURL_ERROR_SIZE];
};

/* NULL without memory, or when libcurl does not know an option. */
struct sm_easy *sm_easy_new(struct sm_wire *wire, struct sm_exchange *exchange);
void sm_easy_delete(struct sm_easy *easy);

/* Sets the handle up for the exchange's request. */
CURLcode sm_easy_prepare(struct sm_easy *easy, struct curl_slist *headers);

/* From enter to leave the exchange counts as active: it is in a multi handle.
 */
void sm_easy_enter(struct sm_easy *easy);
void sm_easy_leave(struct sm_easy *easy);

/* To be called once libcurl has written what it could: sends a request that was
 * held until its body followed. */
void sm_easy_let_go(struct sm_easy *easy);

/* Whether the request may have arrived whole: before the last byte of the body
 * was handed to libcurl, it cannot have. */
bool sm_easy_may_have_arrived(const struct sm_easy *easy);

/* How long until the exchange has stalled; INT64_MAX for one that cannot. */
int64_t sm_easy_patience_ms(const struct sm_easy *easy, int64_t now_ms);

/* Reads status, times and headers into the answer; `rc` is how it ended. */
void sm_easy_finish(struct sm_easy *easy, CURLcode rc);

#endif
