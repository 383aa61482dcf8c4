/* Which answers are read without memory, and that both readers say the same;
 * usual_fuzz.c goes over the rest. */
#include "sm_reply.h"

#include <math.h>
#include <string.h>

#include "check.h"

#define ID "32b5075b379edc92f045daddbcc9ebb6"
#define URLS                                                                   \
  "\"poll_url\":\"https://a.b/v1/requests/" ID                                 \
  "\",\"status_url\":\"https://a.b/v2/requests/" ID                            \
  "/status\",\"response_url\":\"https://a.b/v2/requests/" ID "\""
#define METRICS                                                                \
  "\"metrics\":{\"cost\":0.05,\"inference_time\":13.962,\"queue_time\":0.2}"
#define OUTPUT "\"output\":\"https://images.segmind.com/generations/a.png\""

static bool is_usual(const char *text, struct sm_reply *reply) {
  return sm_reply_read_usual(reply, text, strlen(text));
}

static void usual_answers_are_read_without_a_parser(void) {
  struct sm_reply reply;
  CHECK(is_usual("{\"request_id\":\"" ID "\",\"status\":\"QUEUED\"," URLS "}",
                 &reply));
  CHECK(reply.state == SM_STATE_QUEUED && strcmp(reply.request_id, ID) == 0 &&
        strcmp(reply.address_id, ID) == 0 && !reply.has_output);
  CHECK(is_usual("{\"status\": \"PROCESSING\",\"request_id\":\"" ID
                 "\",\n\"metrics\":{}}",
                 &reply));
  CHECK(reply.state == SM_STATE_PROCESSING && isnan(reply.cost));
  CHECK(is_usual("{\"status\":\"COMPLETED\",\"error\":null," OUTPUT
                 ",\"images\":[{\"url\":\"x\",\"file_size\":\"1\"}],"
                 "\"seed\":\"42\",\"prompt\":\"a \\\"b\\\" \xc3\xbc\","
                 "\"timings\":{}," METRICS "}",
                 &reply));
  CHECK(reply.state == SM_STATE_COMPLETED && reply.has_address &&
        reply.has_output && reply.seed == 42 && reply.cost == 0.05 &&
        reply.inference_s == 13.962);
}

/* Each says something that only the parser knows how to take. */
static void whatever_is_unusual_is_left_to_the_parser(void) {
  static const char *const texts[] = {
      "",
      "[]",
      "{}",
      "\xef\xbb\xbf{\"status\":\"QUEUED\"}",
      "{\"status\":\"QUEUED\"",
      "{\"status\":\"QUEUED\",}",
      "{\"status\":\"QUEUED\"} x",
      "{\"status\":\"QUEUED\",\"status\":\"COMPLETED\"}",
      "{\"status\":\"queued\"}",
      "{\"status\":\"FAILED\",\"error\":\"no\"}",
      "{\"status\":\"QUEUED\",\"error\":\"no\"}",
      "{\"status\":\"QUEUED\",\"detail\":\"no\"}",
      "{\"status\":\"QUEUED\",\"id\":\"7\"}",
      "{\"request_id\":\"ab\"}",
      "{\"request_id\":\"ab \",\"status\":\"QUEUED\"}",
      "{\"request_id\":\"..\",\"status\":\"QUEUED\"}",
      "{\"request_id\":\"\",\"status\":\"QUEUED\"}",
      "{\"request_id\":7,\"status\":\"QUEUED\"}",
      "{\"request_id\":\"a\\u0062\",\"status\":\"QUEUED\"}",
      "{\"status\":\"COMPLETED\",\"output\":\"file:///a\"}",
      "{\"status\":\"COMPLETED\",\"output\":\"https://\"}",
      "{\"status\":\"COMPLETED\",\"output\":[\"https://a/b\"]}",
      "{\"status\":\"COMPLETED\",\"images\":[{\"url\":\"https://a/b\"}]}",
      "{\"status\":\"QUEUED\",\"metrics\":null}",
      "{\"status\":\"QUEUED\",\"metrics\":{\"cost\":1,\"cost\":2}}",
      "{\"status\":\"QUEUED\",\"metrics\":{\"inference_time\":\"1\"}}",
      "{\"status\":\"QUEUED\",\"metrics\":{\"inference_time\":1e9}}",
      "{\"status\":\"QUEUED\",\"seed\":12345678901234567890}",
      "{\"status\":\"QUEUED\",\"prompt\":\"\\ud83d\"}",
      "{\"status\":\"QUEUED\",\"prompt\":\"\xff\"}",
      "{\"status\":\"QUEUED\",\"timings\":[[[[[[[[[[]]]]]]]]]]}",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct sm_reply reply;
    CHECK(!is_usual(texts[i], &reply));
  }
}

/* They are looked at eight at a time. */
static void one_odd_character_of_a_text_is_seen_wherever_it_stands(void) {
  char text[] =
      "{\"status\":\"QUEUED\",\"status_url\":\"0123456789abcdefXYZ\"}";
  char *url = strstr(text, "0123");
  struct sm_reply reply;
  for (int at = 0; at < 19; at++)
    for (int c = 0; c < 256; c++) {
      char kept = url[at];
      bool is_plain = c > ' ' && c <= '~' && c != '"' && c != '\\';
      url[at] = (char)c;
      CHECK(sm_reply_read_usual(&reply, text, sizeof text - 1) == is_plain);
      url[at] = kept;
    }
}

/* The parser, which mends them, has the last word. */
static void an_unusual_answer_is_read_all_the_same(void) {
  static const char text[] = "{\"request_id\":\"a\\u0062\",\"x\":1} and more";
  struct sm_reply reply;
  CHECK(sm_reply_read(&reply, text, sizeof text - 1, NULL) == SM_OK);
  CHECK(reply.is_json && reply.has_bad_id);
}

int main(void) {
  usual_answers_are_read_without_a_parser();
  whatever_is_unusual_is_left_to_the_parser();
  one_odd_character_of_a_text_is_seen_wherever_it_stands();
  an_unusual_answer_is_read_all_the_same();
  return check_report("sm_reply");
}
