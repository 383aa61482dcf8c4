#include "sm_reply.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sm_reason.h"

#include "sm_json.h"
#include "sm_number.h"
#include "sm_output.h"

/* -- states and ids ------------------------------------------------------ */

static const char *const state_names[] = {
    "",       "waiting",    "free",      "submitting", "saving", "ACCEPTED",
    "QUEUED", "PROCESSING", "COMPLETED", "FAILED",     "ENDED",
};

const char *sm_state_name(enum sm_state state) { return state_names[state]; }

/* The documented words first. PENDING is the history's. */
static const struct {
  const char *word;
  enum sm_state state;
} state_words[] = {
    {"QUEUED", SM_STATE_QUEUED},       {"PROCESSING", SM_STATE_PROCESSING},
    {"COMPLETED", SM_STATE_COMPLETED}, {"FAILED", SM_STATE_FAILED},
    {"PENDING", SM_STATE_QUEUED},      {"IN_QUEUE", SM_STATE_QUEUED},
    {"STARTING", SM_STATE_QUEUED},     {"IN_PROGRESS", SM_STATE_PROCESSING},
    {"RUNNING", SM_STATE_PROCESSING},  {"COMPLETE", SM_STATE_COMPLETED},
    {"SUCCEEDED", SM_STATE_COMPLETED}, {"CANCELLED", SM_STATE_ENDED},
    {"CANCELED", SM_STATE_ENDED},      {"ERROR", SM_STATE_ENDED},
    {"ERRORED", SM_STATE_ENDED},       {"EXPIRED", SM_STATE_ENDED},
    {"ABORTED", SM_STATE_ENDED},       {"TIMEOUT", SM_STATE_ENDED},
    {"TIMED_OUT", SM_STATE_ENDED},     {"TERMINATED", SM_STATE_ENDED},
    {"REJECTED", SM_STATE_ENDED},      {"FAILURE", SM_STATE_ENDED},
};

enum sm_state sm_state_of(const char *word) {
  for (size_t i = 0; word && i < sizeof state_words / sizeof *state_words; i++)
    if (strcasecmp(word, state_words[i].word) == 0)
      return state_words[i].state;
  return SM_STATE_NONE;
}

/* tolower would ask the host's locale. */
static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

bool sm_reply_is_same_id(const char *a, const char *b) {
  while (*a || *b) {
    while (*a == '-')
      a++;
    while (*b == '-')
      b++;
    if (lower(*a) != lower(*b))
      return false;
    if (*a)
      a++, b++;
  }
  return true;
}

static const char *text_of(const json_t *object, const char *name) {
  return json_string_value(json_object_get(object, name));
}

static void copy_text(char *out, size_t out_size, const char *text) {
  snprintf(out, out_size, "%s", text ? text : "");
}

