#include "sm_body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sm_disk.h"
#include "sm_system.h"

/* A multiple of 3, so that no group of base64 spans two fillings. */
#define WINDOW_BYTES ((size_t)48 * 1024)

/* A size whose base64 can still be counted, many times over. */
#define SIZE_MOST (INT64_MAX / 64)

enum piece_kind { PIECE_TEXT, PIECE_BASE64, PIECE_FILE };

struct piece {
  enum piece_kind kind;
  unsigned char *bytes; /* owned; NULL for a file */
  int fd;               /* -1 but for a file */
  int64_t size;         /* as it is, before base64 */
  struct timespec changed;
};

/* What encoding needs, made when the first base64 is read: a body of text only
 * does without. Digits go in pairs, by 12 bits: a group of three bytes is two
 * look-ups and two stores, about twice as fast as digit by digit. */
struct encoder {
  char pairs[4096][2];
  unsigned char window[WINDOW_BYTES];
};

struct sm_body {
  struct piece *pieces;
  size_t count, capacity;
  int64_t size;   /* of all that reading gives */
  int64_t handed; /* of it, handed out */
  struct encoder *encoder;
  /* Where reading stands: */
  size_t current;           /* the piece */
  int64_t taken;            /* of its bytes, taken into `raw` */
  const unsigned char *raw; /* the bytes at hand */
  size_t raw_size;
  char quad[4]; /* digits that the caller had no room for */
  unsigned quad_at, quad_size;
};

struct sm_body *sm_body_new(void) {
  return calloc(1, sizeof(struct sm_body));
}

static void close_piece(struct piece *piece) {
  free(piece->bytes);
  if (piece->fd >= 0)
    (void)close(piece->fd);
}

void sm_body_delete(struct sm_body *body) {
  if (body == NULL)
    return;
  for (size_t i = 0; i < body->count; i++)
    close_piece(&body->pieces[i]);
  free(body->pieces);
  free(body->encoder);
  free(body);
}

static enum sm_code make_room(struct sm_body *body, struct sm_error *e) {
  if (body->count < body->capacity)
    return SM_OK;
  size_t capacity = body->capacity > 0 ? body->capacity * 2 : 1;
  if (capacity > SIZE_MAX / sizeof(struct piece))
    return sm_fail_memory(e);
  struct piece *pieces = realloc(body->pieces, capacity * sizeof(struct piece));
  if (pieces == NULL)
    return sm_fail_memory(e);
  body->pieces = pieces;
  body->capacity = capacity;
  return SM_OK;
}

/* Takes the piece in, or closes it. */
static enum sm_code add(struct sm_body *body, struct piece piece,
                        struct sm_error *e) {
  enum sm_code code = make_room(body, e);
  int64_t size = piece.size;
  if (code == SM_OK && size > SIZE_MOST)
    code = sm_fail(e, SM_IO, "too large for a request");
  if (code == SM_OK && piece.kind != PIECE_TEXT)
    size = (size + 2) / 3 * 4;
  if (code == SM_OK && size > SIZE_MOST - body->size)
    code = sm_fail(e, SM_IO, "too large for a request");
  if (code != SM_OK) {
    close_piece(&piece);
    return code;
  }
  body->pieces[body->count++] = piece;
  body->size += size;
  return SM_OK;
}

static enum sm_code add_copy(struct sm_body *body, enum piece_kind kind,
                             const void *bytes, size_t size,
                             struct sm_error *e) {
  if (size == 0)
    return SM_OK;
  if (size > (size_t)SIZE_MOST)
    return sm_fail(e, SM_IO, "too large for a request");
  struct piece piece = {.kind = kind, .fd = -1, .size = (int64_t)size};
  piece.bytes = malloc(size + 1);
  if (piece.bytes == NULL)
    return sm_fail_memory(e);
  memcpy(piece.bytes, bytes, size);
  piece.bytes[size] = '\0';
  return add(body, piece, e);
}

enum sm_code sm_body_add_text(struct sm_body *body, const void *text,
                              size_t size, struct sm_error *e) {
  return add_copy(body, PIECE_TEXT, text, size, e);
}

enum sm_code sm_body_add_base64(struct sm_body *body, const void *bytes,
                                size_t size, struct sm_error *e) {
  return add_copy(body, PIECE_BASE64, bytes, size, e);
}

enum sm_code sm_body_add_file(struct sm_body *body, const char *path,
                              struct sm_error *e) {
  struct stat facts;
  /* O_NONBLOCK: a FIFO without a writer would hold open() for ever. */
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0)
    return sm_fail(e, SM_IO, "cannot open %.300s: %s", path, strerror(errno));
  if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_size <= 0) {
    (void)close(fd);
    return sm_fail(e, SM_IO, "not a regular file, or empty: %.300s", path);
  }
  struct piece piece = {.kind = PIECE_FILE,
                        .fd = fd,
                        .size = facts.st_size,
                        .changed = sm_system_changed(&facts)};
  return add(body, piece, e);
}

int64_t sm_body_size(const struct sm_body *body) { return body->size; }

const char *sm_body_text(const struct sm_body *body, size_t *size) {
  if (body->count != 1 || body->pieces[0].kind != PIECE_TEXT)
    return NULL;
  *size = (size_t)body->pieces[0].size;
  return (const char *)body->pieces[0].bytes;
}

bool sm_body_is_spent(const struct sm_body *body) {
  return body->handed >= body->size;
}

