#include "em_rules.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

void em_rule_drop(struct em_rule *rule) {
  if (!rule || atomic_fetch_sub(&rule->references, 1) > 1)
    return;
  if (rule->kind->destroy)
    rule->kind->destroy(rule);
  json_decref(rule->source);
  free(rule);
}

void em_rules_create(struct em_rules *rules, const struct em_rule_kind *kind,
                     uint64_t seed) {
  *rules = (struct em_rules){.kind = kind, .seed = seed};
  pthread_mutex_init(&rules->lock, NULL);
}

void em_rules_destroy(struct em_rules *rules) {
  em_rules_clear(rules);
  pthread_mutex_destroy(&rules->lock);
}

/* Once, or as often as chance wants, unless the match says how often. */
static void read_match(struct em_rule *rule) {
  const json_t *match = json_object_get(rule->source, "match");
  const json_t *nth = json_object_get(match, "nth");
  const json_t *from = json_object_get(match, "from");
  const json_t *count = json_object_get(match, "count");
  rule->from = json_integer_value(nth ? nth : from);
  if (count)
    rule->count = json_integer_value(count); /* "always" gives 0 */
  else
    rule->count = json_object_get(match, "probability") ? 0 : 1;
}

/* Errors: NULL when out of memory. */
static struct em_rule *make_rule(const struct em_rules *rules,
                                 const json_t *source) {
  struct em_rule *rule = calloc(1, rules->kind->size);
  if (!rule)
    return NULL;
  rule->kind = rules->kind;
  rule->number = rules->count + 1;
  atomic_init(&rule->references, 1);
  rule->source = json_deep_copy(source);
  read_match(rule);
  if (rule->source &&
      (!rules->kind->read || !rules->kind->read(rule, rules->seed)))
    return rule;
  em_rule_drop(rule);
  return NULL;
}

static int add_rule(struct em_rules *rules, const json_t *source) {
  struct em_rule *rule = make_rule(rules, source);
  struct em_rule **all = em_grow(rules->all, rules->count, sizeof(*all));
  if (all)
    rules->all = all;
  if (!rule || !all) {
    em_rule_drop(rule);
    return -1;
  }
  all[rules->count++] = rule;
  atomic_store(&rules->active, rules->count);
  return 0;
}

static int check_list(const struct em_rule_kind *kind, const json_t *list,
                      struct em_error *error) {
  size_t i;
  const json_t *rule;
  struct em_error mistake;
  if (!json_is_array(list))
    return em_fail(error, "a list of rules is expected");
  json_array_foreach(list, i, rule) {
    if (!json_is_object(rule))
      return em_fail(error, "rule %zu: it is not an object", i + 1);
    if (kind->check(rule, &mistake))
      return em_fail(error, "rule %zu: %.400s", i + 1, mistake.text);
  }
  return 0;
}

int em_rules_add(struct em_rules *rules, const json_t *list,
                 struct em_error *error) {
  int failed = check_list(rules->kind, list, error);
  pthread_mutex_lock(&rules->lock);
  for (size_t i = 0; !failed && i < json_array_size(list); i++)
    if (add_rule(rules, json_array_get(list, i)))
      failed = em_fail(error, "out of memory");
  pthread_mutex_unlock(&rules->lock);
  return failed;
}

void em_rules_clear(struct em_rules *rules) {
  pthread_mutex_lock(&rules->lock);
  for (size_t i = 0; i < rules->count; i++)
    em_rule_drop(rules->all[i]);
  free(rules->all);
  rules->all = NULL;
  rules->count = 0;
  atomic_store(&rules->active, 0);
  pthread_mutex_unlock(&rules->lock);
}

static json_t *rule_tree(const struct em_rule *rule) {
  json_t *tree =
      json_pack("{s:I, s:I, s:O}", "seen", (json_int_t)rule->seen, "used",
                (json_int_t)rule->used, "rule", rule->source);
  if (rule->kind->add_members)
    rule->kind->add_members(rule, tree);
  return tree;
}

json_t *em_rules_tree(struct em_rules *rules) {
  json_t *list = json_array();
  pthread_mutex_lock(&rules->lock);
  for (size_t i = 0; i < rules->count; i++)
    json_array_append_new(list, rule_tree(rules->all[i]));
  pthread_mutex_unlock(&rules->lock);
  return list;
}

/* Counts an exchange as seen; returns whether it is the rule's turn. */
static bool see(struct em_rule *rule) {
  rule->seen++;
  if (!rule->from)
    return !rule->count || rule->used < rule->count;
  return rule->seen >= rule->from &&
         (!rule->count || rule->seen < rule->from + rule->count);
}

struct em_rule *em_rules_match_locked(struct em_rules *rules, void *exchange) {
  const struct em_rule_kind *kind = rules->kind;
  struct em_rule *first = NULL;
  for (size_t i = 0; i < rules->count; i++) {
    struct em_rule *rule = rules->all[i];
    if (kind->matches(rule, exchange) && see(rule) && !first &&
        (!kind->draw || kind->draw(rule, exchange)))
      first = rule;
  }
  if (first) {
    first->used++;
    atomic_fetch_add(&first->references, 1);
  }
  return first;
}

static bool is_glob(const char *place) {
  return *place == '/' || *place == '*';
}

bool em_place_fits(const char *place, enum em_endpoint endpoint,
                   const char *path) {
  if (!place)
    return true;
  if (is_glob(place))
    return !fnmatch(place, path, 0);
  return !strcmp(place, em_endpoint_name(endpoint));
}

int em_match_check(const json_t *match, const char *name,
                   struct em_error *error) {
  const char *place = json_string_value(json_object_get(match, name));
  if (place && !is_glob(place) && !em_endpoint_is_known(place))
    return em_fail(error,
                   "match.%s is neither an endpoint's name nor a glob that "
                   "starts with / or *",
                   name);
  if (json_object_get(match, "nth") &&
      (json_object_get(match, "from") || json_object_get(match, "count")))
    return em_fail(error, "match.nth stands alone, without from and count");
  return 0;
}
