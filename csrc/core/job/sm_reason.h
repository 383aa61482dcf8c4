/* sm_reason: the service's own words about what went wrong.
 *
 * Its gateway says {"error":"message"}, its auth surface adds
 * "error_description", the frameworks behind it say
 * {"detail":[{"loc":["body","seed"],"msg":"..."}]}, {"error":{"message":"..."}}
 * or {"errors":{"seed":["..."]}}, and what stands in front of it sends pages of
 * HTML. All of them end as one line that a person can read. None of it is
 * believed: it is quoted, and of a 406 it decides what kind of refusal it is,
 * as nothing else tells.
 */
#ifndef SM_REASON_H
#define SM_REASON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Writes the reason that a JSON answer gives, "" when it gives none. */
void sm_reason_read(char *out, size_t out_size, const json_t *root);

/* The same of an answer's bytes; of one that is no JSON, the title or the
 * beginning of its text. */
void sm_reason_of(char *out, size_t out_size, const char *text, size_t size);

/* Whether a 406 with this reason is about money, which is what the service's
 * pages say of it: it is, unless it speaks of a content type or a parameter. */
bool sm_reason_is_credits(const char *reason);

#endif
