#include "sm_metadata.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sm_disk.h"

#define PIECE_BYTES (64 * 1024)
/* A container with more parts than this is not walked to its end. */
#define MOST_PARTS 100000
/* ITU T.81 B.1.1.4: a segment's length has 16 bits and counts itself. */
#define JPEG_XMP_MAX 65502

static const char jpeg_xmp[] = "http://ns.adobe.com/xap/1.0/"; /* with NUL */
static const char png_xmp[] = "XML:com.adobe.xmp";             /* the same */

struct sm_metadata {
  char *xmp;
  char *beside;
  char request_id[128];
  char seed[32];
  char cost[32];
  char date[32];
};

/* -- the texts ------------------------------------------------------------- */

enum sm_code sm_metadata_new(struct sm_metadata **metadata, const char *xmp,
                             const char *beside, struct sm_error *e) {
  struct sm_metadata *made = calloc(1, sizeof *made);
  *metadata = made;
  if (made && (made->xmp = strdup(xmp)) && (made->beside = strdup(beside)))
    return SM_OK;
  sm_metadata_delete(made);
  *metadata = NULL;
  return sm_fail_memory(e);
}

void sm_metadata_delete(struct sm_metadata *metadata) {
  if (!metadata)
    return;
  free(metadata->xmp);
  free(metadata->beside);
  free(metadata);
}

static void hide_in(char *text, const char *secret) {
  size_t size = strlen(secret);
  while (size > 0 && (text = strstr(text, secret)) != NULL) {
    memset(text, '*', size);
    text += size;
  }
}

void sm_metadata_hide(struct sm_metadata *metadata, const char *secret) {
  if (!metadata || !secret)
    return;
  hide_in(metadata->xmp, secret);
  hide_in(metadata->beside, secret);
}

/* They stand in XML and in JSON as they are. */
static void keep(char *out, size_t room, const char *value,
                 const char *allowed) {
  size_t size = value ? strlen(value) : 0;
  if (size > 0 && size < room && strspn(value, allowed) == size)
    memcpy(out, value, size + 1);
}

