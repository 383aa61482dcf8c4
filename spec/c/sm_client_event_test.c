/* The descriptor of a client is readable while events wait, and not longer,
 * whenever the worker is held up. The linker (--wrap, see CMakeLists.txt) leads
 * what rings it through here. */
#include <poll.h>
#include <stdatomic.h>
#include <time.h>

#include "check.h"
#include "sm_client.h"
#include "sm_system.h"

static int ringing_fd = -1;
static atomic_bool is_ringing, is_drained, has_rung;

static void pause_1ms(void) {
  nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* The names are the linker's choice: NOLINTBEGIN(bugprone-reserved-identifier)
 */
void __real_sm_bell_ring(const struct sm_bell *bell);
void __wrap_sm_bell_ring(const struct sm_bell *bell);

void __wrap_sm_bell_ring(const struct sm_bell *bell) {
  if (bell->fd != ringing_fd) {
    __real_sm_bell_ring(bell);
    return;
  }
  atomic_store(&is_ringing, true);
  for (int i = 0; i < 30 && !atomic_load(&is_drained); i++)
    pause_1ms();
  __real_sm_bell_ring(bell);
  atomic_store(&has_rung, true);
}
/* NOLINTEND(bugprone-reserved-identifier) */

static int drain(struct sm_client *client) {
  int count = 0;
  while (sm_client_is_readable(client)) {
    struct sm_event *event = sm_client_take(client);
    count += event != NULL;
    sm_event_delete(event);
  }
  return count;
}

static void await(const atomic_bool *flag) {
  for (int i = 0; i < 2000 && !atomic_load(flag); i++)
    pause_1ms();
  CHECK(atomic_load(flag));
}

/* It finds neither the lock taken nor, later, the descriptor readable. */
static void a_host_that_takes_before_the_ring_gets_what_there_is(void) {
  const struct sm_client_options options = {
      .api_key = "SG_0123456789abcdef",
      .base_url = "http://127.0.0.1:9",
      .user_agent = "test",
      .max_transfers = 4,
      .max_json_bytes = 1024,
      .max_image_bytes = 1024,
  };
  struct sm_client *client = NULL;
  struct sm_error e;
  CHECK(sm_client_new(&client, &options, &e) == SM_OK);
  ringing_fd = sm_client_fd(client);
  struct sm_task *task = sm_task_new(SM_TASK_CALL, "/v1/get-user-credits");
  sm_fetch_create(&task->call, SM_FETCH_GET, sm_now_ms()); /* too late */
  CHECK(sm_client_post(client, task, &e) != 0);
  await(&is_ringing);
  struct sm_event *event = sm_client_take(client);
  CHECK(event && !atomic_load(&has_rung));
  sm_event_delete(event);
  CHECK(!sm_client_take(client)); /* too early to silence it */
  atomic_store(&is_drained, true);
  await(&has_rung);
  struct pollfd wanted = {.fd = ringing_fd, .events = POLLIN};
  CHECK(drain(client) == 0 && poll(&wanted, 1, 0) == 0);
  sm_client_delete(client);
}

int main(void) {
  a_host_that_takes_before_the_ring_gets_what_there_is();
  return check_report("sm_client_event");
}
