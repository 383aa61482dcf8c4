#include "sm_metadata.h"

#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "one_folder.h"
#include "sample_pictures.h"
#include "sm_file.h"

static const char xmp[] = "<x:xmpmeta>odd length</x:xmpmeta>";
static const char beside[] = "{\"segmind\":1,\n\"sha256\":\"\1h\",\n\"a\":1}\n";

#define SAMPLE(name)                                                           \
  { #name, sample_##name, sizeof sample_##name }
static const struct sample {
  const char *name;
  const unsigned char *bytes;
  size_t size;
} samples[] = {SAMPLE(png), SAMPLE(jpeg), SAMPLE(webp_lossy),
               SAMPLE(webp_lossless), SAMPLE(webp_extended)};
enum { SAMPLES = sizeof samples / sizeof *samples };

static struct sm_metadata *metadata_of(const char *packet) {
  struct sm_metadata *metadata;
  CHECK(sm_metadata_new(&metadata, packet, beside, NULL) == SM_OK);
  return metadata;
}

static enum sm_code collect(void *context, const void *bytes, size_t size,
                            struct sm_error *e) {
  return sm_buf_append(context, bytes, size, e);
}

/* False when nothing was put in; `out` has the picture then, or nothing. */
static bool put_into(struct sm_buf *out, const void *bytes, size_t size,
                     const char *packet) {
  struct sm_metadata *metadata = metadata_of(packet);
  const struct sm_source source = {.bytes = bytes, .size = size};
  bool is_put = false;
  sm_buf_create(out, 0x1000000);
  CHECK(sm_metadata_put(metadata, &source, collect, out, &is_put, NULL) ==
        SM_OK);
  CHECK(is_put == (out->size > 0));
  sm_metadata_delete(metadata);
  return is_put;
}

static bool is_refused(const void *bytes, size_t size) {
  struct sm_buf out;
  bool is_put = put_into(&out, bytes, size, xmp);
  sm_buf_destroy(&out);
  return !is_put;
}

static struct sm_metadata_found find(const void *bytes, size_t size) {
  struct sm_metadata_found found;
  const struct sm_source source = {.bytes = bytes, .size = size};
  CHECK(sm_metadata_find(&source, &found));
  return found;
}

/* Whether the packet is found again in a whole picture of the same size. */
static bool says(const struct sm_buf *out, const char *packet,
                 const struct sample *sample) {
  struct sm_metadata_found found = find(out->data, out->size);
  struct sm_image image;
  const struct sm_source source = {.bytes = (unsigned char *)out->data,
                                   .size = out->size};
  (void)sm_image_read(sample->bytes, sample->size, &image);
  return found.is_whole && found.has_xmp && !found.is_signed &&
         found.xmp_size == strlen(packet) &&
         memcmp(out->data + found.xmp_at, packet, strlen(packet)) == 0 &&
         found.image.format == image.format &&
         sm_image_has_end(&image, &source);
}

static void a_packet_goes_into_each_container(void) {
  for (int i = 0; i < SAMPLES; i++) {
    struct sm_buf out;
    CHECK(put_into(&out, samples[i].bytes, samples[i].size, xmp));
    CHECK(says(&out, xmp, &samples[i]));
    sm_buf_destroy(&out);
  }
}

static void every_other_byte_stays(void) {
  struct sm_buf out;
  const size_t more = sizeof xmp - 1 + 12 + 22; /* chunk, keyword, flags */
  CHECK(put_into(&out, sample_png, sizeof sample_png, xmp));
  CHECK(out.size == sizeof sample_png + more);
  CHECK(memcmp(out.data, sample_png, 33) == 0);
  CHECK(memcmp(out.data + 33 + more, sample_png + 33, sizeof sample_png - 33) ==
        0);
  sm_buf_destroy(&out);
  const size_t segment = sizeof xmp - 1 + 4 + 29;
  CHECK(put_into(&out, sample_jpeg, sizeof sample_jpeg, xmp));
  CHECK(out.size == sizeof sample_jpeg + segment);
  CHECK(memcmp(out.data, sample_jpeg, 20) == 0); /* behind JFIF */
  CHECK(memcmp(out.data + 20 + segment, sample_jpeg + 20,
               sizeof sample_jpeg - 20) == 0);
  sm_buf_destroy(&out);
  CHECK(put_into(&out, sample_webp_lossy, sizeof sample_webp_lossy, xmp));
  CHECK(memcmp(out.data + 30, sample_webp_lossy + 12,
               sizeof sample_webp_lossy - 12) == 0);
  CHECK(memcmp(out.data + 12, "VP8X\x0a\0\0\0\x04\0\0\0\x06\0\0\x04\0\0", 18) ==
        0);
  sm_buf_destroy(&out);
}

static void an_extended_webp_keeps_its_flags_and_gets_one(void) {
  struct sm_buf out;
  CHECK(put_into(&out, sample_webp_extended, sizeof sample_webp_extended, xmp));
  CHECK(out.data[20] == 0x14);
  CHECK(memcmp(out.data + 21, sample_webp_extended + 21,
               sizeof sample_webp_extended - 21) == 0);
  sm_buf_destroy(&out);
}

/* `extra` stands at `at`; a RIFF's size takes it in. */
static void insert(struct sm_buf *out, const struct sample *sample, size_t at,
                   const void *extra, size_t size) {
  sm_buf_create(out, 0x1000000);
  (void)sm_buf_append(out, sample->bytes, at, NULL);
  (void)sm_buf_append(out, extra, size, NULL);
  (void)sm_buf_append(out, sample->bytes + at, sample->size - at, NULL);
  if (memcmp(out->data, "RIFF", 4) == 0)
    out->data[4] = (char)(out->size - 8);
}

static void a_signed_picture_stays_as_it_is(void) {
  static const struct {
    int sample;
    size_t at;
    const char *part;
    size_t size;
  } signs[] = {
      {0, 33,
       "\0\0\0\x02"
       "caBXxx....",
       14},
      {0, sizeof sample_png - 12,
       "\0\0\0\0"
       "caBX....",
       12},
      {1, 20, "\xff\xeb\0\x08JP\0\1..", 10},
      {2, sizeof sample_webp_lossy, "C2PA\2\0\0\0..", 10},
      {4, sizeof sample_webp_extended, "C2PA\2\0\0\0..", 10},
  };
  for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
    struct sm_buf out;
    insert(&out, &samples[signs[i].sample], signs[i].at, signs[i].part,
           signs[i].size);
    struct sm_metadata_found found = find(out.data, out.size);
    CHECK(found.is_signed && found.is_whole);
    CHECK(is_refused(out.data, out.size));
    sm_buf_destroy(&out);
  }
}

