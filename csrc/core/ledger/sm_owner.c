#include "sm_owner.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sm_system.h"

static void name_home(char *home, size_t size) {
  char boot[SM_SYSTEM_BOOT];
  sm_system_boot(boot);
  (void)snprintf(home, size, "%s:%llu:", boot, sm_system_namespace());
}

void sm_owner_name(char *name) {
  char home[SM_SYSTEM_BOOT + 32];
  bool is_zombie;
  long pid = (long)getpid();
  name_home(home, sizeof home);
  (void)snprintf(name, SM_OWNER_NAME, "%s%ld:%llu", home, pid,
                 sm_system_start(pid, &is_zombie));
}

bool sm_owner_is_gone(const char *name) {
  char home[SM_SYSTEM_BOOT + 32];
  char *end;
  bool is_zombie;
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
  unsigned long long now = sm_system_start(pid, &is_zombie);
  return is_zombie || (now != 0 && now != start);
}
