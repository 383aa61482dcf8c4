/* An id that is accepted can neither leave its place in a URL nor name a file
 * outside a folder. */
#include <ctype.h>

#include "fuzz.h"
#include "sm_job.h"
#include "sm_url.h"

/* The rule again, in other words. */
static bool is_id(const char *text) {
  size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "abcdefghijklmnopqrstuvwxyz0123456789._-");
  return length >= 1 && length <= SM_ID_MAX && text[length] == '\0' &&
         isalnum((unsigned char)text[0]);
}

static void put_into_url(const char *id) {
  struct sm_base base;
  struct sm_origin origin;
  struct sm_buf url;
  sm_buf_create(&url, 8192);
  PROMISE(sm_base_read(&base, "https://api.segmind.com", NULL) == SM_OK);
  PROMISE(sm_url_build(&url, &base, SM_HOST_API, "/v2/requests/", id, "",
                       NULL) == SM_OK);
  PROMISE(sm_origin_read(&origin, sm_buf_text(&url), NULL) == SM_OK);
  PROMISE(sm_origin_equal(&origin, &base.origin[SM_HOST_API]));
  PROMISE(strcmp(strrchr(sm_buf_text(&url), '/') + 1, id) == 0);
  sm_buf_destroy(&url);
}

static void attach(const char *id, bool is_good) {
  const struct sm_dial dial = {.k = 0.25};
  struct sm_job job;
  sm_job_create(&job, &dial, 1000);
  enum sm_code code = sm_job_attach(&job, id, 1, NULL);
  PROMISE(code == (is_good ? SM_OK : SM_SECURITY));
  PROMISE((job.request_id != NULL) == is_good);
  sm_job_destroy(&job);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct source source = {data, size};
  char *id = take_text(&source, 300);
  bool is_good = sm_url_is_id(id);
  PROMISE(is_good == is_id(id));
  if (is_good)
    put_into_url(id);
  attach(id, is_good);
  free(id);
  return 0;
}
