#include "sm_reply.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sm_cursor.h"
#include "sm_file.h"
#include "sm_json.h"
#include "sm_number.h"
#include "sm_output.h"
#include "sm_reason.h"
#include "sm_redact.h"
#include "sm_system.h"

/* -- states and ids ------------------------------------------------------ */

static const char *const state_names[] = {
    "",       "waiting",    "free",      "submitting", "saving", "ACCEPTED",
    "QUEUED", "PROCESSING", "COMPLETED", "FAILED",     "ENDED",
};

const char *sm_state_name(enum sm_state state) { return state_names[state]; }

/* The documented words first. PENDING is the history's. What separates words
 * is left out. */
static const struct {
  const char *word;
  enum sm_state state;
} state_words[] = {
    {"QUEUED", SM_STATE_QUEUED},          {"PROCESSING", SM_STATE_PROCESSING},
    {"COMPLETED", SM_STATE_COMPLETED},    {"FAILED", SM_STATE_FAILED},
    {"PENDING", SM_STATE_QUEUED},         {"INQUEUE", SM_STATE_QUEUED},
    {"STARTING", SM_STATE_QUEUED},        {"INPROGRESS", SM_STATE_PROCESSING},
    {"RUNNING", SM_STATE_PROCESSING},     {"COMPLETE", SM_STATE_COMPLETED},
    {"SUCCEEDED", SM_STATE_COMPLETED},    {"SUCCESS", SM_STATE_COMPLETED},
    {"SUCCESSFUL", SM_STATE_COMPLETED},   {"DONE", SM_STATE_COMPLETED},
    {"FINISHED", SM_STATE_COMPLETED},     {"READY", SM_STATE_COMPLETED},
    {"OK", SM_STATE_COMPLETED},           {"CANCELLED", SM_STATE_ENDED},
    {"CANCELED", SM_STATE_ENDED},         {"ERROR", SM_STATE_ENDED},
    {"ERRORED", SM_STATE_ENDED},          {"EXPIRED", SM_STATE_ENDED},
    {"ABORTED", SM_STATE_ENDED},          {"TIMEOUT", SM_STATE_ENDED},
    {"TIMEDOUT", SM_STATE_ENDED},         {"TERMINATED", SM_STATE_ENDED},
    {"REJECTED", SM_STATE_ENDED},         {"FAILURE", SM_STATE_ENDED},
    {"CRASHED", SM_STATE_ENDED},          {"KILLED", SM_STATE_ENDED},
    {"REVOKED", SM_STATE_ENDED},          {"DEAD", SM_STATE_ENDED},
    {"STOPPED", SM_STATE_ENDED},          {"INTERRUPTED", SM_STATE_ENDED},
    {"BLOCKED", SM_STATE_ENDED},          {"NSFW", SM_STATE_ENDED},
    {"MODERATED", SM_STATE_ENDED},        {"CONTENTMODERATED", SM_STATE_ENDED},
    {"REQUESTMODERATED", SM_STATE_ENDED},
};

bool sm_reply_is_same_id(const char *a, const char *b) {
  return strcmp(a, b) == 0 || sm_redact_is_like(a, b, "-");
}

enum sm_state sm_state_of(const char *word) {
  for (size_t i = 0; word && i < sizeof state_words / sizeof *state_words; i++)
    if (sm_redact_is_like(word, state_words[i].word, " \t\r\n_-"))
      return state_words[i].state;
  return SM_STATE_NONE;
}

static const char *text_of(const json_t *object, const char *name) {
  return json_string_value(json_object_get(object, name));
}

static json_t *parse_object(const char *text, size_t size, bool *is_cut,
                            struct sm_error *e) {
  json_t *root = sm_json_parse(text, size, is_cut, e);
  json_t *first = json_array_get(root, 0);
  if (json_is_object(first)) { /* a list of one */
    json_incref(first);
    json_decref(root);
    root = first;
  }
  if (!root || json_is_object(root))
    return root;
  sm_fail(e, SM_PROTOCOL, "the answer is JSON but no object");
  json_decref(root);
  return NULL;
}

