#include "em_sign.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ISO 19566-5: a superbox, whose description box says what it is. */
static const unsigned char manifest[] = {
    0,   0,    0,   0x26, 'j',  'u',  'm',  'b', 0,    0,   0,    0x1e, 'j',
    'u', 'm',  'd', 'c',  '2',  'p',  'a',  0,   0x11, 0,   0x10, 0x80, 0,
    0,   0xaa, 0,   0x38, 0x9b, 0x71, 0x03, 'c', '2',  'p', 'a',  0};

static void put(unsigned char *at, uint32_t value, int is_big) {
  for (int i = 0; i < 4; i++)
    at[i] = (unsigned char)(value >> 8 * (is_big ? 3 - i : i));
}

static uint32_t crc32_of(const unsigned char *bytes, size_t size) {
  uint32_t crc = UINT32_MAX;
  for (size_t i = 0; i < size; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++)
      crc = crc & 1 ? 0xedb88320u ^ crc >> 1 : crc >> 1;
  }
  return ~crc;
}

static int insert(unsigned char **data, size_t *size, size_t at,
                  const unsigned char *part, size_t part_size) {
  unsigned char *longer = realloc(*data, *size + part_size);
  if (!longer)
    return -1;
  memmove(longer + at + part_size, longer + at, *size - at);
  memcpy(longer + at, part, part_size);
  *data = longer;
  *size += part_size;
  return 0;
}

static int sign_png(unsigned char **data, size_t *size) {
  unsigned char part[12 + sizeof manifest] = {0, 0, 0, 0, 'c', 'a', 'B', 'X'};
  put(part, sizeof manifest, 1);
  memcpy(part + 8, manifest, sizeof manifest);
  put(part + 8 + sizeof manifest, crc32_of(part + 4, 4 + sizeof manifest), 1);
  return insert(data, size, 33, part, sizeof part);
}

static int sign_jpeg(unsigned char **data, size_t *size) {
  unsigned char part[12 + sizeof manifest] = {
      0xff, 0xeb, 0, sizeof part - 2, 'J', 'P', 0, 1, 0, 0, 0, 1};
  memcpy(part + 12, manifest, sizeof manifest);
  return insert(data, size, 2, part, sizeof part);
}

static int sign_webp(unsigned char **data, size_t *size) {
  unsigned char part[8 + sizeof manifest] = "C2PA";
  put(part + 4, sizeof manifest, 0);
  memcpy(part + 8, manifest, sizeof manifest);
  if (insert(data, size, *size, part, sizeof part))
    return -1;
  put(*data + 4, (uint32_t)(*size - 8), 0);
  return 0;
}

int em_sign_picture(unsigned char **data, size_t *size) {
  if (*size > 33 && memcmp(*data, "\x89PNG", 4) == 0)
    return sign_png(data, size);
  if (*size > 2 && memcmp(*data, "\xff\xd8", 2) == 0)
    return sign_jpeg(data, size);
  if (*size > 12 && memcmp(*data + 8, "WEBP", 4) == 0)
    return sign_webp(data, size);
  return 0;
}
