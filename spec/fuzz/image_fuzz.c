/* A picture's bytes, cut anywhere. */
#include "fuzz.h"
#include "sm_image.h"

static void check_names(const struct sm_image *image) {
  PROMISE(sm_format_name(image->format) && sm_format_extension(image->format) &&
          sm_format_media_type(image->format));
  PROMISE((image->width == 0) == (image->height == 0));
}

/* What follows a PNG's end takes nothing from it, and reading a part only
 * never denies an end that is there. */
static void check_end(const struct sm_image *image, const uint8_t *data,
                      size_t size) {
  struct sm_source source = {.bytes = data, .size = size};
  bool has_end = sm_image_has_end(image, &source);
  uint8_t *longer = malloc(size + 100);
  if (longer == NULL)
    abort();
  memcpy(longer, data, size);
  memset(longer + size, 'x', 100);
  source = (struct sm_source){.bytes = data, .size = size, .most = 5000};
  PROMISE(!has_end || sm_image_has_end(image, &source));
  source = (struct sm_source){.bytes = longer, .size = size + 100};
  PROMISE(!has_end || image->format != SM_PNG ||
          sm_image_has_end(image, &source));
  free(longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct sm_image image;
  bool is_read = sm_image_read(data, size, &image);
  PROMISE(is_read == (image.format != SM_NO_IMAGE));
  check_names(&image);
  if (size > 0)
    check_end(&image, data, size);
  return 0;
}
