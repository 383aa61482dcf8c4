/* Each call does what its name says, whichever system's variant was built. */
#include "sm_system.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "sm_timer.h"

static bool is_readable(int fd) {
  struct pollfd wanted = {.fd = fd, .events = POLLIN};
  return poll(&wanted, 1, 0) == 1;
}

static void a_bell_is_readable_from_a_ring_to_the_next_silence(void) {
  struct sm_bell bell;
  CHECK(sm_bell_open(&bell));
  CHECK(!is_readable(bell.fd));
  sm_bell_silence(&bell); /* does not wait */
  sm_bell_ring(&bell);
  sm_bell_ring(&bell);
  CHECK(is_readable(bell.fd));
  sm_bell_silence(&bell);
  CHECK(!is_readable(bell.fd));
  sm_bell_close(&bell);
  CHECK(bell.fd < 0 && bell.ring < 0);
  sm_bell_close(&bell);
}

static void nothing_goes_to_a_child(void) {
  struct sm_bell bell;
  int fd = sm_system_socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(sm_bell_open(&bell));
  CHECK(fcntl(bell.fd, F_GETFD) & FD_CLOEXEC);
  CHECK(fcntl(bell.ring, F_GETFD) & FD_CLOEXEC);
  CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
  CHECK(!sm_system_is_wake_end(fd));
  sm_bell_close(&bell);
  (void)close(fd);
}

static void random_bytes_differ(void) {
  unsigned char one[256] = {0}, other[256] = {0};
  CHECK(sm_system_random(one, sizeof one));
  CHECK(sm_system_random(other, sizeof other));
  CHECK(memcmp(one, other, sizeof one) != 0);
}

static void a_wiped_secret_is_gone(void) {
  char secret[] = "SG_0123456789abcdef";
  static const char nothing[sizeof secret];
  sm_system_wipe(secret, sizeof secret);
  CHECK(memcmp(secret, nothing, sizeof secret) == 0);
}

static void text_is_found(void) {
  static const char text[] = "one Two";
  CHECK(sm_system_find(text, 7, "Two", 3) == text + 4);
  CHECK(!sm_system_find(text, 6, "Two", 3));
  CHECK(sm_system_find_text(text, "tWO") == text + 4);
  CHECK(!sm_system_find_text(text, "three"));
}

static void addresses_are_read_as_the_resolver_reads_them(void) {
  struct in_addr plain, odd;
  CHECK(sm_system_address(&plain, "127.0.0.1"));
  CHECK(sm_system_address(&odd, "0x7f.1"));
  CHECK(plain.s_addr == odd.s_addr);
  CHECK(sm_system_address(&plain, "255.255.255.255"));
  CHECK(!sm_system_address(&plain, "example.com"));
}

static void a_condition_is_waited_for_by_the_monotonic_clock(void) {
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t condition;
  int64_t begun_ms = sm_now_ms();
  sm_system_condition(&condition);
  pthread_mutex_lock(&lock);
  CHECK(sm_system_wait(&condition, &lock, begun_ms - 1) == ETIMEDOUT);
  while (sm_system_wait(&condition, &lock, begun_ms + 20) != ETIMEDOUT)
    ;
  pthread_mutex_unlock(&lock);
  CHECK(sm_now_ms() - begun_ms >= 20);
  pthread_cond_destroy(&condition);
}

static void a_change_of_a_file_has_a_moment(void) {
  struct stat facts = {0};
  char name[] = "/tmp/sm_system_XXXXXX";
  int fd = mkstemp(name);
  CHECK(fd >= 0 && fstat(fd, &facts) == 0);
  CHECK(sm_system_changed(&facts).tv_sec == facts.st_mtime);
  CHECK(sm_system_sync(fd) == 0);
  (void)unlink(name);
  (void)close(fd);
}

#ifdef WRAPS_STATFS
/* The first member of struct statfs, as statfs(2) has it. */
static unsigned long volume;

/* The name is the linker's choice: NOLINTBEGIN(bugprone-reserved-identifier) */
int __wrap_statfs(const char *path, unsigned long *facts);

int __wrap_statfs(const char *path, unsigned long *facts) {
  (void)path;
  *facts = volume;
  return 0;
}
/* NOLINTEND(bugprone-reserved-identifier) */

/* Some kernels give the kind with its sign. */
static void a_volume_of_a_network_is_known(void) {
  static const unsigned long networks[] = {0x6969,     0x517b,     0xff534d42,
                                           0xfe534d42, 0x5346414f, 0x00c36400,
                                           0x0bd00bd0};
  static const unsigned long disks[] = {0xef53, 0x58465342, 0x9123683e,
                                        0x01021994, 0x794c7630};
  for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
    volume = networks[i];
    CHECK(sm_system_is_on_network("edits.db"));
    volume = (unsigned long)(long)(int)networks[i];
    CHECK(sm_system_is_on_network("edits.db"));
  }
  for (size_t i = 0; i < sizeof disks / sizeof *disks; i++) {
    volume = disks[i];
    CHECK(!sm_system_is_on_network("edits.db"));
  }
}
#endif

static void this_process_has_a_start_and_an_object(void) {
  char boot[SM_SYSTEM_BOOT], path[4096];
  bool is_zombie = true;
  sm_system_boot(boot);
  CHECK(strlen(boot) == 36 && !strchr(boot, '\n'));
  CHECK(sm_system_start((long)getpid(), &is_zombie) > 0 && !is_zombie);
  /* A static program is no object that was loaded. */
  CHECK(!sm_system_object(path, sizeof path) || path[0]);
  CHECK(!sm_system_object(path, 2));
  sm_system_stay(); /* in a program: nothing happens */
}

int main(void) {
  a_bell_is_readable_from_a_ring_to_the_next_silence();
  nothing_goes_to_a_child();
  random_bytes_differ();
  a_wiped_secret_is_gone();
  text_is_found();
  addresses_are_read_as_the_resolver_reads_them();
  a_condition_is_waited_for_by_the_monotonic_clock();
  a_change_of_a_file_has_a_moment();
#ifdef WRAPS_STATFS
  a_volume_of_a_network_is_known();
#endif
  this_process_has_a_start_and_an_object();
  return check_report("sm_system");
}
