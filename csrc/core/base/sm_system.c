/* Each system's own calls, which its headers show to those who ask for them. */
#undef _POSIX_C_SOURCE
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier) */

#include "sm_system.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__APPLE__)
#define ON_MACOS
#elif defined(__linux__) && !defined(SEGMIND_POSIX)
#define ON_LINUX
#endif

#ifdef ON_LINUX
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#endif
#ifdef ON_MACOS
#include <CommonCrypto/CommonDigest.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/sysctl.h>
#else
#include <openssl/evp.h>
#endif

/* -- a bell ---------------------------------------------------------------- */

#ifdef ON_LINUX
bool sm_bell_open(struct sm_bell *bell) {
  bell->fd = bell->ring = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return bell->fd >= 0;
}
#else
static bool make_private(int fd) {
  return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
         fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

bool sm_bell_open(struct sm_bell *bell) {
  int ends[2] = {-1, -1};
  bool is_open =
      pipe(ends) == 0 && make_private(ends[0]) && make_private(ends[1]);
  bell->fd = ends[0];
  bell->ring = ends[1];
  if (!is_open)
    sm_bell_close(bell);
  return is_open;
}
#endif

/* Eight bytes: an eventfd takes a number. */
void sm_bell_ring(const struct sm_bell *bell) {
  const uint64_t one = 1;
  while (bell->ring >= 0 && write(bell->ring, &one, sizeof one) < 0 &&
         errno == EINTR)
    ;
}

bool sm_bell_silence(const struct sm_bell *bell) {
  uint64_t rings[32];
  ssize_t got = -1;
  while (bell->fd >= 0 && (got = read(bell->fd, rings, sizeof rings)) < 0 &&
         errno == EINTR)
    ;
  return got > 0;
}

void sm_bell_close(struct sm_bell *bell) {
  int why = errno;
  if (bell->fd >= 0)
    (void)close(bell->fd);
  if (bell->ring >= 0 && bell->ring != bell->fd)
    (void)close(bell->ring);
  bell->fd = bell->ring = -1;
  errno = why;
}

/* -- descriptors ----------------------------------------------------------- */

#ifdef ON_LINUX
int sm_system_socket(int domain, int type, int protocol) {
  return socket(domain, type | SOCK_CLOEXEC, protocol);
}
#else
int sm_system_socket(int domain, int type, int protocol) {
  int fd = socket(domain, type, protocol);
  if (fd >= 0)
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
}
#endif

#ifdef ON_LINUX
static int port_of(int fd) {
  struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
  socklen_t size = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
    return -1;
  if (address.ss_family == AF_INET6)
    return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
  return address.ss_family == AF_INET
             ? ntohs(((struct sockaddr_in *)&address)->sin_port)
             : -1;
}

static bool set_cork(int fd, int is_held) {
  return setsockopt(fd, IPPROTO_TCP, TCP_CORK, &is_held, sizeof is_held) == 0;
}

bool sm_system_hold(int fd, int local_port) {
  return port_of(fd) == local_port && set_cork(fd, 1);
}

void sm_system_let_go(int fd) { (void)set_cork(fd, 0); }
#else
bool sm_system_hold(int fd, int local_port) {
  (void)fd, (void)local_port;
  return false;
}

void sm_system_let_go(int fd) { (void)fd; }
#endif

bool sm_system_address(struct in_addr *address, const char *text) {
  return inet_aton(text, address) != 0;
}

#ifdef ON_LINUX
static bool is_loaded(int fd) {
  int in = 0, out = 0;
  return ioctl(fd, SIOCINQ, &in) == 0 && ioctl(fd, SIOCOUTQ, &out) == 0 &&
         (in == 1 || out > 0);
}
#else
/* Of the end that writes nothing more can be asked. */
static bool is_loaded(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_NONBLOCK) != 0;
}
#endif

bool sm_system_is_wake_end(int fd) {
  struct sockaddr address = {0};
  socklen_t size = sizeof address;
  int flags = fcntl(fd, F_GETFD);
  return flags >= 0 && !(flags & FD_CLOEXEC) &&
         getsockname(fd, &address, &size) == 0 &&
         address.sa_family == AF_UNIX && is_loaded(fd);
}

#ifdef ON_MACOS
struct timespec sm_system_changed(const struct stat *facts) {
  return facts->st_mtimespec;
}

/* fcntl(2): fsync leaves the bytes in the disk's cache. A network's volume
 * does not know the command. */
