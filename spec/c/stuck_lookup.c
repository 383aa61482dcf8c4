/* A preload for the lifetime specs: every name look-up hangs for ten seconds,
 * as it does where packets to the name server are dropped. Nothing of the real
 * resolver is reached. */
#include <netdb.h>
#include <time.h>

int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints,
                struct addrinfo **restrict result) {
  struct timespec rest = {.tv_sec = 10};
  (void)node;
  (void)service;
  (void)hints;
  (void)result;
  nanosleep(&rest, NULL);
  return EAI_AGAIN;
}
