#include "sm_body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

/* A file of its own for each test, gone when the test is. */
struct scratch {
  char path[64];
};

static void put_file(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  CHECK(file != NULL && fwrite(bytes, 1, size, file) == size);
  CHECK(file != NULL && fclose(file) == 0);
}

static void scratch_create(struct scratch *scratch, const void *bytes,
                           size_t size) {
  (void)snprintf(scratch->path, sizeof scratch->path, "/tmp/sm_body_XXXXXX");
  int fd = mkstemp(scratch->path);
  CHECK(fd >= 0 && close(fd) == 0);
  put_file(scratch->path, bytes, size);
}

/* Digit by digit, as RFC 4648 says it: what the encoder is held against. */
static size_t plain_base64(char *out, const unsigned char *in, size_t size) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
                               "uvwxyz0123456789+/";
  size_t at = 0;
  for (size_t i = 0; i < size; i += 3) {
    unsigned bits = (unsigned)in[i] << 16;
    bits |= i + 1 < size ? (unsigned)in[i + 1] << 8 : 0;
    bits |= i + 2 < size ? in[i + 2] : 0;
    out[at++] = digits[bits >> 18];
    out[at++] = digits[bits >> 12 & 63];
    out[at++] = i + 1 < size ? digits[bits >> 6 & 63] : '=';
    out[at++] = i + 2 < size ? digits[bits & 63] : '=';
  }
  return at;
}

static void fill(unsigned char *bytes, size_t size) {
  unsigned state = 12345;
  for (size_t i = 0; i < size; i++) {
    state = state * 1664525 + 1013904223;
    bytes[i] = (unsigned char)(state >> 24);
  }
}

/* All of a body, asked for `step` bytes at a time. */
static size_t read_all(struct sm_body *body, char *out, size_t room,
                       size_t step) {
  size_t got = 0;
  while (got < room) {
    size_t ask = step < room - got ? step : room - got;
    CHECK(sm_body_is_spent(body) == ((int64_t)got == sm_body_size(body)));
    size_t n = sm_body_read(body, out + got, ask);
    if (n == SM_BODY_BROKEN)
      return n;
    if (n == 0)
      break;
    got += n;
  }
  return got;
}

static void every_read_size_gives_the_same_bytes(void) {
  unsigned char bytes[700];
  char want[2600], got[2700];
  struct scratch scratch;
  fill(bytes, sizeof bytes);
  scratch_create(&scratch, bytes, 500);
  for (size_t step = 1; step <= 100; step++) {
    for (size_t cut = 0; cut < 4; cut++) {
      struct sm_body *body = sm_body_new();
      CHECK(sm_body_add_text(body, "{\"a\":\"", 6, NULL) == SM_OK);
      CHECK(sm_body_add_base64(body, bytes, 600 + cut, NULL) == SM_OK);
      CHECK(sm_body_add_text(body, "\",\"b\":\"", 7, NULL) == SM_OK);
      CHECK(sm_body_add_file(body, scratch.path, NULL) == SM_OK);
      CHECK(sm_body_add_text(body, "\"}", 2, NULL) == SM_OK);
      size_t size = 6;
      memcpy(want, "{\"a\":\"", 6);
      size += plain_base64(want + size, bytes, 600 + cut);
      memcpy(want + size, "\",\"b\":\"", 7);
      size += 7;
      size += plain_base64(want + size, bytes, 500);
      memcpy(want + size, "\"}", 2);
      size += 2;
      CHECK(sm_body_size(body) == (int64_t)size);
      CHECK(read_all(body, got, sizeof got, step) == size);
      CHECK(memcmp(got, want, size) == 0);
      CHECK(sm_body_is_spent(body) && sm_body_read(body, got, 9) == 0);
      sm_body_delete(body);
    }
  }
  (void)unlink(scratch.path);
}

static void a_file_over_many_windows_comes_whole(void) {
  const size_t size = 300001;
  unsigned char *bytes = malloc(size);
  char *want = malloc(size * 2), *got = malloc(size * 2);
  struct scratch scratch;
  fill(bytes, size);
  scratch_create(&scratch, bytes, size);
  struct sm_body *body = sm_body_new();
  CHECK(sm_body_add_file(body, scratch.path, NULL) == SM_OK);
  CHECK(sm_body_add_file(body, scratch.path, NULL) == SM_OK);
  size_t length = plain_base64(want, bytes, size);
  for (int round = 0; round < 2; round++) {
    CHECK(read_all(body, got, length, 16384) == length);
    CHECK(memcmp(got, want, length) == 0 && !sm_body_is_spent(body));
    CHECK(sm_body_read(body, got, length) == length);
    CHECK(memcmp(got, want, length) == 0 && sm_body_is_spent(body));
    CHECK(sm_body_rewind(body, NULL) == SM_OK && !sm_body_is_spent(body));
  }
  sm_body_delete(body);
  (void)unlink(scratch.path);
  free(bytes);
  free(want);
  free(got);
}

