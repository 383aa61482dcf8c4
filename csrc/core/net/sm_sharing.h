/* sm_sharing: answers that may be somebody else's.
 *
 * Where a server speaks HTTP/2 on some connections and HTTP/1.1 on others,
 * libcurl (7.88 at least, see https://github.com/curl/curl/issues/4885) may put
 * a request on an HTTP/1.1 connection that another is still using, and the two
 * get each other's answers. Submits are kept apart from everything else by
 * their TLS settings (sm_easy); this notices when it happens all the same, to a
 * mixed pool of servers, say, and the answers are not believed.
 */
#ifndef SM_SHARING_H
#define SM_SHARING_H

#include "sm_easy.h"

/* From here to sm_sharing_leave the exchange counts as active. */
void sm_sharing_enter(struct sm_easy *easy);
void sm_sharing_leave(struct sm_easy *easy);

/* The request goes out, on this connection. */
void sm_sharing_note(struct sm_easy *easy, const char *ip, int port,
                     int local_port);

/* A part of the answer comes: is anybody else there whose own is not whole yet?
 * Without TLS there is no HTTP/2, and no sharing. */
void sm_sharing_look(struct sm_easy *easy);

/* Whether another request was on the same HTTP/1.1 connection meanwhile. */
bool sm_sharing_spoils(const struct sm_easy *easy);

#endif