static void a_packet_that_is_there_is_kept(void) {
  for (int i = 0; i < SAMPLES; i++) {
    struct sm_buf out;
    CHECK(put_into(&out, samples[i].bytes, samples[i].size, xmp));
    CHECK(is_refused(out.data, out.size));
    sm_buf_destroy(&out);
  }
}

static void exif_stays_first_and_a_trailer_last(void) {
  static const char exif[] = "\xff\xe1\0\x0a"
                             "Exif\0\0..";
  struct sm_buf with, out;
  insert(&with, &samples[1], 2, exif, 12);
  CHECK(put_into(&out, with.data, with.size, xmp));
  CHECK(memcmp(out.data, with.data, 12 + 20) == 0);
  CHECK(says(&out, xmp, &samples[1]));
  sm_buf_destroy(&out);
  sm_buf_destroy(&with);
  for (int i = 0; i < SAMPLES; i++) {
    sm_buf_create(&with, 0x10000);
    (void)sm_buf_append(&with, samples[i].bytes, samples[i].size, NULL);
    (void)sm_buf_append(&with, "trailer", 7, NULL);
    CHECK(put_into(&out, with.data, with.size, xmp));
    CHECK(memcmp(out.data + out.size - 7, "trailer", 7) == 0);
    CHECK(find(out.data, out.size).xmp_size == sizeof xmp - 1);
    sm_buf_destroy(&out);
    sm_buf_destroy(&with);
  }
}

