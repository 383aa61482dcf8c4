/* Where pictures are kept: one unlinked temporary file that only grows, and
 * an index of names in memory. So memory stays small however many pictures a
 * run makes, nothing is left behind by a crash, and a download is sent from
 * the file without passing through memory.
 *
 * Names are the paths of assets, and private ones for stand-ins and renders
 * that were made before. A job's output needs no name: the job holds its
 * picture. Thread-safe. */
#ifndef EM_MEDIA_H
#define EM_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "em_text.h"

struct em_picture_ref {
  uint64_t offset;
  uint32_t size;
  int step;               /* edits behind this picture: 0 for an upload */
  const char *media_type; /* static */
};

struct em_media;

/* Errors: NULL when no temporary file can be made. */
struct em_media *em_media_new(void);
void em_media_delete(struct em_media *media);

/* Forgets all names and empties the file. */
void em_media_reset(struct em_media *media);

/* Keeps a picture under a name; of two pictures of one name the first has it.
 * Errors: -1 when the disk or the ceiling is full, or out of memory. */
int em_media_keep(struct em_media *media, const char *name,
                  struct em_bytes picture, const char *media_type, int step,
                  struct em_picture_ref *ref);

/* Reads a picture back. Errors: NULL. */
struct em_bytes em_media_load(struct em_media *media,
                              const struct em_picture_ref *ref);

/* Looks a name up; with `since_us`, only if named at or after that time. */
bool em_media_find(struct em_media *media, const char *name, int64_t since_us,
                   struct em_picture_ref *ref);

/* A descriptor of the file for sending. Ownership: the caller closes it. */
int em_media_descriptor(struct em_media *media);

#endif
