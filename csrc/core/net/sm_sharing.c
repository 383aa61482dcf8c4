#include "sm_sharing.h"

#include <stdio.h>
#include <string.h>

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

void sm_sharing_note(struct sm_easy *easy, const char *ip, int port,
                     int local_port) {
  snprintf(easy->ip, sizeof easy->ip, "%s", ip ? ip : "");
  easy->port = port;
  easy->local_port = local_port;
}

/* libcurl may put a request on a connection whose last answer is whole, and
 * read the next, before anybody could take the first. */
static bool is_answered(const struct sm_easy *easy) {
  curl_off_t length = -1, came = 0;
  curl_easy_getinfo(easy->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  curl_easy_getinfo(easy->handle, CURLINFO_SIZE_DOWNLOAD_T, &came);
  return easy->header_bytes > 0 && length >= 0 && came >= length;
}

static bool is_beside(const struct sm_easy *easy, const struct sm_easy *other) {
  return other != easy && other->local_port == easy->local_port &&
         other->port == easy->port && strcmp(other->ip, easy->ip) == 0;
}

void sm_sharing_look(struct sm_easy *easy) {
  for (struct sm_easy *other = easy->is_tls ? easy->wire->active : NULL; other;
       other = other->next)
    if (is_beside(easy, other) && !is_answered(other))
      easy->was_shared = other->was_shared = true;
}

bool sm_sharing_spoils(const struct sm_easy *easy) {
  long version = CURL_HTTP_VERSION_NONE;
  if (!easy->was_shared)
    return false;
  curl_easy_getinfo(easy->handle, CURLINFO_HTTP_VERSION, &version);
  return version < CURL_HTTP_VERSION_2_0;
}
