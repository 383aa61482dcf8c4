/* A picture's bytes, cut anywhere, that are to say how they were made. */
#include "fuzz.h"
#include "sm_metadata.h"

static const char xmp[] = "<x:xmpmeta>\n\1i\nx</x:xmpmeta>";
static const char put_xmp[] = "<x:xmpmeta>\nx</x:xmpmeta>";

static enum sm_code collect(void *context, const void *bytes, size_t size,
                            struct sm_error *e) {
  return sm_buf_append(context, bytes, size, e);
}

/* The packet is found again, and is all that is new beside a WebP's head. */
static void check_put(const struct sm_buf *out, const struct sm_source *before,
                      const struct sm_metadata_found *was) {
  const struct sm_source source = {.bytes = (const uint8_t *)out->data,
                                   .size = out->size};
  struct sm_metadata_found found;
  PROMISE(was->is_whole && !was->is_signed && !was->has_xmp);
  PROMISE(sm_metadata_find(&source, &found));
  PROMISE(found.is_whole && found.has_xmp && !found.is_signed);
  PROMISE(found.xmp_size == sizeof put_xmp - 1);
  PROMISE(memcmp(out->data + found.xmp_at, put_xmp, found.xmp_size) == 0);
  PROMISE(out->size > before->size + found.xmp_size);
  PROMISE(out->size < before->size + found.xmp_size + 64);
  uint64_t rest = before->size - was->insert_at;
  PROMISE(memcmp(out->data + out->size - rest, before->bytes + was->insert_at,
                 rest) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const struct sm_source source = {.bytes = data, .size = size};
  struct sm_metadata *metadata;
  struct sm_metadata_found found;
  struct sm_buf out;
  bool is_put = false;
  if (size == 0)
    return 0;
  if (sm_metadata_find(&source, &found))
    PROMISE(found.xmp_at <= size && found.xmp_size <= size - found.xmp_at);
  PROMISE(sm_metadata_new(&metadata, xmp, "", NULL) == SM_OK);
  sm_buf_create(&out, size + 1000);
  PROMISE(sm_metadata_put(metadata, &source, collect, &out, &is_put, NULL) ==
          SM_OK);
  if (is_put)
    check_put(&out, &source, &found);
  PROMISE(is_put || out.size == 0);
  sm_buf_destroy(&out);
  sm_metadata_delete(metadata);
  return 0;
}
