/* The pictures of a ledger that several machines use: here they have a folder
 * each. Without a server a file plays one. */
#include "sm_pictures.h"

#include "one_ledger.h"
#include "sample_pictures.h"
#include "sm_sha256.h"

/* Longer than two pieces, and not by a whole number of pieces. */
#define LONG_BYTES (600 * 1024 + 7)

static unsigned char long_jpeg[LONG_BYTES];
static char hex[SM_SHA256_HEX];
static struct sm_db db;
static char ours[80], theirs[80];
static struct sm_pictures we, they;
static struct sm_error e;

static const struct sm_picture picture = {
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

static void keep(void) {
  write_file(file_in(ours, "a1.jpg"), long_jpeg, LONG_BYTES);
  CHECK(sm_pictures_keep(&we, &picture, &e) == SM_DB_OK);
}

static bool fetch(void) {
  bool is_there = false;
  CHECK(sm_pictures_fetch(&they, &picture, &is_there, &e) == SM_DB_OK);
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
  CHECK(sm_pictures_keep(&we, &picture, &e) == SM_DB_OK);
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
  CHECK(sm_pictures_keep(&we, &picture, &e) == SM_DB_REFUSED);
  CHECK(e.code == SM_LEDGER && strstr(e.message, "a1.jpg"));
  keep();
  CHECK(mkdir(file_in(theirs, "a1.jpg"), 0700) == 0);
  CHECK(sm_pictures_fetch(&they, &picture, &is_there, &e) == SM_DB_REFUSED);
  CHECK(!is_there && strstr(e.message, "it is a folder"));
  CHECK(rmdir(file_in(theirs, "a1.jpg")) == 0);
  close_ledger();
}

/* The write that names a file brings it into the database, and another asks for
 * it. */
static void a_ledger_keeps_and_brings_pictures(void) {
  struct sm_ledger_rows rows;
  struct sm_write write = {0};
  struct sm_ledger_step step = step_of("a1");
  open_both();
  sm_ledger_rows_create(&rows, &db, "here:1:2:3");
  rows.pictures = &we;
  write_file(file_in(ours, "a1.jpg"), long_jpeg, LONG_BYTES);
  static const enum sm_write_kind kinds[] = {SM_WRITE_CLAIM, SM_WRITE_KEEP,
                                             SM_WRITE_PICTURE};
  for (int i = 0; i < 3; i++) {
    sm_write_clear(&write);
    sm_write_create(&write, kinds[i], &step);
    write.generation = i > 0;
    write.file = "a1.jpg";
    write.sha256 = hex;
    rows.pictures = i < 2 ? &we : &they;
    CHECK(sm_ledger_rows_begin(&rows, 1e9, &e) == SM_DB_OK);
    CHECK(sm_ledger_rows_apply(&rows, &write, &e) == SM_DB_OK && !write.error);
    CHECK(sm_ledger_rows_commit(&rows, &e) == SM_DB_OK);
  }
  CHECK(write.standing == SM_STANDING_DONE);
  CHECK(has_long_picture(file_in(theirs, "a1.jpg")));
  sm_write_clear(&write);
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
  a_ledger_keeps_and_brings_pictures();
  a_shared_folder_is_known_by_its_mark();
  a_ledger_with_a_shared_folder_wants_it_named();
  a_folder_that_cannot_be_marked_is_named();
  return check_report("sm_pictures");
}
