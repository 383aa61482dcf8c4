/* sm_error: what went wrong, in one struct that travels by value.
 *
 * Every fallible function of the core returns an sm_code and, when that is not
 * SM_OK, fills the sm_error it was handed: the kind (what the caller can do
 * about it), whether the service may have billed the call, the HTTP status if
 * there was one, and one sentence for a person. The message is plain text; it
 * may quote what a server sent, so it must go through sm_redact before it is
 * shown. Out of memory is reported as SM_IO.
 */
#ifndef SM_ERROR_H
#define SM_ERROR_H

#include <stdbool.h>
#include <stdint.h>

enum sm_code {
  SM_OK = 0,
  SM_INVALID,    /* refused here, before a byte was sent */
  SM_NOT_SENT,   /* proof that a submit never left */
  SM_REJECTED,   /* 400 404 405 406 410 413 415 422 to a submit */
  SM_AUTH,       /* 401, 403, or no usable key */
  SM_NO_CREDITS, /* 402, or a 406 that speaks of credits */
  SM_THROTTLED,  /* 429 */
  SM_UNKNOWN,    /* sent, and the outcome cannot be known */
  SM_FAILED,     /* the job ran and FAILED */
  SM_EXPIRED,    /* the service no longer knows the id */
  SM_TIMEOUT,    /* the caller's deadline */
  SM_PROTOCOL,   /* an answer that is not what the contract says */
  SM_SECURITY,   /* foreign host, scheme, private address, bad id */
  SM_LEDGER,     /* the ledger cannot be read or written */
  SM_IO,         /* local files, memory */
  SM_CANCELLED,  /* the caller's wish */
  SM_BUDGET,     /* the caller's limit of money */
  SM_CODE_COUNT
};

/* What the request history said of a submit whose answer was lost. */
enum sm_found {
  SM_FOUND_NONE,       /* it was not asked */
  SM_FOUND_ABSENT,     /* it answered, several times, and does not know it */
  SM_FOUND_UNCLEAR,    /* it shows what may be it, and cannot decide */
  SM_FOUND_UNREACHABLE /* it could not be asked */
};

enum sm_charged { SM_CHARGED_NO, SM_CHARGED_YES, SM_CHARGED_UNKNOWN };

struct sm_error {
  enum sm_code code;
  enum sm_charged charged;
  enum sm_found lookup;
  int status; /* HTTP status, 0 when there was no answer */
  bool is_retryable;
  int64_t retry_after_ms; /* -1 when the server named no time */
  char message[480];
};

/* Resets `e` and sets code and message; `charged` is SM_CHARGED_NO. Returns
 * `code`, so that a function can end with `return sm_fail(...)`. `e` may be
 * NULL. */
enum sm_code sm_fail(struct sm_error *e, enum sm_code code, const char *format,
                     ...) __attribute__((format(printf, 3, 4)));

/* sm_fail for a failed allocation. */
enum sm_code sm_fail_memory(struct sm_error *e);

void sm_error_clear(struct sm_error *e);

/* "invalid", "not_sent", ...: the names that callers compare with. */
const char *sm_code_name(enum sm_code code);

/* "absent", "unclear", "unreachable"; "" for none. */
const char *sm_found_name(enum sm_found lookup);

/* "no", "yes", "unknown". */
const char *sm_charged_name(enum sm_charged charged);

#endif
