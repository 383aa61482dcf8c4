/* A folder of its own for each test, which must hold only what the test says at
 * its end: no temporary file outlives a failure. */
#ifndef ONE_FOLDER_H
#define ONE_FOLDER_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

static char folder[64];

static inline const char *in_folder(const char *name) {
  static char paths[4][400];
  static int turn;
  turn = (turn + 1) % 4;
  (void)snprintf(paths[turn], sizeof paths[turn], "%s/%s", folder, name);
  return paths[turn];
}

static inline void enter(void) {
  (void)snprintf(folder, sizeof folder, "/tmp/sm_spec_XXXXXX");
  CHECK(mkdtemp(folder) != NULL);
}

/* Removes the folder and returns how many entries it had. */
static inline int leave(void) {
  int count = 0;
  DIR *dir = opendir(folder);
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    count++;
    CHECK(remove(in_folder(entry->d_name)) == 0);
  }
  (void)closedir(dir);
  CHECK(rmdir(folder) == 0);
  return count;
}

static inline bool holds(const char *path, const void *bytes, size_t size) {
  static char got[1 << 20];
  FILE *file = fopen(path, "rb");
  if (file == NULL)
    return false;
  size_t n = fread(got, 1, sizeof got, file);
  (void)fclose(file);
  return n == size && memcmp(got, bytes, size) == 0;
}

static inline void put(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  CHECK(file != NULL && fwrite(bytes, 1, size, file) == size);
  CHECK(file != NULL && fclose(file) == 0);
}

#endif
