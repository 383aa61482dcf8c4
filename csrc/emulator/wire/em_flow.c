#include "em_flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
  PIECE = 16384,
  SLOW_STEP_US = 1000,
  CAPACITY_MAX = EM_FRAME_HEAD_MAX + PIECE,
  /* Of a message whose length nobody knows, a random place is one of these. */
  GUESSED_SIZE = 4096
};

void em_flow_create(struct em_flow *flow) {
  *flow = (struct em_flow){.stop_at = -1};
}

void em_flow_destroy(struct em_flow *flow) {
  free(flow->data);
  em_flow_create(flow);
}

void em_flow_drop(struct em_flow *flow) {
  flow->start = flow->end = flow->interim = flow->ready = 0;
}

/* A kept connection that idles costs no buffer. */
void em_flow_next(struct em_flow *flow) {
  struct em_flow next = {.data = flow->data,
                         .start = flow->start,
                         .end = flow->end,
                         .capacity = flow->capacity,
                         .ended = flow->ended,
                         .stop_at = -1};
  if (next.start == next.end) {
    free(next.data);
    next.data = NULL;
    next.capacity = next.start = next.end = 0;
  }
  *flow = next;
}

/* Room for another piece, if the ceiling allows. */
static size_t make_room(struct em_flow *flow) {
  if (flow->capacity - flow->end >= PIECE / 4)
    return flow->capacity - flow->end;
  if (flow->start)
    memmove(flow->data, flow->data + flow->start, em_flow_waiting(flow));
  flow->end -= flow->start;
  flow->start = 0;
  if (flow->capacity - flow->end < PIECE / 4 && flow->capacity < CAPACITY_MAX) {
    char *data = realloc(flow->data, flow->capacity + PIECE);
    if (data) {
      flow->data = data;
      flow->capacity += PIECE;
    }
  }
  return flow->capacity - flow->end;
}

static bool read_script(struct em_flow *flow, size_t room) {
  const struct em_wire_terms *script = flow->script;
  uint64_t left = script->total - flow->scripted;
  if (room > left)
    room = (size_t)left;
  for (size_t i = 0; i < room; i++)
    flow->data[flow->end++] =
        (char)script->bytes.data[(flow->scripted + i) % script->bytes.size];
  if (script->total == UINT64_MAX)
    flow->scripted = (flow->scripted + room) % script->bytes.size;
  else
    flow->scripted += room;
  flow->ended = flow->scripted == script->total;
  return room > 0;
}

bool em_flow_read(struct em_flow *flow, int fd, bool *readable) {
  if (flow->ended || (!flow->script && !*readable))
    return false;
  size_t room = make_room(flow);
  if (!room)
    return false;
  if (flow->script)
    return read_script(flow, room);
  ssize_t count = recv(fd, flow->data + flow->end, room, 0);
  if (count > 0) {
    flow->end += (size_t)count;
    return true;
  }
  if (count < 0 && errno == EINTR)
    return true;
  *readable = false;
  flow->ended = !count || (errno != EAGAIN && errno != EWOULDBLOCK);
  return flow->ended;
}

const char *em_flow_unframed(const struct em_flow *flow, size_t *size) {
  size_t framed = flow->interim + flow->ready;
  *size = em_flow_waiting(flow) - framed;
  return flow->data ? flow->data + flow->start + framed : "";
}

static void corrupt(struct em_flow *flow, char *bytes, size_t size) {
  for (size_t i = 0; i < size && flow->corrupt; i++) {
    bytes[i] = (char)(em_random_next(&flow->random) & 0xff);
    if (flow->corrupt != UINT64_MAX)
      flow->corrupt--;
  }
}

/* Once the end is known, so is the place counted from it. */
static void find_kept_place(struct em_flow *flow) {
  if (!flow->keep || flow->frame.state != EM_FRAME_DONE)
    return;
  size_t before = flow->ready > flow->keep ? flow->ready - flow->keep : 0;
  flow->stop_at = (int64_t)(flow->passed + before);
  flow->keep = 0;
}

