/* Where the copies of a server's pictures are, and who else may look there. */
#include "sm_ledger_folder.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "one_folder.h"

static const char *folder_of(const char *target) {
  static char text[600];
  char *got = NULL;
  struct sm_error e;
  enum sm_code code = sm_ledger_folder_of(target, &got, &e);
  snprintf(text, sizeof text, "%s", code == SM_OK ? got : e.message);
  free(got);
  return text;
}

static bool are_one(const char *a, const char *b) {
  char first[600];
  snprintf(first, sizeof first, "%s", folder_of(a));
  return strcmp(first, folder_of(b)) == 0;
}

static void the_pictures_of_a_file_are_beside_it(void) {
  CHECK(strcmp(folder_of("/a/edits.db"), "/a/edits.db.files") == 0);
}

static void copies_of_a_servers_are_in_the_users_cache(void) {
  setenv("HOME", "/home/me", 1);
  unsetenv("XDG_CACHE_HOME");
  CHECK(strncmp(folder_of("postgresql://h/db"),
                "/home/me/.cache/segmind/ledger-", 31) == 0);
  setenv("XDG_CACHE_HOME", "/c", 1);
  CHECK(strncmp(folder_of("postgresql://h/db"), "/c/segmind/ledger-", 18) == 0);
  setenv("XDG_CACHE_HOME", "relative", 1);
  CHECK(strncmp(folder_of("postgresql://h/db"), "/home/me/.cache/", 16) == 0);
  unsetenv("HOME");
  CHECK(strstr(folder_of("postgresql://h/db"), "set HOME") != NULL);
}

static void each_database_has_one_whoever_asks(void) {
  setenv("XDG_CACHE_HOME", "/c", 1);
  CHECK(!are_one("postgresql://h/db", "postgresql://h/other"));
  CHECK(!are_one("postgresql://h/db", "postgresql://g/db"));
  CHECK(!are_one("postgresql://h/db", "postgresql://h/db?options=x"));
  CHECK(are_one("postgresql://h/db", "postgresql://me:se@cret@h/db"));
  CHECK(are_one("postgresql://h/db?password=a&x=1",
                "postgresql://h/db?password=other&x=1"));
  CHECK(are_one("postgresql://h/db?x=1&password=a",
                "postgresql://h/db?x=1&password=b"));
}

static void it_is_made_for_its_owner_alone(void) {
  struct stat facts;
  enter();
  CHECK(sm_ledger_folder_make(in_folder("a/b/c"), NULL) == SM_OK);
  CHECK(sm_ledger_folder_make(in_folder("a/b/c"), NULL) == SM_OK);
  CHECK(stat(in_folder("a/b"), &facts) == 0 && (facts.st_mode & 0777) == 0700);
  put(in_folder("a/file"), "x", 1);
  CHECK(sm_ledger_folder_make(in_folder("a/file/c"), NULL) == SM_IO);
  CHECK(remove(in_folder("a/file")) == 0 && rmdir(in_folder("a/b/c")) == 0);
  CHECK(rmdir(in_folder("a/b")) == 0 && leave() == 1);
}

int main(void) {
  the_pictures_of_a_file_are_beside_it();
  copies_of_a_servers_are_in_the_users_cache();
  each_database_has_one_whoever_asks();
  it_is_made_for_its_owner_alone();
  return check_report("sm_ledger_folder");
}
