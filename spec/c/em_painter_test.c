/* The emulator's painter: sizes, repeatability, composition, formats, and what
 * it refuses. Needs libgd and the emulator's drawing sources; no files, no
 * network. */
#include "check.h"

#include "em_codec.h"
#include "em_painter.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct em_bytes plain(int width, int height, int colour,
                             const char *format) {
  struct em_error error;
  gdImagePtr image = gdImageCreateTrueColor(width, height);
  gdImageFilledRectangle(image, 0, 0, width - 1, height - 1, colour);
  struct em_bytes bytes = em_codec_encode(image, format, 90, &error);
  gdImageDestroy(image);
  return bytes;
}

static struct em_bytes render(struct em_painter_job job,
                              const struct em_bytes *inputs, int count) {
  struct em_error error = {""};
  for (int i = 0; i < count; i++)
    job.inputs[i] = inputs[i];
  job.input_count = count;
  struct em_bytes out = em_painter_render(&job, &error);
  if (!out.data)
    fprintf(stderr, "render: %s\n", error.text);
  return out;
}

/* Large enough for a caption. */
enum { WIDTH = 448, HEIGHT = 320 };

static struct em_painter_job job_with(const char *prompt) {
  return (struct em_painter_job){.model = "flux-kontext-pro",
                                 .prompt = prompt,
                                 .width = WIDTH,
                                 .height = HEIGHT,
                                 .seed = 42,
                                 .format = "png",
                                 .quality = 90,
                                 .step = 1};
}

static int same(struct em_bytes a, struct em_bytes b) {
  return a.data && b.data && a.size == b.size &&
         memcmp(a.data, b.data, a.size) == 0;
}

static int type_is(struct em_bytes bytes, const char *type) {
  const char *found = em_codec_media_type(bytes);
  return found && strcmp(found, type) == 0;
}

static gdImagePtr decoded(struct em_bytes bytes) {

  struct em_error error;
  return em_codec_decode(bytes, &error);
}

static void gives_every_ratio_that_is_asked_for(void) {
  static const struct {
    const char *name;
    double ratio;
  } ratios[] = {{"1:1", 1},         {"16:9", 16 / 9.},
                {"9:16", 9 / 16.},  {"4:3", 4 / 3.},
                {"3:4", 3 / 4.},    {"3:2", 3 / 2.},
                {"2:3", 2 / 3.},    {"4:5", 4 / 5.},
                {"5:4", 5 / 4.},    {"21:9", 21 / 9.},
                {"9:21", 9 / 21.},  {"2:1", 2},
                {"1:2", 1 / 2.},    {"match_input_image", 400 / 300.},
                {NULL, 400 / 300.}, {"nonsense", 400 / 300.}};
  struct em_bytes input = plain(400, 300, 0x8090a0, "png");
  for (size_t i = 0; i < sizeof ratios / sizeof *ratios; i++) {
    int width = 0, height = 0;
    struct em_painter_job job = job_with("Make it night");
    job.aspect_ratio = ratios[i].name;
    job.format = "jpg";
    job.width = job.height = job.step = 0;
    struct em_bytes out = render(job, &input, 1);
    CHECK(em_codec_dimensions(out, &width, &height) == 0);
    CHECK(width % 16 == 0 && height % 16 == 0);
    CHECK(fabs((double)width / height / ratios[i].ratio - 1) < 0.02);
    CHECK(width * height > 900 * 1000 && width * height < 1200 * 1000);
    free(out.data);
  }
  free(input.data);
}

static void the_same_job_gives_the_same_bytes(void) {
  struct em_bytes input = plain(640, 480, 0x40a060, "png");
  struct em_painter_job job = job_with("A rainy night in winter, oil painting");
  struct em_bytes first = render(job, &input, 1),
                  second = render(job, &input, 1);
  CHECK(same(first, second));
  job.seed = 43;
  struct em_bytes other_seed = render(job, &input, 1);
  CHECK(other_seed.data && !same(first, other_seed));
  job.seed = 42;
  job.prompt = "A sunny day in spring, oil painting";
  struct em_bytes other_prompt = render(job, &input, 1);
  CHECK(other_prompt.data && !same(first, other_prompt));
  free(first.data);
  free(second.data);
  free(other_seed.data);
  free(other_prompt.data);
  free(input.data);
}

static long luma(int pixel) {
  return (gdTrueColorGetRed(pixel) * 77L + gdTrueColorGetGreen(pixel) * 150L +
          gdTrueColorGetBlue(pixel) * 29L) >>
         8;
}

