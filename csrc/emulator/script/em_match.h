/* The match of a scripted rule: which exchanges it is for, and whose turn.
 *
 *   {"path": "submit", "from": 2, "count": 3}
 *
 * A place is an endpoint's name or a glob of the path; the scripts call it by
 * names of their own. nth, or from and count, count the exchanges that the rest
 * of the match is true for; count alone says how often the rule is used. What
 * else a match may ask for differs from script to script and is not known here,
 * nor does this lock: who owns the rule does. */
#ifndef EM_MATCH_H
#define EM_MATCH_H

#include <jansson.h>
#include <stdbool.h>

#include "em_route.h"

struct em_match {
  long long from;  /* 0: whenever it is not used up */
  long long count; /* 0: for ever */
  long long seen, used;
};

/* `count` is meant where the match names none. */
void em_match_read(struct em_match *match, const json_t *source,
                   long long count);

/* Counts an exchange as seen; returns whether it is the rule's turn. */
bool em_match_see(struct em_match *match);

/* NULL is true for all of them. */
bool em_match_fits(const char *place, enum em_endpoint endpoint,
                   const char *path);

/* Whether the place can be true for any; NULL can. */
bool em_match_knows(const char *place);

/* What is wrong with nth, from and count, or NULL. */
const char *em_match_find_mistake(const json_t *source);

#endif
