#include "em_fault.h"

#include <fnmatch.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "em_base64.h"
#include "em_clock.h"
#include "em_member.h"

struct em_fault_rule {
  struct em_rule base;
  const json_t *match, *then;
};

struct em_faults {
  struct em_rules rules;
};

static const struct em_member rule_members[] = {
    {"match", EM_ANY}, {"then", EM_ANY}, {"mode", EM_STRING}, {NULL, EM_ANY}};
static const struct em_member match_members[] = {
    {"method", EM_STRING}, {"path", EM_STRING}, {"model", EM_STRING},
    {"prompt", EM_STRING}, {"nth", EM_COUNT},   {"from", EM_COUNT},
    {"count", EM_TIMES},   {NULL, EM_ANY}};
static const struct em_member then_members[] = {{"status", EM_COUNT},
                                                {"body", EM_ANY},
                                                {"body_base64", EM_STRING},
                                                {"repeat", EM_TIMES},
                                                {"content_type", EM_STRING},
                                                {"framing", EM_STRING},
                                                {"content_length", EM_COUNT},
                                                {"headers", EM_HEADERS},
                                                {"truncate", EM_AMOUNT},
                                                {"close", EM_BOOLEAN},
                                                {"delay", EM_AMOUNT},
                                                {"states", EM_STRINGS},
                                                {"lose_record", EM_BOOLEAN},
                                                {"lose_history", EM_BOOLEAN},
                                                {"credits", EM_AMOUNT},
                                                {"rate_limit", EM_AMOUNT},
                                                {NULL, EM_ANY}};

static const char *find_match_mistake(const json_t *match) {
  const char *path = json_string_value(json_object_get(match, "path"));
  if (!em_match_knows(path))
    return "match.path is neither an endpoint's name nor a glob that starts "
           "with / or *";
  return em_match_find_mistake(match);
}

static const char *find_then_mistake(const json_t *then) {
  const json_t *status = json_object_get(then, "status");
  const json_t *encoded = json_object_get(then, "body_base64");
  const char *framing = json_string_value(json_object_get(then, "framing"));
  if (status &&
      (json_integer_value(status) < 200 || json_integer_value(status) > 599))
    return "then.status must be 200 to 599";
  if (encoded && json_object_get(then, "body"))
    return "then.body and then.body_base64 exclude each other";
  if (encoded && !em_member_is_base64(encoded))
    return "then.body_base64 is not base64";
  if (!em_member_is_word(json_object_get(then, "repeat"), "endless"))
    return "then.repeat must be a whole number above 0 or \"endless\"";
  if (framing && strcmp(framing, "chunked") != 0 &&
      strcmp(framing, "close") != 0)
    return "then.framing must be \"chunked\" or \"close\"";
  if (framing && json_object_get(then, "content_length"))
    return "then.framing and then.content_length exclude each other";
  if (!json_object_size(then))
    return "then is empty";
  return NULL;
}

static int check_rule(const json_t *rule, struct em_error *error) {
  const json_t *match = json_object_get(rule, "match");
  const json_t *then = json_object_get(rule, "then");
  const char *mode = json_string_value(json_object_get(rule, "mode"));
  if (!json_is_object(rule))
    return em_fail(error, "it is not an object");
  if (em_members_check(rule, "", rule_members, error))
    return -1;
  if (!json_is_object(then) || (match && !json_is_object(match)))
    return em_fail(error, "then must be an object, and so must match");
  if (mode && strcmp(mode, "before") != 0 && strcmp(mode, "after") != 0)
    return em_fail(error, "mode must be \"before\" or \"after\"");
  if (em_members_check(match, "match.", match_members, error) ||
      em_members_check(then, "then.", then_members, error))
    return -1;
  const char *mistake = find_match_mistake(match);
  if (!mistake)
    mistake = find_then_mistake(then);
  return mistake ? em_fail(error, "%s", mistake) : 0;
}

static struct em_rule *make_rule(const json_t *source, uint64_t seed) {
  (void)seed; /* nothing is left to chance */
  struct em_fault_rule *rule = calloc(1, sizeof *rule);
  if (!rule)
    return NULL;
  if (!em_rule_create(&rule->base, source)) {
    em_fault_drop(rule);
    return NULL;
  }
  rule->match = json_object_get(rule->base.source, "match");
  rule->then = json_object_get(rule->base.source, "then");
  em_match_read(&rule->base.match, rule->match, 1);
  return &rule->base;
}

void em_fault_drop(struct em_fault_rule *rule) {
  if (rule && em_rule_release(&rule->base))
    free(rule);
}

static void drop_rule(struct em_rule *rule) {
  em_fault_drop((struct em_fault_rule *)rule);
}

static const struct em_rule_kind kind = {
    .check = check_rule, .make = make_rule, .drop = drop_rule};

struct em_faults *em_faults_new(void) {
  struct em_faults *faults = calloc(1, sizeof *faults);
  if (faults)
    em_rules_create(&faults->rules, &kind, 0);
  return faults;
}

void em_faults_delete(struct em_faults *faults) {
  if (!faults)
    return;
  em_rules_destroy(&faults->rules);
  free(faults);
}

bool em_faults_active(const struct em_faults *faults) {
  return atomic_load_explicit(&faults->rules.active, memory_order_acquire) > 0;
}

struct em_rules *em_faults_rules(struct em_faults *faults) {
  return &faults->rules;
}

static const char *wish(const struct em_fault_rule *rule, const char *name) {
  return json_string_value(json_object_get(rule->match, name));
}

