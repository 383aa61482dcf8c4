/* sm_call: everything that is one exchange with retries, and no job. Pure.
 *
 *   GET       credits, history, model list: free, repeated
 *   UPLOAD    a picture to the service: free, repeated
 *   SYNC      the v1 API: paid, sent once, judged like a submit
 *   DOWNLOAD  a finished picture: no key, redirects followed by hand (three at
 *             the most, each address checked), fetched again while it is not
 *             whole
 */
#ifndef SM_CALL_H
#define SM_CALL_H

#include "sm_verdict.h"

/* How often a call is tried that may be repeated. */
#define SM_CALL_TRIES 5

enum sm_call_kind {
  SM_CALL_GET,
  SM_CALL_UPLOAD,
  SM_CALL_SYNC,
  SM_CALL_DOWNLOAD
};

struct sm_call {
  enum sm_call_kind kind;
  int64_t deadline_ms;
  enum sm_code trouble; /* of the last try, like the next */
  int status;
  uint8_t tries;
  uint8_t redirects;
  bool is_unwritten; /* the last try's bytes found no room on this machine */
};

void sm_call_create(struct sm_call *call, enum sm_call_kind kind,
                    int64_t deadline_ms);

/* `is_whole` says of a download whether the bytes are a whole picture; `why`
 * what is wrong with them otherwise. A verdict to send after a 3xx means: to
 * answer->redirect, once it is checked. */
void sm_call_answer(struct sm_call *call, const struct sm_scene *scene,
                    const struct sm_answer *answer, bool is_whole,
                    const char *why, struct sm_verdict *verdict);

void sm_call_expire(const struct sm_call *call, bool was_sent,
                    struct sm_verdict *verdict);

#endif
