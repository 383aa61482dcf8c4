#include "sm_sha256.h"

#include "sm_system.h"

static enum sm_code fail(struct sm_error *e) {
  return sm_fail(e, SM_IO, "the picture could not be hashed");
}

static void write_hex(char hex[SM_SHA256_HEX], const unsigned char *hash) {
  static const char digits[] = "0123456789abcdef";
  for (int i = 0; i < SM_SYSTEM_SHA256; i++) {
    hex[2 * i] = digits[hash[i] >> 4];
    hex[2 * i + 1] = digits[hash[i] & 15];
  }
  hex[SM_SHA256_HEX - 1] = '\0';
}

enum sm_code sm_sha256_of(char hex[SM_SHA256_HEX], const void *bytes,
                          size_t size, struct sm_error *e) {
  struct sm_sha256 hash = {0};
  enum sm_code code = sm_sha256_begin(&hash, e);
  if (code == SM_OK)
    code = sm_sha256_add(&hash, bytes, size, e);
  if (code == SM_OK)
    code = sm_sha256_end(&hash, hex, e);
  sm_sha256_destroy(&hash);
  return code;
}

enum sm_code sm_sha256_begin(struct sm_sha256 *hash, struct sm_error *e) {
  void *context = sm_system_sha256_begin(hash->context);
  if (!context)
    return sm_fail_memory(e);
  hash->context = context;
  return SM_OK;
}

enum sm_code sm_sha256_add(struct sm_sha256 *hash, const void *bytes,
                           size_t size, struct sm_error *e) {
  return sm_system_sha256_add(hash->context, bytes, size) ? SM_OK : fail(e);
}

enum sm_code sm_sha256_end(struct sm_sha256 *hash, char hex[SM_SHA256_HEX],
                           struct sm_error *e) {
  unsigned char bytes[SM_SYSTEM_SHA256];
  if (!sm_system_sha256_end(hash->context, bytes))
    return fail(e);
  write_hex(hex, bytes);
  return SM_OK;
}

void sm_sha256_destroy(struct sm_sha256 *hash) {
  sm_system_sha256_delete(hash->context);
  hash->context = NULL;
}