void sm_metadata_tell(struct sm_metadata *metadata, const char *request_id,
                      const char *seed, double cost, int64_t unix_ms) {
  time_t seconds = (time_t)(unix_ms / 1000);
  struct tm utc;
  if (!metadata)
    return;
  keep(metadata->request_id, sizeof metadata->request_id, request_id,
       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
  keep(metadata->seed, sizeof metadata->seed, seed, "-0123456789");
  if (isfinite(cost) && cost >= 0 && cost < 1e9) {
    long long millionths = llround(cost * 1e6); /* no locale's point */
    (void)snprintf(metadata->cost, sizeof metadata->cost, "%lld.%06lld",
                   millionths / 1000000, millionths % 1000000);
    for (char *end = strchr(metadata->cost, '\0');
         end[-1] == '0' && end[-2] != '.'; end--)
      end[-1] = '\0';
  }
  if (unix_ms > 0 && gmtime_r(&seconds, &utc))
    (void)strftime(metadata->date, sizeof metadata->date, "%Y-%m-%dT%H:%M:%SZ",
                   &utc);
}

static const char *value_of(const struct sm_metadata *metadata, char place,
                            const char *sha256) {
  switch (place) {
  case 'i':
    return metadata->request_id;
  case 's':
    return metadata->seed;
  case 'c':
    return metadata->cost;
  case 'd':
    return metadata->date;
  case 'h':
    return sha256;
  default:
    return "";
  }
}

/* One line, up to `end`; a place without a value takes it back. */
static enum sm_code fill_line(const struct sm_metadata *metadata,
                              const char *at, const char *end,
                              const char *sha256, struct sm_buf *out,
                              struct sm_error *e) {
  size_t before = out->size;
  enum sm_code code = SM_OK;
  while (code == SM_OK && at < end) {
    const char *mark = memchr(at, '\1', (size_t)(end - at));
    const char *stop = mark ? mark : end;
    code = sm_buf_append(out, at, (size_t)(stop - at), e);
    if (!mark || code != SM_OK)
      return code;
    const char *value =
        mark + 1 < end ? value_of(metadata, mark[1], sha256) : "";
    if (!*value) {
      sm_buf_shorten(out, before);
      return SM_OK;
    }
    code = sm_buf_add_text(out, value, e);
    at = mark + 2;
  }
  return code;
}

static enum sm_code fill(const struct sm_metadata *metadata, const char *text,
                         const char *sha256, struct sm_buf *out,
                         struct sm_error *e) {
  enum sm_code code = SM_OK;
  while (code == SM_OK && *text) {
    size_t length = strcspn(text, "\n");
    const char *end = text + length + (text[length] == '\n' ? 1 : 0);
    code = fill_line(metadata, text, end, sha256, out, e);
    text = end;
  }
  return code;
}

/* -- the containers -------------------------------------------------------- */

static uint32_t be16(const unsigned char *at) {
  return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t be32(const unsigned char *at) {
  return be16(at) << 16 | be16(at + 2);
}

static uint32_t le32(const unsigned char *at) {
  return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 |
         at[0];
}

static void put_be32(unsigned char *at, uint32_t value) {
  for (int i = 0; i < 4; i++)
    at[i] = (unsigned char)(value >> (24 - 8 * i));
}

static void put_le(unsigned char *at, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; i++)
    at[i] = (unsigned char)(value >> (8 * i));
}

/* All of so many bytes, or false. */
static bool get(const struct sm_source *source, uint64_t at, void *out,
                size_t size) {
  size_t got = size;
  if (at > source->size || size > source->size - at)
    return false;
  if (source->bytes)
    memcpy(out, source->bytes + at, size);
  else if (!sm_disk_read(source->fd, out, &got, at))
    return false;
  return got == size;
}

static bool is_at(const struct sm_source *source, uint64_t at, uint64_t end,
                  const void *text, size_t size) {
  unsigned char there[64];
  return size <= sizeof there && at <= end && size <= end - at &&
         get(source, at, there, size) && memcmp(there, text, size) == 0;
}

static void note_xmp(struct sm_metadata_found *found, uint64_t at,
                     uint64_t end) {
  if (!found->has_xmp && at <= end) {
    found->xmp_at = at;
    found->xmp_size = end - at;
  }
  found->has_xmp = true;
}

/* https://www.w3.org/TR/png/#11iTXt: keyword, compression flag and method,
 * language, translated keyword, each text with a NUL; then the packet. */
static void read_itxt(const struct sm_source *source, uint64_t at, uint64_t end,
                      struct sm_metadata_found *found) {
  unsigned char flags[2];
  if (!is_at(source, at, end, png_xmp, sizeof png_xmp))
    return;
  at += sizeof png_xmp;
  bool is_plain = end - at >= 2 && get(source, at, flags, 2) && flags[0] == 0;
  at += 2;
  for (int texts = 0; is_plain && texts < 2; texts++) {
    unsigned char byte = 1;
    for (int i = 0; i < 256 && byte != 0; i++, at++)
      if (at >= end || !get(source, at, &byte, 1))
        break;
    is_plain = byte == 0;
  }
  note_xmp(found, is_plain ? at : end, end);
}

static void find_in_png(const struct sm_source *source,
                        struct sm_metadata_found *found) {
  unsigned char head[8];
  uint64_t at = 8;
  if (!is_at(source, at, source->size, "\0\0\0\x0dIHDR", 8))
    return;
  found->insert_at = 33;
  for (int parts = 0; parts < MOST_PARTS && get(source, at, head, 8); parts++) {
    uint64_t data = at + 8, size = be32(head);
    if (size > 0x7fffffff || source->size - data < size + 4)
      return;
    if (memcmp(head + 4, "caBX", 4) == 0)
      found->is_signed = true;
    else if (memcmp(head + 4, "iTXt", 4) == 0)
      read_itxt(source, data, data + size, found);
    at = data + size + 4;
    found->is_whole = memcmp(head + 4, "IEND", 4) == 0;
    if (found->is_whole)
      return;
  }
}

/* Whether a packet goes behind this segment: JFIF and Exif want to be first. */
static bool read_segment(const struct sm_source *source, unsigned marker,
                         uint64_t data, uint64_t end,
                         struct sm_metadata_found *found) {
  if (marker == 0xeb)
    found->is_signed |= is_at(source, data, end, "JP", 2);
  if (marker == 0xe1 && is_at(source, data, end, jpeg_xmp, sizeof jpeg_xmp))
    note_xmp(found, data + sizeof jpeg_xmp, end);
  return marker == 0xe0 ||
         (marker == 0xe1 && is_at(source, data, end, "Exif\0\0", 6));
}

/* Up to the scan (SOS). */
static void find_in_jpeg(const struct sm_source *source,
                         struct sm_metadata_found *found) {
  unsigned char head[4];
  uint64_t at = 2;
  bool is_head = true;
  found->insert_at = at;
  for (int parts = 0; parts < MOST_PARTS && get(source, at, head, 4); parts++) {
    unsigned marker = head[1];
    if (head[0] != 0xff)
      return;
    if (marker == 0xff) { /* a fill byte */
      at++;
      continue;
    }
    uint64_t size = be16(head + 2);
    if (marker < 0xc0 || (marker >= 0xd0 && marker <= 0xd9) || size < 2 ||
        size > source->size - at - 2)
      return;
    found->is_whole = marker == 0xda;
    if (found->is_whole)
      return;
    is_head =
        read_segment(source, marker, at + 4, at + 2 + size, found) && is_head;
    at += 2 + size;
    if (is_head)
      found->insert_at = at;
  }
}

/* What a file without VP8X has no use for: with it, it would. */
static bool is_extended(const unsigned char *type) {
  static const char names[][5] = {"ALPH", "ANIM", "ANMF", "ICCP", "EXIF"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (memcmp(type, names[i], 4) == 0)
      return true;
  return false;
}

static void find_in_webp(const struct sm_source *source,
                         struct sm_metadata_found *found) {
  unsigned char head[12];
  uint64_t at = 12;
  if (!get(source, 0, head, 12))
    return;
  found->end = 8 + (uint64_t)le32(head + 4);
  bool is_simple = !is_at(source, at, source->size, "VP8X\x0a\0\0\0", 8);
  bool is_odd = found->end > source->size || found->end & 1 || found->end < 20;
  for (int parts = 0; !is_odd && at < found->end; parts++) {
    if (parts == MOST_PARTS || found->end - at < 8 || !get(source, at, head, 8))
      return;
    uint64_t data = at + 8, size = le32(head + 4);
    if (size + (size & 1) > found->end - data)
      return;
    found->is_signed |= memcmp(head, "C2PA", 4) == 0;
    if (memcmp(head, "XMP ", 4) == 0)
      note_xmp(found, data, data + size);
    is_odd = is_simple && (is_extended(head) || memcmp(head, "VP8X", 4) == 0);
    at = data + size + (size & 1);
  }
  found->insert_at = found->end;
  found->is_whole = !is_odd && at == found->end && found->image.width > 0;
}

bool sm_metadata_find(const struct sm_source *source,
                      struct sm_metadata_found *found) {
  unsigned char head[64];
  size_t size = source->size < sizeof head ? (size_t)source->size : sizeof head;
  memset(found, 0, sizeof *found);
  if (!get(source, 0, head, size) || !sm_image_read(head, size, &found->image))
    return false;
  if (found->image.format == SM_PNG)
    find_in_png(source, found);
  else if (found->image.format == SM_JPEG)
    find_in_jpeg(source, found);
  else if (found->image.format == SM_WEBP)
    find_in_webp(source, found);
  return true;
}

/* -- the packet in its container ------------------------------------------- */

/* At `at`, `drop` bytes go and `bytes` come. */
struct edit {
  uint64_t at;
  size_t drop;
  const void *bytes;
  size_t size;
};

struct plan {
  struct edit edits[3];
  int count;
  struct sm_buf part; /* the packet as a chunk or a segment */
  unsigned char riff_size[4];
  unsigned char vp8x[18];
};

static void add_edit(struct plan *plan, uint64_t at, size_t drop,
                     const void *bytes, size_t size) {
  plan->edits[plan->count++] =
      (struct edit){.at = at, .drop = drop, .bytes = bytes, .size = size};
}

/* https://www.w3.org/TR/png/#D-CRCAppendix */
static uint32_t crc32_of(const unsigned char *bytes, size_t size) {
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < size; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++)
      crc = crc & 1 ? 0xedb88320u ^ crc >> 1 : crc >> 1;
  }
  return crc ^ 0xffffffffu;
}

