/* One rule of the faulty wire: read from its JSON, matched, and what it leaves
 * to chance drawn. Only em_wire, which guards it, knows of it. */
#ifndef EM_WIRE_RULE_H
#define EM_WIRE_RULE_H

#include <stdatomic.h>

#include "em_wire.h"

struct em_wire_rule {
  atomic_int references;
  json_t *source; /* only read after it was made */
  struct em_wire_terms terms;
  double probability;
  long long from;  /* 0: whenever it is not used up */
  long long count; /* 0: for ever */
  long long seen, used, done;
  uint64_t seed;
};

/* Errors: NULL when out of memory. */
struct em_wire_rule *em_wire_rule_new(const json_t *source, uint64_t seed);
void em_wire_rule_drop(struct em_wire_rule *rule);

bool em_wire_rule_matches(const struct em_wire_rule *rule,
                          enum em_endpoint endpoint, const char *path);

/* Is it its turn, after this exchange was counted as seen? */
bool em_wire_rule_applies(const struct em_wire_rule *rule);

/* Draws all that the rule leaves to chance, always in the same order, from its
 * own number and that of the exchange among those of its kind. Returns whether
 * chance wants it used at all. */
bool em_wire_rule_draw(const struct em_wire_rule *rule, size_t number,
                       unsigned long long of_kind, struct em_wire_plan *plan);

#endif