/* Above the caption, so that the seed that is written there does not count. */
static long difference(gdImagePtr one, gdImagePtr two) {
  long sum = 0, pixels = 0;
  for (int y = 0;
       one && two && y < one->sy - em_caption_height(one->sx, one->sy); y++)
    for (int x = 0; x < one->sx; x++, pixels++)
      sum += labs(luma(one->tpixels[y][x]) - luma(two->tpixels[y][x]));
  return pixels ? sum / pixels : 0;
}

/* Ownership: the caller's; NULL when it was not drawn. */
static gdImagePtr rendered(struct em_painter_job job, struct em_bytes *input) {
  struct em_bytes out = render(job, input, 1);
  gdImagePtr image = decoded(out);
  free(out.data);
  return image;
}

static void forget(gdImagePtr image) {
  if (image)
    gdImageDestroy(image);
}

static void a_seed_is_seen_in_the_picture(void) {
  static const char *const prompts[] = {"Add a hat", "Pencil sketch",
                                        "Comic poster", "Night"};
  struct em_bytes input = plain(640, 480, 0x9080a0, "png");
  for (size_t i = 0; i < sizeof prompts / sizeof *prompts; i++) {
    struct em_painter_job job = job_with(prompts[i]);
    gdImagePtr first = rendered(job, &input);
    job.seed = 1234567;
    gdImagePtr second = rendered(job, &input);
    CHECK(difference(first, second) >= 1);
    forget(first);
    forget(second);
  }
  free(input.data);
}

/* Every look, on a picture with something to see in it. */
static void an_edit_differs_from_its_input_and_from_other_edits(void) {
  static const char *const prompts[] = {
      "Night",           "Noon",        "Winter",        "Autumn",
      "In the rain",     "Sepia",       "Black & white", "Pencil sketch",
      "An oil painting", "Comic cover", "Pixel art",     "Neon",
      "A marble statue", "Negative",    "Bokeh",         "A real photo",
      "Add a hat",       "Add a cat"};
  enum { COUNT = sizeof prompts / sizeof *prompts };
  gdImagePtr edits[COUNT];
  struct em_painter_job small = {.prompt = "A portrait", .format = "png"};
  small.width = 256;
  small.height = 320;
  struct em_bytes input = render(small, NULL, 0);
  gdImagePtr before = decoded(input);
  for (int i = 0; i < COUNT; i++) {
    struct em_painter_job job = job_with(prompts[i]);
    job.width = 256;
    job.height = 320;
    edits[i] = rendered(job, &input);
    CHECK(difference(before, edits[i]) >= 2);
    for (int k = 0; k < i; k++)
      CHECK(difference(edits[k], edits[i]) >= 2);
  }
  for (int i = 0; i < COUNT; i++)
    forget(edits[i]);
  forget(before);
  free(input.data);
}

static void *paint_in_oil(void *arg) {
  struct em_bytes *out = arg;
  *out = render(job_with("A landscape, oil painting"), NULL, 0);
  return NULL;
}

static void threads_do_not_disturb_each_other(void) {
  enum { COUNT = 3 };
  pthread_t threads[COUNT];
  struct em_bytes made[COUNT], alone;
  paint_in_oil(&alone);
  for (int i = 0; i < COUNT; i++)
    CHECK(!pthread_create(&threads[i], NULL, paint_in_oil, &made[i]));
  for (int i = 0; i < COUNT; i++) {
    pthread_join(threads[i], NULL);
    CHECK(same(alone, made[i]));
    free(made[i].data);
  }
  free(alone.data);
}

static void count_colours(struct em_bytes bytes, long *reds, long *blues) {
  gdImagePtr image = decoded(bytes);
  *reds = *blues = 0;
  for (int y = 0; image && y < image->sy; y++)
    for (int x = 0; x < image->sx; x++) {
      int red = gdTrueColorGetRed(image->tpixels[y][x]);
      int blue = gdTrueColorGetBlue(image->tpixels[y][x]);
      *reds += red > blue + 60;
      *blues += blue > red + 60;
    }
  forget(image);
}

static void both_pictures_are_in_a_composed_one(void) {
  static const char *const prompts[] = {"Both side by side",
                                        "Put it on her",
                                        "A selfie with him",
                                        "Mix",
                                        "Blend",
                                        "Join"};
  struct em_bytes inputs[2] = {plain(600, 800, 0xd02020, "jpg"),
                               plain(800, 600, 0x2030d0, "webp")};
  for (size_t i = 0; i < sizeof prompts / sizeof *prompts; i++) {
    long reds, blues;
    struct em_painter_job job = job_with(prompts[i]);
    job.model = "multi-image-kontext-max";
    job.width = i % 2 ? 448 : 320;
    job.height = i % 2 ? 256 : 480;
    struct em_bytes out = render(job, inputs, 2);
    count_colours(out, &reds, &blues);
    CHECK(reds > 20 * 1000);
    CHECK(blues > 20 * 1000);
    free(out.data);
  }
  free(inputs[0].data);
  free(inputs[1].data);
}

