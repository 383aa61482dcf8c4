/* sm_system: what differs between Linux, macOS and other POSIX systems.
 *
 * The rest of the core and the binding are POSIX.1-2008 and are compiled with
 * nothing else in sight; no other file asks which system this is. Built with
 * the CMake option SEGMIND_POSIX, Linux takes the variants that ask for POSIX
 * alone, so that they are tested where the tests run.
 */
#ifndef SM_SYSTEM_H
#define SM_SYSTEM_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#define SM_SYSTEM_BOOT 64
#define SM_SYSTEM_SHA256 32

/* -- a bell: a descriptor that is readable from a ring to the next silence --
 */

struct sm_bell {
  int fd;   /* for poll; -1 when not open */
  int ring; /* the same one, or the other end */
};

/* False with errno when there are no more descriptors. */
bool sm_bell_open(struct sm_bell *bell);
void sm_bell_ring(const struct sm_bell *bell);
/* False: it had not been rung. */
bool sm_bell_silence(const struct sm_bell *bell);

/* Does nothing to one that is not open. */
void sm_bell_close(struct sm_bell *bell);

/* -- descriptors ------------------------------------------------------------
 */

/* A socket that is closed in the host's children; -1 with errno. */
int sm_system_socket(int domain, int type, int protocol);

/* What is written to a TCP socket waits for more, until it is let go or a
 * segment is full. False where that cannot be had, or `fd` is not the socket
 * that is bound to this local port. */
bool sm_system_hold(int fd, int local_port);
void sm_system_let_go(int fd);

/* Reads an IPv4 address in each spelling that the resolver takes: 127.1 too. */
bool sm_system_address(struct in_addr *address, const char *text);

/* Whether this may be an end of libcurl's own pair of local sockets, while it
 * holds the byte of a wake: one that would go to the host's children. */
bool sm_system_is_wake_end(int fd);

/* When the content was changed last. */
struct timespec sm_system_changed(const struct stat *facts);

/* Whether a file is on a network's volume. What the system does not tell is
 * taken for a disk of this machine. */
bool sm_system_is_on_network(const char *path);

/* Locks a file until it is closed here, or the process has ended, however that
 * was. False: another has it, or there are no locks that all would see, as on
 * a network's volume. */
bool sm_system_lock(int fd);

/* fsync, through the cache of the disk itself. -1 with errno. */
int sm_system_sync(int fd);

/* Has the bytes of a file on their way to the disk, and waits for nothing: what
 * syncs several files begins with all. Promises nothing. */
void sm_system_sync_begin(int fd);

/* -- memory -----------------------------------------------------------------
 */

/* At most 256 unpredictable bytes; false with errno when the system has none.
 */
bool sm_system_random(void *out, size_t size);

/* Overwrites a secret that is not read again, which a compiler leaves out. */
void sm_system_wipe(void *secret, size_t size);

/* Where `what` begins first; NULL: nowhere. */
void *sm_system_find(const void *in, size_t size, const void *what,
                     size_t length);

/* The same in a text, large and small letters alike. */
const char *sm_system_find_text(const char *in, const char *what);

/* -- threads ----------------------------------------------------------------
 */

/* Makes a condition for sm_system_wait. */
void sm_system_condition(pthread_cond_t *condition);

/* Waits until sm_now_ms is `until_ms`: by the monotonic clock, which nobody
 * sets. Returns what pthread_cond_timedwait does. */
int sm_system_wait(pthread_cond_t *condition, pthread_mutex_t *lock,
                   int64_t until_ms);

/* Lets the calling thread push no other one off its processor when it wakes.
 * Where the system does not offer that or refuses it, nothing happens. */
void sm_system_wait_its_turn(void);

/* -- this program -----------------------------------------------------------
 */

/* The path of the object that this code is in, as it was loaded. */
bool sm_system_object(char *path, size_t room);

/* Keeps that object in memory to the end of the process, whoever unloads it:
 * its threads, and libcurl's, may be running. For when it has been loaded. */
void sm_system_stay(void);

/* -- processes: what sm_owner compares --------------------------------------
 */

/* Which start of this machine this is; "" when the system does not tell. */
void sm_system_boot(char boot[SM_SYSTEM_BOOT]);

/* In which namespace pids are counted; 0 when there is one, or none is told. */
unsigned long long sm_system_namespace(void);

/* When a process of this machine began, in no unit that matters; 0 when the
 * system does not tell. `is_zombie`: it has ended, and is not reaped. */
unsigned long long sm_system_start(long pid, bool *is_zombie);

/* -- SHA-256 by the system's library ----------------------------------------
 */

/* Begins one, or begins `hash` anew. NULL: out of memory; `hash` stays. */
void *sm_system_sha256_begin(void *hash);
bool sm_system_sha256_add(void *hash, const void *bytes, size_t size);
bool sm_system_sha256_end(void *hash, unsigned char out[SM_SYSTEM_SHA256]);
void sm_system_sha256_delete(void *hash);

#endif
