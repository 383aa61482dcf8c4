/* sm_http: transfers over libcurl.
 *
 * One multi handle, one easy handle for each exchange that is active, kept and
 * used again (sm_easy). These and sm_url are the only users of
 * curl.h. What every exchange gets: https only (http for a loopback
 * base), certificates verified, TLS 1.2 or later, no redirects followed, no
 * cookies, no netrc, no encodings, no signal handlers, sockets closed on exec,
 * byte counts on headers and bodies, and no proxy for loopback.
 *
 * What a paid request gets besides: a fresh connection that nothing else can be
 * put on (sm_easy says why that takes more), HTTP/1.1, a counted body
 * without a seek function, and a guard that lets it be sent once. libcurl
 * repeats a request by itself when a reused connection dies before the first
 * byte of an answer (https://curl.se/libcurl/c/CURLOPT_FRESH_CONNECT.html and
 * CURLOPT_SEEKFUNCTION.html); for a request that is billed that would be a
 * second bill.
 *
 * The key stands in one header list, attached by one function that compares
 * the parsed origin of the request with the configured one.
 *
 * A transport is used from one thread at a time; sm_http_wake alone may be
 * called from any.
 */
#ifndef SM_HTTP_H
#define SM_HTTP_H

#include <stdatomic.h>

#include "sm_exchange.h"

struct sm_http;

struct sm_http_options {
  const char *key;
  const struct sm_base *base; /* borrowed for the life of the sm_http */
  const char *user_agent;
  const char *ca_file; /* NULL: libcurl's own */
  const char *proxy;   /* NULL: HTTPS_PROXY and its like, if set */
  int max_transfers;
  const atomic_bool *stop; /* ends every exchange when set */
};

/* Is the libcurl that is loaded new enough? It may be another than that of the
 * build. Errors: SM_INVALID. */
enum sm_code sm_http_check_libcurl(struct sm_error *e);

/* Prepares libcurl, once per process and before any thread uses it. */
bool sm_http_prepare(void);

/* libcurl's version, as it runs: "7.88.1". */
const char *sm_http_library(void);

/* Errors: SM_IO without memory, SM_INVALID for a CA file or a libcurl that
 * cannot be used. Options are copied but for `base` and `stop`. */
enum sm_code sm_http_new(struct sm_http **http,
                         const struct sm_http_options *options,
                         struct sm_error *e);
void sm_http_delete(struct sm_http *http);

struct sm_transport sm_http_transport(struct sm_http *http);

/* Moves bytes; never blocks for the network. */
void sm_http_perform(struct sm_http *http);

/* Whether something was started since the last turn; the next one sends it. */
bool sm_http_has_begun(const struct sm_http *http);

/* Waits for the network, for a wake, or for `timeout_ms`; false when a signal
 * ended that. */
bool sm_http_wait(struct sm_http *http, int64_t timeout_ms);
void sm_http_wake(struct sm_http *http);

/* How many connections were opened so far. */
long sm_http_connections(const struct sm_http *http);

#endif
