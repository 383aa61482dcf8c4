/* sm_history: what became of a request whose answer was lost.
 *
 * The service's request history lists the caller's own requests with their
 * bodies, long after the records themselves have expired. It is the only way to
 * tell a submit that arrived from one that did not, and it is read for two
 * questions: which row is the submit that I sent (same model, same parameters,
 * not before it was sent, not somebody else's already), and what became of this
 * id.
 *
 * The envelope of the list is not published, nor is the name of a row's time:
 * an array is looked for at the top and in the usual members, a row may carry
 * its body as an object or as text, and a row without a time that we know is
 * judged by the rest.
 */
#ifndef SM_HISTORY_H
#define SM_HISTORY_H

#include "sm_buf.h"
#include "sm_reply.h"

struct sm_history_row {
  char request_id[SM_ID_MAX + 1];
  enum sm_state state;
  char url[2048]; /* of the finished picture, "" when there is none */
  double cost;    /* USD; -1 when not said */
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

struct sm_history_query {
  const char *model;
  const char *body; /* the JSON that was sent */
  size_t body_size;
  int64_t since_s; /* Unix time of the sending */
  struct sm_others others;
};

struct sm_history_page {
  int rows;          /* how many the page held */
  bool is_past;      /* newest first, its last is from before the submit */
  bool is_found;     /* `row` is the request that was asked for */
  bool is_contested; /* one that may be it may be an awaited one as well */
  struct sm_history_row row;
};

/* Looks for a submit in one page of the list. Of several that match, the one
 * that is nearest to the top is taken. Errors: SM_PROTOCOL when the answer is
 * no list. */
enum sm_code sm_history_search(struct sm_history_page *page,
                               const struct sm_history_query *query,
                               const char *text, size_t size,
                               struct sm_error *e);

/* Reads the entry of one id. Errors: SM_PROTOCOL. */
enum sm_code sm_history_read(struct sm_history_row *row, const char *text,
                             size_t size, struct sm_error *e);

/* Writes a row as the result endpoint would have answered. */
enum sm_code sm_history_as_result(struct sm_buf *out,
                                  const struct sm_history_row *row,
                                  struct sm_error *e);

/* Parses "2026-01-31T12:00:00Z" and the like; -1 when it is no time. */
int64_t sm_history_time(const char *text);

#endif
