/* sm_likeness: whether two sets of parameters are those of one request. Pure.
 *
 * What was sent comes back after a passage through other languages and tables:
 * in another order, with defaults filled in, as text, in a wrapper, numbers as
 * text, 7 as 7.0, true as "True", with addresses signed or moved, long texts
 * cut. Only what was sent counts. A difference that such a passage can make is
 * told from one that it cannot.
 */
#ifndef SM_LIKENESS_H
#define SM_LIKENESS_H

#include <jansson.h>

enum sm_likeness {
  SM_LIKE_OTHER, /* another request */
  SM_LIKE_MAYBE, /* something is missing, cut or rewritten */
  SM_LIKE_SAME
};

/* Compares the parameters that were sent with what is kept of some request. */
enum sm_likeness sm_likeness_of(const json_t *sent, const json_t *kept);

#endif
