#include "sm_history.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Our clock and the service's need not agree. */
#define CLOCK_SKEW_S 120

/* -- comparing ----------------------------------------------------------- */

static bool is_same(const json_t *sent, const json_t *kept);

/* Every parameter that was sent is there; the service may have added its
 * defaults. */
static bool holds_members(const json_t *sent, const json_t *kept) {
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)sent, name, value) {
    const json_t *other = json_object_get(kept, name);
    if (!other || !is_same(value, other))
      return false;
  }
  return true;
}

static bool is_same_list(const json_t *sent, const json_t *kept) {
  size_t count = json_array_size(sent);
  if (count != json_array_size(kept))
    return false;
  for (size_t i = 0; i < count; i++)
    if (!is_same(json_array_get(sent, i), json_array_get(kept, i)))
      return false;
  return true;
}

/* 7 and 7.0 are the same number on the way through another language. */
static bool is_same_number(const json_t *sent, const json_t *kept) {
  double a = json_number_value(sent), b = json_number_value(kept);
  return fabs(a - b) <= 1e-9 * fmax(fabs(a), fabs(b));
}

static bool is_same(const json_t *sent, const json_t *kept) {
  if (json_is_object(sent))
    return json_is_object(kept) && holds_members(sent, kept);
  if (json_is_array(sent))
    return json_is_array(kept) && is_same_list(sent, kept);
  if (json_is_number(sent))
    return json_is_number(kept) && is_same_number(sent, kept);
  return json_equal(sent, kept);
}

static bool is_same_body(const json_t *sent, const json_t *kept) {
  const char *text = json_string_value(kept);
  if (!text)
    return json_is_object(kept) && holds_members(sent, kept);
  json_t *parsed = json_loads(text, 0, NULL);
  bool same = json_is_object(parsed) && holds_members(sent, parsed);
  json_decref(parsed);
  return same;
}

/* -- times --------------------------------------------------------------- */

int64_t sm_history_time(const char *text) {
  struct tm tm = {0};
  if (sscanf(text, "%4d-%2d-%2d%*[T ]%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon,
             &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec) < 5)
    return -1;
  tm.tm_year -= 1900;
  tm.tm_mon -= 1;
  return (int64_t)timegm(&tm);
}

/* Seconds or milliseconds since 1970, or text. */
static int64_t time_of(const json_t *value) {
  const char *text = json_string_value(value);
  if (text)
    return sm_history_time(text);
  double number = json_number_value(value);
  if (!(number > 1e9 && number < 1e14))
    return -1;
  return (int64_t)(number > 1e11 ? number / 1000 : number);
}

static int64_t row_time(const json_t *row) {
  static const char *const names[] = {"model_created", "created_at",
                                      "submitted_at",  "created",
                                      "request_time",  "timestamp"};
  int64_t at = -1;
  for (size_t i = 0; at < 0 && i < sizeof names / sizeof *names; i++)
    at = time_of(json_object_get(row, names[i]));
  return at;
}

/* -- rows ---------------------------------------------------------------- */

static const char *text_of(const json_t *row, const char *name) {
  const char *text = json_string_value(json_object_get(row, name));
  return text ? text : "";
}

static enum sm_state state_of(const json_t *row) {
  for (enum sm_state s = SM_STATE_QUEUED; s <= SM_STATE_FAILED; s++)
    if (strcmp(text_of(row, "model_status"), sm_state_name(s)) == 0)
      return s;
  return SM_STATE_NONE;
}

static bool read_row(struct sm_history_row *out, const json_t *row) {
  const json_t *cost = json_object_get(row, "credits_deduction");
  const char *id = text_of(row, "request_id");
  if (!sm_url_is_id(id))
    return false;
  snprintf(out->request_id, sizeof out->request_id, "%s", id);
  out->state = state_of(row);
  /* One that does not fit is none: half an address leads elsewhere. */
  if (strlen(text_of(row, "generation_url")) < sizeof out->url)
    snprintf(out->url, sizeof out->url, "%s", text_of(row, "generation_url"));
  snprintf(out->error, sizeof out->error, "%s", text_of(row, "error"));
  out->cost = json_is_number(cost) ? json_number_value(cost) : -1;
  return true;
}

