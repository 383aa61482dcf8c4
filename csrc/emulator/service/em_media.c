#include "em_media.h"

#include <fcntl.h>
#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "em_clock.h"

/* 8 GiB: some ten thousand full-size pictures. A run that needs more wants
 * --plain. */
static const uint64_t ceiling_bytes = (uint64_t)8 << 30;

struct em_media {
  pthread_mutex_t lock; /* guards everything but the file's content */
  int file;
  uint64_t end;
  void *names; /* a tree of tsearch(3) */
};

struct named {
  const char *name; /* `text`, or of a key to look for */
  struct em_picture_ref ref;
  int64_t since_us;
  char text[];
};

static int compare_names(const void *a, const void *b) {
  return strcmp(((const struct named *)a)->name,
                ((const struct named *)b)->name);
}

static int open_unlinked(void) {
  const char *folder = getenv("TMPDIR");
  char path[4096];
  snprintf(path, sizeof path, "%s/segmind-emulator-XXXXXX",
           folder && *folder ? folder : "/tmp");
  int file = mkostemp(path, O_CLOEXEC);
  if (file >= 0)
    unlink(path);
  return file;
}

struct em_media *em_media_new(void) {
  struct em_media *media = calloc(1, sizeof *media);
  if (media && (media->file = open_unlinked()) >= 0) {
    pthread_mutex_init(&media->lock, NULL);
    return media;
  }
  free(media);
  return NULL;
}

void em_media_delete(struct em_media *media) {
  if (!media)
    return;
  tdestroy(media->names, free);
  close(media->file);
  pthread_mutex_destroy(&media->lock);
  free(media);
}

void em_media_reset(struct em_media *media) {
  pthread_mutex_lock(&media->lock);
  tdestroy(media->names, free);
  media->names = NULL;
  /* A picture being written meanwhile keeps its place: only the content of
   * the file is dropped, offsets go on. */
  if (ftruncate(media->file, 0) == 0 &&
      ftruncate(media->file, (off_t)media->end) != 0)
    media->end = ceiling_bytes;
  pthread_mutex_unlock(&media->lock);
}

/* Appends a picture. Errors: -1. */
static int store(struct em_media *media, struct em_bytes picture,
                 struct em_picture_ref *ref) {
  size_t size = picture.size;
  pthread_mutex_lock(&media->lock);
  bool fits = size <= UINT32_MAX && media->end + size <= ceiling_bytes;
  ref->offset = media->end;
  if (fits)
    media->end += size;
  pthread_mutex_unlock(&media->lock);
  bool written = fits && pwrite(media->file, picture.data, size,
                                (off_t)ref->offset) == (ssize_t)size;
  return written ? 0 : -1;
}

struct em_bytes em_media_load(struct em_media *media,
                              const struct em_picture_ref *ref) {
  struct em_bytes picture = {malloc(ref->size + 1u), ref->size};
  if (picture.data && pread(media->file, picture.data, ref->size,
                            (off_t)ref->offset) == (ssize_t)ref->size)
    return picture;
  free(picture.data);
  return (struct em_bytes){0};
}

int em_media_keep(struct em_media *media, const char *name,
                  struct em_bytes picture, const char *media_type, int step,
                  struct em_picture_ref *ref) {
  size_t size = strlen(name) + 1;
  struct named *named = malloc(sizeof *named + size);
  *ref = (struct em_picture_ref){
      .size = (uint32_t)picture.size, .media_type = media_type, .step = step};
  if (!named || store(media, picture, ref)) {
    free(named);
    return -1;
  }
  named->ref = *ref;
  named->since_us = em_clock_now_us();
  named->name = memcpy(named->text, name, size);
  pthread_mutex_lock(&media->lock);
  /* Two threads may have made the same render: the first name stays. */
  struct named *const *kept = tsearch(named, &media->names, compare_names);
  bool is_new = kept && *kept == named;
  pthread_mutex_unlock(&media->lock);
  if (!is_new)
    free(named);
  return kept ? 0 : -1;
}

bool em_media_find(struct em_media *media, const char *name, int64_t since_us,
                   struct em_picture_ref *ref) {
  const struct named key = {.name = name};
  pthread_mutex_lock(&media->lock);
  struct named *const *named = tfind(&key, &media->names, compare_names);
  bool found = named && (*named)->since_us >= since_us;
  if (found)
    *ref = (*named)->ref;
  pthread_mutex_unlock(&media->lock);
  return found;
}

int em_media_descriptor(struct em_media *media) {
  return fcntl(media->file, F_DUPFD_CLOEXEC, 3);
}