int sm_system_sync(int fd) {
  return fcntl(fd, F_FULLFSYNC) == 0 ? 0 : fsync(fd);
}
#else
struct timespec sm_system_changed(const struct stat *facts) {
  return facts->st_mtim;
}

int sm_system_sync(int fd) { return fsync(fd); }
#endif

#ifdef ON_LINUX
/* sync_file_range(2): the file system places them all before the first fsync
 * commits its journal, and the others find that done. */
void sm_system_sync_begin(int fd) {
  (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}
#else
void sm_system_sync_begin(int fd) { (void)fd; }
#endif

#if defined(ON_LINUX)
/* statfs(2): NFS, SMB (three of them), AFS, Ceph, Lustre. */
static bool is_of_network(const struct statfs *facts) {
  static const unsigned long shared[] = {0x6969,     0x517b,     0xff534d42,
                                         0xfe534d42, 0x5346414f, 0x00c36400,
                                         0x0bd00bd0};
  for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++)
    if (((unsigned long)facts->f_type & 0xffffffffUL) == shared[i])
      return true;
  return false;
}
#elif defined(ON_MACOS)
static bool is_of_network(const struct statfs *facts) {
  return !(facts->f_flags & MNT_LOCAL);
}
#endif

#if defined(ON_LINUX) || defined(ON_MACOS)
bool sm_system_is_on_network(const char *path) {
  struct statfs facts;
  return statfs(path, &facts) == 0 && is_of_network(&facts);
}

/* flock(2): of the open file, so also against others of this process. */
bool sm_system_lock(int fd) {
  struct statfs facts;
  return fstatfs(fd, &facts) == 0 && !is_of_network(&facts) &&
         flock(fd, LOCK_EX | LOCK_NB) == 0;
}
#else
bool sm_system_is_on_network(const char *path) {
  (void)path;
  return false;
}

bool sm_system_lock(int fd) {
  (void)fd;
  return false;
}
#endif

/* -- memory ---------------------------------------------------------------- */

#if defined(ON_LINUX) || defined(ON_MACOS)
bool sm_system_random(void *out, size_t size) {
  return getentropy(out, size) == 0;
}
#else
bool sm_system_random(void *out, size_t size) {
  int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  size_t got = 0;
  bool is_open = fd >= 0;
  while (is_open && got < size) {
    ssize_t n = read(fd, (char *)out + got, size - got);
    is_open = n > 0 || (n < 0 && errno == EINTR);
    got += n > 0 ? (size_t)n : 0;
  }
  if (fd >= 0)
    (void)close(fd);
  return got == size;
}
#endif

/* What is written through volatile is written. */
void sm_system_wipe(void *secret, size_t size) {
  volatile unsigned char *at = secret;
  while (size-- > 0)
    *at++ = 0;
}

void *sm_system_find(const void *in, size_t size, const void *what,
                     size_t length) {
  return memmem(in, size, what, length);
}

const char *sm_system_find_text(const char *in, const char *what) {
  return strcasestr(in, what);
}

/* -- threads --------------------------------------------------------------- */

#ifdef ON_MACOS
void sm_system_condition(pthread_cond_t *condition) {
  pthread_cond_init(condition, NULL);
}

int sm_system_wait(pthread_cond_t *condition, pthread_mutex_t *lock,
                   int64_t until_ms) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  int64_t left_ms =
      until_ms - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
  if (left_ms <= 0)
    return ETIMEDOUT;
  now.tv_sec = (time_t)(left_ms / 1000);
  now.tv_nsec = (long)(left_ms % 1000) * 1000000;
  return pthread_cond_timedwait_relative_np(condition, lock, &now);
}
#else
void sm_system_condition(pthread_cond_t *condition) {
  pthread_condattr_t clock;
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_cond_init(condition, &clock);
  pthread_condattr_destroy(&clock);
}

int sm_system_wait(pthread_cond_t *condition, pthread_mutex_t *lock,
                   int64_t until_ms) {
  const struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                                 .tv_nsec = (long)(until_ms % 1000) * 1000000};
  return pthread_cond_timedwait(condition, lock, &until);
}
#endif

