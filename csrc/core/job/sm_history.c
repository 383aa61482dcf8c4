#include "sm_history.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sm_json.h"
#include "sm_likeness.h"
#include "sm_number.h"
#include "sm_output.h"
#include "sm_reason.h"
#include "sm_redact.h"
#include "sm_system.h"
#include "sm_time.h"

/* A row may be stamped by a clock of the service that is so much behind the
 * one that stamps its answers. */
#define NEAR_MS 2000
/* What is made of the service's clock here is not exact to the millisecond. */
#define GRAIN_MS 50
/* A time without a zone is some place's: from UTC-12 to UTC+14. */
#define ZONES_MS (INT64_C(26) * 3600 * 1000)

/* -- members ------------------------------------------------------------- */

static const json_t *member(const json_t *row, const char *const *names) {
  for (; *names; names++) {
    const json_t *value = json_object_get(row, *names);
    if (value && !json_is_null(value))
      return value;
  }
  return NULL;
}

static const char *text_of(const json_t *row, const char *const *names) {
  const char *text = json_string_value(member(row, names));
  return text ? text : "";
}

static const char *id_of(const json_t *row) {
  static const char *const names[] = {"request_id", "id", "requestId", NULL};
  return text_of(row, names);
}

static const char *model_of(const json_t *row) {
  static const char *const names[] = {"model_name", "model", "slug", NULL};
  return text_of(row, names);
}

static const json_t *body_of(const json_t *row) {
  static const char *const names[] = {"request_body", "body",       "input",
                                      "payload",      "parameters", NULL};
  return member(row, names);
}

/* -- times --------------------------------------------------------------- */

struct stamp {
  int64_t at_ms;
  bool is_read, has_zone;
};

static struct stamp stamp_of(const json_t *value) {
  struct stamp stamp = {.has_zone = true};
  const char *text = json_string_value(value);
  if (text)
    stamp.is_read = sm_time_read_zoned(text, json_string_length(value),
                                       &stamp.at_ms, &stamp.has_zone);
  else if (json_is_number(value))
    stamp.is_read = sm_time_of_number(json_number_value(value), &stamp.at_ms);
  return stamp;
}

/* A name of the time at which a request was made, not begun or ended. */
static bool is_creation(const char *name) {
  static const char *const good[] = {"creat", "submit", "request",
                                     "queue", "time",   "date"};
  static const char *const bad[] = {"start", "complet", "finish", "end",
                                    "updat", "expir",   "delet",  "modif"};
  bool is_good = false, is_bad = false;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    is_good = is_good || sm_system_find_text(name, good[i]);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    is_bad = is_bad || sm_system_find_text(name, bad[i]);
  return is_good && !is_bad;
}

/* A time may be given in whole seconds. */
enum when { BEFORE, UNCLEAR, NEAR, AFTER };

static enum when place(const struct sm_history_query *query,
                       struct stamp stamp) {
  int64_t least_ms = query->since_ms - query->unsure_ms;
  bool is_whole = stamp.at_ms % 1000 == 0;
  int64_t since_ms =
      is_whole ? query->since_ms / 1000 * 1000 : query->since_ms - GRAIN_MS;
  if (!stamp.is_read)
    return UNCLEAR;
  if (stamp.at_ms >= since_ms)
    return stamp.at_ms <= query->until_ms ? AFTER : UNCLEAR;
  if (stamp.at_ms >= since_ms - NEAR_MS)
    return NEAR;
  if (stamp.at_ms >= least_ms - (stamp.has_zone ? 0 : ZONES_MS))
    return UNCLEAR;
  return BEFORE;
}

/* The time is the first that can be read; another that contradicts it makes it
 * doubtful, as no name is published. */
static enum when when_of(const struct sm_history_query *query,
                         const json_t *row, int64_t *at_ms) {
  static const char *const names[] = {
      "model_created", "created_at",   "createdAt", "created",
      "submitted_at",  "request_time", "timestamp"};
  struct stamp stamp = {0};
  const char *name;
  json_t *value;
  for (size_t i = 0; !stamp.is_read && i < sizeof names / sizeof *names; i++)
    stamp = stamp_of(json_object_get(row, names[i]));
  enum when when = place(query, stamp);
  json_object_foreach((json_t *)row, name, value) {
    struct stamp other = stamp_of(value);
    if (!other.is_read || !is_creation(name))
      continue;
    enum when there = place(query, other);
    if (!stamp.is_read)
      when = there;
    else if ((when == BEFORE) != (there == BEFORE))
      when = UNCLEAR;
    stamp = stamp.is_read ? stamp : other;
  }
  *at_ms = stamp.is_read ? stamp.at_ms : 0;
  return when;
}