static bool matches(const struct em_fault_rule *rule,
                    const struct em_fault_subject *subject) {
  const char *method = wish(rule, "method");
  const char *model = wish(rule, "model");
  const char *prompt = wish(rule, "prompt");
  if (method && strcasecmp(method, subject->method) != 0)
    return false;
  if (!em_match_fits(wish(rule, "path"), subject->endpoint, subject->path))
    return false;
  if (model && (!subject->model || fnmatch(model, subject->model, 0)))
    return false;
  return !prompt || (subject->prompt && strstr(subject->prompt, prompt));
}

struct em_fault_rule *em_faults_match(struct em_faults *faults,
                                      const struct em_fault_subject *subject) {
  struct em_fault_rule *first = NULL;
  pthread_mutex_lock(&faults->rules.lock);
  for (size_t i = 0; i < faults->rules.count; i++) {
    struct em_fault_rule *rule = (struct em_fault_rule *)faults->rules.all[i];
    if (matches(rule, subject) && em_match_see(&rule->base.match) && !first)
      first = rule;
  }
  if (first) {
    first->base.match.used++;
    em_rule_keep(&first->base);
  }
  pthread_mutex_unlock(&faults->rules.lock);
  return first;
}

const json_t *em_fault_get(const struct em_fault_rule *rule, const char *name) {
  return json_object_get(rule->then, name);
}

bool em_fault_is_after(const struct em_fault_rule *rule) {
  const char *mode =
      json_string_value(json_object_get(rule->base.source, "mode"));
  return mode && !strcmp(mode, "after");
}

static bool replaces(const struct em_fault_rule *rule) {
  return em_fault_get(rule, "status") || em_fault_get(rule, "body") ||
         em_fault_get(rule, "body_base64") ||
         json_is_true(em_fault_get(rule, "close"));
}

bool em_fault_prevents(const struct em_fault_rule *rule) {
  return !em_fault_is_after(rule) && replaces(rule);
}

bool em_fault_hides(const struct em_fault_rule *rule) {
  return replaces(rule) || em_fault_get(rule, "truncate");
}

int64_t em_fault_delay_us(const struct em_fault_rule *rule) {
  return em_clock_us(json_number_value(em_fault_get(rule, "delay")));
}

static void set_body(const struct em_fault_rule *rule, struct em_reply *reply,
                     int status) {
  const json_t *body = em_fault_get(rule, "body");
  const json_t *encoded = em_fault_get(rule, "body_base64");
  if (json_is_string(body)) {
    em_reply_bytes(reply, status, "application/json", json_string_value(body),
                   json_string_length(body));
  } else if (body) {
    char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
    em_reply_bytes(reply, status, "application/json", text ? text : "",
                   text ? strlen(text) : 0);
    free(text);
  } else if (encoded) {
    size_t size;
    unsigned char *bytes = em_base64_decode(json_string_value(encoded),
                                            json_string_length(encoded), &size);
    em_reply_bytes(reply, status, "application/json", bytes, size);
    free(bytes);
  }
}

/* A status alone gets the body the service sends with it. */
static void set_status(struct em_reply *reply, int status,
                       const struct em_options *options) {
  if (status == 405) {
    em_reply_not_allowed(reply, NULL);
    return;
  }
  em_reply_error(reply, status, "Emulated fault: HTTP %d", status);
  if (status == 429)
    em_reply_reset(reply, options, 1000000);
}

static void set_headers(const struct em_fault_rule *rule,
                        struct em_reply *reply) {
  const json_t *headers = em_fault_get(rule, "headers");
  const char *type = json_string_value(em_fault_get(rule, "content_type"));
  const char *name;
  const json_t *value;
  json_object_foreach((json_t *)(uintptr_t)headers, name, value) {
    em_reply_header(reply, name, json_string_value(value));
  }
  if (type) {
    free(reply->content_type);
    reply->content_type = strdup(type);
  }
}

static void set_framing(const struct em_fault_rule *rule,
                        struct em_reply *reply) {
  const char *framing = json_string_value(em_fault_get(rule, "framing"));
  const json_t *length = em_fault_get(rule, "content_length");
  if (framing)
    reply->framing = *framing == 'c' && framing[1] == 'h' ? EM_FRAMED_BY_CHUNKS
                                                          : EM_FRAMED_BY_CLOSE;
  if (length) {
    char text[24];
    snprintf(text, sizeof text, "%lld", json_integer_value(length));
    reply->lies = true;
    reply->framing = EM_FRAMED_BY_CLOSE;
    em_reply_header(reply, "Content-Length", text);
  }
}

void em_fault_apply(const struct em_fault_rule *rule,
                    const struct em_options *options, struct em_reply *reply) {
  const json_t *status = em_fault_get(rule, "status");
  const json_t *repeat = em_fault_get(rule, "repeat");
  const json_t *truncate = em_fault_get(rule, "truncate");
  if (status)
    set_status(reply, (int)json_integer_value(status), options);
  set_body(rule, reply, reply->status ? reply->status : 200);
  set_headers(rule, reply);
  reply->drop = json_is_true(em_fault_get(rule, "close"));
  reply->endless = json_is_string(repeat);
  reply->repeat = (unsigned long)json_integer_value(repeat);
  set_framing(rule, reply);
  if (truncate && !reply->has_picture &&
      json_number_value(truncate) < (double)reply->size)
    reply->size = (size_t)json_number_value(truncate);
}
