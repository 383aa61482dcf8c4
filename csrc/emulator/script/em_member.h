/* The members of a scripted rule's objects: which are known, and what each
 * must be, so that a misspelt rule is refused instead of never applying. */
#ifndef EM_MEMBER_H
#define EM_MEMBER_H

#include <jansson.h>
#include <stdbool.h>

#include "em_text.h"

enum em_wanted {
  EM_ANY,
  EM_STRING,
  EM_OBJECT,
  EM_BOOLEAN,
  EM_BASE64,
  EM_STRINGS,  /* a list, not empty */
  EM_HEADERS,  /* names and values */
  EM_COUNT,    /* a whole number above 0 */
  EM_STATUS,   /* 200 to 599 */
  EM_INTEGER,  /* any whole number */
  EM_AMOUNT,   /* a number, not negative */
  EM_SHARE,    /* 0 to 1 */
  EM_ALWAYS,   /* a count or that word */
  EM_ENDLESS,  /* a count or that word */
  EM_POSITION, /* of a byte, or "random" */
  EM_MODE,
  EM_FRAMING,
  EM_DIRECTIONS, /* one or a list */
  EM_ACTIONS,    /* one or a list */
};

struct em_member {
  const char *name; /* NULL in the last */
  enum em_wanted wanted;
};

/* Is the value, which may be NULL, of one of these types? s, a string; w, a
 * list of strings, not empty; i, a whole number; n, another number; b, a
 * boolean; o, an object. */
bool em_member_is(const json_t *value, const char *types);

/* Checks an object's members, of which one may be required, or NULL; `where` is
 * put before their names. Both return -1 and what is wrong. */
int em_members_check(const json_t *object, const char *where,
                     const struct em_member *members, const char *required,
                     struct em_error *error);

/* Refuses an object that has both. */
int em_members_exclude(const json_t *object, const char *where, const char *a,
                       const char *b, struct em_error *error);

/* The bytes of a member: of a text as it is, of anything else as JSON, or what
 * its twin, called name_base64, encodes; without either member there are none.
 * Errors: NULL. */
struct em_bytes em_member_bytes(const json_t *object, const char *name);

#endif
