/* Which results are usual, and what is read of them. */
#include "sm_result.h"

#include <math.h>

#include "check.h"

#define DONE "\"status\":\"COMPLETED\",\"output\":\"https://h/a\""

static struct sm_result result;

static bool reads(const char *text) {
  return sm_result_read(&result, text, strlen(text));
}

static bool has_address(const char *address) {
  const struct sm_slice wanted = {address, strlen(address)};
  return sm_slice_is(&result.address, &wanted);
}

static void the_documented_result_is_read(void) {
  CHECK(reads("{\"request_id\":\"r-1\",\"status\":\"COMPLETED\","
              "\"output\":\"https://h/a\",\"images\":[{\"url\":\"https://h/b\"}"
              "],\"seed\":42,\"prompt\":\"a \\\"b\\\"\",\"error\":null,"
              "\"metrics\":{\"cost\":0.05,\"inference_time\":9.5,"
              "\"remaining_credits\":-1.5,\"other\":[\"x\"]}}"));
  CHECK(has_address("https://h/a") && result.cost == 0.05 && result.seed == 42);
  CHECK(reads("{" DONE "}") && isnan(result.cost) && isnan(result.seed));
  CHECK(reads("{" DONE ",\"seed\":null}") && isnan(result.seed));
  CHECK(reads("{" DONE ",\"seed\":\"42\"}") && result.seed == 42);
  CHECK(reads("{" DONE ",\"seed\":-7,\"metrics\":{}}") && result.seed == -7);
}

/* What has to be made regular, refused, or warned of. */
static void anything_else_is_left_to_a_parser(void) {
  static const char *const rows[] = {
      "",
      "[{" DONE "}]",
      "{" DONE,
      "{" DONE "} x",
      "{" DONE ",\"nsfw\":false}",
      "{" DONE ",\"path\":\"/etc/passwd\"}",
      "{" DONE ",\"kept\":\"/etc/passwd\"}",
      "{" DONE ",\"save\":1}",
      "{" DONE ",\"seed\":\"\"}",
      "{" DONE ",\"seed\":\"4 2\"}",
      "{" DONE ",\"seed\":\"x\"}",
      "{" DONE ",\"seed\":\"12345678901234567\"}",
      "{" DONE ",\"seed\":4.5}",
      "{" DONE ",\"seed\":12345678901234567}",
      "{" DONE ",\"seed\":1,\"seed\":2}",
      "{" DONE ",\"error\":\"x\"}",
      "{" DONE ",\"metrics\":null}",
      "{" DONE ",\"metrics\":{\"cost\":\"$0.05\"}}",
      "{" DONE ",\"metrics\":{\"cost\":-0.05}}",
      "{" DONE ",\"metrics\":{\"cost\":null}}",
      "{" DONE ",\"metrics\":{\"cost\":1,\"cost\":2}}",
      "{" DONE ",\"metrics\":{\"queue_time\":\"1 s\"}}",
      "{" DONE ",\"metrics\":{\"retry_count\":-1}}",
      "{" DONE ",\"metrics\":{\"remaining_credits\":\"1\"}}",
      "{\"output\":\"https://h/a\"}",
      "{\"status\":\"COMPLETED\"}",
      "{\"status\":\"completed\",\"output\":\"https://h/a\"}",
      "{\"status\":\"FAILED\",\"output\":\"https://h/a\"}",
      "{\"status\":\"COMPLETED\",\"output\":\"file:///a\"}",
      "{\"status\":\"COMPLETED\",\"output\":\" https://h/a\"}",
      "{\"status\":\"COMPLETED\",\"output\":[\"https://h/a\"]}",
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    CHECK(!reads(rows[i]));
}

int main(void) {
  the_documented_result_is_read();
  anything_else_is_left_to_a_parser();
  return check_report("sm_result");
}