static void one_and_two_bytes_are_padded(void) {
  char got[16];
  for (size_t size = 0; size <= 4; size++) {
    static const char *const want[] = {"", "TQ==", "TWE=", "TWFu", "TWFuTQ=="};
    struct sm_body *body = sm_body_new();
    CHECK(sm_body_add_base64(body, "ManM", size, NULL) == SM_OK);
    size_t n = sm_body_read(body, got, sizeof got);
    CHECK(n == strlen(want[size]) && memcmp(got, want[size], n) == 0);
    sm_body_delete(body);
  }
}

static void a_body_is_spent_only_with_its_last_byte(void) {
  char got[8];
  struct sm_body *body = sm_body_new();
  sm_body_add_text(body, "ab", 2, NULL);
  sm_body_add_base64(body, "M", 1, NULL);
  CHECK(sm_body_read(body, got, 5) == 5 && !sm_body_is_spent(body));
  CHECK(sm_body_read(body, got, 0) == 0 && !sm_body_is_spent(body));
  CHECK(sm_body_read(body, got, 5) == 1 && sm_body_is_spent(body));
  sm_body_delete(body);
}

/* Whatever is done to the file after it was counted, the end is not sent. */
static void break_with(const void *bytes, size_t size) {
  static unsigned char original[100000];
  static char got[200000];
  struct scratch scratch;
  struct sm_error e;
  fill(original, sizeof original);
  scratch_create(&scratch, original, sizeof original);
  struct sm_body *body = sm_body_new();
  sm_body_add_text(body, "{", 1, NULL);
  CHECK(sm_body_add_file(body, scratch.path, NULL) == SM_OK);
  sm_body_add_text(body, "}", 1, NULL);
  CHECK(sm_body_read(body, got, 1000) == 1000);
  put_file(scratch.path, bytes, size);
  CHECK(read_all(body, got, sizeof got, 16384) == SM_BODY_BROKEN);
  CHECK(!sm_body_is_spent(body));
  CHECK(sm_body_rewind(body, &e) == SM_IO);
  sm_body_delete(body);
  (void)unlink(scratch.path);
}

static void a_file_that_shrinks_breaks_the_body(void) {
  static unsigned char bytes[99999];
  break_with(bytes, sizeof bytes);
  break_with(bytes, 0);
}

static void a_file_that_grows_breaks_the_body(void) {
  static unsigned char bytes[100001];
  break_with(bytes, sizeof bytes);
}

static void a_file_that_is_written_to_breaks_the_body(void) {
  static unsigned char bytes[100000];
  break_with(bytes, sizeof bytes);
}

static void only_files_with_bytes_are_taken(void) {
  struct scratch scratch;
  struct sm_error e;
  struct sm_body *body = sm_body_new();
  scratch_create(&scratch, "", 0);
  CHECK(sm_body_add_file(body, scratch.path, &e) == SM_IO);
  CHECK(sm_body_add_file(body, "/tmp", &e) == SM_IO);
  CHECK(sm_body_add_file(body, "/dev/zero", &e) == SM_IO);
  (void)unlink(scratch.path);
  CHECK(sm_body_add_file(body, scratch.path, &e) == SM_IO);
  CHECK(strstr(e.message, scratch.path) != NULL);
  CHECK(mkfifo(scratch.path, 0600) == 0);
  CHECK(sm_body_add_file(body, scratch.path, &e) == SM_IO);
  (void)unlink(scratch.path);
  CHECK(sm_body_size(body) == 0);
  sm_body_delete(body);
  sm_body_delete(NULL);
}

int main(void) {
  every_read_size_gives_the_same_bytes();
  a_file_over_many_windows_comes_whole();
  one_and_two_bytes_are_padded();
  a_body_is_spent_only_with_its_last_byte();
  a_file_that_shrinks_breaks_the_body();
  a_file_that_grows_breaks_the_body();
  a_file_that_is_written_to_breaks_the_body();
  only_files_with_bytes_are_taken();
  return check_report("sm_body");
}