static void writes_the_format_that_is_asked_for(void) {
  struct em_painter_job job = job_with("A lake in the mountains");
  struct em_bytes png = render(job, NULL, 0);
  job.format = "jpg";
  struct em_bytes jpg = render(job, NULL, 0);
  job.quality = 20;
  struct em_bytes coarse = render(job, NULL, 0);
  job.format = "webp";
  struct em_bytes webp = render(job, NULL, 0);
  CHECK(type_is(png, "image/png"));
  CHECK(type_is(jpg, "image/jpeg"));
  CHECK(type_is(webp, "image/webp"));
  CHECK(coarse.size > 0 && coarse.size < jpg.size / 2);
  free(png.data);
  free(jpg.data);
  free(coarse.data);
  free(webp.data);
}

static void captions_do_not_pile_up(void) {
  static const char *const formats[] = {"png", "jpg", "webp"};
  for (int i = 0; i < 3; i++) {
    struct em_painter_job job = job_with("A house by the sea");
    job.format = formats[i];
    job.aspect_ratio = "4:3";
    job.width = job.height = job.step = 0;
    struct em_bytes first = render(job, NULL, 0);
    gdImagePtr image = decoded(first);
    CHECK(image &&
          em_caption_found(image) == em_caption_height(image->sx, image->sy));
    job.prompt = "At noon";
    job.aspect_ratio = "match_input_image";
    struct em_bytes second = render(job, &first, 1);
    gdImagePtr next = decoded(second);
    CHECK(next && image && next->sx == image->sx && next->sy == image->sy);
    forget(image);
    forget(next);
    free(first.data);
    free(second.data);
  }
}

static void composes_more_than_two_in_the_size_asked_for(void) {
  struct em_bytes inputs[4];
  static const int colours[] = {0x803030, 0x308030, 0x303080, 0xf0f0f0};
  struct em_painter_job job = job_with("all on one sheet, side by side");
  job.width = 640;
  job.height = 512;
  for (int i = 0; i < 4; i++)
    inputs[i] = plain(300, 200, colours[i], "png");
  struct em_bytes three = render(job, inputs, 3);
  struct em_bytes others[3] = {inputs[0], inputs[1], inputs[3]};
  struct em_bytes changed = render(job, others, 3);
  gdImagePtr image = decoded(three);
  CHECK(image && image->sx == 640 && image->sy == 512);
  CHECK(three.size != changed.size ||
        memcmp(three.data, changed.data, three.size) != 0);
  forget(image);
  free(three.data);
  free(changed.data);
  for (int i = 0; i < 4; i++)
    free(inputs[i].data);
}

/* Smaller than the caption, its badge and its margins. */
static void draws_the_smallest_sizes(void) {
  static const int sides[][2] = {{64, 64},  {64, 512},  {512, 64}, {96, 300},
                                 {320, 96}, {416, 160}, {80, 2048}};
  for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
    struct em_painter_job job = job_with("a cat beside a house, side by side");
    job.width = sides[i][0];
    job.height = sides[i][1];
    struct em_bytes first = render(job, NULL, 0);
    struct em_bytes inputs[] = {first, first, first};
    struct em_bytes second = render(job, inputs, 3);
    gdImagePtr image = decoded(second);
    CHECK(image && image->sx == job.width && image->sy == job.height);
    forget(image);
    free(first.data);
    free(second.data);
  }
}

static int is_refused(struct em_bytes bytes) {
  struct em_error error = {""};
  struct em_painter_job job = job_with("Anything");
  job.inputs[0] = bytes;
  job.input_count = 1;
  struct em_bytes out = em_painter_render(&job, &error);
  free(out.data);
  return !out.data && error.text[0];
}

static void refuses_what_is_no_picture(void) {
  unsigned char text[] = "<html><body>404 not found</body></html>";
  CHECK(is_refused((struct em_bytes){text, sizeof text}));
  CHECK(is_refused((struct em_bytes){text, 0}));
  CHECK(is_refused((struct em_bytes){NULL, 0}));
  CHECK(!em_codec_media_type((struct em_bytes){text, sizeof text}));
}

