#include "em_wire_rule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "em_base64.h"
#include "em_clock.h"
#include "em_random.h"

static const char *const action_names[EM_WIRE_ACTION_COUNT] = {
    "close", "reset", "stall", "delay", "trickle", "garbage", "replace"};

const char *em_wire_action_name(enum em_wire_action action) {
  return action_names[action];
}

const char *em_direction_name(enum em_direction direction) {
  return direction == EM_REQUEST ? "request" : "response";
}

void em_wire_rule_drop(struct em_wire_rule *rule) {
  if (!rule || !em_rule_release(&rule->base))
    return;
  free(rule->terms.bytes);
  free(rule);
}

static int read_bytes(struct em_wire_terms *terms, const json_t *source) {
  const json_t *bytes = json_object_get(source, "bytes");
  const json_t *encoded = json_object_get(source, "bytes_base64");
  const json_t *repeat = json_object_get(source, "repeat");
  if (encoded) {
    terms->bytes = (char *)em_base64_decode(
        json_string_value(encoded), json_string_length(encoded), &terms->size);
  } else {
    terms->size = json_string_length(bytes);
    terms->bytes = malloc(terms->size + 1);
    if (terms->bytes && terms->size)
      memcpy(terms->bytes, json_string_value(bytes), terms->size);
  }
  uint64_t times = repeat ? UINT64_MAX : 1;
  if (json_is_integer(repeat))
    times = (uint64_t)json_integer_value(repeat);
  terms->total = terms->size * times;
  if (terms->size && times > UINT64_MAX / terms->size)
    terms->total = UINT64_MAX;
  return terms->bytes ? 0 : -1;
}

static int read_terms(struct em_wire_terms *terms, const json_t *source) {
  const json_t *length = json_object_get(source, "length");
  terms->seconds_us = em_clock_us(
      fmin(json_number_value(json_object_get(source, "seconds")), 1e9));
  terms->rate = json_number_value(json_object_get(source, "rate"));
  terms->length = length ? (uint64_t)json_integer_value(length) : UINT64_MAX;
  return read_bytes(terms, source);
}

static void read_match(struct em_wire_rule *rule) {
  const json_t *match = json_object_get(rule->base.source, "match");
  const json_t *probability = json_object_get(match, "probability");
  rule->probability = probability ? json_number_value(probability) : 1;
  em_match_read(&rule->base.match, match, probability ? 0 : 1);
}

static struct em_rule *make_rule(const json_t *source, uint64_t seed) {
  struct em_wire_rule *rule = calloc(1, sizeof *rule);
  if (!rule)
    return NULL;
  const json_t *own_seed = json_object_get(source, "seed");
  rule->seed = own_seed ? (uint64_t)json_integer_value(own_seed) : seed;
  if (em_rule_create(&rule->base, source) &&
      !read_terms(&rule->terms, source)) {
    read_match(rule);
    return &rule->base;
  }
  em_wire_rule_drop(rule);
  return NULL;
}

static void drop_rule(struct em_rule *rule) {
  em_wire_rule_drop((struct em_wire_rule *)rule);
}

static void tell_rule(const struct em_rule *rule, struct em_text *text) {
  em_text_addf(text, ",\"done\":%lld",
               ((const struct em_wire_rule *)rule)->done);
}

const struct em_rule_kind em_wire_rule_kind = {.check = em_wire_check,
                                               .make = make_rule,
                                               .drop = drop_rule,
                                               .tell = tell_rule};

bool em_wire_rule_matches(const struct em_wire_rule *rule,
                          enum em_endpoint endpoint, const char *path) {
  const json_t *match = json_object_get(rule->base.source, "match");
  const char *kind = json_string_value(json_object_get(match, "kind"));
  return em_match_fits(kind, endpoint, path);
}

/* One word of a list, or the only one. */
static const char *draw_word(const json_t *words, struct em_random *random) {
  size_t count = json_array_size(words);
  if (!count)
    return json_string_value(words);
  return json_string_value(
      json_array_get(words, (size_t)em_random_below(random, (int)count)));
}

static enum em_wire_action find_action(const char *word) {
  int i = 0;
  while (strcmp(word, action_names[i]) != 0)
    i++;
  return (enum em_wire_action)i;
}

static struct em_random begin_draw(const struct em_wire_rule *rule,
                                   size_t number, unsigned long long of_kind,
                                   enum em_endpoint endpoint) {
  uint64_t hash =
      em_random_hash(em_endpoint_name(endpoint), rule->seed + number);
  return (struct em_random){em_random_hash("", hash + of_kind)};
}

bool em_wire_rule_draw(const struct em_wire_rule *rule, size_t number,
                       unsigned long long of_kind, struct em_wire_plan *plan) {
  struct em_random random = begin_draw(rule, number, of_kind, plan->endpoint);
  const json_t *at = json_object_get(rule->base.source, "at");
  const char *direction =
      draw_word(json_object_get(rule->base.source, "direction"), &random);
  plan->direction = direction && *direction == 'r' && direction[2] == 'q'
                        ? EM_REQUEST
                        : EM_RESPONSE;
  plan->action = find_action(
      draw_word(json_object_get(rule->base.source, "action"), &random));
  plan->anywhere = json_is_string(at);
  plan->at = json_integer_value(at);
  plan->part = em_random_between(&random, 0, 1);
  plan->seed = em_random_next(&random);
  return em_random_between(&random, 0, 1) < rule->probability;
}
