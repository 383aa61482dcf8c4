#include "sm_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "one_folder.h"
#include "sample_pictures.h"
#include "sm_system.h"

static enum sm_code save(const char *path, size_t size, struct sm_error *e) {
  char *final_path;
  enum sm_code code =
      sm_file_save(path, sample_png, size, NULL, false, &final_path, e);
  CHECK((code == SM_OK) == (final_path != NULL));
  free(final_path);
  return code;
}

static void a_picture_takes_its_place_whole_and_private(void) {
  enter();
  char *final_path = NULL;
  const char *path = in_folder("a.png");
  CHECK(sm_file_save(path, sample_png, sizeof sample_png, NULL, false,
                     &final_path, NULL) == SM_OK);
  CHECK(final_path != NULL && strcmp(final_path, path) == 0);
  CHECK(holds(path, sample_png, sizeof sample_png));
  struct stat facts;
  mode_t mask = umask(027);
  umask(mask);
  CHECK(stat(path, &facts) == 0 && (facts.st_mode & 0777) == (0666 & ~mask));
  free(final_path);
  CHECK(leave() == 1);
}

/* -- syncs ----------------------------------------------------------------- */

/* What was on the disk when its file, and then its folder, were synced. */
static char watched[200];
static bool was_there_at_file, was_there_at_folder;
static int synced_files, synced_folders;

int fsync(int fd) {
  struct stat facts;
  bool is_there = watched[0] && access(watched, F_OK) == 0;
  if (watched[0] && fstat(fd, &facts) == 0 && S_ISDIR(facts.st_mode)) {
    synced_folders++;
    was_there_at_folder = is_there;
  } else if (watched[0]) {
    synced_files++;
    was_there_at_file = is_there;
  }
  return (int)syscall(SYS_fsync, fd);
}

/* M10. */
static void
a_picture_is_synced_before_it_has_its_name_and_its_name_after(void) {
  enter();
  (void)snprintf(watched, sizeof watched, "%s", in_folder("a.png"));
  CHECK(save(watched, sizeof sample_png, NULL) == SM_OK);
  CHECK(synced_files == 1 && !was_there_at_file);
  CHECK(synced_folders == 1 && was_there_at_folder);
  watched[0] = '\0';
  CHECK(leave() == 1);
}

static void commit_unsynced(const char *name) {
  struct sm_file *file;
  CHECK(sm_file_new(&file, in_folder(name), true, NULL) == SM_OK);
  sm_file_sync_later(file);
  CHECK(sm_file_write(file, sample_png, sizeof sample_png, NULL) == SM_OK);
  CHECK(sm_file_commit(file, NULL) == SM_OK);
  sm_file_delete(file);
}

static void what_is_synced_later_is_synced_with_its_folder_once(void) {
  struct sm_file_unsynced files[] = {
      {.name = "a.png"}, {.name = "none.png"}, {.name = "b.png"}};
  enter();
  (void)snprintf(watched, sizeof watched, "%s", in_folder("b.png"));
  synced_files = synced_folders = 0;
  commit_unsynced("a.png");
  commit_unsynced("b.png");
  CHECK(synced_files == 0 && synced_folders == 0);
  sm_file_sync(folder, files, 3);
  CHECK(synced_files == 2 && synced_folders == 1 && was_there_at_folder);
  CHECK(!files[0].why && files[1].why == ENOENT && !files[2].why);
  watched[0] = '\0';
  sm_file_sync(in_folder("none"), files, 1);
  CHECK(files[0].why == ENOENT);
  CHECK(leave() == 2);
}

/* What stands behind the end is the picture's, too: a film, another size. */
static void a_picture_that_came_whole_may_have_more_behind_its_end(void) {
  enter();
  struct sm_file *file;
  struct sm_image image;
  static unsigned char bytes[sizeof sample_jpeg + 9000];
  memset(bytes, 'm', sizeof bytes);
  memcpy(bytes, sample_jpeg, sizeof sample_jpeg);
  CHECK(sm_file_new(&file, in_folder("a"), false, NULL) == SM_OK);
  CHECK(sm_file_write(file, bytes, sizeof bytes, NULL) == SM_OK);
  CHECK(sm_file_check(file, false, &image, NULL) == SM_OK);
  CHECK(sm_file_rewind(file, NULL) == SM_OK);
  CHECK(sm_file_write(file, bytes, sizeof sample_jpeg / 2, NULL) == SM_OK);
  CHECK(sm_file_check(file, false, &image, NULL) == SM_PROTOCOL);
  CHECK(sm_file_check(file, true, &image, NULL) == SM_OK);
  sm_file_delete(file);
  CHECK(leave() == 0);
}

