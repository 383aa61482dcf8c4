/* sm_lookup: the two questions a job asks the request history. Pure.
 *
 * LOOKUP, for a submit whose answer was lost: is there a row with my model and
 * my parameters, that no other submit of mine may be? Found, the job goes on as
 * if the answer had come. Not found in several lookups over some seconds, not
 * to be asked, or not to be told from another request, the outcome stays
 * unknown and the error says which: the history may lag, so absence is told to
 * the caller and never acted on here. Times are compared on the service's
 * clock; where that is not known well enough, nothing is called absent.
 *
 * RECORD, for an id that the status endpoint no longer knows: what became of
 * it? A finished picture is worth its money after the record's hour, too.
 */
#ifndef SM_LOOKUP_H
#define SM_LOOKUP_H

#include "sm_job.h"

/* Turns the action's error, an unknown, into a lookup, if that can be had. */
void sm_lookup_begin(struct sm_job *job, const struct sm_context *context,
                     struct sm_action *action);

void sm_lookup_answer_lookup(struct sm_job *job,
                             const struct sm_context *context,
                             const struct sm_answer *answer,
                             struct sm_action *action);

/* The lookup's time is over. */
void sm_lookup_expire(const struct sm_job *job, struct sm_action *action);

/* Asks for the record of an id; the action's error is kept for the case that
 * there is none. */
void sm_lookup_ask_record(struct sm_job *job, const struct sm_context *context,
                          struct sm_action *action);

void sm_lookup_answer_record(struct sm_job *job,
                             const struct sm_context *context,
                             const struct sm_answer *answer,
                             struct sm_action *action);

#endif