/* -- rows ---------------------------------------------------------------- */

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
    json_t *body = sm_json_parse(text, size, NULL, NULL);
    is_rival = body && sm_likeness_of(body, body_of(row)) == SM_LIKE_SAME;
    json_decref(body);
  }
  return is_rival;
}

static void keep(char out[SM_ID_MAX + 1], const char *id) {
  sm_buf_copy_text(out, SM_ID_MAX + 1, id);
}

static bool is_listed(const char *ids, const char *id) {
  size_t size = strlen(id);
  for (const char *at = ids; size && (at = strstr(at, id)) != NULL; at++)
    if ((at == ids || at[-1] == ' ') && (!at[size] || at[size] == ','))
      return true;
  return false;
}

/* Pages overlap when rows are added between two questions. */
static bool is_known(struct sm_history_find *find, const char *id) {
  size_t size = strlen(find->ids);
  if (is_listed(find->ids, id))
    return true;
  snprintf(find->ids + size, sizeof find->ids - size, "%s%s", size ? ", " : "",
           *id ? id : "one without an id");
  return false;
}

static void count_near(struct sm_history_find *find, const char *id,
                       int64_t at_ms) {
  find->is_near_tied = find->near[0] && llabs(at_ms - find->near_ms) < 1000;
  if (find->near[0] && at_ms <= find->near_ms)
    return;
  keep(find->near, id);
  find->near_ms = at_ms;
}

/* A page of the list, and what is looked for in it. */
struct page {
  const struct sm_history_query *query;
  const json_t *sent;
  const char *text;
  size_t size;
};

/* The column may hold the model's title; one that is not a name as they stand
 * in addresses tells nothing of which model it is. */
enum model { MODEL_SAME, MODEL_OTHER, MODEL_UNCLEAR };

static enum model compare_model(const char *model, const char *wanted) {
  if (!*model || sm_redact_is_like(model, wanted, " _-"))
    return MODEL_SAME;
  return sm_url_is_id(model) ? MODEL_OTHER : MODEL_UNCLEAR;
}

static bool is_usable(const struct page *page, const char *id) {
  return sm_url_is_id(id) && sm_reply_holds_id(page->text, page->size, id);
}

static void weigh(struct sm_history_find *find, const struct page *page,
                  const json_t *row) {
  const struct sm_history_query *query = page->query;
  const char *id = id_of(row);
  enum model model = compare_model(model_of(row), query->model);
  int64_t at_ms;
  enum sm_likeness likeness = sm_likeness_of(page->sent, body_of(row));
  enum when when = when_of(query, row, &at_ms);
  if (when == BEFORE || likeness == SM_LIKE_OTHER || model == MODEL_OTHER ||
      query->others.is_taken(query->others.user, id))
    return;
  if (is_contested(query, row)) {
    find->is_contested = true;
  } else if (is_known(find, id)) {
    return;
  } else if (likeness != SM_LIKE_SAME || when == UNCLEAR ||
             model == MODEL_UNCLEAR || !is_usable(page, id)) {
    find->is_unclear = true;
  } else if (when == NEAR) {
    count_near(find, id, at_ms);
  } else {
    find->fits++;
    keep(find->fit, id);
  }
}

/* -- the list ------------------------------------------------------------ */

/* An array, at the top or in the usual members, in one of them perhaps. */
static json_t *find_list(json_t *root, int depth) {
  static const char *const names[] = {"data",    "results", "requests",
                                      "items",   "rows",    "records",
                                      "history", "result",  "generations"};
  json_t *list = json_is_array(root) ? root : NULL;
  if (!json_is_object(root) || depth > 2)
    return list;
  for (size_t i = 0; !list && i < sizeof names / sizeof *names; i++)
    list = find_list(json_object_get(root, names[i]), depth + 1);
  return list;
}

/* Further pages of a list that runs back in time hold older rows still. */
static bool is_past(const struct sm_history_query *query, const json_t *list) {
  size_t count = json_array_size(list);
  if (count < 2)
    return false;
  int64_t first_ms, last_ms;
  (void)when_of(query, json_array_get(list, 0), &first_ms);
  enum when last = when_of(query, json_array_get(list, count - 1), &last_ms);
  return last == BEFORE && first_ms > last_ms;
}

static void search(struct sm_history_find *find, const struct page *page,
                   const json_t *list) {
  const char *first = id_of(json_array_get(list, 0));
  find->rows = (int)json_array_size(list);
  find->is_past = is_past(page->query, list);
  find->is_repeated = *first && strcmp(first, find->first) == 0;
  keep(find->first, first);
  for (size_t i = 0; i < json_array_size(list); i++)
    weigh(find, page, json_array_get(list, i));
}

