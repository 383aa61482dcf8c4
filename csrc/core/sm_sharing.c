#include "sm_sharing.h"

void sm_sharing_enter(struct sm_easy *easy) {
  easy->local_port = 0;
  easy->was_shared = false;
  easy->previous = NULL;
  easy->next = easy->wire->active;
  if (easy->next)
    easy->next->previous = easy;
  easy->wire->active = easy;
}

void sm_sharing_leave(struct sm_easy *easy) {
  if (easy->previous)
    easy->previous->next = easy->next;
  else
    easy->wire->active = easy->next;
  if (easy->next)
    easy->next->previous = easy->previous;
}

/* libcurl may begin a request on a connection whose last answer has come, but
 * was not taken yet. */
static bool is_answered(const struct sm_easy *easy) {
  curl_off_t length = -1;
  curl_easy_getinfo(easy->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  return easy->header_bytes > 0 && length >= 0 &&
         (curl_off_t)easy->body_bytes >= length;
}

void sm_sharing_note(struct sm_easy *easy, int local_port) {
  for (struct sm_easy *other = easy->wire->active; other; other = other->next)
    if (other != easy && other->local_port == local_port && !is_answered(other))
      easy->was_shared = other->was_shared = true;
  easy->local_port = local_port;
}

bool sm_sharing_spoils(const struct sm_easy *easy) {
  long version = CURL_HTTP_VERSION_NONE;
  if (!easy->was_shared)
    return false;
  curl_easy_getinfo(easy->handle, CURLINFO_HTTP_VERSION, &version);
  return version < CURL_HTTP_VERSION_2_0;
}
