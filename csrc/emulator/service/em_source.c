#include "em_service.h"

#include <curl/curl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "em_clock.h"
#include "em_codec.h"
#include "em_painter.h"

/* A picture from a foreign http(s) URL, as the service fetches those that it is
 * given: at most 64 MiB, 20 seconds and 3 redirects, never another scheme. */
static const size_t fetch_max_bytes = (size_t)64 << 20;

static size_t receive(char *data, size_t unit, size_t count, void *arg) {
  struct em_text *text = arg;
  if (text->size + unit * count > fetch_max_bytes)
    return 0;
  em_text_add_bytes(text, data, unit * count);
  return text->failed ? 0 : unit * count;
}

static CURLcode prepare(CURL *easy, const char *url, struct em_text *text) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_URL, url);
#define SET(option, value)                                                     \
  if (code == CURLE_OK)                                                        \
  code = curl_easy_setopt(easy, CURLOPT_##option, value)
  SET(PROTOCOLS_STR, "http,https");
  SET(REDIR_PROTOCOLS_STR, "http,https");
  SET(FOLLOWLOCATION, 1L);
  SET(MAXREDIRS, 3L);
  SET(CONNECTTIMEOUT_MS, 5000L);
  SET(TIMEOUT_MS, 20000L);
  SET(NOSIGNAL, 1L);
  SET(FAILONERROR, 1L);
  SET(USERAGENT, "segmind-emulator");
  SET(WRITEFUNCTION, receive);
  SET(WRITEDATA, text);
#undef SET
  return code;
}

/* Errors: NULL and why. */
static struct em_bytes fetch_url(const char *url, struct em_error *error) {
  struct em_text text = {0};
  CURL *easy = curl_easy_init();
  CURLcode code = CURLE_OUT_OF_MEMORY;
  long status = 0;
  if (easy) {
    code = prepare(easy, url, &text);
    if (code == CURLE_OK)
      code = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(easy);
  }
  if (code != CURLE_OK)
    text.failed = true;
  if (status >= 400)
    em_fail(error, "HTTP %ld", status);
  else
    em_fail(error, "%s",
            code == CURLE_OK ? "the answer is empty"
                             : curl_easy_strerror(code));
  return em_text_take(&text);
}

/* What the emulator needs to know of a URL. */
struct url {
  char host[256];
  char path[1024]; /* without query */
};

/* Copies one part; a part that does not fit is an error, never cut. */
static int copy_part(CURLU *handle, CURLUPart part, char *out, size_t size) {
  char *text = NULL;
  if (curl_url_get(handle, part, &text, 0) != CURLUE_OK)
    return -1;
  int length = snprintf(out, size, "%s", text);
  curl_free(text);
  return length >= 0 && (size_t)length < size ? 0 : -1;
}

/* Errors: -1 when it cannot be parsed or is longer than that. */
static int read_url(const char *url, struct url *parts) {
  CURLU *handle = curl_url();
  int failed =
      !handle || curl_url_set(handle, CURLUPART_URL, url, 0) != CURLUE_OK ||
      copy_part(handle, CURLUPART_HOST, parts->host, sizeof parts->host) ||
      copy_part(handle, CURLUPART_PATH, parts->path, sizeof parts->path);
  curl_url_cleanup(handle);
  return failed ? -1 : 0;
}

/* The loopback host: an address of the emulator itself, maybe. */
static bool is_loopback(const struct url *parts) {
  return !strcmp(parts->host, "127.0.0.1") ||
         !strcmp(parts->host, "localhost") || !strcmp(parts->host, "[::1]");
}

bool em_source_is_loopback(const char *url) {
  struct url parts;
  return !read_url(url, &parts) && is_loopback(&parts);
}

/* The service's own hosts, where the samples of its pages are kept. */
static bool is_service(const struct url *parts) {
  return !fnmatch("?*.segmind.com", parts->host, 0) ||
         !strcmp(parts->host, "segmind-resources.s3.amazonaws.com");
}

static int load(struct em_service *service, const struct em_picture_ref *ref,
                struct em_source *source) {
  *source = (struct em_source){.file = em_media_load(service->media, ref),
                               .step = ref->step,
                               .identity = ref->offset};
  return source->file.data ? 0 : -1;
}

/* Drawn once a name, then kept: the samples are used again and again. */
static int stand_in(struct em_service *service, const struct url *url,
                    struct em_source *source, struct em_error *error) {
  const char *name = strrchr(url->path, '/') + 1;
  char kept[1100];
  struct em_picture_ref ref;
  snprintf(kept, sizeof kept, "stand-in:%s", name);
  if (em_media_find(service->media, kept, 0, &ref))
    return load(service, &ref, source);
  source->file = em_painter_stand_in(name, error);
  if (!source->file.data)
    return -1;
  source->identity = em_hash(source->file.data, source->file.size);
  if (!em_media_keep(service->media, kept, source->file, "image/png", 0, &ref))
    source->identity = ref.offset;
  return 0;
}

static int fetch(const char *url, struct em_source *source,
                 struct em_error *error) {
  em_fail(error, "the data URI is not base64");
  source->file = strncasecmp(url, "data:", 5) ? fetch_url(url, error)
                                              : em_data_uri_decode(url);
  if (!source->file.data)
    return -1;
  source->identity = em_hash(source->file.data, source->file.size);
  return 0;
}

static int open_url(struct em_service *service, const char *url,
                    struct em_source *source, struct em_error *error) {
  struct url parts;
  struct em_picture_ref ref;
  if (read_url(url, &parts))
    return fetch(url, source, error);
  bool own = is_loopback(&parts) || is_service(&parts);
  if (own && em_service_find_picture(service, parts.path, &ref)) {
    em_fail(error, "it cannot be read back");
    return load(service, &ref, source);
  }
  if (is_service(&parts)) {
    em_fail(error, "no stand-in could be drawn");
    return stand_in(service, &parts, source, error);
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
  if (em_codec_media_type(source->file))
    return 0;
  free(source->file.data);
  source->file.data = NULL;
  return em_fail(error,
                 "The file at %.160s is not a readable jpeg, png, gif or webp "
                 "image",
                 url);
}
