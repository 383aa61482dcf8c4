/* sm_buf: a growing byte buffer with a ceiling given at birth.
 *
 * Whatever a server sends ends up in one of these, so none can be made to grow
 * without bound: an append that would pass the ceiling fails and leaves the
 * buffer as it was. The bytes are always followed by a NUL that is not counted,
 * so text needs no second copy.
 */
#ifndef SM_BUF_H
#define SM_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "sm_error.h"

struct sm_buf {
  char *data; /* NULL until the first append */
  size_t size;
  size_t capacity;
  size_t ceiling; /* the most bytes that it will ever hold */
};

void sm_buf_create(struct sm_buf *buf, size_t ceiling);

/* Frees the bytes; the ceiling stays, so the buffer may be used again. */
void sm_buf_destroy(struct sm_buf *buf);

/* Forgets the bytes and keeps the memory. */
void sm_buf_reset(struct sm_buf *buf);

/* Forgets the bytes from `size` on. */
void sm_buf_shorten(struct sm_buf *buf, size_t size);

/* Errors: SM_PROTOCOL past the ceiling, SM_IO without memory. */
enum sm_code sm_buf_append(struct sm_buf *buf, const void *bytes, size_t size,
                           struct sm_error *e);
enum sm_code sm_buf_add_text(struct sm_buf *buf, const char *text,
                             struct sm_error *e);
enum sm_code sm_buf_printf(struct sm_buf *buf, struct sm_error *e,
                           const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum sm_code sm_buf_vprintf(struct sm_buf *buf, struct sm_error *e,
                            const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* A text of its own. NULL: out of memory. Ownership: the caller's, free(). */
char *sm_buf_format(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* As much of a text (NULL: none) as there is room for. */
void sm_buf_copy_text(char *out, size_t room, const char *text);

/* The text, "" when empty. Never NULL. */
const char *sm_buf_text(const struct sm_buf *buf);

/* Hands the bytes to the caller and leaves the buffer empty.
 * Ownership: the caller frees the result with free(); NULL when empty. */
char *sm_buf_take(struct sm_buf *buf, size_t *size);

#endif
