#include <string.h>

#include "lsm.h"
#include "sm_text.h"

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

void lsm_push_error(lua_State *L, const struct sm_error *e,
                    const struct sm_event *event, const char *key) {
  char message[SM_TEXT_MAX + 1];
  sm_text_clean(message, sizeof message, e->message, strlen(e->message), key);
  lua_createtable(L, 0, 8);
  set_text(L, "kind", sm_code_name(e->code));
  set_text(L, "message", message);
  set_text(L, "charged", sm_charged_name(e->charged));
  set_count(L, "status", (uint64_t)e->status);
  lua_pushboolean(L, e->is_retryable);
  lua_setfield(L, -2, "retryable");
  if (e->retry_after_ms >= 0)
    set_number(L, "retry_after", (double)e->retry_after_ms / 1000);
  set_text(L, "history", sm_lookup_name(e->lookup));
  if (event) {
    set_text(L, "request_id", event->request_id);
    set_body(L, event);
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

static void push_note(lua_State *L, const struct sm_event *event) {
  lua_pushliteral(L, "note");
  lua_pushstring(L, event->note);
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

static void push_done(lua_State *L, const struct sm_event *event) {
  lua_pushliteral(L, "done");
  lua_createtable(L, 0, 8);
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
  set_image(L, event);
  set_body(L, event);
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
    push_done(L, event);
    break;
  case SM_EVENT_ERROR:
    push_failure(L, event, key);
    break;
  case SM_EVENT_NOTE:
    push_note(L, event);
    break;
  }
  lua_pushinteger(L, (lua_Integer)event->body_size);
  return 5;
}
