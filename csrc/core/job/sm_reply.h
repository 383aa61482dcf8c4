/* sm_reply: what the service said, type-checked.
 *
 * Every JSON answer is mended (sm_json), parsed and read field by field; a
 * field of the wrong type is as good as absent, and what the caller needs and
 * is absent is an error. Nothing here believes a status code: an answer cut
 * short arrives as 200 too.
 *
 * The service's usual answers, which are nearly all, are read in one go and
 * without memory instead (sm_cursor). That reader knows the documented members
 * in their documented forms and leaves an answer with anything else to the
 * other; where it reads one, both say the same (spec/fuzz/usual_fuzz.c).
 */
#ifndef SM_REPLY_H
#define SM_REPLY_H

#include "sm_buf.h"
#include "sm_error.h"
#include "sm_url.h"

/* A request's state. Words are compared without regard to case and separators,
 * and those that other hosts of the same models use are understood, too. */
enum sm_state {
  SM_STATE_NONE,       /* not a state that we know */
  SM_STATE_WAITING,    /* ours: another job or process is at the step */
  SM_STATE_FREE,       /* ours: none is, and the body is awaited */
  SM_STATE_SUBMITTING, /* ours: the ledger knows that it is about to be sent */
  SM_STATE_SAVING,     /* ours: the picture goes where the caller wants it */
  SM_STATE_ACCEPTED,   /* ours: the submit was acknowledged */
  SM_STATE_QUEUED,     /* waiting for a worker */
  SM_STATE_PROCESSING, /* on a worker */
  SM_STATE_COMPLETED,
  SM_STATE_FAILED,
  SM_STATE_ENDED /* over without a result, in a word that is not documented:
                    CANCELLED, ERROR, EXPIRED; nobody says whether it is billed
                  */
};

struct sm_reply {
  enum sm_state state;
  char request_id[SM_ID_MAX + 1]; /* "" when none was given */
  char address_id[SM_ID_MAX + 1]; /* the one in status_url and its like */
  char other_id[SM_ID_MAX + 1];   /* the one under "id" or "requestId" */
  bool has_bad_id;                /* one was given that may not be used */
  bool has_output;                /* of any kind, text for one */
  bool has_address;               /* at least one, of a picture */
  bool is_json;                   /* an object that could be read */
  bool is_cut;                    /* its end is missing; the rest was read */
  bool is_usual;                  /* every parser reads it as it is */
  double inference_s;             /* metrics.inference_time; 0 when not said */
  double cost;                    /* USD; NAN when not said, as the next */
  double seed;
  char status[40];      /* the word for its state, "" when not said */
  char status_url[512]; /* "" when not said */
  char error[400];      /* the service's own words, "" when none */
};

/* Reads the answer to a submit, a status or a result request.
 * Errors: SM_PROTOCOL when it is no JSON object; SM_IO when there was no memory
 * to parse it. */
enum sm_code sm_reply_read(struct sm_reply *reply, const char *text,
                           size_t size, struct sm_error *e);

/* The same by a parser, whatever the answer is like. */
enum sm_code sm_reply_parse(struct sm_reply *reply, const char *text,
                            size_t size, struct sm_error *e);

/* The same of a usual answer alone. False for another; what is in `reply` then
 * says nothing. */
bool sm_reply_read_usual(struct sm_reply *reply, const char *text, size_t size);

/* The address of an uploaded file: file_urls[0], on one page urls[0].
 * Errors: SM_PROTOCOL. */
enum sm_code sm_reply_read_upload(struct sm_buf *url, const char *text,
                                  size_t size, struct sm_error *e);

/* The request id that stands anywhere in the bytes of an answer, its closing
 * quote received: money was spent on it, so it is found without memory, in a
 * cut answer and inside other members, too. False when there is none. */
bool sm_reply_find_id(char id[SM_ID_MAX + 1], const char *text, size_t size);

/* The request id in an address of the service: .../requests/ID/status. */
bool sm_reply_id_of_address(char id[SM_ID_MAX + 1], const char *address,
                            size_t size);

/* Whether two spellings are of one id: dashes and case do not matter. */
bool sm_reply_is_same_id(const char *a, const char *b);

/* Whether `id` stands in the answer as it is, whole. jansson leaves a byte of a
 * string out when its buffer cannot grow (strbuffer_append_byte in its
 * lex_save, 2.14), and an id that lacks one is as good as lost. */
bool sm_reply_holds_id(const char *text, size_t size, const char *id);

const char *sm_state_name(enum sm_state state);

/* SM_STATE_NONE for a word that is not known, and for NULL. */
enum sm_state sm_state_of(const char *word);

#endif
