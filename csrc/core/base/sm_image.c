#include "sm_image.h"

#include <string.h>
#include <strings.h>

#include "sm_disk.h"

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

/* -- the end ------------------------------------------------------------- */

/* Goes through a source from front to back. */
struct walk {
  const struct sm_source *source;
  uint64_t at;     /* the next byte */
  uint64_t budget; /* bytes that may still be read */
  uint64_t start;  /* of `window` in the source */
  size_t size;
  bool is_blind; /* nothing more can be read: no end can be denied */
  unsigned char window[4096];
};

static bool fill(struct walk *walk) {
  const struct sm_source *source = walk->source;
  uint64_t left = source->size - walk->at;
  size_t size = left < sizeof walk->window ? (size_t)left : sizeof walk->window;
  walk->is_blind |= size > walk->budget;
  if (walk->is_blind)
    return false;
  if (source->bytes)
    memcpy(walk->window, source->bytes + walk->at, size);
  else if (!sm_disk_read(source->fd, walk->window, &size, walk->at))
    walk->is_blind = true;
  walk->budget -= size;
  walk->start = walk->at;
  walk->size = size;
  return size > 0 && !walk->is_blind;
}

/* The next byte; -1 at the end of the source. */
static int next(struct walk *walk) {
  uint64_t offset = walk->at - walk->start;
  if (walk->at >= walk->source->size || (offset >= walk->size && !fill(walk)))
    return -1;
  return walk->window[walk->at++ - walk->start];
}

static bool take(struct walk *walk, unsigned char *out, size_t size) {
  for (size_t i = 0; i < size; i++) {
    int byte = next(walk);
    if (byte < 0)
      return false;
    out[i] = (unsigned char)byte;
  }
  return true;
}

/* False when the source ends before. What is skipped is not read. */
static bool skip(struct walk *walk, uint64_t size) {
  if (size > walk->source->size - walk->at)
    return false;
  walk->at += size;
  if (walk->at - walk->start >= walk->size)
    walk->size = 0;
  return true;
}

/* https://www.w3.org/TR/png/#5Chunk-layout: length, type, data, check sum. */
static bool has_png_end(struct walk *walk) {
  unsigned char head[8];
  if (!skip(walk, 8))
    return false;
  while (take(walk, head, sizeof head)) {
    if (!skip(walk, (uint64_t)be32(head) + 4))
      return false;
    if (memcmp(head + 4, "IEND", 4) == 0)
      return true;
  }
  return false;
}

/* Goes behind the next such byte. */
static bool find(struct walk *walk, int wanted) {
  for (int byte = next(walk); byte >= 0; byte = next(walk)) {
    const unsigned char *rest = walk->window + (walk->at - walk->start);
    size_t left = walk->size - (size_t)(walk->at - walk->start);
    if (byte == wanted)
      return true;
    const unsigned char *found = memchr(rest, wanted, left);
    walk->at += found ? (uint64_t)(found - rest) : left;
  }
  return false;
}

/* Most files end where their picture does, and need not be read for that. */
static bool ends_with_eoi(const struct sm_source *source) {
  unsigned char tail[64];
  size_t size = source->size < sizeof tail ? (size_t)source->size : sizeof tail;
  if (source->bytes)
    memcpy(tail, source->bytes + source->size - size, size);
  else if (!sm_disk_read(source->fd, tail, &size, source->size - size))
    return false;
  while (size > 0 && tail[size - 1] == 0)
    size--;
  return size >= 2 && tail[size - 2] == 0xff && tail[size - 1] == 0xd9;
}

/* From marker to marker: segments by their length, so that the EOI of a preview
 * within one does not count; in a scan 0xff stands before 0 or RSTn only. */
static bool has_jpeg_end(struct walk *walk) {
  if (ends_with_eoi(walk->source))
    return true;
  while (find(walk, 0xff)) {
    unsigned char length[2];
    int marker;
    do
      marker = next(walk);
    while (marker == 0xff);
    if (marker == 0xd9)
      return true;
    if (marker <= 0 || is_bare((unsigned)marker))
      continue;
    if (!take(walk, length, 2) ||
        (be16(length) > 2 && !skip(walk, be16(length) - 2)))
      return false;
  }
  return false;
}

/* The chunks up to the size that the head tells, which some writers get wrong
 * by a few bytes: what counts is that no chunk is cut and one is a picture. */
static bool has_webp_end(struct walk *walk) {
  unsigned char head[12];
  bool has_picture = false;
  if (!take(walk, head, sizeof head))
    return false;
  uint64_t end = (uint64_t)le32(head + 4) + 8;
  while (walk->at < end && take(walk, head, 8)) {
    uint32_t size = le32(head + 4);
    if (!skip(walk, size))
      return false;
    has_picture |= memcmp(head, "VP8 ", 4) == 0 ||
                   memcmp(head, "VP8L", 4) == 0 || memcmp(head, "ANMF", 4) == 0;
    (void)skip(walk, size & 1);
  }
  return has_picture && (walk->at >= end || walk->at == walk->source->size);
}

static bool skip_blocks(struct walk *walk) {
  int size;
  do
    size = next(walk);
  while (size > 0 && skip(walk, (uint64_t)size));
  return size == 0;
}

/* A colour table, if the flags say that there is one. */
static bool skip_table(struct walk *walk, unsigned flags) {
  return !(flags & 0x80) || skip(walk, (uint64_t)3 << ((flags & 7) + 1));
}

static bool skip_frame(struct walk *walk) {
  unsigned char head[9];
  return take(walk, head, sizeof head) && skip_table(walk, head[8]) &&
         skip(walk, 1) && skip_blocks(walk);
}

/* https://www.w3.org/Graphics/GIF/spec-gif89a.txt: blocks, then the trailer,
 * which some writers leave out. */
static bool has_gif_end(struct walk *walk) {
  unsigned char head[13];
  bool has_picture = false;
  if (!take(walk, head, sizeof head) || !skip_table(walk, head[10]))
    return false;
  for (;;) {
    int block = next(walk);
    if (block == 0x2c && skip_frame(walk))
      has_picture = true;
    else if (block != 0x21 || !skip(walk, 1) || !skip_blocks(walk))
      return has_picture && (block < 0 || block == 0x3b);
  }
}

bool sm_image_has_end(const struct sm_image *image,
                      const struct sm_source *source) {
  struct walk walk = {.source = source,
                      .budget = source->most ? source->most : UINT64_MAX};
  bool has_end = false;
  switch (image->format) {
  case SM_PNG:
    has_end = has_png_end(&walk);
    break;
  case SM_JPEG:
    has_end = has_jpeg_end(&walk);
    break;
  case SM_WEBP:
    has_end = has_webp_end(&walk);
    break;
  case SM_GIF:
    has_end = has_gif_end(&walk);
    break;
  case SM_NO_IMAGE:
    break;
  }
  return has_end || walk.is_blind;
}

/* -- names --------------------------------------------------------------- */

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

bool sm_format_is_named(const char *name) {
  static const char *const known[] = {"png", "jpg", "jpeg", "webp", "gif"};
  const char *dot = strrchr(name, '.');
  for (size_t i = 0; dot && dot != name && i < sizeof known / sizeof *known;
       i++)
    if (strcasecmp(dot + 1, known[i]) == 0)
      return true;
  return false;
}
