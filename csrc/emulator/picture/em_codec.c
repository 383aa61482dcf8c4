#include "em_codec.h"

#include "em_png.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* zlib's fastest level but one: the emulator's clients wait for pictures, and
 * on loopback nobody pays for bytes. */
enum { PNG_LEVEL = 2 };

enum { DEEPEST_JPEG_HEADER = 1000 };

static pthread_once_t silence_once = PTHREAD_ONCE_INIT;

static void ignore(int priority, const char *format, va_list args) {
  (void)priority, (void)format, (void)args;
}

static void silence(void) { gdSetErrorMethod(ignore); }

static int big(const unsigned char *at) { return at[0] << 8 | at[1]; }

static int little(const unsigned char *at) { return at[1] << 8 | at[0]; }

static int little3(const unsigned char *at) { return at[2] << 16 | little(at); }

static int starts(const unsigned char *data, size_t size, const char *magic,
                  size_t length) {
  return size >= length && memcmp(data, magic, length) == 0;
}

const char *em_codec_media_type(const unsigned char *data, size_t size) {
  if (!data)
    return NULL;
  if (starts(data, size, "\x89PNG\r\n\x1a\n", 8))
    return "image/png";
  if (starts(data, size, "\xff\xd8\xff", 3))
    return "image/jpeg";
  if (starts(data, size, "GIF87a", 6) || starts(data, size, "GIF89a", 6))
    return "image/gif";
  if (size >= 12 && starts(data, size, "RIFF", 4) &&
      memcmp(data + 8, "WEBP", 4) == 0)
    return "image/webp";
  return NULL;
}

static int png_dimensions(const unsigned char *data, size_t size, int *width,
                          int *height) {
  if (size < 24 || memcmp(data + 12, "IHDR", 4) != 0)
    return -1;
  if (big(data + 16) > 0x7fff || big(data + 20) > 0x7fff)
    return -1;
  *width = big(data + 16) << 16 | big(data + 18);
  *height = big(data + 20) << 16 | big(data + 22);
  return 0;
}

static int gif_dimensions(const unsigned char *data, size_t size, int *width,
                          int *height) {
  if (size < 13)
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
static int jpeg_dimensions(const unsigned char *data, size_t size, int *width,
                           int *height) {
  size_t at = 2;
  for (int segment = 0; segment < DEEPEST_JPEG_HEADER; segment++) {
    while (at < size && data[at] != 0xff)
      at++;
    while (at < size && data[at] == 0xff)
      at++;
    if (size < 9 || at >= size - 8)
      return -1;
    int marker = data[at++];
    if (marker == 0 || marker == 1 || (marker >= 0xd0 && marker <= 0xd8))
      continue;
    if (marker == 0xda || marker == 0xd9)
      return -1;
    if (is_frame_header(marker)) {
      *height = big(data + at + 3);
      *width = big(data + at + 5);
      return 0;
    }
    at += (size_t)big(data + at);
  }
  return -1;
}

static int webp_dimensions(const unsigned char *data, size_t size, int *width,
                           int *height) {
  if (size < 30)
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

static int dimensions(const char *type, const unsigned char *data, size_t size,
                      int *width, int *height) {
  switch (type[6]) {
  case 'p':
    return png_dimensions(data, size, width, height);
  case 'j':
    return jpeg_dimensions(data, size, width, height);
  case 'g':
    return gif_dimensions(data, size, width, height);
  default:
    return webp_dimensions(data, size, width, height);
  }
}

int em_codec_dimensions(const unsigned char *data, size_t size, int *width,
                        int *height) {
  const char *type = em_codec_media_type(data, size);
  if (!type || dimensions(type, data, size, width, height) != 0)
    return -1;
  return *width > 0 && *height > 0 ? 0 : -1;
}

static gdImagePtr read_png(const unsigned char *data, size_t size) {
  size_t clean_size;
  unsigned char *clean = em_png_clean(data, size, &clean_size);
  gdImagePtr image =
      clean ? gdImageCreateFromPngPtr((int)clean_size, clean) : NULL;
  free(clean);
  return image;
}

static gdImagePtr read_picture(const char *type, const unsigned char *data,
                               size_t size) {
  /* libgd's readers take a plain pointer but only read from it. */
  union {
    const unsigned char *as_given;
    void *as_taken;
  } bytes = {data};
  switch (type[6]) {
  case 'p':
    return read_png(data, size);
  case 'j':
    return gdImageCreateFromJpegPtr((int)size, bytes.as_taken);
  case 'g':
    return gdImageCreateFromGifPtr((int)size, bytes.as_taken);
  default:
    return gdImageCreateFromWebpPtr((int)size, bytes.as_taken);
  }
}

static gdImagePtr refuse(const char **why, const char *text) {
  *why = text;
  return NULL;
}

gdImagePtr em_codec_decode(const unsigned char *data, size_t size,
                           const char **why) {
  int width, height;
  const char *type = em_codec_media_type(data, size);
  if (!type)
    return refuse(why, "not a PNG, JPEG, GIF or WebP picture");
  if (size > INT_MAX)
    return refuse(why, "the file is too large");
  if (em_codec_dimensions(data, size, &width, &height) != 0)
    return refuse(why, "the picture's header cannot be read");
  if ((long long)width * height > EM_CODEC_MAX_PIXELS)
    return refuse(why, "the picture has more than 40 megapixels");
  pthread_once(&silence_once, silence);
  gdImagePtr image = read_picture(type, data, size);
  if (!image)
    return refuse(why, "the picture is damaged");
  if (!gdImageTrueColor(image) && !gdImagePaletteToTrueColor(image)) {
    gdImageDestroy(image);
    return refuse(why, "out of memory");
  }
  return image;
}

static void *write_picture(gdImagePtr image, const char *format, int quality,
                           int *size) {
  if (strcmp(format, "png") == 0)
    return gdImagePngPtrEx(image, size, PNG_LEVEL);
  if (strcmp(format, "jpg") == 0)
    return gdImageJpegPtr(image, size, quality);
  return gdImageWebpPtrEx(image, size, quality);
}

static int clamp_quality(int quality) {
  return quality < 0 ? 0 : quality > 100 ? 100 : quality;
}

int em_codec_encode(gdImagePtr image, const char *format, int quality,
                    unsigned char **data, size_t *size, const char **why) {
  int length = 0;
  if (!format || (strcmp(format, "png") != 0 && strcmp(format, "jpg") != 0 &&
                  strcmp(format, "webp") != 0)) {
    *why = "the output format is not png, jpg or webp";
    return -1;
  }
  pthread_once(&silence_once, silence);
  void *bytes = write_picture(image, format, clamp_quality(quality), &length);
  /* Copied, since libgd may have an allocator of its own. */
  *data = bytes && length > 0 ? malloc((size_t)length) : NULL;
  if (*data) {
    memcpy(*data, bytes, (size_t)length);
    *size = (size_t)length;
  }
  gdFree(bytes);
  *why = "the picture could not be encoded";
  return *data ? 0 : -1;
}
