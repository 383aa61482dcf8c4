#include "sm_error.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static const char *const code_names[SM_CODE_COUNT] = {
    [SM_OK] = "ok",
    [SM_INVALID] = "invalid",
    [SM_NOT_SENT] = "not_sent",
    [SM_REJECTED] = "rejected",
    [SM_AUTH] = "auth",
    [SM_NO_CREDITS] = "no_credits",
    [SM_THROTTLED] = "throttled",
    [SM_UNKNOWN] = "unknown",
    [SM_FAILED] = "failed",
    [SM_EXPIRED] = "expired",
    [SM_TIMEOUT] = "timeout",
    [SM_PROTOCOL] = "protocol",
    [SM_SECURITY] = "security",
    [SM_LEDGER] = "ledger",
    [SM_IO] = "io",
    [SM_CANCELLED] = "cancelled",
    [SM_BUDGET] = "budget",
};

void sm_error_clear(struct sm_error *e) {
  if (e == NULL)
    return;
  e->code = SM_OK;
  e->charged = SM_CHARGED_NO;
  e->lookup = SM_FOUND_NONE;
  e->status = 0;
  e->is_retryable = false;
  e->retry_after_ms = -1;
  e->message[0] = '\0';
}

enum sm_code sm_fail(struct sm_error *e, enum sm_code code, const char *format,
                     ...) {
  if (e == NULL)
    return code;
  /* An argument may be the old message of this very error. */
  char message[sizeof e->message];
  va_list args;
  va_start(args, format);
  int length = vsnprintf(message, sizeof message, format, args);
  va_end(args);
  sm_error_clear(e);
  e->code = code;
  (void)snprintf(e->message, sizeof e->message, "%s",
                 length < 0 ? sm_code_name(code) : message);
  return code;
}

enum sm_code sm_fail_memory(struct sm_error *e) {
  return sm_fail(e, SM_IO, "out of memory");
}

const char *sm_code_name(enum sm_code code) {
  unsigned at = (unsigned)code;
  return at < SM_CODE_COUNT ? code_names[at] : code_names[SM_UNKNOWN];
}

const char *sm_found_name(enum sm_found lookup) {
  switch (lookup) {
  case SM_FOUND_ABSENT:
    return "absent";
  case SM_FOUND_UNCLEAR:
    return "unclear";
  case SM_FOUND_UNREACHABLE:
    return "unreachable";
  case SM_FOUND_NONE:
    break;
  }
  return "";
}

const char *sm_charged_name(enum sm_charged charged) {
  switch (charged) {
  case SM_CHARGED_NO:
    return "no";
  case SM_CHARGED_YES:
    return "yes";
  case SM_CHARGED_UNKNOWN:
    break;
  }
  return "unknown";
}
