#include "sm_buf.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static void an_empty_buffer_reads_as_empty_text(void) {
  struct sm_buf buf;
  size_t size = 9;
  sm_buf_create(&buf, 10);
  CHECK(strcmp(sm_buf_text(&buf), "") == 0);
  CHECK(sm_buf_take(&buf, &size) == NULL && size == 0);
  sm_buf_destroy(&buf);
  sm_buf_destroy(&buf);
  sm_buf_destroy(NULL);
}

static void bytes_are_kept_in_order_and_end_with_a_nul(void) {
  struct sm_buf buf;
  sm_buf_create(&buf, 1 << 20);
  for (int i = 0; i < 70000; i++)
    sm_buf_append(&buf, &(char){(char)('a' + i % 26)}, 1, NULL);
  CHECK(buf.size == 70000 && strlen(buf.data) == 70000);
  CHECK(buf.data[0] == 'a' && buf.data[69999] == 'a' + 69999 % 26);
  sm_buf_destroy(&buf);
}

static void an_append_past_the_ceiling_leaves_the_buffer_as_it_was(void) {
  struct sm_buf buf;
  struct sm_error e;
  sm_buf_create(&buf, 5);
  CHECK(sm_buf_add_text(&buf, "abcde", NULL) == SM_OK);
  CHECK(sm_buf_append(&buf, "f", 1, &e) == SM_PROTOCOL);
  CHECK(sm_buf_printf(&buf, &e, "%d", 1) == SM_PROTOCOL);
  CHECK(sm_buf_append(&buf, "f", SIZE_MAX, &e) == SM_PROTOCOL);
  CHECK(strcmp(sm_buf_text(&buf), "abcde") == 0);
  CHECK(buf.capacity <= 6);
  sm_buf_destroy(&buf);
}

static void a_boundless_ceiling_does_not_overflow(void) {
  struct sm_buf buf;
  struct sm_error e;
  sm_buf_create(&buf, SIZE_MAX);
  CHECK(sm_buf_add_text(&buf, "a", &e) == SM_OK);
  CHECK(sm_buf_append(&buf, "b", SIZE_MAX, &e) == SM_PROTOCOL);
  CHECK(sm_buf_append(&buf, "b", SIZE_MAX - 1, &e) == SM_PROTOCOL);
  CHECK(strcmp(sm_buf_text(&buf), "a") == 0);
  sm_buf_destroy(&buf);
}

static void formatted_text_is_appended(void) {
  struct sm_buf buf;
  sm_buf_create(&buf, 100000);
  CHECK(sm_buf_printf(&buf, NULL, "%s/%d", "a", 12) == SM_OK);
  CHECK(sm_buf_printf(&buf, NULL, "%s", "") == SM_OK);
  CHECK(strcmp(sm_buf_text(&buf), "a/12") == 0);
  CHECK(sm_buf_printf(&buf, NULL, "%70000d", 1) == SM_OK);
  CHECK(buf.size == 70004 && buf.data[70003] == '1');
  sm_buf_destroy(&buf);
}

static void taking_hands_the_bytes_over(void) {
  struct sm_buf buf;
  size_t size;
  sm_buf_create(&buf, 10);
  sm_buf_add_text(&buf, "abc", NULL);
  char *taken = sm_buf_take(&buf, &size);
  CHECK(size == 3 && taken != NULL && strcmp(taken, "abc") == 0);
  CHECK(buf.data == NULL && buf.size == 0 && buf.ceiling == 10);
  free(taken);
  CHECK(sm_buf_add_text(&buf, "d", NULL) == SM_OK);
  sm_buf_reset(&buf);
  CHECK(strcmp(sm_buf_text(&buf), "") == 0);
  sm_buf_destroy(&buf);
}

int main(void) {
  an_empty_buffer_reads_as_empty_text();
  bytes_are_kept_in_order_and_end_with_a_nul();
  an_append_past_the_ceiling_leaves_the_buffer_as_it_was();
  a_boundless_ceiling_does_not_overflow();
  formatted_text_is_appended();
  taking_hands_the_bytes_over();
  return check_report("sm_buf");
}
