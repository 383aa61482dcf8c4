/* sm_news: what the host is told of a task.
 *
 * The engine's events are made here. What cost money is told in any case: that
 * a submit was accepted, and how a task ended, by events that were allocated
 * before anything was sent (sm_task_arm). A change of state or a note for which
 * there is no memory is left out. It decides nothing: what is news is for the
 * state machines to say, and when a task is over for the engine.
 */
#ifndef SM_NEWS_H
#define SM_NEWS_H

#include "sm_task.h"

struct sm_news {
  struct sm_events events;
  const struct sm_base *base;
  uint64_t told; /* so far */
  bool has_checked_urls;
};

/* `base` must outlive the news. */
void sm_news_create(struct sm_news *news, const struct sm_base *base);
void sm_news_destroy(struct sm_news *news);

/* A state; one for which there is no memory is left out. */
void sm_news_state(struct sm_news *news, struct sm_task *task,
                   enum sm_state state);

/* A note: static text. */
void sm_news_note(struct sm_news *news, struct sm_task *task, const char *note);

/* What the ledger has to say, of itself. */
void sm_news_ledger(struct sm_news *news, const struct sm_error *e);

/* The row that the task has become. Ownership: the event's. */
void sm_news_row(struct sm_news *news, struct sm_task *task,
                 struct sm_row *row);

/* To be called at the answer to a submit: whether the service names a foreign
 * host in it. */
void sm_news_check(struct sm_news *news, struct sm_task *task);

/* The state and the note of an action, where it has any. */
void sm_news_tell(struct sm_news *news, struct sm_task *task,
                  const struct sm_action *action);

/* Hands out the task's last event. */
void sm_news_end(struct sm_news *news, struct sm_task *task);

#endif
