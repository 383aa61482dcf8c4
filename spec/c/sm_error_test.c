#include "sm_error.h"

#include <string.h>

#include "check.h"

static void a_failure_resets_all_that_was_said_before(void) {
  struct sm_error e = {
      .charged = SM_CHARGED_YES, .lookup = SM_FOUND_ABSENT, .status = 500};
  e.is_retryable = true;
  CHECK(sm_fail(&e, SM_IO, "disk %d", 7) == SM_IO);
  CHECK(e.code == SM_IO && e.charged == SM_CHARGED_NO && e.status == 0);
  CHECK(!e.is_retryable && e.retry_after_ms == -1);
  CHECK(e.lookup == SM_FOUND_NONE);
  CHECK(strcmp(e.message, "disk 7") == 0);
}

static void a_failure_may_quote_the_message_that_it_replaces(void) {
  struct sm_error e;
  sm_fail(&e, SM_IO, "cause");
  sm_fail(&e, SM_SECURITY, "refused: %s", e.message);
  CHECK(strcmp(e.message, "refused: cause") == 0);
}

static void a_long_message_is_cut_and_ends(void) {
  struct sm_error e;
  sm_fail(&e, SM_IO, "%1000d", 1);
  CHECK(strlen(e.message) == sizeof e.message - 1);
}

static void nobody_need_listen(void) {
  CHECK(sm_fail(NULL, SM_AUTH, "unheard") == SM_AUTH);
  CHECK(sm_fail_memory(NULL) == SM_IO);
  sm_error_clear(NULL);
}

static void every_code_has_a_name_of_its_own(void) {
  for (int a = 0; a < SM_CODE_COUNT; a++) {
    const char *name = sm_code_name((enum sm_code)a);
    CHECK(name != NULL && *name != '\0');
    if (name == NULL)
      continue;
    for (int b = 0; b < a; b++)
      CHECK(strcmp(name, sm_code_name((enum sm_code)b)) != 0);
  }
  CHECK(strcmp(sm_code_name(SM_NOT_SENT), "not_sent") == 0);
  CHECK(strcmp(sm_code_name(SM_CODE_COUNT), "unknown") == 0);
}

static void charged_is_no_yes_or_unknown(void) {
  CHECK(strcmp(sm_charged_name(SM_CHARGED_NO), "no") == 0);
  CHECK(strcmp(sm_charged_name(SM_CHARGED_YES), "yes") == 0);
  CHECK(strcmp(sm_charged_name(SM_CHARGED_UNKNOWN), "unknown") == 0);
}

int main(void) {
  a_failure_resets_all_that_was_said_before();
  a_failure_may_quote_the_message_that_it_replaces();
  a_long_message_is_cut_and_ends();
  nobody_need_listen();
  every_code_has_a_name_of_its_own();
  charged_is_no_yes_or_unknown();
  return check_report("sm_error");
}