static void a_hidden_picture_is_for_its_owner_alone(void) {
  enter();
  char *final_path = NULL;
  struct stat facts;
  mode_t mask = umask(0);
  CHECK(sm_file_save(in_folder("a"), sample_png, sizeof sample_png, NULL, true,
                     &final_path, NULL) == SM_OK);
  umask(mask);
  CHECK(final_path != NULL && strcmp(final_path, in_folder("a.png")) == 0);
  CHECK(stat(in_folder("a.png"), &facts) == 0 &&
        (facts.st_mode & 0777) == 0600);
  free(final_path);
  CHECK(leave() == 1);
}

static void a_target_without_extension_gets_the_real_one(void) {
  static const char *const names[] = {"plain",      ".hidden", "dot.",
                                      "house v1.5", "b.PNG",   ".gif"};
  static const char *const want[] = {"plain.jpg", ".hidden.jpg",
                                     "dot.jpg",   "house v1.5.jpg",
                                     "b.PNG",     ".gif.jpg"};
  enter();
  for (int i = 0; i < 6; i++) {
    char *final_path = NULL;
    CHECK(sm_file_save(in_folder(names[i]), sample_jpeg, sizeof sample_jpeg,
                       NULL, false, &final_path, NULL) == SM_OK);
    CHECK(final_path && strcmp(final_path, in_folder(want[i])) == 0);
    CHECK(holds(in_folder(want[i]), sample_jpeg, sizeof sample_jpeg));
    free(final_path);
  }
  CHECK(leave() == 6);
}

static void a_wrong_extension_is_the_callers_affair(void) {
  enter();
  CHECK(save(in_folder("a.jpg"), sizeof sample_png, NULL) == SM_OK);
  CHECK(holds(in_folder("a.jpg"), sample_png, sizeof sample_png));
  CHECK(leave() == 1);
}

static void a_path_without_a_folder_is_of_the_working_directory(void) {
  char before[1024];
  CHECK(getcwd(before, sizeof before) != NULL);
  enter();
  CHECK(chdir(folder) == 0);
  CHECK(save("a.png", sizeof sample_png, NULL) == SM_OK);
  CHECK(chdir(before) == 0);
  CHECK(leave() == 1);
}

static void a_cut_picture_leaves_the_old_one(void) {
  enter();
  const char *path = in_folder("a.png");
  put(path, "old", 3);
  struct sm_error e;
  struct sm_image image;
  for (size_t size = 0; size < sizeof sample_png; size++) {
    struct sm_file *file;
    CHECK(sm_file_new(&file, path, false, &e) == SM_OK);
    CHECK(sm_file_write(file, sample_png, size, &e) == SM_OK);
    CHECK(sm_file_check(file, false, &image, &e) == SM_PROTOCOL);
    sm_file_delete(file);
  }
  CHECK(save(path, 5, &e) == SM_PROTOCOL);
  CHECK(holds(path, "old", 3));
  CHECK(save(path, sizeof sample_png, &e) == SM_OK);
  CHECK(holds(path, sample_png, sizeof sample_png));
  CHECK(leave() == 1);
}

static bool refuses(const char *path, const char *because) {
  struct sm_error e = {.code = SM_OK};
  enum sm_code code = save(path, sizeof sample_png, &e);
  return code == SM_IO && strstr(e.message, because) != NULL;
}

static bool warns(const char *path, const char *because) {
  struct sm_error e = {.code = SM_OK};
  enum sm_code code = sm_file_check_target(path, &e);
  return code == SM_IO && strstr(e.message, because) != NULL;
}

