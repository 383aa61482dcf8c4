/* The pictures of a ledger that several machines use: here they have a folder
 * each. Without a server a file plays one. */
#include "sm_pictures.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>

#include "one_ledger.h"
#include "sample_pictures.h"
#include "sm_ledger.h"
#include "sm_sha256.h"

/* Longer than two pieces, and not by a whole number of pieces. */
#define LONG_BYTES (600 * 1024 + 7)

static unsigned char long_jpeg[LONG_BYTES];
static char hex[SM_SHA256_HEX];
static struct sm_db db;
static char ours[80], theirs[80];
static struct sm_pictures we, they;
static struct sm_error e;

static const struct sm_write picture = {
    .key = "a1", .generation = 1, .file = "a1.jpg", .sha256 = hex};

static const char *file_in(const char *machine, const char *name) {
  static char paths[2][200];
  static int turn;
  turn = !turn;
  snprintf(paths[turn], sizeof paths[turn], "%s/%s", machine, name);
  return paths[turn];
}

static void write_file(const char *path_, const void *bytes, size_t size) {
  FILE *file = fopen(path_, "wb");
  CHECK(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

static bool has_long_picture(const char *path_) {
  static char got[LONG_BYTES + 1];
  FILE *file = fopen(path_, "rb");
  size_t size = file ? fread(got, 1, sizeof got, file) : 0;
  if (file)
    (void)fclose(file);
  return size == LONG_BYTES && memcmp(got, long_jpeg, LONG_BYTES) == 0;
}

static void open_ledger(void) {
  static struct sm_db_dialect dialect;
  make_folder();
  snprintf(ours, sizeof ours, "%s/ours", folder);
  snprintf(theirs, sizeof theirs, "%s/theirs", folder);
  CHECK(mkdir(ours, 0700) == 0 && mkdir(theirs, 0700) == 0);
  db = open_db();
  dialect = *db.dialect;
  dialect.is_remote = true;
  db.dialect = &dialect;
  CHECK(sm_ledger_tables_prepare(&db, SERVICE, &e) == SM_DB_OK);
}

static void close_ledger(void) {
  static const char *const names[] = {"a1.jpg", ".segmind-ledger"};
  for (int i = 0; i < 2; i++) {
    (void)unlink(file_in(ours, names[i]));
    (void)unlink(file_in(theirs, names[i]));
  }
  CHECK(rmdir(ours) == 0 && rmdir(theirs) == 0);
  sm_pictures_destroy(&we);
  sm_pictures_destroy(&they);
  sm_db_close(&db);
  if (is_on_server()) {
    sql("DROP TABLE IF EXISTS segmind_pictures");
    sql("DROP TABLE IF EXISTS segmind_folder");
  }
  remove_folder();
}

static enum sm_db_status prepare(struct sm_pictures *pictures,
                                 const char *machine, bool is_shared) {
  return sm_pictures_prepare(pictures, &db, machine, is_shared, &e);
}

static void open_both(void) {
  open_ledger();
  CHECK(prepare(&we, ours, false) == SM_DB_OK);
  CHECK(prepare(&they, theirs, false) == SM_DB_OK);
}

/* Moves all pieces. */
static enum sm_db_status move(const struct sm_pictures *pictures,
                              enum sm_write_kind kind, bool *is_done) {
  struct sm_transfers transfers = {0};
  struct sm_writes writes = {0};
  struct sm_write write = picture;
  bool is_over = false;
  enum sm_db_status status = SM_DB_OK;
  write.kind = kind;
  sm_writes_push(&writes, &write);
  sm_transfers_take(&transfers, pictures, &writes);
  CHECK(!writes.head);
  while (!status && !is_over)
    status = sm_transfers_step(&transfers, pictures, &is_over, &e);
  CHECK(sm_transfers_pop(&transfers) == &write);
  *is_done = write.standing == SM_STANDING_DONE;
  return status;
}

static enum sm_db_status send(void) {
  bool is_done;
  return move(&we, SM_WRITE_KEEP, &is_done);
}

static void keep(void) {
  write_file(file_in(ours, "a1.jpg"), long_jpeg, LONG_BYTES);
  CHECK(send() == SM_DB_OK);
}

static bool fetch(void) {
  bool is_there = false;
  CHECK(move(&they, SM_WRITE_PICTURE, &is_there) == SM_DB_OK);
  return is_there;
}

static void what_one_machine_keeps_another_has(void) {
  struct stat facts;
  open_both();
  CHECK(!fetch());
  CHECK(access(file_in(theirs, "a1.jpg"), F_OK) != 0);
  keep();
  CHECK(fetch() && has_long_picture(file_in(theirs, "a1.jpg")));
  CHECK(stat(file_in(theirs, "a1.jpg"), &facts) == 0 &&
        (facts.st_mode & 0777) == 0600);
  close_ledger();
}

static void a_picture_kept_twice_is_one(void) {
  open_both();
  keep();
  write_file(file_in(ours, "a1.jpg"), sample_jpeg, sizeof sample_jpeg);
  CHECK(send() == SM_DB_OK);
  CHECK(number("SELECT COUNT(*) FROM segmind_pictures") == 1);
  keep();
  CHECK(number("SELECT COUNT(*) FROM segmind_pictures") == 3);
  CHECK(fetch());
  close_ledger();
}

static void other_bytes_than_were_kept_are_no_picture(void) {
  open_both();
  keep();
  sql("DELETE FROM segmind_pictures WHERE piece = 1");
  CHECK(!fetch());
  sql("DELETE FROM segmind_pictures WHERE piece = 0");
  CHECK(!fetch());
  close_ledger();
}

static void a_file_that_cannot_be_read_or_made_is_an_error(void) {
  bool is_there;
  open_both();
  CHECK(send() == SM_DB_REFUSED);
  CHECK(e.code == SM_LEDGER && strstr(e.message, "a1.jpg"));
  keep();
  CHECK(mkdir(file_in(theirs, "a1.jpg"), 0700) == 0);
  CHECK(move(&they, SM_WRITE_PICTURE, &is_there) == SM_DB_REFUSED);
  CHECK(!is_there && strstr(e.message, "it is a folder"));
  CHECK(rmdir(file_in(theirs, "a1.jpg")) == 0);
  close_ledger();
}

/* -- a ledger's writes beside a long picture ------------------------------- */

static struct sm_db inner;
static struct sm_ledger *ledger;
static struct sm_store store;
static bool is_in_transaction;
static int pieces;

/* A piece is moved while nobody waits for the end of a transaction. */
static enum sm_db_status watch(const struct sm_db *outer,
                               struct sm_db_query *query,
                               struct sm_error *why) {
  (void)outer;
  if (strncmp(query->sql, "BEGIN", 5) == 0)
    is_in_transaction = true;
  if (strcmp(query->sql, "COMMIT") == 0 || strcmp(query->sql, "ROLLBACK") == 0)
    is_in_transaction = false;
  if (strncmp(query->sql, "INSERT INTO segmind_pictures", 28) == 0 ||
      strncmp(query->sql, "SELECT bytes", 12) == 0) {
    CHECK(!is_in_transaction);
    pieces++;
  }
  return sm_db_run(&inner, query, why);
}

static void close_inner(const struct sm_db *outer) {
  (void)outer;
  sm_db_close(&inner);
}

static void open_machine(const char *machine) {
  const struct sm_ledger_options options = {
      .target = path, .service = SERVICE, .files = machine, .is_inline = true};
  struct sm_db watched;
  inner = open_db();
  watched = inner;
  watched.dialect = db.dialect;
  watched.run = watch;
  watched.close = close_inner;
  pieces = 0;
  CHECK(sm_ledger_new_over(&ledger, &watched, &options, &e) == SM_OK);
  store = sm_ledger_store(ledger);
}

static void put_write(struct sm_write *write, enum sm_write_kind kind,
                      const struct sm_ledger_step *step) {
  sm_write_create(write, kind, step);
  write->generation = kind != SM_WRITE_CLAIM;
  write->file = kind != SM_WRITE_CLAIM ? "a1.jpg" : NULL;
  write->sha256 = hex;
  store.put(store.self, write);
}

static bool comes_home(const struct sm_write *write) {
  const struct sm_write *home = NULL;
  for (int i = 0; !home && i < 20; i++)
    home = store.finished(store.self);
  return home == write && !write->error;
}

/* While `kind` is half done another write is put, and comes home before. */
static void move_beside_another(enum sm_write_kind kind, const char *other) {
  const struct sm_ledger_step step = step_of("a1"), next = step_of(other);
  struct sm_write write = {0}, claim = {0};
  if (kind == SM_WRITE_KEEP) {
    put_write(&claim, SM_WRITE_CLAIM, &step);
    CHECK(comes_home(&claim));
    sm_write_clear(&claim);
  }
  put_write(&write, kind, &step);
  CHECK(store.finished(store.self) == NULL && pieces == 1);
  put_write(&claim, SM_WRITE_CLAIM, &next);
  CHECK(comes_home(&claim) && pieces < 3);
  CHECK(comes_home(&write) && pieces >= 3);
  CHECK(kind == SM_WRITE_KEEP || write.standing == SM_STANDING_DONE);
  sm_write_clear(&claim);
  sm_write_clear(&write);
  sm_ledger_delete(ledger);
}

static void a_long_picture_holds_up_no_other_write(void) {
  open_ledger();
  write_file(file_in(ours, "a1.jpg"), long_jpeg, LONG_BYTES);
  open_machine(ours);
  move_beside_another(SM_WRITE_KEEP, "b2");
  CHECK(number("SELECT COUNT(*) FROM segmind_steps WHERE file = 'a1.jpg'") ==
        1);
  open_machine(theirs);
  move_beside_another(SM_WRITE_PICTURE, "c3");
  CHECK(has_long_picture(file_in(theirs, "a1.jpg")));
  close_ledger();
}

/* -- syncs ----------------------------------------------------------------- */

static const char *const three[] = {"a1.jpg", "b2.jpg", "c3.jpg"};
static bool is_counting;
static int synced_files, synced_folders;

static bool is_file(const struct stat *facts, const char *path_) {
  struct stat other;
  return stat(path_, &other) == 0 && other.st_dev == facts->st_dev &&
         other.st_ino == facts->st_ino;
}

/* The disk does not take the second, and says that once. */
int fsync(int fd) {
  struct stat facts;
  int result = (int)syscall(SYS_fsync, fd);
  if (!is_counting || fstat(fd, &facts) != 0)
    return result;
  synced_folders += is_file(&facts, ours);
  for (int i = 0; i < 3; i++)
    synced_files += is_file(&facts, file_in(ours, three[i]));
  if (!is_file(&facts, file_in(ours, three[1])))
    return result;
  errno = EIO;
  return -1;
}

/* No descriptor is left for the third. */
static bool is_starved;

int openat(int fd, const char *name, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
  va_end(more);
  if (!is_starved || strcmp(name, three[2]) != 0)
    return (int)syscall(SYS_openat, fd, name, flags, mode);
  errno = EMFILE;
  return -1;
}

static enum sm_db_status watch_rows(const struct sm_db *outer,
                                    struct sm_db_query *query,
                                    struct sm_error *why) {
  (void)outer;
  if (strncmp(query->sql, "UPDATE segmind_steps SET file", 29) == 0)
    CHECK(synced_files >= 2 && synced_folders >= 1);
  return sm_db_run(&inner, query, why);
}

static void open_with_a_folder(void) {
  const struct sm_ledger_options options = {.target = path,
                                            .service = SERVICE,
                                            .files = ours,
                                            .is_shared = true,
                                            .is_inline = true};
  open_ledger();
  inner = open_db();
  struct sm_db watched = inner;
  watched.run = watch_rows;
  watched.close = close_inner;
  CHECK(sm_ledger_new_over(&ledger, &watched, &options, &e) == SM_OK);
  store = sm_ledger_store(ledger);
}

static void keep_unsynced(struct sm_write *write, const char *name) {
  char key[3] = {name[0], name[1], '\0'};
  const struct sm_ledger_step step = step_of(key);
  put_write(write, SM_WRITE_CLAIM, &step);
  CHECK(comes_home(write));
  sm_write_clear(write);
  write_file(file_in(ours, name), sample_jpeg, sizeof sample_jpeg);
  sm_write_create(write, SM_WRITE_KEEP, NULL);
  write->key = name[0] == 'a' ? "a1" : name[0] == 'b' ? "b2" : "c3";
  write->generation = 1;
  write->file = name;
  write->sha256 = hex;
  write->is_unsynced = true;
  write->deadline_ms = INT64_MAX;
}

/* Whether so many come home, in a while. */
static bool count_home(int count) {
  for (int i = 0; count > 0 && i < 2000; i++) {
    const struct sm_write *write = store.finished(store.self);
    count -= write && write->kind == SM_WRITE_KEEP;
    if (!write)
      nanosleep(&(const struct timespec){.tv_nsec = 1000000}, NULL);
  }
  return count == 0;
}

/* M10. A second sync of a picture that the disk does not take would say that
 * all is well. */
static void pictures_are_synced_together_before_their_rows_name_them(void) {
  struct sm_write writes[3] = {0};
  open_with_a_folder();
  for (int i = 0; i < 3; i++)
    keep_unsynced(&writes[i], three[i]);
  is_counting = is_starved = true;
  for (int i = 0; i < 3; i++)
    store.put(store.self, &writes[i]);
  CHECK(count_home(2) && writes[2].is_unsynced);
  CHECK(synced_files == 2 && synced_folders == 1);
  is_starved = false;
  CHECK(count_home(1));
  CHECK(synced_files == 3 && synced_folders == 2);
  is_counting = false;
  for (int i = 0; i < 3; i++) {
    CHECK(!writes[i].is_unsynced && (writes[i].error != NULL) == (i == 1));
    CHECK(!writes[i].error || writes[i].error->code == SM_IO);
    sm_write_clear(&writes[i]);
  }
  CHECK(number("SELECT COUNT(*) FROM segmind_steps WHERE file IS NOT NULL") ==
        2);
  sm_ledger_delete(ledger);
  for (int i = 1; i < 3; i++)
    CHECK(unlink(file_in(ours, three[i])) == 0);
  close_ledger();
}

static void a_shared_folder_is_known_by_its_mark(void) {
  open_ledger();
  CHECK(prepare(&we, ours, true) == SM_DB_OK);
  CHECK(prepare(&we, ours, true) == SM_DB_OK);
  CHECK(prepare(&they, theirs, true) == SM_DB_MISUSE);
  CHECK(strstr(e.message, ours) && strstr(e.message, theirs));
  CHECK(number("SELECT COUNT(*) FROM segmind_folder") == 1);
  CHECK(unlink(file_in(ours, ".segmind-ledger")) == 0);
  CHECK(prepare(&we, ours, true) == SM_DB_MISUSE);
  close_ledger();
}

static void a_ledger_with_a_shared_folder_wants_it_named(void) {
  open_ledger();
  CHECK(prepare(&we, ours, true) == SM_DB_OK);
  CHECK(prepare(&they, theirs, false) == SM_DB_MISUSE);
  CHECK(strstr(e.message, "ledger_files") && strstr(e.message, ours));
  close_ledger();
}

static void a_folder_that_cannot_be_marked_is_named(void) {
  open_ledger();
  CHECK(prepare(&we, "/proc/1", true) == SM_DB_BROKEN);
  CHECK(strstr(e.message, "/proc/1"));
  close_ledger();
}

int main(void) {
  memset(long_jpeg, 'm', sizeof long_jpeg);
  memcpy(long_jpeg, sample_jpeg, sizeof sample_jpeg);
  CHECK(sm_sha256_of(hex, long_jpeg, LONG_BYTES, NULL) == SM_OK);
  what_one_machine_keeps_another_has();
  a_picture_kept_twice_is_one();
  other_bytes_than_were_kept_are_no_picture();
  a_file_that_cannot_be_read_or_made_is_an_error();
  a_long_picture_holds_up_no_other_write();
  pictures_are_synced_together_before_their_rows_name_them();
  a_shared_folder_is_known_by_its_mark();
  a_ledger_with_a_shared_folder_wants_it_named();
  a_folder_that_cannot_be_marked_is_named();
  return check_report("sm_pictures");
}
