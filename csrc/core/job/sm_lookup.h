/* sm_lookup: what the request history says of a request. Pure.
 *
 * A lookup, for a submit whose response was lost: is there a row with my model
 * and my parameters that no other submit of mine may own? Found, its id is the
 * submit's. Not found in several lookups over some seconds, not to be asked, or
 * not to be told from another request, the outcome stays unknown and the error
 * says which: the history may lag, so absence is reported to the caller and
 * never acted on here. Times are compared on the service's clock; where that is
 * not known well enough, nothing is called absent.
 *
 *   begin --> page 1 .. n of the list --a row is the submit--> FOUND
 *             ^   |       |
 *             |   |       +--refused, often unreadable, time over---> UNKNOWN
 *             |   +--no row is: it is asked again, four times--+----> UNKNOWN
 *             +------------------------------------------------+
 *
 * A record, for an id that the status endpoint no longer knows: what became of
 * it? A finished picture is worth its money after the record's hour, too.
 */
#ifndef SM_LOOKUP_H
#define SM_LOOKUP_H

#include "sm_action.h"

/* Rows in a page of the history, the most there may be. */
#define SM_HISTORY_ROWS 100

struct sm_lookup {
  struct sm_error error; /* what made the submit's outcome unknown; at the end
                            also what the history says of it */
  int64_t sent_ms;       /* when the submit was sent, */
  int64_t sent_wall_ms;  /* and by this machine's clock at that time; */
  bool is_remembered;    /* another process wrote it down, by whatever clock */
  int64_t from_s;        /* the list is asked for from this Unix time on */
  int64_t at_ms;         /* AGAIN: not before */
  int64_t until_ms;      /* a lookup has a deadline of its own */
  bool is_partial;       /* the list does not go back far enough */
  struct sm_history_find find;
  int page;
  uint8_t lookups; /* whole ones that found nothing */
  uint8_t failures;
  uint8_t oddities; /* answers that are no history */
};

enum sm_lookup_result {
  SM_LOOKUP_AGAIN,  /* the page of `page` is asked for at `at_ms` */
  SM_LOOKUP_FOUND,  /* sm_history_found(&lookup->find) is the id */
  SM_LOOKUP_UNKNOWN /* `error` is the end */
};

/* Begins a lookup of which error and sending are set, all else is zero.
 * `deadline_ms` is the job's, which it may outlive by a little. */
void sm_lookup_begin(struct sm_lookup *lookup, const struct sm_context *context,
                     int64_t deadline_ms);

/* The answer to the page that was asked for. */
enum sm_lookup_result sm_lookup_answer(struct sm_lookup *lookup,
                                       const struct sm_context *context,
                                       const struct sm_answer *answer);

/* The lookup's time is over: completes its error. */
void sm_lookup_expire(struct sm_lookup *lookup);

enum sm_record {
  SM_RECORD_PICTURE, /* finished: `row` has its addresses */
  SM_RECORD_EMPTY,   /* finished, and there is no picture */
  SM_RECORD_FAILED,  /* or ended in another way: `row` has state and error */
  SM_RECORD_RUNNING,
  SM_RECORD_LATER, /* no answer */
  SM_RECORD_ODD,   /* an answer that cannot be used */
  SM_RECORD_NONE   /* the history does not know the id */
};

/* What the answer to the question for a record says. */
enum sm_record sm_lookup_record(struct sm_history_row *row,
                                const struct sm_answer *answer,
                                const char *request_id);

#endif
