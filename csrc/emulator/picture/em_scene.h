/* Whole scenes out of nothing: what the emulator draws when a job brings no
 * picture or a sample picture cannot be fetched, and what the example pictures
 * are. See em_figure and em_land for what is in them. */
#ifndef EM_SCENE_H
#define EM_SCENE_H

#include <gd.h>
#include <stdint.h>

enum em_scene_kind {
  EM_SCENE_PORTRAIT, /* a woman from the waist up, in a room */
  EM_SCENE_WOMAN,    /* a woman in a dress, in a street */
  EM_SCENE_MAN,      /* a man, in a room */
  EM_SCENE_DRESS,    /* a green dress on a light ground */
  EM_SCENE_LAND      /* a landscape; `features` say which */
};

struct em_scene {
  enum em_scene_kind kind;
  unsigned features; /* enum em_land_feature */
  uint64_t seed;
};

/* The scene that `words` (a prompt, a file's name) ask for. Without a hint it
 * is a landscape that the words and the seed choose. */
struct em_scene em_scene_choose(const char *words, uint64_t seed);

/* Ownership: the caller's, gdImageDestroy. NULL when memory is out. */
gdImagePtr em_scene_draw(const struct em_scene *scene, int width, int height);

#endif
