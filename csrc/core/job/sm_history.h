/* sm_history: what became of a request whose answer was lost. Pure.
 *
 * The service's request history lists the caller's own requests with their
 * bodies, long after the records themselves have expired. It is the only way to
 * tell a submit that arrived from one that did not, and it is read for two
 * questions: which row is the submit that I sent, and what became of this id.
 *
 * A row is the submit when it has the same model and the same parameters, is
 * no other job's of this client, and was made at the time of the submit or
 * after it, by the service's clock. Likeness is no identity: an older request
 * with the same body is left alone, and of several that fit none is taken.
 *
 * Absence has to be proved as well, for a caller may pay again on it. The names
 * of a row's members, the spelling of its time, and how parameters look after a
 * passage through another language are not published, so what can be read in
 * every plausible form is; and a row that may be the submit but cannot be
 * compared (no readable time, a time without a zone that is hours off, no body,
 * an address that was rewritten) is counted as unclear: it is not adopted, and
 * with it nothing is called absent.
 */
#ifndef SM_HISTORY_H
#define SM_HISTORY_H

#include "sm_buf.h"
#include "sm_reply.h"

#define SM_HISTORY_URLS_MAX 32768

struct sm_history_row {
  char request_id[SM_ID_MAX + 1];
  enum sm_state state; /* a word that we do not know is SM_STATE_PROCESSING */
  char urls[SM_HISTORY_URLS_MAX]; /* of the pictures, each ended by a NUL */
  size_t urls_bytes;              /* 0 when there is none */
  double cost;                    /* USD; -1 when not said */
  char error[400];
};

/* The client's other jobs: a row that is theirs, or may be, is not adopted. */
struct sm_others {
  /* Whether an id belongs to another job already. */
  bool (*is_taken)(const void *user, const char *request_id);
  /* The body of the nth submit of the model that is under way, whose id is not
   * known yet; NULL after the last. */
  const char *(*awaited)(const void *user, const char *model, int n,
                         size_t *size);
  const void *user;
};

/* Times are the service's, ms since 1970. */
struct sm_history_query {
  const char *model;
  const char *body; /* the JSON that was sent */
  size_t body_size;
  int64_t since_ms;  /* of the sending; nothing from then on is older */
  int64_t unsure_ms; /* the sending may have been so much earlier */
  int64_t until_ms;  /* now: a later row has another clock */
  struct sm_others others;
};

/* What the pages of one lookup have shown. Zeroed before the first. */
struct sm_history_find {
  int rows;          /* of the last page */
  bool is_past;      /* newest first, and its last is from before the submit */
  bool is_repeated;  /* the last page was the one before again */
  bool is_contested; /* a row that fits may be an awaited submit's as well */
  bool is_unclear;   /* a row may be the submit and cannot be compared */
  bool is_near_tied;
  int fits;                  /* rows that fit */
  char fit[SM_ID_MAX + 1];   /* the last of them */
  char near[SM_ID_MAX + 1];  /* fits but for a moment too early; newest */
  int64_t near_ms;           /* its time */
  char first[SM_ID_MAX + 1]; /* on the last page */
  char ids[2 * SM_ID_MAX];   /* of rows that fit or are unclear */
};

/* Adds one page of the list. Errors: SM_PROTOCOL when it is no list, SM_IO. */
enum sm_code sm_history_search(struct sm_history_find *find,
                               const struct sm_history_query *query,
                               const char *text, size_t size,
                               struct sm_error *e);

/* The id of the submit, NULL when none, or more than one, can be it. */
const char *sm_history_found(const struct sm_history_find *find);

/* Whether the pages show that the submit is not there. */
bool sm_history_is_absent(const struct sm_history_find *find);

/* Reads the entry of one id. Errors: SM_PROTOCOL. */
enum sm_code sm_history_read(struct sm_history_row *row, const char *text,
                             size_t size, struct sm_error *e);

/* Writes a row as the result endpoint would have answered. */
enum sm_code sm_history_as_result(struct sm_buf *out,
                                  const struct sm_history_row *row,
                                  struct sm_error *e);

#endif
