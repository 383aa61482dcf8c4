/* The service's own words, in every envelope they come in. */
#include "sm_reason.h"

#include <stdio.h>
#include <string.h>

#include "check.h"

static void is_read_as(const char *body, const char *expected) {
  char words[400];
  sm_reason_of(words, sizeof words, body, strlen(body));
  CHECK(strcmp(words, expected) == 0);
  if (strcmp(words, expected) != 0)
    fprintf(stderr, "%s: %s\n", body, words);
}

static void every_envelope_ends_as_a_line(void) {
  is_read_as("{\"error\":\"no such thing\"}", "no such thing");
  is_read_as("{\"error\":\"invalid_token\",\"error_description\":\"The token "
             "is revoked\",\"status_code\":401}",
             "invalid_token (The token is revoked)");
  is_read_as("{\"error\":{\"message\":\"GPU lost\",\"code\":7}}", "GPU lost");
  is_read_as("{\"error\":{\"error\":{\"message\":\"deep\"}}}", "deep");
  is_read_as("{\"error\":null,\"message\":\"file too large\"}",
             "file too large");
  is_read_as("{\"detail\":\"Not authenticated\"}", "Not authenticated");
  is_read_as("{\"detail\":[{\"type\":\"int_parsing\",\"loc\":[\"body\","
             "\"seed\"],\"msg\":\"should be an integer\",\"input\":\"x\"},"
             "{\"loc\":[\"body\",\"image_urls\",0],\"msg\":\"no URL\"}]}",
             "seed: should be an integer; image_urls.0: no URL");
  is_read_as("{\"errors\":{\"seed\":[\"must be whole\",\"is odd\"]}}",
             "seed: must be whole; is odd");
  is_read_as("{\"errors\":[\"one\",\"two\"]}", "one; two");
  is_read_as("{\"statusCode\":400,\"message\":[\"seed must be whole\"],"
             "\"error\":\"Bad Request\"}",
             "Bad Request (seed must be whole)");
  is_read_as("{\"error\":\"cut here\",\"more\":[1,", "cut here");
  is_read_as("[\"a\",{\"msg\":\"b\"}]", "a; b");
}

static void a_page_is_told_by_its_title(void) {
  is_read_as("<html>\n<head><TITLE>502 Bad\n  Gateway</TITLE></head><body>"
             "<h1>nginx</h1></body></html>",
             "502 Bad Gateway");
  is_read_as("<html><body><h1>Access</h1><p>denied</p></body></html>",
             "Access denied");
  is_read_as("upstream\n  timed out", "upstream timed out");
  is_read_as("", "");
  is_read_as("{\"metrics\":{}}", "{\"metrics\":{}}");
}

static void a_reason_fits_the_room_it_is_given(void) {
  char words[8];
  const char *body = "{\"error\":\"too long for that\"}";
  sm_reason_of(words, sizeof words, body, strlen(body));
  CHECK(strcmp(words, "too lon") == 0);
}

static void a_406_is_about_money_unless_it_says_otherwise(void) {
  static const char *const money[] = {
      "Insufficient credits. You have 0.0 credits.",
      "Team spend limit reached: monthly cap of $50",
      "the team's spending cap is reached",
      "Spend cap exceeded",
      "spend_limit_reached",
      "Your account balance is too low",
      "monthly quota used up",
      "insufficient funds",
      "Not enough balance to run this model",
      "The monthly cap of your team is used up",
      "",
  };
  static const char *const others[] = {
      "Invalid content type",
      "Content-Type is not acceptable",
      "Unsupported media type",
      "406 Not Acceptable",
      "aspect_ratio must be one of 1:1, 16:9",
      "Invalid value for parameter color_balance",
      "output_format: jpeg",
      "Value 'jpeg' is not allowed for output format",
  };
  for (size_t i = 0; i < sizeof money / sizeof *money; i++)
    CHECK(sm_reason_is_credits(money[i]));
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    CHECK(!sm_reason_is_credits(others[i]));
}

int main(void) {
  every_envelope_ends_as_a_line();
  a_page_is_told_by_its_title();
  a_reason_fits_the_room_it_is_given();
  a_406_is_about_money_unless_it_says_otherwise();
  return check_report("sm_reason");
}
