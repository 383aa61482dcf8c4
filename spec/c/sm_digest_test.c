#include "sm_digest.h"

#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "one_folder.h"
#include "sample_pictures.h"

/* Longer than a piece, and not by a whole number of pieces. */
#define LONG_BYTES (600 * 1024 + 7)

static unsigned char long_jpeg[LONG_BYTES];
static bool is_hash_of(const char *hex, const void *bytes, size_t size) {
  char want[SM_SHA256_HEX];
  return sm_sha256_of(want, bytes, size, NULL) == SM_OK &&
         strcmp(want, hex) == 0;
}

/* Steps to the end; how many steps it took. */
static int run(struct sm_digest *digest, char hex[SM_SHA256_HEX],
               enum sm_code *code) {
  bool is_over = false;
  int steps = 0;
  do {
    steps++;
    *code = sm_digest_step(digest, &is_over, hex, NULL);
  } while (*code == SM_OK && !is_over);
  return steps;
}

static void a_file_is_hashed_in_pieces(void) {
  enter();
  struct sm_digest *digest;
  enum sm_code code;
  char hex[SM_SHA256_HEX];
  put(in_folder("a"), long_jpeg, LONG_BYTES);
  CHECK(sm_digest_new(&digest, in_folder("a"), NULL) == SM_OK);
  CHECK(run(digest, hex, &code) == 4 && code == SM_OK);
  CHECK(is_hash_of(hex, long_jpeg, LONG_BYTES));
  CHECK(sm_digest_facts(digest)->image.format == SM_JPEG);
  CHECK(sm_digest_facts(digest)->size_bytes == LONG_BYTES);
  CHECK(sm_digest_copy(digest) == NULL);
  sm_digest_delete(digest);
  CHECK(leave() == 1);
}

static void what_cannot_be_read_is_told_by_the_first_step(void) {
  enter();
  struct sm_digest *digest;
  enum sm_code code;
  char hex[SM_SHA256_HEX];
  CHECK(sm_digest_new(&digest, in_folder("none"), NULL) == SM_OK);
  CHECK(sm_digest_copy_to(digest, in_folder("b"), false, NULL) == SM_OK);
  CHECK(run(digest, hex, &code) == 1 && code == SM_INVALID);
  CHECK(!sm_digest_is_copy_at_fault(digest));
  sm_digest_delete(digest);
  CHECK(leave() == 0);
}

static void bytes_are_hashed_whatever_they_are(void) {
  struct sm_digest *digest;
  enum sm_code code;
  char hex[SM_SHA256_HEX];
  CHECK(sm_digest_new_of_bytes(&digest, "", 0, NULL) == SM_OK);
  CHECK(run(digest, hex, &code) == 1 && code == SM_OK);
  CHECK(is_hash_of(hex, "", 0));
  sm_digest_delete(digest);
  CHECK(sm_digest_new_of_bytes(&digest, "words", 5, NULL) == SM_OK);
  (void)run(digest, hex, &code);
  CHECK(code == SM_OK && is_hash_of(hex, "words", 5));
  sm_digest_delete(digest);
}

static void bytes_are_saved_under_the_formats_name(void) {
  enter();
  struct sm_digest *digest;
  enum sm_code code;
  struct stat facts;
  char hex[SM_SHA256_HEX];
  CHECK(sm_digest_new_of_bytes(&digest, long_jpeg, LONG_BYTES, NULL) == SM_OK);
  CHECK(sm_digest_copy_to(digest, in_folder("a"), true, NULL) == SM_OK);
  (void)run(digest, hex, &code);
  CHECK(code == SM_OK && is_hash_of(hex, long_jpeg, LONG_BYTES));
  CHECK(strcmp(sm_digest_copy(digest), in_folder("a.jpg")) == 0);
  CHECK(holds(in_folder("a.jpg"), long_jpeg, LONG_BYTES));
  CHECK(stat(in_folder("a.jpg"), &facts) == 0 &&
        (facts.st_mode & 0777) == 0600);
  sm_digest_delete(digest);
  CHECK(leave() == 1);
}

static void bytes_that_are_no_picture_are_not_saved(void) {
  enter();
  struct sm_digest *digest;
  enum sm_code code;
  char hex[SM_SHA256_HEX];
  CHECK(sm_digest_new_of_bytes(&digest, "words", 5, NULL) == SM_OK);
  CHECK(sm_digest_copy_to(digest, in_folder("a"), false, NULL) == SM_OK);
  (void)run(digest, hex, &code);
  CHECK(code == SM_PROTOCOL && sm_digest_is_copy_at_fault(digest));
  sm_digest_delete(digest);
  CHECK(leave() == 0);
}