void em_flow_frame(struct em_flow *flow) {
  size_t size;
  const char *bytes = em_flow_unframed(flow, &size);
  if (!flow->begun || !size)
    return;
  size_t taken = em_frame_take(&flow->frame, bytes, size);
  corrupt(flow, flow->data + flow->start + flow->interim + flow->ready, taken);
  flow->ready += taken;
  find_kept_place(flow);
}

uint64_t em_flow_total(const struct em_flow *flow) {
  return em_flow_is_whole(flow) ? flow->passed + flow->ready
                                : flow->frame.total;
}

static size_t slow_allowance(const struct em_flow *flow, int64_t now_us) {
  double earned = (double)(now_us - flow->slow_us) * flow->rate / 1e6;
  double left = earned - (double)flow->slow_passed;
  return left < 1 ? 0 : left > 1e9 ? (size_t)1000000000 : (size_t)left;
}

static size_t sendable(const struct em_flow *flow, int64_t now_us) {
  size_t size = flow->ready;
  if (flow->keep)
    size -= size < flow->keep ? size : flow->keep;
  if (flow->stop_at >= 0 && size > (uint64_t)flow->stop_at - flow->passed)
    size = (size_t)((uint64_t)flow->stop_at - flow->passed);
  if (flow->rate > 0) {
    size_t allowed = slow_allowance(flow, now_us);
    size = size < allowed ? size : allowed;
  }
  return size;
}

static void note_sent(struct em_flow *flow, size_t count) {
  flow->start += count;
  if (flow->interim) {
    flow->interim -= count;
    return;
  }
  flow->ready -= count;
  flow->passed += count;
  flow->slow_passed += count;
}

bool em_flow_write(struct em_flow *flow, int fd, int64_t now_us,
                   bool *writable) {
  size_t size = flow->interim ? flow->interim : sendable(flow, now_us);
  if (!size || !*writable)
    return false;
  ssize_t count = send(fd, flow->data + flow->start, size, MSG_NOSIGNAL);
  if (count > 0)
    note_sent(flow, (size_t)count);
  else if (count < 0 && errno != EINTR)
    *writable = false; /* the loop reports an error */
  return *writable;
}

void em_flow_aim(struct em_flow *flow, const struct em_wire_plan *plan) {
  uint64_t total = flow->frame.total;
  if (plan->anywhere)
    flow->stop_at =
        (int64_t)(plan->part * (double)(total ? total : GUESSED_SIZE));
  else if (plan->at >= 0)
    flow->stop_at = plan->at;
  else if (total)
    flow->stop_at = total > (uint64_t)-plan->at ? (int64_t)total + plan->at : 0;
  else if (flow->frame.state != EM_FRAME_TILL_END)
    flow->keep = -plan->at > PIECE ? PIECE : (size_t)-plan->at;
  if (total && flow->stop_at >= (int64_t)total)
    flow->stop_at = -1;
}

bool em_flow_is_due(const struct em_flow *flow) {
  return flow->stop_at >= 0 && flow->passed == (uint64_t)flow->stop_at &&
         flow->ready && !flow->interim;
}

void em_flow_slow_down(struct em_flow *flow, double rate, int64_t now_us) {
  flow->rate = rate;
  flow->slow_us = now_us;
  flow->slow_passed = 0;
}

void em_flow_corrupt(struct em_flow *flow, uint64_t length, uint64_t seed) {
  flow->corrupt = length;
  flow->random = (struct em_random){seed};
  corrupt(flow, flow->data + flow->start + flow->interim, flow->ready);
}

void em_flow_replay(struct em_flow *flow, const struct em_wire_terms *terms) {
  em_flow_drop(flow);
  flow->script = terms;
  flow->ended = !terms->total;
  flow->begun = true;
  em_frame_make_opaque(&flow->frame);
}

int64_t em_flow_wait_us(const struct em_flow *flow, int64_t now_us) {
  if (flow->rate <= 0 || !flow->ready || slow_allowance(flow, now_us))
    return -1;
  double due_us = ((double)flow->slow_passed + 1) * 1e6 / flow->rate;
  int64_t wait_us = (int64_t)(due_us - (double)(now_us - flow->slow_us)) + 1;
  return wait_us < SLOW_STEP_US ? SLOW_STEP_US : wait_us;
}
