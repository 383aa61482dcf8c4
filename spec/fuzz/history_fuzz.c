/* The request history: a line with the body that was sent, then a page. A row
 * that is taken for the lost submit must be it; a row that is turned into a
 * result must be readable as one. */
#include "fuzz.h"
#include "sm_history.h"

static bool is_other(const void *user, const char *request_id) {
  (void)user;
  return request_id[0] == 'z';
}

/* The submit has a twin under way, when its user says so. */
static const char *awaited(const void *user, const char *model, int n,
                           size_t *size) {
  const char *twin = user;
  (void)model;
  *size = twin ? strlen(twin) : 0;
  return n == 0 ? twin : NULL;
}

static void check_row(const struct sm_history_row *row) {
  struct sm_buf out;
  struct sm_reply reply;
  PROMISE(sm_url_is_id(row->request_id));
  PROMISE(IS_TEXT(row->url) && IS_TEXT(row->error));
  sm_buf_create(&out, 1 << 20);
  PROMISE(sm_history_as_result(&out, row, NULL) == SM_OK);
  PROMISE(sm_reply_read(&reply, out.data, out.size, NULL) == SM_OK);
  PROMISE(reply.state == SM_STATE_COMPLETED);
  PROMISE(strcmp(reply.request_id, row->request_id) == 0);
  PROMISE(reply.has_output == (row->url[0] != '\0'));
  sm_buf_destroy(&out);
}

static void search(const char *body, const char *twin, const char *text,
                   size_t size) {
  struct sm_history_page page;
  const struct sm_history_query query = {.model = "flux-kontext-pro",
                                         .body = body,
                                         .body_size = strlen(body),
                                         .since_s = 1769860800,
                                         .others = {is_other, awaited, twin}};
  enum sm_code code = sm_history_search(&page, &query, text, size, NULL);
  PROMISE(code == SM_OK || (code == SM_PROTOCOL && !page.is_found));
  PROMISE(page.rows >= 0);
  if (page.is_found) {
    PROMISE(page.rows > 0 && !is_other(NULL, page.row.request_id));
    PROMISE(!twin);
    check_row(&page.row);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct source source = {data, size};
  struct sm_history_row row;
  char *body = take_line(&source);
  const char *text = (const char *)source.at;
  search(body, NULL, text, source.left);
  search(body, body, text, source.left);
  enum sm_code code = sm_history_read(&row, text, source.left, NULL);
  PROMISE(code == SM_OK || code == SM_PROTOCOL);
  if (code == SM_OK)
    check_row(&row);
  PROMISE(sm_history_time(body) >= -1 || body[0] != '\0');
  free(body);
  return 0;
}
