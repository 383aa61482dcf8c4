#include "em_fault.h"

#include <fnmatch.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "em_base64.h"
#include "em_clock.h"
#include "em_rules.h"

struct em_fault_rule {
  struct em_rule base;
  const json_t *match, *then;
};

struct em_faults {
  struct em_rules rules;
};

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
    .check = em_fault_check, .make = make_rule, .drop = drop_rule};

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

int em_faults_add(struct em_faults *faults, const char *json, size_t size,
                  char *message, size_t message_size) {
  return em_rules_add(&faults->rules, json, size, message, message_size);
}

void em_faults_clear(struct em_faults *faults) {
  em_rules_clear(&faults->rules);
}

void em_faults_tell(struct em_faults *faults, struct em_text *text) {
  em_rules_tell(&faults->rules, text);
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
