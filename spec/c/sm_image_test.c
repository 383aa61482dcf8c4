#include "sm_image.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "sample_pictures.h"

struct sample {
  enum sm_format format;
  const unsigned char *bytes;
  size_t size;
};

static const struct sample samples[] = {
    {SM_PNG, sample_png, sizeof sample_png},
    {SM_JPEG, sample_jpeg, sizeof sample_jpeg},
    {SM_WEBP, sample_webp_lossy, sizeof sample_webp_lossy},
    {SM_WEBP, sample_webp_lossless, sizeof sample_webp_lossless},
    {SM_WEBP, sample_webp_extended, sizeof sample_webp_extended},
    {SM_GIF, sample_gif, sizeof sample_gif},
};

enum { SAMPLES = sizeof samples / sizeof samples[0] };

/* A copy of exactly `size` bytes, so that a sanitizer sees a step outside. */
static unsigned char *copy_of(const unsigned char *bytes, size_t size) {
  unsigned char *copy = malloc(size > 0 ? size : 1);
  if (copy != NULL && size > 0)
    memcpy(copy, bytes, size);
  return copy;
}

static bool is_whole(const unsigned char *bytes, size_t size) {
  struct sm_image image;
  const struct sm_source source = {.bytes = bytes, .size = size};
  size_t head = size < SM_IMAGE_HEAD_BYTES ? size : SM_IMAGE_HEAD_BYTES;
  return sm_image_read(bytes, head, &image) &&
         sm_image_has_end(&image, &source);
}

static void every_format_tells_its_name_and_size(void) {
  for (int i = 0; i < SAMPLES; i++) {
    struct sm_image image;
    CHECK(sm_image_read(samples[i].bytes, samples[i].size, &image));
    CHECK(image.format == samples[i].format);
    CHECK(image.width == 7 && image.height == 5);
    CHECK(is_whole(samples[i].bytes, samples[i].size));
  }
}

static void no_truncation_is_whole_or_read_past_its_end(void) {
  for (int i = 0; i < SAMPLES; i++) {
    for (size_t size = 0; size < samples[i].size; size++) {
      struct sm_image image;
      unsigned char *bytes = copy_of(samples[i].bytes, size);
      /* A GIF without its trailer has all of its picture. */
      CHECK(!is_whole(bytes, size) ||
            (samples[i].format == SM_GIF && size + 1 == samples[i].size));
      if (sm_image_read(bytes, size, &image))
        CHECK((image.width == 7 && image.height == 5) ||
              (image.width == 0 && image.height == 0));
      free(bytes);
    }
  }
}

static void no_wrong_byte_leads_outside(void) {
  static const unsigned char odd[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
  for (int i = 0; i < SAMPLES; i++) {
    for (size_t at = 0; at < samples[i].size; at++) {
      for (size_t j = 0; j < sizeof odd; j++) {
        unsigned char *bytes = copy_of(samples[i].bytes, samples[i].size);
        bytes[at] = odd[j];
        (void)is_whole(bytes, samples[i].size);
        free(bytes);
      }
    }
  }
  CHECK(true);
}

static void what_is_no_picture_is_refused(void) {
  static const char *const others[] = {"",
                                       "<html><body>502</body></html>",
                                       "{\"error\":\"x\"}",
                                       "RIFF\1\1\1\1WAVEfmt ",
                                       "GIF88a\1\1\1\1\1\1",
                                       "\x89PNG\n",
                                       "\xff\xd8",
                                       "BM\1\1\1\1"};
  struct sm_image image;
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    CHECK(!sm_image_read(others[i], strlen(others[i]), &image));
    CHECK(image.format == SM_NO_IMAGE);
    CHECK(!is_whole((const unsigned char *)others[i], strlen(others[i])));
  }
  CHECK(!sm_image_read(NULL, 0, &image));
}

