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
  size_t tail = size < SM_IMAGE_TAIL_BYTES ? size : SM_IMAGE_TAIL_BYTES;
  size_t head = size < SM_IMAGE_HEAD_BYTES ? size : SM_IMAGE_HEAD_BYTES;
  return sm_image_read(bytes, head, &image) &&
         sm_image_is_whole(&image, bytes, head, bytes + (size - tail), tail,
                           size);
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
      CHECK(!is_whole(bytes, size));
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
    CHECK(!sm_image_is_whole(&image, others[i], strlen(others[i]), others[i],
                             strlen(others[i]), strlen(others[i])));
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
  unsigned char bytes[sizeof sample_jpeg + 80];
  struct sm_image image;
  memcpy(bytes, "\xff\xd8\xff\xe1\0", 5);
  bytes[5] = (unsigned char)(size + 8);
  memcpy(bytes + 6, "Exif\0\0", 6);
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

static void zero_bytes_may_follow_a_jpeg_but_nothing_else(void) {
  unsigned char bytes[sizeof sample_jpeg + 20] = {0};
  memcpy(bytes, sample_jpeg, sizeof sample_jpeg);
  CHECK(is_whole(bytes, sizeof bytes));
  bytes[sizeof bytes - 1] = 1;
  CHECK(!is_whole(bytes, sizeof bytes));
}

static void a_webp_is_as_long_as_it_says(void) {
  unsigned char bytes[sizeof sample_webp_lossy + 2] = {0};
  memcpy(bytes, sample_webp_lossy, sizeof sample_webp_lossy);
  CHECK(!is_whole(bytes, sizeof sample_webp_lossy + 1));
  bytes[4]++; /* an odd size: one byte of padding may follow */
  CHECK(is_whole(bytes, sizeof sample_webp_lossy + 1));
  CHECK(is_whole(bytes, sizeof sample_webp_lossy + 2));
  memset(bytes + 4, 0xff, 4);
  CHECK(!is_whole(bytes, sizeof sample_webp_lossy));
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
  zero_bytes_may_follow_a_jpeg_but_nothing_else();
  a_webp_is_as_long_as_it_says();
  the_smallest_lossless_webp_is_read();
  names_are_known_for_every_format();
  return check_report("sm_image");
}
