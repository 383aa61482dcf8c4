#include "sm_digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sm_disk.h"

#define PIECE_BYTES (256 * 1024)

struct sm_digest {
  struct sm_sha256 hash;
  struct sm_file_facts facts;
  uint64_t at;
  const char *bytes; /* borrowed; NULL: it is a file's */
  char *path;        /* of that file */
  char *piece;
  int fd;
  char *target; /* the copy's; NULL for none */
  struct sm_file *copy;
  const struct sm_metadata *metadata; /* of the copy; borrowed */
  char expected[SM_SHA256_HEX];       /* "": any */
  bool is_begun;
  bool is_private;
  bool is_copy_at_fault;
};

/* -- birth and death ----------------------------------------------------- */

static struct sm_digest *make(void) {
  struct sm_digest *digest = calloc(1, sizeof *digest);
  if (digest)
    digest->fd = -1;
  return digest;
}

enum sm_code sm_digest_new(struct sm_digest **out, const char *path,
                           struct sm_error *e) {
  struct sm_digest *digest = make();
  if (!digest || (digest->path = strdup(path)) == NULL) {
    sm_digest_delete(digest);
    return sm_fail_memory(e);
  }
  *out = digest;
  return SM_OK;
}

enum sm_code sm_digest_new_of_bytes(struct sm_digest **out, const void *bytes,
                                    size_t size, struct sm_error *e) {
  struct sm_digest *digest = make();
  if (!digest)
    return sm_fail_memory(e);
  digest->bytes = size > 0 ? bytes : "";
  digest->facts.size_bytes = size;
  *out = digest;
  return SM_OK;
}

void sm_digest_delete(struct sm_digest *digest) {
  if (!digest)
    return;
  sm_sha256_destroy(&digest->hash);
  sm_file_delete(digest->copy);
  if (digest->fd >= 0)
    (void)close(digest->fd);
  free(digest->target);
  free(digest->piece);
  free(digest->path);
  free(digest);
}

enum sm_code sm_digest_copy_to(struct sm_digest *digest, const char *path,
                               bool is_private, struct sm_error *e) {
  free(digest->target);
  digest->target = strdup(path);
  digest->is_private = is_private;
  return digest->target ? SM_OK : sm_fail_memory(e);
}

void sm_digest_describe(struct sm_digest *digest,
                        const struct sm_metadata *metadata) {
  digest->metadata = metadata;
}

void sm_digest_expect(struct sm_digest *digest, const char *sha256) {
  digest->expected[0] = '\0';
  strncat(digest->expected, sha256, SM_SHA256_HEX - 1);
}

/* -- the steps ----------------------------------------------------------- */

static enum sm_code open_file(struct sm_digest *digest, struct sm_error *e) {
  enum sm_code code = sm_file_probe(digest->path, &digest->facts, e);
  if (code != SM_OK)
    return code;
  digest->fd = open(digest->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (digest->fd < 0)
    return sm_fail(e, SM_IO, "%.300s: %s", digest->path, strerror(errno));
  digest->piece = malloc(PIECE_BYTES);
  return digest->piece ? SM_OK : sm_fail_memory(e);
}

static enum sm_code note_copy(struct sm_digest *digest, enum sm_code code) {
  digest->is_copy_at_fault = code != SM_OK;
  return code;
}

static enum sm_code begin(struct sm_digest *digest, struct sm_error *e) {
  enum sm_code code = sm_sha256_begin(&digest->hash, e);
  digest->is_begun = true;
  if (code == SM_OK && digest->bytes)
    (void)sm_image_read(digest->bytes, (size_t)digest->facts.size_bytes,
                        &digest->facts.image);
  else if (code == SM_OK)
    code = open_file(digest, e);
  if (code == SM_OK && digest->target)
    code = note_copy(digest, sm_file_new(&digest->copy, digest->target,
                                         digest->is_private, e));
  if (digest->copy)
    sm_file_describe(digest->copy, digest->metadata);
  return code;
}

/* The next piece; none at the end. What was appended to a file meanwhile is
 * read as well. */
static enum sm_code read_piece(struct sm_digest *digest, const char **piece,
                               size_t *size, struct sm_error *e) {
  *size = PIECE_BYTES;
  *piece = digest->piece;
  if (digest->bytes) {
    uint64_t left = digest->facts.size_bytes - digest->at;
    *size = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
    *piece = digest->bytes + digest->at;
  } else if (!sm_disk_read(digest->fd, digest->piece, size, digest->at)) {
    return sm_fail(e, SM_IO, "the picture cannot be read: %s", strerror(errno));
  }
  digest->at += *size;
  return SM_OK;
}

static enum sm_code take_piece(struct sm_digest *digest, const char *piece,
                               size_t size, struct sm_error *e) {
  enum sm_code code = sm_sha256_add(&digest->hash, piece, size, e);
  if (code == SM_OK && digest->copy)
    code = note_copy(digest, sm_file_write(digest->copy, piece, size, e));
  return code;
}

static enum sm_code finish(struct sm_digest *digest, char hex[SM_SHA256_HEX],
                           struct sm_error *e) {
  enum sm_code code = sm_sha256_end(&digest->hash, hex, e);
  if (code == SM_OK && digest->expected[0] &&
      strcmp(digest->expected, hex) != 0)
    code = sm_fail(e, SM_PROTOCOL, "not the picture that was kept: %.300s",
                   digest->path ? digest->path : "its bytes differ");
  if (code == SM_OK && digest->copy)
    code = note_copy(digest, sm_file_commit(digest->copy, e));
  return code;
}

enum sm_code sm_digest_step(struct sm_digest *digest, bool *is_over,
                            char hex[SM_SHA256_HEX], struct sm_error *e) {
  const char *piece = NULL;
  size_t size = 0;
  *is_over = false;
  enum sm_code code = digest->is_begun ? SM_OK : begin(digest, e);
  if (code == SM_OK)
    code = read_piece(digest, &piece, &size, e);
  if (code != SM_OK)
    return code;
  if (size > 0)
    return take_piece(digest, piece, size, e);
  *is_over = true;
  return finish(digest, hex, e);
}

/* -- what is known ------------------------------------------------------- */

bool sm_digest_is_copy_at_fault(const struct sm_digest *digest) {
  return digest->is_copy_at_fault;
}

const struct sm_file_facts *sm_digest_facts(const struct sm_digest *digest) {
  return &digest->facts;
}

const char *sm_digest_copy(const struct sm_digest *digest) {
  return digest->copy ? sm_file_path(digest->copy) : NULL;
}