static size_t skip_space(const char *text, size_t size, size_t at) {
  while (at < size && text[at] != '\0' && strchr(" \t\r\n", text[at]))
    at++;
  return at;
}

/* White space inside a string, escaped or not. */
static size_t skip_blanks(const char *text, size_t size, size_t at) {
  for (;;) {
    size_t before = at;
    at = skip_space(text, size, at);
    if (at + 1 < size && text[at] == '\\' && text[at + 1] != '\0' &&
        strchr("nrt", text[at + 1]))
      at += 2;
    if (at == before)
      return at;
  }
}

/* Copies the characters of an id from `at` on; returns where they end. */
static size_t copy_id(char id[SM_ID_MAX + 1], const char *text, size_t size,
                      size_t at) {
  size_t length = 0;
  while (at + length < size && length < SM_ID_MAX &&
         sm_file_is_name_char(text[at + length])) {
    id[length] = text[at + length];
    length++;
  }
  id[length] = '\0';
  return at + length;
}

/* The value of the "request_id" whose name ends at `at`: a string whose end
 * arrived, or a whole number that something follows. */
static bool read_id_at(char id[SM_ID_MAX + 1], const char *text, size_t size,
                       size_t at) {
  at = skip_space(text, size, at);
  if (at >= size || text[at] != ':')
    return false;
  at = skip_space(text, size, at + 1);
  if (at < size && text[at] == '"') {
    size_t end = copy_id(id, text, size, skip_blanks(text, size, at + 1));
    end = skip_blanks(text, size, end);
    return end < size && text[end] == '"' && sm_url_is_id(id);
  }
  size_t end = copy_id(id, text, size, at);
  return end < size && id[0] && id[strspn(id, "0123456789")] == '\0';
}

bool sm_reply_find_id(char id[SM_ID_MAX + 1], const char *text, size_t size) {
  static const char name[] = "\"request_id\"";
  const char *end = text + size, *found = text;
  while (found && (found = sm_system_find(found, (size_t)(end - found), name,
                                          sizeof name - 1)) != NULL) {
    found += sizeof name - 1;
    if (read_id_at(id, text, size, (size_t)(found - text)))
      return true;
  }
  id[0] = '\0';
  return false;
}

bool sm_reply_holds_id(const char *text, size_t size, const char *id) {
  size_t length = strlen(id);
  const char *end = text + size, *at = text;
  if (length == 0 || !text)
    return false;
  for (; (at = sm_system_find(at, (size_t)(end - at), id, length)) != NULL;
       at++)
    if ((at == text || !sm_file_is_name_char(at[-1])) &&
        (at + length == end || !sm_file_is_name_char(at[length])))
      return true;
  return false;
}

static void read_id(struct sm_reply *reply, const json_t *root,
                    const char *text, size_t size) {
  const json_t *value = json_object_get(root, "request_id");
  const char *id = json_string_value(value);
  if (!value || json_is_null(value) || (id && !*id))
    return;
  if (id && sm_url_is_id(id) && sm_reply_holds_id(text, size, id))
    sm_buf_copy_text(reply->request_id, sizeof reply->request_id, id);
  else
    (void)sm_reply_find_id(reply->request_id, text, size);
  reply->has_bad_id = !reply->request_id[0];
}

bool sm_reply_id_of_address(char id[SM_ID_MAX + 1], const char *address,
                            size_t size) {
  static const char before[] = "/requests/";
  const char *found =
      size > 0 ? sm_system_find(address, size, before, sizeof before - 1)
               : NULL;
  id[0] = '\0';
  if (!found)
    return false;
  size_t at = (size_t)(found - address) + sizeof before - 1;
  size_t end = copy_id(id, address, size, at);
  if (sm_url_is_id(id) && (end == size || strchr("/?#", address[end])))
    return true;
  id[0] = '\0';
  return false;
}

