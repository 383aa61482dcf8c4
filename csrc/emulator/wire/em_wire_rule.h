/* One rule of the faulty wire: read from its JSON, matched, and what it leaves
 * to chance drawn. Only em_wire, which guards it, knows of it. */
#ifndef EM_WIRE_RULE_H
#define EM_WIRE_RULE_H

#include "em_rules.h"
#include "em_wire.h"

struct em_wire_rule {
  struct em_rule base;
  struct em_wire_terms terms;
  double probability;
  long long done;
  uint64_t seed;
};

/* What em_rules does with them. */
extern const struct em_rule_kind em_wire_rule_kind;

void em_wire_rule_drop(struct em_wire_rule *rule);

bool em_wire_rule_matches(const struct em_wire_rule *rule,
                          enum em_endpoint endpoint, const char *path);

/* Draws all that the rule leaves to chance, always in the same order, from its
 * own number and that of the exchange among those of its kind. Returns whether
 * chance wants it used at all. */
bool em_wire_rule_draw(const struct em_wire_rule *rule, size_t number,
                       unsigned long long of_kind, struct em_wire_plan *plan);

#endif
