#include "em_codec.h"

#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* zlib's fastest level but one: on loopback, time counts and bytes do not. */
enum { PNG_LEVEL = 2 };

static pthread_once_t silence_once = PTHREAD_ONCE_INIT;

static void ignore(int priority, const char *format, va_list args) {
  (void)priority, (void)format, (void)args;
}

static void silence(void) { gdSetErrorMethod(ignore); }

static int big(const unsigned char *at) { return at[0] << 8 | at[1]; }

static int little(const unsigned char *at) { return at[1] << 8 | at[0]; }

static int little3(const unsigned char *at) { return at[2] << 16 | little(at); }

static int png_dimensions(struct em_bytes file, int *width, int *height) {
  const unsigned char *data = file.data;
  if (file.size < 24 || memcmp(data + 12, "IHDR", 4) != 0)
    return -1;
  if (big(data + 16) > 0x7fff || big(data + 20) > 0x7fff)
    return -1;
  *width = big(data + 16) << 16 | big(data + 18);
  *height = big(data + 20) << 16 | big(data + 22);
  return 0;
}

static int gif_dimensions(struct em_bytes file, int *width, int *height) {
  const unsigned char *data = file.data;
  if (file.size < 13)
    return -1;
  *width = little(data + 6);
  *height = little(data + 8);
  return 0;
}

static int is_frame_header(int marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
         marker != 0xcc;
}

/* Walks the segments, as a decoder would, up to the frame header. */
static int jpeg_dimensions(struct em_bytes file, int *width, int *height) {
  const unsigned char *data = file.data;
  size_t at = 2;
  while (at + 9 <= file.size && data[at] == 0xff) {
    if (is_frame_header(data[at + 1])) {
      *height = big(data + at + 5);
      *width = big(data + at + 7);
      return 0;
    }
    /* Any number of 0xff may stand before a marker. */
    at += data[at + 1] == 0xff ? 1 : 2 + (size_t)big(data + at + 2);
  }
  return -1;
}

static int webp_dimensions(struct em_bytes file, int *width, int *height) {
  const unsigned char *data = file.data;
  if (file.size < 30)
    return -1;
  if (memcmp(data + 12, "VP8 ", 4) == 0) {
    *width = little(data + 26) & 0x3fff;
    *height = little(data + 28) & 0x3fff;
  } else if (memcmp(data + 12, "VP8L", 4) == 0) {
    int low = little3(data + 21), high = data[24];
    *width = (low & 0x3fff) + 1;
    *height = ((low >> 14 | high << 10) & 0x3fff) + 1;
  } else if (memcmp(data + 12, "VP8X", 4) == 0) {
    *width = little3(data + 24) + 1;
    *height = little3(data + 27) + 1;
  } else {
    return -1;
  }
  return 0;
}

struct format {
  const char *media_type;
  size_t at; /* where its magic bytes stand, and which they are */
  const char *magic;
  int (*dimensions)(struct em_bytes file, int *width, int *height);
  gdImagePtr (*read)(int size, void *data);
};

static const struct format formats[] = {
    {"image/png", 0, "\x89PNG\r\n\x1a\n", png_dimensions,
     gdImageCreateFromPngPtr},
    {"image/jpeg", 0, "\xff\xd8\xff", jpeg_dimensions,
     gdImageCreateFromJpegPtr},
    {"image/gif", 0, "GIF87a", gif_dimensions, gdImageCreateFromGifPtr},
    {"image/gif", 0, "GIF89a", gif_dimensions, gdImageCreateFromGifPtr},
    {"image/webp", 8, "WEBP", webp_dimensions, gdImageCreateFromWebpPtr},
};

static const struct format *format_of(struct em_bytes file) {
  for (size_t i = 0; file.data && i < sizeof formats / sizeof *formats; i++) {
    const struct format *format = &formats[i];
    size_t length = strlen(format->magic);
    if (file.size >= format->at + length &&
        !memcmp(file.data + format->at, format->magic, length) &&
        (format->at == 0 || !memcmp(file.data, "RIFF", 4)))
      return format;
  }
  return NULL;
}