static enum sm_code plan_png(struct plan *plan, const struct sm_buf *xmp,
                             const struct sm_metadata_found *found,
                             struct sm_error *e) {
  unsigned char number[4];
  struct sm_buf *part = &plan->part;
  put_be32(number, (uint32_t)(sizeof png_xmp + 4 + xmp->size));
  enum sm_code code = sm_buf_append(part, number, 4, e);
  if (code == SM_OK)
    code = sm_buf_append(part, "iTXt", 4, e);
  if (code == SM_OK)
    code = sm_buf_append(part, png_xmp, sizeof png_xmp, e);
  if (code == SM_OK)
    code = sm_buf_append(part, "\0\0\0\0", 4, e);
  if (code == SM_OK)
    code = sm_buf_append(part, xmp->data, xmp->size, e);
  if (code != SM_OK)
    return code;
  put_be32(number,
           crc32_of((const unsigned char *)part->data + 4, part->size - 4));
  code = sm_buf_append(part, number, 4, e);
  add_edit(plan, found->insert_at, 0, part->data, part->size);
  return code;
}

static enum sm_code plan_jpeg(struct plan *plan, const struct sm_buf *xmp,
                              const struct sm_metadata_found *found,
                              struct sm_error *e) {
  size_t size = 2 + sizeof jpeg_xmp + xmp->size;
  const unsigned char head[4] = {0xff, 0xe1, (unsigned char)(size >> 8),
                                 (unsigned char)size};
  enum sm_code code = sm_buf_append(&plan->part, head, 4, e);
  if (code == SM_OK)
    code = sm_buf_append(&plan->part, jpeg_xmp, sizeof jpeg_xmp, e);
  if (code == SM_OK)
    code = sm_buf_append(&plan->part, xmp->data, xmp->size, e);
  add_edit(plan, found->insert_at, 0, plan->part.data, plan->part.size);
  return code;
}

