#include "em_painter.h"

#include <gdfontmb.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "em_codec.h"
#include "em_random.h"

/* Of outputs: the model's own, and what a job may ask for. */
enum { GRID = 16, MEGAPIXEL = 1024 * 1024 };
enum { SHORTEST = 64, LONGEST = 2048 };

enum { PAPER = 0xf4efe6 };

/* The pictures of examples/pictures, put into the program by the build; they
 * are only read. */
extern unsigned char em_sample_portrait[], em_sample_portrait_end[];
extern unsigned char em_sample_woman[], em_sample_woman_end[];
extern unsigned char em_sample_man[], em_sample_man_end[];
extern unsigned char em_sample_dress[], em_sample_dress_end[];
extern unsigned char em_sample_landscape[], em_sample_landscape_end[];

struct sample {
  const char *words;
  unsigned char *data, *end;
};

#define SAMPLE(name) em_sample_##name, em_sample_##name##_end
static const struct sample samples[] = {
    {"portrait*,face*,headshot,avatar,selfie,she,her", SAMPLE(portrait)},
    {"woman,girl,lady,model,bride,queen,street*", SAMPLE(woman)},
    {"man,boy,guy,person*,people,king,he,his", SAMPLE(man)},
    {"dress,gown,garment*,outfit*,clothes,clothing", SAMPLE(dress)},
    {"*", SAMPLE(landscape)},
};

/* A decoded picture and the part of it that counts. */
struct part {
  gdImagePtr image;
  gdRect box;
};

struct render {
  const struct em_painter_job *job;
  const char *prompt, *model;
  struct part parts[EM_INPUT_MAX];
  int count;
  int width, height; /* of the result, its caption included */
  uint64_t key;
  gdImagePtr canvas;
};

/* 0 when it is not two positive numbers. */
static double parse_ratio(const char *text) {
  char *end = NULL;
  long width = text ? strtol(text, &end, 10) : 0;
  if (width <= 0 || *end != ':')
    return 0;
  long height = strtol(end + 1, &end, 10);
  return height > 0 && *end == 0 ? (double)width / (double)height : 0;
}

static int is_output_size(int width, int height) {
  int pixels = width <= LONGEST && height <= LONGEST ? width * height : 0;
  return width % GRID == 0 && height % GRID == 0 &&
         pixels > MEGAPIXEL / 10 * 8 && pixels < MEGAPIXEL / 10 * 12;
}

static int on_grid(double side) { return (int)(side / GRID + 0.5) * GRID; }

static void choose_closest(struct render *render, double ratio) {
  ratio = ratio < 0.25 ? 0.25 : ratio > 4 ? 4 : ratio;
  render->width = on_grid(sqrt(MEGAPIXEL * ratio));
  render->height = on_grid(render->width / ratio);
}

static int clamp_side(int side) {
  return side < SHORTEST ? SHORTEST : side > LONGEST ? LONGEST : side;
}

/* A chain of edits keeps its size: an input that has an output's is let be. */
static void choose_size(struct render *render) {
  const struct em_painter_job *job = render->job;
  double ratio = parse_ratio(job->aspect_ratio);
  gdImagePtr first = render->parts[0].image;
  if (job->width > 0 && job->height > 0) {
    render->width = clamp_side(job->width);
    render->height = clamp_side(job->height);
  } else if (ratio > 0 || job->input_count == 0) {
    choose_closest(render, ratio > 0 ? ratio : 1);
  } else if (is_output_size(first->sx, first->sy)) {
    render->width = first->sx;
    render->height = first->sy;
  } else {
    choose_closest(render, (double)first->sx / first->sy);
  }
}

/* A strip that an earlier edit left is no part of the picture. */
static int add_part(struct render *render, struct em_bytes file,
                    struct em_error *error) {
  gdImagePtr image = em_codec_decode(file, error);
  if (!image)
    return -1;
  render->parts[render->count++] = (struct part){
      image, {0, 0, image->sx, image->sy - em_caption_found(image)}};
  return 0;
}

/* Each prompt and seed sees a part of the sample of its own. */
static int add_sample(struct render *render, struct em_error *error) {
  struct em_random random = {render->key};
  const struct sample *sample = samples;
  while (sample->words[0] != '*' &&
         !em_look_has_word(render->prompt, sample->words))
    sample++;
  struct em_bytes file = {sample->data, (size_t)(sample->end - sample->data)};
  if (add_part(render, file, error))
    return -1;
  gdRect *box = &render->parts[0].box;
  int share = 76 + em_random_below(&random, 25);
  int left = box->width, above = box->height;
  box->width = box->width * share / 100;
  box->height = box->height * share / 100;
  box->x = em_random_below(&random, left - box->width + 1);
  box->y = em_random_below(&random, above - box->height + 1);
  return 0;
}