static struct sm_digest *copy_expecting(const char *from, const char *to,
                                        const char *sha256,
                                        enum sm_code *code) {
  struct sm_digest *digest;
  char hex[SM_SHA256_HEX];
  CHECK(sm_digest_new(&digest, from, NULL) == SM_OK);
  CHECK(sm_digest_copy_to(digest, to, false, NULL) == SM_OK);
  sm_digest_expect(digest, sha256);
  (void)run(digest, hex, code);
  return digest;
}

/* M10. */
static void a_kept_picture_is_checked_on_its_way(void) {
  enter();
  enum sm_code code;
  char hex[SM_SHA256_HEX];
  put(in_folder("kept"), long_jpeg, LONG_BYTES);
  put(in_folder("other"), sample_jpeg, sizeof sample_jpeg);
  CHECK(sm_sha256_of(hex, long_jpeg, LONG_BYTES, NULL) == SM_OK);
  struct sm_digest *digest =
      copy_expecting(in_folder("kept"), in_folder("a.png"), hex, &code);
  CHECK(code == SM_OK && holds(in_folder("a.png"), long_jpeg, LONG_BYTES));
  sm_digest_delete(digest);
  digest = copy_expecting(in_folder("other"), in_folder("a.png"), hex, &code);
  CHECK(code == SM_PROTOCOL && !sm_digest_is_copy_at_fault(digest));
  sm_digest_delete(digest);
  CHECK(holds(in_folder("a.png"), long_jpeg, LONG_BYTES));
  CHECK(leave() == 3);
}

static void a_copy_that_cannot_be_made_says_nothing_of_the_picture(void) {
  enter();
  enum sm_code code;
  char hex[SM_SHA256_HEX];
  put(in_folder("kept"), long_jpeg, LONG_BYTES);
  CHECK(sm_sha256_of(hex, long_jpeg, LONG_BYTES, NULL) == SM_OK);
  CHECK(mkdir(in_folder("a.png"), 0700) == 0);
  struct sm_digest *digest =
      copy_expecting(in_folder("kept"), in_folder("a.png"), hex, &code);
  CHECK(code == SM_IO && sm_digest_is_copy_at_fault(digest));
  sm_digest_delete(digest);
  CHECK(leave() == 2);
}

/* A picture may be kept where it is wanted: it is read to its end before the
 * copy takes its name. */
static void a_picture_may_be_copied_onto_itself(void) {
  enter();
  enum sm_code code;
  char hex[SM_SHA256_HEX];
  put(in_folder("a.jpg"), long_jpeg, LONG_BYTES);
  CHECK(sm_sha256_of(hex, long_jpeg, LONG_BYTES, NULL) == SM_OK);
  struct sm_digest *digest =
      copy_expecting(in_folder("a.jpg"), in_folder("a.jpg"), hex, &code);
  CHECK(code == SM_OK && holds(in_folder("a.jpg"), long_jpeg, LONG_BYTES));
  sm_digest_delete(digest);
  CHECK(leave() == 1);
}

static void one_that_ends_in_the_middle_leaves_nothing(void) {
  enter();
  struct sm_digest *digest;
  bool is_over;
  char hex[SM_SHA256_HEX];
  CHECK(sm_digest_new_of_bytes(&digest, long_jpeg, LONG_BYTES, NULL) == SM_OK);
  CHECK(sm_digest_copy_to(digest, in_folder("a"), false, NULL) == SM_OK);
  CHECK(sm_digest_step(digest, &is_over, hex, NULL) == SM_OK && !is_over);
  sm_digest_delete(digest);
  CHECK(leave() == 0);
}

int main(void) {
  memset(long_jpeg, 'm', sizeof long_jpeg);
  memcpy(long_jpeg, sample_jpeg, sizeof sample_jpeg);
  a_file_is_hashed_in_pieces();
  what_cannot_be_read_is_told_by_the_first_step();
  bytes_are_hashed_whatever_they_are();
  bytes_are_saved_under_the_formats_name();
  bytes_that_are_no_picture_are_not_saved();
  a_kept_picture_is_checked_on_its_way();
  a_copy_that_cannot_be_made_says_nothing_of_the_picture();
  a_picture_may_be_copied_onto_itself();
  one_that_ends_in_the_middle_leaves_nothing();
  return check_report("sm_digest");
}
