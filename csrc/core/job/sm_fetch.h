/* sm_fetch: everything that is one exchange with retries, and no job. Pure.
 *
 *   GET       credits, history, model list: free, repeated
 *   UPLOAD    a picture to the service: free, repeated
 *   SYNC      the v1 API: paid, sent once, judged like a submit
 *   DOWNLOAD  a finished picture: no key, redirects followed by hand (three at
 *             the most, each address checked), fetched again while it is not
 *             whole
 */
#ifndef SM_FETCH_H
#define SM_FETCH_H

#include "sm_action.h"

/* How often a call is tried that may be repeated. */
#define SM_FETCH_TRIES 5

enum sm_fetch_kind {
  SM_FETCH_GET,
  SM_FETCH_UPLOAD,
  SM_FETCH_SYNC,
  SM_FETCH_DOWNLOAD
};

struct sm_fetch {
  int64_t deadline_ms;
  int64_t begun_ms; /* its first request was prepared; 0 before */
  enum sm_fetch_kind kind;
  enum sm_code trouble; /* of the last try, like the next */
  int status;
  char what[129]; /* was wrong, in words; a waiting job has this room, too */
  uint8_t tries;
  uint8_t redirects;
  bool is_unwritten; /* the last try's bytes found no room on this machine */
};

void sm_fetch_create(struct sm_fetch *call, enum sm_fetch_kind kind,
                     int64_t deadline_ms);

/* `is_whole` says of a download whether the bytes are a whole picture; `why`
 * what is wrong with them otherwise. An action to send after a 3xx means: to
 * answer->redirect, once it is checked. */
void sm_fetch_answer(struct sm_fetch *call, const struct sm_context *context,
                     const struct sm_answer *answer, bool is_whole,
                     const char *why, struct sm_action *action);

void sm_fetch_expire(const struct sm_fetch *call, bool was_sent,
                     struct sm_action *action);

#endif
