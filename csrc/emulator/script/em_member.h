/* The members of a scripted rule's objects: which are known, and what each
 * must be, so that a misspelt rule is refused instead of never applying. */
#ifndef EM_MEMBER_H
#define EM_MEMBER_H

#include <jansson.h>
#include <stdbool.h>

#include "em_error.h"

enum em_wanted {
  EM_STRING,
  EM_COUNT,   /* a whole number above 0 */
  EM_INTEGER, /* any whole number */
  EM_AMOUNT,  /* a number, not negative */
  EM_BOOLEAN,
  EM_STRINGS, /* a list, not empty */
  EM_WORDS,   /* a string or a list of them */
  EM_HEADERS, /* names and values */
  EM_TIMES,   /* a whole number above 0, or a word */
  EM_ANY,
};

struct em_member {
  const char *name; /* NULL in the last */
  enum em_wanted wanted;
};

/* Checks an object's members; `where` is put before their names.
 * Errors: -1 and what is wrong. */
int em_members_check(const json_t *object, const char *where,
                     const struct em_member *members, struct em_error *error);

/* Whether a value that may be a number or a word is a number or that word. */
bool em_member_is_word(const json_t *value, const char *word);

bool em_member_is_base64(const json_t *value);

#endif
