#include "em_visits.h"

#include <ctype.h>
#include <jansson.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "em_base64.h"
#include "em_frame.h"
#include "em_member.h"
#include "em_painter.h"

struct visit {
  char *bytes;
  size_t kept;
  unsigned long long size;
};

struct em_visits {
  pthread_mutex_t lock;
  struct visit *list;
  size_t count, capacity;
  struct em_text answer; /* empty: the picture */
};

static const struct em_member members[] = {{"status", EM_COUNT},
                                           {"headers", EM_HEADERS},
                                           {"body", EM_STRING},
                                           {"body_base64", EM_STRING},
                                           {NULL, EM_ANY}};

struct em_visits *em_visits_new(void) {
  struct em_visits *visits = calloc(1, sizeof *visits);
  if (visits)
    pthread_mutex_init(&visits->lock, NULL);
  return visits;
}

void em_visits_clear(struct em_visits *visits, bool answer_too) {
  pthread_mutex_lock(&visits->lock);
  for (size_t i = 0; i < visits->count; i++)
    free(visits->list[i].bytes);
  visits->count = 0;
  if (answer_too)
    em_text_free(&visits->answer);
  pthread_mutex_unlock(&visits->lock);
}

void em_visits_delete(struct em_visits *visits) {
  if (!visits)
    return;
  em_visits_clear(visits, true);
  free(visits->list);
  pthread_mutex_destroy(&visits->lock);
  free(visits);
}

static void write_answer(struct em_text *text, int status,
                         const json_t *headers, const void *body, size_t size) {
  const char *name;
  const json_t *value;
  em_text_addf(text, "HTTP/1.1 %d Foreign\r\nConnection: close\r\n", status);
  if (!json_object_get(headers, "Content-Length"))
    em_text_addf(text, "Content-Length: %zu\r\n", size);
  json_object_foreach((json_t *)(uintptr_t)headers, name, value) {
    em_text_addf(text, "%s: %s\r\n", name, json_string_value(value));
  }
  em_text_add(text, "\r\n");
  em_text_add_bytes(text, body, size);
}

static int write_script(struct em_text *text, const json_t *script) {
  const json_t *status = json_object_get(script, "status");
  const json_t *body = json_object_get(script, "body");
  const json_t *encoded = json_object_get(script, "body_base64");
  size_t size = json_string_length(body);
  unsigned char *bytes = NULL;
  if (encoded &&
      !(bytes = em_base64_decode(json_string_value(encoded),
                                 json_string_length(encoded), &size)))
    return -1;
  write_answer(text, status ? (int)json_integer_value(status) : 200,
               json_object_get(script, "headers"),
               bytes ? (const void *)bytes : json_string_value(body), size);
  free(bytes);
  return 0;
}

int em_visits_script(struct em_visits *visits, const char *json, size_t size,
                     char *message, size_t message_size) {
  json_error_t error;
  struct em_text answer = {0};
  json_t *script = json_loadb(json ? json : "", size, 0, &error);
  int failed = -1;
  if (!json_is_object(script))
    snprintf(message, message_size, "an object is expected");
  else if (json_integer_value(json_object_get(script, "status")) > 999)
    snprintf(message, message_size, "status must be at most 999");
  else if (!em_members_check(script, "", members, message, message_size) &&
           (failed = write_script(&answer, script)))
    snprintf(message, message_size, "body_base64 is not base64");
  json_decref(script);
  if (failed)
    return -1;
  pthread_mutex_lock(&visits->lock);
  em_text_free(&visits->answer);
  visits->answer = answer;
  pthread_mutex_unlock(&visits->lock);
  return 0;
}

static void add_locked(struct em_visits *visits, const struct visit *visit) {
  if (visits->count == visits->capacity) {
    size_t capacity = visits->capacity ? visits->capacity * 2 : 16;
    struct visit *list = realloc(visits->list, capacity * sizeof *list);
    if (!list) {
      free(visit->bytes);
      return;
    }
    visits->list = list;
    visits->capacity = capacity;
  }
  visits->list[visits->count++] = *visit;
}