static void only_a_regular_file_is_replaced(void) {
  enter();
  put(in_folder("real.png"), "old", 3);
  CHECK(symlink("real.png", in_folder("link.png")) == 0);
  CHECK(symlink("nowhere.png", in_folder("dangling.png")) == 0);
  CHECK(mkdir(in_folder("dir.png"), 0700) == 0);
  CHECK(mkdir(in_folder("dir"), 0700) == 0);
  CHECK(mkfifo(in_folder("fifo.png"), 0600) == 0);
  CHECK(refuses(in_folder("link.png"), "symbolic link"));
  CHECK(refuses(in_folder("dangling.png"), "symbolic link"));
  CHECK(refuses(in_folder("dir.png"), "folder"));
  CHECK(refuses(in_folder("dir"), "folder"));
  CHECK(refuses(in_folder("fifo.png"), "not a regular file"));
  CHECK(holds(in_folder("real.png"), "old", 3));
  /* Before a byte is downloaded, not after. */
  struct sm_file *file;
  CHECK(sm_file_new(&file, in_folder("link.png"), false, NULL) == SM_IO);
  CHECK(file == NULL);
  CHECK(leave() == 6);
}

static void the_name_with_the_extension_is_looked_at_too(void) {
  enter();
  CHECK(symlink("nowhere", in_folder("a.png")) == 0);
  CHECK(refuses(in_folder("a"), "symbolic link"));
  CHECK(warns(in_folder("a"), "symbolic link"));
  CHECK(leave() == 1);
}

static void a_missing_folder_is_made_for_what_is_not_private(void) {
  enter();
  struct stat facts;
  mode_t mask = umask(027);
  CHECK(sm_file_check_target(in_folder("one/two//a.png"), NULL) == SM_OK);
  CHECK(stat(in_folder("one"), &facts) != 0); /* a check makes nothing */
  CHECK(save(in_folder("one/two//a.png"), sizeof sample_png, NULL) == SM_OK);
  umask(mask);
  CHECK(stat(in_folder("one/two"), &facts) == 0 &&
        (facts.st_mode & 0777) == 0750);
  CHECK(remove(in_folder("one/two/a.png")) == 0);
  CHECK(rmdir(in_folder("one/two")) == 0);
  CHECK(leave() == 1);
}

static bool save_privately(const char *path) {
  char *final = NULL;
  enum sm_code code = sm_file_save(path, sample_png, sizeof sample_png, NULL,
                                   true, &final, NULL);
  free(final);
  return code == SM_OK;
}

static void the_folder_of_what_is_private_is_made_again(void) {
  enter();
  struct stat facts;
  mode_t mask = umask(0);
  CHECK(save_privately(in_folder("kept/a.png")));
  umask(mask);
  CHECK(stat(in_folder("kept"), &facts) == 0 && (facts.st_mode & 0777) == 0700);
  CHECK(remove(in_folder("kept/a.png")) == 0 && rmdir(in_folder("kept")) == 0);
  CHECK(!save_privately(in_folder("gone/kept/a.png")));
  CHECK(leave() == 0);
}

static void a_folder_that_cannot_be_made_is_named_beforehand(void) {
  char name[300];
  enter();
  put(in_folder("file"), "x", 1);
  CHECK(warns(in_folder("file/a.png"), "Not a directory"));
  CHECK(warns(in_folder("file/deep/a.png"), "Not a directory"));
  CHECK(symlink("nowhere", in_folder("link")) == 0);
  CHECK(warns(in_folder("link/a.png"), "cannot make the folder"));
  CHECK(warns(in_folder("link/deep/a.png"), "cannot make the folder"));
  memset(name, 'a', sizeof name - 1);
  memcpy(name + 260, "/b/c.png", 9);
  CHECK(warns(in_folder(name), "File name too long"));
  CHECK(leave() == 2);
}

/* Its permissions are not asked: the owner of the machine may do all. */
static void a_folder_that_takes_no_file_is_named_beforehand(void) {
  enter();
  if (access("/proc/self", F_OK) == 0) {
    CHECK(warns("/proc/a.png", "cannot write into /proc/"));
    CHECK(warns("/proc/segmind/a.png", "cannot make the folder /proc/seg"));
  }
  CHECK(sm_file_check_target(in_folder("a.png"), NULL) == SM_OK);
  CHECK(leave() == 0); /* nothing is left behind */
}

