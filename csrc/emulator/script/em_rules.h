/* A script: the rules that tests have set, in their order.
 *
 *   {"match": {"path": "submit", "from": 2, "count": 3}, ...}
 *
 * What em_fault and em_wire have in common: rules come as a JSON list, all or
 * none, are listed with how often each was seen and used, and live as long as
 * an exchange refers to them, cleared or not. The first one that applies is
 * used, and only that one. nth, or from and count, count the exchanges that the
 * rest of the match is true for; count alone says how often the rule is used.
 * What else a match may ask for, and what a rule means, is its kind's. The lock
 * is here, and the owner may guard with it what belongs to the rules. */
#ifndef EM_RULES_H
#define EM_RULES_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "em_endpoints.h"
#include "em_text.h"

/* The first member of a kind's own struct. */
struct em_rule {
  const struct em_rule_kind *kind;
  atomic_int references;
  json_t *source; /* only read after it was made */
  size_t number;  /* in the script, from 1 on */
  /* Whose turn it is; all under the lock. */
  long long from;  /* 0: whenever it is not used up */
  long long count; /* 0: for ever */
  long long seen, used;
};

struct em_rule_kind {
  size_t size; /* of its struct */
  /* Errors: -1 and what is wrong with it. */
  int (*check)(const json_t *source, struct em_error *error);
  /* Whether the rest of the match is true for an exchange. */
  bool (*matches)(const struct em_rule *rule, const void *exchange);

  /* These may be NULL. Fills in the rest of the struct, `seed` where it has
   * none of its own. Errors: -1 when out of memory. */
  int (*read)(struct em_rule *rule, uint64_t seed);
  void (*destroy)(struct em_rule *rule);
  /* Whether chance wants the rule used, whose turn it is. */
  bool (*draw)(const struct em_rule *rule, void *exchange);
  /* Writes further members beside seen and used. */
  void (*add_members)(const struct em_rule *rule, json_t *tree);
};

struct em_rules {
  const struct em_rule_kind *kind;
  pthread_mutex_t lock;
  uint64_t seed; /* for rules that have none */
  struct em_rule **all;
  size_t count;
  atomic_size_t active; /* is `count`, for a look without the lock */
};

void em_rules_create(struct em_rules *rules, const struct em_rule_kind *kind,
                     uint64_t seed);
void em_rules_destroy(struct em_rules *rules);

/* Adds a list of rules, all or none. Errors: -1 and which rule has what. */
int em_rules_add(struct em_rules *rules, const json_t *list,
                 struct em_error *error);
void em_rules_clear(struct em_rules *rules);

/* The rules with how often each was seen and used, as a JSON array. */
json_t *em_rules_tree(struct em_rules *rules);

/* Counts the exchange and returns the rule to use, or NULL.
 * Ownership: a reference, given back by em_rule_drop. */
struct em_rule *em_rules_match_locked(struct em_rules *rules, void *exchange);
void em_rule_drop(struct em_rule *rule);

/* Whether a place, an endpoint's name or a glob of the path, means this one;
 * NULL means all of them. */
bool em_place_fits(const char *place, enum em_endpoint endpoint,
                   const char *path);

/* Checks the place, called `name` there, and nth, from and count of a match.
 * Errors: -1 and what is wrong. */
int em_match_check(const json_t *match, const char *name,
                   struct em_error *error);

#endif
