#include "sm_redact.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const char key[] = "k3y,With(odd)chars";

static bool becomes(const char *text, const char *want) {
  char out[SM_REDACT_MAX + 1];
  size_t size = sm_redact_clean(out, sizeof out, text, strlen(text), key);
  bool is_same = size == strlen(want) && strcmp(out, want) == 0;
  if (!is_same)
    printf("  %s\n  gave %s\n", text, out);
  return is_same;
}

static void plain_text_stays(void) {
  CHECK(becomes("", ""));
  CHECK(becomes("nano-banana: 0.05 USD (10.65 s)", //
                "nano-banana: 0.05 USD (10.65 s)"));
  CHECK(becomes("Stra\xc3\x9f"
                "e \xe2\x82\xac \xf0\x9f\x8d\x8c",
                "Stra\xc3\x9f"
                "e \xe2\x82\xac \xf0\x9f\x8d\x8c"));
  CHECK(becomes("the x-api-key header is missing",
                "the x-api-key header is missing"));
  CHECK(becomes("the header \"x-api-key\" is missing",
                "the header \"x-api-key\" is missing"));
  CHECK(becomes("https://images.segmind.com/a/b.png?w=1&h=2",
                "https://images.segmind.com/a/b.png?w=1&h=2"));
  CHECK(becomes("?monkey=1&tokens=3&Expires=99&keys=a",
                "?monkey=1&tokens=3&Expires=99&keys=a"));
}

static void the_clients_key_goes_wherever_it_stands(void) {
  CHECK(becomes("a k3y,With(odd)chars b", "a [key] b"));
  CHECK(becomes("xk3y,With(odd)charsk3y,With(odd)chars", "x[key][key]"));
  CHECK(becomes("x-api-key: k3y,With(odd)chars!", "x-api-key: [key]!"));
  CHECK(becomes("?token=zk3y,With(odd)chars&a=1", "?token=[key]&a=1"));
  CHECK(becomes("https://k3y,With(odd)chars@h/", "https://[key]@h/"));
}

static void a_key_goes_from_a_parameters_name_too(void) {
  CHECK(becomes("?x-amz-k3y,With(odd)chars=1", "?x-amz-[key]=[key]"));
  CHECK(becomes("?X-Goog-SG_0123456789abcdef=1", "?X-Goog-[key]=[key]"));
}

static void a_key_that_the_text_cuts_goes_too(void) {
  for (size_t size = 4; size < sizeof key; size++) {
    char out[64], text[64] = "at ";
    memcpy(text + 3, key, size);
    sm_redact_clean(out, sizeof out, text, 3 + size, key);
    CHECK(strcmp(out, "at [key]") == 0);
  }
}

static void whatever_is_shaped_like_a_key_goes(void) {
  CHECK(becomes("SG_0123456789abcdef.", "[key]."));
  CHECK(becomes("\"SG_abcdef\"", "\"[key]\""));
  CHECK(becomes("xSG_abcdefSG_abcdef", "x[key]_abcdef"));
  CHECK(becomes("SG_abc", "SG_abc"));
  char out[64];
  sm_redact_clean(out, sizeof out, "SG_abcdefg", 10, NULL);
  CHECK(strcmp(out, "[key]") == 0);
}

static void the_value_of_a_key_header_goes(void) {
  CHECK(becomes("x-api-key: secret1", "x-api-key: [key]"));
  CHECK(becomes("X-API-KEY=secret1, next", "X-API-KEY=[key], next"));
  CHECK(becomes("{\"x-api-key\":\"secret1\",\"a\":1}",
                "{\"x-api-key\":\"[key]\",\"a\":1}"));
  CHECK(becomes("{\\\"x-api-key\\\": \\\"secret1\\\"}",
                "{\\\"x-api-key\\\": \\\"[key]\\\"}"));
  CHECK(becomes("x-api-key 'secret1'", "x-api-key '[key]'"));
  CHECK(
      becomes("Authorization: Bearer abc.def", "Authorization: Bearer [key]"));
  CHECK(becomes("authorization: Basic dXNlcg==", "authorization: Basic [key]"));
  CHECK(becomes("api_key = secret1\nnext", "api_key = [key] next"));
}

static void user_info_goes_from_a_url(void) {
  CHECK(becomes("http://user:pa@ss@proxy:3128/x", "http://[key]@proxy:3128/x"));
  CHECK(becomes("socks5://user@proxy", "socks5://[key]@proxy"));
  CHECK(becomes("https://host/@user", "https://host/@user"));
  CHECK(becomes("https://host and a@b", "https://host and a@b"));
  CHECK(becomes("https://@host", "https://@host"));
}

static void signatures_go_from_a_url(void) {
  CHECK(
      becomes("https://h/a?X-Amz-Signature=ab12&x-amz-credential=c/d&w=3",
              "https://h/a?X-Amz-Signature=[key]&x-amz-credential=[key]&w=3"));
  CHECK(becomes("?Signature=a%2Bb&Expires=12", "?Signature=[key]&Expires=12"));
  CHECK(becomes("?a=1&amp;sig=abc def", "?a=1&amp;sig=[key] def"));
  CHECK(becomes("?a=1\\u0026token=abc\\u0026b=2",
                "?a=1\\u0026token=[key]\\u0026b=2"));
  CHECK(becomes("#access_token=abc", "#access_token=[key]"));
  CHECK(becomes("?key=abc\"", "?key=[key]\""));
  CHECK(becomes("?token=", "?token="));
}