static struct encoder *encoder_new(void) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "abcdefghijklmnopqrstuvwxyz0123456789+/";
  struct encoder *encoder = malloc(sizeof *encoder);
  if (encoder == NULL)
    return NULL;
  for (unsigned i = 0; i < 4096; i++) {
    encoder->pairs[i][0] = digits[i >> 6];
    encoder->pairs[i][1] = digits[i & 63];
  }
  return encoder;
}

static void encode_group(const struct encoder *encoder, char *out,
                         const unsigned char *in) {
  unsigned bits = (unsigned)in[0] << 16 | (unsigned)in[1] << 8 | in[2];
  memcpy(out, encoder->pairs[bits >> 12], 2);
  memcpy(out + 2, encoder->pairs[bits & 4095], 2);
}

/* The last one to three bytes of a piece, padded. */
static void encode_rest(const struct encoder *encoder, char out[4],
                        const unsigned char *in, size_t size) {
  unsigned char group[3] = {0, 0, 0};
  memcpy(group, in, size);
  encode_group(encoder, out, group);
  if (size < 3)
    out[3] = '=';
  if (size < 2)
    out[2] = '=';
}

static bool is_unchanged(const struct piece *piece) {
  struct stat facts;
  if (fstat(piece->fd, &facts) != 0 || facts.st_size != piece->size)
    return false;
  const struct timespec changed = sm_system_changed(&facts);
  return changed.tv_sec == piece->changed.tv_sec &&
         changed.tv_nsec == piece->changed.tv_nsec;
}

/* The next bytes of a file. Whether the file is still the one that was counted
 * is asked before its last bytes are let out: a request whose end was never
 * handed over cannot be taken for a whole one. */
static bool fill_window(struct sm_body *body, const struct piece *piece) {
  int64_t left = piece->size - body->taken;
  size_t size = left < (int64_t)WINDOW_BYTES ? (size_t)left : WINDOW_BYTES;
  size_t got = size;
  unsigned char *window = body->encoder->window;
  if (!sm_disk_read(piece->fd, window, &got, (uint64_t)body->taken) ||
      got < size)
    return false;
  if ((int64_t)size == left && !is_unchanged(piece))
    return false;
  body->raw = window;
  body->raw_size = size;
  body->taken += (int64_t)size;
  return true;
}

/* Brings bytes to hand; at the end of a piece goes on to the next. */
static bool refill(struct sm_body *body) {
  const struct piece *piece = &body->pieces[body->current];
  if (body->taken == piece->size) {
    body->current++;
    body->taken = 0;
    return true;
  }
  if (piece->kind != PIECE_TEXT && body->encoder == NULL &&
      (body->encoder = encoder_new()) == NULL)
    return false;
  if (piece->kind == PIECE_FILE)
    return fill_window(body, piece);
  body->raw = piece->bytes;
  body->raw_size = (size_t)piece->size;
  body->taken = piece->size;
  return true;
}

static void consume(struct sm_body *body, size_t size) {
  body->raw += size;
  body->raw_size -= size;
}

static size_t give_text(struct sm_body *body, char *out, size_t size) {
  size_t n = body->raw_size < size ? body->raw_size : size;
  memcpy(out, body->raw, n);
  consume(body, n);
  return n;
}

static size_t give_quad(struct sm_body *body, char *out, size_t size) {
  size_t n = body->quad_size - body->quad_at;
  if (n > size)
    n = size;
  memcpy(out, body->quad + body->quad_at, n);
  body->quad_at += (unsigned)n;
  return n;
}

/* Whole groups straight into the caller's memory; where the room or the bytes
 * do not make one, a single group into `quad`. */
static size_t give_base64(struct sm_body *body, char *out, size_t size) {
  size_t groups = body->raw_size / 3;
  if (groups > size / 4)
    groups = size / 4;
  for (size_t i = 0; i < groups; i++)
    encode_group(body->encoder, out + 4 * i, body->raw + 3 * i);
  consume(body, groups * 3);
  if (groups > 0)
    return groups * 4;
  size_t rest = body->raw_size < 3 ? body->raw_size : 3;
  encode_rest(body->encoder, body->quad, body->raw, rest);
  consume(body, rest);
  body->quad_at = 0;
  body->quad_size = 4;
  return give_quad(body, out, size);
}

static size_t give(struct sm_body *body, char *out, size_t size) {
  if (body->quad_at < body->quad_size)
    return give_quad(body, out, size);
  if (body->raw_size == 0)
    return 0;
  if (body->pieces[body->current].kind == PIECE_TEXT)
    return give_text(body, out, size);
  return give_base64(body, out, size);
}

size_t sm_body_read(struct sm_body *body, char *out, size_t size) {
  size_t given = 0;
  while (given < size && body->handed < body->size) {
    size_t n = give(body, out + given, size - given);
    if (n == 0 && !refill(body))
      return SM_BODY_BROKEN;
    given += n;
    body->handed += (int64_t)n;
  }
  return given;
}

enum sm_code sm_body_rewind(struct sm_body *body, struct sm_error *e) {
  for (size_t i = 0; i < body->count; i++)
    if (body->pieces[i].kind == PIECE_FILE && !is_unchanged(&body->pieces[i]))
      return sm_fail(e, SM_IO, "a file to be uploaded was changed");
  body->handed = 0;
  body->current = 0;
  body->taken = 0;
  body->raw_size = 0;
  body->quad_at = 0;
  body->quad_size = 0;
  return SM_OK;
}