static void a_name_too_long_for_its_extension_is_refused_beforehand(void) {
  char name[300] = "";
  static char deep[4200];
  enter();
  memset(name, 'a', 251);
  CHECK(warns(in_folder(name), "File name too long"));
  name[250] = '\0';
  CHECK(sm_file_check_target(in_folder(name), NULL) == SM_OK);
  for (size_t i = 0; i + 2 < sizeof deep; i += 2)
    memcpy(deep + i, "/a", 3);
  CHECK(warns(deep, "File name too long"));
  CHECK(leave() == 0);
}

static void a_path_without_a_file_name_is_refused(void) {
  enter();
  CHECK(refuses(in_folder("."), "file name"));
  CHECK(refuses(in_folder(".."), "file name"));
  CHECK(refuses("", "file name"));
  CHECK(refuses(in_folder(""), "file name"));
  CHECK(refuses("/dev/null/a.png", "Not a directory"));
  CHECK(leave() == 0);
}

static void a_long_name_still_finds_a_temporary_one(void) {
  char name[256];
  enter();
  memset(name, 'a', 251);
  memcpy(name + 251, ".png", 5);
  char *path = NULL, *final_path = NULL;
  CHECK(asprintf(&path, "%s/%s", folder, name) > 0);
  CHECK(sm_file_save(path, sample_png, sizeof sample_png, NULL, false,
                     &final_path, NULL) == SM_OK);
  CHECK(remove(path) == 0);
  free(path);
  free(final_path);
  CHECK(leave() == 0);
}

/* A limit on the size of files stands in for a full disk: both end write(). */
static void a_full_disk_is_reported_with_the_path(void) {
  enter();
  struct rlimit old, small;
  struct sm_file *file;
  struct sm_error e;
  static unsigned char bytes[70000];
  const char *path = in_folder("a.png");
  put(path, "old", 3);
  CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
  small = old;
  small.rlim_cur = 65536;
  (void)signal(SIGXFSZ, SIG_IGN);
  CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
  CHECK(sm_file_new(&file, path, false, &e) == SM_OK);
  CHECK(sm_file_write(file, bytes, sizeof bytes, &e) == SM_IO);
  CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
  CHECK(strstr(e.message, path) != NULL);
  CHECK(strstr(e.message, strerror(EFBIG)) != NULL);
  sm_file_delete(file);
  CHECK(holds(path, "old", 3));
  CHECK(leave() == 1);
}

static void a_download_that_was_cut_starts_again(void) {
  enter();
  struct sm_file *file;
  struct sm_image image;
  const char *path = in_folder("a.gif");
  CHECK(sm_file_new(&file, path, false, NULL) == SM_OK);
  CHECK(sm_file_write(file, sample_png, 50, NULL) == SM_OK);
  CHECK(sm_file_check(file, false, &image, NULL) == SM_PROTOCOL);
  CHECK(image.format == SM_PNG && sm_file_size(file) == 50);
  CHECK(sm_file_rewind(file, NULL) == SM_OK && sm_file_size(file) == 0);
  for (size_t i = 0; i < sizeof sample_gif; i++)
    CHECK(sm_file_write(file, sample_gif + i, 1, NULL) == SM_OK);
  CHECK(sm_file_check(file, false, &image, NULL) == SM_OK && image.width == 7);
  CHECK(sm_file_commit(file, NULL) == SM_OK);
  CHECK(strcmp(sm_file_path(file), path) == 0);
  CHECK(holds(path, sample_gif, sizeof sample_gif));
  CHECK(sm_file_write(file, "x", 1, NULL) == SM_IO);
  CHECK(sm_file_rewind(file, NULL) == SM_IO);
  CHECK(sm_file_commit(file, NULL) == SM_IO);
  sm_file_delete(file);
  sm_file_delete(NULL);
  CHECK(leave() == 1);
}

static void what_is_not_committed_leaves_nothing(void) {
  enter();
  struct sm_file *file;
  CHECK(sm_file_new(&file, in_folder("a.png"), false, NULL) == SM_OK);
  CHECK(sm_file_write(file, sample_png, sizeof sample_png, NULL) == SM_OK);
  sm_file_delete(file);
  CHECK(leave() == 0);
}

static bool probe_fails(const char *path, const char *because) {
  struct sm_file_facts facts;
  struct sm_error e = {.code = SM_OK};
  enum sm_code code = sm_file_probe(path, &facts, &e);
  return code == SM_INVALID && strstr(e.message, because) != NULL;
}

