#include "em_sign.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "em_codec.h"

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

static int insert(struct em_bytes *file, size_t at, const unsigned char *part,
                  size_t size) {
  unsigned char *longer = realloc(file->data, file->size + size);
  if (!longer)
    return -1;
  memmove(longer + at + size, longer + at, file->size - at);
  memcpy(longer + at, part, size);
  *file = (struct em_bytes){longer, file->size + size};
  return 0;
}

static int sign_png(struct em_bytes *file) {
  unsigned char part[12 + sizeof manifest] = {0, 0, 0, 0, 'c', 'a', 'B', 'X'};
  put(part, sizeof manifest, 1);
  memcpy(part + 8, manifest, sizeof manifest);
  put(part + 8 + sizeof manifest, crc32_of(part + 4, 4 + sizeof manifest), 1);
  return insert(file, 33, part, sizeof part);
}

static int sign_jpeg(struct em_bytes *file) {
  unsigned char part[12 + sizeof manifest] = {
      0xff, 0xeb, 0, sizeof part - 2, 'J', 'P', 0, 1, 0, 0, 0, 1};
  memcpy(part + 12, manifest, sizeof manifest);
  return insert(file, 2, part, sizeof part);
}

static int sign_webp(struct em_bytes *file) {
  unsigned char part[8 + sizeof manifest] = "C2PA";
  put(part + 4, sizeof manifest, 0);
  memcpy(part + 8, manifest, sizeof manifest);
  if (insert(file, file->size, part, sizeof part))
    return -1;
  put(file->data + 4, (uint32_t)(file->size - 8), 0);
  return 0;
}

int em_sign_picture(struct em_bytes *file) {
  const char *type = em_codec_media_type(*file);
  if (type && !strcmp(type, "image/png") && file->size > 33)
    return sign_png(file);
  if (type && !strcmp(type, "image/jpeg"))
    return sign_jpeg(file);
  return type && !strcmp(type, "image/webp") ? sign_webp(file) : 0;
}
