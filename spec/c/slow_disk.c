/* A preload for the specs of a busy host: each write that must reach the disk
 * takes 200 ms, or SLOW_DISK_MS; one by the host's own thread is told. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void rest(void) {
  static const char told[] = "slow_disk: the host waits\n";
  if (getpid() == gettid())
    (void)!write(STDERR_FILENO, told, sizeof told - 1);
  const char *said = getenv("SLOW_DISK_MS");
  long ms = said ? strtol(said, NULL, 10) : 200;
  nanosleep(&(const struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

int fsync(int fd) {
  rest();
  return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
  rest();
  return (int)syscall(SYS_fdatasync, fd);
}
