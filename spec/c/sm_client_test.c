/* What is left of a client. A closed one leaves nothing of its key in memory:
 * its own copy goes at once, the header that carried it with the worker. What
 * libcurl has freed is libcurl's; so the request here does not get as far as a
 * connection. One that is not closed is there until the process has ended. */
#include "sm_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "sm_timer.h"

#define KEY_SIZE 19

/* Put together where it is looked for, so that nobody else has it. */
static void write_key(char key[KEY_SIZE + 1]) {
  for (int i = 0; i < KEY_SIZE; i++)
    key[i] = (char)("SG_"[i % 3] + (i > 2 ? i % 7 : 0));
  key[KEY_SIZE] = '\0';
}

/* How often the key stands in what this process can write to. */
static int found(void) {
  static char bytes[1 << 16];
  char key[KEY_SIZE + 1], line[512];
  int count = 0;
  FILE *maps = fopen("/proc/self/maps", "r"), *memory;
  memory = fopen("/proc/self/mem", "rb");
  CHECK(maps && memory);
  setvbuf(memory, NULL, _IONBF, 0);
  while (fgets(line, sizeof line, maps)) {
    unsigned long from, to;
    if (sscanf(line, "%lx-%lx rw", &from, &to) != 2 || !strstr(line, " rw") ||
        strstr(line, "[stack]") || to - from > 64 << 20) /* a sanitizer's */
      continue;
    for (; from < to; from += sizeof bytes - KEY_SIZE) {
      unsigned long at = (unsigned long)(void *)bytes;
      if (fseek(memory, (long)from, SEEK_SET) != 0)
        break;
      if (from < at + sizeof bytes && at < from + sizeof bytes)
        continue;
      size_t size = to - from < sizeof bytes ? to - from : sizeof bytes;
      size = fread(bytes, 1, size, memory);
      write_key(key);
      for (char *hit = bytes;
           (hit = memmem(hit, size - (size_t)(hit - bytes), key, KEY_SIZE));
           hit++)
        count++;
      explicit_bzero(key, sizeof key);
      explicit_bzero(bytes, sizeof bytes);
    }
  }
  (void)fclose(maps);
  (void)fclose(memory);
  return count;
}

static struct sm_client *open_client(const char *key, bool is_inline) {
  const struct sm_client_options options = {
      .api_key = key,
      .base_url = "http://127.0.0.1:9",
      .user_agent = "test",
      .max_transfers = 4,
      .max_json_bytes = 1024,
      .max_image_bytes = 1024,
      .is_inline = is_inline,
  };
  struct sm_client *client = NULL;
  struct sm_error e;
  CHECK(sm_client_new(&client, &options, &e) == SM_OK);
  return client;
}

static uint64_t ask_credits(struct sm_client *client) {
  struct sm_task *task = sm_task_new(SM_TASK_CALL, "/v1/get-user-credits");
  struct sm_error e;
  sm_fetch_create(&task->call, SM_FETCH_GET, sm_now_ms() + 30);
  return sm_client_post(client, task, &e);
}

static void a_closed_client_leaves_no_key_in_memory(bool is_inline) {
  char key[KEY_SIZE + 1];
  write_key(key);
  struct sm_client *client = open_client(key, is_inline);
  explicit_bzero(key, sizeof key);
  CHECK(ask_credits(client) != 0);
  (void)sm_client_wait(client, 1000);
  CHECK(found() > 0);
  sm_client_delete(client);
  int left = found();
  for (int i = 0; left > 0 && i < 100; i++) { /* until the worker has ended */
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    left = found();
  }
  CHECK(left == 0);
}

static enum sm_code open_with_host(const char *host) {
  const char *const hosts[] = {"images.example.org", host, NULL};
  const struct sm_client_options options = {
      .api_key = "SG_0123456789abcdef",
      .base_url = "http://127.0.0.1:9",
      .user_agent = "test",
      .media_hosts = hosts,
      .max_transfers = 4,
      .max_json_bytes = 1024,
      .max_image_bytes = 1024,
      .is_inline = true,
  };
  struct sm_client *client = NULL;
  struct sm_error e;
  enum sm_code code = sm_client_new(&client, &options, &e);
  CHECK((code == SM_OK) == (client != NULL));
  CHECK(code == SM_OK || strstr(e.message, "media_hosts") != NULL);
  sm_client_delete(client);
  return code;
}

/* It would be known when the picture is paid and cannot be fetched. */
static void a_media_host_that_can_match_nothing_is_refused(void) {
  static const char *const none[] = {
      "*", "*.example.org", "https://h.org", "h.org/", "h.org:8443", "a b", ""};
  static const char *const some[] = {"h.org", ".h.org", "H_1-2.org",
                                     "127.0.0.1", "[::1]"};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++)
    CHECK(open_with_host(none[i]) == SM_INVALID);
  for (size_t i = 0; i < sizeof some / sizeof *some; i++)
    CHECK(open_with_host(some[i]) == SM_OK);
}

static struct sm_client *unclosed;

static void a_client_may_be_used_and_closed_after_its_worker_was_joined(void) {
  bool is_refused = ask_credits(unclosed) == 0;
  sm_client_cancel(unclosed, 1);
  sm_event_delete(sm_client_take(unclosed));
  sm_client_nudge(unclosed);
  sm_client_delete(unclosed);
  if (!is_refused)
    _exit(1);
}

int main(void) {
  CHECK(atexit(a_client_may_be_used_and_closed_after_its_worker_was_joined) ==
        0); /* before the core registers its own */
  a_media_host_that_can_match_nothing_is_refused();
  a_closed_client_leaves_no_key_in_memory(true);
  a_closed_client_leaves_no_key_in_memory(false);
  unclosed = open_client("SG_0123456789abcdef", false);
  CHECK(ask_credits(unclosed) != 0);
  return check_report("sm_client");
}
