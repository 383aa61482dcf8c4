#include "sm_disk.h"

#include <errno.h>
#include <unistd.h>

#include "sm_system.h"

bool sm_disk_read(int fd, void *out, size_t *size, uint64_t at) {
  size_t got = 0;
  while (got < *size) {
    ssize_t n = pread(fd, (char *)out + got, *size - got, (off_t)(at + got));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return false;
    if (n == 0)
      break;
    got += (size_t)n;
  }
  *size = got;
  return true;
}

bool sm_disk_sync(int fd) {
  int result;
  do
    result = sm_system_sync(fd);
  while (result != 0 && errno == EINTR);
  return result == 0;
}
