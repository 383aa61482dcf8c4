#include "sm_ledger_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sm_buf.h"
#include "sm_file.h"
#include "sm_sha256.h"

#define HASH_CHARS 16

/* https://specifications.freedesktop.org/basedir-spec/latest/ */
static char *cache_folder(void) {
  const char *cache = getenv("XDG_CACHE_HOME");
  const char *home = getenv("HOME");
  if (cache && cache[0] == '/')
    return strdup(cache);
  return home && home[0] == '/' ? sm_buf_format("%s/.cache", home) : NULL;
}

/* The length of a secret that begins there: a password among the parameters. */
static size_t secret_at(const char *url, const char *at) {
  bool begins = at > url && (at[-1] == '?' || at[-1] == '&');
  return begins && strncmp(at, "password=", 9) == 0 ? strcspn(at, "&") : 0;
}

/* What names a database: its URL without who asks, and his secrets. */
static char *name_of(const char *url) {
  const char *start = strstr(url, "://") + 3;
  size_t authority = strcspn(start, "/?");
  char *name = malloc(strlen(start) + 1);
  if (!name)
    return NULL;
  for (size_t i = 0; i < authority; i++)
    if (start[i] == '@')
      url = start + i + 1;
  char *end = name;
  for (const char *at = url > start ? url : start; *at; at++) {
    at += secret_at(start, at);
    if (!*at)
      break;
    *end++ = *at;
  }
  *end = '\0';
  return name;
}

static enum sm_code folder_of_server(const char *url, char **folder,
                                     struct sm_error *e) {
  char hex[SM_SHA256_HEX];
  char *cache = cache_folder();
  if (!cache)
    return sm_fail(e, SM_LEDGER,
                   "there is no folder for copies of the ledger's pictures: "
                   "set HOME or XDG_CACHE_HOME");
  char *name = name_of(url);
  enum sm_code code =
      name ? sm_sha256_of(hex, name, strlen(name), e) : sm_fail_memory(e);
  free(name);
  if (code == SM_OK)
    *folder = sm_buf_format("%s/segmind/ledger-%.*s", cache, HASH_CHARS, hex);
  free(cache);
  return code == SM_OK && !*folder ? sm_fail_memory(e) : code;
}

enum sm_code sm_ledger_folder_of(const char *target, char **folder,
                                 struct sm_error *e) {
  if (strstr(target, "://"))
    return folder_of_server(target, folder, e);
  *folder = sm_buf_format("%s.files", target);
  return *folder ? SM_OK : sm_fail_memory(e);
}

enum sm_code sm_ledger_folder_make(const char *folder, struct sm_error *e) {
  char *path = strdup(folder);
  if (!path)
    return sm_fail_memory(e);
  enum sm_code code = SM_OK;
  for (char *slash = path;
       code == SM_OK && (slash = strchr(slash + 1, '/')) != NULL;) {
    *slash = '\0';
    code = sm_file_folder(path, e);
    *slash = '/';
  }
  if (code == SM_OK)
    code = sm_file_folder(path, e);
  free(path);
  return code;
}
