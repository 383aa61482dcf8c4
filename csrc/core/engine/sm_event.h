/* sm_event: events for the host program.
 *
 * The engine makes a list of them, the client hands it over to the host's
 * thread, and the host takes one at a time. An event owns what it points to.
 * The last event of a task is allocated with the task, so that a result or an
 * error can always be reported, even when memory has run out.
 */
#ifndef SM_EVENT_H
#define SM_EVENT_H

#include "sm_image.h"
#include "sm_reply.h"

enum sm_event_kind {
  SM_EVENT_STATE,
  SM_EVENT_DONE,
  SM_EVENT_ERROR,
  SM_EVENT_NOTE,
  SM_EVENT_ROW /* the task continues the row `row` */
};

/* What a ledger adds to the end of a step. */
struct sm_event_step {
  int64_t generation; /* of its row; 0: it has none */
  double ended_at;    /* DONE: when its result was here; Unix time */
  double cost;        /* DONE: USD, NAN when not said, as the next */
  double seed;
  char *kept; /* DONE: the ledger's copy of the picture; owned */
};

struct sm_row;

struct sm_event {
  struct sm_event *next;
  uint64_t id; /* of the task; 0: of the client as a whole */
  enum sm_event_kind kind;
  enum sm_state state; /* STATE */
  int status;          /* HTTP status, 0 for none */
  int32_t download_ms; /* DONE: what fetching the picture took; 0: none was */
  union {
    const char *note;   /* NOTE: static text; the body follows it, if any */
    struct sm_row *row; /* ROW; owned */
  };
  bool is_file;     /* `place` is a path */
  bool is_replayed; /* DONE, with a ledger: it was finished before */
  bool is_copied;   /* ERROR: that of another task, at the same step */
  bool has_room;    /* `room` is there */
  char *request_id; /* owned, or `room`; NULL for none */
  char *place;      /* DONE: an upload's URL, a file's path; owned */
  char *body;       /* owned; followed by a NUL */
  size_t body_size;
  struct sm_error *error; /* ERROR; owned; NULL says: out of memory. DONE: what
                             went wrong with a result that is here */
  struct sm_event_step *step; /* with a ledger; owned */
  struct sm_image image;      /* DONE of a picture */
  uint64_t bytes;             /* DONE of a digest or a download */
  union {
    struct { /* DONE: the v1 API's headers; -1 when not said */
      double cost;
      double remaining_credits;
      double generation_s;
    };
    struct { /* ERROR of a step that the budget does not allow: USD */
      double budget;
      double spent;
      double price; /* NAN: it has none */
    };
  };
  char seed[24];
  char *content_type; /* owned, as the next; NULL when not said */
  char *sha256;
  char room[]; /* for a request id */
};

struct sm_events {
  struct sm_event *head;
  struct sm_event **tail;
};

struct sm_event *sm_event_new(uint64_t id);
void sm_event_delete(struct sm_event *event);

/* Makes room for the id of a request that is about to be sent: one that is paid
 * for is told even when memory has run out. The event may move; it must be in
 * no list. False without memory. */
bool sm_event_reserve(struct sm_event **event);

/* Names the request that the event is of, or (NULL) none. False without room
 * and memory. */
bool sm_event_name(struct sm_event *event, const char *request_id);

/* The same; takes the id over. It cannot fail. */
void sm_event_take_name(struct sm_event *event, char **request_id);

void sm_events_create(struct sm_events *events);
void sm_events_push(struct sm_events *events, struct sm_event *event);
struct sm_event *sm_events_pop(struct sm_events *events);
/* Moves all of `from` to the end of `to`. */
void sm_events_move(struct sm_events *to, struct sm_events *from);
void sm_events_destroy(struct sm_events *events);

#endif
