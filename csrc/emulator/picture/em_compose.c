#include "em_compose.h"

#include "em_cutout.h"
#include "em_fit.h"
#include "em_random.h"
#include "em_words.h"

enum way { SIDE_BY_SIDE, PUT_ON, PINNED };

static enum way choose_way(const char *prompt, uint64_t key) {
  struct em_random random = {key};
  if (em_words_has(prompt, "side by side,next to,poster,together,collage,split,"
                           "beside,both,two,hug*,meet*"))
    return SIDE_BY_SIDE;
  if (em_words_has(prompt, "put,wear*,dress*,onto,on top,try on,outfit,clothes,"
                           "place,add,insert,replace,swap,holding"))
    return PUT_ON;
  if (em_words_has(prompt, "selfie,photo of,frame*,inset,background,with"))
    return PINNED;
  return (enum way)em_random_below(&random, 3);
}

static void fill(gdImagePtr image, struct em_box box, int colour) {
  for (int y = (int)box.y; y < (int)(box.y + box.height); y++)
    for (int x = (int)box.x; x < (int)(box.x + box.width); x++)
      if (x >= 0 && y >= 0 && x < image->sx && y < image->sy)
        image->tpixels[y][x] = colour;
}

/* A soft shadow: rings that add up. */
static void shadow(gdImagePtr image, struct em_box box, int reach) {
  for (int y = (int)box.y - reach; y < box.y + box.height + reach; y++)
    for (int x = (int)box.x - reach; x < box.x + box.width + reach; x++) {
      double dx = x < box.x ? box.x - x : x - box.x - box.width;
      double dy = y < box.y ? box.y - y : y - box.y - box.height;
      double far = (dx > 0 ? dx : 0) + (dy > 0 ? dy : 0);
      int dark = (int)(90 * (1 - far / reach));
      if (dark > 0 && x >= 0 && y >= 0 && x < image->sx && y < image->sy)
        image->tpixels[y][x] = em_mix(image->tpixels[y][x], 0x08060c, dark);
    }
}

static int hang(gdImagePtr sheet, const struct em_part *part, struct em_box at,
                int margin) {
  int width = (int)at.width - 2 * margin, height = (int)at.height - 2 * margin;
  gdImagePtr picture = em_fit_crop(part->image, part->box, width, height);
  if (!picture)
    return -1;
  em_raster_flatten(picture, 0xffffff);
  shadow(sheet, (struct em_box){at.x + 6, at.y + 10, at.width, at.height}, 22);
  fill(sheet, at, 0xfdfaf3);
  em_raster_paste(sheet, picture, (int)at.x + margin, (int)at.y + margin);
  gdImageDestroy(picture);
  return 0;
}

/* A sheet whose colour runs from the one picture's to the other's. */
static gdImagePtr sheet_new(const struct em_part *first,
                            const struct em_part *second, int width,
                            int height) {
  gdImagePtr sheet = em_raster_new(width, height, 0);
  int from = em_mix(em_raster_average(first->image), 0x20182c, 110);
  int to = em_mix(em_raster_average(second->image), 0x20182c, 110);
  for (int y = 0; sheet && y < height; y++)
    for (int x = 0; x < width; x++)
      sheet->tpixels[y][x] = em_mix(from, to, 256 * (x + y) / (width + height));
  return sheet;
}

static int is_tall(int width, int height) { return height > width * 5 / 4; }

static gdImagePtr side_by_side(const struct em_part *first,
                               const struct em_part *second, int width,
                               int height) {
  int tall = is_tall(width, height), gap = width / 40 + 8;
  struct em_box box = {gap, gap, width - 2 * gap, height - 2 * gap};
  if (tall)
    box.height = (height - 3 * gap) / 2.0;
  else
    box.width = (width - 3 * gap) / 2.0;
  gdImagePtr sheet = sheet_new(first, second, width, height);
  int result = sheet ? hang(sheet, first, box, 10) : -1;
  if (tall)
    box.y += box.height + gap;
  else
    box.x += box.width + gap;
  if (result == 0)
    result = hang(sheet, second, box, 10);
  if (result != 0 && sheet) {
    gdImageDestroy(sheet);
    sheet = NULL;
  }
  return sheet;
}

/* The largest size of that shape within the given one. */
static struct em_size within(struct em_box shape, double width, double height) {
  double scale = width / shape.width;
  if (shape.height * scale > height)
    scale = height / shape.height;
  struct em_size size = {(int)(shape.width * scale),
                         (int)(shape.height * scale)};
  size.width += size.width < 8 ? 8 : 0;
  size.height += size.height < 8 ? 8 : 0;
  return size;
}

static int put_on(gdImagePtr ground, const struct em_part *part) {
  int result = -1;
  struct em_size room = within(part->box, ground->sx, ground->sy);
  gdImagePtr thing =
      em_raster_scale(part->image, part->box, room.width, room.height);
  gdImagePtr scaled = NULL;
  struct em_box left_over;
  if (thing && em_cutout(thing, &left_over) == 0) {
    struct em_size size =
        within(left_over, ground->sx * 0.62, ground->sy * 0.66);
    scaled = em_raster_scale(thing, left_over, size.width, size.height);
  }
  if (scaled) {
    em_raster_paste(ground, scaled, (ground->sx - scaled->sx) / 2,
                    ground->sy - scaled->sy - ground->sy / 16);
    gdImageDestroy(scaled);
    result = 0;
  }
  if (thing)
    gdImageDestroy(thing);
  return result;
}

static int pin(gdImagePtr ground, const struct em_part *part, uint64_t key) {
  int margin = 14, gap = ground->sx / 32;
  struct em_size size = within(part->box, ground->sx * 0.40, ground->sy * 0.46);
  struct em_box at = {gap, ground->sy - size.height - gap - 2 * margin,
                      size.width + 2 * margin, size.height + 2 * margin};
  if (key & 1)
    at.x = ground->sx - at.width - gap;
  return hang(ground, part, at, margin);
}

gdImagePtr em_compose(const struct em_part *first, const struct em_part *second,
                      int width, int height, const char *prompt, uint64_t key) {
  enum way way = choose_way(prompt, key);
  if (way == SIDE_BY_SIDE)
    return side_by_side(first, second, width, height);
  gdImagePtr ground = em_fit_picture(first->image, first->box, width, height);
  if (!ground)
    return NULL;
  em_raster_flatten(ground, 0xffffff);
  int result =
      way == PUT_ON ? put_on(ground, second) : pin(ground, second, key);
  if (result != 0) {
    gdImageDestroy(ground);
    return NULL;
  }
  return ground;
}
