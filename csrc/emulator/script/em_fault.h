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
#include <stdint.h>

#include "em_reply.h"
#include "em_route.h"
#include "em_rules.h"

struct em_faults;
struct em_fault_rule;

/* A request as rules see it; model and prompt NULL where there is none. */
struct em_fault_subject {
  enum em_endpoint endpoint;
  const char *method, *path, *model, *prompt;
};

struct em_faults *em_faults_new(void);
void em_faults_delete(struct em_faults *faults);

/* Quick: whether there is any rule at all. */
bool em_faults_active(const struct em_faults *faults);

/* Its rules, to be added to, listed and cleared. */
struct em_rules *em_faults_rules(struct em_faults *faults);

/* Counts the request and returns the rule to use, or NULL.
 * Ownership: a reference, given back by em_fault_drop. */
struct em_fault_rule *em_faults_match(struct em_faults *faults,
                                      const struct em_fault_subject *subject);
void em_fault_drop(struct em_fault_rule *rule);

bool em_fault_is_after(const struct em_fault_rule *rule);

/* The request is answered without taking effect. */
bool em_fault_prevents(const struct em_fault_rule *rule);

/* What the service has to say does not reach the client whole. */
bool em_fault_hides(const struct em_fault_rule *rule);
int64_t em_fault_delay_us(const struct em_fault_rule *rule);

/* Changes the answer as the rule says. */
void em_fault_apply(const struct em_fault_rule *rule,
                    const struct em_options *options, struct em_reply *reply);

/* A member of `then`, or NULL: what concerns jobs and the account is done by
 * em_service. */
const json_t *em_fault_get(const struct em_fault_rule *rule, const char *name);

#endif