static bool is_wanted(const struct sm_history_query *query, const json_t *sent,
                      const json_t *row) {
  int64_t at_s = row_time(row);
  return strcmp(text_of(row, "model_name"), query->model) == 0 &&
         (at_s < 0 || at_s >= query->since_s - CLOCK_SKEW_S) &&
         is_same_body(sent, json_object_get(row, "request_body")) &&
         !query->others.is_taken(query->others.user,
                                 text_of(row, "request_id"));
}

/* Two submits of the same body differ by their ids alone, and one of them is
 * about to be told its own. */
static bool is_contested(const struct sm_history_query *query,
                         const json_t *row) {
  const struct sm_others *others = &query->others;
  const char *text;
  size_t size = 0;
  bool is_rival = false;
  for (int n = 0; !is_rival && (text = others->awaited(others->user,
                                                       query->model, n, &size));
       n++) {
    json_t *body = json_loadb(text, size, 0, NULL);
    is_rival = is_same_body(body, json_object_get(row, "request_body"));
    json_decref(body);
  }
  return is_rival;
}

static json_t *find_list(json_t *root) {
  static const char *const names[] = {"data", "results", "requests", "items",
                                      "history"};
  if (json_is_array(root))
    return root;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    json_t *list = json_object_get(root, names[i]);
    if (json_is_array(list))
      return list;
  }
  return NULL;
}

/* Further pages of a list that runs back in time hold older rows still. */
static bool is_past(const struct sm_history_query *query, const json_t *list) {
  size_t count = json_array_size(list);
  if (count < 2)
    return false;
  int64_t first_s = row_time(json_array_get(list, 0));
  int64_t last_s = row_time(json_array_get(list, count - 1));
  return last_s >= 0 && first_s > last_s &&
         last_s < query->since_s - CLOCK_SKEW_S;
}

static void search(struct sm_history_page *page,
                   const struct sm_history_query *query, const json_t *sent,
                   const json_t *list, const char *text, size_t size) {
  page->rows = (int)json_array_size(list);
  page->is_past = is_past(query, list);
  for (size_t i = 0; !page->is_found && i < json_array_size(list); i++) {
    const json_t *row = json_array_get(list, i);
    if (!is_wanted(query, sent, row))
      continue;
    if (is_contested(query, row))
      page->is_contested = true;
    else
      page->is_found = read_row(&page->row, row) &&
                       sm_reply_quotes(text, size, page->row.request_id);
  }
}

enum sm_code sm_history_search(struct sm_history_page *page,
                               const struct sm_history_query *query,
                               const char *text, size_t size,
                               struct sm_error *e) {
  memset(page, 0, sizeof *page);
  json_t *root = json_loadb(text ? text : "", size, 0, NULL);
  json_t *sent = json_loadb(query->body, query->body_size, 0, NULL);
  json_t *list = find_list(root);
  enum sm_code code = SM_OK;
  if (list && sent)
    search(page, query, sent, list, text, size);
  else
    code = sm_fail(e, SM_PROTOCOL, "the request history is no list");
  json_decref(sent);
  json_decref(root);
  return code;
}

enum sm_code sm_history_read(struct sm_history_row *row, const char *text,
                             size_t size, struct sm_error *e) {
  memset(row, 0, sizeof *row);
  json_t *root = json_loadb(text ? text : "", size, 0, NULL);
  const json_t *inner = json_object_get(root, "data");
  const json_t *entry = json_is_object(inner) ? inner : root;
  bool is_read = json_is_object(entry) && read_row(row, entry) &&
                 sm_reply_quotes(text, size, row->request_id);
  json_decref(root);
  return is_read ? SM_OK
                 : sm_fail(e, SM_PROTOCOL,
                           "the entry of the request history cannot be read");
}

enum sm_code sm_history_as_result(struct sm_buf *out,
                                  const struct sm_history_row *row,
                                  struct sm_error *e) {
  json_t *root =
      json_pack("{s:s, s:s, s:s, s:{}}", "status", "COMPLETED", "request_id",
                row->request_id, "output", row->url, "metrics");
  if (root && row->cost >= 0)
    json_object_set_new(json_object_get(root, "metrics"), "cost",
                        json_real(row->cost));
  char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
  json_decref(root);
  enum sm_code code = text ? sm_buf_add_text(out, text, e) : sm_fail_memory(e);
  free(text);
  return code;
}
