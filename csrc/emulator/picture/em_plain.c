#include "em_plain.h"

#include <gd.h>
#include <stdlib.h>
#include <string.h>

int em_plain_render(uint32_t colour, const char *format, unsigned char **data,
                    size_t *size) {
  gdImagePtr image = gdImageCreateTrueColor(16, 16);
  int length = 0;
  void *encoded = NULL;
  if (!image)
    return -1;
  gdImageFilledRectangle(image, 0, 0, 15, 15, (int)(colour & 0xffffff));
  if (!strcmp(format, "jpg"))
    encoded = gdImageJpegPtr(image, &length, 90);
  else if (!strcmp(format, "webp"))
    encoded = gdImageWebpPtrEx(image, &length, 90);
  else
    encoded = gdImagePngPtrEx(image, &length, 1);
  gdImageDestroy(image);
  *size = encoded && length > 0 ? (size_t)length : 0;
  *data = *size ? malloc(*size) : NULL;
  if (*data)
    memcpy(*data, encoded, *size);
  gdFree(encoded);
  return *data ? 0 : -1;
}
