/* Where the addresses of a result may stand. */
#include "sm_output.h"

#include <string.h>

#include "check.h"

static char out[256];

static struct sm_output read(const char *text) {
  memset(out, '#', sizeof out);
  return sm_output_of_text(out, sizeof out, text, strlen(text));
}

/* The addresses of `text` are `bytes`, NULs and all. */
static bool holds(const char *text, const char *bytes, size_t size) {
  struct sm_output output = read(text);
  return output.bytes == size && memcmp(out, bytes, size) == 0 &&
         output.has_something && !output.is_foreign;
}

#define HOLDS(text, bytes) CHECK(holds(text, bytes, sizeof(bytes)))

static void every_shape_of_an_output_is_found(void) {
  HOLDS("{\"output\":\"https://h/a\"}", "https://h/a");
  HOLDS("{\"output\":\" https://h/a\\n\"}", "https://h/a");
  HOLDS("{\"output\":[\"https://h/a\",\"http://h/b\"]}",
        "https://h/a\0http://h/b");
  HOLDS("{\"output\":[[\"https://h/a\"],[\"https://h/b\"]]}",
        "https://h/a\0https://h/b");
  HOLDS("{\"output\":{\"url\":\"https://h/a\"}}", "https://h/a");
  HOLDS("{\"output\":{\"image\":{\"url\":\"https://h/a\"}}}", "https://h/a");
  HOLDS("{\"output\":{\"images\":[{\"url\":\"https://h/a\"},"
        "{\"url\":\"https://h/b\"}]}}",
        "https://h/a\0https://h/b");
  HOLDS("{\"output\":\"[\\\"https://h/a\\\",\\\"https://h/b\\\"]\"}",
        "https://h/a\0https://h/b");
  HOLDS("{\"output\":null,\"images\":[{\"url\":\"https://h/a\"}]}",
        "https://h/a");
  HOLDS("{\"output\":\"https://h/a\",\"images\":[{\"url\":\"https://h/b\"}]}",
        "https://h/a");
}

static void an_address_under_another_name_is_the_last_resort(void) {
  HOLDS("{\"output\":{\"0\":\"https://h/a\"}}", "https://h/a");
  HOLDS("{\"output\":{\"picture\":{\"href\":\"https://h/a\"}}}", "https://h/a");
  HOLDS("{\"output\":{\"doc\":\"https://h/b\",\"url\":\"https://h/a\"}}",
        "https://h/a");
  HOLDS("{\"result\":{\"sample\":\"https://h/a\"}}", "https://h/a");
  HOLDS("{\"url\":\"https://h/b\",\"output\":\"https://h/a\"}", "https://h/a");
  HOLDS("{\"url\":\"https://h/a\"}", "https://h/a");
  HOLDS("[\"https://h/a\"]", "https://h/a");
  CHECK(read("{\"url\":\"https://h/a\"}").is_guess);
  CHECK(read("{\"output\":{\"x\":\"https://h/a\"}}").is_guess);
  CHECK(!read("{\"output\":{\"url\":\"https://h/a\"}}").is_guess);
}

static void the_answer_to_an_upload_has_many_shapes(void) {
  static const char *const rows[] = {
      "{\"file_urls\":[\"https://h/a\"]}",
      "{\"urls\":[\"https://h/a\"]}",
      "{\"file_urls\":null,\"urls\":[\"https://h/a\"]}",
      "{\"file_urls\":\"https://h/a\"}",
      "{\"file_urls\":[{\"file_url\":\"https://h/a\"}]}",
      "{\"url\":\"https://h/a\"}",
      "{\"data\":{\"file_urls\":[\"https://h/a\"]}}",
      "[\"https://h/a\"]",
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    json_t *root = json_loads(rows[i], 0, NULL);
    CHECK(sm_output_of_upload(out, sizeof out, root).bytes == 12 &&
          strcmp(out, "https://h/a") == 0);
    json_decref(root);
  }
}

static void what_is_no_address_is_none(void) {
  static const char *const rows[] = {
      "{\"output\":\"data:image/png;base64,iVBORw0KGgo=\"}",
      "{\"output\":\"iVBORw0KGgo=\"}",
      "{\"output\":\"hello: world\"}",
      "{\"output\":{\"text\":\"https\"}}",
      "{\"output\":[\"[[\\\"x\\\"]\"]}",
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct sm_output output = read(rows[i]);
    CHECK(output.bytes == 0 && output.has_something && !output.is_foreign);
  }
  CHECK(!read("{\"status\":\"COMPLETED\"}").has_something);
  CHECK(!read("{\"output\":null}").has_something);
  CHECK(!read("{\"output\":[]}").has_something);
  CHECK(!read("<html>").has_something);
}

static void another_scheme_is_told_apart(void) {
  CHECK(read("{\"output\":\"file:///etc/passwd\"}").is_foreign);
  CHECK(read("{\"output\":[\"ftp://h/a\"]}").is_foreign);
  CHECK(!read("{\"output\":[\"ftp://h/a\",\"https://h/b\"]}").is_foreign);
}

static void what_does_not_fit_is_counted(void) {
  const char *text = "{\"output\":[\"https://h/a\",\"https://h/b\"]}";
  struct sm_output output = sm_output_of_text(out, 12, text, strlen(text));
  CHECK(output.bytes == 24 && strcmp(out, "https://h/a") == 0);
  CHECK(sm_output_of_text(NULL, 0, text, strlen(text)).bytes == 24);
}

int main(void) {
  every_shape_of_an_output_is_found();
  an_address_under_another_name_is_the_last_resort();
  the_answer_to_an_upload_has_many_shapes();
  what_is_no_address_is_none();
  another_scheme_is_told_apart();
  what_does_not_fit_is_counted();
  return check_report("sm_output");
}
