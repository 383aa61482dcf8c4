#include "sm_owner.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOOT_ID 36
#define START_FIELD 22 /* of /proc/PID/stat, proc(5) */

static void read_boot(char *boot) {
  FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
  boot[0] = '\0';
  if (!file)
    return;
  size_t size = fread(boot, 1, BOOT_ID, file);
  boot[size] = '\0';
  (void)fclose(file);
}

static unsigned long long pid_namespace(void) {
  struct stat facts;
  return stat("/proc/self/ns/pid", &facts) == 0
             ? (unsigned long long)facts.st_ino
             : 0;
}

/* When a process began, in ticks after the boot; 0 when that cannot be read.
 * The second field is the program's name in brackets and may hold anything. */
static unsigned long long start_of(long pid, char *state) {
  char path[64], text[1024];
  *state = '?';
  (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  FILE *file = fopen(path, "re");
  if (!file)
    return 0;
  size_t size = fread(text, 1, sizeof text - 1, file);
  text[size] = '\0';
  (void)fclose(file);
  const char *at = strrchr(text, ')');
  if (at && at[1] == ' ')
    *state = at[2];
  for (int field = 2; at && field < START_FIELD; field++)
    at = strchr(at + 1, ' ');
  return at ? strtoull(at + 1, NULL, 10) : 0;
}

static void name_home(char *home, size_t size) {
  char boot[BOOT_ID + 1];
  read_boot(boot);
  (void)snprintf(home, size, "%s:%llu:", boot, pid_namespace());
}

void sm_owner_name(char *name) {
  char home[80], state;
  long pid = (long)getpid();
  name_home(home, sizeof home);
  (void)snprintf(name, SM_OWNER_NAME, "%s%ld:%llu", home, pid,
                 start_of(pid, &state));
}

bool sm_owner_is_gone(const char *name) {
  char home[80], state;
  char *end;
  name_home(home, sizeof home);
  size_t length = strlen(home);
  if (home[0] == ':' || strncmp(name, home, length) != 0)
    return false;
  long pid = strtol(name + length, &end, 10);
  if (pid <= 0 || *end != ':')
    return false;
  unsigned long long start = strtoull(end + 1, NULL, 10);
  if (start == 0)
    return false;
  if (kill((pid_t)pid, 0) != 0 && errno == ESRCH)
    return true;
  unsigned long long now = start_of(pid, &state);
  return state == 'Z' || (now != 0 && now != start);
}
