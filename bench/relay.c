/* relay: a long way to the emulator. Takes connections on a port of its own and
 * hands bytes to and fro, each half a round trip late, in order; the first
 * bytes of a connection a whole round trip later, as a handshake of TCP would.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gauge.h"

#define LINKS 64
#define CHUNKS 256
#define CHUNK_BYTES 65536

struct chunk {
  int64_t due_us;
  size_t at, size;
  char *bytes;
};

struct way {
  int from, to;
  bool is_over; /* nothing more comes */
  struct chunk chunks[CHUNKS];
  unsigned first, count;
  int64_t open_us; /* nothing arrives before */
};

struct link {
  bool is_used;
  struct way ways[2];
};

static struct link links[LINKS];
static int64_t half_us;
static struct sockaddr_in target;

static void die(const char *what) {
  (void)fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void set_up(int fd) {
  int yes = 1;
  (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

static void open_link(int listener) {
  struct link *link = links;
  int near = accept(listener, NULL, NULL);
  while (link < links + LINKS && link->is_used)
    link++;
  int far = socket(AF_INET, SOCK_STREAM, 0);
  if (near < 0 || link == links + LINKS ||
      connect(far, (struct sockaddr *)&target, sizeof target) != 0)
    die("no link");
  set_up(near);
  set_up(far);
  memset(link, 0, sizeof *link);
  link->is_used = true;
  link->ways[0] = (struct way){.from = near, .to = far};
  link->ways[1] = (struct way){.from = far, .to = near};
  link->ways[0].open_us = gauge_wall_us() + 3 * half_us;
}

static void take_in(struct way *way, int64_t now_us) {
  struct chunk *chunk = &way->chunks[(way->first + way->count) % CHUNKS];
  if (way->is_over || way->count == CHUNKS)
    return;
  chunk->bytes = malloc(CHUNK_BYTES);
  ssize_t got = chunk->bytes ? read(way->from, chunk->bytes, CHUNK_BYTES) : -1;
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    free(chunk->bytes);
    return;
  }
  chunk->at = 0;
  chunk->size = got > 0 ? (size_t)got : 0;
  chunk->due_us = now_us + half_us;
  if (chunk->due_us < way->open_us)
    chunk->due_us = way->open_us;
  way->is_over = chunk->size == 0;
  way->count++;
}

/* An empty chunk is the end. */
static void hand_on(struct way *way, int64_t now_us) {
  while (way->count > 0) {
    struct chunk *chunk = &way->chunks[way->first];
    if (chunk->due_us > now_us)
      return;
    if (chunk->size == 0) {
      (void)shutdown(way->to, SHUT_WR);
    } else {
      ssize_t put =
          write(way->to, chunk->bytes + chunk->at, chunk->size - chunk->at);
      if (put < 0 && (errno == EAGAIN || errno == EINTR))
        return;
      chunk->at = put < 0 ? chunk->size : chunk->at + (size_t)put;
      if (chunk->at < chunk->size)
        return;
    }
    free(chunk->bytes);
    way->first = (way->first + 1) % CHUNKS;
    way->count--;
  }
}

static void close_if_over(struct link *link) {
  for (int i = 0; i < 2; i++)
    if (!link->ways[i].is_over || link->ways[i].count > 0)
      return;
  (void)close(link->ways[0].from);
  (void)close(link->ways[1].from);
  link->is_used = false;
}

/* Until something is due; 1 s at the most. */
static struct timespec time_left(int64_t now_us) {
  int64_t next_us = now_us + 1000000;
  for (struct link *link = links; link < links + LINKS; link++)
    for (int i = 0; link->is_used && i < 2; i++) {
      const struct way *way = &link->ways[i];
      if (way->count > 0 && way->chunks[way->first].due_us < next_us)
        next_us = way->chunks[way->first].due_us;
    }
  int64_t left_us = next_us > now_us ? next_us - now_us : 0;
  return (struct timespec){.tv_sec = left_us / 1000000,
                           .tv_nsec = left_us % 1000000 * 1000};
}

static void turn(int listener) {
  struct pollfd fds[2 + 2 * LINKS] = {
      {.fd = listener, .events = POLLIN},
      {.fd = STDIN_FILENO, .events = POLLIN},
  };
  nfds_t count = 2;
  for (struct link *link = links; link < links + LINKS; link++)
    for (int i = 0; link->is_used && i < 2; i++)
      if (!link->ways[i].is_over && link->ways[i].count < CHUNKS)
        fds[count++] = (struct pollfd){link->ways[i].from, POLLIN, 0};
  struct timespec left = time_left(gauge_wall_us());
  (void)ppoll(fds, count, &left, NULL);
  int64_t now_us = gauge_wall_us();
  if (fds[1].revents)
    exit(0);
  for (struct link *link = links; link < links + LINKS; link++) {
    for (int i = 0; link->is_used && i < 2; i++) {
      take_in(&link->ways[i], now_us);
      hand_on(&link->ways[i], now_us);
    }
    if (link->is_used)
      close_if_over(link);
  }
  if (fds[0].revents)
    open_link(listener);
}

static void say_port(int listener, const char *path) {
  struct sockaddr_in own = {0};
  socklen_t size = sizeof own;
  FILE *file = fopen(path, "w");
  if (!file || getsockname(listener, (struct sockaddr *)&own, &size) != 0)
    die(path);
  (void)fprintf(file, "%d\n", ntohs(own.sin_port));
  (void)fclose(file);
}

int main(int argc, char **argv) {
  struct sockaddr_in any = {.sin_family = AF_INET};
  if (argc != 4) {
    puts("usage: relay PORT MILLISECONDS FILE\n\n"
         "Relays to 127.0.0.1:PORT with a round trip of so many milliseconds,\n"
         "writes its own port to FILE, and ends with its standard input.");
    return 2;
  }
  (void)signal(SIGPIPE, SIG_IGN);
  target = any;
  target.sin_port = htons((uint16_t)strtol(argv[1], NULL, 10));
  target.sin_addr.s_addr = any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  half_us = strtol(argv[2], NULL, 10) * 500;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr *)&any, sizeof any) != 0 ||
      listen(listener, LINKS) != 0)
    die("no port");
  set_up(listener);
  say_port(listener, argv[3]);
  for (;;)
    turn(listener);
}
