/* sm_disk: calls on an open file that are carried through.
 *
 * A signal may interrupt them and a read may bring less than was asked for;
 * here they go on until all is done or cannot be. What the bytes are and what
 * to say of a failure is the caller's: errno has the reason.
 */
#ifndef SM_DISK_H
#define SM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What stands at `at`, `*size` bytes at most; fewer at the end of the file. */
bool sm_disk_read(int fd, void *out, size_t *size, uint64_t at);

/* Of a file, or of a folder the names in it. */
bool sm_disk_sync(int fd);

#endif
