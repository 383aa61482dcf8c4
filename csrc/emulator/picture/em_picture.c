#include "em_picture.h"

#include "em_caption.h"
#include "em_codec.h"
#include "em_compose.h"
#include "em_fit.h"
#include "em_look.h"
#include "em_random.h"
#include "em_raster.h"
#include "em_scene.h"

#include <stdio.h>
#include <string.h>

/* What the painter is made for. */
enum { SHORTEST = 64, LONGEST = 2048 };

static const char badge[] = "emulator - no model ran";
static const char no_memory[] = "out of memory";

/* What a render holds on the way. */
struct render {
  const struct em_picture_job *job;
  struct em_part parts[EM_INPUT_MAX];
  struct em_size size; /* caption included */
  uint64_t key;
  gdImagePtr canvas;
};

static int complain(char *message, size_t size, const char *text) {
  if (size > 0)
    snprintf(message, size, "%s", text);
  return -1;
}

static const char *prompt_of(const struct em_picture_job *job) {
  return job->prompt ? job->prompt : "";
}

static const char *model_of(const struct em_picture_job *job) {
  return job->model ? job->model : "";
}

/* Everything that should make a difference, but for the pictures. */
static uint64_t key_of(const struct em_picture_job *job) {
  uint64_t key = em_random_hash(prompt_of(job), (uint64_t)job->seed);
  return em_random_hash(model_of(job), key);
}

/* A strip that an earlier edit left is no part of the picture. */
static void measure(struct em_part *part) {
  int strip = em_caption_found(part->image);
  part->box = (struct em_box){0, 0, part->image->sx, part->image->sy - strip};
}

static int decode_inputs(struct render *render, char *message, size_t size) {
  const struct em_picture_job *job = render->job;
  if (job->input_count < 0 || job->input_count > EM_INPUT_MAX)
    return complain(message, size, "so many pictures cannot be edited");
  for (int i = 0; i < job->input_count; i++) {
    const char *why = no_memory;
    render->parts[i].image =
        em_codec_decode(job->inputs[i].data, job->inputs[i].size, &why);
    if (!render->parts[i].image) {
      if (size > 0)
        snprintf(message, size, "input picture %d: %s", i + 1, why);
      return -1;
    }
    measure(&render->parts[i]);
  }
  return 0;
}

static int clamp_side(int side) {
  return side < SHORTEST ? SHORTEST : side > LONGEST ? LONGEST : side;
}

static void choose_size(struct render *render) {
  struct em_size input = {0, 0};
  gdImagePtr first = render->parts[0].image;
  if (first)
    input = (struct em_size){first->sx, first->sy};
  render->size = em_fit_size(render->job->aspect_ratio, input);
  if (render->job->width > 0 && render->job->height > 0)
    render->size = (struct em_size){clamp_side(render->job->width),
                                    clamp_side(render->job->height)};
}

/* Each further picture is composed with all before it. */
static gdImagePtr compose_all(const struct render *render, int height) {
  const char *prompt = prompt_of(render->job);
  struct em_part made = render->parts[0];
  int width = render->size.width;
  for (int i = 1; i < render->job->input_count; i++) {
    gdImagePtr image = em_compose(&made, &render->parts[i], width, height,
                                  prompt, render->key);
    if (i > 1)
      gdImageDestroy(made.image);
    if (!image)
      return NULL;
    made = (struct em_part){image, {0, 0, image->sx, image->sy}};
  }
  return made.image;
}

/* The picture without look and caption. */
static gdImagePtr draw_ground(const struct render *render, int height) {
  const struct em_part *parts = render->parts;
  int width = render->size.width;
  if (render->job->input_count > 1)
    return compose_all(render, height);
  if (render->job->input_count == 1)
    return em_fit_picture(parts[0].image, parts[0].box, width, height);
  struct em_scene scene = em_scene_choose(prompt_of(render->job), render->key);
  return em_scene_draw(&scene, width, height);
}

static void draw_caption(const struct render *render) {
  const struct em_picture_job *job = render->job;
  char detail[64];
  snprintf(detail, sizeof detail, "step %d  seed %lld", job->step, job->seed);
  struct em_caption caption = {model_of(job), detail, prompt_of(job), badge};
  em_caption_draw(render->canvas, &caption);
}

static int draw(struct render *render) {
  int width = render->size.width, height = render->size.height;
  int picture = height - em_caption_height(width, height);
  gdImagePtr ground = draw_ground(render, picture);
  int result = -1;
  if (!ground)
    return -1;
  em_raster_flatten(ground, 0xffffff);
  if (em_look_apply(ground, prompt_of(render->job), render->key,
                    render->job->input_count == 0) == 0)
    render->canvas = gdImageCreateTrueColor(width, height);
  if (render->canvas) {
    em_raster_paste(render->canvas, ground, 0, 0);
    draw_caption(render);
    result = 0;
  }
  gdImageDestroy(ground);
  return result;
}

static void render_free(struct render *render) {
  for (int i = 0; i < EM_INPUT_MAX; i++)
    if (render->parts[i].image)
      gdImageDestroy(render->parts[i].image);
  if (render->canvas)
    gdImageDestroy(render->canvas);
}

int em_picture_render(const struct em_picture_job *job, unsigned char **data,
                      size_t *size, char *message, size_t message_size) {
  struct render render = {.job = job, .key = key_of(job)};
  const char *why = no_memory;
  *data = NULL;
  *size = 0;
  int result = decode_inputs(&render, message, message_size);
  if (result == 0) {
    choose_size(&render);
    result = draw(&render);
    if (result == 0)
      result = em_codec_encode(render.canvas, job->format, job->quality, data,
                               size, &why);
    if (result != 0)
      complain(message, message_size, why);
  }
  render_free(&render);
  return result;
}

/* A name is a URL or a path: its last part tells most. */
static const char *last_part(const char *name) {
  const char *slash = strrchr(name, '/');
  return slash && slash[1] ? slash + 1 : name;
}

static gdImagePtr draw_stand_in(const char *name) {
  struct em_scene scene = em_scene_choose(name, 1);
  int land = scene.kind == EM_SCENE_LAND;
  int width = land ? 1248 : 832, height = land ? 832 : 1248;
  int picture = height - em_caption_height(width, height);
  gdImagePtr image = em_raster_new(width, height, 0);
  gdImagePtr ground = em_scene_draw(&scene, width, picture);
  struct em_caption caption = {"stand-in", "for a picture out of reach",
                               last_part(name), badge};
  if (image && ground) {
    em_raster_paste(image, ground, 0, 0);
    em_caption_draw(image, &caption);
  } else if (image) {
    gdImageDestroy(image);
    image = NULL;
  }
  if (ground)
    gdImageDestroy(ground);
  return image;
}

int em_picture_stand_in(const char *name, unsigned char **data, size_t *size) {
  const char *why;
  *data = NULL;
  *size = 0;
  gdImagePtr image = draw_stand_in(name ? name : "");
  if (!image)
    return -1;
  int result = em_codec_encode(image, "png", 0, data, size, &why);
  gdImageDestroy(image);
  return result;
}

const char *em_picture_media_type(const unsigned char *data, size_t size) {
  return em_codec_media_type(data, size);
}
