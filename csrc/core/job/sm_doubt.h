/* sm_doubt: the two questions a job asks the request history. Pure.
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
#ifndef SM_DOUBT_H
#define SM_DOUBT_H

#include "sm_job.h"

/* Turns the verdict's error, an unknown, into a lookup, if that can be had. */
void sm_doubt_begin(struct sm_job *job, const struct sm_scene *scene,
                    struct sm_verdict *verdict);

void sm_doubt_answer_lookup(struct sm_job *job, const struct sm_scene *scene,
                            const struct sm_answer *answer,
                            struct sm_verdict *verdict);

/* The lookup's time is over. */
void sm_doubt_expire(const struct sm_job *job, struct sm_verdict *verdict);

/* Asks for the record of an id; the verdict's error is kept for the case that
 * there is none. */
void sm_doubt_ask_record(struct sm_job *job, const struct sm_scene *scene,
                         struct sm_verdict *verdict);

void sm_doubt_answer_record(struct sm_job *job, const struct sm_scene *scene,
                            const struct sm_answer *answer,
                            struct sm_verdict *verdict);

#endif
