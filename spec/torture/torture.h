/* torture: a scenario again and again, each time with another allocation that
 * fails, in a process of its own.
 *
 * For every N, once with each mode: the Nth allocation fails (and the next one
 * too, where a single failure is made good by a second try), or every one from
 * the Nth on. It ends when a run comes through without having reached its N.
 * What became of the money is read from the emulator's ledger of accepted
 * submits, each run known by its prompt.
 */
#ifndef TORTURE_H
#define TORTURE_H

#include <stdbool.h>
#include <stddef.h>

/* The status with which a run tells that it has left something behind. */
#define TORTURE_LEAK 24

enum torture_mode { TORTURE_ONCE, TORTURE_TWICE, TORTURE_EVER };

/* What a run tells of itself, in memory that its process shares. */
struct torture_tale {
  long allocations;
  bool was_hit;         /* an allocation failed */
  bool has_ended;       /* the scenario came to its end */
  bool is_complete;     /* and every step of it went well */
  bool is_unknown;      /* the submit's outcome was reported as unknown */
  bool is_free;         /* an error said that it was not charged */
  char request_id[136]; /* the last one that was named, "" for none */
};

struct torture_run {
  int number;
  enum torture_mode mode;
  long fail_at;       /* 0: nothing fails */
  const char *url;    /* of the emulator */
  const char *folder; /* for files */
  char key[24];       /* an account of its own */
  char prompt[32];
  struct torture_tale *tale;
};

/* From here on allocations are counted, and fail as the run says. */
void torture_arm(const struct torture_run *run);
void torture_disarm(void);

/* To be asked by each allocator, before it allocates. */
bool torture_may_allocate(void);

/* Runs it all and prints "NAME: R runs, D double, L lost, S silent, C crashes,
 * K leaks". Returns main's status: 0 when the last five are 0.
 *   PROGRAM URL FOLDER      JOBS: processes at a time
 *   PROGRAM URL FOLDER MODE N      one run alone, in this process */
int torture_main(int argc, char **argv, const char *name,
                 const enum torture_mode *modes, size_t mode_count,
                 void (*scenario)(struct torture_run *run));

#endif
