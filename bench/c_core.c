/* c_core: the same jobs as c_multi's by our own core, as a C program would use
 * it: sm_client with its worker thread (or --inline), every check on.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>

#include "gauge.h"
#include "sm_client.h"
#include "sm_sha256.h"

struct options {
  const char *url, *model, *ledger, *ca_file;
  long jobs, warm, at_a_time, slots;
  double poll_s, seconds;
  bool is_inline, is_waiting;
};

struct loop {
  struct options options;
  struct sm_client *client;
  long started, finished, accepted;
};

static void die(const char *what) {
  (void)fprintf(stderr, "c_core: %s\n", what);
  exit(1);
}

/* Its line in the ledger, as a host has it. */
static struct sm_entry *new_entry(const char *json, size_t size) {
  char key[SM_SHA256_HEX];
  struct sm_ledger_step step = {
      .key = key, .params = json, .seed = 1, .price = 0.04};
  (void)sm_sha256_of(key, json, size, NULL);
  return sm_entry_new(SM_START_STEP, &step, NULL);
}

static void new_job(struct loop *loop) {
  const struct options *options = &loop->options;
  const struct sm_dial dial = {.k = 0.25, .fixed_ms = options->poll_s * 1000};
  char json[128];
  struct sm_error e;
  struct sm_task *task = sm_task_new(SM_TASK_JOB, options->model);
  int size =
      snprintf(json, sizeof json, "{\"prompt\":\"a lighthouse\",\"seed\":%ld}",
               loop->started++);
  if (!task || !(task->body = sm_body_new()))
    die("no memory");
  sm_job_create(&task->job, &dial, sm_now_ms() + 600000);
  if (options->ledger && !sm_task_enter(task, new_entry(json, (size_t)size)))
    die("no memory");
  if (sm_body_add_text(task->body, json, (size_t)size, &e) != SM_OK ||
      sm_client_post(loop->client, task, &e) == 0)
    die(e.message);
}

static void take(struct loop *loop, const struct sm_event *event) {
  if (event->kind == SM_EVENT_ERROR)
    die(event->error ? event->error->message : "no memory");
  loop->finished += event->kind == SM_EVENT_DONE;
  loop->accepted +=
      event->kind == SM_EVENT_STATE && event->state == SM_STATE_ACCEPTED;
}

static void turn(struct loop *loop) {
  struct sm_event *event;
  sm_client_wait(loop->client, 1000);
  while ((event = sm_client_take(loop->client)) != NULL) {
    take(loop, event);
    sm_event_delete(event);
  }
}

static void run_jobs(struct loop *loop, long jobs) {
  long goal = loop->finished + jobs, last = loop->started + jobs;
  while (loop->finished < goal) {
    while (loop->started < last &&
           loop->started - loop->finished < loop->options.at_a_time)
      new_job(loop);
    turn(loop);
  }
}

static void measure_jobs(struct loop *loop) {
  run_jobs(loop, loop->options.warm);
  int64_t cpu_us = gauge_cpu_us(), wall_us = gauge_wall_us();
  int64_t host_us = gauge_thread_us();
  run_jobs(loop, loop->options.jobs);
  printf("jobs=%ld cpu_us=%lld wall_us=%lld host_us=%lld\n", loop->options.jobs,
         (long long)(gauge_cpu_us() - cpu_us),
         (long long)(gauge_wall_us() - wall_us),
         (long long)(gauge_thread_us() - host_us));
}

/* Until all are accepted; they go on waiting. */
static void submit_jobs(struct loop *loop, long jobs) {
  long goal = loop->accepted + jobs;
  for (long i = 0; i < jobs; i++)
    new_job(loop);
  while (loop->accepted < goal)
    turn(loop);
}

static uint64_t polls_of(struct loop *loop) {
  struct sm_stats stats;
  long connections;
  sm_client_stats(loop->client, &stats, &connections);
  return stats.polls;
}

