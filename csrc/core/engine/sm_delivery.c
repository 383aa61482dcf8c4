#include "sm_delivery.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sm_disk.h"
#include "sm_engine_internal.h"
#include "sm_keeper.h"
#include "sm_output.h"

/* So long the id has to be written, until its picture is fetched all the same:
 * an id that turns out to be another step's is best known before. */
#define GRACE_MS 500

/* The first address in the last event's result; NULL for none. Where memory
 * runs out, jansson may leave a byte out of a long string and not say so: two
 * readings must agree. Ownership: the caller's. */
static enum sm_code read_url(const struct sm_task *task, char **url,
                             struct sm_error *e) {
  const char *text = task->last->body;
  size_t size = task->last->body_size;
  struct sm_output first = {0}, second;
  *url = NULL;
  if (text)
    first = sm_output_of_text(NULL, 0, text, size);
  if (!first.bytes && !first.is_unread)
    return SM_OK;
  if (!first.is_unread && (*url = malloc(first.bytes)) != NULL) {
    second = sm_output_of_text(*url, first.bytes, text, size);
    if (second.bytes == first.bytes)
      return SM_OK;
  }
  free(*url);
  *url = NULL;
  return sm_fail_memory(e);
}

/* The download could not be, or could not be kept. */
static void note_unfetched(struct sm_task *task, const struct sm_error *e) {
  struct sm_error told = *e, why;
  char *url;
  (void)read_url(task, &url, &why);
  (void)snprintf(told.message, sizeof told.message,
                 "%.240s (the picture is at %.200s)", e->message,
                 url ? url : "no address");
  free(url);
  sm_task_note_trouble(task, &told);
}