/* The id under the names that other hosts of the same models use. */
static void read_other_id(struct sm_reply *reply, const json_t *object,
                          const char *text, size_t size) {
  static const char *const names[] = {"requestId", "id"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const json_t *value = json_object_get(object, names[i]);
    char number[24];
    const char *id = json_string_value(value);
    if (json_is_integer(value)) {
      snprintf(number, sizeof number, "%lld",
               (long long)json_integer_value(value));
      id = number;
    }
    if (id && sm_url_is_id(id) && sm_reply_holds_id(text, size, id)) {
      sm_buf_copy_text(reply->other_id, sizeof reply->other_id, id);
      return;
    }
  }
}

static void read_address_id(struct sm_reply *reply, const json_t *object,
                            const char *text, size_t size) {
  static const char *const names[] = {"status_url", "response_url", "poll_url",
                                      "result_url"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *address = text_of(object, names[i]);
    if (address &&
        sm_reply_id_of_address(reply->address_id, address, strlen(address)) &&
        sm_reply_holds_id(text, size, reply->address_id))
      return;
  }
  reply->address_id[0] = '\0';
}

/* The word for a state: under "status" or "state", in an object perhaps. */
static const char *state_word(const json_t *object, int depth) {
  static const char *const names[] = {"status", "state"};
  const char *word = NULL;
  for (size_t i = 0; !word && i < sizeof names / sizeof *names; i++) {
    const json_t *value = json_object_get(object, names[i]);
    word = json_string_value(value);
    if (!word && depth == 0)
      word = state_word(value, 1);
  }
  return word;
}

/* Whether it describes a request by itself. Some words are an envelope's, too:
 * {"status": "success", "data": {...}}. */
static bool is_bare(const json_t *root) {
  static const char *const words[] = {"success", "ok", "error"};
  const char *word = state_word(root, 0);
  for (size_t i = 0; word && i < sizeof words / sizeof *words; i++)
    if (strcasecmp(word, words[i]) == 0)
      word = NULL;
  return word || json_object_get(root, "output") ||
         json_object_get(root, "request_id");
}

/* Some gateways put the answer in an envelope. */
static const json_t *unwrap(const json_t *root) {
  static const char *const envelopes[] = {"data", "result", "response",
                                          "request"};
  static const char *const names[] = {"status", "state", "output", "request_id",
                                      "id"};
  if (is_bare(root))
    return root;
  for (size_t i = 0; i < sizeof envelopes / sizeof *envelopes; i++) {
    const json_t *inner = json_object_get(root, envelopes[i]);
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
      if (json_object_get(inner, names[n]))
        return inner;
  }
  return root;
}

static double number_of(const json_t *value) {
  double number = (double)NAN;
  if (json_is_number(value))
    return json_number_value(value);
  if (json_is_string(value))
    (void)sm_number_read(json_string_value(value), json_string_length(value),
                         &number);
  return number;
}

/* A seed is a whole number. */
static double whole(double number) {
  return number == floor(number) ? number : (double)NAN;
}

static void read_state(struct sm_reply *reply, const json_t *object) {
  const json_t *metrics = json_object_get(object, "metrics");
  sm_buf_copy_text(reply->status, sizeof reply->status, state_word(object, 0));
  reply->state = sm_state_of(reply->status);
  reply->inference_s =
      json_number_value(json_object_get(metrics, "inference_time"));
  reply->cost = number_of(json_object_get(metrics, "cost"));
  reply->seed = whole(number_of(json_object_get(object, "seed")));
  sm_buf_copy_text(reply->status_url, sizeof reply->status_url,
                   text_of(object, "status_url"));
}

static const struct sm_reply nothing_said = {.cost = (double)NAN,
                                             .seed = (double)NAN};

