#include "sm_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sm_disk.h"
#include "sm_system.h"
#include "sm_timer.h"

#define NAME_TRIES 16
/* A temporary file that waits for its name is closed: it is not locked. */
#define STALE_S 60

/* A temporary file. */
struct part {
  int fd;                  /* -1 when not open */
  char name[NAME_MAX + 1]; /* "" when there is none */
  uint64_t size;
};

/* The folder stays open, and every step names its file relative to it: what
 * happens to the path meanwhile cannot send the picture elsewhere. */
struct sm_file {
  int folder; /* -1 when not open */
  struct part picture;
  struct part beside; /* what the picture cannot take of `metadata` */
  uint64_t size;
  char *path;            /* the target; final after the commit */
  const char *name;      /* its last part, inside `path` */
  struct sm_sha256 hash; /* begun when one is wanted */
  char sha256[SM_SHA256_HEX];
  const struct sm_metadata *metadata; /* borrowed; NULL: none */
  bool is_begun;                      /* there was a temporary file */
  bool is_private;
  bool is_synced_later;
};

static enum sm_code fail_on(struct sm_error *e, const char *what,
                            const char *path) {
  return sm_fail(e, SM_IO, "%s %.300s: %s", what, path, strerror(errno));
}

static const char *last_part(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}

/* mkdir -p, by the umask, of a path that ends in "/". */
static enum sm_code make_folders(char *folder, struct sm_error *e) {
  for (char *slash = folder; (slash = strchr(slash + 1, '/')) != NULL;) {
    *slash = '\0';
    bool is_made = mkdir(folder, 0777) == 0 || errno == EEXIST;
    if (!is_made)
      return fail_on(e, "cannot make the folder", folder);
    *slash = '/';
  }
  return SM_OK;
}

/* A private picture is in a folder of its own (sm_file_folder), which somebody
 * may have removed; what that was in is not made. */
static enum sm_code make_private_folder(char *folder, struct sm_error *e) {
  char *end = folder + strlen(folder) - 1;
  *end = '\0';
  enum sm_code code = sm_file_folder(folder, e);
  *end = '/';
  return code;
}

static enum sm_code open_folder(struct sm_file *file, struct sm_error *e) {
  const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  enum sm_code code = SM_OK;
  char *folder = strndup(file->path, (size_t)(file->name - file->path));
  if (folder == NULL)
    return sm_fail_memory(e);
  file->folder = open(folder[0] != '\0' ? folder : ".", flags);
  if (file->folder < 0 && errno == ENOENT && folder[0] != '\0') {
    code = file->is_private ? make_private_folder(folder, e)
                            : make_folders(folder, e);
    if (code == SM_OK)
      file->folder = open(folder, flags);
  }
  if (code == SM_OK && file->folder < 0)
    code = fail_on(e, "cannot write into", folder);
  free(folder);
  return code;
}

/* Only a regular file may be replaced. rename() would put the picture in the
 * place of a link or a FIFO without a word, and somebody relies on those. */