static void a_probe_says_what_a_picture_is(void) {
  enter();
  struct sm_file_facts facts;
  const char *path = in_folder("a");
  put(path, sample_webp_lossy, sizeof sample_webp_lossy);
  CHECK(sm_file_probe(path, &facts, NULL) == SM_OK);
  CHECK(facts.image.format == SM_WEBP && facts.image.width == 7);
  CHECK(facts.size_bytes == sizeof sample_webp_lossy);
  CHECK(leave() == 1);
}

/* Exactly what the same bytes in memory would get. */
static void a_probe_finds_the_end_of_a_picture_whatever_follows(void) {
  enter();
  struct sm_file_facts facts;
  static unsigned char bytes[sizeof sample_png + 70000];
  memcpy(bytes, sample_png, sizeof sample_png);
  put(in_folder("a"), bytes, sizeof bytes);
  CHECK(sm_file_probe(in_folder("a"), &facts, NULL) == SM_OK);
  put(in_folder("b"), sample_jpeg, sizeof sample_jpeg - 1);
  CHECK(probe_fails(in_folder("b"), "ends too early"));
  put(in_folder("c"), sample_gif, sizeof sample_gif - 3);
  CHECK(probe_fails(in_folder("c"), "ends too early"));
  CHECK(leave() == 3);
}

static void a_probe_says_why_not(void) {
  enter();
  put(in_folder("empty.png"), "", 0);
  put(in_folder("text.png"), "hello, no picture", 17);
  CHECK(mkfifo(in_folder("fifo.png"), 0600) == 0);
  CHECK(probe_fails(in_folder("empty.png"), "empty"));
  CHECK(probe_fails(in_folder("text.png"), "not a PNG"));
  CHECK(probe_fails(in_folder("fifo.png"), "not a regular file"));
  CHECK(probe_fails(in_folder("none.png"), "No such file"));
  CHECK(probe_fails(folder, "folder"));
  CHECK(probe_fails("/dev/zero", "not a regular file"));
  CHECK(leave() == 3);
}

/* M10: What was written before the rewind is forgotten, by the hash, too. */
static void a_picture_that_is_kept_is_hashed_while_it_is_written(void) {
  enter();
  struct sm_file *file;
  char hex[SM_SHA256_HEX];
  CHECK(sm_file_new(&file, in_folder("a"), true, NULL) == SM_OK);
  CHECK(sm_file_want_sha256(file, NULL) == SM_OK);
  CHECK(sm_file_write(file, sample_png, 40, NULL) == SM_OK);
  CHECK(sm_file_rewind(file, NULL) == SM_OK);
  CHECK(sm_file_write(file, sample_jpeg, 7, NULL) == SM_OK);
  CHECK(sm_file_write(file, sample_jpeg + 7, sizeof sample_jpeg - 7, NULL) ==
        SM_OK);
  CHECK(strcmp(sm_file_sha256(file), "") == 0);
  CHECK(sm_file_commit(file, NULL) == SM_OK);
  CHECK(sm_sha256_of(hex, sample_jpeg, sizeof sample_jpeg, NULL) == SM_OK);
  CHECK(strcmp(sm_file_sha256(file), hex) == 0);
  sm_file_delete(file);
  CHECK(leave() == 1);
}

static void a_hash_that_nobody_wants_is_not_made(void) {
  enter();
  struct sm_file *file;
  CHECK(sm_file_new(&file, in_folder("a"), false, NULL) == SM_OK);
  CHECK(sm_file_write(file, sample_png, sizeof sample_png, NULL) == SM_OK);
  CHECK(sm_file_commit(file, NULL) == SM_OK);
  CHECK(strcmp(sm_file_sha256(file), "") == 0);
  sm_file_delete(file);
  CHECK(leave() == 1);
}

static void a_text_takes_its_place_whole_and_its_folder_is_made(void) {
  enter();
  const char *path = in_folder("new/page.html");
  CHECK(sm_file_save_text(path, "first", 5, NULL) == SM_OK);
  CHECK(sm_file_save_text(path, "second", 6, NULL) == SM_OK);
  CHECK(holds(path, "second", 6));
  CHECK(sm_file_save_text(path, "", 0, NULL) == SM_OK);
  CHECK(holds(path, "", 0));
  CHECK(sm_file_save_text(in_folder("new"), "x", 1, NULL) == SM_IO);
  CHECK(unlink(in_folder("new/page.html")) == 0);
  CHECK(rmdir(in_folder("new")) == 0);
  CHECK(leave() == 0);
}

