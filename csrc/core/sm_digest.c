#include "sm_digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES (256 * 1024)

struct sm_digest {
  EVP_MD_CTX *context;
  char *piece;
  struct sm_file_facts facts;
  int fd;
};

static void write_hex(char hex[SM_SHA256_HEX], const unsigned char *hash) {
  static const char digits[] = "0123456789abcdef";
  for (int i = 0; i < 32; i++) {
    hex[2 * i] = digits[hash[i] >> 4];
    hex[2 * i + 1] = digits[hash[i] & 15];
  }
  hex[64] = '\0';
}

enum sm_code sm_sha256(char hex[SM_SHA256_HEX], const void *bytes, size_t size,
                       struct sm_error *e) {
  unsigned char hash[EVP_MAX_MD_SIZE];
  if (!EVP_Digest(bytes, size, hash, NULL, EVP_sha256(), NULL))
    return sm_fail(e, SM_IO, "libcrypto could not hash the picture");
  write_hex(hex, hash);
  return SM_OK;
}

enum sm_code sm_digest_new(struct sm_digest **out, const char *path,
                           struct sm_error *e) {
  struct sm_digest *digest = calloc(1, sizeof *digest);
  if (!digest)
    return sm_fail_memory(e);
  digest->fd = -1;
  enum sm_code code = sm_file_probe(path, &digest->facts, e);
  if (code == SM_OK) {
    digest->fd = open(path, O_RDONLY | O_CLOEXEC);
    digest->piece = malloc(PIECE_BYTES);
    digest->context = EVP_MD_CTX_new();
    if (digest->fd < 0)
      code = sm_fail(e, SM_IO, "%s: %s", path, strerror(errno));
    else if (!digest->piece || !digest->context ||
             !EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL))
      code = sm_fail_memory(e);
  }
  if (code == SM_OK)
    *out = digest;
  else
    sm_digest_delete(digest);
  return code;
}

void sm_digest_delete(struct sm_digest *digest) {
  if (!digest)
    return;
  EVP_MD_CTX_free(digest->context);
  if (digest->fd >= 0)
    close(digest->fd);
  free(digest->piece);
  free(digest);
}

enum sm_code sm_digest_step(struct sm_digest *digest, bool *is_over,
                            char hex[SM_SHA256_HEX], struct sm_error *e) {
  unsigned char hash[EVP_MAX_MD_SIZE];
  ssize_t got;
  do
    got = read(digest->fd, digest->piece, PIECE_BYTES);
  while (got < 0 && errno == EINTR);
  if (got < 0)
    return sm_fail(e, SM_IO, "the picture cannot be read: %s", strerror(errno));
  *is_over = got == 0;
  if (got > 0 && !EVP_DigestUpdate(digest->context, digest->piece, (size_t)got))
    return sm_fail(e, SM_IO, "libcrypto could not hash the picture");
  if (*is_over) {
    if (!EVP_DigestFinal_ex(digest->context, hash, NULL))
      return sm_fail(e, SM_IO, "libcrypto could not hash the picture");
    write_hex(hex, hash);
  }
  return SM_OK;
}

const struct sm_file_facts *sm_digest_facts(const struct sm_digest *digest) {
  return &digest->facts;
}
