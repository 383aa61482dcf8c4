/* A client with a ledger in a file, against a server of a few lines: what is on
 * the disk when its process is killed, though its host has never asked for an
 * event. */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "one_ledger.h"
#include "sample_pictures.h"
#include "sm_client.h"
#include "sm_system.h"

#define KEY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* -- the server ------------------------------------------------------------ */

static int listener;
static int port;
/* Of the server, a process of its own, and of the tests. */
static struct shared {
  atomic_int submits;
  atomic_bool is_running; /* jobs are; else they have ended */
} * shared;
static pid_t server;

static void open_server(void) {
  struct sockaddr_in here = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof here;
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(bind(listener, (struct sockaddr *)&here, sizeof here) == 0);
  CHECK(listen(listener, 16) == 0);
  CHECK(getsockname(listener, (struct sockaddr *)&here, &size) == 0);
  port = ntohs(here.sin_port);
}

static void reply(int fd, const char *type, const void *body, size_t size) {
  char head[256];
  int length = snprintf(head, sizeof head,
                        "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
                        "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                        type, size);
  CHECK(send(fd, head, (size_t)length, MSG_NOSIGNAL) == length);
  CHECK(send(fd, body, size, MSG_NOSIGNAL) == (ssize_t)size);
}

static void reply_text(int fd, const char *text) {
  reply(fd, "application/json", text, strlen(text));
}

static void answer(int fd, const char *request) {
  char text[256];
  if (strncmp(request, "POST /v2/", 9) == 0) {
    shared->submits++;
    reply_text(fd, "{\"request_id\":\"" ID "\",\"status\":\"QUEUED\"}");
  } else if (strstr(request, "/picture")) {
    reply(fd, "image/png", sample_png, sizeof sample_png);
  } else if (shared->is_running) {
    reply_text(fd, "{\"status\":\"PROCESSING\"}");
  } else {
    (void)snprintf(text, sizeof text,
                   "{\"status\":\"COMPLETED\",\"output\":"
                   "\"http://127.0.0.1:%d/picture\"}",
                   port);
    reply_text(fd, text);
  }
}

static bool is_whole(const char *request, size_t size) {
  const char *end = strstr(request, "\r\n\r\n");
  const char *length = strstr(request, "Content-Length: ");
  size_t body = length ? strtoul(length + 16, NULL, 10) : 0;
  return end && size >= (size_t)(end + 4 - request) + body;
}

static void serve_one(void) {
  char request[4096];
  size_t size = 0;
  ssize_t got = 1;
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  request[0] = '\0';
  while (got > 0 && size < sizeof request - 1 && !is_whole(request, size)) {
    got = recv(fd, request + size, sizeof request - 1 - size, 0);
    size += got > 0 ? (size_t)got : 0;
    request[size] = '\0';
  }
  if (is_whole(request, size))
    answer(fd, request);
  close(fd);
}

static void start_server(void) {
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(shared != MAP_FAILED);
  open_server();
  server = fork();
  while (server == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
    serve_one();
}

static void kill_process(pid_t pid) {
  CHECK(kill(pid, SIGKILL) == 0);
  CHECK(waitpid(pid, NULL, 0) == pid);
}

/* -- the client ------------------------------------------------------------ */

static struct sm_client *open_client(bool is_inline) {
  static struct sm_client *client;
  char base[64], files[sizeof path + 8];
  struct sm_error e;
  (void)snprintf(base, sizeof base, "http://127.0.0.1:%d", port);
  (void)snprintf(files, sizeof files, "%s.files", path);
  const struct sm_client_options options = {
      .api_key = "SG_0123456789abcdef",
      .base_url = base,
      .user_agent = "test",
      .max_transfers = 4,
      .max_json_bytes = 4096,
      .max_image_bytes = 1 << 20,
      .is_inline = is_inline,
      .ledger = path,
      .ledger_files = files,
  };
  bool is_open = sm_client_new(&client, &options, &e) == SM_OK;
  CHECK(is_open);
  if (!is_open)
    fprintf(stderr, "%s\n", e.message);
  return client;
}

static void submit(struct sm_client *client) {
  const struct sm_ledger_step step = step_of(KEY);
  const struct sm_dial dial = {.fixed_ms = 20};
  struct sm_task *task = sm_task_new(SM_TASK_JOB, "flux");
  struct sm_error e;
  task->body = sm_body_new();
  sm_body_add_text(task->body, step.body, step.body_size, NULL);
  sm_job_create(&task->job, &dial, sm_now_ms() + 60000);
  CHECK(sm_task_enter(task, sm_entry_new(SM_START_STEP, &step, NULL)));
  CHECK(sm_client_post(client, task, &e) != 0);
}

/* A process that submits and never steps. */
static pid_t start_host(void) {
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid != 0)
    return pid;
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  submit(open_client(false));
  for (;;)
    pause();
}

/* Waits until a statement selects 1, for ten seconds at the most. */
static bool comes_true(const char *statement) {
  int64_t until_ms = sm_now_ms() + 10000;
  while (sm_now_ms() < until_ms) {
    if (shared->submits > 0 && number(statement) > 0)
      return true;
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
  }
  return false;
}

static void begin(void) {
  make_folder();
  shared->submits = 0;
}

static void end(void) {
  char files[sizeof path + 8], picture[sizeof path + 64];
  (void)snprintf(files, sizeof files, "%s.files", path);
  (void)snprintf(picture, sizeof picture, "%s/" KEY ".png", files);
  (void)unlink(picture);
  CHECK(rmdir(files) == 0);
  remove_folder();
}

/* Takes events until a task has ended. */
static enum sm_event_kind take_last(struct sm_client *client) {
  int64_t until_ms = sm_now_ms() + 10000;
  enum sm_event_kind kind = SM_EVENT_STATE;
  while (kind != SM_EVENT_DONE && kind != SM_EVENT_ERROR &&
         sm_now_ms() < until_ms) {
    (void)sm_client_wait(client, 20);
    struct sm_event *event = sm_client_take(client);
    if (event)
      kind = event->kind;
    if (event && event->kind == SM_EVENT_ERROR && event->error)
      fprintf(stderr, "%s\n", event->error->message);
    sm_event_delete(event);
  }
  return kind;
}

/* -- tests ----------------------------------------------------------------- */

static void an_id_is_on_the_disk_though_the_host_sleeps(void) {
  begin();
  shared->is_running = true;
  pid_t host = start_host();
  CHECK(comes_true("SELECT COUNT(*) FROM segmind_steps WHERE request_id = '" ID
                   "' AND state = 'accepted'"));
  kill_process(host);
  CHECK(shared->submits == 1);
  end();
}

static void a_picture_is_on_the_disk_though_the_host_sleeps(void) {
  begin();
  shared->is_running = false;
  pid_t host = start_host();
  CHECK(comes_true("SELECT COUNT(*) FROM segmind_steps WHERE state = "
                   "'completed' AND file = '" KEY ".png'"));
  kill_process(host);
  struct sm_client *client = open_client(true);
  submit(client);
  CHECK(take_last(client) == SM_EVENT_DONE);
  CHECK(shared->submits == 1);
  sm_client_delete(client);
  end();
}

static void the_next_process_takes_up_what_was_killed(bool is_inline) {
  begin();
  shared->is_running = true;
  pid_t host = start_host();
  CHECK(comes_true("SELECT COUNT(*) FROM segmind_steps WHERE state = "
                   "'accepted'"));
  kill_process(host);
  shared->is_running = false;
  struct sm_client *client = open_client(is_inline);
  submit(client);
  CHECK(take_last(client) == SM_EVENT_DONE);
  CHECK(shared->submits == 1);
  sm_client_delete(client);
  CHECK(number("SELECT COUNT(*) FROM segmind_steps WHERE state = 'completed'") >
        0);
  end();
}

/* Waits until the worker has let the database go. */
static bool lets_go(void) {
  for (int i = 0; i < 200; i++) {
    if (number("SELECT COUNT(*) FROM segmind_steps WHERE lease_until > 0") == 0)
      return true;
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
  }
  return false;
}

static void a_closed_client_lets_its_rows_go(void) {
  begin();
  shared->is_running = true;
  struct sm_client *client = open_client(false);
  struct sm_ledger_stats stats;
  submit(client);
  CHECK(comes_true("SELECT COUNT(*) FROM segmind_steps WHERE state = "
                   "'accepted'"));
  CHECK(sm_client_ledger_stats(client, &stats) && stats.commits > 0);
  int64_t before_ms = sm_now_ms();
  sm_client_delete(client);
  CHECK(sm_now_ms() - before_ms < 1000);
  CHECK(lets_go());
  CHECK(number("SELECT COUNT(*) FROM segmind_steps WHERE state = 'accepted'") >
        0);
  end();
}

static void what_a_killed_process_was_writing_goes_at_the_next_opening(void) {
  char part[sizeof path + 48];
  const struct timespec then = {.tv_sec = time(NULL) - 3600};
  begin();
  sm_client_delete(open_client(true));
  (void)snprintf(part, sizeof part, "%s.files/.a.png.0123456789abcdef.part",
                 path);
  int fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  CHECK(futimens(fd, (const struct timespec[]){then, then}) == 0);
  bool has_locks = sm_system_lock(fd);
  sm_client_delete(open_client(true));
  CHECK(access(part, F_OK) == 0); /* whoever has locked it lives */
  CHECK(close(fd) == 0);
  sm_client_delete(open_client(true));
  CHECK((access(part, F_OK) != 0) == has_locks);
  (void)unlink(part);
  end();
}

int main(void) {
  start_server();
  an_id_is_on_the_disk_though_the_host_sleeps();
  a_picture_is_on_the_disk_though_the_host_sleeps();
  the_next_process_takes_up_what_was_killed(true);
#if !defined(__SANITIZE_THREAD__)
  the_next_process_takes_up_what_was_killed(false);
#endif
  a_closed_client_lets_its_rows_go();
  what_a_killed_process_was_writing_goes_at_the_next_opening();
  kill_process(server);
  return check_report("sm_ledger_client");
}
