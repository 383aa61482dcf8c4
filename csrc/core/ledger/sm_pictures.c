#include "sm_pictures.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sm_buf.h"
#include "sm_disk.h"
#include "sm_file.h"
#include "sm_system.h"

#define PIECE_BYTES (256 * 1024)
#define MOST_TOGETHER 32 /* open at once, to be synced */
#define MARK ".segmind-ledger"
#define MARK_HEX 33 /* with its zero */

static const char make_pieces_sql[] =
    "CREATE TABLE segmind_pictures (step_key TEXT NOT NULL, "
    "generation INTEGER NOT NULL, piece INTEGER NOT NULL, "
    "bytes BYTEA NOT NULL, PRIMARY KEY (step_key, generation, piece))";

static const char forget_pieces_sql[] =
    "DELETE FROM segmind_pictures WHERE step_key = $1 AND generation = $2 "
    "AND piece >= $3";

static const char put_piece_sql[] =
    "INSERT INTO segmind_pictures (step_key, generation, piece, bytes) "
    "VALUES ($1, $2, $3, $4) ON CONFLICT (step_key, generation, piece) "
    "DO UPDATE SET bytes = excluded.bytes";

static const char get_piece_sql[] =
    "SELECT bytes FROM segmind_pictures "
    "WHERE step_key = $1 AND generation = $2 AND piece = $3";

static const char make_folder_sql[] =
    "CREATE TABLE segmind_folder (mark TEXT NOT NULL, path TEXT NOT NULL)";

static const char get_folder_sql[] = "SELECT mark, path FROM segmind_folder";

static const char put_folder_sql[] =
    "INSERT INTO segmind_folder (mark, path) VALUES ($1, $2)";

/* -- tables -------------------------------------------------------------- */

static enum sm_db_status need_table(const struct sm_db *db, const char *name,
                                    const char *make_sql, struct sm_error *e) {
  bool is_there;
  enum sm_db_status status = sm_db_has_table(db, name, &is_there, e);
  return status || is_there ? status : sm_db_exec(db, make_sql, e);
}

/* -- a shared folder ----------------------------------------------------- */

/* What the ledger says of its folder. */
struct record {
  char mark[MARK_HEX]; /* "" when it has none */
  char path[256];
};

static bool note_record(void *user, const struct sm_db_value *row,
                        int columns) {
  struct record *record = user;
  if (columns == 2 && row[0].type == SM_DB_TEXT && row[1].type == SM_DB_TEXT) {
    (void)snprintf(record->mark, sizeof record->mark, "%.32s", row[0].text);
    (void)snprintf(record->path, sizeof record->path, "%.255s", row[1].text);
  }
  return true;
}

static enum sm_db_status
read_record(const struct sm_db *db, struct record *record, struct sm_error *e) {
  bool is_there;
  struct sm_db_query query = {
      .sql = get_folder_sql, .take = note_record, .user = record};
  *record = (struct record){0};
  enum sm_db_status status =
      sm_db_has_table(db, "segmind_folder", &is_there, e);
  return status || !is_there ? status : sm_db_run(db, &query, e);
}

static int open_mark(const char *folder, int flags) {
  char *path = sm_buf_format("%s/" MARK, folder);
  if (!path)
    return -1;
  int fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0644);
  free(path);
  return fd;
}

/* "" when there is none. */
static void read_mark(const char *folder, char mark[MARK_HEX]) {
  size_t size = MARK_HEX - 1;
  int fd = open_mark(folder, O_RDONLY | O_NONBLOCK);
  bool is_read = fd >= 0 && sm_disk_read(fd, mark, &size, 0);
  if (fd >= 0)
    (void)close(fd);
  mark[is_read && size == MARK_HEX - 1 ? size : 0] = '\0';
}

/* Another machine may be at it in the same moment: whoever is first has made
 * it. */
static bool make_mark(const char *folder, char mark[MARK_HEX]) {
  uint64_t chance[2];
  if (!sm_system_random(chance, sizeof chance))
    return false;
  int fd = open_mark(folder, O_WRONLY | O_CREAT | O_EXCL);
  if (fd < 0)
    return false;
  (void)snprintf(mark, MARK_HEX, "%016llx%016llx",
                 (unsigned long long)chance[0], (unsigned long long)chance[1]);
  bool is_made = write(fd, mark, MARK_HEX - 1) == MARK_HEX - 1;
  is_made = sm_disk_sync(fd) && is_made;
  return close(fd) == 0 && is_made;
}

