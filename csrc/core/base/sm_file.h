/* sm_file: a picture in a file: one that is written, or one that is looked at.
 *
 * Writing: the bytes go to a temporary file in the target's folder (O_EXCL,
 * with the mode that the umask gives, or 0600), are checked to be a whole
 * picture, synced, and take the target's name by rename, after which the folder
 * is synced too. So the target is either what it was before or a whole picture,
 * whatever happens in between. A target that is a symbolic link, a folder or a
 * FIFO is refused; a missing folder is made. A target that does not end in a
 * picture's extension gets the one of the real format.
 *
 * The syncs may be left to sm_file_sync, which makes those of many pictures
 * together. Until then a power cut may leave anything under the name, so it is
 * for pictures in a folder of our own, whose names nothing says before.
 *
 * Looking: sm_file_probe decodes nothing and reads little: the head, and as
 * much as finding the picture's own end takes (8 MiB at most). What programs
 * append behind that is not for us to refuse; a picture that is cut is. It
 * keeps nothing open. The file may change before it is uploaded; sm_body sees
 * that.
 *
 * Places: sm_file_reserve and sm_file_folder make a file (0600) and a folder
 * (0700) that only their owner can read, for what is kept between runs.
 */
#ifndef SM_FILE_H
#define SM_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sm_error.h"
#include "sm_image.h"
#include "sm_metadata.h"
#include "sm_sha256.h"

struct sm_file; /* one picture being written */

/* Whether a picture could be written there, as far as can be told beforehand:
 * the folder takes a file, or what it will be made in does; the names are not
 * too long, and nothing but a regular file stands in the place, whatever format
 * the picture turns out to have. Leaves nothing behind. Errors: SM_IO names the
 * path and the reason. */
enum sm_code sm_file_check_target(const char *path, struct sm_error *e);

/* Makes the folder if there is none (of a private file only the last, for its
 * owner alone), opens it and looks at the target. Only its owner may read a
 * private file (0600). The temporary file is made by the
 * first write or rewind, so on the thread that writes: making one may take the
 * disk a millisecond. Errors: SM_IO names the path and the reason.
 * Ownership: the caller frees it with sm_file_delete, which also removes the
 * temporary file unless sm_file_commit gave it its name. */
enum sm_code sm_file_new(struct sm_file **file, const char *path,
                         bool is_private, struct sm_error *e);

/* Has what is written from here on hashed on its way: what is kept between runs
 * is known by its hash. To be asked before the first write. */
enum sm_code sm_file_want_sha256(struct sm_file *file, struct sm_error *e);

/* Has the picture say how it was made, when it is committed: itself, or where
 * it cannot (see sm_metadata), in a file beside it, its name with ".json". Hash
 * and size are those of what was written. `metadata` is borrowed. */
void sm_file_describe(struct sm_file *file, const struct sm_metadata *metadata);

/* A file beside a picture that begins like ours, with so many bytes, is one of
 * ours, and is replaced; any other is an error (SM_IO). */
#define SM_FILE_BESIDE_HEAD 12

/* Leaves the syncs of the commit to sm_file_sync. */
void sm_file_sync_later(struct sm_file *file);

/* A file that was committed so. */
struct sm_file_unsynced {
  const char *name; /* borrowed; without the folder */
  int fd;           /* while it is synced */
  int why;          /* out: errno; 0: it is on the disk, and so is its name.
                       Asked again, the system may know nothing of an error that
                       it has told: such a file is to be written anew */
};

/* Syncs files of one folder, and that once. */
void sm_file_sync(const char *folder, struct sm_file_unsynced *files,
                  size_t count);

enum sm_code sm_file_write(struct sm_file *file, const void *bytes, size_t size,
                           struct sm_error *e);

/* Starts again with an empty file: a download that was cut is fetched anew. */
enum sm_code sm_file_rewind(struct sm_file *file, struct sm_error *e);

/* Bytes written since the start or the last rewind. */
uint64_t sm_file_size(const struct sm_file *file);

/* What the bytes are, and, unless the caller knows that they are `all` of the
 * picture, whether its end is among them. Errors: SM_PROTOCOL, SM_IO. */
enum sm_code sm_file_check(const struct sm_file *file, bool is_all,
                           struct sm_image *image, struct sm_error *e);

/* Names it, syncs, renames. Afterwards sm_file_path is the final path. Whether
 * the picture is whole was asked before: sm_file_check.
 * Errors: SM_PROTOCOL when the bytes are no picture, else SM_IO; the temporary
 * file is gone then. */
enum sm_code sm_file_commit(struct sm_file *file, struct sm_error *e);

const char *sm_file_path(const struct sm_file *file);

/* The hash of what was committed; "" where none was wanted, and before. */
const char *sm_file_sha256(const struct sm_file *file);

void sm_file_delete(struct sm_file *file);

/* Removes the temporary files of private ones that dead processes have left in
 * a folder: those that nobody has locked, a minute after their last write. On
 * a network's volume, and where the system has no such locks, all stay: whether
 * another machine writes them is not known. */
void sm_file_sweep(const char *folder);

/* All bytes of a picture to a path in one go: new, describe, write, commit.
 * `final_path` gets a malloc'ed copy of the path it took. */
enum sm_code sm_file_save(const char *path, const void *bytes, size_t size,
                          const struct sm_metadata *metadata, bool is_private,
                          char **final_path, struct sm_error *e);

/* A text to a path in one go, whole or not at all, as a picture is written. The
 * target is a regular file or not there; missing folders are made. Errors:
 * SM_IO.
 */
enum sm_code sm_file_save_text(const char *path, const char *text, size_t size,
                               struct sm_error *e);

struct sm_file_facts {
  struct sm_image image;
  uint64_t size_bytes;
};

/* Whether `path` is a readable, regular, non-empty file that holds a picture.
 * Errors: SM_INVALID with what is wrong. */
enum sm_code sm_file_probe(const char *path, struct sm_file_facts *facts,
                           struct sm_error *e);

/* Whether a text may be the name of a file, and stand in a URL, as it is:
 * [A-Za-z0-9][A-Za-z0-9._-]*, `most` bytes at most. */
bool sm_file_is_name(const char *text, size_t size, size_t most);

/* Whether it may stand behind the first of these. */
static inline bool sm_file_is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
}

/* Makes an empty file unless there is one. One that is there is not opened:
 * closing it would take away the locks that this process has on it. Errors:
 * SM_IO, also when something else than a regular file has the name. */
enum sm_code sm_file_reserve(const char *path, struct sm_error *e);

/* Makes a folder unless there is one. Errors: SM_IO. */
enum sm_code sm_file_folder(const char *path, struct sm_error *e);

#endif