/* What cannot be walked is not touched, wherever it is cut. */
static void a_damaged_container_is_left_alone(void) {
  CHECK(is_refused(sample_gif, sizeof sample_gif));
  CHECK(is_refused("nothing", 7));
  CHECK(is_refused("", 0));
  for (int i = 0; i < SAMPLES; i++)
    for (size_t size = 1; size < samples[i].size; size++) {
      struct sm_buf out;
      unsigned char *cut = malloc(size); /* a reader who goes too far is seen */
      memcpy(cut, samples[i].bytes, size);
      if (put_into(&out, cut, size, xmp))
        CHECK(samples[i].bytes[0] == 0xff); /* a JPEG's scan is not read */
      sm_buf_destroy(&out);
      free(cut);
    }
  struct sm_buf odd;
  insert(&odd, &samples[2], sizeof sample_webp_lossy, "EXIF\2\0\0\0..", 10);
  CHECK(is_refused(odd.data, odd.size));
  sm_buf_destroy(&odd);
}

static void a_jpeg_takes_as_much_as_a_segment_does(void) {
  char *packet = malloc(65504);
  struct sm_buf out;
  memset(packet, 'x', 65503);
  packet[65503] = '\0';
  CHECK(!put_into(&out, sample_jpeg, sizeof sample_jpeg, packet));
  CHECK(put_into(&out, sample_png, sizeof sample_png, packet));
  CHECK(says(&out, packet, &samples[0]));
  sm_buf_destroy(&out);
  packet[65502] = '\0';
  CHECK(put_into(&out, sample_jpeg, sizeof sample_jpeg, packet));
  CHECK(says(&out, packet, &samples[1]));
  sm_buf_destroy(&out);
  free(packet);
}

static const char *filled(const struct sm_metadata *metadata) {
  static struct sm_buf out;
  const struct sm_source source = {.bytes = (const unsigned char *)"abc",
                                   .size = 3};
  sm_buf_destroy(&out);
  sm_buf_create(&out, 1000);
  CHECK(sm_metadata_beside(metadata, &source, &out, NULL) == SM_OK);
  return sm_buf_text(&out);
}

static void places_are_filled_and_lines_without_a_value_left_out(void) {
  struct sm_metadata *metadata;
  CHECK(sm_metadata_new(&metadata, "",
                        "a\nid \1i.\ncost \1c\nseed \1s\nat \1d\n\1x\nz \1",
                        NULL) == SM_OK);
  CHECK(strcmp(filled(metadata), "a\n") == 0);
  (void)setlocale(LC_ALL, "de_DE.UTF-8");
  sm_metadata_tell(metadata, "ab-1_.", "-12", 0.04, 1764169149123);
  CHECK(strcmp(filled(metadata), "a\nid ab-1_..\ncost 0.04\nseed -12\n"
                                 "at 2025-11-26T14:59:09Z\n") == 0);
  sm_metadata_tell(metadata, "<b>", "nan", (double)NAN, 0);
  sm_metadata_tell(metadata, NULL, "\"", -1, -5);
  CHECK(strstr(filled(metadata), "ab-1_.") && strstr(filled(metadata), "-12"));
  sm_metadata_tell(metadata, "c", "0", 2, 0);
  CHECK(strstr(filled(metadata), "id c.\ncost 2.0\nseed 0\n"));
  sm_metadata_delete(metadata);
  metadata = metadata_of("");
  CHECK(strstr(filled(metadata), "ba7816bf8f01cfea"));
  sm_metadata_delete(metadata);
  sm_metadata_tell(NULL, "a", "1", 1, 1);
}

static void a_secret_is_taken_out_of_both_texts(void) {
  struct sm_metadata *metadata;
  struct sm_buf out;
  const struct sm_source source = {.bytes = sample_png,
                                   .size = sizeof sample_png};
  bool is_put;
  CHECK(sm_metadata_new(&metadata, "<a>S3CRETS3CRET</a>", "S3CRET", NULL) ==
        SM_OK);
  sm_metadata_hide(metadata, "S3CRET");
  sm_metadata_hide(metadata, "");
  sm_metadata_hide(metadata, NULL);
  CHECK(strcmp(filled(metadata), "******") == 0);
  sm_buf_create(&out, 10000);
  CHECK(sm_metadata_put(metadata, &source, collect, &out, &is_put, NULL) ==
        SM_OK);
  CHECK(says(&out, "<a>************</a>", &samples[0]));
  sm_buf_destroy(&out);
  sm_metadata_delete(metadata);
}

