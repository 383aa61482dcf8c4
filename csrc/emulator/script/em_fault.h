/* Faults of the service, scripted by tests over /_emulator/faults:
 *
 *   {"match": {"path": "submit", "nth": 2}, "mode": "after",
 *    "then": {"status": 502, "headers": {"Retry-After": "1"}}}
 *
 * doc/emulator.md has the format. "before": the request never takes effect
 * (unless `then` leaves the answer alone); "after": it does, but its answer is
 * replaced. The first rule that applies is used, and only that one. What
 * happens on the wire is said by em_wire. Thread-safe. */
#ifndef EM_FAULT_H
#define EM_FAULT_H

#include <jansson.h>
#include <stdbool.h>

#include "em_request.h"
#include "em_rules.h"

/* A request as rules see it; model and prompt NULL where there is none. */
struct em_fault_subject {
  enum em_endpoint endpoint;
  const char *method, *path, *model, *prompt;
};

/* Matches such subjects. */
extern const struct em_rule_kind em_fault_kind;

bool em_fault_is_after(const struct em_rule *rule);

/* The request is answered without taking effect. */
bool em_fault_prevents(const struct em_rule *rule);

/* What the service has to say does not reach the client whole. */
bool em_fault_hides(const struct em_rule *rule);

/* Changes the answer as the rule says. */
void em_fault_apply(const struct em_rule *rule, struct em_request *request);

/* A member of `then`, or NULL: what concerns jobs and the account is done by
 * em_service. */
json_t *em_fault_get(const struct em_rule *rule, const char *name);

#endif
