/* Parameters that were sent, and what may be kept of them elsewhere. */
#include "sm_likeness.h"

#include <stdio.h>
#include <string.h>

#include "check.h"

#define PROMPT "a quiet harbour at dawn, with seven boats"
#define SENT                                                                   \
  "{\"prompt\":\"" PROMPT                                                      \
  "\",\"seed\":4294967295,\"guidance\":3.5,\"flag\":true,"                     \
  "\"input_image\":\"https://images.segmind.com/assets/1/in.png\"}"

static void is_like(enum sm_likeness expected, const char *kept) {
  json_t *a = json_loads(SENT, 0, NULL);
  json_t *b = json_loads(kept, JSON_DECODE_ANY, NULL);
  CHECK(a && b && sm_likeness_of(a, b) == expected);
  if (!b || sm_likeness_of(a, b) != expected)
    fprintf(stderr, "%s\n", kept);
  json_decref(a);
  json_decref(b);
}

#define KEPT(seed, guidance, flag, image)                                      \
  "{\"more\":1,\"flag\":" flag ",\"guidance\":" guidance                       \
  ",\"input_image\":" image ",\"seed\":" seed ",\"prompt\":\"" PROMPT "\"}"
#define IMAGE "\"https://images.segmind.com/assets/1/in.png\""

static void the_same_request_is_known_after_any_passage(void) {
  is_like(SM_LIKE_SAME, SENT);
  is_like(SM_LIKE_SAME, KEPT("4294967295", "3.5", "true", IMAGE));
  is_like(SM_LIKE_SAME, KEPT("\"4294967295\"", "\"3.5\"", "\"True\"", IMAGE));
  is_like(SM_LIKE_SAME, KEPT("4294967295.0", "3.50000001", "1", IMAGE));
  is_like(SM_LIKE_SAME, KEPT("4294967295", "3.5", "true", "[" IMAGE "]"));
  is_like(SM_LIKE_SAME,
          KEPT("4294967295", "3.5", "true", "{\"url\":" IMAGE "}"));
  is_like(SM_LIKE_SAME, KEPT("4294967295", "3.5", "true",
                             "\"https://cdn.x/y/in.png?Signature=abc\""));
  is_like(SM_LIKE_SAME, "{\"input\":" SENT ",\"model\":\"x\"}");
  is_like(SM_LIKE_SAME, "\"{\\\"prompt\\\":\\\"" PROMPT
                        "\\\",\\\"seed\\\":4294967295,\\\"guidance\\\":3.5,"
                        "\\\"flag\\\":true,\\\"input_image\\\":\\\"https://"
                        "images.segmind.com/assets/1/in.png\\\"}\"");
}

static void another_request_is_told_apart(void) {
  is_like(SM_LIKE_OTHER, KEPT("4294967294", "3.5", "true", IMAGE));
  is_like(SM_LIKE_OTHER, KEPT("\"4294967294\"", "3.5", "true", IMAGE));
  is_like(SM_LIKE_OTHER, KEPT("4294967295", "3.6", "true", IMAGE));
  is_like(SM_LIKE_OTHER, KEPT("4294967295", "3.5", "false", IMAGE));
  is_like(SM_LIKE_OTHER, KEPT("4294967295", "3.5", "\"False\"", IMAGE));
  is_like(SM_LIKE_OTHER, "{\"prompt\":\"another\"}");
}

static void what_was_cut_or_rewritten_may_be_the_same(void) {
  is_like(SM_LIKE_MAYBE,
          KEPT("4294967295", "3.5", "true", "\"https://cdn.x/0a1b2c.png\""));
  is_like(SM_LIKE_MAYBE, KEPT("4294967295", "3.5", "true", "null"));
  is_like(SM_LIKE_MAYBE, "{\"prompt\":\"a quiet harbour at dawn, with seven"
                         "\\u2026\"}");
  is_like(SM_LIKE_MAYBE, "{}");
  is_like(SM_LIKE_MAYBE, "null");
  is_like(SM_LIKE_MAYBE, "\"{'prompt': 1}\"");
  is_like(SM_LIKE_MAYBE, "7");
}

int main(void) {
  the_same_request_is_known_after_any_passage();
  another_request_is_told_apart();
  what_was_cut_or_rewritten_may_be_the_same();
  return check_report("sm_likeness");
}