enum sm_code sm_history_search(struct sm_history_find *find,
                               const struct sm_history_query *query,
                               const char *text, size_t size,
                               struct sm_error *e) {
  bool is_cut = false;
  json_t *root = sm_json_parse(text, size, &is_cut, e);
  if (!root)
    return e ? e->code : SM_PROTOCOL;
  json_t *sent = sm_json_parse(query->body, query->body_size, NULL, NULL);
  json_t *list = find_list(root, 0);
  const struct page page = {query, sent, text, size};
  enum sm_code code = SM_OK;
  if (list && sent)
    search(find, &page, list);
  else
    code = sm_fail(e, SM_PROTOCOL, "the request history is no list");
  find->is_unclear = find->is_unclear || is_cut;
  json_decref(sent);
  json_decref(root);
  return code;
}

const char *sm_history_found(const struct sm_history_find *find) {
  if (find->fits == 1)
    return find->fit;
  bool is_near = find->fits == 0 && find->near[0] && !find->is_near_tied;
  return is_near ? find->near : NULL;
}

bool sm_history_is_absent(const struct sm_history_find *find) {
  return !find->fits && !find->near[0] && !find->is_unclear &&
         !find->is_contested;
}

/* -- one entry ----------------------------------------------------------- */

/* The history has words of its own for a request that runs. */
static enum sm_state state_of(const json_t *row) {
  static const char *const names[] = {"model_status", "status", "state", NULL};
  const char *word = text_of(row, names);
  enum sm_state state = sm_state_of(word);
  return state == SM_STATE_NONE && *word ? SM_STATE_PROCESSING : state;
}

static void read_addresses(struct sm_history_row *out, const json_t *row) {
  static const char *const names[] = {"generation_url", "output_url",
                                      "image_url", NULL};
  json_t *result = json_object();
  const json_t *value = member(row, names);
  struct sm_output output = {0};
  if (value && result &&
      json_object_set(result, "output", (json_t *)value) == 0)
    output = sm_output_read(out->urls, sizeof out->urls, result);
  if (output.bytes == 0)
    output = sm_output_read(out->urls, sizeof out->urls, row);
  /* Those that do not fit are none: half an address leads elsewhere. */
  out->urls_bytes = output.bytes <= sizeof out->urls ? output.bytes : 0;
  json_decref(result);
}

static double cost_of(const json_t *row) {
  static const char *const names[] = {"credits_deduction", "cost", NULL};
  const json_t *value = member(row, names);
  const char *text = json_string_value(value);
  double cost = json_is_number(value) ? json_number_value(value) : -1;
  if (text && !sm_number_read_amount(text, strlen(text), &cost))
    return -1;
  return cost >= 0 && cost < 1e12 ? cost : -1;
}

static bool read_row(struct sm_history_row *out, const json_t *row) {
  const char *id = id_of(row);
  if (!sm_url_is_id(id))
    return false;
  keep(out->request_id, id);
  out->state = state_of(row);
  read_addresses(out, row);
  sm_reason_read(out->error, sizeof out->error, row);
  out->cost = cost_of(row);
  return true;
}

enum sm_code sm_history_read(struct sm_history_row *row, const char *text,
                             size_t size, struct sm_error *e) {
  memset(row, 0, sizeof *row);
  json_t *root = sm_json_parse(text, size, NULL, e);
  const json_t *inner = json_object_get(root, "data");
  const json_t *entry = json_is_array(inner)    ? json_array_get(inner, 0)
                        : json_is_object(inner) ? inner
                                                : root;
  bool is_read = json_is_object(entry) && read_row(row, entry) &&
                 sm_reply_holds_id(text, size, row->request_id);
  json_decref(root);
  return is_read ? SM_OK
                 : sm_fail(e, SM_PROTOCOL,
                           "the entry of the request history cannot be read");
}

static json_t *list_addresses(const struct sm_history_row *row) {
  json_t *list = json_array();
  for (size_t at = 0; list && at < row->urls_bytes;
       at += strlen(row->urls + at) + 1)
    json_array_append_new(list, json_string(row->urls + at));
  return list;
}

enum sm_code sm_history_as_result(struct sm_buf *out,
                                  const struct sm_history_row *row,
                                  struct sm_error *e) {
  json_t *root =
      json_pack("{s:s, s:s, s:o, s:{}}", "status", "COMPLETED", "request_id",
                row->request_id, "output", list_addresses(row), "metrics");
  if (root && row->cost >= 0)
    json_object_set_new(json_object_get(root, "metrics"), "cost",
                        json_real(row->cost));
  char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
  json_decref(root);
  enum sm_code code = text ? sm_buf_add_text(out, text, e) : sm_fail_memory(e);
  free(text);
  return code;
}
