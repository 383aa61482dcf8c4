#include <math.h>
#include <string.h>

#include "lsm.h"
#include "sm_redact.h"
#include "sm_store.h"

static void set_text(lua_State *L, const char *name, const char *value) {
  if (!value || !*value)
    return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, double value) {
  lua_pushnumber(L, value);
  lua_setfield(L, -2, name);
}

static void set_count(lua_State *L, const char *name, uint64_t value) {
  if (value == 0)
    return;
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, name);
}

static void set_figure(lua_State *L, const char *name, double value) {
  if (value >= 0)
    set_number(L, name, value);
}

static void set_body(lua_State *L, const struct sm_event *event) {
  if (!event->body)
    return;
  lua_pushlstring(L, event->body, event->body_size);
  lua_setfield(L, -2, "body");
}

/* -- the ledger's -----------------------------------------------------------
 */

void lsm_push_number(lua_State *L, double value) {
  lua_Integer whole = 0;
  if (value == floor(value) && lsm_to_integer(value, &whole))
    lua_pushinteger(L, whole);
  else
    lua_pushnumber(L, value);
}

static const char *standing_name(enum sm_standing standing) {
  static const char *const names[] = {"free", "mine",    "taken",    "held",
                                      "done", "refused", "not_ours", "damaged"};
  return names[standing];
}

void lsm_push_row(lua_State *L, const struct sm_row *row) {
  lua_createtable(L, 0, SM_ROW_COLUMNS + 2);
  for (int i = 0; i < SM_ROW_COLUMNS; i++) {
    const struct sm_db_value *value = &row->value[i];
    if (value->type == SM_DB_NULL)
      continue;
    if (value->type == SM_DB_TEXT)
      lua_pushlstring(L, value->text, value->size);
    else
      lsm_push_number(L, value->number);
    lua_setfield(L, -2, sm_column_name((enum sm_column)i));
  }
  set_text(L, "standing", standing_name(row->standing));
  set_text(L, "damage", row->damage);
}

static void push_taken(lua_State *L, const struct sm_event *event) {
  lua_pushliteral(L, "row");
  lsm_push_row(L, event->row);
  lua_pushnil(L);
}

static void set_step(lua_State *L, const struct sm_event *event) {
  const struct sm_event_step *step = event->step;
  if (!step)
    return;
  set_count(L, "generation", (uint64_t)step->generation);
  set_text(L, "kept", step->kept);
  if (event->is_replayed) {
    lua_pushboolean(L, true);
    lua_setfield(L, -2, "replayed");
  }
  if (step->ended_at > 0)
    set_number(L, "ended_at", step->ended_at);
}

static void set_refusal(lua_State *L, const struct sm_event *event,
                        const struct sm_error *e) {
  if (event->is_copied) {
    lua_pushboolean(L, true);
    lua_setfield(L, -2, "follows");
  } else if (e->code == SM_BUDGET) {
    set_number(L, "budget", event->budget);
    set_number(L, "spent", event->spent);
    if (!isnan(event->price))
      set_number(L, "price", event->price);
  }
}

void lsm_push_error(lua_State *L, const struct sm_error *e,
                    const struct sm_event *event, const char *key) {
  char message[SM_REDACT_MAX + 1];
  sm_redact_clean(message, sizeof message, e->message, strlen(e->message), key);
  lua_createtable(L, 0, 8);
  set_text(L, "kind", sm_code_name(e->code));
  set_text(L, "message", message);
  set_text(L, "charged", sm_charged_name(e->charged));
  set_count(L, "status", (uint64_t)e->status);
  lua_pushboolean(L, e->is_retryable);
  lua_setfield(L, -2, "retryable");
  if (e->retry_after_ms >= 0)
    set_number(L, "retry_after", (double)e->retry_after_ms / 1000);
  set_text(L, "history", sm_found_name(e->lookup));
  if (event) {
    set_text(L, "request_id", event->request_id);
    set_body(L, event);
    set_step(L, event);
    set_refusal(L, event, e);
  }
}

int lsm_return_error(lua_State *L, const struct sm_error *e, const char *key) {
  lua_pushnil(L);
  lsm_push_error(L, e, NULL, key);
  return 2;
}

static void push_state(lua_State *L, const struct sm_event *event) {
  lua_pushliteral(L, "state");
  lua_pushstring(L, sm_state_name(event->state));
  lua_pushstring(L, event->request_id);
}

static void push_note(lua_State *L, const struct sm_event *event,
                      const char *key) {
  char text[SM_REDACT_MAX], clean[SM_REDACT_MAX + 1];
  (void)snprintf(text, sizeof text, "%s%s%s", event->note ? event->note : "",
                 event->note && event->body ? ": " : "",
                 event->body ? event->body : "");
  sm_redact_clean(clean, sizeof clean, text, strlen(text), key);
  lua_pushliteral(L, "note");
  lua_pushstring(L, clean);
  lua_pushnil(L);
}

static void set_image(lua_State *L, const struct sm_event *event) {
  if (event->image.format == SM_NO_IMAGE)
    return;
  set_text(L, "format", sm_format_name(event->image.format));
  set_text(L, "media_type", sm_format_media_type(event->image.format));
  set_count(L, "width", event->image.width);
  set_count(L, "height", event->image.height);
}

static void push_done(lua_State *L, const struct sm_event *event,
                      const char *key) {
  lua_pushliteral(L, "done");
  lua_createtable(L, 0, event->image.format == SM_NO_IMAGE ? 8 : 16);
  set_count(L, "status", (uint64_t)event->status);
  set_text(L, "content_type", event->content_type);
  set_text(L, "request_id", event->request_id);
  set_text(L, event->is_file ? "path" : "url", event->place);
  set_text(L, "sha256", event->sha256);
  set_text(L, "seed", event->seed);
  set_count(L, "bytes", event->bytes);
  set_figure(L, "cost", event->cost);
  set_figure(L, "remaining_credits", event->remaining_credits);
  set_figure(L, "generation_time", event->generation_s);
  if (event->download_ms > 0)
    set_number(L, "download_time", (double)event->download_ms / 1000);
  set_image(L, event);
  set_body(L, event);
  set_step(L, event);
  if (event->error && event->error->code != SM_OK) {
    lsm_push_error(L, event->error, NULL, key);
    set_text(L, "request_id", event->request_id);
    lua_setfield(L, -2, "save_error");
  }
  lua_pushnil(L);
}

static void push_failure(lua_State *L, const struct sm_event *event,
                         const char *key) {
  struct sm_error no_memory;
  sm_fail_memory(&no_memory);
  if (event->request_id)
    no_memory.charged = SM_CHARGED_YES;
  lua_pushliteral(L, "error");
  lsm_push_error(L, event->error ? event->error : &no_memory, event, key);
  lua_pushnil(L);
}

int lsm_push_event(lua_State *L, const struct sm_event *event,
                   const char *key) {
  lua_pushinteger(L, (lua_Integer)event->id);
  switch (event->kind) {
  case SM_EVENT_STATE:
    push_state(L, event);
    break;
  case SM_EVENT_DONE:
    push_done(L, event, key);
    break;
  case SM_EVENT_ERROR:
    push_failure(L, event, key);
    break;
  case SM_EVENT_NOTE:
    push_note(L, event, key);
    break;
  case SM_EVENT_ROW:
    push_taken(L, event);
    break;
  }
  lua_pushinteger(L, (lua_Integer)event->body_size);
  return 5;
}
