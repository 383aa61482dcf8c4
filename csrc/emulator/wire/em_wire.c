#include "em_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "em_clock.h"
#include "em_member.h"
#include "em_random.h"

static const char *const action_names[EM_WIRE_ACTION_COUNT] = {
    "close", "reset", "stall", "delay", "trickle", "garbage", "replace"};
static const char *const direction_names[EM_DIRECTION_COUNT] = {"request",
                                                                "response"};

struct em_wire_rule {
  struct em_rule base;
  struct em_wire_terms terms;
  long long done;
  uint64_t seed;
};

static const struct em_member rule_members[] = {
    {"match", EM_OBJECT},        {"direction", EM_DIRECTIONS},
    {"at", EM_POSITION},         {"action", EM_ACTIONS},
    {"seconds", EM_AMOUNT},      {"rate", EM_AMOUNT},
    {"length", EM_COUNT},        {"bytes", EM_STRING},
    {"bytes_base64", EM_BASE64}, {"repeat", EM_ENDLESS},
    {"seed", EM_INTEGER},        {NULL, 0}};
static const struct em_member match_members[] = {
    {"kind", EM_STRING},  {"nth", EM_COUNT},         {"from", EM_COUNT},
    {"count", EM_ALWAYS}, {"probability", EM_SHARE}, {NULL, 0}};

static bool has_word(const json_t *words, enum em_wire_action action) {
  size_t i;
  const json_t *word;
  if (json_is_string(words))
    return !strcmp(json_string_value(words), action_names[action]);
  json_array_foreach(words, i, word) {
    if (has_word(word, action))
      return true;
  }
  return false;
}

/* What the rule's actions need and do not have, or NULL. */
static const char *find_lack(const json_t *rule) {
  const json_t *action = json_object_get(rule, "action");
  if ((has_word(action, EM_WIRE_STALL) || has_word(action, EM_WIRE_DELAY)) &&
      !json_object_get(rule, "seconds"))
    return "actions stall and delay need seconds";
  if (has_word(action, EM_WIRE_TRICKLE) &&
      json_number_value(json_object_get(rule, "rate")) <= 0)
    return "action trickle needs a rate above 0";
  if (has_word(action, EM_WIRE_REPLACE) && !json_object_get(rule, "bytes") &&
      !json_object_get(rule, "bytes_base64"))
    return "action replace needs bytes or bytes_base64";
  return NULL;
}

static int check_rule(const json_t *rule, struct em_error *error) {
  const json_t *match = json_object_get(rule, "match");
  if (em_members_check(rule, "", rule_members, "action", error) ||
      em_members_check(match, "match.", match_members, NULL, error) ||
      em_match_check(match, "kind", error) ||
      em_members_exclude(rule, "", "bytes", "bytes_base64", error))
    return -1;
  const char *lack = find_lack(rule);
  return lack ? em_fail(error, "%s", lack) : 0;
}

static void destroy_rule(struct em_rule *rule) {
  free(((struct em_wire_rule *)rule)->terms.bytes.data);
}

static uint64_t total_size(size_t size, const json_t *repeat) {
  uint64_t times = repeat ? UINT64_MAX : 1;
  if (json_is_integer(repeat))
    times = (uint64_t)json_integer_value(repeat);
  return size && times > UINT64_MAX / size ? UINT64_MAX : size * times;
}

static int read_rule(struct em_rule *base, uint64_t seed) {
  struct em_wire_rule *rule = (struct em_wire_rule *)base;
  struct em_wire_terms *terms = &rule->terms;
  const json_t *length = json_object_get(base->source, "length");
  const json_t *own_seed = json_object_get(base->source, "seed");
  rule->seed = own_seed ? (uint64_t)json_integer_value(own_seed) : seed;
  terms->seconds_us =
      em_clock_us(json_number_value(json_object_get(base->source, "seconds")));
  terms->rate = json_number_value(json_object_get(base->source, "rate"));
  terms->length = length ? (uint64_t)json_integer_value(length) : UINT64_MAX;
  terms->bytes = em_member_bytes(base->source, "bytes");
  terms->total =
      total_size(terms->bytes.size, json_object_get(base->source, "repeat"));
  return terms->bytes.data ? 0 : -1;
}

static void add_done(const struct em_rule *rule, json_t *tree) {
  json_object_set_new(tree, "done",
                      json_integer(((const struct em_wire_rule *)rule)->done));
}

static bool matches(const struct em_rule *rule, const void *exchange) {
  const struct em_wire_plan *plan = exchange;
  const json_t *match = json_object_get(rule->source, "match");
  return em_place_fits(json_string_value(json_object_get(match, "kind")),
                       plan->endpoint, plan->path);
}

/* One word of a list, or the only one. */
static const json_t *draw_word(const json_t *words, struct em_random *random) {
  size_t count = json_array_size(words);
  return count ? json_array_get(words,
                                (size_t)em_random_below(random, (int)count))
               : words;
}

static enum em_wire_action find_action(const json_t *word) {
  int i = 0;
  while (!has_word(word, (enum em_wire_action)i))
    i++;
  return (enum em_wire_action)i;
}

/* Draws all that the rule leaves to chance, always in the same order, from its
 * own number and that of the exchange among those of its kind. */
