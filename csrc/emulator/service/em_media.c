#include "em_media.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "em_table.h"

/* 8 GiB: some ten thousand full-size pictures. A run that needs more wants
 * --plain. */
static const uint64_t ceiling_bytes = (uint64_t)8 << 30;

struct em_media {
  pthread_mutex_t lock; /* guards everything but the file's content */
  int file;
  uint64_t end;
  struct em_table names;
};

struct named {
  struct em_picture_ref ref;
  int64_t since_us;
  char name[];
};

static int open_unlinked(void) {
  const char *folder = getenv("TMPDIR");
  char path[4096] = "/tmp";
  if (folder && *folder && strlen(folder) < sizeof path - 32)
    memcpy(path, folder, strlen(folder) + 1);
  memcpy(path + strlen(path), "/segmind-emulator-XXXXXX", 25);
  int file = mkostemp(path, O_CLOEXEC);
  if (file >= 0)
    unlink(path);
  return file;
}

struct em_media *em_media_new(void) {
  struct em_media *media = calloc(1, sizeof *media);
  if (!media)
    return NULL;
  media->file = open_unlinked();
  if (media->file < 0) {
    free(media);
    return NULL;
  }
  pthread_mutex_init(&media->lock, NULL);
  return media;
}

void em_media_delete(struct em_media *media) {
  if (!media)
    return;
  em_table_clear(&media->names, free);
  close(media->file);
  pthread_mutex_destroy(&media->lock);
  free(media);
}

void em_media_reset(struct em_media *media) {
  pthread_mutex_lock(&media->lock);
  em_table_clear(&media->names, free);
  /* A picture being written meanwhile keeps its place: only the content of
   * the file is dropped, offsets go on. */
  if (ftruncate(media->file, 0) == 0 &&
      ftruncate(media->file, (off_t)media->end) != 0)
    media->end = ceiling_bytes;
  pthread_mutex_unlock(&media->lock);
}

static int write_all(int file, const char *data, size_t size, uint64_t offset) {
  while (size) {
    ssize_t written = pwrite(file, data, size, (off_t)offset);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return -1;
    data += written;
    size -= (size_t)written;
    offset += (uint64_t)written;
  }
  return 0;
}

int em_media_store(struct em_media *media, const void *data, size_t size,
                   const char *media_type, struct em_picture_ref *ref) {
  if (size > UINT32_MAX)
    return -1;
  *ref =
      (struct em_picture_ref){.size = (uint32_t)size, .media_type = media_type};
  pthread_mutex_lock(&media->lock);
  bool fits = media->end + size <= ceiling_bytes;
  ref->offset = media->end;
  if (fits)
    media->end += size;
  pthread_mutex_unlock(&media->lock);
  return fits ? write_all(media->file, data, size, ref->offset) : -1;
}

unsigned char *em_media_load(struct em_media *media,
                             const struct em_picture_ref *ref) {
  unsigned char *data = malloc(ref->size + 1u);
  size_t got = 0;
  while (data && got < ref->size) {
    ssize_t count = pread(media->file, data + got, ref->size - got,
                          (off_t)(ref->offset + got));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0) {
      free(data);
      return NULL;
    }
    got += (size_t)count;
  }
  return data;
}

int em_media_name(struct em_media *media, const char *name,
                  const struct em_picture_ref *ref, int64_t now_us) {
  size_t size = strlen(name) + 1;
  struct named *named = malloc(sizeof *named + size);
  if (!named)
    return -1;
  named->ref = *ref;
  named->since_us = now_us;
  memcpy(named->name, name, size);
  pthread_mutex_lock(&media->lock);
  /* Two threads may have made the same render: the first name stays. */
  bool taken = em_table_find(&media->names, name) != NULL;
  int failed = taken ? 0 : em_table_put(&media->names, named->name, named);
  pthread_mutex_unlock(&media->lock);
  if (taken || failed)
    free(named);
  return failed;
}

bool em_media_find(struct em_media *media, const char *name, int64_t since_us,
                   struct em_picture_ref *ref) {
  pthread_mutex_lock(&media->lock);
  const struct named *named = em_table_find(&media->names, name);
  bool found = named && named->since_us >= since_us;
  if (found)
    *ref = named->ref;
  pthread_mutex_unlock(&media->lock);
  return found;
}

int em_media_descriptor(struct em_media *media) {
  return fcntl(media->file, F_DUPFD_CLOEXEC, 3);
}
