/* A script: the rules that tests have set, in their order.
 *
 * What em_fault and em_wire have in common: rules come as a JSON list, all or
 * none, are listed with how often each was seen and used, and live as long as
 * an exchange refers to them, cleared or not. What a rule means is its kind's.
 * The lock is here, and the owner may guard with it what belongs to the
 * rules. */
#ifndef EM_RULES_H
#define EM_RULES_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "em_error.h"
#include "em_match.h"
#include "em_text.h"

/* The first member of a kind's own struct. */
struct em_rule {
  atomic_int references;
  json_t *source;        /* only read after it was made */
  struct em_match match; /* under the lock */
};

struct em_rule_kind {
  /* Errors: -1 and what is wrong with it. */
  int (*check)(const json_t *source, struct em_error *error);
  /* Errors: NULL when out of memory. */
  struct em_rule *(*make)(const json_t *source, uint64_t seed);
  void (*drop)(struct em_rule *rule);
  /* Writes further members beside seen and used; or NULL. */
  void (*write_members)(const struct em_rule *rule, struct em_text *text);
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
int em_rules_add(struct em_rules *rules, const char *json, size_t size,
                 struct em_error *error);
void em_rules_clear(struct em_rules *rules);
void em_rules_clear_locked(struct em_rules *rules);

/* The rules with how often each was seen and used, as a JSON array. */
void em_rules_write_json(struct em_rules *rules, struct em_text *text);

/* With one reference. False when out of memory. */
bool em_rule_create(struct em_rule *rule, const json_t *source);
void em_rule_keep(struct em_rule *rule);

/* Gives a reference back; returns whether it was the last, after which the kind
 * frees the rule. */
bool em_rule_release(struct em_rule *rule);

#endif