static enum sm_db_status mark_folder(const struct sm_db *db, const char *folder,
                                     struct sm_error *e) {
  char mark[MARK_HEX];
  read_mark(folder, mark);
  if (!mark[0] && !make_mark(folder, mark))
    return sm_db_fail(db, SM_DB_BROKEN, e,
                      "cannot mark its folder %.160s: %s (this user must be "
                      "able to write there)",
                      folder, strerror(errno));
  struct sm_db_query query = {
      .sql = put_folder_sql,
      .values = SM_DB_VALUES(sm_db_text(mark), sm_db_text(folder)),
      .count = 2};
  enum sm_db_status status =
      need_table(db, "segmind_folder", make_folder_sql, e);
  return status ? status : sm_db_run(db, &query, e);
}

static enum sm_db_status need_folder(const struct sm_db *db, const char *folder,
                                     struct sm_error *e) {
  struct record record;
  char mark[MARK_HEX];
  enum sm_db_status status = read_record(db, &record, e);
  if (status || !record.mark[0])
    return status ? status : mark_folder(db, folder, e);
  read_mark(folder, mark);
  if (strcmp(mark, record.mark) == 0)
    return SM_DB_OK;
  return sm_db_fail(db, SM_DB_MISUSE, e,
                    "keeps its pictures in the folder that was %.120s when it "
                    "was made, and %.120s is another one (or it is not "
                    "mounted): name that folder as ledger_files",
                    record.path, folder);
}

static enum sm_db_status need_database(const struct sm_db *db,
                                       struct sm_error *e) {
  struct record record;
  enum sm_db_status status = read_record(db, &record, e);
  if (status)
    return status;
  if (record.mark[0])
    return sm_db_fail(db, SM_DB_MISUSE, e,
                      "keeps its pictures in a folder that its machines "
                      "share, %.200s where it was made: name it as "
                      "ledger_files",
                      record.path);
  return need_table(db, "segmind_pictures", make_pieces_sql, e);
}

/* -- birth and death ----------------------------------------------------- */

static enum sm_db_status prepare_server(const struct sm_db *db,
                                        const char *folder, bool is_shared,
                                        struct sm_error *e) {
  enum sm_db_status status = sm_db_exec(db, db->dialect->begin, e);
  if (!status && db->dialect->make_alone)
    status = sm_db_exec(db, db->dialect->make_alone, e);
  if (!status)
    status = is_shared ? need_folder(db, folder, e) : need_database(db, e);
  if (!status)
    status = sm_db_exec(db, "COMMIT", e);
  if (status)
    (void)sm_db_exec(db, "ROLLBACK", NULL);
  return status;
}

enum sm_db_status sm_pictures_prepare(struct sm_pictures *pictures,
                                      const struct sm_db *db,
                                      const char *folder, bool is_shared,
                                      struct sm_error *e) {
  char *copy = folder ? strdup(folder) : NULL;
  if (folder && !copy)
    return sm_db_fail(db, SM_DB_BUSY, e, "cannot be opened: out of memory");
  free(pictures->folder);
  *pictures = (struct sm_pictures){.db = db, .folder = copy};
  if (!folder || !db->dialect->is_remote)
    return SM_DB_OK;
  pictures->is_in_database = !is_shared;
  return prepare_server(db, folder, is_shared, e);
}

void sm_pictures_destroy(struct sm_pictures *pictures) {
  free(pictures->folder);
  pictures->folder = NULL;
}

/* -- syncs ---------------------------------------------------------------- */

static void note_sync(const struct sm_pictures *pictures,
                      struct sm_write *write, int why) {
  struct sm_error e;
  sm_write_clear(write);
  write->is_unsynced = why == EMFILE || why == ENFILE;
  if (!why)
    return;
  sm_fail(&e, SM_IO, "cannot write %.200s/%s: %s", pictures->folder,
          write->file, strerror(why));
  sm_write_fail(write, &e);
}

/* As many as may be open at once. */
static void sync_some(const struct sm_pictures *pictures,
                      struct sm_writes *unsynced, struct sm_writes *synced,
                      struct sm_writes *failed) {
  struct sm_file_unsynced files[MOST_TOGETHER];
  size_t count = 0;
  for (struct sm_write *at = unsynced->head; at && count < MOST_TOGETHER;
       at = at->next)
    files[count++] = (struct sm_file_unsynced){.name = at->file};
  sm_file_sync(pictures->folder, files, count);
  for (size_t i = 0; i < count; i++) {
    struct sm_write *write = sm_writes_pop(unsynced);
    note_sync(pictures, write, files[i].why);
    sm_writes_push(files[i].why ? failed : synced, write);
  }
}