static int add_inputs(struct render *render, struct em_error *error) {
  const struct em_painter_job *job = render->job;
  struct em_error why;
  if (job->input_count < 0 || job->input_count > EM_INPUT_MAX)
    return em_fail(error, "more than %d pictures", EM_INPUT_MAX);
  for (int i = 0; i < job->input_count; i++)
    if (add_part(render, job->inputs[i], &why))
      return em_fail(error, "input picture %d: %.400s", i + 1, why.text);
  return render->count == 0 ? add_sample(render, error) : 0;
}

/* The largest part of `box` of that shape: centred from left to right; of a
 * tall picture the upper part, so that nobody loses their head. */
static gdRect cropped(gdRect box, int width, int height) {
  gdRect part = box;
  if ((long long)box.width * height > (long long)box.height * width)
    part.width = (int)((long long)box.height * width / height);
  else
    part.height = (int)((long long)box.width * height / width);
  part.width += part.width == 0;
  part.height += part.height == 0;
  part.x += (box.width - part.width) / 2;
  part.y += (box.height - part.height) / (box.height > box.width ? 10 : 2);
  return part;
}

/* Fills a place of the canvas with the part. */
static void fill(gdImagePtr canvas, gdRect at, const struct part *part) {
  gdRect from = cropped(part->box, at.width, at.height);
  if (from.width == at.width && from.height == at.height)
    gdImageCopy(canvas, part->image, at.x, at.y, from.x, from.y, at.width,
                at.height);
  else
    gdImageCopyResampled(canvas, part->image, at.x, at.y, from.x, from.y,
                         at.width, at.height, from.width, from.height);
}

/* One picture everywhere; several side by side, or one above the other where
 * that gives them more room. */
static void compose(const struct render *render, int height) {
  int width = render->width, count = render->count;
  int gap = count == 1 ? 0 : (width < height ? width : height) / 32;
  bool is_tall = height > width * 5 / 4;
  int share = ((is_tall ? height : width) - (count + 1) * gap) / count;
  gdRect at = {gap, gap, width - 2 * gap, height - 2 * gap};
  *(is_tall ? &at.height : &at.width) = share < 1 ? 1 : share;
  for (int i = 0; i < count; i++) {
    fill(render->canvas, at, &render->parts[i]);
    *(is_tall ? &at.y : &at.x) += share + gap;
  }
}

/* The strip below every picture that says where it comes from: the model, the
 * step in a chain of edits, the seed, the prompt, and that no model was run.
 *
 * It begins with a coloured rule, so that the next edit finds the strip and
 * cuts it off: captions of a chain do not pile up. The font is one of libgd's
 * own, drawn at twice its size; it is ASCII, other letters are drawn as '?'. */
/* In pixels of the strip, which is drawn at half its size. */
enum { SCALE = 2, RULE = 3, LINE = 16, MARGIN = 8, TOP = 8, LINES = 3 };

/* The badge, the widest of what has to fit, needs as much. */
enum { NARROWEST = 416 };

enum { INK = 0xf6f2e8, SLATE = 0x17181f, QUIET = 0xa9adb8, ACCENT = 0xffb000 };

static const char badge[] = "emulator: no model was run";

int em_caption_height(int width, int height) {
  int strip = (MARGIN + LINES * LINE) * SCALE;
  return width >= NARROWEST && height >= 2 * strip ? strip : 0;
}

/* As JPEG and WebP leave it at low quality. */
static int is_near(int pixel, int colour) {
  return abs(gdTrueColorGetRed(pixel) - gdTrueColorGetRed(colour)) +
             abs(gdTrueColorGetGreen(pixel) - gdTrueColorGetGreen(colour)) +
             abs(gdTrueColorGetBlue(pixel) - gdTrueColorGetBlue(colour)) <
         64;
}

static int row_is(gdImagePtr image, int y, int colour) {
  int hits = 0, tried = 0;
  for (int x = 8; x < image->sx - 8; x += 8, tried++)
    hits += is_near(gdImageTrueColorPixel(image, x, y), colour);
  return hits * 100 > tried * 95;
}

int em_caption_found(gdImagePtr image) {
  int height = em_caption_height(image->sx, image->sy);
  int top = image->sy - height;
  return height > 0 && row_is(image, top + RULE, ACCENT) &&
                 row_is(image, top + RULE * SCALE + 3, SLATE) &&
                 row_is(image, image->sy - 3, SLATE)
             ? height
             : 0;
}

/* One letter of UTF-8 as ASCII; moves past it. */
static int next_letter(const char **text) {
  unsigned char first = (unsigned char)*(*text)++;
  if (first < 0x80)
    return first < ' ' || first == 0x7f ? ' ' : first;
  while ((**text & 0xc0) == 0x80)
    ++*text;
  return '?';
}

