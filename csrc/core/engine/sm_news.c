#include "sm_news.h"

#include <stdlib.h>
#include <string.h>

#include "sm_store.h"
#include "sm_task_http.h"

void sm_news_create(struct sm_news *news, const struct sm_base *base) {
  *news = (struct sm_news){.base = base};
  sm_events_create(&news->events);
}

void sm_news_destroy(struct sm_news *news) { sm_events_destroy(&news->events); }

static void push(struct sm_news *news, struct sm_event *event) {
  sm_events_push(&news->events, event);
  news->told++;
}

static struct sm_event *event_for(struct sm_task *task, enum sm_state state) {
  struct sm_event *event = task->first;
  if (state != SM_STATE_ACCEPTED || !event)
    return sm_event_new(task->id);
  task->first = NULL;
  event->id = task->id;
  return event;
}

static void tell(struct sm_news *news, struct sm_task *task,
                 enum sm_event_kind kind, enum sm_state state,
                 const char *note) {
  struct sm_event *event = event_for(task, state);
  if (!event)
    return;
  event->kind = kind;
  event->state = state;
  event->note = note;
  if (task->kind == SM_TASK_JOB && task->job.request_id)
    sm_event_name(event, task->job.request_id);
  push(news, event);
}

void sm_news_state(struct sm_news *news, struct sm_task *task,
                   enum sm_state state) {
  tell(news, task, SM_EVENT_STATE, state, NULL);
}

void sm_news_note(struct sm_news *news, struct sm_task *task,
                  const char *note) {
  tell(news, task, SM_EVENT_NOTE, SM_STATE_NONE, note);
}

void sm_news_ledger(struct sm_news *news, const struct sm_error *e) {
  struct sm_event *event = sm_event_new(0);
  if (!event)
    return;
  event->kind = SM_EVENT_NOTE;
  event->body = strdup(e->message);
  event->body_size = event->body ? strlen(event->body) : 0;
  if (event->body)
    push(news, event);
  else
    sm_event_delete(event);
}

void sm_news_row(struct sm_news *news, struct sm_task *task,
                 struct sm_row *row) {
  struct sm_event *event = sm_event_new(task->id);
  if (!event) {
    sm_row_delete(row);
    return;
  }
  event->kind = SM_EVENT_ROW;
  event->row = row;
  push(news, event);
}

/* Once: the service says the same with every answer. */
void sm_news_check(struct sm_news *news, struct sm_task *task) {
  if (news->has_checked_urls)
    return;
  news->has_checked_urls = true;
  if (sm_task_http_names_foreign_host(task->exchange, news->base))
    sm_news_note(news, task,
                 "the service names a status_url on another host; it is not "
                 "used, the base URL is");
}

void sm_news_tell(struct sm_news *news, struct sm_task *task,
                  const struct sm_action *action) {
  if (action->news != SM_STATE_NONE)
    sm_news_state(news, task, action->news);
  if (action->note)
    sm_news_note(news, task, action->note);
  if (action->news == SM_STATE_ACCEPTED)
    sm_news_check(news, task);
}

void sm_news_end(struct sm_news *news, struct sm_task *task) {
  struct sm_event *event = task->last;
  task->last = NULL;
  event->id = task->id;
  if (task->is_quiet)
    sm_event_delete(event);
  else
    push(news, event);
}
