/* JSON as servers write it: what becomes of each fault. */
#include "sm_json.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

static struct sm_buf out;

static bool becomes(const char *text, size_t size, enum sm_json outcome,
                    const char *mended) {
  enum sm_json got = sm_json_mend(&out, text, size);
  bool is_so = got == outcome && strcmp(sm_buf_text(&out), mended) == 0;
  if (!is_so)
    fprintf(stderr, "%s\n  became (%d) %s\n", text, (int)got,
            sm_buf_text(&out));
  return is_so;
}

static bool is_fine(const char *text) {
  return becomes(text, strlen(text), SM_JSON_FINE, "");
}

static bool is_mended(const char *text, const char *mended) {
  return becomes(text, strlen(text), SM_JSON_MENDED, mended);
}

static bool is_cut(const char *text, const char *mended) {
  return becomes(text, strlen(text), SM_JSON_CUT, mended);
}

static bool is_unreadable(const char *text) {
  return becomes(text, strlen(text), SM_JSON_UNREADABLE, "");
}

static void good_json_stays_as_it_is(void) {
  CHECK(is_fine("{}"));
  CHECK(is_fine(" [1, -2.5e-3, true, false, null, {\"a\" : []}]\r\n"));
  CHECK(is_fine("{\"a\":9007199254740992,\"b\":-9007199254740992}"));
  CHECK(is_fine("[1e307,9.9e307,1e-400,0.1,0]"));
  CHECK(is_fine("[\"\\u00e9\\ud83d\\ude00\\n\\/\", \"\xc3\xa9\"]"));
}

static void numbers_that_readers_round_or_refuse_keep_their_digits(void) {
  CHECK(is_mended("{\"seed\":18446744073709551615}",
                  "{\"seed\":\"18446744073709551615\"}"));
  CHECK(is_mended("[9007199254740993]", "[\"9007199254740993\"]"));
  CHECK(is_mended("[-9223372036854775808]", "[\"-9223372036854775808\"]"));
  CHECK(is_mended("[1e400,1]", "[\"1e400\",1]"));
  CHECK(is_mended("[9e308,12e307]", "[\"9e308\",\"12e307\"]"));
  CHECK(is_mended("[007,+1,.5,1.,0x10,1e]",
                  "[\"007\",\"+1\",\".5\",\"1.\",\"0x10\",\"1e\"]"));
}

static void words_that_are_no_json_are_null(void) {
  CHECK(is_mended("{\"a\":NaN,\"b\":-Infinity,\"c\":Infinity}",
                  "{\"a\":null,\"b\":null,\"c\":null}"));
  CHECK(is_mended("[None,undefined,True]", "[null,null,null]"));
}

