#include "sm_image.h"

#include <string.h>

/* Every format's reader gets bytes that may end anywhere and may lie; it looks
 * at nothing that it has not counted first. */
struct bytes {
  const unsigned char *at;
  size_t size;
};

static bool has(struct bytes b, size_t offset, const void *text, size_t size) {
  return offset <= b.size && size <= b.size - offset &&
         memcmp(b.at + offset, text, size) == 0;
}

static uint32_t be16(const unsigned char *at) {
  return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t be32(const unsigned char *at) {
  return be16(at) << 16 | be16(at + 2);
}

static uint32_t le16(const unsigned char *at) {
  return (uint32_t)at[1] << 8 | at[0];
}

static uint32_t le24(const unsigned char *at) {
  return (uint32_t)at[2] << 16 | le16(at);
}

static uint32_t le32(const unsigned char *at) {
  return le16(at + 2) << 16 | le16(at);
}

/* Half a size is none. */
static void set_size(struct sm_image *image, uint32_t width, uint32_t height) {
  bool is_known = width > 0 && height > 0;
  image->width = is_known ? width : 0;
  image->height = is_known ? height : 0;
}

/* https://www.w3.org/TR/png/: the signature, then IHDR, always first. */
static bool read_png(struct bytes b, struct sm_image *image) {
  if (!has(b, 0, "\x89PNG\r\n\x1a\n", 8))
    return false;
  image->format = SM_PNG;
  if (b.size >= 24 && has(b, 8, "\0\0\0\x0dIHDR", 8) && b.at[16] < 0x80 &&
      b.at[20] < 0x80)
    set_size(image, be32(b.at + 16), be32(b.at + 20));
  return true;
}

/* ITU T.81 B.1.1.3: SOFn but for DHT, JPG and DAC, which share its range. */
static bool is_frame(unsigned marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
         marker != 0xcc;
}

/* TEM, RSTn and SOI stand alone; all others carry their length. */
static bool is_bare(unsigned marker) {
  return marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8);
}

/* Exif 2.32, 4.5 and 4.6: a TIFF header, whose first directory may hold the
 * orientation (tag 0x112, one short). 0 when it does not tell. */
static unsigned exif_orientation(struct bytes tiff) {
  bool is_big = has(tiff, 0, "MM\0*", 4);
  if (tiff.size < 8 || (!is_big && !has(tiff, 0, "II*\0", 4)))
    return 0;
  uint32_t (*get16)(const unsigned char *) = is_big ? be16 : le16;
  size_t at = is_big ? be32(tiff.at + 4) : le32(tiff.at + 4);
  if (at > tiff.size || tiff.size - at < 2)
    return 0;
  uint32_t count = get16(tiff.at + at);
  at += 2;
  for (; count > 0 && tiff.size - at >= 12; count--, at += 12) {
    uint32_t value = get16(tiff.at + at + 8);
    if (get16(tiff.at + at) == 0x112)
      return value >= 1 && value <= 8 ? (unsigned)value : 0;
  }
  return 0;
}

/* The segment at `at`, an APP1, as far as it is there. */
static void read_exif(struct bytes b, size_t at, struct sm_image *image) {
  size_t end = at + 2 + be16(b.at + at + 2);
  if (end > b.size)
    end = b.size;
  if (end > at + 10 && has(b, at + 4, "Exif\0\0", 6))
    image->orientation =
        exif_orientation((struct bytes){b.at + at + 10, end - at - 10});
}

/* Walks the segments up to the frame header. The scan (SOS) or the end before
 * one means that these bytes do not tell the size. */
static void find_frame(struct bytes b, struct sm_image *image) {
  size_t at = 2;
  while (at + 4 <= b.size && b.at[at] == 0xff) {
    unsigned marker = b.at[at + 1];
    if (marker == 0xff) { /* a fill byte */
      at++;
      continue;
    }
    if (is_frame(marker) && at + 9 <= b.size) {
      set_size(image, be16(b.at + at + 7), be16(b.at + at + 5));
      return;
    }
    if (marker == 0xda || marker == 0xd9)
      return;
    if (marker == 0xe1)
      read_exif(b, at, image);
    at += is_bare(marker) ? 2 : 2 + (size_t)be16(b.at + at + 2);
  }
}

