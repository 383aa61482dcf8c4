/* In which state an error leaves a row, and what it gives back of the price. */
#include "sm_entry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define ID "2c7f59ea13f1402c9353915a2b5a2124"

static struct sm_entry *entry;
static struct sm_error error;

static void begin(enum sm_code code, enum sm_charged charged) {
  const struct sm_ledger_step step = {
      .key = "k", .params = "{}", .price = 0.05, .budget = (double)NAN};
  entry = sm_entry_new(SM_START_STEP, &step, NULL);
  CHECK(entry != NULL);
  (void)sm_fail(&error, code, "no");
  error.charged = charged;
}

/* Whether its end is written so. */
static bool ends(const char *request_id, const char *state, double refund) {
  const struct sm_write *write =
      sm_entry_write_end(entry, &error, request_id, 0);
  bool is_so =
      strcmp(write->state, state) == 0 && fabs(write->refund - refund) < 1e-9;
  sm_entry_delete(entry);
  return is_so;
}

static void what_was_not_paid_is_free(void) {
  begin(SM_REJECTED, SM_CHARGED_NO);
  CHECK(ends(NULL, "failed", 0));
  begin(SM_FAILED, SM_CHARGED_NO);
  CHECK(ends(ID, "failed", 0));
  begin(SM_CANCELLED, SM_CHARGED_NO);
  CHECK(ends(NULL, "failed", 0));
}

static void what_may_be_paid_is_in_doubt(void) {
  begin(SM_UNKNOWN, SM_CHARGED_UNKNOWN);
  CHECK(ends(NULL, "unknown", 0));
  begin(SM_CANCELLED, SM_CHARGED_UNKNOWN);
  entry->was_sent = true;
  CHECK(ends(NULL, "intent", 0));
}

static void an_accepted_job_is_asked_for_again(void) {
  begin(SM_TIMEOUT, SM_CHARGED_YES);
  CHECK(ends(ID, "accepted", 0));
  begin(SM_FAILED, SM_CHARGED_YES);
  CHECK(ends(ID, "accepted", 0));
}

static void one_that_the_service_has_forgotten_says_so(void) {
  begin(SM_EXPIRED, SM_CHARGED_YES);
  CHECK(ends(ID, "expired", 0));
}

/* M3: an earlier submit of the row may be paid. */
static void a_further_submit_that_was_not_paid_leaves_the_first_in_doubt(void) {
  begin(SM_REJECTED, SM_CHARGED_NO);
  entry->is_again = true;
  CHECK(ends(NULL, "unknown", 0.05));
  begin(SM_FAILED, SM_CHARGED_NO);
  entry->is_again = true;
  CHECK(ends(ID, "unknown", 0.05));
}

/* M3: the error is one of who looks for the submit, which is another's. */
static void a_row_that_was_taken_over_is_in_doubt_though_its_heir_fails(void) {
  begin(SM_IO, SM_CHARGED_NO);
  entry->is_taken = true;
  CHECK(ends(NULL, "unknown", 0));
  begin(SM_CANCELLED, SM_CHARGED_NO);
  entry->is_taken = true;
  CHECK(ends(NULL, "intent", 0));
  begin(SM_FAILED, SM_CHARGED_NO);
  entry->is_taken = true;
  CHECK(ends(ID, "failed", 0));
}

static bool is_at(const char *want) {
  char *path = sm_entry_path(entry, "f");
  bool is_same = path && strcmp(path, want) == 0;
  free(path);
  return is_same;
}

/* Two may be paid of one row, when the first comes late. */
static void each_submit_has_a_file_of_its_own(void) {
  begin(SM_UNKNOWN, SM_CHARGED_UNKNOWN);
  entry->generation = entry->submits = 1;
  CHECK(is_at("f/k"));
  entry->submits = 2;
  CHECK(is_at("f/k-1-2"));
  entry->generation = 2;
  CHECK(is_at("f/k-2-2"));
  entry->submits = 1;
  CHECK(is_at("f/k-2"));
  sm_entry_delete(entry);
}

int main(void) {
  each_submit_has_a_file_of_its_own();
  what_was_not_paid_is_free();
  what_may_be_paid_is_in_doubt();
  an_accepted_job_is_asked_for_again();
  one_that_the_service_has_forgotten_says_so();
  a_further_submit_that_was_not_paid_leaves_the_first_in_doubt();
  a_row_that_was_taken_over_is_in_doubt_though_its_heir_fails();
  return check_report("sm_entry");
}
