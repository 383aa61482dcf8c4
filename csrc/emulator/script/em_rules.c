#include "em_rules.h"

#include <stdlib.h>

bool em_rule_create(struct em_rule *rule, const json_t *source) {
  atomic_init(&rule->references, 1);
  rule->source = json_deep_copy(source);
  return rule->source != NULL;
}

void em_rule_keep(struct em_rule *rule) {
  atomic_fetch_add(&rule->references, 1);
}

bool em_rule_release(struct em_rule *rule) {
  if (atomic_fetch_sub(&rule->references, 1) > 1)
    return false;
  json_decref(rule->source);
  return true;
}

void em_rules_create(struct em_rules *rules, const struct em_rule_kind *kind,
                     uint64_t seed) {
  rules->kind = kind;
  rules->seed = seed;
  rules->all = NULL;
  rules->count = 0;
  atomic_init(&rules->active, 0);
  pthread_mutex_init(&rules->lock, NULL);
}

void em_rules_destroy(struct em_rules *rules) {
  em_rules_clear(rules);
  pthread_mutex_destroy(&rules->lock);
}

static int add_rule(struct em_rules *rules, const json_t *source) {
  struct em_rule *rule = rules->kind->make(source, rules->seed);
  struct em_rule **all = realloc(rules->all, (rules->count + 1) * sizeof(*all));
  if (all)
    rules->all = all;
  if (!rule || !all) {
    rules->kind->drop(rule);
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
    if (kind->check(rule, &mistake))
      return em_fail(error, "rule %zu: %.400s", i + 1, mistake.text);
  }
  return 0;
}

int em_rules_add(struct em_rules *rules, const char *json, size_t size,
                 struct em_error *error) {
  json_error_t mistake;
  json_t *list = json_loadb(json ? json : "", size, 0, &mistake);
  if (!list)
    return em_fail(error, "not JSON: line %d: %s", mistake.line, mistake.text);
  int failed = check_list(rules->kind, list, error);
  pthread_mutex_lock(&rules->lock);
  for (size_t i = 0; !failed && i < json_array_size(list); i++)
    if (add_rule(rules, json_array_get(list, i)))
      failed = em_fail(error, "out of memory");
  pthread_mutex_unlock(&rules->lock);
  json_decref(list);
  return failed;
}

void em_rules_clear_locked(struct em_rules *rules) {
  for (size_t i = 0; i < rules->count; i++)
    rules->kind->drop(rules->all[i]);
  free(rules->all);
  rules->all = NULL;
  rules->count = 0;
  atomic_store(&rules->active, 0);
}

void em_rules_clear(struct em_rules *rules) {
  pthread_mutex_lock(&rules->lock);
  em_rules_clear_locked(rules);
  pthread_mutex_unlock(&rules->lock);
}

static void write_rule(const struct em_rules *rules, const struct em_rule *rule,
                       struct em_text *text) {
  char *source = json_dumps(rule->source, JSON_COMPACT);
  em_text_addf(text, "{\"seen\":%lld,\"used\":%lld", rule->match.seen,
               rule->match.used);
  if (rules->kind->write_members)
    rules->kind->write_members(rule, text);
  em_text_addf(text, ",\"rule\":%s}", source ? source : "null");
  free(source);
}

void em_rules_write_json(struct em_rules *rules, struct em_text *text) {
  em_text_add(text, "[");
  pthread_mutex_lock(&rules->lock);
  for (size_t i = 0; i < rules->count; i++) {
    em_text_add(text, i ? "," : "");
    write_rule(rules, rules->all[i], text);
  }
  pthread_mutex_unlock(&rules->lock);
  em_text_add(text, "]");
}
