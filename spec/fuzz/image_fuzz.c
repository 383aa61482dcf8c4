/* A picture's first and last bytes, cut anywhere. */
#include "fuzz.h"
#include "sm_image.h"

static void check_names(const struct sm_image *image) {
  PROMISE(sm_format_name(image->format) && sm_format_extension(image->format) &&
          sm_format_media_type(image->format));
  PROMISE((image->width == 0) == (image->height == 0));
}

/* What a file check sees, the two ends, tells as much as the whole. */
static void check_ends(const struct sm_image *image, const uint8_t *data,
                       size_t size) {
  size_t head = size < SM_IMAGE_HEAD_BYTES ? size : SM_IMAGE_HEAD_BYTES;
  size_t tail = size < SM_IMAGE_TAIL_BYTES ? size : SM_IMAGE_TAIL_BYTES;
  bool is_whole =
      sm_image_is_whole(image, data, size, data + size - tail, tail, size);
  uint8_t *end = malloc(tail + (tail == 0));
  if (end == NULL)
    abort();
  memcpy(end, data + size - tail, tail);
  PROMISE(is_whole ==
          sm_image_is_whole(image, data, head, end, tail, (uint64_t)size));
  free(end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct sm_image image;
  bool is_read = sm_image_read(data, size, &image);
  PROMISE(is_read == (image.format != SM_NO_IMAGE));
  check_names(&image);
  if (size > 0)
    check_ends(&image, data, size);
  return 0;
}