static enum sm_code read_plain(struct sm_reply *reply, const char *text,
                               size_t size, struct sm_error *e) {
  struct sm_error trouble;
  json_t *root = parse_object(text, size, &reply->is_cut, &trouble);
  if (!root)
    return sm_fail(e, trouble.code, "%s", trouble.message);
  const json_t *answer = unwrap(root);
  const struct sm_output output = sm_output_read(NULL, 0, root);
  reply->is_json = true;
  reply->has_output = output.has_something;
  reply->has_address = output.bytes > 0 && !output.is_guess;
  read_state(reply, answer);
  read_id(reply, answer, text, size);
  read_address_id(reply, answer, text, size);
  read_other_id(reply, answer, text, size);
  sm_reason_read(reply->error, sizeof reply->error, answer);
  json_decref(root);
  return SM_OK;
}

enum sm_code sm_reply_parse(struct sm_reply *reply, const char *text,
                            size_t size, struct sm_error *e) {
  struct sm_buf plain;
  *reply = nothing_said;
  if (!sm_json_plain(&plain, text, size))
    return read_plain(reply, text, size, e);
  enum sm_code code = read_plain(reply, plain.data, plain.size, e);
  sm_buf_destroy(&plain);
  return code;
}

/* -- the usual answer ---------------------------------------------------- */

/* The documented members. What is under `passed` says nothing to us; an error
 * that is not null, and an output that is no address, are not usual. */
enum member {
  REQUEST_ID,
  STATUS,
  STATUS_URL,
  RESPONSE_URL,
  POLL_URL,
  OUTPUT,
  TEXTS, /* above are texts */
  SEED = TEXTS,
  METRICS,
  NO_ERROR,
  PASSED,
  MEMBERS = PASSED + 3
};

#define NAME(text)                                                             \
  { text, sizeof(text) - 1 }

static const struct sm_slice members[MEMBERS] = {
    [REQUEST_ID] = NAME("request_id"),
    [STATUS] = NAME("status"),
    [STATUS_URL] = NAME("status_url"),
    [RESPONSE_URL] = NAME("response_url"),
    [POLL_URL] = NAME("poll_url"),
    [OUTPUT] = NAME("output"),
    [SEED] = NAME("seed"),
    [METRICS] = NAME("metrics"),
    [NO_ERROR] = NAME("error"),
    [PASSED] = NAME("images"),
    [PASSED + 1] = NAME("prompt"),
    [PASSED + 2] = NAME("timings"),
};

static const struct sm_slice measures[] = {NAME("inference_time"),
                                           NAME("cost")};

static bool read_figure(struct sm_cursor *cursor, double *number) {
  struct sm_slice figure;
  if (!sm_cursor_figure(cursor, &figure))
    return false;
  (void)sm_number_read(figure.text, figure.size, number);
  return true;
}

static bool read_inference(struct sm_cursor *cursor, double *seconds) {
  struct sm_slice number;
  return sm_cursor_number(cursor, &number) &&
         sm_number_read(number.text, number.size, seconds);
}

static bool read_metrics(struct sm_reply *reply, struct sm_cursor *cursor) {
  struct sm_slice name;
  unsigned seen = 0;
  bool is_read = sm_cursor_open(cursor);
  while (is_read && sm_cursor_next(cursor, &name)) {
    int measure = sm_slice_find(measures, 2, &name, &seen);
    is_read = measure == 0   ? read_inference(cursor, &reply->inference_s)
              : measure == 1 ? read_figure(cursor, &reply->cost)
              : measure == 2 ? sm_cursor_pass(cursor)
                             : false;
  }
  return is_read;
}

static bool read_seed(struct sm_cursor *cursor, double *seed) {
  if (sm_cursor_is_null(cursor))
    return true;
  bool is_read = read_figure(cursor, seed);
  *seed = whole(*seed);
  return is_read;
}

static bool read_member(struct sm_reply *reply, struct sm_cursor *cursor,
                        int member, struct sm_slice texts[TEXTS]) {
  if (member >= 0 && member < TEXTS)
    return sm_cursor_text(cursor, &texts[member]);
  switch (member) {
  case SEED:
    return read_seed(cursor, &reply->seed);
  case METRICS:
    return read_metrics(reply, cursor);
  case NO_ERROR:
    return sm_cursor_is_null(cursor);
  default:
    return member >= PASSED && member < MEMBERS && sm_cursor_pass(cursor);
  }
}