void em_visits_add(struct em_visits *visits, const char *bytes, size_t kept,
                   unsigned long long size) {
  struct visit visit = {malloc(kept + 1), kept, size};
  if (!visit.bytes)
    return;
  if (kept)
    memcpy(visit.bytes, bytes, kept);
  pthread_mutex_lock(&visits->lock);
  add_locked(visits, &visit);
  pthread_mutex_unlock(&visits->lock);
}

static void write_picture(struct em_text *text) {
  unsigned char *picture = NULL;
  size_t size = 0;
  json_t *headers = json_pack("{s:s}", "Content-Type", "image/png");
  if (em_painter_plain(0x808080, "png", &picture, &size))
    size = 0;
  write_answer(text, 200, headers, picture, size);
  json_decref(headers);
  free(picture);
}

void em_visits_answer(struct em_visits *visits, struct em_text *text) {
  pthread_mutex_lock(&visits->lock);
  em_text_add_bytes(text, visits->answer.data, visits->answer.size);
  pthread_mutex_unlock(&visits->lock);
  if (!text->size)
    write_picture(text);
}

static void tell_bytes(struct em_text *text, const char *bytes, size_t size) {
  em_text_add(text, "\"");
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)bytes[i];
    if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
      em_text_addf(text, "\\u%04x", c);
    else
      em_text_add_bytes(text, &bytes[i], 1);
  }
  em_text_add(text, "\"");
}

/* Up to the stop, and past it. */
static const char *tell_word(struct em_text *text, const char *name,
                             const char *from, const char *end, char stop) {
  const char *to = memchr(from, stop, (size_t)(end - from));
  em_text_addf(text, ",\"%s\":", name);
  tell_bytes(text, from, (size_t)((to ? to : end) - from));
  return to ? to + 1 : end;
}

static void tell_header(json_t *headers, const char *line, const char *stop) {
  char name[128];
  size_t size = 0;
  const char *colon = memchr(line, ':', (size_t)(stop - line));
  if (!colon || (size_t)(colon - line) >= sizeof name)
    return;
  for (; line < colon; line++)
    name[size++] = (char)tolower((unsigned char)*line);
  name[size] = '\0';
  line = colon + 1;
  while (line < stop && isspace((unsigned char)*line))
    line++;
  while (stop > line && isspace((unsigned char)stop[-1]))
    stop--;
  json_object_set_new(headers, name, json_stringn(line, (size_t)(stop - line)));
}

static void tell_headers(struct em_text *text, const char *from,
                         const char *end) {
  json_t *headers = json_object();
  for (const char *line = from; line < end;) {
    const char *feed = memchr(line, '\n', (size_t)(end - line));
    tell_header(headers, line, feed ? feed : end);
    line = feed ? feed + 1 : end;
  }
  char *object = json_dumps(headers, JSON_COMPACT);
  em_text_addf(text, ",\"headers\":%s", object ? object : "{}");
  free(object);
  json_decref(headers);
}

static void tell_visit(struct em_text *text, const struct visit *visit) {
  size_t head = em_frame_head_size(visit->bytes, visit->kept);
  const char *end = visit->bytes + head;
  em_text_addf(text, "{\"size\":%llu,\"body_size\":%llu", visit->size,
               visit->size - (head ? head : visit->size));
  if (head) {
    const char *p = tell_word(text, "method", visit->bytes, end, ' ');
    p = tell_word(text, "path", p, end, ' ');
    p = memchr(p, '\n', (size_t)(end - p));
    tell_headers(text, p ? p : end, end);
  }
  em_text_add(text, ",\"bytes\":");
  tell_bytes(text, visit->bytes, visit->kept);
  em_text_add(text, "}");
}

void em_visits_tell(struct em_visits *visits, struct em_text *text) {
  em_text_add(text, "[");
  pthread_mutex_lock(&visits->lock);
  for (size_t i = 0; i < visits->count; i++) {
    em_text_add(text, i ? "," : "");
    tell_visit(text, &visits->list[i]);
  }
  pthread_mutex_unlock(&visits->lock);
  em_text_add(text, "]");
}
