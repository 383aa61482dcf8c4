#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "em_match.h"
#include "em_member.h"
#include "em_wire.h"

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

int em_wire_check(const json_t *rule, char *message, size_t message_size) {
  const json_t *match = json_object_get(rule, "match");
  const char *mistake = NULL;
  if (!json_is_object(rule))
    mistake = "it is not an object";
  else if (match && !json_is_object(match))
    mistake = "match must be an object";
  else if (em_members_check(rule, "", rule_members, message, message_size) ||
           em_members_check(match, "match.", match_members, message,
                            message_size))
    return -1;
  if (!mistake)
    mistake = find_match_mistake(match);
  if (!mistake)
    mistake = find_place_mistake(rule);
  if (!mistake)
    mistake = find_action_mistake(rule);
  if (!mistake)
    return 0;
  snprintf(message, message_size, "%s", mistake);
  return -1;
}