static void refuses_a_header_that_claims_too_much(void) {
  struct em_bytes png = plain(64, 64, 0, "png");
  static const unsigned char huge[] = {0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30};
  memcpy(png.data + 16, huge, sizeof huge);
  CHECK(is_refused(png));
  free(png.data);
  unsigned char gif[] = "GIF89a\xff\xff\xff\xff\x00\x00\x00;";
  CHECK(is_refused((struct em_bytes){gif, sizeof gif}));
}

/* Damage of every kind: it may be refused or drawn, never crash. */
static int decodes(struct em_bytes bytes) {
  struct em_error error = {""};
  gdImagePtr image = em_codec_decode(bytes, &error);
  CHECK(image || error.text[0]);
  if (!image)
    return 0;
  gdImageDestroy(image);
  return 1;
}

static void survives_damage(void) {
  static const char *const formats[] = {"png", "jpg", "webp"};
  for (int f = 0; f < 3; f++) {
    struct em_bytes good = plain(80, 60, 0x336699, formats[f]);
    for (size_t cut = 0; cut < good.size; cut += good.size / 20 + 1)
      decodes((struct em_bytes){good.data, cut});
    for (size_t at = 12; at < good.size && at < 400; at++) {
      good.data[at] ^= 0xff;
      decodes(good);
      good.data[at] ^= 0xff;
    }
    free(good.data);
  }
}

/* PNG has checksums. */
static void refuses_a_png_whose_pixels_are_damaged(void) {
  struct em_bytes good = plain(80, 60, 0x336699, "png");
  const unsigned char *pixels = memmem(good.data, good.size, "IDAT", 4);
  CHECK(pixels && decodes(good));
  for (size_t i = 4; pixels && i < 12; i++) {
    size_t at = (size_t)(pixels - good.data) + i;
    good.data[at] ^= 0xff;
    CHECK(is_refused(good));
    good.data[at] ^= 0xff;
  }
  free(good.data);
}

static void odd_jobs_are_answered(void) {
  struct em_painter_job job = {.prompt = NULL, .model = NULL, .format = "png"};
  struct em_bytes out = render(job, NULL, 0);
  CHECK(type_is(out, "image/png"));
  free(out.data);
  char *long_prompt = malloc(20001);
  memset(long_prompt, 'x', 20000);
  memcpy(long_prompt, "\xe2\x80\x9cNight\xe2\x80\x9d \xf0\x9f\x98\x80 \xff ",
         19);
  long_prompt[20000] = 0;
  out = render(job_with(long_prompt), NULL, 0);
  CHECK(type_is(out, "image/png"));
  free(out.data);
  free(long_prompt);
  struct em_bytes sliver = plain(3, 900, 0x112233, "png");
  out = render(job_with("Night"), &sliver, 1);
  CHECK(type_is(out, "image/png"));
  free(out.data);
  free(sliver.data);
  struct em_error error = {""};
  job = job_with("Night");
  job.format = "bmp";
  CHECK(!em_painter_render(&job, &error).data);
}

static void a_stand_in_follows_its_name(void) {
  struct em_error error;
  struct em_bytes woman = em_painter_stand_in("woman.png", &error);
  struct em_bytes again = em_painter_stand_in("woman.png", &error);
  struct em_bytes lake = em_painter_stand_in("lake.png", &error);
  CHECK(type_is(woman, "image/png"));
  CHECK(same(woman, again));
  CHECK(!same(woman, lake));
  free(woman.data);
  free(again.data);
  free(lake.data);
}

static void words_are_whole_words(void) {
  CHECK(em_look_has_word("Make it NIGHT now", "day,night"));
  CHECK(!em_look_has_word("a knight", "night"));
  CHECK(!em_look_has_word("nightly", "night"));
  CHECK(em_look_has_word("a painting", "paint*"));
  CHECK(!em_look_has_word("", "night"));
}

int main(void) {
  gives_every_ratio_that_is_asked_for();
  the_same_job_gives_the_same_bytes();
  a_seed_is_seen_in_the_picture();
  an_edit_differs_from_its_input_and_from_other_edits();
  threads_do_not_disturb_each_other();
  both_pictures_are_in_a_composed_one();
  writes_the_format_that_is_asked_for();
  captions_do_not_pile_up();
  composes_more_than_two_in_the_size_asked_for();
  draws_the_smallest_sizes();
  refuses_what_is_no_picture();
  refuses_a_header_that_claims_too_much();
  survives_damage();
  refuses_a_png_whose_pixels_are_damaged();
  odd_jobs_are_answered();
  a_stand_in_follows_its_name();
  words_are_whole_words();
  return check_report("em_painter");
}