#ifdef ON_LINUX
/* sched(7). Who has chosen another class knows why. */
void sm_system_wait_its_turn(void) {
  const struct sched_param none = {.sched_priority = 0};
  if (sched_getscheduler(0) == SCHED_OTHER)
    (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
}
#else
void sm_system_wait_its_turn(void) {}
#endif

/* -- this program ---------------------------------------------------------- */

bool sm_system_object(char *path, size_t room) {
  static const char here;
  Dl_info facts;
  if (!dladdr(&here, &facts) || !facts.dli_fname)
    return false;
  return snprintf(path, room, "%s", facts.dli_fname) < (int)room;
}

/* What was opened twice is closed once. Linked into a program, this opens
 * nothing, and need not. */
void sm_system_stay(void) {
  char path[4096];
  if (sm_system_object(path, sizeof path))
    (void)dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
}

/* -- processes ------------------------------------------------------------- */

#ifdef ON_MACOS
void sm_system_boot(char boot[SM_SYSTEM_BOOT]) {
  size_t size = SM_SYSTEM_BOOT;
  if (sysctlbyname("kern.bootsessionuuid", boot, &size, NULL, 0) != 0)
    boot[0] = '\0';
}

unsigned long long sm_system_namespace(void) { return 0; }

unsigned long long sm_system_start(long pid, bool *is_zombie) {
  int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, (int)pid};
  struct kinfo_proc facts = {0};
  size_t size = sizeof facts;
  bool is_there = sysctl(name, 4, &facts, &size, NULL, 0) == 0 && size > 0;
  const struct timeval start = facts.kp_proc.p_starttime;
  *is_zombie = is_there && facts.kp_proc.p_stat == SZOMB;
  return is_there ? (unsigned long long)start.tv_sec * 1000000 +
                        (unsigned long long)start.tv_usec
                  : 0;
}
#else
/* Where a /proc like that of Linux is. */
#define START_FIELD 22 /* of /proc/PID/stat, proc(5) */

static void read_text(const char *path, char *text, size_t room) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t size = fd >= 0 ? read(fd, text, room - 1) : 0;
  text[size > 0 ? size : 0] = '\0';
  if (fd >= 0)
    (void)close(fd);
}

void sm_system_boot(char boot[SM_SYSTEM_BOOT]) {
  read_text("/proc/sys/kernel/random/boot_id", boot, SM_SYSTEM_BOOT);
  boot[strcspn(boot, "\n")] = '\0';
}

unsigned long long sm_system_namespace(void) {
  struct stat facts;
  return stat("/proc/self/ns/pid", &facts) == 0
             ? (unsigned long long)facts.st_ino
             : 0;
}

/* The second field is the program's name in brackets and may hold anything. */
unsigned long long sm_system_start(long pid, bool *is_zombie) {
  char path[64], text[1024];
  (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  read_text(path, text, sizeof text);
  const char *at = strrchr(text, ')');
  *is_zombie = at && at[1] == ' ' && at[2] == 'Z';
  for (int field = 2; at && field < START_FIELD; field++)
    at = strchr(at + 1, ' ');
  return at ? strtoull(at + 1, NULL, 10) : 0;
}
#endif

/* -- SHA-256 --------------------------------------------------------------- */

#ifdef ON_MACOS
#define PIECE ((size_t)1 << 30) /* their lengths have 32 bits */

void *sm_system_sha256_begin(void *hash) {
  CC_SHA256_CTX *context = hash ? hash : malloc(sizeof *context);
  if (context)
    (void)CC_SHA256_Init(context);
  return context;
}

bool sm_system_sha256_add(void *hash, const void *bytes, size_t size) {
  for (const char *at = bytes; size > 0;) {
    size_t piece = size < PIECE ? size : PIECE;
    (void)CC_SHA256_Update(hash, at, (CC_LONG)piece);
    at += piece;
    size -= piece;
  }
  return true;
}

bool sm_system_sha256_end(void *hash, unsigned char out[SM_SYSTEM_SHA256]) {
  return CC_SHA256_Final(out, hash) == 1;
}

void sm_system_sha256_delete(void *hash) { free(hash); }
#else
void *sm_system_sha256_begin(void *hash) {
  EVP_MD_CTX *context = hash ? hash : EVP_MD_CTX_new();
  if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL))
    return context;
  if (!hash)
    EVP_MD_CTX_free(context);
  return NULL;
}

bool sm_system_sha256_add(void *hash, const void *bytes, size_t size) {
  return EVP_DigestUpdate(hash, bytes, size) == 1;
}

bool sm_system_sha256_end(void *hash, unsigned char out[SM_SYSTEM_SHA256]) {
  return EVP_DigestFinal_ex(hash, out, NULL) == 1;
}

void sm_system_sha256_delete(void *hash) { EVP_MD_CTX_free(hash); }
#endif
