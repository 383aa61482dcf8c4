/* The smallest test harness that serves: CHECK counts, check_report prints
 * "name: N passed, M failed" and gives main its exit status. Every failed
 * check names its file, line and condition. One per test program. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>

static int check_passed, check_failed;

#define CHECK(cond)                                                            \
  ((cond) ? (void)check_passed++                                               \
          : (void)(check_failed++, fprintf(stderr, "%s:%d: failed: %s\n",      \
                                           __FILE__, __LINE__, #cond)))

static inline int check_report(const char *name) {
  printf("%s: %d passed, %d failed\n", name, check_passed, check_failed);
  return check_failed ? 1 : 0;
}

#endif
