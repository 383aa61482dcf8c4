/* Draws the pictures that the examples edit, so that the repository holds a
 * program instead of photographs with a licence. The scenes are the
 * emulator's own (csrc/emulator/em_scene.h); this file says which, how large
 * and in which format. They are drawn at twice their size and scaled down.
 *
 *   draw-pictures OUTDIR
 */
#include "em_codec.h"
#include "em_land.h"
#include "em_raster.h"
#include "em_scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sample {
  const char *name, *format;
  struct em_scene scene;
  int width, height;
};

static const struct sample samples[] = {
    {"portrait.webp", "webp", {EM_SCENE_PORTRAIT, 0, 14}, 832, 1024},
    {"woman.jpg", "jpg", {EM_SCENE_WOMAN, 0, 8}, 832, 1248},
    {"man.png", "png", {EM_SCENE_MAN, 0, 15}, 832, 1248},
    {"dress.png", "png", {EM_SCENE_DRESS, 0, 1}, 832, 1024},
    {"landscape.jpg",
     "jpg",
     {EM_SCENE_LAND,
      EM_LAND_SEA | EM_LAND_HOUSE | EM_LAND_CLOUDS | EM_LAND_BOAT |
          EM_LAND_TREES | EM_LAND_FLOWERS,
      1},
     1248,
     832},
};

static const char usage[] = "usage: draw-pictures OUTDIR\n\n"
                            "Draws portrait.webp, woman.jpg, man.png, "
                            "dress.png and landscape.jpg into\n"
                            "the directory OUTDIR, which must exist.\n";

static int complain(const char *path, const char *why) {
  fprintf(stderr, "draw-pictures: %s: %s\n", path, why);
  return -1;
}

static int save(const char *path, const unsigned char *data, size_t size) {
  FILE *file = fopen(path, "wb");
  if (!file)
    return complain(path, strerror(errno));
  size_t written = fwrite(data, 1, size, file);
  if (fclose(file) != 0 || written != size)
    return complain(path, "could not be written");
  return 0;
}

static gdImagePtr render(const struct sample *sample) {
  int width = sample->width, height = sample->height;
  gdImagePtr large = em_scene_draw(&sample->scene, 2 * width, 2 * height);
  if (!large)
    return NULL;
  gdImagePtr image = em_raster_scale(
      large, (struct em_box){0, 0, large->sx, large->sy}, width, height);
  gdImageDestroy(large);
  return image;
}

static int draw(const struct sample *sample, const char *directory) {
  char path[4096];
  unsigned char *data = NULL;
  size_t size = 0;
  const char *why = "out of memory";
  int length = snprintf(path, sizeof path, "%s/%s", directory, sample->name);
  if (length < 0 || (size_t)length >= sizeof path)
    return complain(directory, "the name is too long");
  gdImagePtr image = render(sample);
  if (!image)
    return complain(path, why);
  int result = em_codec_encode(image, sample->format, 92, &data, &size, &why);
  gdImageDestroy(image);
  if (result != 0)
    return complain(path, why);
  result = save(path, data, size);
  free(data);
  if (result == 0)
    printf("%s  %d x %d\n", path, sample->width, sample->height);
  return result;
}

int main(int argc, char **argv) {
  if (argc == 2 &&
      (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
    fputs(usage, stdout);
    return EXIT_SUCCESS;
  }
  if (argc != 2 || argv[1][0] == '-') {
    fputs(usage, stderr);
    return 2;
  }
  for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
    if (draw(&samples[i], argv[1]) != 0)
      return EXIT_FAILURE;
  return EXIT_SUCCESS;
}