static const char *name_in(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static bool is_accepting(const struct sm_entry *entry) {
  return entry->is_writing && entry->write.kind == SM_WRITE_ACCEPT;
}

/* -- what is to be written ------------------------------------------------- */

static void put_result(struct sm_engine *engine, struct sm_task *task,
                       struct sm_write *write) {
  struct sm_entry *entry = task->entry;
  const struct sm_event *event = task->last;
  write->request_id = event->request_id;
  write->text = entry->is_picture ? NULL : event->body;
  write->text_size = entry->is_picture ? 0 : event->body_size;
  write->cost = event->step->cost;
  write->seed = event->step->seed;
  write->ended_at = event->step->ended_at;
  entry->is_result_due = false;
  sm_keeper_put(engine, task, write);
}

/* DONE is told when the picture is on the disk, and the ledger knows where
 * (M10). A result waits for no picture's sync, which may fail. */
static struct sm_write *new_write(const struct sm_engine *engine,
                                  struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  bool is_result = entry->is_result_due;
  struct sm_write *write =
      sm_entry_write(entry, is_result ? SM_WRITE_COMPLETE : SM_WRITE_KEEP,
                     sm_keeper_late_ms(engine, task));
  if (!entry->is_file_due || (is_result && entry->is_unsynced))
    return write;
  write->file = name_in(task->last->step->kept);
  write->sha256 = entry->sha256;
  write->is_unsynced = entry->is_unsynced;
  entry->is_file_due = entry->is_unsynced = false;
  return write;
}

/* Whether something is being written still. */
static bool is_written_on(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  if (entry->is_writing)
    return true;
  if (entry->is_result_due)
    put_result(engine, task, new_write(engine, task));
  else if (entry->is_file_due)
    sm_keeper_put(engine, task, new_write(engine, task));
  return entry->is_writing;
}

/* Of a picture that no write has come through to. */
static void sync_kept(const struct sm_engine *engine, struct sm_task *task) {
  const char *path = task->last->step->kept;
  struct sm_file_unsynced file = {.name = name_in(path)};
  struct sm_error e;
  task->entry->is_unsynced = false;
  sm_file_sync(engine->folder, &file, 1);
  if (!file.why)
    return;
  sm_fail(&e, SM_IO, "cannot write %.300s: %s", path, strerror(file.why));
  note_unfetched(task, &e);
}

/* A row that could not be completed is let go. */
static void finish(struct sm_engine *engine, struct sm_task *task) {
  if (task->entry->is_unsynced)
    sync_kept(engine, task);
  if (task->entry->has_failed)
    sm_keeper_put_end(engine, task);
  else if (task->entry->is_dropped)
    sm_keeper_forget(engine, task);
  else
    sm_keeper_finish(engine, task);
}

void sm_delivery_go_on(struct sm_engine *engine, struct sm_task *task) {
  const struct sm_entry *entry = task->entry;
  if (is_written_on(engine, task))
    return;
  if (entry->is_dropped || entry->phase == SM_ENTRY_KEEP)
    finish(engine, task);
  else if (entry->phase == SM_ENTRY_DUE)
    sm_delivery_begin(engine, task);
}

/* All is done with the picture that can be. */
static void be_over(struct sm_engine *engine, struct sm_task *task) {
  sm_keeper_withdraw(engine, task);
  task->entry->phase = SM_ENTRY_KEEP;
  sm_engine_wake_at(engine, task, INT64_MAX);
  sm_delivery_go_on(engine, task);
}

static void note_kept(struct sm_task *task, char *path) {
  struct sm_entry *entry = task->entry;
  struct sm_event *event = task->last;
  struct sm_error e;
  event->step->kept = path;
  if (!path)
    return;
  free(entry->sha256);
  entry->sha256 = event->sha256 ? strdup(event->sha256) : NULL;
  entry->is_file_due = entry->sha256 != NULL;
  if (entry->is_file_due)
    return;
  sm_fail_memory(&e);
  sm_task_note_trouble(task, &e);
}

/* -- a step that is finished ----------------------------------------------- */

static void fetch(struct sm_engine *engine, struct sm_task *task, char *url);

static void read_through(struct sm_engine *engine, struct sm_task *task,
                         enum sm_entry_phase phase) {
  task->entry->phase = phase;
  sm_engine_wake_at(engine, task, INT64_MAX);
  sm_queue_push(&engine->queue, task);
}

/* A result that is here ends with what went wrong. */
static void give_up(struct sm_engine *engine, struct sm_task *task,
                    const struct sm_error *e) {
  sm_task_note_trouble(task, e);
  be_over(engine, task);
}

static void be_gone(struct sm_engine *engine, struct sm_task *task,
                    const char *why) {
  struct sm_error e;
  sm_fail(&e, SM_IO,
          "the step is finished and paid, but its picture is gone: %.200s/%s "
          "(%.120s); the option fresh makes another",
          engine->folder, task->entry->key, why);
  e.charged = SM_CHARGED_YES;
  if (task->last->body) {
    sm_task_note_trouble(task, &e);
    sm_keeper_finish(engine, task);
    return;
  }
  task->entry->is_ours = false;
  sm_keeper_fail(engine, task, &e);
}

/* The kept picture is not there, or not as it was: as long as the service has
 * it, it is fetched again. */
static void fetch_again(struct sm_engine *engine, struct sm_task *task,
                        const char *why) {
  struct sm_error e;
  char *url;
  enum sm_code code = read_url(task, &url, &e);
  if (code != SM_OK)
    sm_task_note_trouble(task, &e);
  if (url)
    fetch(engine, task, url);
  else if (task->last->body)
    sm_keeper_finish(engine, task);
  else
    be_gone(engine, task, why);
}

static char *join(const char *folder, const char *name) {
  size_t size = strlen(folder) + strlen(name) + 2;
  char *path = malloc(size);
  if (path)
    (void)snprintf(path, size, "%s/%s", folder, name);
  return path;
}

/* The copy for the caller says how the picture was made, in the same bytes
 * whenever it is made: a step that takes it as a picture is known by them. It
 * may be made before the row is written that has its date: who takes it then as
 * a picture is written down in the same commit, or in a later one. The kept one
 * is as the service sent it. */
static void describe(struct sm_task *task) {
  const struct sm_event *event = task->last;
  const struct sm_event_step *step = event->step;
  char seed[32];
  int64_t ended_ms = (int64_t)(step->ended_at * 1000);
  if (event->is_replayed) {
    sm_metadata_tell(task->metadata, event->request_id, event->seed,
                     event->cost, ended_ms);
  } else {
    (void)snprintf(seed, sizeof seed, "%.0f", step->seed); /* "nan": none */
    sm_metadata_tell(task->metadata, event->request_id, seed, step->cost,
                     ended_ms);
  }
  sm_digest_describe(task->digest, task->metadata);
}

static enum sm_code copy_to(struct sm_task *task, const char *path,
                            struct sm_error *e) {
  describe(task);
  return sm_digest_copy_to(task->digest, path, false, e);
}

/* The kept picture is compared with its hash, and copied on the way. */
static void verify(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  struct sm_error e;
  enum sm_code code = sm_digest_new(&task->digest, task->last->step->kept, &e);
  if (code == SM_OK && entry->save)
    code = copy_to(task, entry->save, &e);
  if (code != SM_OK) {
    give_up(engine, task, &e);
    return;
  }
  sm_digest_expect(task->digest, entry->sha256);
  if (entry->save)
    sm_engine_emit_state(engine, task, SM_STATE_SAVING);
  read_through(engine, task, SM_ENTRY_VERIFY);
}

static void fill_from_row(struct sm_task *task, const struct sm_row *row) {
  struct sm_event *event = task->last;
  const struct sm_db_value *result = &row->value[SM_ROW_RESULT];
  const char *id = sm_row_text(row, SM_ROW_REQUEST_ID);
  double cost = sm_row_number(row, SM_ROW_COST);
  double seed = sm_row_number(row, SM_ROW_SEED);
  event->kind = SM_EVENT_DONE;
  event->status = 200;
  event->cost = cost >= 0 ? cost : -1;
  event->is_replayed = true;
  event->step->ended_at = sm_row_number(row, SM_ROW_ENDED_AT);
  sm_entry_be_at(task->entry, row);
  if (id)
    (void)sm_event_name(event, id);
  if (!isnan(seed))
    (void)snprintf(event->seed, sizeof event->seed, "%.0f", seed);
  if (result->type == SM_DB_TEXT &&
      (event->body = malloc(result->size + 1)) != NULL) {
    memcpy(event->body, result->text, result->size + 1);
    event->body_size = result->size;
  }
}

void sm_delivery_replay(struct sm_engine *engine, struct sm_task *task,
                        const struct sm_row *row) {
  const char *name = sm_row_text(row, SM_ROW_FILE);
  const char *sha256 = sm_row_text(row, SM_ROW_FILE_SHA256);
  struct sm_error e;
  sm_keeper_withdraw(engine, task);
  fill_from_row(task, row);
  task->entry->phase = SM_ENTRY_VERIFY;
  sm_engine_wake_at(engine, task, INT64_MAX);
  if (!name || !sha256) {
    fetch_again(engine, task, "it was not fetched");
    return;
  }
  task->entry->sha256 = strdup(sha256);
  task->last->step->kept = join(engine->folder, name);
  if (task->entry->sha256 && task->last->step->kept) {
    verify(engine, task);
    return;
  }
  sm_fail_memory(&e);
  give_up(engine, task, &e);
}

/* A picture that came without a text is the result itself. */
static bool load_kept(struct sm_task *task) {
  struct sm_event *event = task->last;
  size_t size = event->bytes;
  int fd = open(event->step->kept, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  event->body = fd >= 0 ? malloc(size + 1) : NULL;
  if (event->body && sm_disk_read(fd, event->body, &size, 0)) {
    event->body_size = size;
    event->body[size] = '\0';
  }
  if (fd >= 0)
    (void)close(fd);
  return event->body && event->body_size == event->bytes;
}

static void verified(struct sm_engine *engine, struct sm_task *task) {
  if (!task->last->body && !load_kept(task))
    be_gone(engine, task, "it cannot be read");
  else
    sm_keeper_finish(engine, task);
}

/* What the row names is not in the folder, or not as it was: a server's ledger
 * may have the bytes itself. */
static void not_verified(struct sm_engine *engine, struct sm_task *task,
                         const struct sm_error *e) {
  struct sm_entry *entry = task->entry;
  struct sm_event_step *facts = task->last->step;
  if (!entry->is_asked_for) {
    entry->is_asked_for = true;
    entry->is_damaged = e->code == SM_PROTOCOL;
    struct sm_write *write =
        sm_entry_write(entry, SM_WRITE_PICTURE, entry->deadline_ms);
    write->file = name_in(facts->kept);
    write->sha256 = entry->sha256;
    sm_keeper_put(engine, task, write);
    return;
  }
  free(facts->kept);
  facts->kept = NULL;
  fetch_again(engine, task,
              entry->is_damaged ? "damaged" : "it cannot be read");
}

static void brought(struct sm_engine *engine, struct sm_task *task) {
  const struct sm_write *write = &task->entry->write;
  if (task->entry->is_dropped)
    sm_keeper_forget(engine, task);
  else if (!write->error && write->standing == SM_STANDING_DONE)
    verify(engine, task);
  else
    not_verified(engine, task, NULL);
}

/* -- the picture ----------------------------------------------------------- */

static void unfetched(struct sm_engine *engine, struct sm_task *task,
                      const struct sm_error *e) {
  sm_keeper_withdraw(engine, task);
  if (task->last->is_replayed) {
    be_gone(engine, task, e->message);
    return;
  }
  note_unfetched(task, e);
  be_over(engine, task);
}

static enum sm_code open_file(struct sm_engine *engine, struct sm_task *task,
                              struct sm_error *e) {
  char *path = sm_entry_path(task->entry, engine->folder);
  if (!path)
    return sm_fail_memory(e);
  enum sm_code code = sm_file_new(&task->file, path, true, e);
  if (code == SM_OK)
    code = sm_file_want_sha256(task->file, e);
  if (code == SM_OK)
    sm_file_sync_later(task->file);
  free(path);
  return code;
}

static void become_download(struct sm_engine *engine, struct sm_task *task,
                            char *url) {
  sm_task_become_download(task, url, task->entry->deadline_ms, engine->now_ms);
  if (is_accepting(task->entry)) /* the row may have to be made anew of it */
    return;
  sm_body_delete(task->body);
  task->body = NULL;
  if (task->entry->step)
    task->entry->step->body = NULL;
}

static void fetch(struct sm_engine *engine, struct sm_task *task, char *url) {
  struct sm_error e;
  become_download(engine, task, url);
  task->entry->phase = SM_ENTRY_FETCH;
  if (open_file(engine, task, &e) != SM_OK)
    unfetched(engine, task, &e);
  else
    sm_engine_send(engine, task, engine->now_ms);
}

/* An id that neither its own write nor the result's has made durable is in no
 * state that is reported (M2). */
static bool has_lost_id(const struct sm_task *task) {
  return task->entry->step && task->entry->is_ours &&
         sm_task_request_id(task) != NULL;
}

static void emit_saving(struct sm_engine *engine, struct sm_task *task) {
  if (is_accepting(task->entry))
    task->entry->held_state = SM_STATE_SAVING;
  else if (!has_lost_id(task))
    sm_engine_emit_state(engine, task, SM_STATE_SAVING);
}

/* The kept picture goes where the caller wants it, whatever the ledger says. */
static void save(struct sm_engine *engine, struct sm_task *task) {
  const char *from = task->last->step->kept, *to = task->entry->save;
  struct sm_error e;
  if (!to || !from || task->entry->is_dropped) {
    be_over(engine, task);
    return;
  }
  enum sm_code code = sm_digest_new(&task->digest, from, &e);
  if (code == SM_OK)
    code = copy_to(task, to, &e);
  if (code != SM_OK) {
    give_up(engine, task, &e);
    return;
  }
  emit_saving(engine, task);
  read_through(engine, task, SM_ENTRY_SAVE);
}

static void fetched(struct sm_engine *engine, struct sm_task *task,
                    struct sm_action *action) {
  struct sm_event *event = task->last;
  sm_task_http_settle_file(task, action);
  sm_keeper_withdraw(engine, task);
  sm_file_delete(task->file);
  task->file = NULL;
  task->entry->is_unsynced = event->place != NULL;
  note_kept(task, event->place);
  event->place = NULL;
  event->is_file = false;
  if (action->kind == SM_ACTION_FAIL) {
    unfetched(engine, task, &action->error);
    return;
  }
  (void)is_written_on(engine, task);
  save(engine, task);
}

/* A picture that came by itself goes to its file before the step is called
 * finished. */
static void store_picture(struct sm_engine *engine, struct sm_task *task) {
  struct sm_event *event = task->last;
  struct sm_error e;
  char *path = sm_entry_path(task->entry, engine->folder);
  enum sm_code code = path ? SM_OK : sm_fail_memory(&e);
  if (code == SM_OK)
    code = sm_digest_new_of_bytes(&task->digest, event->body, event->body_size,
                                  &e);
  if (code == SM_OK)
    code = sm_digest_copy_to(task->digest, path, true, &e);
  free(path);
  if (code == SM_OK)
    read_through(engine, task, SM_ENTRY_STORE);
  else
    give_up(engine, task, &e);
}

static void stored(struct sm_engine *engine, struct sm_task *task) {
  (void)is_written_on(engine, task);
  save(engine, task);
}

void sm_delivery_read(struct sm_engine *engine, struct sm_task *task,
                      const struct sm_error *e) {
  struct sm_event *event = task->last;
  bool is_kept = !e || sm_digest_is_copy_at_fault(task->digest);
  const char *copy = e ? NULL : sm_digest_copy(task->digest);
  enum sm_entry_phase phase = task->entry->phase;
  char *path = copy ? strdup(copy) : NULL;
  event->image = sm_digest_facts(task->digest)->image;
  event->bytes = sm_digest_facts(task->digest)->size_bytes;
  sm_keeper_withdraw(engine, task);
  if (phase == SM_ENTRY_STORE) {
    note_kept(task, path);
  } else {
    event->is_file = path != NULL;
    event->place = path;
  }
  if (e && (is_kept || phase != SM_ENTRY_VERIFY))
    sm_task_note_trouble(task, e);
  if (phase == SM_ENTRY_STORE)
    stored(engine, task);
  else if (phase == SM_ENTRY_SAVE)
    be_over(engine, task);
  else if (is_kept)
    verified(engine, task);
  else
    not_verified(engine, task, e);
}

/* -- the result ------------------------------------------------------------ */

void sm_delivery_begin(struct sm_engine *engine, struct sm_task *task) {
  struct sm_error e;
  char *url;
  enum sm_code code = read_url(task, &url, &e);
  (void)is_written_on(engine, task);
  if (code != SM_OK)
    give_up(engine, task, &e);
  else if (url)
    fetch(engine, task, url);
  else
    be_over(engine, task);
}

/* Its id is best written before. */
static void be_due(struct sm_engine *engine, struct sm_task *task) {
  task->entry->phase = SM_ENTRY_DUE;
  if (task->entry->is_writing)
    sm_engine_wake_at(engine, task, engine->now_ms + GRACE_MS);
  else
    sm_delivery_begin(engine, task);
}

void sm_delivery_arrive(struct sm_engine *engine, struct sm_task *task,
                        struct sm_action *action) {
  sm_task_http_settle(task, task->exchange, action);
  if (action->kind == SM_ACTION_FAIL) {
    sm_keeper_fail(engine, task, &action->error);
    return;
  }
  sm_keeper_withdraw(engine, task);
  task->last->step->ended_at =
      (double)(engine->now_ms + engine->wall_offset_ms) / 1000;
  task->entry->is_result_due = true;
  task->entry->is_picture = task->last->image.format != SM_NO_IMAGE;
  if (task->entry->is_picture)
    store_picture(engine, task);
  else
    be_due(engine, task);
}

/* -- what comes home, and from elsewhere ----------------------------------- */

/* What could not be written stands beside the result. Where that is the result
 * itself, there is no row to keep a picture in. */
static void not_written(struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  entry->has_failed = entry->write.kind == SM_WRITE_COMPLETE;
  entry->is_file_due &= !entry->has_failed;
  if (entry->write.error->code == SM_IO)
    note_unfetched(task, entry->write.error);
  else
    sm_task_note_trouble(task, entry->write.error);
}

static void written(struct sm_engine *engine, struct sm_task *task) {
  struct sm_entry *entry = task->entry;
  entry->is_unsynced |= entry->write.is_unsynced;
  if (entry->write.error) {
    not_written(task);
  } else {
    entry->is_ours = entry->has_failed = false;
  }
  sm_delivery_go_on(engine, task);
}

void sm_delivery_come_home(struct sm_engine *engine, struct sm_task *task) {
  if (task->entry->write.kind == SM_WRITE_PICTURE)
    brought(engine, task);
  else
    written(engine, task);
}

void sm_delivery_carry_out(struct sm_engine *engine, struct sm_task *task,
                           struct sm_action *action) {
  sm_engine_emit_news(engine, task, action);
  if (action->kind == SM_ACTION_DONE) {
    fetched(engine, task, action);
  } else if (action->kind == SM_ACTION_FAIL) {
    (void)sm_inflight_cut(&engine->inflight, task);
    unfetched(engine, task, &action->error);
  } else {
    sm_inflight_leave(&engine->inflight, task);
    sm_engine_send(engine, task, action->at_ms);
  }
}

/* The service sends such a picture once. */
void sm_delivery_store_now(struct sm_engine *engine, struct sm_task *task) {
  struct sm_error e;
  bool is_over = false;
  enum sm_code code = SM_OK;
  while (code == SM_OK && !is_over)
    code = sm_task_step_digest(task, &is_over, &e);
  sm_delivery_read(engine, task, code == SM_OK ? NULL : &e);
}
