#include "sm_file_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sm_disk.h"

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
