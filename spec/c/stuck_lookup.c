/* A preload for the lifetime specs: every name look-up hangs for ten seconds,
 * as it does where packets to the name server are dropped. The file named by
 * STUCK_NOTE appears when one has begun. */
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints,
                struct addrinfo **restrict result) {
  const struct timespec rest = {.tv_sec = 10};
  const char *note = getenv("STUCK_NOTE");
  int fd = note ? open(note, O_CREAT | O_WRONLY | O_CLOEXEC, 0600) : -1;
  (void)node;
  (void)service;
  (void)hints;
  (void)result;
  if (fd >= 0)
    close(fd);
  nanosleep(&rest, NULL);
  return EAI_AGAIN;
}
