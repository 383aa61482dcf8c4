/* A fork with a worker under way: the child may not use the client, may drop
 * it, make its own, and exit; the parent notices nothing. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "sm_client.h"

/* Nobody listens on the discard port, and the exchange is tried for a while. */
static const struct sm_client_options options = {
    .api_key = "SG_0123456789abcdef",
    .base_url = "http://127.0.0.1:9",
    .user_agent = "test",
    .max_transfers = 4,
    .max_json_bytes = 4096,
    .max_image_bytes = 4096,
};

static struct sm_client *start(void) {
  struct sm_error e;
  struct sm_client *client = NULL;
  CHECK(sm_client_new(&client, &options, &e) == SM_OK);
  struct sm_task *task = sm_task_new(SM_TASK_CALL, "/v1/get-user-credits");
  CHECK(task != NULL);
  sm_fetch_create(&task->call, SM_FETCH_GET, sm_now_ms() + 60000);
  CHECK(sm_client_post(client, task, &e) != 0);
  return client;
}

static int in_child(struct sm_client *parents) {
  CHECK(!sm_client_is_usable(parents));
  sm_client_delete(parents); /* leaves the parent's memory alone */
  return check_failed;
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)

/* The sanitizers' allocators have locks of their own, which a thread that is
 * not in the child may hold for ever: no threads, no leak check. */
static void run_child(struct sm_client *parents) { _exit(in_child(parents)); }

#else

static void use_own(void) {
  struct sm_client *own = start();
  CHECK(sm_client_is_usable(own));
  (void)sm_client_wait(own, 20);
  sm_client_delete(own);
}

/* Runs the exit handlers, as os.exit does. */
static void run_child(struct sm_client *parents) {
  (void)in_child(parents);
  use_own();
  exit(check_failed);
}

#endif

int main(void) {
  for (int i = 0; i < 20; i++) {
    struct sm_client *client = start();
    if (i % 2)
      (void)sm_client_wait(client, 5);
    pid_t pid = fork();
    if (pid == 0)
      run_child(client);
    int status = -1;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(sm_client_is_usable(client));
    sm_client_delete(client);
  }
  return check_report("sm_fork");
}