static json_t *parse_object(const char *text, size_t size, bool *is_cut,
                            struct sm_error *e) {
  json_t *root = sm_json_parse(text, size, is_cut, e);
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

/* The value of the "request_id" whose name ends at `at`. */
static bool read_id_at(char id[SM_ID_MAX + 1], const char *text, size_t size,
                       size_t at) {
  size_t end;
  at = skip_space(text, size, at);
  if (at >= size || text[at] != ':')
    return false;
  at = skip_space(text, size, at + 1);
  if (at >= size || text[at++] != '"')
    return false;
  for (end = at; end < size && text[end] != '"' && end - at < SM_ID_MAX; end++)
    id[end - at] = text[end];
  id[end - at] = '\0';
  return end < size && text[end] == '"' && strlen(id) == end - at &&
         sm_url_is_id(id);
}

bool sm_reply_find_id(char id[SM_ID_MAX + 1], const char *text, size_t size) {
  static const char name[] = "\"request_id\"";
  const char *end = text + size, *found = text;
  while (found && (found = memmem(found, (size_t)(end - found), name,
                                  sizeof name - 1)) != NULL) {
    found += sizeof name - 1;
    if (read_id_at(id, text, size, (size_t)(found - text)))
      return true;
  }
  id[0] = '\0';
  return false;
}

bool sm_reply_quotes(const char *text, size_t size, const char *id) {
  char quoted[SM_ID_MAX + 3];
  int length = snprintf(quoted, sizeof quoted, "\"%s\"", id);
  return length > 2 && (size_t)length < sizeof quoted &&
         memmem(text, size, quoted, (size_t)length) != NULL;
}

static void read_id(struct sm_reply *reply, const json_t *root,
                    const char *text, size_t size) {
  const json_t *value = json_object_get(root, "request_id");
  const char *id = json_string_value(value);
  if (!value || json_is_null(value))
    return;
  if (id && sm_url_is_id(id) && sm_reply_quotes(text, size, id))
    copy_text(reply->request_id, sizeof reply->request_id, id);
  else if (id)
    (void)sm_reply_find_id(reply->request_id, text, size);
  reply->has_bad_id = !reply->request_id[0];
}

/* Some gateways put the answer in an envelope. */
static const json_t *unwrap(const json_t *root) {
  const json_t *inner = json_object_get(root, "data");
  bool is_bare =
      json_object_get(root, "status") || json_object_get(root, "output");
  return json_is_object(inner) && !is_bare ? inner : root;
}

static void read_state(struct sm_reply *reply, const json_t *object) {
  const json_t *metrics = json_object_get(object, "metrics");
  copy_text(reply->status, sizeof reply->status, text_of(object, "status"));
  reply->state = sm_state_of(reply->status);
  reply->inference_s =
      json_number_value(json_object_get(metrics, "inference_time"));
  copy_text(reply->status_url, sizeof reply->status_url,
            text_of(object, "status_url"));
}

enum sm_code sm_reply_read(struct sm_reply *reply, const char *text,
                           size_t size, struct sm_error *e) {
  struct sm_error trouble;
  memset(reply, 0, sizeof *reply);
  json_t *root = parse_object(text, size, &reply->is_cut, &trouble);
  if (!root)
    return sm_fail(e, trouble.code, "%s", trouble.message);
  const json_t *answer = unwrap(root);
  const struct sm_output output = sm_output_read(NULL, 0, root);
  reply->is_json = true;
  reply->has_output = output.has_something;
  reply->has_address = output.bytes > 0;
  read_state(reply, answer);
  read_id(reply, answer, text, size);
  sm_reason_read(reply->error, sizeof reply->error, answer);
  json_decref(root);
  return SM_OK;
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

static double whole(double number) {
  return number == floor(number) ? number : (double)NAN;
}

void sm_reply_read_bill(double *cost, double *seed, const char *text,
                        size_t size, double header_cost,
                        const char *header_seed) {
  double digits = (double)NAN;
  json_t *root = text ? parse_object(text, size, NULL, NULL) : NULL;
  const json_t *answer = root ? unwrap(root) : NULL;
  const json_t *metrics = json_object_get(answer, "metrics");
  *cost = number_of(json_object_get(metrics, "cost"));
  *seed = whole(number_of(json_object_get(answer, "seed")));
  json_decref(root);
  (void)sm_number_read(header_seed, strlen(header_seed), &digits);
  if (!(*cost >= 0))
    *cost = header_cost >= 0 ? header_cost : (double)NAN;
  if (isnan(*seed))
    *seed = whole(digits);
}

enum sm_code sm_reply_read_upload(struct sm_buf *url, const char *text,
                                  size_t size, struct sm_error *e) {
  struct sm_error trouble;
  json_t *root = parse_object(text, size, NULL, &trouble);
  if (!root)
    return sm_fail(e, trouble.code, "%s", trouble.message);
  const json_t *urls = json_object_get(root, "file_urls");
  if (!urls)
    urls = json_object_get(root, "urls");
  const json_t *first = json_array_get(urls, 0);
  const char *address =
      json_is_object(first) ? text_of(first, "url") : json_string_value(first);
  char words[200];
  sm_reason_read(words, sizeof words, root);
  enum sm_code code =
      address && *address
          ? sm_buf_add_text(url, address, e)
          : sm_fail(e, SM_PROTOCOL,
                    "the upload was answered without file_urls%s%s",
                    words[0] ? ": " : "", words);
  json_decref(root);
  return code;
}
