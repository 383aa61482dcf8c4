/* Which driver opens a target, and where the one for a server is found. Apart
 * from sm_db.c, which is a part of that driver's object, too. */
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sm_db.h"
#include "sm_system.h"

#define POSTGRES_OBJECT "postgres.so"

static bool is_url(const char *target) {
  return strncmp(target, "postgresql://", 13) == 0 ||
         strncmp(target, "postgres://", 11) == 0;
}

/* The length of "mysql" in "mysql://host"; 0 of a file. */
static size_t scheme_of(const char *target) {
  size_t length = strspn(target, "abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
  return strncmp(target + length, "://", 3) == 0 ? length : 0;
}

/* "postgresql://me:secret@host/db?password=secret" becomes
 * "postgresql://host/db". A password may hold an @, a host may not. */
static void name_server(char *name, size_t room, const char *target) {
  const char *start = strstr(target, "//") + 2;
  size_t length = strcspn(start, "?");
  const char *host = start;
  for (const char *at = start; at < start + length; at++)
    if (*at == '@')
      host = at + 1;
  (void)snprintf(name, room, "postgresql://%.*s",
                 (int)(length - (size_t)(host - start)), host);
}

/* The object that this code is in has the driver beside it. */
static bool place_beside(char *path, size_t room) {
  char object[PATH_MAX];
  if (!sm_system_object(object, sizeof object) || room < PATH_MAX)
    return false;
  if (!realpath(object, path)) /* a program that was found on PATH */
    memcpy(path, object, sizeof object);
  char *slash = strrchr(path, '/');
  size_t length = slash ? (size_t)(slash + 1 - path) : 0;
  return snprintf(path + length, room - length, POSTGRES_OBJECT) <
         (int)(room - length);
}

#define BUILD_AGAIN "install libpq (Debian: libpq-dev) and build segmind again"

/* Why the file at `path` gave no driver, and what to do. */
static void explain(char *why, size_t room, const char *path, bool is_loaded) {
  const char *trouble = is_loaded ? NULL : dlerror();
  if (access(path, F_OK) != 0)
    (void)snprintf(why, room,
                   "there is no %s: " BUILD_AGAIN
                   ", or say where it is, if the core is linked into a program",
                   path);
  else if (is_loaded)
    (void)snprintf(why, room, "%s is of another build: install both from one",
                   path);
  else
    (void)snprintf(why, room, "it cannot be loaded (%s): " BUILD_AGAIN,
                   trouble ? trouble : path);
}

/* It stays loaded and is never closed: libpq and its TLS library leave handlers
 * behind. */
static sm_db_opener load_postgres(const char *folder, char *why, size_t room) {
  char path[PATH_MAX + sizeof "/" POSTGRES_OBJECT];
  sm_db_opener open = NULL;
  bool is_named = folder ? snprintf(path, sizeof path, "%s/" POSTGRES_OBJECT,
                                    folder) < (int)sizeof path
                         : place_beside(path, sizeof path);
  void *object = is_named ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
  void *entry = object ? dlsym(object, SM_DB_POSTGRES_ENTRY) : NULL;
  if (!entry)
    explain(why, room, is_named ? path : POSTGRES_OBJECT, object != NULL);
  memcpy(&open, &entry, sizeof open); /* POSIX's way to a function */
  return open;
}

static enum sm_db_status open_postgres(struct sm_db *db,
                                       const struct sm_db_options *options,
                                       struct sm_error *e) {
  char why[PATH_MAX + 256];
  sm_db_opener open = load_postgres(options->driver_folder, why, sizeof why);
  name_server(db->name, sizeof db->name, options->target);
  if (open)
    return open(db, options, e);
  return sm_db_fail(db, SM_DB_BROKEN, e,
                    "needs the PostgreSQL driver of this library: %s", why);
}

enum sm_db_status sm_db_open(struct sm_db *db,
                             const struct sm_db_options *options,
                             struct sm_error *e) {
  memset(db, 0, sizeof *db);
  if (is_url(options->target))
    return open_postgres(db, options, e);
  size_t scheme = scheme_of(options->target);
  (void)snprintf(db->name, sizeof db->name, "%.*s",
                 scheme ? (int)scheme + 3 : -1, options->target);
  if (scheme)
    return sm_db_fail(db, SM_DB_BROKEN, e,
                      "cannot be opened: a ledger is a file, or "
                      "postgresql://host/db");
  return sm_db_sqlite_open(db, options, e);
}
