#include "sm_owner.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static void a_running_process_is_not_gone(void) {
  char name[SM_OWNER_NAME], again[SM_OWNER_NAME];
  sm_owner_name(name);
  sm_owner_name(again);
  CHECK(strcmp(name, again) == 0);
  CHECK(!sm_owner_is_gone(name));
}

static void one_that_ended_is_gone_before_it_is_reaped(void) {
  char name[SM_OWNER_NAME] = "";
  int ends[2];
  CHECK(pipe(ends) == 0);
  pid_t pid = fork();
  if (pid == 0) {
    sm_owner_name(name);
    _exit(write(ends[1], name, sizeof name) == sizeof name ? 0 : 1);
  }
  CHECK(read(ends[0], name, sizeof name) == sizeof name);
  siginfo_t facts;
  CHECK(waitid(P_PID, (id_t)pid, &facts, WEXITED | WNOWAIT) == 0);
  CHECK(sm_owner_is_gone(name));
  CHECK(waitpid(pid, NULL, 0) == pid);
  CHECK(sm_owner_is_gone(name));
  close(ends[0]);
  close(ends[1]);
}

/* What cannot be told is not gone. */
static void the_same_pid_may_be_another_process(void) {
  char name[SM_OWNER_NAME], other[SM_OWNER_NAME + 16];
  sm_owner_name(name);
  *strrchr(name, ':') = '\0';
  snprintf(other, sizeof other, "%s:1", name);
  CHECK(sm_owner_is_gone(other));
  snprintf(other, sizeof other, "%s:0", name);
  CHECK(!sm_owner_is_gone(other));
  snprintf(other, sizeof other, "elsewhere%s:1", name);
  CHECK(!sm_owner_is_gone(other));
  CHECK(!sm_owner_is_gone(""));
  CHECK(!sm_owner_is_gone("a:b:c:d"));
}

int main(void) {
  a_running_process_is_not_gone();
  one_that_ended_is_gone_before_it_is_reaped();
  the_same_pid_may_be_another_process();
  return check_report("sm_owner");
}
