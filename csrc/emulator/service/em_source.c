#include "em_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "em_base64.h"
#include "em_clock.h"
#include "em_codec.h"
#include "em_fetch.h"
#include "em_painter.h"

static int load(struct em_service *service, const struct em_picture_ref *ref,
                struct em_source *source) {
  source->data = em_media_load(service->media, ref);
  source->size = ref->size;
  source->step = ref->step;
  source->identity = ref->offset;
  return source->data ? 0 : -1;
}

static const char *last_segment(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* Drawn once a name, then kept: the samples are used again and again. */
static int stand_in(struct em_service *service, const struct em_url *url,
                    struct em_source *source) {
  const char *name = last_segment(url->path);
  char kept[1100];
  struct em_picture_ref ref;
  snprintf(kept, sizeof kept, "stand-in:%s", name);
  if (em_media_find(service->media, kept, 0, &ref))
    return load(service, &ref, source);
  if (em_painter_stand_in(name, &source->data, &source->size))
    return -1;
  source->step = 0;
  source->identity = em_hash(source->data, source->size);
  if (!em_media_store(service->media, source->data, source->size, "image/png",
                      &ref) &&
      !em_media_name(service->media, kept, &ref, em_clock_now_us()))
    source->identity = ref.offset;
  return 0;
}

static int fetch(const char *url, struct em_source *source,
                 struct em_error *error) {
  source->step = 0;
  if (!strncasecmp(url, "data:", 5)) {
    source->data = em_data_uri_decode(url, &source->size);
    if (!source->data)
      return em_fail(error, "the data URI is not base64");
  } else if (em_fetch(url, &source->data, &source->size, error)) {
    return -1;
  }
  source->identity = em_hash(source->data, source->size);
  return 0;
}

static int open_url(struct em_service *service, const char *url,
                    struct em_source *source, struct em_error *error) {
  struct em_url parts;
  struct em_picture_ref ref;
  if (em_url_read(url, &parts))
    return fetch(url, source, error);
  bool own = em_url_is_loopback(&parts) || em_url_is_service(&parts);
  if (own && em_service_find_picture(service, parts.path, &ref)) {
    em_fail(error, "it cannot be read back");
    return load(service, &ref, source);
  }
  if (em_url_is_service(&parts)) {
    em_fail(error, "no stand-in could be drawn");
    return stand_in(service, &parts, source);
  }
  return fetch(url, source, error);
}

int em_source_open(struct em_service *service, const char *url,
                   struct em_source *source, struct em_error *error) {
  struct em_error reason = {""};
  *source = (struct em_source){0};
  if (open_url(service, url, source, &reason))
    return em_fail(error, "Unable to fetch the image %.160s: %.256s", url,
                   reason.text);
  if (em_codec_media_type(source->data, source->size))
    return 0;
  free(source->data);
  source->data = NULL;
  return em_fail(error,
                 "The file at %.160s is not a readable jpeg, png, gif or webp "
                 "image",
                 url);
}
