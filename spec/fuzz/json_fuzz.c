/* Whatever comes, what is made of it is JSON by the strictest reader, and
 * needs no second mend. */
#include "fuzz.h"
#include "sm_json.h"

static bool is_read(const char *text, size_t size) {
  json_error_t error;
  json_t *root = json_loadb(text, size, 0, &error);
  json_decref(root);
  return root != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  struct sm_buf out, again;
  sm_buf_create(&out, 0);
  sm_buf_create(&again, 0);
  enum sm_json outcome = sm_json_mend(&out, text, size);
  PROMISE(outcome != SM_JSON_NO_MEMORY);
  if (outcome == SM_JSON_FINE)
    PROMISE(out.size == 0 && is_read(text, size));
  if (outcome == SM_JSON_UNREADABLE)
    PROMISE(out.size == 0);
  if (outcome == SM_JSON_MENDED || outcome == SM_JSON_CUT) {
    PROMISE(is_read(out.data, out.size));
    PROMISE(sm_json_mend(&again, out.data, out.size) == SM_JSON_FINE);
  }
  sm_buf_destroy(&again);
  sm_buf_destroy(&out);
  return 0;
}
