/* sm_url: where a request may go.
 *
 * Three questions, each answered from parsed parts (curl_url) and never from
 * text: is this base URL fit to carry the key, is this id fit to stand in a
 * path, may this address of a finished picture be fetched. String comparison is
 * not enough: https://api.segmind.com\@evil.com/ is the host evil.com and
 * http://2130706433/ is 127.0.0.1.
 */
#ifndef SM_URL_H
#define SM_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "sm_address.h"
#include "sm_buf.h"
#include "sm_error.h"

#define SM_ID_MAX 128

struct sm_origin {
  char scheme[8]; /* "https" or "http" */
  char host[256]; /* lower case, IPv6 without brackets */
  unsigned port;
};

/* The places of one service. With the public gateway as base, uploads and the
 * request history have hosts of their own; any other base serves all three. */
enum sm_host { SM_HOST_API, SM_HOST_UPLOAD, SM_HOST_CONTROL, SM_HOSTS };

struct sm_base {
  struct sm_origin origin[SM_HOSTS];
  char prefix[SM_HOSTS][512]; /* "https://host:port/path" without a last / */
  bool is_loopback;
};

/* Reads a base URL: https, or http for a loopback address; no user info, query
 * or fragment. Errors: SM_INVALID with the reason and what would be right. */
enum sm_code sm_base_read(struct sm_base *base, const char *url,
                          struct sm_error *e);

enum sm_code sm_origin_read(struct sm_origin *origin, const char *url,
                            struct sm_error *e);
bool sm_origin_equal(const struct sm_origin *a, const struct sm_origin *b);

/* Whether `url` is of the origin of `host`, to which the key may go. One that
 * begins with the prefix and a "/" after it needs no second parse: the prefix
 * was read back when it was made, and its host ends there. */
bool sm_base_has(const struct sm_base *base, enum sm_host host,
                 const char *url);

/* The path of a URL that begins with the prefix of `host` and a "/" after it,
 * and all that follows; NULL for any other URL, whatever its origin. */
const char *sm_base_path(const struct sm_base *base, enum sm_host host,
                         const char *url);

/* [A-Za-z0-9][A-Za-z0-9._-]{0,127}: a request id that may stand in a URL or a
 * file name. The same rule holds for a model's name. */
bool sm_url_is_id(const char *id);

/* The prefix, then a path: `start`, which begins with "/", `name` and `rest`,
 * all of them safe already. Errors: SM_INVALID, SM_IO. */
enum sm_code sm_url_build(struct sm_buf *out, const struct sm_base *base,
                          enum sm_host host, const char *start,
                          const char *name, const char *rest,
                          struct sm_error *e);

/* Writes an address as RFC 3986 wants it: spaces and bytes beyond ASCII as %XX,
 * and so a "%" of the path that begins no %XX; white space around it goes.
 * Everything else, a signed query above all, stays byte for byte.
 * Errors: SM_SECURITY for a control character, SM_IO. */
enum sm_code sm_url_encode(struct sm_buf *out, const char *url,
                           struct sm_error *e);

/* Whether a finished picture may be fetched from `url`: https (http only when
 * the base is loopback and so is the host), no user info, and a host that is
 * segmind.com or below it, of the base's own origin, or in `hosts`
 * (NULL-terminated; a leading "." allows everything below). Errors: SM_SECURITY
 * with the host. */
enum sm_code sm_url_check_media(const char *url, const struct sm_base *base,
                                const char *const *hosts, struct sm_error *e);

/* Makes `location`, as a redirect gave it, absolute against `url`. */
enum sm_code sm_url_resolve(struct sm_buf *out, const char *url,
                            const char *location, struct sm_error *e);

#endif
