#include "em_wire_rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A fault that was done. */
struct fault_log_entry {
  unsigned long long exchange, connection;
  enum em_endpoint endpoint;
  char path[128];
  size_t rule_number;
  enum em_direction direction;
  enum em_wire_action action;
  uint64_t byte, total;
};

struct em_wire {
  struct em_rules rules; /* its lock guards the rest, too */
  unsigned long long exchanges, of_kind[EM_ENDPOINT_COUNT];
  struct fault_log_entry *log;
  size_t log_count, log_capacity;
};

struct em_wire *em_wire_new(uint64_t seed) {
  struct em_wire *wire = calloc(1, sizeof *wire);
  if (!wire)
    return NULL;
  em_rules_create(&wire->rules, &em_wire_rule_kind, seed);
  return wire;
}

void em_wire_delete(struct em_wire *wire) {
  if (!wire)
    return;
  em_rules_destroy(&wire->rules);
  free(wire->log);
  free(wire);
}

struct em_rules *em_wire_rules(struct em_wire *wire) {
  return &wire->rules;
}

void em_wire_reset(struct em_wire *wire) {
  pthread_mutex_lock(&wire->rules.lock);
  em_rules_clear_locked(&wire->rules);
  free(wire->log);
  wire->log = NULL;
  wire->log_count = wire->log_capacity = 0;
  wire->exchanges = 0;
  memset(wire->of_kind, 0, sizeof wire->of_kind);
  pthread_mutex_unlock(&wire->rules.lock);
}

static void match_locked(struct em_wire *wire, const char *path,
                         struct em_wire_plan *plan) {
  for (size_t i = 0; i < wire->rules.count; i++) {
    struct em_wire_rule *rule = (struct em_wire_rule *)wire->rules.all[i];
    if (!em_wire_rule_matches(rule, plan->endpoint, path) ||
        !em_match_see(&rule->base.match) || plan->rule ||
        !em_wire_rule_draw(rule, i, wire->of_kind[plan->endpoint], plan))
      continue;
    em_rule_keep(&rule->base);
    rule->base.match.used++;
    plan->rule = rule;
    plan->rule_number = i + 1;
  }
}

void em_wire_match(struct em_wire *wire, const char *path,
                   struct em_wire_plan *plan) {
  struct em_route route;
  em_route_find(&route, path);
  *plan = (struct em_wire_plan){.endpoint = route.endpoint};
  snprintf(plan->path, sizeof plan->path, "%s", path);
  for (char *c = plan->path; *c; c++)
    if (*c & 0x80) /* it will be written as JSON */
      *c = '?';
  if (em_endpoint_is_control(route.endpoint))
    return;
  pthread_mutex_lock(&wire->rules.lock);
  plan->exchange = ++wire->exchanges;
  wire->of_kind[route.endpoint]++;
  match_locked(wire, path, plan);
  pthread_mutex_unlock(&wire->rules.lock);
}

void em_wire_drop(struct em_wire_plan *plan) {
  em_wire_rule_drop(plan->rule);
  plan->rule = NULL;
}

const struct em_wire_terms *em_wire_terms(const struct em_wire_plan *plan) {
  return &plan->rule->terms;
}

static struct fault_log_entry *add_entry(struct em_wire *wire) {
  if (wire->log_count == wire->log_capacity) {
    size_t capacity = wire->log_capacity ? wire->log_capacity * 2 : 64;
    struct fault_log_entry *log = realloc(wire->log, capacity * sizeof *log);
    if (!log)
      return NULL;
    wire->log = log;
    wire->log_capacity = capacity;
  }
  return &wire->log[wire->log_count++];
}

void em_wire_log(struct em_wire *wire, const struct em_wire_plan *plan,
                 uint64_t byte, uint64_t total) {
  pthread_mutex_lock(&wire->rules.lock);
  struct fault_log_entry *entry = add_entry(wire);
  plan->rule->done++;
  if (entry) {
    *entry = (struct fault_log_entry){.exchange = plan->exchange,
                                      .connection = plan->connection,
                                      .endpoint = plan->endpoint,
                                      .rule_number = plan->rule_number,
                                      .direction = plan->direction,
                                      .action = plan->action,
                                      .byte = byte,
                                      .total = total};
    memcpy(entry->path, plan->path, sizeof entry->path);
  }
  pthread_mutex_unlock(&wire->rules.lock);
}

static void write_entry(const struct fault_log_entry *entry,
                        struct em_text *text) {
  em_text_addf(text,
               "{\"exchange\":%llu,\"connection\":%llu,\"kind\":\"%s\","
               "\"path\":",
               entry->exchange, entry->connection,
               em_endpoint_name(entry->endpoint));
  em_text_add_json(text, entry->path);
  em_text_addf(text,
               ",\"rule\":%zu,\"direction\":\"%s\",\"byte\":%llu,\"total\":",
               entry->rule_number, em_direction_name(entry->direction),
               (unsigned long long)entry->byte);
  if (entry->total)
    em_text_addf(text, "%llu", (unsigned long long)entry->total);
  else
    em_text_add(text, "null");
  em_text_addf(text, ",\"action\":\"%s\"}", em_wire_action_name(entry->action));
}

void em_wire_write_log(struct em_wire *wire, size_t from,
                       struct em_text *text) {
  pthread_mutex_lock(&wire->rules.lock);
  em_text_addf(text,
               "{\"seed\":\"%llu\",\"exchanges\":%llu,\"faults\":%zu,"
               "\"log\":[",
               (unsigned long long)wire->rules.seed, wire->exchanges,
               wire->log_count);
  for (size_t i = from; i < wire->log_count; i++) {
    em_text_add(text, i > from ? "," : "");
    write_entry(&wire->log[i], text);
  }
  pthread_mutex_unlock(&wire->rules.lock);
  em_text_add(text, "]}");
}
