/* Workers that are stopped: who waits until they have settled, and for how
 * long; and what atexit leaves of those that nobody has stopped. The linker
 * (--wrap, see CMakeLists.txt) leads the core's clock through here. */
#include "sm_worker.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "sm_timer.h"

#define LONG_MS 20000 /* nobody waits so long here */

static int ahead_s; /* the wall clock's, of what its waiters go by */

/* The names are the linker's choice: NOLINTBEGIN(bugprone-reserved-identifier)
 */
int __real_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now);

int __wrap_clock_gettime(clockid_t id, struct timespec *now) {
  int result = __real_clock_gettime(id, now);
  if (id == CLOCK_REALTIME)
    now->tv_sec += ahead_s;
  return result;
}
/* NOLINTEND(bugprone-reserved-identifier) */

struct drain {
  sem_t stopped;
  sem_t may_settle;
  sem_t may_end;
  atomic_bool is_written;
  bool is_released;
};

static void run(void *self) {
  struct drain *drain = self;
  sem_wait(&drain->stopped);
  sem_wait(&drain->may_settle);
  (void)usleep(20000); /* who does not wait is ahead of it */
  atomic_store(&drain->is_written, true);
  sm_worker_is_settled(drain);
  sem_wait(&drain->may_end);
}

static void stop(void *self) {
  struct drain *drain = self;
  sem_post(&drain->stopped);
}

static void release(void *self) {
  struct drain *drain = self;
  drain->is_released = true;
}

static void start(struct drain *drain, bool is_awaited) {
  struct sm_error e;
  const struct sm_worker worker = {.run = run,
                                   .stop = stop,
                                   .release = release,
                                   .self = drain,
                                   .is_awaited = is_awaited};
  sem_init(&drain->stopped, 0, 0);
  sem_init(&drain->may_settle, 0, 0);
  sem_init(&drain->may_end, 0, 0);
  atomic_init(&drain->is_written, false);
  CHECK(sm_worker_start(&worker, &e) == SM_OK);
}

/* It is joined by atexit. */
static void let_end(struct drain *drain) {
  sem_post(&drain->stopped);
  sem_post(&drain->may_settle);
  sem_post(&drain->may_end);
}

static int64_t settle(int64_t most_ms) {
  int64_t since_ms = sm_now_ms();
  sm_worker_settle(most_ms);
  return sm_now_ms() - since_ms;
}

static void one_that_runs_on_is_not_waited_for(void) {
  static struct drain drain;
  start(&drain, true);
  CHECK(settle(LONG_MS) < LONG_MS);
  let_end(&drain);
  sm_worker_stop(&drain);
  sm_worker_settle(LONG_MS);
}

static void one_that_has_nothing_to_finish_is_not_waited_for(void) {
  static struct drain drain;
  start(&drain, false);
  sm_worker_stop(&drain);
  CHECK(settle(LONG_MS) < LONG_MS);
  let_end(&drain);
}

static void one_that_was_stopped_is_waited_for_until_it_has_settled(void) {
  static struct drain drain;
  start(&drain, true);
  sm_worker_stop(&drain);
  sem_post(&drain.may_settle);
  CHECK(settle(LONG_MS) < LONG_MS);
  CHECK(atomic_load(&drain.is_written)); /* and its thread goes on */
  let_end(&drain);
}

static void
one_that_does_not_settle_is_waited_for_so_long(struct drain *drain) {
  start(drain, true);
  sm_worker_stop(drain);
  int64_t took_ms = settle(30);
  CHECK(took_ms >= 25 && took_ms < LONG_MS);
  CHECK(!atomic_load(&drain->is_written));
  let_end(drain);
  sm_worker_settle(LONG_MS);
}

/* A drain each: the thread of the first may still be ending. */
static void the_wall_clock_may_be_set_meanwhile(void) {
  static struct drain set_back, as_it_is;
  ahead_s = -3600;
  one_that_does_not_settle_is_waited_for_so_long(&set_back);
  ahead_s = 0;
  one_that_does_not_settle_is_waited_for_so_long(&as_it_is);
}

static void a_forked_child_waits_for_none_of_its_parents(void) {
  static struct drain drain;
  int status = -1;
  start(&drain, true);
  sm_worker_stop(&drain);
  pid_t pid = fork();
  if (pid == 0)
    _exit(settle(LONG_MS) < LONG_MS ? 0 : 1);
  CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  let_end(&drain);
  sm_worker_settle(LONG_MS);
}

/* -- an exit handler that was registered before ours ------------------------
 */

static struct drain unclosed;

static void expect(bool holds, const char *what) {
  if (holds)
    return;
  (void)fprintf(stderr, "at exit: %s\n", what);
  _exit(1);
}

static void what_is_closed_at_last_is_released_then(void) {
  static struct drain late;
  const struct sm_worker worker = {
      .run = run, .stop = stop, .release = release, .self = &late};
  struct sm_error e;
  expect(atomic_load(&unclosed.is_written), "its thread has not ended");
  expect(!unclosed.is_released, "it is gone before it was closed");
  expect(sm_worker_start(&worker, &e) == SM_IO, "another starts");
  sm_worker_stop(&unclosed);
  expect(unclosed.is_released, "it is closed and not released");
  sm_worker_stop(&unclosed);
}

static void leave_one_unclosed(void) {
  start(&unclosed, false);
  sem_post(&unclosed.may_settle);
  sem_post(&unclosed.may_end);
}

int main(void) {
  struct sm_error e;
  CHECK(atexit(what_is_closed_at_last_is_released_then) == 0);
  CHECK(sm_worker_prepare(&e) == SM_OK);
  one_that_runs_on_is_not_waited_for();
  one_that_has_nothing_to_finish_is_not_waited_for();
  one_that_was_stopped_is_waited_for_until_it_has_settled();
  the_wall_clock_may_be_set_meanwhile();
  a_forked_child_waits_for_none_of_its_parents();
  leave_one_unclosed();
  return check_report("sm_worker");
}