void sm_pictures_sync(const struct sm_pictures *pictures,
                      struct sm_writes *writes, struct sm_writes *failed) {
  struct sm_writes unsynced = {0}, synced = {0};
  while (writes->head) {
    struct sm_write *write = sm_writes_pop(writes);
    sm_writes_push(write->is_unsynced ? &unsynced : &synced, write);
  }
  while (unsynced.head)
    sync_some(pictures, &unsynced, &synced, failed);
  *writes = synced;
}

/* -- one piece ----------------------------------------------------------- */

static char *path_of(const struct sm_pictures *pictures,
                     const struct sm_write *write) {
  return sm_buf_format("%s/%s", pictures->folder, write->file);
}

static enum sm_db_status out_of_memory(const struct sm_pictures *pictures,
                                       struct sm_error *e) {
  return sm_db_fail(pictures->db, SM_DB_BUSY, e,
                    "cannot move a picture: out of memory");
}

static enum sm_db_status fail(const struct sm_pictures *pictures,
                              const struct sm_error *why, struct sm_error *e) {
  return sm_db_fail(pictures->db, SM_DB_REFUSED, e,
                    "cannot make the file of a picture: %.240s", why->message);
}

static enum sm_db_status read_piece(const struct sm_pictures *pictures,
                                    const struct sm_write *write, int64_t piece,
                                    char *bytes, size_t *size,
                                    struct sm_error *e) {
  char *path = path_of(pictures, write);
  if (!path)
    return out_of_memory(pictures, e);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  *size = PIECE_BYTES;
  bool is_read =
      fd >= 0 && sm_disk_read(fd, bytes, size, (uint64_t)piece * PIECE_BYTES);
  enum sm_db_status status =
      is_read
          ? SM_DB_OK
          : sm_db_fail(pictures->db, SM_DB_REFUSED, e,
                       "cannot keep the picture %s: %s", path, strerror(errno));
  if (fd >= 0)
    (void)close(fd);
  free(path);
  return status;
}

static enum sm_db_status forget_from(const struct sm_pictures *pictures,
                                     const struct sm_write *write,
                                     int64_t piece, struct sm_error *e) {
  struct sm_db_query query = {
      .sql = forget_pieces_sql,
      .values = SM_DB_VALUES(sm_db_text(write->key),
                             sm_db_number((double)write->generation),
                             sm_db_number((double)piece)),
      .count = 3,
      .is_alone = true};
  return sm_db_run(pictures->db, &query, e);
}

static enum sm_db_status write_piece(const struct sm_pictures *pictures,
                                     const struct sm_write *write,
                                     int64_t piece, const char *bytes,
                                     size_t size, struct sm_error *e) {
  struct sm_db_query query = {
      .sql = put_piece_sql,
      .values = SM_DB_VALUES(
          sm_db_text(write->key), sm_db_number((double)write->generation),
          sm_db_number((double)piece), sm_db_bytes(bytes, size)),
      .count = 4,
      .is_alone = true};
  return sm_db_run(pictures->db, &query, e);
}

/* Puts a piece of the file there, in the place of one that there is; after the
 * last what is behind it is forgotten. */
static enum sm_db_status put_piece(const struct sm_pictures *pictures,
                                   const struct sm_write *write, int64_t piece,
                                   bool *is_last, struct sm_error *e) {
  size_t size = 0;
  char *bytes = malloc(PIECE_BYTES);
  if (!bytes)
    return out_of_memory(pictures, e);
  enum sm_db_status status =
      read_piece(pictures, write, piece, bytes, &size, e);
  if (!status && size > 0)
    status = write_piece(pictures, write, piece, bytes, size, e);
  free(bytes);
  *is_last = !status && size < PIECE_BYTES;
  return *is_last
             ? forget_from(pictures, write, size > 0 ? piece + 1 : piece, e)
             : status;
}

/* A piece on its way from the database. */
struct arrival {
  struct sm_file *file;
  enum sm_code code;
  bool has_piece;
  struct sm_error e;
};

static bool take_piece(void *user, const struct sm_db_value *row, int columns) {
  struct arrival *arrival = user;
  arrival->has_piece = columns == 1 && row[0].type == SM_DB_BYTES;
  if (arrival->has_piece)
    arrival->code =
        sm_file_write(arrival->file, row[0].text, row[0].size, &arrival->e);
  return true;
}

