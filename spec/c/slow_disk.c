/* A preload for the specs of a busy host: each write that must reach the disk
 * takes 200 ms. */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void rest(void) {
  nanosleep(&(const struct timespec){.tv_nsec = 200 * 1000000}, NULL);
}

int fsync(int fd) {
  rest();
  return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
  rest();
  return (int)syscall(SYS_fdatasync, fd);
}
