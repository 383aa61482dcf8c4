#include "sm_event.h"

#include <stdlib.h>
#include <string.h>

#include "sm_store.h"

struct sm_event *sm_event_new(uint64_t id) {
  struct sm_event *event = calloc(1, sizeof *event);
  if (!event)
    return NULL;
  event->id = id;
  event->cost = event->remaining_credits = event->generation_s = -1;
  return event;
}

bool sm_event_reserve(struct sm_event **event) {
  if ((*event)->has_room)
    return true;
  struct sm_event *roomy =
      realloc(*event, sizeof *roomy + sizeof(char[SM_ID_MAX + 1]));
  if (!roomy)
    return false;
  roomy->has_room = true;
  *event = roomy;
  return true;
}

static void forget_name(struct sm_event *event) {
  if (event->request_id != event->room)
    free(event->request_id);
  event->request_id = NULL;
}

void sm_event_delete(struct sm_event *event) {
  if (!event)
    return;
  forget_name(event);
  free(event->content_type);
  free(event->sha256);
  free(event->place);
  free(event->body);
  free(event->error);
  if (event->step)
    free(event->step->kept);
  free(event->step);
  if (event->kind == SM_EVENT_ROW)
    sm_row_delete(event->row);
  free(event);
}

bool sm_event_name(struct sm_event *event, const char *request_id) {
  forget_name(event);
  if (!request_id)
    return true;
  if (event->has_room)
    event->request_id = memcpy(event->room, request_id, strlen(request_id) + 1);
  else
    event->request_id = strdup(request_id);
  return event->request_id != NULL;
}

void sm_event_take_name(struct sm_event *event, char **request_id) {
  forget_name(event);
  event->request_id = *request_id;
  *request_id = NULL;
}

void sm_events_create(struct sm_events *events) {
  events->head = NULL;
  events->tail = &events->head;
}

void sm_events_push(struct sm_events *events, struct sm_event *event) {
  event->next = NULL;
  *events->tail = event;
  events->tail = &event->next;
}

struct sm_event *sm_events_pop(struct sm_events *events) {
  struct sm_event *event = events->head;
  if (!event)
    return NULL;
  events->head = event->next;
  if (!events->head)
    events->tail = &events->head;
  return event;
}

void sm_events_move(struct sm_events *to, struct sm_events *from) {
  if (!from->head)
    return;
  *to->tail = from->head;
  to->tail = from->tail;
  sm_events_create(from);
}

void sm_events_destroy(struct sm_events *events) {
  struct sm_event *event;
  while ((event = sm_events_pop(events)) != NULL)
    sm_event_delete(event);
}