enum { HAS_XMP = 0x04, HAS_ALPHA = 0x10 };

/* The canvas before a frame that has none; the flags of one that is there. */
static bool plan_vp8x(struct plan *plan, const struct sm_source *source,
                      const struct sm_metadata_found *found) {
  static const unsigned char chunk[8] = {'V', 'P', '8', 'X', 10, 0, 0, 0};
  unsigned char head[13], *vp8x = plan->vp8x;
  if (!get(source, 12, head, sizeof head))
    return false;
  if (memcmp(head, "VP8X", 4) == 0) {
    vp8x[0] = head[8] | HAS_XMP;
    add_edit(plan, 20, 1, vp8x, 1);
    return true;
  }
  /* VP8L: signature, 14 + 14 bits of size, then whether alpha is used. */
  bool has_alpha = memcmp(head, "VP8L", 4) == 0 && head[12] & 0x10;
  memcpy(vp8x, chunk, sizeof chunk);
  vp8x[8] = (unsigned char)(HAS_XMP | (has_alpha ? HAS_ALPHA : 0));
  put_le(vp8x + 12, found->image.width - 1, 3);
  put_le(vp8x + 15, found->image.height - 1, 3);
  add_edit(plan, 12, 0, vp8x, sizeof plan->vp8x);
  return true;
}

static enum sm_code plan_webp(struct plan *plan, const struct sm_source *source,
                              const struct sm_buf *xmp,
                              const struct sm_metadata_found *found,
                              struct sm_error *e) {
  unsigned char number[4];
  put_le(number, (uint32_t)xmp->size, 4);
  enum sm_code code = sm_buf_append(&plan->part, "XMP ", 4, e);
  if (code == SM_OK)
    code = sm_buf_append(&plan->part, number, 4, e);
  if (code == SM_OK)
    code = sm_buf_append(&plan->part, xmp->data, xmp->size, e);
  if (code == SM_OK && xmp->size & 1)
    code = sm_buf_append(&plan->part, "", 1, e);
  if (code != SM_OK)
    return code;
  add_edit(plan, 4, 4, plan->riff_size, 4);
  if (!plan_vp8x(plan, source, found))
    return sm_fail(e, SM_IO, "the picture cannot be read back");
  uint64_t size = found->end - 8 + plan->part.size;
  for (int i = 1; i < plan->count; i++)
    size += plan->edits[i].size - plan->edits[i].drop;
  put_le(plan->riff_size, (uint32_t)size, 4);
  add_edit(plan, found->insert_at, 0, plan->part.data, plan->part.size);
  return SM_OK;
}

