/* Whatever the reader of usual answers takes, the parser reads, and to the same
 * meaning, member by member. */
#include <math.h>
#include <string.h>

#include "fuzz.h"
#include "sm_json.h"
#include "sm_output.h"
#include "sm_reply.h"
#include "sm_result.h"

static bool is_same_number(double a, double b) {
  return a == b || (isnan(a) && isnan(b));
}

/* The address of the usual result is what a tree of it holds. */
static void compare_outputs(const char *text, size_t size) {
  char quick[64], slow[64];
  json_t *result = sm_json_parse(text, size, NULL, NULL);
  struct sm_output a = sm_output_of_text(quick, sizeof quick, text, size);
  struct sm_output b = sm_output_read(slow, sizeof slow, result);
  PROMISE(a.bytes == b.bytes && a.has_something == b.has_something);
  PROMISE(a.is_guess == b.is_guess && a.is_foreign == b.is_foreign);
  PROMISE(a.bytes > sizeof quick || memcmp(quick, slow, a.bytes) == 0);
  json_decref(result);
}

/* What the reader of usual results takes is all there is to know. */
static void compare_results(const char *text, size_t size) {
  struct sm_result usual;
  struct sm_reply parsed;
  char address[64];
  if (!sm_result_read(&usual, text, size))
    return;
  PROMISE(sm_reply_parse(&parsed, text, size, NULL) == SM_OK);
  PROMISE(parsed.state == SM_STATE_COMPLETED && !parsed.is_cut);
  PROMISE(parsed.error[0] == '\0');
  PROMISE(is_same_number(usual.cost, parsed.cost));
  PROMISE(is_same_number(usual.seed, parsed.seed));
  PROMISE(isnan(usual.cost) || usual.cost >= 0);
  struct sm_output output =
      sm_output_of_text(address, sizeof address, text, size);
  PROMISE(!output.is_guess && output.bytes == usual.address.size + 1);
  PROMISE(output.bytes > sizeof address ||
          memcmp(address, usual.address.text, usual.address.size) == 0);
}

static void compare(const char *text, size_t size) {
  struct sm_reply usual, parsed;
  struct sm_buf mended;
  compare_outputs(text, size);
  compare_results(text, size);
  if (!sm_reply_read_usual(&usual, text, size))
    return;
  sm_buf_create(&mended, 0);
  PROMISE(sm_json_mend(&mended, text, size) == SM_JSON_FINE);
  PROMISE(sm_reply_parse(&parsed, text, size, NULL) == SM_OK);
  PROMISE(usual.state == parsed.state && usual.is_json && parsed.is_json);
  PROMISE(usual.is_usual && !parsed.is_usual);
  PROMISE(strcmp(usual.request_id, parsed.request_id) == 0);
  PROMISE(strcmp(usual.address_id, parsed.address_id) == 0);
  PROMISE(strcmp(usual.other_id, parsed.other_id) == 0);
  PROMISE(strcmp(usual.status, parsed.status) == 0);
  PROMISE(strcmp(usual.status_url, parsed.status_url) == 0);
  PROMISE(strcmp(usual.error, parsed.error) == 0);
  PROMISE(usual.has_bad_id == parsed.has_bad_id);
  PROMISE(usual.has_output == parsed.has_output);
  PROMISE(usual.has_address == parsed.has_address);
  PROMISE(usual.is_cut == parsed.is_cut);
  PROMISE(is_same_number(usual.inference_s, parsed.inference_s));
  PROMISE(is_same_number(usual.cost, parsed.cost));
  PROMISE(is_same_number(usual.seed, parsed.seed));
}

/* As it is, and with one byte after the other as another: most inputs of a
 * fuzzer are far from usual, and those that differ in one byte are the ones to
 * be taken wrongly. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char others[] = {'"', '\\', '0', '{', '}', ',', ':',  ' ', '-',
                                '.', 'e',  'n', '/', '[', ']', '\0', '\n'};
  char *text = malloc(size + 1);
  PROMISE(text != NULL);
  memcpy(text, data, size);
  compare(text, size);
  for (size_t at = 0; at < size && size <= 600; at++) {
    char kept = text[at];
    text[at] = others[(at * 7 + size) % sizeof others];
    compare(text, size);
    text[at] = kept;
  }
  free(text);
  return 0;
}
