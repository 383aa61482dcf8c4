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
  PROMISE(row->urls_bytes <= sizeof row->urls && IS_TEXT(row->error));
  sm_buf_create(&out, 1 << 20);
  PROMISE(sm_history_as_result(&out, row, NULL) == SM_OK);
  PROMISE(sm_reply_read(&reply, out.data, out.size, NULL) == SM_OK);
  PROMISE(reply.state == SM_STATE_COMPLETED);
  PROMISE(strcmp(reply.request_id, row->request_id) == 0);
  PROMISE(reply.has_address == (row->urls_bytes > 0));
  sm_buf_destroy(&out);
}

static void search(const char *body, const char *twin, const char *text,
                   size_t size) {
  static struct sm_history_find find;
  const struct sm_history_query query = {.model = "flux-kontext-pro",
                                         .body = body,
                                         .body_size = strlen(body),
                                         .since_ms = 1769860800000,
                                         .unsure_ms = 120000,
                                         .until_ms = 1769864400000,
                                         .others = {is_other, awaited, twin}};
  memset(&find, 0, sizeof find);
  enum sm_code code = sm_history_search(&find, &query, text, size, NULL);
  const char *id = sm_history_found(&find);
  PROMISE(code == SM_OK || (code == SM_PROTOCOL && !id));
  PROMISE(find.rows >= 0 && IS_TEXT(find.ids));
  PROMISE(!id || !sm_history_is_absent(&find));
  if (id)
    PROMISE(find.rows > 0 && !twin && sm_url_is_id(id) && !is_other(NULL, id));
  /* The same page again adds nothing. */
  int fits = find.fits;
  if (code == SM_OK && strlen(find.ids) + SM_ID_MAX + 3 < sizeof find.ids) {
    PROMISE(sm_history_search(&find, &query, text, size, NULL) == SM_OK);
    PROMISE(find.fits == fits);
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
  free(body);
  return 0;
}
