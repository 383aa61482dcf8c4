/* Whatever an answer holds, what is read from it is well formed. */
#include <strings.h>

#include "fuzz.h"
#include "sm_json.h"
#include "sm_output.h"
#include "sm_reason.h"
#include "sm_reply.h"

/* "", or an id that stands in the text, however that is written. */
static bool is_id(const char *text, size_t size, const char *id) {
  struct sm_buf plain;
  if (!*id)
    return true;
  if (!sm_json_plain(&plain, text, size))
    return sm_url_is_id(id) && sm_reply_holds_id(text, size, id);
  bool is_held = sm_reply_holds_id(plain.data, plain.size, id);
  sm_buf_destroy(&plain);
  return is_held && sm_url_is_id(id);
}

static void read_reply(const char *text, size_t size) {
  struct sm_reply reply;
  struct sm_error e;
  enum sm_code code = sm_reply_read(&reply, text, size, &e);
  PROMISE(code == SM_OK || (code == SM_PROTOCOL && e.code == code));
  if (code != SM_OK) {
    PROMISE(e.message[0] != '\0' && IS_TEXT(e.message));
    return;
  }
  PROMISE(IS_TEXT(reply.request_id) && IS_TEXT(reply.status_url) &&
          IS_TEXT(reply.error));
  PROMISE(reply.request_id[0] == '\0' || sm_url_is_id(reply.request_id));
  PROMISE(reply.request_id[0] == '\0' || !reply.has_bad_id);
  PROMISE(is_id(text, size, reply.request_id) &&
          is_id(text, size, reply.address_id) &&
          is_id(text, size, reply.other_id));
  PROMISE(sm_state_name(reply.state) != NULL);
}

/* Every address is a text that ends inside the room that was asked for. */
static void read_outputs(const char *text, size_t size) {
  size_t room = sm_output_of_text(NULL, 0, text, size).bytes;
  char *out = malloc(room + 1);
  PROMISE(out != NULL);
  out[room] = '#';
  struct sm_output output = sm_output_of_text(out, room, text, size);
  PROMISE(output.bytes == room && out[room] == '#');
  for (size_t at = 0; at < room; at += strlen(out + at) + 1)
    PROMISE(memchr(out + at, '\0', room - at) != NULL &&
            strncasecmp(out + at, "http", 4) == 0);
  PROMISE(room == 0 || (output.has_something && !output.is_foreign));
  free(out);
}

static void find_id(const char *text, size_t size) {
  char id[SM_ID_MAX + 1];
  if (!sm_reply_find_id(id, text, size))
    return;
  PROMISE(IS_TEXT(id) && sm_url_is_id(id) && sm_reply_holds_id(text, size, id));
  PROMISE(sm_reply_is_same_id(id, id));
}

static void read_upload(const char *text, size_t size) {
  struct sm_buf url;
  sm_buf_create(&url, 512);
  enum sm_code code = sm_reply_read_upload(&url, text, size, NULL);
  PROMISE(code == SM_OK || code == SM_PROTOCOL);
  PROMISE(url.size <= 512 && (code == SM_OK) == (url.size > 0));
  sm_buf_destroy(&url);
}

static void read_error(const char *text, size_t size) {
  char words[96];
  for (size_t room = 1; room <= sizeof words; room += 19) {
    memset(words, '#', sizeof words);
    sm_reason_of(words, room, text, size);
    PROMISE(memchr(words, '\0', room) != NULL);
    PROMISE(room == sizeof words || words[room] == '#');
    (void)sm_reason_is_credits(words);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  read_reply(text, size);
  read_outputs(text, size);
  if (size > 0)
    find_id(text, size);
  read_upload(text, size);
  read_error(text, size);
  return 0;
}