static void measure_waiting(struct loop *loop) {
  const struct options *options = &loop->options;
  submit_jobs(loop, options->warm); /* what a client has once */
  long kib = gauge_kib("VmRSS:"), heap = gauge_heap();
  submit_jobs(loop, options->jobs);
  int64_t cpu_us = gauge_cpu_us(), from_us = gauge_wall_us();
  int64_t until_us = from_us + (int64_t)(options->seconds * 1e6);
  uint64_t polls = polls_of(loop);
  while (gauge_wall_us() < until_us)
    turn(loop);
  printf("jobs=%ld kib=%ld heap=%ld cpu_us=%lld wall_us=%lld polls=%llu\n",
         options->jobs, gauge_kib("VmRSS:") - kib, gauge_heap() - heap,
         (long long)(gauge_cpu_us() - cpu_us),
         (long long)(gauge_wall_us() - from_us),
         (unsigned long long)(polls_of(loop) - polls));
}

static const char help[] =
    "usage: c_core [options] URL\n\n"
    "Runs jobs against the emulator at URL by our core and prints the\n"
    "processor time that they took, as name=value.\n\n"
    "  --jobs N         that are counted (1000)\n"
    "  --warm N         that run before (100)\n"
    "  --at-a-time N    not over at the same time (32)\n"
    "  --transfers N    active at the same time (16)\n"
    "  --poll SECONDS   between two polls of a job (0.001)\n"
    "  --inline         without a thread\n"
    "  --waiting S      have all jobs wait, and measure S seconds of that\n"
    "  --model NAME     flux-kontext-pro\n"
    "  --ca FILE        certificates to trust\n"
    "  --ledger PATH    keep a ledger there, and its pictures in PATH.files\n";

static bool read_option(struct options *options, int option) {
  switch (option) {
  case 'n':
    options->jobs = strtol(optarg, NULL, 10);
    return true;
  case 'w':
    options->warm = strtol(optarg, NULL, 10);
    return true;
  case 'a':
    options->at_a_time = strtol(optarg, NULL, 10);
    return true;
  case 't':
    options->slots = strtol(optarg, NULL, 10);
    return options->slots > 0;
  case 'p':
    options->poll_s = strtod(optarg, NULL);
    return options->poll_s > 0;
  case 'i':
    return options->is_inline = true;
  case 's':
    options->seconds = strtod(optarg, NULL);
    return options->is_waiting = true;
  case 'm':
    options->model = optarg;
    return true;
  case 'c':
    options->ca_file = optarg;
    return true;
  case 'l':
    options->ledger = optarg;
    return true;
  default:
    return false;
  }
}

static bool read_options(struct options *options, int argc, char **argv) {
  static const struct option names[] = {
      {"jobs", 1, NULL, 'n'},      {"warm", 1, NULL, 'w'},
      {"at-a-time", 1, NULL, 'a'}, {"transfers", 1, NULL, 't'},
      {"poll", 1, NULL, 'p'},      {"inline", 0, NULL, 'i'},
      {"waiting", 1, NULL, 's'},   {"model", 1, NULL, 'm'},
      {"ca", 1, NULL, 'c'},        {"ledger", 1, NULL, 'l'},
      {"help", 0, NULL, 'h'},      {NULL, 0, NULL, 0},
  };
  int option;
  *options = (struct options){.model = "flux-kontext-pro",
                              .jobs = 1000,
                              .warm = 100,
                              .at_a_time = 32,
                              .slots = 16,
                              .poll_s = 0.001};
  while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
    if (!read_option(options, option))
      return false;
  options->url = argv[optind];
  return options->url != NULL;
}

int main(int argc, char **argv) {
  static struct loop loop;
  struct sm_error e;
  char files[4096];
  if (!read_options(&loop.options, argc, argv)) {
    (void)fputs(help, stdout);
    return 2;
  }
  (void)snprintf(files, sizeof files, "%s.files",
                 loop.options.ledger ? loop.options.ledger : "");
  const struct sm_client_options options = {
      .api_key = "SG_0123456789abcdef",
      .base_url = loop.options.url,
      .user_agent = "bench",
      .ca_file = loop.options.ca_file,
      .max_transfers = (int)loop.options.slots,
      .max_json_bytes = 4 << 20,
      .max_image_bytes = 64 << 20,
      .is_inline = loop.options.is_inline,
      .ledger = loop.options.ledger,
      .ledger_files = files,
  };
  if (sm_client_new(&loop.client, &options, &e) != SM_OK)
    die(e.message);
  if (loop.options.is_waiting)
    measure_waiting(&loop);
  else
    measure_jobs(&loop);
  sm_client_delete(loop.client);
  return 0;
}