static enum sm_code check_target(const struct sm_file *file, const char *name,
                                 struct sm_error *e) {
  struct stat facts;
  if (fstatat(file->folder, name, &facts, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? SM_OK : fail_on(e, "cannot write", file->path);
  if (S_ISREG(facts.st_mode))
    return SM_OK;
  const char *what = "not a regular file";
  if (S_ISLNK(facts.st_mode))
    what = "a symbolic link";
  else if (S_ISDIR(facts.st_mode))
    what = "a folder";
  return sm_fail(e, SM_IO, "cannot write %.300s: it is %s", file->path, what);
}

static enum sm_code open_part(const struct sm_file *file, struct part *part,
                              struct sm_error *e) {
  const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  const mode_t mode = file->is_private ? 0600 : 0666;
  for (int i = 0; i < NAME_TRIES; i++) {
    uint64_t chance = 0;
    if (!sm_system_random(&chance, sizeof chance))
      return fail_on(e, "cannot write", file->path);
    (void)snprintf(part->name, sizeof part->name, ".%.100s.%016llx.part",
                   file->name, (unsigned long long)chance);
    part->fd = openat(file->folder, part->name, flags, mode);
    if (part->fd >= 0) {
      if (file->is_private)
        (void)sm_system_lock(part->fd); /* for sm_file_sweep */
      return SM_OK;
    }
    if (errno != EEXIST)
      break;
  }
  part->name[0] = '\0';
  return fail_on(e, "cannot write", file->path);
}

/* At the end of what is there. */
static enum sm_code write_part(const struct sm_file *file, struct part *part,
                               const void *bytes, size_t size,
                               struct sm_error *e) {
  const char *at = bytes;
  while (size > 0) {
    ssize_t written = pwrite(part->fd, at, size, (off_t)part->size);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return fail_on(e, "cannot write", file->path);
    at += written;
    size -= (size_t)written;
    part->size += (uint64_t)written;
  }
  return SM_OK;
}

static void abandon_part(const struct sm_file *file, struct part *part) {
  if (part->fd >= 0)
    (void)close(part->fd);
  part->fd = -1;
  if (part->name[0] != '\0')
    (void)unlinkat(file->folder, part->name, 0);
  part->name[0] = '\0';
}

/* A file that was closed is not begun again. */
static enum sm_code need_temporary(struct sm_file *file, struct sm_error *e) {
  if (file->picture.fd >= 0)
    return SM_OK;
  if (file->is_begun)
    return sm_fail(e, SM_IO, "already closed: %.300s", file->path);
  enum sm_code code = open_part(file, &file->picture, e);
  file->is_begun = code == SM_OK;
  return code;
}

static enum sm_code make_file(struct sm_file **file, const char *path,
                              struct sm_error *e) {
  const char *name = path ? last_part(path) : "";
  if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
    return sm_fail(e, SM_IO, "a file name is needed to write a picture");
  struct sm_file *made = calloc(1, sizeof *made);
  if (made == NULL || (made->path = strdup(path)) == NULL) {
    free(made);
    return sm_fail_memory(e);
  }
  made->folder = made->picture.fd = made->beside.fd = -1;
  made->name = last_part(made->path);
  *file = made;
  return SM_OK;
}

/* What the target may be called in the end: its name, or that and each of the
 * formats' extensions. */
static enum sm_code check_targets(const struct sm_file *file,
                                  struct sm_error *e) {
  char name[NAME_MAX + 1];
  enum sm_code code = check_target(file, file->name, e);
  for (int format = SM_PNG;
       code == SM_OK && format <= SM_GIF && !sm_format_is_named(file->name);
       format++) {
    (void)snprintf(name, sizeof name, "%s.%s", file->name,
                   sm_format_extension((enum sm_format)format));
    code = check_target(file, name, e);
  }
  return code;
}

/* Room for the longest extension. */
static enum sm_code check_length(const struct sm_file *file,
                                 struct sm_error *e) {
  size_t more = sm_format_is_named(file->name) ? 0 : sizeof ".webp" - 1;
  if (strlen(file->name) + more <= NAME_MAX &&
      strlen(file->path) + more < PATH_MAX)
    return SM_OK;
  errno = ENAMETOOLONG;
  return fail_on(e, "cannot write", file->path);
}

static void strip_slashes(char *path) {
  size_t length = strlen(path);
  while (length > 1 && path[length - 1] == '/')
    path[--length] = '\0';
}

/* Cuts `folder`, which is not there, back to what is: 0, or why nothing can be
 * made there. A dangling link is in the way of mkdir. */
static int find_ancestor(char *folder) {
  struct stat facts;
  strip_slashes(folder);
  while (folder[0] != '\0' && stat(folder, &facts) != 0) {
    char *name = strrchr(folder, '/');
    name = name != NULL ? name + 1 : folder;
    if (errno != ENOENT || lstat(folder, &facts) == 0)
      return errno != 0 ? errno : ENOENT;
    if (strlen(name) > NAME_MAX)
      return ENAMETOOLONG;
    *name = '\0';
    strip_slashes(folder);
  }
  return 0;
}

/* Makes a file and removes it: what a folder's permissions say is not all, of a
 * file system that takes no files, is full or is another machine's. */
static enum sm_code check_writable(const struct sm_file *file) {
  struct part part = {.fd = -1};
  enum sm_code code = open_part(file, &part, NULL);
  int why = errno;
  abandon_part(file, &part);
  errno = why;
  return code;
}

/* Of a folder that is not there, what it will be made in has to do; one that
 * cannot be read, by its permissions. */
static enum sm_code check_ancestor(struct sm_file *file, const char *folder,
                                   struct sm_error *e) {
  char *ancestor = strdup(folder);
  if (ancestor == NULL)
    return sm_fail_memory(e);
  int why = find_ancestor(ancestor);
  if (why == 0) {
    const char *place = ancestor[0] != '\0' ? ancestor : ".";
    file->folder = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_well = file->folder >= 0 ? check_writable(file) == SM_OK
                                     : faccessat(AT_FDCWD, place, W_OK | X_OK,
                                                 AT_EACCESS) == 0;
    why = is_well ? 0 : errno;
  }
  free(ancestor);
  errno = why;
  return why == 0 ? SM_OK : fail_on(e, "cannot make the folder", folder);
}

static enum sm_code check_folder(struct sm_file *file, struct sm_error *e) {
  char *folder = strndup(file->path, (size_t)(file->name - file->path));
  if (folder == NULL)
    return sm_fail_memory(e);
  enum sm_code code = SM_OK;
  const char *place = folder[0] != '\0' ? folder : ".";
  file->folder = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file->folder < 0 && errno == ENOENT)
    code = check_ancestor(file, folder, e);
  else if (file->folder < 0 || check_writable(file) != SM_OK)
    code = fail_on(e, "cannot write into", place);
  else
    code = check_targets(file, e);
  free(folder);
  return code;
}

enum sm_code sm_file_check_target(const char *path, struct sm_error *e) {
  struct sm_file *file = NULL;
  enum sm_code code = make_file(&file, path, e);
  if (code == SM_OK)
    code = check_length(file, e);
  if (code == SM_OK)
    code = check_folder(file, e);
  sm_file_delete(file);
  return code;
}

enum sm_code sm_file_new(struct sm_file **file, const char *path,
                         bool is_private, struct sm_error *e) {
  struct sm_file *made = NULL;
  *file = NULL;
  enum sm_code code = make_file(&made, path, e);
  if (code == SM_OK)
    made->is_private = is_private;
  if (code == SM_OK)
    code = open_folder(made, e);
  if (code == SM_OK)
    code = check_target(made, made->name, e);
  if (code == SM_OK)
    *file = made;
  else
    sm_file_delete(made);
  return code;
}

enum sm_code sm_file_want_sha256(struct sm_file *file, struct sm_error *e) {
  return sm_sha256_begin(&file->hash, e);
}

void sm_file_describe(struct sm_file *file,
                      const struct sm_metadata *metadata) {
  file->metadata = metadata;
}

void sm_file_sync_later(struct sm_file *file) { file->is_synced_later = true; }

enum sm_code sm_file_write(struct sm_file *file, const void *bytes, size_t size,
                           struct sm_error *e) {
  enum sm_code code = need_temporary(file, e);
  if (code == SM_OK && file->hash.context)
    code = sm_sha256_add(&file->hash, bytes, size, e);
  if (code == SM_OK)
    code = write_part(file, &file->picture, bytes, size, e);
  file->size = file->picture.size;
  return code;
}

enum sm_code sm_file_rewind(struct sm_file *file, struct sm_error *e) {
  enum sm_code code = need_temporary(file, e);
  if (code == SM_OK && ftruncate(file->picture.fd, 0) != 0)
    code = fail_on(e, "cannot write", file->path);
  if (code == SM_OK)
    file->size = file->picture.size = 0;
  if (code == SM_OK && file->hash.context)
    code = sm_sha256_begin(&file->hash, e);
  return code;
}

uint64_t sm_file_size(const struct sm_file *file) { return file->size; }

const char *sm_file_path(const struct sm_file *file) { return file->path; }

const char *sm_file_sha256(const struct sm_file *file) { return file->sha256; }

static enum sm_code read_head(const struct sm_file *file, unsigned char *head,
                              struct sm_image *image, struct sm_error *e) {
  size_t size = SM_IMAGE_HEAD_BYTES;
  if (!sm_disk_read(file->picture.fd, head, &size, 0))
    return fail_on(e, "cannot read back", file->path);
  if (!sm_image_read(head, size, image))
    return sm_fail(e, SM_PROTOCOL, "not a picture: %.300s", file->path);
  return SM_OK;
}

/* Read back from the disk, not kept in memory: the pages are still there, and
 * many downloads at once would hold 64 KiB each. */
enum sm_code sm_file_check(const struct sm_file *file, bool is_all,
                           struct sm_image *image, struct sm_error *e) {
  const struct sm_source source = {.fd = file->picture.fd, .size = file->size};
  memset(image, 0, sizeof *image);
  if (file->picture.fd < 0)
    return sm_fail(e, SM_IO, "already closed: %.300s", file->path);
  unsigned char *head = malloc(SM_IMAGE_HEAD_BYTES);
  if (head == NULL)
    return sm_fail_memory(e);
  enum sm_code code = read_head(file, head, image, e);
  free(head);
  if (code == SM_OK && !is_all && !sm_image_has_end(image, &source))
    return sm_fail(e, SM_PROTOCOL, "the %s was cut at %llu bytes: %.300s",
                   sm_format_name(image->format),
                   (unsigned long long)file->size, file->path);
  return code;
}

/* Gives a target without a picture's extension the one of the format: "house
 * v1.5" has none. */
static enum sm_code name_target(struct sm_file *file, enum sm_format format,
                                struct sm_error *e) {
  if (sm_format_is_named(file->name))
    return SM_OK;
  size_t length = strlen(file->path);
  const char *dot = file->path[length - 1] == '.' ? "" : ".";
  char *path =
      sm_buf_format("%s%s%s", file->path, dot, sm_format_extension(format));
  if (!path)
    return sm_fail_memory(e);
  free(file->path);
  file->path = path;
  file->name = last_part(path);
  return SM_OK;
}

/* -- what the picture says of itself --------------------------------------- */

struct described {
  const struct sm_file *file;
  struct part *part;
};

static enum sm_code write_described(void *context, const void *bytes,
                                    size_t size, struct sm_error *e) {
  struct described *to = context;
  enum sm_code code = SM_OK;
  if (to->part->fd < 0)
    code = open_part(to->file, to->part, e);
  return code == SM_OK ? write_part(to->file, to->part, bytes, size, e) : code;
}

/* A copy that has the packet in it takes the picture's place, or a second file
 * is made for it. */
static enum sm_code describe(struct sm_file *file, struct sm_error *e) {
  const struct sm_source source = {.fd = file->picture.fd, .size = file->size};
  struct part copy = {.fd = -1};
  struct described to = {file, &copy};
  struct sm_buf text;
  bool is_put = false;
  enum sm_code code = sm_metadata_put(file->metadata, &source, write_described,
                                      &to, &is_put, e);
  if (is_put) {
    abandon_part(file, &file->picture);
    file->picture = copy;
    return SM_OK;
  }
  abandon_part(file, &copy);
  sm_buf_create(&text, SM_METADATA_MAX);
  to.part = &file->beside;
  if (code == SM_OK)
    code = sm_metadata_beside(file->metadata, &source, &text, e);
  if (code == SM_OK && text.size > 0)
    code = write_described(&to, text.data, text.size, e);
  sm_buf_destroy(&text);
  return code;
}

/* What is beside a picture may be another program's: only a text that begins
 * like this one is replaced. */
static enum sm_code check_beside(const struct sm_file *file, const char *name,
                                 struct sm_error *e) {
  char ours[SM_FILE_BESIDE_HEAD], there[SM_FILE_BESIDE_HEAD];
  size_t size = sizeof ours, got = sizeof there;
  enum sm_code code = check_target(file, name, e);
  int fd = openat(file->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (code != SM_OK || fd < 0) {
    if (fd >= 0)
      (void)close(fd);
    return code;
  }
  bool is_ours = sm_disk_read(file->beside.fd, ours, &size, 0) &&
                 sm_disk_read(fd, there, &got, 0) && got == size &&
                 memcmp(ours, there, size) == 0;
  (void)close(fd);
  return is_ours ? SM_OK
                 : sm_fail(e, SM_IO,
                           "cannot write %.300s.json: there is another file",
                           file->path);
}

/* -- the end --------------------------------------------------------------- */

/* EINVAL: a file system that has nothing to sync for a folder. */
static bool sync_folder(int folder) {
  return sm_disk_sync(folder) || errno == EINVAL;
}

/* Synced and closed, it waits for its name. */
static enum sm_code settle_part(const struct sm_file *file, struct part *part,
                                struct sm_error *e) {
  if (!file->is_synced_later && !sm_disk_sync(part->fd))
    return fail_on(e, "cannot write", file->path);
  int fd = part->fd;
  part->fd = -1;
  /* Network file systems report a full disk here at the latest. */
  if (close(fd) != 0 && errno != EINTR)
    return fail_on(e, "cannot write", file->path);
  return SM_OK;
}

static enum sm_code name_part(const struct sm_file *file, struct part *part,
                              const char *name, struct sm_error *e) {
  if (renameat(file->folder, part->name, file->folder, name) != 0)
    return fail_on(e, "cannot write", file->path);
  part->name[0] = '\0';
  return SM_OK;
}

/* The picture has its name first: what is beside one describes it. */
static enum sm_code finish(struct sm_file *file, struct sm_error *e) {
  char beside[NAME_MAX + sizeof ".json"];
  bool has_beside = file->beside.fd >= 0;
  enum sm_code code = check_target(file, file->name, e);
  (void)snprintf(beside, sizeof beside, "%s.json", file->name);
  if (code == SM_OK && has_beside)
    code = check_beside(file, beside, e);
  if (code == SM_OK && has_beside)
    code = settle_part(file, &file->beside, e);
  if (code == SM_OK)
    code = settle_part(file, &file->picture, e);
  if (code == SM_OK)
    code = name_part(file, &file->picture, file->name, e);
  if (code == SM_OK && has_beside)
    code = name_part(file, &file->beside, beside, e);
  if (code != SM_OK)
    return code;
  if (!file->is_synced_later && !sync_folder(file->folder))
    return fail_on(e, "cannot write", file->path);
  return SM_OK;
}

static void abandon(struct sm_file *file) {
  abandon_part(file, &file->picture);
  abandon_part(file, &file->beside);
}

enum sm_code sm_file_commit(struct sm_file *file, struct sm_error *e) {
  struct sm_image image;
  enum sm_code code = sm_file_check(file, true, &image, e);
  if (code == SM_OK)
    code = name_target(file, image.format, e);
  if (code == SM_OK && file->hash.context)
    code = sm_sha256_end(&file->hash, file->sha256, e);
  if (code == SM_OK && file->metadata)
    code = describe(file, e);
  if (code == SM_OK)
    code = finish(file, e);
  if (code != SM_OK)
    abandon(file);
  return code;
}

static void begin_sync(int folder, struct sm_file_unsynced *file) {
  const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  file->fd = folder >= 0 ? openat(folder, file->name, flags) : -1;
  file->why = file->fd < 0 ? errno : 0;
  if (file->fd >= 0)
    sm_system_sync_begin(file->fd);
}

static void end_sync(struct sm_file_unsynced *file) {
  if (file->fd < 0)
    return;
  if (!sm_disk_sync(file->fd))
    file->why = errno;
  (void)close(file->fd);
  file->fd = -1;
}

void sm_file_sync(const char *folder, struct sm_file_unsynced *files,
                  size_t count) {
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (size_t i = 0; i < count; i++)
    begin_sync(fd, &files[i]);
  for (size_t i = 0; i < count; i++)
    end_sync(&files[i]);
  int why = fd < 0 || sync_folder(fd) ? 0 : errno;
  for (size_t i = 0; why && i < count; i++)
    files[i].why = why;
  if (fd >= 0)
    (void)close(fd);
}

void sm_file_delete(struct sm_file *file) {
  if (file == NULL)
    return;
  abandon(file);
  if (file->folder >= 0)
    (void)close(file->folder);
  sm_sha256_destroy(&file->hash);
  free(file->path);
  free(file);
}

enum sm_code sm_file_save(const char *path, const void *bytes, size_t size,
                          const struct sm_metadata *metadata, bool is_private,
                          char **final_path, struct sm_error *e) {
  struct sm_file *file;
  *final_path = NULL;
  enum sm_code code = sm_file_new(&file, path, is_private, e);
  if (file == NULL)
    return code;
  sm_file_describe(file, metadata);
  code = sm_file_write(file, bytes, size, e);
  if (code == SM_OK)
    code = sm_file_commit(file, e);
  if (code == SM_OK) {
    *final_path = file->path;
    file->path = NULL;
  }
  sm_file_delete(file);
  return code;
}

enum sm_code sm_file_save_text(const char *path, const char *text, size_t size,
                               struct sm_error *e) {
  struct sm_file *file;
  enum sm_code code = sm_file_new(&file, path, false, e);
  if (file == NULL)
    return code;
  code = need_temporary(file, e);
  if (code == SM_OK)
    code = sm_file_write(file, text, size, e);
  if (code == SM_OK)
    code = finish(file, e);
  sm_file_delete(file);
  return code;
}

/* A new name is on disk when the folder that holds it is. Best effort: where
 * the folder cannot be read, the name is no less there. */
static void sync_parent(const char *path) {
  size_t length = (size_t)(last_part(path) - path);
  char *folder = length > 0 ? strndup(path, length) : strdup(".");
  int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  free(folder);
  if (fd < 0)
    return;
  (void)sm_disk_sync(fd);
  (void)close(fd);
}

enum sm_code sm_file_reserve(const char *path, struct sm_error *e) {
  struct stat facts;
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
  if (fd >= 0) {
    (void)close(fd);
    sync_parent(path);
    return SM_OK;
  }
  if (errno != EEXIST || stat(path, &facts) != 0)
    return fail_on(e, "cannot write", path);
  if (!S_ISREG(facts.st_mode))
    return sm_fail(e, SM_IO, "not a regular file: %.300s", path);
  return SM_OK;
}

enum sm_code sm_file_folder(const char *path, struct sm_error *e) {
  struct stat facts;
  if (mkdir(path, 0700) == 0) {
    sync_parent(path);
    return SM_OK;
  }
  if (errno != EEXIST || stat(path, &facts) != 0)
    return fail_on(e, "cannot make the folder", path);
  if (!S_ISDIR(facts.st_mode))
    return sm_fail(e, SM_IO, "not a folder: %.300s", path);
  return SM_OK;
}

/* -- looking -------------------------------------------------------------- */

/* This runs on the host's thread: a file whose end is not found in so many
 * bytes is not held up for it. */
#define READ_MOST (8u << 20)

static enum sm_code probe_head(int fd, const char *path,
                               struct sm_file_facts *facts,
                               struct sm_error *e) {
  struct sm_image *image = &facts->image;
  const struct sm_source source = {
      .fd = fd, .size = facts->size_bytes, .most = READ_MOST};
  size_t size = SM_IMAGE_HEAD_BYTES;
  unsigned char *head = malloc(size);
  if (head == NULL)
    return sm_fail_memory(e);
  enum sm_code code = SM_OK;
  if (!sm_disk_read(fd, head, &size, 0))
    code =
        sm_fail(e, SM_INVALID, "cannot read %.300s: %s", path, strerror(errno));
  else if (!sm_image_read(head, size, image))
    code = sm_fail(e, SM_INVALID, "not a PNG, JPEG, WebP or GIF: %.300s", path);
  else if (!sm_image_has_end(image, &source))
    code = sm_fail(e, SM_INVALID, "the %s ends too early: %.300s",
                   sm_format_name(image->format), path);
  free(head);
  return code;
}

static enum sm_code probe_open(int fd, const char *path,
                               struct sm_file_facts *facts,
                               struct sm_error *e) {
  struct stat stat;
  if (fstat(fd, &stat) != 0)
    return sm_fail(e, SM_INVALID, "cannot read %.300s: %s", path,
                   strerror(errno));
  if (S_ISDIR(stat.st_mode))
    return sm_fail(e, SM_INVALID, "a folder, not a file: %.300s", path);
  if (!S_ISREG(stat.st_mode))
    return sm_fail(e, SM_INVALID, "not a regular file: %.300s", path);
  if (stat.st_size <= 0)
    return sm_fail(e, SM_INVALID, "an empty file: %.300s", path);
  facts->size_bytes = (uint64_t)stat.st_size;
  return probe_head(fd, path, facts, e);
}

enum sm_code sm_file_probe(const char *path, struct sm_file_facts *facts,
                           struct sm_error *e) {
  memset(facts, 0, sizeof *facts);
  /* O_NONBLOCK: a FIFO without a writer would hold open() for ever. */
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0)
    return sm_fail(e, SM_INVALID, "cannot open %.300s: %s", path,
                   strerror(errno));
  enum sm_code code = probe_open(fd, path, facts, e);
  (void)close(fd);
  return code;
}

/* -- names ---------------------------------------------------------------- */

static bool is_letter_or_digit(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c >= '0' && c <= '9');
}

