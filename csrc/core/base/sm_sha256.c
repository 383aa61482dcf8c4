#include "sm_sha256.h"

#include <openssl/evp.h>

static enum sm_code fail(struct sm_error *e) {
  return sm_fail(e, SM_IO, "libcrypto could not hash the picture");
}

static void write_hex(char hex[SM_SHA256_HEX], const unsigned char *hash) {
  static const char digits[] = "0123456789abcdef";
  for (int i = 0; i < 32; i++) {
    hex[2 * i] = digits[hash[i] >> 4];
    hex[2 * i + 1] = digits[hash[i] & 15];
  }
  hex[64] = '\0';
}

enum sm_code sm_sha256_of(char hex[SM_SHA256_HEX], const void *bytes,
                          size_t size, struct sm_error *e) {
  unsigned char hash[EVP_MAX_MD_SIZE];
  if (!EVP_Digest(bytes, size, hash, NULL, EVP_sha256(), NULL))
    return fail(e);
  write_hex(hex, hash);
  return SM_OK;
}

enum sm_code sm_sha256_begin(struct sm_sha256 *hash, struct sm_error *e) {
  if (!hash->context)
    hash->context = EVP_MD_CTX_new();
  if (!hash->context || !EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL))
    return sm_fail_memory(e);
  return SM_OK;
}

enum sm_code sm_sha256_add(struct sm_sha256 *hash, const void *bytes,
                           size_t size, struct sm_error *e) {
  return EVP_DigestUpdate(hash->context, bytes, size) ? SM_OK : fail(e);
}

enum sm_code sm_sha256_end(struct sm_sha256 *hash, char hex[SM_SHA256_HEX],
                           struct sm_error *e) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  if (!EVP_DigestFinal_ex(hash->context, bytes, NULL))
    return fail(e);
  write_hex(hex, bytes);
  return SM_OK;
}

void sm_sha256_destroy(struct sm_sha256 *hash) {
  EVP_MD_CTX_free(hash->context);
  hash->context = NULL;
}