static bool read_jpeg(struct bytes b, struct sm_image *image) {
  if (!has(b, 0, "\xff\xd8\xff", 3))
    return false;
  image->format = SM_JPEG;
  find_frame(b, image);
  return true;
}

/* https://developers.google.com/speed/webp/docs/riff_container: the first chunk
 * is the lossy frame, the lossless one, or the canvas of an extended file. A
 * lossless picture may be whole in 26 bytes, the others need 30 for the size.
 */
static void read_webp_size(struct bytes b, struct sm_image *image) {
  const unsigned char *chunk = b.at + 20;
  if (has(b, 12, "VP8L", 4) && chunk[0] == 0x2f) {
    uint32_t bits = le32(chunk + 1);
    set_size(image, (bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1);
  } else if (b.size < 30) {
    return;
  } else if (has(b, 12, "VP8X", 4)) {
    set_size(image, le24(chunk + 4) + 1, le24(chunk + 7) + 1);
  } else if (has(b, 12, "VP8 ", 4) && has(b, 23, "\x9d\x01\x2a", 3)) {
    set_size(image, le16(chunk + 6) & 0x3fff, le16(chunk + 8) & 0x3fff);
  }
}

static bool read_webp(struct bytes b, struct sm_image *image) {
  if (!has(b, 0, "RIFF", 4) || !has(b, 8, "WEBP", 4))
    return false;
  image->format = SM_WEBP;
  if (b.size >= 25)
    read_webp_size(b, image);
  return true;
}

static bool read_gif(struct bytes b, struct sm_image *image) {
  if (!has(b, 0, "GIF87a", 6) && !has(b, 0, "GIF89a", 6))
    return false;
  image->format = SM_GIF;
  if (b.size >= 10)
    set_size(image, le16(b.at + 6), le16(b.at + 8));
  return true;
}

bool sm_image_read(const void *head, size_t size, struct sm_image *image) {
  struct bytes b = {head, size};
  memset(image, 0, sizeof *image);
  if (head == NULL)
    return false;
  return read_png(b, image) || read_jpeg(b, image) || read_webp(b, image) ||
         read_gif(b, image);
}

static bool ends_with(struct bytes tail, const void *text, size_t size) {
  return tail.size >= size && has(tail, tail.size - size, text, size);
}

static bool is_whole_jpeg(struct bytes tail) {
  while (tail.size > 0 && tail.at[tail.size - 1] == 0)
    tail.size--;
  return ends_with(tail, "\xff\xd9", 2);
}

/* The RIFF size counts from behind itself; a chunk of odd size is padded, and
 * some writers leave the pad out of the count. */
static bool is_whole_webp(struct bytes head, uint64_t total) {
  if (head.size < 12)
    return false;
  uint64_t end = (uint64_t)le32(head.at + 4) + 8;
  return end >= 20 && (total == end || (end % 2 == 1 && total == end + 1));
}

bool sm_image_is_whole(const struct sm_image *image, const void *head,
                       size_t head_size, const void *tail, size_t tail_size,
                       uint64_t total) {
  struct bytes first = {head, head_size}, last = {tail, tail_size};
  switch (image->format) {
  case SM_PNG:
    return total >= 57 && ends_with(last, "\0\0\0\0IEND\xae\x42\x60\x82", 12);
  case SM_JPEG:
    return total >= 4 && is_whole_jpeg(last);
  case SM_WEBP:
    return is_whole_webp(first, total);
  case SM_GIF: /* the last block of data ends with 0, then the trailer */
    return total >= 14 && ends_with(last, "\0;", 2);
  case SM_NO_IMAGE:
    break;
  }
  return false;
}

const char *sm_format_name(enum sm_format format) {
  static const char *const names[] = {"none", "png", "jpeg", "webp", "gif"};
  unsigned at = (unsigned)format;
  return at <= SM_GIF ? names[at] : names[0];
}

const char *sm_format_extension(enum sm_format format) {
  static const char *const names[] = {"bin", "png", "jpg", "webp", "gif"};
  unsigned at = (unsigned)format;
  return at <= SM_GIF ? names[at] : names[0];
}

const char *sm_format_media_type(enum sm_format format) {
  static const char *const names[] = {"application/octet-stream", "image/png",
                                      "image/jpeg", "image/webp", "image/gif"};
  unsigned at = (unsigned)format;
  return at <= SM_GIF ? names[at] : names[0];
}