bool sm_file_is_name(const char *text, size_t size, size_t most) {
  if (size == 0 || size > most || !is_letter_or_digit(text[0]))
    return false;
  for (size_t i = 1; i < size; i++)
    if (!sm_file_is_name_char(text[i]))
      return false;
  return true;
}

/* -- what dead processes have left ----------------------------------------- */

/* Named by open_part. */
static bool is_part(const char *name) {
  const size_t tail = sizeof ".0123456789abcdef.part" - 1;
  size_t length = strlen(name);
  if (name[0] != '.' || length <= tail)
    return false;
  const char *chance = name + length - tail;
  return chance[0] == '.' && strspn(chance + 1, "0123456789abcdef") == 16 &&
         strcmp(chance + 17, ".part") == 0;
}

static void remove_stale(int folder, const char *name) {
  const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  struct stat facts;
  int fd = openat(folder, name, flags);
  if (fd < 0)
    return;
  if (fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) &&
      facts.st_mtime + STALE_S < sm_wall_ms() / 1000 && sm_system_lock(fd))
    (void)unlinkat(folder, name, 0);
  (void)close(fd);
}

void sm_file_sweep(const char *folder) {
  if (sm_system_is_on_network(folder))
    return;
  DIR *list = opendir(folder);
  const struct dirent *entry;
  while (list && (entry = readdir(list)) != NULL)
    if (is_part(entry->d_name))
      remove_stale(dirfd(list), entry->d_name);
  if (list)
    (void)closedir(list);
}