const char *em_codec_media_type(struct em_bytes file) {
  const struct format *format = format_of(file);
  return format ? format->media_type : NULL;
}

int em_codec_dimensions(struct em_bytes file, int *width, int *height) {
  const struct format *format = format_of(file);
  if (!format || format->dimensions(file, width, height) != 0)
    return -1;
  return *width > 0 && *height > 0 ? 0 : -1;
}

static gdImagePtr refuse(struct em_error *error, const char *text) {
  em_fail(error, "%s", text);
  return NULL;
}

gdImagePtr em_codec_decode(struct em_bytes file, struct em_error *error) {
  int width, height;
  const struct format *format = format_of(file);
  if (!format)
    return refuse(error, "not a PNG, JPEG, GIF or WebP picture");
  if (file.size > INT_MAX)
    return refuse(error, "the file is too large");
  if (em_codec_dimensions(file, &width, &height) != 0)
    return refuse(error, "the picture's header cannot be read");
  if ((long long)width * height > EM_CODEC_MAX_PIXELS)
    return refuse(error, "the picture has more than 40 megapixels");
  pthread_once(&silence_once, silence);
  gdImagePtr image = format->read((int)file.size, file.data);
  if (!image)
    return refuse(error, "the picture is damaged");
  if (!gdImageTrueColor(image) && !gdImagePaletteToTrueColor(image)) {
    gdImageDestroy(image);
    return refuse(error, "out of memory");
  }
  return image;
}

/* NULL, too, for another format. */
static void *write_picture(gdImagePtr image, const char *format, int quality,
                           int *size) {
  quality = quality < 0 ? 0 : quality > 100 ? 100 : quality;
  if (strcmp(format, "png") == 0)
    return gdImagePngPtrEx(image, size, PNG_LEVEL);
  if (strcmp(format, "jpg") == 0)
    return gdImageJpegPtr(image, size, quality);
  return strcmp(format, "webp") ? NULL : gdImageWebpPtrEx(image, size, quality);
}

struct em_bytes em_codec_encode(gdImagePtr image, const char *format,
                                int quality, struct em_error *error) {
  int length = 0;
  pthread_once(&silence_once, silence);
  void *made = write_picture(image, format, quality, &length);
  /* Copied, since libgd may have an allocator of its own. */
  struct em_bytes file = {made && length > 0 ? malloc((size_t)length) : NULL,
                          (size_t)length};
  if (file.data)
    memcpy(file.data, made, file.size);
  else
    em_fail(error, "the picture could not be encoded");
  gdFree(made);
  return file;
}

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

int em_codec_sign(struct em_bytes *file) {
  enum { SIZE = sizeof manifest };
  unsigned char png[12 + SIZE] = {0, 0, 0, SIZE, 'c', 'a', 'B', 'X'};
  unsigned char jpeg[12 + SIZE] = {0xff, 0xeb, 0, 10 + SIZE, 'J', 'P',
                                   0,    1,    0, 0,         0,   1};
  unsigned char webp[8 + SIZE] = {'C', '2', 'P', 'A', SIZE};
  const char *type = em_codec_media_type(*file);
  memcpy(png + 8, manifest, SIZE);
  put(png + 8 + SIZE, crc32_of(png + 4, 4 + SIZE), 1);
  memcpy(jpeg + 12, manifest, SIZE);
  memcpy(webp + 8, manifest, SIZE);
  if (type && !strcmp(type, "image/png") && file->size > 33)
    return insert(file, 33, png, sizeof png);
  if (type && !strcmp(type, "image/jpeg"))
    return insert(file, 2, jpeg, sizeof jpeg);
  if (!type || strcmp(type, "image/webp") != 0)
    return 0;
  if (insert(file, file->size, webp, sizeof webp))
    return -1;
  put(file->data + 4, (uint32_t)(file->size - 8), 0);
  return 0;
}
