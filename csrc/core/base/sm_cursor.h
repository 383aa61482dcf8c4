/* sm_cursor: reads plain JSON where it stands, without memory.
 *
 * Nearly every answer of the service is JSON of the plainest kind, and a tree
 * of it costs more than all else that is done with it. A cursor goes over such
 * text once and hands out slices of it. It takes only what every parser reads
 * alike and sm_json leaves as it is: no \uXXXX, no exponents, no number of more
 * than fifteen digits before its point, few levels, names without escapes.
 * Whatever else comes makes the text odd: from then on every function returns
 * false, and the caller reads the text by sm_json, from its beginning.
 */
#ifndef SM_CURSOR_H
#define SM_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct sm_slice {
  const char *text; /* not followed by a NUL */
  size_t size;
};

struct sm_cursor {
  const char *at, *end;
  bool is_odd;
  bool is_first; /* no member of the innermost object was read */
};

/* How many characters of a text are visible ASCII and neither a quote nor a
 * backslash before the first that is not. */
size_t sm_cursor_visible(const char *text, size_t size);

void sm_cursor_create(struct sm_cursor *cursor, const char *text, size_t size);

/* Enters the object that comes next. */
bool sm_cursor_open(struct sm_cursor *cursor);

/* The name of the next member, whose value is to be read next. False at the
 * object's end, which is left then. */
bool sm_cursor_next(struct sm_cursor *cursor, struct sm_slice *name);

/* A string of visible ASCII without escapes. */
bool sm_cursor_text(struct sm_cursor *cursor, struct sm_slice *text);

/* A number, or the text of a string as above. */
bool sm_cursor_figure(struct sm_cursor *cursor, struct sm_slice *figure);

bool sm_cursor_number(struct sm_cursor *cursor, struct sm_slice *number);

/* Whether null comes next, which is read then; the text is not odd without. */
bool sm_cursor_is_null(struct sm_cursor *cursor);

/* Any value. */
bool sm_cursor_pass(struct sm_cursor *cursor);

/* Whether the text was read to its end, and nothing in it was odd. */
bool sm_cursor_is_over(struct sm_cursor *cursor);

static inline bool sm_slice_is(const struct sm_slice *a,
                               const struct sm_slice *b) {
  return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

/* Which of at most 32 names it is; `count` for none, -1 for one that was there
 * before, as the last one counts. `seen` has a bit for each, 0 to begin with.
 */
int sm_slice_find(const struct sm_slice *names, int count,
                  const struct sm_slice *name, unsigned *seen);

#endif
