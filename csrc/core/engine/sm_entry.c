#include "sm_entry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t size_of(const char *text) { return text ? strlen(text) + 1 : 0; }

static const char *keep(char **room, const char *text) {
  size_t size = size_of(text);
  char *kept = *room;
  if (!text)
    return NULL;
  memcpy(kept, text, size);
  *room += size;
  return kept;
}

/* In one block with its texts, but the key. */
static struct sm_ledger_step *copy_step(const struct sm_ledger_step *step) {
  size_t size = size_of(step->params) + size_of(step->name);
  struct sm_ledger_step *copy = malloc(sizeof *copy + size);
  if (!copy)
    return NULL;
  char *room = (char *)(copy + 1);
  *copy = *step;
  copy->key = NULL;
  copy->params = keep(&room, step->params);
  copy->name = keep(&room, step->name);
  return copy;
}

bool sm_entry_name(struct sm_entry *entry, const char *key) {
  char *copy = strdup(key);
  if (!copy)
    return false;
  free(entry->key);
  entry->key = copy;
  if (entry->step)
    entry->step->key = copy;
  return true;
}

struct sm_entry *sm_entry_new(enum sm_entry_start start,
                              const struct sm_ledger_step *step,
                              const char *save) {
  static const struct sm_ledger_step none = {
      .seed = (double)NAN, .price = (double)NAN, .budget = (double)NAN};
  struct sm_entry *entry = calloc(1, sizeof *entry);
  if (!entry)
    return NULL;
  if (!step)
    step = &none;
  entry->start = start;
  entry->price = step->price;
  if ((entry->step = copy_step(step)) != NULL &&
      (!step->key || sm_entry_name(entry, step->key)) &&
      (!save || (entry->save = strdup(save)) != NULL))
    return entry;
  sm_entry_delete(entry);
  return NULL;
}

void sm_entry_be_at(struct sm_entry *entry, const struct sm_row *row) {
  entry->generation = (int64_t)sm_row_number(row, SM_ROW_GENERATION);
  entry->submits = sm_row_submits(row);
}

void sm_entry_shed(struct sm_entry *entry) {
  free(entry->step);
  entry->step = NULL;
  entry->write.step = NULL;
}

void sm_entry_delete(struct sm_entry *entry) {
  if (!entry)
    return;
  sm_write_clear(&entry->write);
  sm_row_delete(entry->row);
  sm_entry_shed(entry);
  free(entry->key);
  free(entry->save);
  free(entry->sha256);
  free(entry);
}

bool sm_entry_is_over(const struct sm_entry *entry) {
  return entry->is_dropped ||
         (entry->phase >= SM_ENTRY_STORE && entry->phase != SM_ENTRY_FETCH);
}

struct sm_write *sm_entry_write(struct sm_entry *entry, enum sm_write_kind kind,
                                int64_t deadline_ms) {
  struct sm_write *write = &entry->write;
  sm_write_clear(write);
  sm_write_create(write, kind, entry->step);
  write->key = entry->key;
  write->generation = entry->generation;
  write->submits = entry->submits;
  write->deadline_ms = deadline_ms;
  return write;
}

/* Whether the last submit is certainly not paid: that of a row that was left
 * behind is in doubt until its own failure is told. */
static bool is_unpaid(const struct sm_entry *entry, const struct sm_error *e) {
  return e->charged == SM_CHARGED_NO &&
         (e->code == SM_FAILED || !entry->is_taken);
}

/* Only what is certainly not paid is simply run again (M3): where an earlier
 * submit is in doubt, the failure of a later one does not change that. An
 * accepted job is asked for again by its id, one of which nobody knows is
 * looked up again. One that the service has forgotten is paid all the same. */
static const char *state_after(const struct sm_entry *entry,
                               const struct sm_error *e,
                               const char *request_id) {
  bool is_told = e->code == SM_FAILED && e->charged == SM_CHARGED_NO;
  if (request_id && !is_told)
    return e->code == SM_EXPIRED ? "expired" : "accepted";
  if (e->code == SM_CANCELLED && entry->was_sent)
    return "intent";
  if (is_unpaid(entry, e) && !entry->is_again)
    return "failed";
  return e->code == SM_CANCELLED ? "intent" : "unknown";
}

/* When the last of several submits was certainly not paid, those before it are
 * still in doubt, and its price is given back. */
static double refund_after(const struct sm_entry *entry,
                           const struct sm_error *e, const char *state) {
  bool is_in_doubt =
      strcmp(state, "unknown") == 0 || strcmp(state, "intent") == 0;
  return is_in_doubt && is_unpaid(entry, e) && entry->price > 0 ? entry->price
                                                                : 0;
}

struct sm_write *sm_entry_write_end(struct sm_entry *entry,
                                    const struct sm_error *e,
                                    const char *request_id,
                                    int64_t deadline_ms) {
  struct sm_write *write = sm_entry_write(entry, SM_WRITE_END, deadline_ms);
  const char *left = entry->row ? sm_row_text(entry->row, SM_ROW_STATE) : NULL;
  write->request_id = request_id;
  write->text = e->message;
  write->text_size = strlen(e->message);
  write->state = left ? left : state_after(entry, e, request_id);
  write->refund = left ? 0 : refund_after(entry, e, write->state);
  return write;
}

char *sm_entry_path(const struct sm_entry *entry, const char *folder) {
  size_t size = strlen(folder) + strlen(entry->key) + 40;
  char *path = malloc(size);
  if (!path)
    return NULL;
  if (entry->submits > 1)
    (void)snprintf(path, size, "%s/%s-%lld-%d", folder, entry->key,
                   (long long)entry->generation, (int)entry->submits);
  else if (entry->generation > 1)
    (void)snprintf(path, size, "%s/%s-%lld", folder, entry->key,
                   (long long)entry->generation);
  else
    (void)snprintf(path, size, "%s/%s", folder, entry->key);
  return path;
}