static void what_moves_the_cursor_is_escaped(void) {
  CHECK(becomes("a\x1b[31mb\x07\x7f\r", "a\\x1b[31mb\\x07\\x7f\\x0d"));
  CHECK(becomes("a\nb\tc", "a b c"));
  CHECK(becomes("\xc2\x9b"
                "31m",
                "\\u{009b}31m"));
  char out[16];
  CHECK(sm_redact_clean(out, sizeof out, "a\0b", 3, NULL) == 6);
  CHECK(strcmp(out, "a\\x00b") == 0);
}

static void what_reorders_a_line_is_escaped(void) {
  CHECK(becomes("a\xe2\x80\xae"
                "b",
                "a\\u{202e}b"));
  CHECK(becomes("\xe2\x80\xa8\xe2\x81\xa6\xe2\x80\x8f\xd8\x9c",
                "\\u{2028}\\u{2066}\\u{200f}\\u{061c}"));
}

static void invalid_utf8_is_escaped_byte_by_byte(void) {
  CHECK(becomes("\xff\xfe", "\\xff\\xfe"));
  CHECK(becomes("\xc0\xaf", "\\xc0\\xaf"));          /* overlong */
  CHECK(becomes("\xed\xa0\x80", "\\xed\\xa0\\x80")); /* surrogate */
  CHECK(becomes("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"));
  CHECK(becomes("\xe2\x82", "\\xe2\\x82")); /* cut */
  CHECK(becomes("\xe2\x28\xa1", "\\xe2(\\xa1"));
  CHECK(becomes("\x80", "\\x80"));
}

static void long_text_is_cut_and_marked(void) {
  static char text[10000];
  char out[SM_REDACT_MAX + 100];
  memset(text, 'a', sizeof text);
  CHECK(sm_redact_clean(out, sizeof out, text, sizeof text, key) ==
        SM_REDACT_MAX);
  CHECK(strcmp(out + SM_REDACT_MAX - 4, "a...") == 0);
  CHECK(sm_redact_clean(out, sizeof out, text, SM_REDACT_MAX, key) ==
        SM_REDACT_MAX);
  CHECK(out[SM_REDACT_MAX - 1] == 'a');
}

static void a_cut_never_splits_a_character_a_mask_or_an_escape(void) {
  const char *text = "\xe2\x82\xac\x1b SG_abcdefgh \xe2\x82\xac";
  char whole[64];
  size_t length =
      sm_redact_clean(whole, sizeof whole, text, strlen(text), NULL);
  for (size_t room = 0; room <= length; room++) {
    char *out = malloc(room + 1);
    size_t size = sm_redact_clean(out, room, text, strlen(text), NULL);
    CHECK(room == 0 ? size == 0 : size < room && strlen(out) == size);
    if (room > 3)
      CHECK(strcmp(out + size - 3, "...") == 0 &&
            memcmp(out, whole, size - 3) == 0);
    free(out);
  }
}

/* Whatever the bytes, what comes out is printable and holds no key. */
static void noise_comes_out_clean(void) {
  static const char *const parts[] = {
      "x-api-key", ":",         "=",    "\"",
      "://",       "@",         "?",    "&",
      "token",     "SG_abcdef", " ",    "\\",
      "bearer ",   "\xe2",      "\x80", "k3y,With(odd)chars",
      "/"};
  unsigned state = 7;
  for (int round = 0; round < 20000; round++) {
    char text[400], out[SM_REDACT_MAX + 1];
    size_t size = 0;
    for (int i = 0; i < 12; i++) {
      state = state * 1664525 + 1013904223;
      const char *part = parts[(state >> 16) % (sizeof parts / sizeof *parts)];
      for (; *part != '\0'; part++)
        text[size++] = *part;
    }
    /* A copy without a byte to spare, for a sanitizer to watch its end. */
    char *exact = malloc(size);
    memcpy(exact, text, size);
    sm_redact_clean(out, sizeof out, exact, size, key);
    free(exact);
    CHECK(strstr(out, key) == NULL && strstr(out, "SG_abcdef") == NULL);
  }
}

int main(void) {
  plain_text_stays();
  the_clients_key_goes_wherever_it_stands();
  a_key_goes_from_a_parameters_name_too();
  a_key_that_the_text_cuts_goes_too();
  whatever_is_shaped_like_a_key_goes();
  the_value_of_a_key_header_goes();
  user_info_goes_from_a_url();
  signatures_go_from_a_url();
  what_moves_the_cursor_is_escaped();
  what_reorders_a_line_is_escaped();
  invalid_utf8_is_escaped_byte_by_byte();
  long_text_is_cut_and_marked();
  a_cut_never_splits_a_character_a_mask_or_an_escape();
  noise_comes_out_clean();
  return check_report("sm_redact");
}