static bool can_take(const struct sm_metadata_found *found, size_t xmp_size) {
  if (!found->is_whole || found->is_signed || found->has_xmp || xmp_size == 0)
    return false;
  if (found->image.format == SM_JPEG)
    return xmp_size <= JPEG_XMP_MAX;
  /* A RIFF's size has 32 bits, and is even. */
  return found->image.format == SM_PNG ||
         found->end + xmp_size + 64 < UINT32_MAX;
}

static enum sm_code copy(const struct sm_source *source, uint64_t at,
                         uint64_t end, sm_metadata_write *write, void *context,
                         struct sm_error *e) {
  enum sm_code code = SM_OK;
  char *piece = malloc(PIECE_BYTES);
  if (!piece)
    return sm_fail_memory(e);
  while (code == SM_OK && at < end) {
    size_t size = end - at < PIECE_BYTES ? (size_t)(end - at) : PIECE_BYTES;
    if (!get(source, at, piece, size))
      code = sm_fail(e, SM_IO, "the picture cannot be read back");
    else
      code = write(context, piece, size, e);
    at += size;
  }
  free(piece);
  return code;
}

static enum sm_code carry_out(const struct plan *plan,
                              const struct sm_source *source,
                              sm_metadata_write *write, void *context,
                              struct sm_error *e) {
  uint64_t at = 0;
  enum sm_code code = SM_OK;
  for (int i = 0; code == SM_OK && i < plan->count; i++) {
    const struct edit *edit = &plan->edits[i];
    code = copy(source, at, edit->at, write, context, e);
    if (code == SM_OK)
      code = write(context, edit->bytes, edit->size, e);
    at = edit->at + edit->drop;
  }
  return code == SM_OK ? copy(source, at, source->size, write, context, e)
                       : code;
}

static enum sm_code make_plan(struct plan *plan, const struct sm_source *source,
                              const struct sm_buf *xmp,
                              const struct sm_metadata_found *found,
                              struct sm_error *e) {
  if (found->image.format == SM_PNG)
    return plan_png(plan, xmp, found, e);
  if (found->image.format == SM_JPEG)
    return plan_jpeg(plan, xmp, found, e);
  return plan_webp(plan, source, xmp, found, e);
}

enum sm_code sm_metadata_put(const struct sm_metadata *metadata,
                             const struct sm_source *source,
                             sm_metadata_write *write, void *context,
                             bool *is_put, struct sm_error *e) {
  struct sm_metadata_found found;
  struct plan plan = {.count = 0};
  struct sm_buf xmp;
  *is_put = false;
  if (!sm_metadata_find(source, &found))
    return SM_OK;
  sm_buf_create(&xmp, SM_METADATA_MAX);
  sm_buf_create(&plan.part, SM_METADATA_MAX + 256);
  enum sm_code code = fill(metadata, metadata->xmp, "", &xmp, e);
  bool can = code == SM_OK && can_take(&found, xmp.size);
  if (can)
    code = make_plan(&plan, source, &xmp, &found, e);
  if (can && code == SM_OK)
    code = carry_out(&plan, source, write, context, e);
  *is_put = can && code == SM_OK;
  sm_buf_destroy(&plan.part);
  sm_buf_destroy(&xmp);
  return code;
}

/* -- beside the picture ---------------------------------------------------- */

static enum sm_code add_to_hash(void *context, const void *bytes, size_t size,
                                struct sm_error *e) {
  return sm_sha256_add(context, bytes, size, e);
}

enum sm_code sm_metadata_sha256(const struct sm_source *source,
                                char hex[SM_SHA256_HEX], struct sm_error *e) {
  struct sm_sha256 hash = {NULL};
  enum sm_code code = sm_sha256_begin(&hash, e);
  if (code == SM_OK)
    code = copy(source, 0, source->size, add_to_hash, &hash, e);
  if (code == SM_OK)
    code = sm_sha256_end(&hash, hex, e);
  sm_sha256_destroy(&hash);
  return code;
}

enum sm_code sm_metadata_beside(const struct sm_metadata *metadata,
                                const struct sm_source *source,
                                struct sm_buf *text, struct sm_error *e) {
  char hex[SM_SHA256_HEX];
  enum sm_code code = sm_metadata_sha256(source, hex, e);
  return code == SM_OK ? fill(metadata, metadata->beside, hex, text, e) : code;
}