static void a_jpeg_hides_its_size_behind_metadata(void) {
  enum { NOISE = 50000 };
  size_t size = sizeof sample_jpeg + 4 + NOISE;
  unsigned char *bytes = calloc(1, size);
  struct sm_image image;
  memcpy(bytes, sample_jpeg, 2);
  bytes[2] = 0xff;
  bytes[3] = 0xe1;
  bytes[4] = (NOISE + 2) >> 8;
  bytes[5] = (NOISE + 2) & 255;
  memset(bytes + 6, 0xff, NOISE);
  memcpy(bytes + 6 + NOISE, sample_jpeg + 2, sizeof sample_jpeg - 2);
  CHECK(sm_image_read(bytes, size, &image) && image.width == 7);
  CHECK(sm_image_read(bytes, NOISE, &image) && image.width == 0);
  CHECK(image.format == SM_JPEG);
  CHECK(is_whole(bytes, size));
  free(bytes);
}

/* An Exif segment in front of the sample: `tiff` and the image's facts. */
static struct sm_image with_exif(const void *tiff, size_t size) {
  unsigned char bytes[sizeof sample_jpeg + 80] = {
      0xff, 0xd8, 0xff, 0xe1, 0, (unsigned char)(size + 8), 'E', 'x', 'i', 'f'};
  struct sm_image image;
  memcpy(bytes + 12, tiff, size);
  memcpy(bytes + 12 + size, sample_jpeg + 2, sizeof sample_jpeg - 2);
  CHECK(sm_image_read(bytes, 10 + size + sizeof sample_jpeg, &image));
  CHECK(image.width == 7);
  return image;
}

static void a_jpeg_tells_its_orientation(void) {
  static const char little[] = "II*\0\x08\0\0\0\2\0"
                               "\x0f\1\2\0\1\0\0\0\0\0\0\0"
                               "\x12\1\3\0\1\0\0\0\6\0\0\0";
  static const char big[] = "MM\0*\0\0\0\x08\0\1"
                            "\1\x12\0\3\0\0\0\1\0\3\0\0";
  static const char outside[] = "II*\0\xff\xff\xff\xff\2\0";
  CHECK(with_exif(little, sizeof little - 1).orientation == 6);
  CHECK(with_exif(big, sizeof big - 1).orientation == 3);
  CHECK(with_exif(outside, sizeof outside - 1).orientation == 0);
  for (size_t size = 0; size < sizeof little - 5; size++)
    CHECK(with_exif(little, size).orientation == 0);
  struct sm_image plain;
  CHECK(sm_image_read(sample_jpeg, sizeof sample_jpeg, &plain));
  CHECK(plain.orientation == 0);
}

static void bytes_behind_the_end_do_not_matter(void) {
  enum { MORE = 5000 };
  for (int i = 0; i < SAMPLES; i++) {
    size_t size = samples[i].size + MORE;
    unsigned char *bytes = malloc(size);
    memcpy(bytes, samples[i].bytes, samples[i].size);
    memset(bytes + samples[i].size, 'x', MORE);
    CHECK(is_whole(bytes, size));
    memset(bytes + samples[i].size, 0, MORE);
    CHECK(is_whole(bytes, size));
    free(bytes);
  }
}

static void the_end_of_a_preview_is_not_that_of_its_picture(void) {
  enum { PREVIEW = sizeof sample_jpeg };
  size_t size = 6 + PREVIEW + sizeof sample_jpeg;
  unsigned char *bytes = calloc(1, size + 1);
  static const unsigned char head[] = {
      0xff, 0xd8, 0xff, 0xe1, (PREVIEW + 2) >> 8, (PREVIEW + 2) & 255};
  memcpy(bytes, head, sizeof head);
  memcpy(bytes + 6, sample_jpeg, PREVIEW);
  memcpy(bytes + 6 + PREVIEW, sample_jpeg + 2, sizeof sample_jpeg - 2);
  CHECK(is_whole(bytes, size));
  CHECK(!is_whole(bytes, size - 10));
  free(bytes);
}