/* Returns what of the text has no room in the line. */
static const char *draw_text(gdImagePtr strip, int x, int line,
                             const char *text, int colour) {
  gdFontPtr font = gdFontGetMediumBold();
  for (; *text && x + font->w <= strip->sx - MARGIN; x += font->w)
    gdImageChar(strip, font, x, TOP + line * LINE, next_letter(&text), colour);
  return text;
}

/* The badge lies over the end of the prompt. */
static void draw_words(gdImagePtr strip, const struct render *render) {
  int letter = gdFontGetMediumBold()->w, top = TOP + (LINES - 1) * LINE;
  int beside = MARGIN + letter * (int)(strlen(render->model) + 1);
  int badge_x = strip->sx - MARGIN - letter * (int)strlen(badge);
  char detail[64];
  snprintf(detail, sizeof detail, "step %d  seed %lld", render->job->step,
           render->job->seed);
  draw_text(strip, MARGIN, 0, render->model, ACCENT);
  draw_text(strip, beside, 0, detail, QUIET);
  const char *rest = draw_text(strip, MARGIN, 1, render->prompt, INK);
  draw_text(strip, MARGIN, 2, rest, INK);
  gdImageFilledRectangle(strip, badge_x - MARGIN / 2, top - 1, strip->sx,
                         top + LINE - 3, ACCENT);
  draw_text(strip, badge_x, LINES - 1, badge, SLATE);
}

/* Draws the strip over the lowest em_caption_height() rows.
 * Errors: -1, out of memory. */
static int draw_caption(const struct render *render) {
  gdImagePtr image = render->canvas;
  int height = em_caption_height(image->sx, image->sy);
  int width = image->sx / SCALE;
  if (height == 0)
    return 0;
  gdImagePtr strip = gdImageCreateTrueColor(width, height / SCALE);
  if (!strip)
    return -1;
  gdImageFilledRectangle(strip, 0, 0, width - 1, strip->sy - 1, SLATE);
  gdImageFilledRectangle(strip, 0, 0, width - 1, RULE - 1, ACCENT);
  draw_words(strip, render);
  gdImageCopyResized(image, strip, 0, image->sy - height, 0, 0, image->sx,
                     height, width, strip->sy);
  gdImageDestroy(strip);
  return 0;
}

/* A stand-in, which no edit has made, keeps the sample's own look; of several
 * pictures the composition is the edit. */
static int draw(struct render *render) {
  int width = render->width, height = render->height;
  render->canvas = gdImageCreateTrueColor(width, height);
  if (!render->canvas)
    return -1;
  gdImageFilledRectangle(render->canvas, 0, 0, width - 1, height - 1, PAPER);
  compose(render, height - em_caption_height(width, height));
  if (render->job->step > 0 && em_look_apply(render->canvas, render->prompt,
                                             render->key, render->count == 1))
    return -1;
  return draw_caption(render);
}

/* All that makes a difference, but for the pictures. */
static struct render begin(const struct em_painter_job *job) {
  struct render render = {.job = job,
                          .prompt = job->prompt ? job->prompt : "",
                          .model = job->model ? job->model : ""};
  render.key = em_random_hash(render.prompt, (uint64_t)job->seed);
  render.key = em_random_hash(render.model, render.key);
  return render;
}

struct em_bytes em_painter_render(const struct em_painter_job *job,
                                  struct em_error *error) {
  struct render render = begin(job);
  struct em_bytes file = {0};
  if (add_inputs(&render, error) == 0) {
    choose_size(&render);
    if (draw(&render))
      em_fail(error, "out of memory");
    else
      file = em_codec_encode(render.canvas, job->format, job->quality, error);
  }
  for (int i = 0; i < render.count; i++)
    gdImageDestroy(render.parts[i].image);
  if (render.canvas)
    gdImageDestroy(render.canvas);
  return file;
}

struct em_bytes em_painter_stand_in(const char *name, struct em_error *error) {
  const struct em_painter_job job = {.model = "stand-in",
                                     .prompt = name,
                                     .aspect_ratio = "4:5",
                                     .format = "png"};
  return em_painter_render(&job, error);
}

struct em_bytes em_painter_plain(uint32_t colour, const char *format,
                                 struct em_error *error) {
  struct em_bytes file = {0};
  gdImagePtr image = gdImageCreateTrueColor(16, 16);
  if (image) {
    gdImageFilledRectangle(image, 0, 0, 15, 15, (int)(colour & 0xffffff));
    file = em_codec_encode(image, format, 90, error);
    gdImageDestroy(image);
  }
  return file;
}