static bool draw(const struct em_rule *rule, void *exchange) {
  struct em_wire_plan *plan = exchange;
  uint64_t hash = em_random_hash(em_endpoint_name(plan->endpoint),
                                 ((const struct em_wire_rule *)rule)->seed +
                                     rule->number - 1);
  struct em_random random = {em_random_hash("", hash + plan->of_kind)};
  const json_t *at = json_object_get(rule->source, "at");
  const json_t *probability =
      json_object_get(json_object_get(rule->source, "match"), "probability");
  const char *direction = json_string_value(
      draw_word(json_object_get(rule->source, "direction"), &random));
  plan->direction =
      direction && !strcmp(direction, "request") ? EM_REQUEST : EM_RESPONSE;
  plan->action =
      find_action(draw_word(json_object_get(rule->source, "action"), &random));
  plan->anywhere = json_is_string(at);
  plan->at = json_integer_value(at);
  plan->part = em_random_between(&random, 0, 1);
  plan->seed = em_random_next(&random);
  return em_random_between(&random, 0, 1) <
         (probability ? json_number_value(probability) : 1);
}

static const struct em_rule_kind kind = {.size = sizeof(struct em_wire_rule),
                                         .check = check_rule,
                                         .matches = matches,
                                         .read = read_rule,
                                         .destroy = destroy_rule,
                                         .draw = draw,
                                         .add_members = add_done};

/* A fault that was done. */
struct fault_log_entry {
  struct em_wire_plan plan; /* its rule may be gone */
  size_t rule_number;
  uint64_t byte, total;
};

struct em_wire {
  struct em_rules rules; /* its lock guards the rest, too */
  unsigned long long exchanges, of_kind[EM_ENDPOINT_COUNT];
  struct fault_log_entry *log;
  size_t log_count;
};

struct em_wire *em_wire_new(uint64_t seed) {
  struct em_wire *wire = calloc(1, sizeof *wire);
  if (!wire)
    return NULL;
  em_rules_create(&wire->rules, &kind, seed);
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
  em_rules_clear(&wire->rules);
  pthread_mutex_lock(&wire->rules.lock);
  free(wire->log);
  wire->log = NULL;
  wire->log_count = 0;
  wire->exchanges = 0;
  memset(wire->of_kind, 0, sizeof wire->of_kind);
  pthread_mutex_unlock(&wire->rules.lock);
}

void em_wire_match(struct em_wire *wire, const char *path,
                   struct em_wire_plan *plan) {
  struct em_route route;
  em_route_find(&route, path);
  *plan = (struct em_wire_plan){.endpoint = route.endpoint};
  snprintf(plan->path, sizeof plan->path, "%s", path);
  if (route.endpoint == EM_AT_CONTROL)
    return;
  pthread_mutex_lock(&wire->rules.lock);
  plan->exchange = ++wire->exchanges;
  plan->of_kind = ++wire->of_kind[route.endpoint];
  plan->rule = (struct em_wire_rule *)em_rules_match_locked(&wire->rules, plan);
  pthread_mutex_unlock(&wire->rules.lock);
  if (plan->rule)
    plan->terms = &plan->rule->terms;
}

void em_wire_drop(struct em_wire_plan *plan) {
  if (plan->rule)
    em_rule_drop(&plan->rule->base);
  plan->rule = NULL;
}

void em_wire_log(struct em_wire *wire, const struct em_wire_plan *plan,
                 uint64_t byte, uint64_t total) {
  pthread_mutex_lock(&wire->rules.lock);
  struct fault_log_entry *entry;
  struct fault_log_entry *log =
      em_grow(wire->log, wire->log_count, sizeof *log);
  plan->rule->done++;
  if (log) {
    wire->log = log;
    entry = &log[wire->log_count++];
    *entry =
        (struct fault_log_entry){*plan, plan->rule->base.number, byte, total};
    for (char *c = entry->plan.path; *c; c++)
      if (*c & 0x80) /* it will be written as JSON */
        *c = '?';
  }
  pthread_mutex_unlock(&wire->rules.lock);
}

static json_t *entry_tree(const struct fault_log_entry *entry) {
  const struct em_wire_plan *plan = &entry->plan;
  return json_pack(
      "{s:I, s:I, s:s, s:s, s:I, s:s, s:I, s:o, s:s}", "exchange",
      plan->exchange, "connection", plan->connection, "kind",
      em_endpoint_name(plan->endpoint), "path", plan->path, "rule",
      entry->rule_number, "direction", direction_names[plan->direction], "byte",
      entry->byte, "total",
      entry->total ? json_integer((json_int_t)entry->total) : json_null(),
      "action", action_names[plan->action]);
}

json_t *em_wire_log_tree(struct em_wire *wire, size_t from) {
  json_t *log = json_array();
  pthread_mutex_lock(&wire->rules.lock);
  for (size_t i = from; i < wire->log_count; i++)
    json_array_append_new(log, entry_tree(&wire->log[i]));
  json_t *tree =
      json_pack("{s:o, s:I, s:I, s:o}", "seed",
                json_sprintf("%llu", (unsigned long long)wire->rules.seed),
                "exchanges", (json_int_t)wire->exchanges, "faults",
                (json_int_t)wire->log_count, "log", log);
  pthread_mutex_unlock(&wire->rules.lock);
  return tree;
}