/* -- files ----------------------------------------------------------------- */

static bool save(const char *path, const void *bytes, size_t size,
                 struct sm_error *e) {
  struct sm_metadata *metadata = metadata_of(xmp);
  char *final_path = NULL;
  enum sm_code code =
      sm_file_save(path, bytes, size, metadata, false, &final_path, e);
  free(final_path);
  sm_metadata_delete(metadata);
  return code == SM_OK;
}

static void a_picture_that_takes_none_has_a_file_beside_it(void) {
  enter();
  CHECK(save(in_folder("a.gif"), sample_gif, sizeof sample_gif, NULL));
  CHECK(holds(in_folder("a.gif"), sample_gif, sizeof sample_gif));
  char text[200] = "";
  FILE *file = fopen(in_folder("a.gif.json"), "r");
  CHECK(file && fread(text, 1, sizeof text - 1, file) > 80);
  if (file)
    (void)fclose(file);
  CHECK(strstr(text, "{\"segmind\":1,\n\"sha256\":\"") == text);
  /* Saved again, what we wrote is replaced. */
  CHECK(save(in_folder("a.gif"), sample_gif, sizeof sample_gif, NULL));
  CHECK(save(in_folder("b"), sample_png, sizeof sample_png, NULL));
  CHECK(leave() == 3);
}

static void a_file_of_another_program_is_not_replaced(void) {
  struct sm_error e;
  enter();
  put(in_folder("a.gif.json"), "{\"mine\": true}", 14);
  CHECK(!save(in_folder("a.gif"), sample_gif, sizeof sample_gif, &e));
  CHECK(e.code == SM_IO && strstr(e.message, "a.gif.json: there is another"));
  CHECK(holds(in_folder("a.gif.json"), "{\"mine\": true}", 14));
  CHECK(save(in_folder("a.png"), sample_png, sizeof sample_png, &e));
  CHECK(leave() == 2);
  enter();
  CHECK(symlink("nowhere", in_folder("a.gif.json")) == 0);
  CHECK(!save(in_folder("a.gif"), sample_gif, sizeof sample_gif, &e));
  CHECK(leave() == 1);
}

static void the_hash_is_that_of_what_was_written(void) {
  struct sm_metadata *metadata = metadata_of(xmp);
  struct sm_file *file;
  char hex[SM_SHA256_HEX];
  enter();
  CHECK(sm_file_new(&file, in_folder("a.png"), false, NULL) == SM_OK);
  CHECK(sm_file_want_sha256(file, NULL) == SM_OK);
  sm_file_describe(file, metadata);
  CHECK(sm_file_write(file, sample_png, sizeof sample_png, NULL) == SM_OK);
  CHECK(sm_file_commit(file, NULL) == SM_OK);
  (void)sm_sha256_of(hex, sample_png, sizeof sample_png, NULL);
  CHECK(strcmp(hex, sm_file_sha256(file)) == 0);
  CHECK(sm_file_size(file) == sizeof sample_png);
  CHECK(!holds(in_folder("a.png"), sample_png, sizeof sample_png));
  sm_file_delete(file);
  sm_metadata_delete(metadata);
  CHECK(leave() == 1);
}

int main(void) {
  a_packet_goes_into_each_container();
  every_other_byte_stays();
  an_extended_webp_keeps_its_flags_and_gets_one();
  a_signed_picture_stays_as_it_is();
  a_packet_that_is_there_is_kept();
  exif_stays_first_and_a_trailer_last();
  a_damaged_container_is_left_alone();
  a_jpeg_takes_as_much_as_a_segment_does();
  places_are_filled_and_lines_without_a_value_left_out();
  a_secret_is_taken_out_of_both_texts();
  a_picture_that_takes_none_has_a_file_beside_it();
  a_file_of_another_program_is_not_replaced();
  the_hash_is_that_of_what_was_written();
  return check_report("sm_metadata");
}