static void text_that_is_no_text_is_replaced(void) {
  CHECK(is_mended("[\"cat \\ud83d\"]", "[\"cat \\ufffd\"]"));
  CHECK(is_mended("[\"\\ude00\\ud83d\\ud83d\\ude00\"]",
                  "[\"\\ufffd\\ufffd\\ud83d\\ude00\"]"));
  CHECK(is_mended("[\"a\xe2\x82\"]", "[\"a\xef\xbf\xbd\xef\xbf\xbd\"]"));
  CHECK(is_mended("[\"\xed\xa0\x80\xff\"]",
                  "[\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"]"));
  CHECK(is_mended("{\"a\\u0000\":\"\\u0000\"}", "{\"a\\ufffd\":\"\\ufffd\"}"));
  CHECK(is_mended("[\"a\nb\tc\rd\x01\"]", "[\"a\\nb\\tc\\rd\xef\xbf\xbd\"]"));
  CHECK(is_mended("[\"C:\\dir \\u12 \\x41\"]",
                  "[\"C:\\\\dir \\\\u12 \\\\x41\"]"));
  CHECK(becomes("[\"a\0b\"]", 7, SM_JSON_MENDED,
                "[\"a\xef\xbf\xbd"
                "b\"]"));
}

static void what_stands_round_the_document_goes(void) {
  CHECK(is_mended("\xef\xbb\xbf{\"a\":1}", "{\"a\":1}"));
  CHECK(is_mended("\xef\xbb\xbf [1]", " [1]"));
  CHECK(is_mended(")]}',\n{\"a\":1}", "{\"a\":1}"));
  CHECK(is_mended("1f\r\n{ \"a\":1}\r\n0\r\n\r\n", "{ \"a\":1}"));
  CHECK(is_mended("{\"a\":1}<!-- served by x -->", "{\"a\":1}"));
  CHECK(is_mended("{\"a\":1}{\"a\":2}", "{\"a\":1}"));
}

static void commas_too_many_go(void) {
  CHECK(is_mended("{\"a\":[1,2, ],}", "{\"a\":[1,2]}"));
}

static void a_document_ends_with_its_last_whole_value(void) {
  const char *whole = "{\"a\":1,\"b\":[{\"c\":\"x\",\"d\":tru";
  CHECK(is_cut(whole, "{\"a\":1,\"b\":[{\"c\":\"x\"}]}"));
  CHECK(is_cut("{\"a\":\"x\",\"b\":\"https://half", "{\"a\":\"x\"}"));
  CHECK(is_cut("{\"a\":\"x\",\"b\":12", "{\"a\":\"x\"}"));
  CHECK(is_cut("{\"a\":\"x\",\"b\":{\"c\":", "{\"a\":\"x\"}"));
  CHECK(is_cut("{\"a\":[[1,2],[3", "{\"a\":[[1,2]]}"));
  CHECK(is_cut("{\"a\":\"\xff\",\"b\":\"\xff", "{\"a\":\"\xef\xbf\xbd\"}"));
  CHECK(is_cut("{\"a\":1 <html>", "{\"a\":1}"));
  CHECK(is_cut("{\"a\":[1}", "{\"a\":[1]}"));
}

static void what_holds_nothing_whole_is_unreadable(void) {
  CHECK(is_unreadable(""));
  CHECK(is_unreadable("   "));
  CHECK(is_unreadable("{"));
  CHECK(is_unreadable("[[{\"a\":"));
  CHECK(is_unreadable("{\"request_id\":\"2c7f"));
  CHECK(is_unreadable("<html><style>body{color:red}</style></html>"));
  CHECK(is_unreadable("\"text\""));
  CHECK(is_unreadable("null"));
}

static void a_document_in_another_spelling_is_that_document(void) {
  CHECK(becomes("\xff\xfe{\0\"\0\xe9\0\"\0:\0001\0}\0", 16, SM_JSON_MENDED,
                "{\"\xc3\xa9\":1}"));
  CHECK(becomes("\0[\0\"\xd8\x3d\xde\x00\0\"\0]", 12, SM_JSON_MENDED,
                "[\"\xf0\x9f\x98\x80\"]"));
  CHECK(becomes("{\0}", 3, SM_JSON_UNREADABLE, ""));
  CHECK(is_mended("\"{\\\"a\\\":1}\"", "{\"a\":1}"));
  CHECK(is_mended("\"[NaN]\"", "[null]"));
  CHECK(is_unreadable("\"text\""));
}

static void what_lies_too_deep_is_null(void) {
  enum { DEEP = 100000 };
  char *text = malloc(2 * DEEP + 64);
  size_t at = (size_t)sprintf(text, "{\"a\":");
  memset(text + at, '[', DEEP);
  at += DEEP;
  at += (size_t)sprintf(text + at, "\"]\\\"\"");
  memset(text + at, ']', DEEP);
  at += DEEP;
  at += (size_t)sprintf(text + at, ",\"b\":1}");
  CHECK(sm_json_mend(&out, text, at) == SM_JSON_MENDED);
  json_t *root = json_loadb(out.data, out.size, 0, NULL);
  CHECK(json_integer_value(json_object_get(root, "b")) == 1);
  json_decref(root);
  /* Cut in the deep part. */
  CHECK(is_unreadable("[[[["));
  CHECK(sm_json_mend(&out, text, DEEP) == SM_JSON_UNREADABLE);
  free(text);
}

static void parsing_tells_a_cut_from_no_json(void) {
  struct sm_error e;
  bool is_cut_short = true;
  json_t *root = sm_json_parse("{\"a\":NaN}", 9, &is_cut_short, &e);
  CHECK(json_is_null(json_object_get(root, "a")) && !is_cut_short);
  json_decref(root);
  root = sm_json_parse("{\"a\":1,", 7, &is_cut_short, &e);
  CHECK(json_is_object(root) && is_cut_short);
  json_decref(root);
  CHECK(!sm_json_parse("<html>", 6, &is_cut_short, &e));
  CHECK(!is_cut_short && e.code == SM_PROTOCOL);
}

int main(void) {
  good_json_stays_as_it_is();
  numbers_that_readers_round_or_refuse_keep_their_digits();
  words_that_are_no_json_are_null();
  text_that_is_no_text_is_replaced();
  what_stands_round_the_document_goes();
  commas_too_many_go();
  a_document_ends_with_its_last_whole_value();
  what_holds_nothing_whole_is_unreadable();
  a_document_in_another_spelling_is_that_document();
  what_lies_too_deep_is_null();
  parsing_tells_a_cut_from_no_json();
  sm_buf_destroy(&out);
  return check_report("sm_json");
}
