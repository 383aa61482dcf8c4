/* Bodies of any pieces, read in any portions, against an encoder that goes bit
 * by bit. */
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "sm_body.h"

#define MOST_BYTES (1 << 17)

struct wanted {
  char *text;
  size_t size, capacity;
};

static void want(struct wanted *wanted, const void *bytes, size_t size) {
  if (wanted->size + size > wanted->capacity) {
    wanted->capacity = 2 * (wanted->size + size);
    wanted->text = realloc(wanted->text, wanted->capacity);
    if (wanted->text == NULL)
      abort();
  }
  if (size > 0)
    memcpy(wanted->text + wanted->size, bytes, size);
  wanted->size += size;
}

static char digit(unsigned value) {
  if (value < 26)
    return (char)('A' + value);
  if (value < 52)
    return (char)('a' + value - 26);
  if (value < 62)
    return (char)('0' + value - 52);
  return value == 62 ? '+' : '/';
}

static void want_base64(struct wanted *wanted, const uint8_t *bytes,
                        size_t size) {
  for (size_t bit = 0; bit < size * 8; bit += 6) {
    unsigned value = 0;
    for (size_t i = bit; i < bit + 6; i++) {
      unsigned one =
          i / 8 < size ? (unsigned)bytes[i / 8] >> (7 - i % 8) & 1 : 0;
      value = value << 1 | one;
    }
    char c = digit(value);
    want(wanted, &c, 1);
  }
  want(wanted, "==", (3 - size % 3) % 3);
}

static void add_file(struct sm_body *body, const uint8_t *bytes, size_t size) {
  char path[64];
  int fd = memfd_create("picture", 0);
  PROMISE(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
  (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  enum sm_code code = sm_body_add_file(body, path, NULL);
  PROMISE(code == (size > 0 ? SM_OK : SM_IO));
  (void)close(fd);
}

static void add_piece(struct sm_body *body, struct wanted *wanted,
                      struct source *source) {
  uint8_t kind = take_byte(source);
  size_t size = take_number(source, 2) % 300, times = 1;
  /* A few bytes again and again reach over the window of 48 KiB. */
  if (kind & 4)
    times = 1U + take_byte(source);
  uint8_t *bytes = malloc(size * times + 1);
  if (bytes == NULL)
    abort();
  for (size_t i = 0; i < size; i++)
    bytes[i] = take_byte(source);
  for (size_t i = size; i < size * times; i++)
    bytes[i] = bytes[i - size];
  size *= times;
  if (kind % 4 == 0) {
    PROMISE(sm_body_add_text(body, bytes, size, NULL) == SM_OK);
    want(wanted, bytes, size);
  } else if (kind % 4 == 1) {
    add_file(body, bytes, size);
    want_base64(wanted, bytes, size);
  } else {
    PROMISE(sm_body_add_base64(body, bytes, size, NULL) == SM_OK);
    want_base64(wanted, bytes, size);
  }
  free(bytes);
}

static void read_all(struct sm_body *body, const struct wanted *wanted,
                     uint64_t portions) {
  size_t got = 0;
  PROMISE(sm_body_rewind(body, NULL) == SM_OK);
  while (got < wanted->size) {
    portions = portions * 6364136223846793005U + 1442695040888963407U;
    size_t room = 1 + (portions >> 33) % (portions & 1024 ? 7 : 70000);
    char *out = malloc(room);
    if (out == NULL)
      abort();
    PROMISE(!sm_body_is_spent(body));
    size_t n = sm_body_read(body, out, room);
    PROMISE(n != SM_BODY_BROKEN && n > 0 && n <= room);
    PROMISE(n <= wanted->size - got && !memcmp(out, wanted->text + got, n));
    got += n;
    free(out);
  }
  PROMISE(sm_body_is_spent(body));
  PROMISE(sm_body_read(body, &(char){0}, 1) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct source source = {data, size};
  struct wanted wanted = {NULL, 0, 0};
  struct sm_body *body = sm_body_new();
  uint64_t portions = take_number(&source, 2);
  while (source.left > 0 && wanted.size < MOST_BYTES)
    add_piece(body, &wanted, &source);
  PROMISE(sm_body_size(body) == (int64_t)wanted.size);
  read_all(body, &wanted, portions);
  read_all(body, &wanted, portions + 1);
  sm_body_delete(body);
  free(wanted.text);
  return 0;
}