static bool copy_slice(char *out, size_t out_size,
                       const struct sm_slice *slice) {
  if (slice->size >= out_size)
    return false;
  if (slice->size > 0)
    memcpy(out, slice->text, slice->size);
  out[slice->size] = '\0';
  return true;
}

static bool is_usual_state(struct sm_reply *reply) {
  static const enum sm_state states[] = {SM_STATE_QUEUED, SM_STATE_PROCESSING,
                                         SM_STATE_COMPLETED};
  for (size_t i = 0; i < sizeof states / sizeof *states; i++)
    if (strcmp(reply->status, state_names[states[i]]) == 0)
      reply->state = states[i];
  return reply->state != SM_STATE_NONE;
}

static bool is_address(const struct sm_slice *text) {
  static const char scheme[] = "https://", plain[] = "http://";
  return (text->size > sizeof scheme - 1 &&
          memcmp(text->text, scheme, sizeof scheme - 1) == 0) ||
         (text->size > sizeof plain - 1 &&
          memcmp(text->text, plain, sizeof plain - 1) == 0);
}

/* Pictures without an output are not usual either. */
static bool take_texts(struct sm_reply *reply,
                       const struct sm_slice texts[TEXTS], unsigned seen) {
  bool has_output = seen & 1U << OUTPUT;
  for (int i = STATUS_URL; i <= POLL_URL && !reply->address_id[0]; i++)
    (void)sm_reply_id_of_address(reply->address_id, texts[i].text,
                                 texts[i].size);
  reply->has_output = reply->has_address = has_output;
  return copy_slice(reply->request_id, sizeof reply->request_id,
                    &texts[REQUEST_ID]) &&
         (!(seen & 1U << REQUEST_ID) || sm_url_is_id(reply->request_id)) &&
         copy_slice(reply->status, sizeof reply->status, &texts[STATUS]) &&
         copy_slice(reply->status_url, sizeof reply->status_url,
                    &texts[STATUS_URL]) &&
         is_usual_state(reply) &&
         (has_output ? is_address(&texts[OUTPUT]) : !(seen & 1U << PASSED));
}

bool sm_reply_read_usual(struct sm_reply *reply, const char *text,
                         size_t size) {
  struct sm_cursor cursor;
  struct sm_slice name, texts[TEXTS] = {{0}};
  unsigned seen = 0;
  *reply = nothing_said;
  if (size == 0 || text[0] != '{')
    return false;
  reply->is_json = true;
  sm_cursor_create(&cursor, text, size);
  bool is_usual = sm_cursor_open(&cursor);
  while (is_usual && sm_cursor_next(&cursor, &name))
    is_usual = read_member(
        reply, &cursor, sm_slice_find(members, MEMBERS, &name, &seen), texts);
  reply->is_usual =
      is_usual && sm_cursor_is_over(&cursor) && take_texts(reply, texts, seen);
  return reply->is_usual;
}

enum sm_code sm_reply_read(struct sm_reply *reply, const char *text,
                           size_t size, struct sm_error *e) {
  if (sm_reply_read_usual(reply, text, size))
    return SM_OK;
  return sm_reply_parse(reply, text, size, e);
}

enum sm_code sm_reply_read_upload(struct sm_buf *url, const char *text,
                                  size_t size, struct sm_error *e) {
  struct sm_error trouble;
  json_t *root = parse_object(text, size, NULL, &trouble);
  if (!root)
    return sm_fail(e, trouble.code, "%s", trouble.message);
  char address[16384];
  const struct sm_output found =
      sm_output_of_upload(address, sizeof address, root);
  char words[200];
  sm_reason_read(words, sizeof words, root);
  enum sm_code code =
      found.bytes > 0 && found.bytes <= sizeof address
          ? sm_buf_add_text(url, address, e)
          : sm_fail(e, SM_PROTOCOL,
                    "the upload was answered without file_urls%s%s",
                    words[0] ? ": " : "", words);
  json_decref(root);
  return code;
}
