#include "sm_buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256

void sm_buf_create(struct sm_buf *buf, size_t ceiling) {
  buf->data = NULL;
  buf->size = 0;
  buf->capacity = 0;
  buf->ceiling = ceiling;
}

void sm_buf_destroy(struct sm_buf *buf) {
  if (buf == NULL)
    return;
  free(buf->data);
  sm_buf_create(buf, buf->ceiling);
}

void sm_buf_shorten(struct sm_buf *buf, size_t size) {
  if (size > buf->size)
    return;
  buf->size = size;
  if (buf->data != NULL)
    buf->data[size] = '\0';
}

void sm_buf_reset(struct sm_buf *buf) { sm_buf_shorten(buf, 0); }

/* Doubles, so that n appends cost O(n), and stops at the ceiling, so that a
 * buffer of 4 MiB never takes 8. `need` counts the NUL. */
static size_t next_capacity(const struct sm_buf *buf, size_t need) {
  size_t most = buf->ceiling < SIZE_MAX ? buf->ceiling + 1 : SIZE_MAX;
  size_t twice = buf->capacity > most / 2 ? most : buf->capacity * 2;
  size_t want = twice > FIRST_CAPACITY ? twice : FIRST_CAPACITY;
  if (want > most)
    want = most;
  return want > need ? want : need;
}

/* Makes room for `size` more bytes and the NUL. */
static enum sm_code reserve(struct sm_buf *buf, size_t size,
                            struct sm_error *e) {
  if (size > buf->ceiling - buf->size || size > SIZE_MAX - 1 - buf->size)
    return sm_fail(e, SM_PROTOCOL, "more than %zu bytes", buf->ceiling);
  size_t need = buf->size + size + 1;
  if (need <= buf->capacity)
    return SM_OK;
  size_t capacity = next_capacity(buf, need);
  char *data = realloc(buf->data, capacity);
  if (data == NULL)
    return sm_fail_memory(e);
  buf->data = data;
  buf->capacity = capacity;
  return SM_OK;
}

enum sm_code sm_buf_append(struct sm_buf *buf, const void *bytes, size_t size,
                           struct sm_error *e) {
  enum sm_code code = reserve(buf, size, e);
  if (code != SM_OK)
    return code;
  if (size > 0)
    memcpy(buf->data + buf->size, bytes, size);
  buf->size += size;
  buf->data[buf->size] = '\0';
  return SM_OK;
}

enum sm_code sm_buf_add_text(struct sm_buf *buf, const char *text,
                             struct sm_error *e) {
  return sm_buf_append(buf, text, strlen(text), e);
}

/* Into the room that is there; what does not fit is written once more. */
enum sm_code sm_buf_vprintf(struct sm_buf *buf, struct sm_error *e,
                            const char *format, va_list args) {
  size_t size = buf->size, room = buf->capacity - size;
  va_list again;
  va_copy(again, args);
  int length =
      vsnprintf(room > 0 ? buf->data + size : NULL, room, format, again);
  va_end(again);
  enum sm_code code =
      length < 0 ? sm_fail(e, SM_INVALID, "text that cannot be formatted")
                 : reserve(buf, (size_t)length, e);
  if (code != SM_OK) {
    sm_buf_shorten(buf, size); /* with its NUL again */
    return code;
  }
  if ((size_t)length >= room)
    (void)vsnprintf(buf->data + size, (size_t)length + 1, format, args);
  buf->size += (size_t)length;
  return SM_OK;
}

enum sm_code sm_buf_printf(struct sm_buf *buf, struct sm_error *e,
                           const char *format, ...) {
  va_list args;
  va_start(args, format);
  enum sm_code code = sm_buf_vprintf(buf, e, format, args);
  va_end(args);
  return code;
}

char *sm_buf_format(const char *format, ...) {
  struct sm_buf buf;
  va_list args;
  va_start(args, format);
  sm_buf_create(&buf, SIZE_MAX - 1);
  (void)sm_buf_vprintf(&buf, NULL, format, args);
  va_end(args);
  return buf.data;
}

void sm_buf_copy_text(char *out, size_t room, const char *text) {
  size_t size = text ? strnlen(text, room - 1) : 0;
  if (size > 0)
    memcpy(out, text, size);
  out[size] = '\0';
}

const char *sm_buf_text(const struct sm_buf *buf) {
  return buf->data != NULL ? buf->data : "";
}

char *sm_buf_take(struct sm_buf *buf, size_t *size) {
  char *data = buf->data;
  size_t taken = buf->size;
  sm_buf_create(buf, buf->ceiling);
  if (size != NULL)
    *size = taken;
  if (taken > 0)
    return data;
  free(data);
  return NULL;
}