/* -- what dead processes have left ----------------------------------------- */

static void age(const char *path, time_t seconds) {
  const struct timespec then = {.tv_sec = time(NULL) - seconds};
  CHECK(utimensat(AT_FDCWD, path, (const struct timespec[]){then, then}, 0) ==
        0);
}

static void put_part(const char *name, time_t seconds) {
  FILE *file = fopen(in_folder(name), "w");
  CHECK(file && fputs("x", file) >= 0 && fclose(file) == 0);
  age(in_folder(name), seconds);
}

static bool is_there(const char *name) {
  return access(in_folder(name), F_OK) == 0;
}

/* All that this process writes in the folder looks old. */
static void age_all(void) {
  DIR *list = opendir(in_folder("."));
  const struct dirent *entry;
  while ((entry = readdir(list)) != NULL)
    if (strstr(entry->d_name, ".png."))
      age(in_folder(entry->d_name), 3600);
  CHECK(closedir(list) == 0);
}

static bool has_locks(void) {
  int fd = open(in_folder("lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  bool has = sm_system_lock(fd);
  CHECK(close(fd) == 0);
  return has;
}

static void what_a_dead_process_was_writing_goes_and_nothing_else(void) {
  struct sm_file *file;
  enter();
  bool are_swept = has_locks();
  put_part(".a.png.0123456789abcdef.part", 3600);
  put_part(".b.png.0123456789abcdef.part", 5);
  put_part(".notes.part", 3600);
  put_part("c.png.0123456789abcdef.part", 3600);
  CHECK(sm_file_new(&file, in_folder("d.png"), true, NULL) == SM_OK);
  CHECK(sm_file_write(file, sample_png, sizeof sample_png, NULL) == SM_OK);
  sm_file_sweep(in_folder("."));
  CHECK(is_there(".b.png.0123456789abcdef.part"));
  age_all();
  sm_file_sweep(in_folder("."));
  CHECK(is_there(".a.png.0123456789abcdef.part") == !are_swept);
  CHECK(is_there(".b.png.0123456789abcdef.part") == !are_swept);
  CHECK(is_there(".notes.part") && is_there("c.png.0123456789abcdef.part"));
  CHECK(sm_file_commit(file, NULL) == SM_OK && is_there("d.png"));
  sm_file_delete(file);
  sm_file_sweep(in_folder("none"));
  (void)leave();
}

int main(void) {
  what_a_dead_process_was_writing_goes_and_nothing_else();
  a_picture_takes_its_place_whole_and_private();
  a_picture_is_synced_before_it_has_its_name_and_its_name_after();
  what_is_synced_later_is_synced_with_its_folder_once();
  a_picture_that_came_whole_may_have_more_behind_its_end();
  a_hidden_picture_is_for_its_owner_alone();
  a_target_without_extension_gets_the_real_one();
  a_wrong_extension_is_the_callers_affair();
  a_path_without_a_folder_is_of_the_working_directory();
  a_cut_picture_leaves_the_old_one();
  only_a_regular_file_is_replaced();
  the_name_with_the_extension_is_looked_at_too();
  a_missing_folder_is_made_for_what_is_not_private();
  the_folder_of_what_is_private_is_made_again();
  a_folder_that_cannot_be_made_is_named_beforehand();
  a_folder_that_takes_no_file_is_named_beforehand();
  a_name_too_long_for_its_extension_is_refused_beforehand();
  a_path_without_a_file_name_is_refused();
  a_long_name_still_finds_a_temporary_one();
  a_full_disk_is_reported_with_the_path();
  a_download_that_was_cut_starts_again();
  what_is_not_committed_leaves_nothing();
  a_probe_says_what_a_picture_is();
  a_probe_finds_the_end_of_a_picture_whatever_follows();
  a_probe_says_why_not();
  a_picture_that_is_kept_is_hashed_while_it_is_written();
  a_hash_that_nobody_wants_is_not_made();
  a_text_takes_its_place_whole_and_its_folder_is_made();
  return check_report("sm_file");
}
