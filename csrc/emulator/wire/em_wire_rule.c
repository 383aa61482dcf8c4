#include "em_wire_rule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "em_base64.h"
#include "em_clock.h"
#include "em_member.h"
#include "em_random.h"

static const char *const action_names[EM_WIRE_ACTION_COUNT] = {
    "close", "reset", "stall", "delay", "trickle", "garbage", "replace"};

const char *em_wire_action_name(enum em_wire_action action) {
  return action_names[action];
}

const char *em_direction_name(enum em_direction direction) {
  return direction == EM_REQUEST ? "request" : "response";
}

static const long long PLACE_MAX = 1000000000000000;

static const struct em_member rule_members[] = {
    {"match", EM_ANY},    {"direction", EM_WORDS}, {"at", EM_ANY},
    {"action", EM_WORDS}, {"seconds", EM_AMOUNT},  {"rate", EM_AMOUNT},
    {"length", EM_COUNT}, {"bytes", EM_STRING},    {"bytes_base64", EM_STRING},
    {"repeat", EM_TIMES}, {"seed", EM_INTEGER},    {NULL, EM_ANY}};
static const struct em_member match_members[] = {
    {"kind", EM_STRING}, {"nth", EM_COUNT},          {"from", EM_COUNT},
    {"count", EM_TIMES}, {"probability", EM_AMOUNT}, {NULL, EM_ANY}};

static bool is_action(const char *word) {
  for (int i = 0; i < EM_WIRE_ACTION_COUNT; i++)
    if (!strcmp(word, em_wire_action_name((enum em_wire_action)i)))
      return true;
  return false;
}

static bool is_direction(const char *word) {
  return !strcmp(word, "request") || !strcmp(word, "response");
}

/* Is the word, or every word of the list, one of those? */
static bool all_are(const json_t *words, bool (*is)(const char *)) {
  size_t i;
  const json_t *word;
  if (json_is_string(words))
    return is(json_string_value(words));
  json_array_foreach(words, i, word) {
    if (!is(json_string_value(word)))
      return false;
  }
  return true;
}

static bool has_word(const json_t *words, const char *wanted) {
  size_t i;
  const json_t *word;
  if (json_is_string(words))
    return !strcmp(json_string_value(words), wanted);
  json_array_foreach(words, i, word) {
    if (!strcmp(json_string_value(word), wanted))
      return true;
  }
  return false;
}

static const char *find_match_mistake(const json_t *match) {
  const char *kind = json_string_value(json_object_get(match, "kind"));
  if (!em_match_knows(kind))
    return "match.kind is neither an endpoint's name nor a glob that starts "
           "with / or *";
  const char *mistake = em_match_find_mistake(match);
  if (!mistake && json_number_value(json_object_get(match, "probability")) > 1)
    mistake = "match.probability must be 0 to 1";
  return mistake;
}

static const char *find_place_mistake(const json_t *rule) {
  const json_t *at = json_object_get(rule, "at");
  if (!all_are(json_object_get(rule, "direction"), is_direction))
    return "direction must be \"request\" or \"response\"";
  if (llabs(json_integer_value(at)) > PLACE_MAX)
    return "at is out of reach";
  if (at && !json_is_integer(at) &&
      (!json_is_string(at) || strcmp(json_string_value(at), "random") != 0))
    return "at must be a whole number or \"random\"";
  return NULL;
}

static const char *find_bytes_mistake(const json_t *rule, bool replaces) {
  const json_t *bytes = json_object_get(rule, "bytes");
  const json_t *encoded = json_object_get(rule, "bytes_base64");
  if (bytes && encoded)
    return "bytes and bytes_base64 exclude each other";
  if (encoded && !em_member_is_base64(encoded))
    return "bytes_base64 is not base64";
  if (replaces && !bytes && !encoded)
    return "action replace needs bytes or bytes_base64";
  if (!em_member_is_word(json_object_get(rule, "repeat"), "endless"))
    return "repeat must be a whole number above 0 or \"endless\"";
  return NULL;
}

static const char *find_action_mistake(const json_t *rule) {
  const json_t *action = json_object_get(rule, "action");
  if (!action || !all_are(action, is_action))
    return "action must be close, reset, stall, delay, trickle, garbage or "
           "replace, or a list of them";
  if ((has_word(action, "stall") || has_word(action, "delay")) &&
      !json_object_get(rule, "seconds"))
    return "actions stall and delay need seconds";
  if (has_word(action, "trickle") &&
      json_number_value(json_object_get(rule, "rate")) <= 0)
    return "action trickle needs a rate above 0";
  return find_bytes_mistake(rule, has_word(action, "replace"));
}

static int check_rule(const json_t *rule, struct em_error *error) {
  const json_t *match = json_object_get(rule, "match");
  if (!json_is_object(rule))
    return em_fail(error, "it is not an object");
  if (match && !json_is_object(match))
    return em_fail(error, "match must be an object");
  if (em_members_check(rule, "", rule_members, error) ||
      em_members_check(match, "match.", match_members, error))
    return -1;
  const char *mistake = find_match_mistake(match);
  if (!mistake)
    mistake = find_place_mistake(rule);
  if (!mistake)
    mistake = find_action_mistake(rule);
  return mistake ? em_fail(error, "%s", mistake) : 0;
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

static void write_done(const struct em_rule *rule, struct em_text *text) {
  em_text_addf(text, ",\"done\":%lld",
               ((const struct em_wire_rule *)rule)->done);
}

const struct em_rule_kind em_wire_rule_kind = {.check = check_rule,
                                               .make = make_rule,
                                               .drop = drop_rule,
                                               .write_members = write_done};

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
