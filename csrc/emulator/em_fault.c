#include "em_fault.h"

#include <fnmatch.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "em_base64.h"
#include "em_clock.h"

struct em_fault_rule {
  atomic_int references;
  json_t *source; /* only read after it was made */
  const json_t *match, *then;
  long long from;  /* 0: whenever it is not used up */
  long long count; /* 0: for ever */
  long long seen, used;
};

struct em_faults {
  pthread_mutex_t lock;
  struct em_fault_rule **rules;
  size_t count;
  atomic_size_t active;
};

struct em_faults *em_faults_new(void) {
  struct em_faults *faults = calloc(1, sizeof *faults);
  if (faults)
    pthread_mutex_init(&faults->lock, NULL);
  return faults;
}

void em_faults_delete(struct em_faults *faults) {
  if (!faults)
    return;
  em_faults_clear(faults);
  pthread_mutex_destroy(&faults->lock);
  free(faults);
}

bool em_faults_active(const struct em_faults *faults) {
  return atomic_load_explicit(&faults->active, memory_order_acquire) > 0;
}

void em_fault_drop(struct em_fault_rule *rule) {
  if (!rule || atomic_fetch_sub(&rule->references, 1) > 1)
    return;
  json_decref(rule->source);
  free(rule);
}

static struct em_fault_rule *new_rule(const json_t *source) {
  struct em_fault_rule *rule = calloc(1, sizeof *rule);
  if (!rule)
    return NULL;
  atomic_init(&rule->references, 1);
  rule->source = json_deep_copy(source);
  rule->match = json_object_get(rule->source, "match");
  rule->then = json_object_get(rule->source, "then");
  const json_t *nth = json_object_get(rule->match, "nth");
  const json_t *from = json_object_get(rule->match, "from");
  const json_t *count = json_object_get(rule->match, "count");
  rule->from = json_integer_value(nth ? nth : from);
  rule->count = 1;
  if (count)
    rule->count = json_integer_value(count); /* "always" gives 0 */
  return rule;
}

static int add_rule(struct em_faults *faults, const json_t *source) {
  struct em_fault_rule *rule = new_rule(source);
  struct em_fault_rule **rules =
      realloc(faults->rules, (faults->count + 1) * sizeof(*rules));
  if (rules)
    faults->rules = rules;
  if (!rule || !rules) {
    em_fault_drop(rule);
    return -1;
  }
  rules[faults->count++] = rule;
  atomic_store(&faults->active, faults->count);
  return 0;
}

static int check_list(const json_t *list, char *message, size_t message_size) {
  size_t i;
  const json_t *rule;
  char mistake[256];
  if (!json_is_array(list)) {
    snprintf(message, message_size, "a list of rules is expected");
    return -1;
  }
  json_array_foreach(list, i, rule) {
    if (em_fault_check(rule, mistake, sizeof mistake)) {
      snprintf(message, message_size, "rule %zu: %s", i + 1, mistake);
      return -1;
    }
  }
  return 0;
}

int em_faults_add(struct em_faults *faults, const char *json, size_t size,
                  char *message, size_t message_size) {
  json_error_t error;
  json_t *list = json_loadb(json ? json : "", size, 0, &error);
  if (!list) {
    snprintf(message, message_size, "not JSON: line %d: %s", error.line,
             error.text);
    return -1;
  }
  int failed = check_list(list, message, message_size);
  pthread_mutex_lock(&faults->lock);
  for (size_t i = 0; !failed && i < json_array_size(list); i++)
    if (add_rule(faults, json_array_get(list, i))) {
      snprintf(message, message_size, "out of memory");
      failed = -1;
    }
  pthread_mutex_unlock(&faults->lock);
  json_decref(list);
  return failed;
}

void em_faults_clear(struct em_faults *faults) {
  pthread_mutex_lock(&faults->lock);
  for (size_t i = 0; i < faults->count; i++)
    em_fault_drop(faults->rules[i]);
  free(faults->rules);
  faults->rules = NULL;
  faults->count = 0;
  atomic_store(&faults->active, 0);
  pthread_mutex_unlock(&faults->lock);
}

void em_faults_tell(struct em_faults *faults, struct em_text *text) {
  em_text_add(text, "[");
  pthread_mutex_lock(&faults->lock);
  for (size_t i = 0; i < faults->count; i++) {
    const struct em_fault_rule *rule = faults->rules[i];
    char *source = json_dumps(rule->source, JSON_COMPACT);
    em_text_addf(text, "%s{\"seen\":%lld,\"used\":%lld,\"rule\":%s}",
                 i ? "," : "", rule->seen, rule->used,
                 source ? source : "null");
    free(source);
  }
  pthread_mutex_unlock(&faults->lock);
  em_text_add(text, "]");
}

static const char *wish(const struct em_fault_rule *rule, const char *name) {
  return json_string_value(json_object_get(rule->match, name));
}

static bool path_matches(const char *wanted,
                         const struct em_fault_subject *subject) {
  if (!wanted)
    return true;
  if (*wanted == '/' || *wanted == '*')
    return !fnmatch(wanted, subject->path, 0);
  return !strcmp(wanted, em_endpoint_name(subject->endpoint));
}

static bool matches(const struct em_fault_rule *rule,
                    const struct em_fault_subject *subject) {
  const char *method = wish(rule, "method");
  const char *model = wish(rule, "model");
  const char *prompt = wish(rule, "prompt");
  if (method && strcasecmp(method, subject->method) != 0)
    return false;
  if (!path_matches(wish(rule, "path"), subject))
    return false;
  if (model && (!subject->model || fnmatch(model, subject->model, 0)))
    return false;
  return !prompt || (subject->prompt && strstr(subject->prompt, prompt));
}

static bool applies(const struct em_fault_rule *rule) {
  if (!rule->from)
    return !rule->count || rule->used < rule->count;
  return rule->seen >= rule->from &&
         (!rule->count || rule->seen < rule->from + rule->count);
}

struct em_fault_rule *em_faults_match(struct em_faults *faults,
                                      const struct em_fault_subject *subject) {
  struct em_fault_rule *first = NULL;
  pthread_mutex_lock(&faults->lock);
  for (size_t i = 0; i < faults->count; i++) {
    struct em_fault_rule *rule = faults->rules[i];
    if (!matches(rule, subject))
      continue;
    rule->seen++;
    if (!first && applies(rule))
      first = rule;
  }
  if (first) {
    first->used++;
    atomic_fetch_add(&first->references, 1);
  }
  pthread_mutex_unlock(&faults->lock);
  return first;
}

const json_t *em_fault_get(const struct em_fault_rule *rule, const char *name) {
  return json_object_get(rule->then, name);
}

bool em_fault_is_after(const struct em_fault_rule *rule) {
  const char *mode = json_string_value(json_object_get(rule->source, "mode"));
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
static void set_status(struct em_reply *reply, int status) {
  char iso[EM_ISO_SIZE];
  if (status == 405) {
    em_reply_not_allowed(reply, NULL);
    return;
  }
  em_reply_error(reply, status, "Emulated fault: HTTP %d", status);
  if (status == 429) {
    em_clock_iso(em_clock_wall_ms() + 1000, iso);
    em_reply_header(reply, "x-rate-limit-reset-at-utc", iso);
  }
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

void em_fault_apply(const struct em_fault_rule *rule, struct em_reply *reply) {
  const json_t *status = em_fault_get(rule, "status");
  const json_t *repeat = em_fault_get(rule, "repeat");
  const json_t *truncate = em_fault_get(rule, "truncate");
  if (status)
    set_status(reply, (int)json_integer_value(status));
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
