#include "em_scene.h"

#include "em_figure.h"
#include "em_land.h"
#include "em_place.h"
#include "em_raster.h"
#include "em_words.h"

static unsigned features_in(const char *words) {
  static const struct {
    const char *words;
    unsigned feature;
  } hints[] = {
      {"night,midnight,moon*,star*,dark", EM_LAND_NIGHT},
      {"sunset,sunrise,dusk,dawn,evening,golden", EM_LAND_DUSK},
      {"sea,ocean,water,lake,beach,coast,island,harbour,harbor,river,wave*",
       EM_LAND_SEA},
      {"boat*,ship*,sail*", EM_LAND_SEA | EM_LAND_BOAT},
      {"mountain*,peak*,alps,alpine", EM_LAND_PEAKS},
      {"city,skyline,town,skyscraper*,street,building*,neon,cyberpunk",
       EM_LAND_CITY},
      {"tree*,forest,wood*,park,jungle", EM_LAND_TREES},
      {"house,cottage,cabin,home,village", EM_LAND_HOUSE},
      {"snow*,winter,ice,christmas", EM_LAND_SNOW | EM_LAND_TREES},
      {"autumn,fall,october", EM_LAND_AUTUMN | EM_LAND_TREES},
      {"cloud*,sky", EM_LAND_CLOUDS},
      {"desert,dune*,sand", EM_LAND_DESERT},
      {"flower*,meadow,garden,spring", EM_LAND_FLOWERS},
  };
  unsigned features = 0;
  for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
    if (em_words_has(words, hints[i].words))
      features |= hints[i].feature;
  return features;
}

static int kind_in(const char *words) {
  if (em_words_has(words, "dress,gown,garment*,outfit*,clothes,clothing"))
    return em_words_has(words, "woman,girl,lady,model") ? EM_SCENE_WOMAN
                                                        : EM_SCENE_DRESS;
  if (em_words_has(words, "portrait*,face*,headshot,avatar,selfie,she,her"))
    return EM_SCENE_PORTRAIT;
  if (em_words_has(words, "woman,girl,lady,bride,actress,queen"))
    return EM_SCENE_WOMAN;
  if (em_words_has(words, "man,boy,guy,person*,people,figure,king,he,his"))
    return EM_SCENE_MAN;
  return EM_SCENE_LAND;
}

struct em_scene em_scene_choose(const char *words, uint64_t seed) {
  struct em_random random = {em_random_hash(words, seed)};
  unsigned features = features_in(words);
  unsigned spread = em_random_next(&random);
  if (features == 0)
    features = EM_LAND_CLOUDS |
               (spread & (EM_LAND_SEA | EM_LAND_PEAKS | EM_LAND_TREES |
                          EM_LAND_HOUSE | EM_LAND_DUSK | EM_LAND_FLOWERS));
  return (struct em_scene){(enum em_scene_kind)kind_in(words), features,
                           random.state};
}

static void draw_portrait(gdImagePtr image, struct em_random *random,
                          unsigned variant) {
  struct em_brush room = {image, image->sx / 2.0, 0, image->sy};
  struct em_brush head = em_brush_at(&room, 0.0, 0.40, 0.40);
  struct em_figure figure = em_figure_choose(0, variant);
  em_place_room(&room, random);
  em_figure_bust(&head, &figure);
}

static void draw_standing(gdImagePtr image, struct em_random *random,
                          unsigned variant, int is_man) {
  struct em_brush place = {image, image->sx / 2.0, 0, image->sy};
  struct em_brush feet = em_brush_at(&place, 0, 0.95, 0.86);
  struct em_figure figure = em_figure_choose(is_man, variant);
  if (is_man)
    em_place_room(&place, random);
  else
    em_place_street(&place, random);
  em_figure_stand(&feet, &figure);
}

static void draw_dress(gdImagePtr image) {
  struct em_brush ground = {image, image->sx / 2.0, 0, image->sy};
  struct em_brush dress = em_brush_at(&ground, 0, 0.09, 0.82);
  double half = image->sx / ground.scale / 2;
  em_paint_box(&ground, -half, 0, 2 * half, 1, em_fade(0xfbf8f2, 0xf0ebe2));
  em_paint_ellipse(&ground, 0, 0.935, 0.30, 0.016, em_clear(0x8a8070, 0.28));
  em_figure_dress(&dress, 0x2f9a5c);
}

gdImagePtr em_scene_draw(const struct em_scene *scene, int width, int height) {
  struct em_random random = {scene->seed};
  unsigned variant = em_random_next(&random);
  gdImagePtr image = em_raster_new(width, height, 0xe8e4da);
  struct em_brush brush = {image, width / 2.0, 0, height};
  if (!image)
    return NULL;
  switch (scene->kind) {
  case EM_SCENE_PORTRAIT:
    draw_portrait(image, &random, variant);
    break;
  case EM_SCENE_WOMAN:
  case EM_SCENE_MAN:
    draw_standing(image, &random, variant, scene->kind == EM_SCENE_MAN);
    break;
  case EM_SCENE_DRESS:
    draw_dress(image);
    break;
  case EM_SCENE_LAND:
    em_land_draw(&brush, scene->features, &random);
    break;
  }
  return image;
}