/* Writes a piece into a file, unless it is not there. */
static enum sm_db_status get_piece(const struct sm_pictures *pictures,
                                   const struct sm_write *write, int64_t piece,
                                   struct sm_file *file, bool *is_there,
                                   struct sm_error *e) {
  struct arrival arrival = {.file = file};
  struct sm_db_query query = {
      .sql = get_piece_sql,
      .values = SM_DB_VALUES(sm_db_text(write->key),
                             sm_db_number((double)write->generation),
                             sm_db_number((double)piece)),
      .count = 3,
      .take = take_piece,
      .user = &arrival,
      .is_alone = true};
  enum sm_db_status status = sm_db_run(pictures->db, &query, e);
  *is_there = arrival.has_piece;
  return status || arrival.code == SM_OK ? status
                                         : fail(pictures, &arrival.e, e);
}

/* The file in the folder, for that. Ownership: the caller's. */
static enum sm_db_status new_file(const struct sm_pictures *pictures,
                                  const struct sm_write *write,
                                  struct sm_file **file, struct sm_error *e) {
  struct sm_error why;
  char *path = path_of(pictures, write);
  if (!path)
    return out_of_memory(pictures, e);
  enum sm_code code = sm_file_new(file, path, true, &why);
  if (code == SM_OK)
    code = sm_file_want_sha256(*file, &why);
  free(path);
  return code == SM_OK ? SM_DB_OK : fail(pictures, &why, e);
}

/* -- transfers ------------------------------------------------------------- */

static bool has_picture(const struct sm_write *write) {
  return write->kind == SM_WRITE_PICTURE ||
         (!write->is_moved && write->file &&
          (write->kind == SM_WRITE_KEEP || write->kind == SM_WRITE_SHARE ||
           write->kind == SM_WRITE_COMPLETE));
}

void sm_transfers_take(struct sm_transfers *transfers,
                       const struct sm_pictures *pictures,
                       struct sm_writes *writes) {
  struct sm_writes rest = {0};
  if (!pictures->is_in_database)
    return;
  while (writes->head) {
    struct sm_write *write = sm_writes_pop(writes);
    sm_writes_push(has_picture(write) ? &transfers->waiting : &rest, write);
  }
  *writes = rest;
}

/* What is not the picture that was kept is none (M10). */
static enum sm_db_status finish_file(struct sm_transfers *transfers,
                                     const struct sm_pictures *pictures,
                                     struct sm_write *write,
                                     struct sm_error *e) {
  struct sm_error why;
  enum sm_code code = transfers->pieces > 0
                          ? sm_file_commit(transfers->file, &why)
                          : SM_PROTOCOL;
  bool is_it = code == SM_OK &&
               strcmp(sm_file_sha256(transfers->file), write->sha256) == 0;
  write->standing = is_it ? SM_STANDING_DONE : SM_STANDING_FREE;
  return code == SM_OK || code == SM_PROTOCOL ? SM_DB_OK
                                              : fail(pictures, &why, e);
}

static enum sm_db_status receive(struct sm_transfers *transfers,
                                 const struct sm_pictures *pictures,
                                 struct sm_write *write, bool *is_over,
                                 struct sm_error *e) {
  bool is_there = false;
  enum sm_db_status status = SM_DB_OK;
  if (!transfers->file)
    status = new_file(pictures, write, &transfers->file, e);
  if (!status)
    status = get_piece(pictures, write, transfers->pieces, transfers->file,
                       &is_there, e);
  *is_over = !is_there;
  return status || is_there ? status
                            : finish_file(transfers, pictures, write, e);
}

enum sm_db_status sm_transfers_step(struct sm_transfers *transfers,
                                    const struct sm_pictures *pictures,
                                    bool *is_over, struct sm_error *e) {
  struct sm_write *write = transfers->waiting.head;
  enum sm_db_status status =
      write->kind == SM_WRITE_PICTURE
          ? receive(transfers, pictures, write, is_over, e)
          : put_piece(pictures, write, transfers->pieces, is_over, e);
  if (!status)
    transfers->pieces++;
  write->is_moved = !status && *is_over;
  return status;
}

struct sm_write *sm_transfers_pop(struct sm_transfers *transfers) {
  sm_file_delete(transfers->file);
  transfers->file = NULL;
  transfers->pieces = 0;
  return sm_writes_pop(&transfers->waiting);
}