/* Each scan of a progressive picture has tables of its own before it. */
static void a_jpeg_of_several_scans_ends_behind_the_last(void) {
  static const unsigned char scans[] = {
      0xff, 0xd8, 0xff, 0xc2, 0x00, 0x0b, 8,    0,    5,    0,    7,
      1,    1,    0x11, 0,    0xff, 0xda, 0x00, 0x04, 0xff, 0xd9, 0x11,
      0xff, 0x00, 0xff, 0xd0, 0x22, 0xff, 0xff, 0xc4, 0x00, 0x04, 0xff,
      0xd9, 0xff, 0xda, 0x00, 0x02, 0x33, 0xff, 0xd9, 'x'};
  CHECK(is_whole(scans, sizeof scans));
  for (size_t size = 22; size < sizeof scans - 1; size++)
    CHECK(!is_whole(scans, size) || size == 34); /* it seems to end there */
}

static void a_webp_counts_by_its_chunks(void) {
  unsigned char bytes[sizeof sample_webp_extended + 2] = {0};
  memcpy(bytes, sample_webp_extended, sizeof sample_webp_extended);
  memset(bytes + 4, 0xff, 4); /* what a writer to a pipe leaves there */
  CHECK(is_whole(bytes, sizeof sample_webp_extended));
  CHECK(!is_whole(bytes, sizeof sample_webp_extended - 1));
  bytes[4] = 30; /* the end is before the first picture */
  memset(bytes + 5, 0, 3);
  CHECK(!is_whole(bytes, sizeof bytes));
}

static void an_end_that_was_not_looked_for_is_not_denied(void) {
  enum { NOISE = 60000 };
  struct sm_image image = {.format = SM_JPEG};
  unsigned char *bytes = malloc(NOISE);
  memset(bytes, 0x11, NOISE);
  struct sm_source source = {.bytes = bytes, .size = NOISE};
  CHECK(!sm_image_has_end(&image, &source));
  source.most = NOISE / 2;
  CHECK(sm_image_has_end(&image, &source));
  free(bytes);
}

static void the_smallest_lossless_webp_is_read(void) {
  static const unsigned char bytes[] = {
      'R', 'I', 'F', 'F', 18, 0, 0, 0,    'W', 'E',  'B', 'P', 'V',
      'P', '8', 'L', 5,   0,  0, 0, 0x2f, 1,   0x40, 0,   0,   0};
  struct sm_image image;
  CHECK(sm_image_read(bytes, sizeof bytes, &image));
  CHECK(image.width == 2 && image.height == 2);
  CHECK(is_whole(bytes, sizeof bytes));
}

static void names_are_known_for_every_format(void) {
  CHECK(strcmp(sm_format_name(SM_JPEG), "jpeg") == 0);
  CHECK(strcmp(sm_format_extension(SM_JPEG), "jpg") == 0);
  CHECK(strcmp(sm_format_media_type(SM_WEBP), "image/webp") == 0);
  CHECK(strcmp(sm_format_extension(SM_GIF), "gif") == 0);
  CHECK(strcmp(sm_format_name((enum sm_format)99), "none") == 0);
}

int main(void) {
  every_format_tells_its_name_and_size();
  no_truncation_is_whole_or_read_past_its_end();
  no_wrong_byte_leads_outside();
  what_is_no_picture_is_refused();
  a_jpeg_hides_its_size_behind_metadata();
  a_jpeg_tells_its_orientation();
  bytes_behind_the_end_do_not_matter();
  the_end_of_a_preview_is_not_that_of_its_picture();
  a_jpeg_of_several_scans_ends_behind_the_last();
  a_webp_counts_by_its_chunks();
  an_end_that_was_not_looked_for_is_not_denied();
  the_smallest_lossless_webp_is_read();
  names_are_known_for_every_format();
  return check_report("sm_image");
}
