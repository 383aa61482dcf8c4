/* c_multi: the practical limit. The same jobs by a libcurl multi loop written
 * by hand: a queue of its own in front of 16 easy handles, a plain struct for a
 * job that waits, kept connections, no checks to speak of, JSON read by strstr.
 *
 * A job is a submit, one status and, once that says COMPLETED, the result. With
 * --fresh each submit has a connection of its own, as one must that may be sent
 * only once; that is the peer to compare our client with.
 */
#include <curl/curl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>

#include "gauge.h"

#define SLOTS_MOST 256
#define ANSWER_MOST 16384

struct options {
  const char *url, *ca_file, *model;
  long jobs, warm, at_a_time, slots;
  double poll_s;
  bool is_fresh;
  bool is_waiting; /* measure jobs that wait, then leave */
  bool is_chain;   /* the result is the next job's input */
  double seconds;  /* of waiting to measure */
};

struct job {
  struct job *next;
  int64_t due_us;
  char id[40];
  char phase; /* 's'ubmit, 'p'oll, 'r'esult */
};

struct slot {
  struct slot *next;
  CURL *easy;
  struct job *job;
  size_t size;
  char body[512];
  char answer[ANSWER_MOST];
};

struct queue {
  struct job *head, **tail;
};

struct loop {
  struct options options;
  CURLM *multi;
  struct curl_slist *headers;
  struct slot *idle;
  struct queue ready, waiting; /* every wait is as long: a queue is in order */
  struct job *spare;
  long started, finished, accepted, polls;
  int64_t late_us; /* of the latest poll */
  char output[256];
};

static void die(const char *what) {
  (void)fprintf(stderr, "c_multi: %s\n", what);
  exit(1);
}

static void push(struct queue *queue, struct job *job) {
  job->next = NULL;
  *queue->tail = job;
  queue->tail = &job->next;
}

static struct job *pop(struct queue *queue) {
  struct job *job = queue->head;
  if (job && (queue->head = job->next) == NULL)
    queue->tail = &queue->head;
  return job;
}

static size_t on_write(char *bytes, size_t size, size_t count, void *user) {
  struct slot *slot = user;
  if (slot->size + size * count >= sizeof slot->answer)
    return 0;
  memcpy(slot->answer + slot->size, bytes, size * count);
  slot->size += size * count;
  slot->answer[slot->size] = '\0';
  return size * count;
}

/* -- slots --------------------------------------------------------------- */

static void make_slot(struct loop *loop) {
  struct slot *slot = calloc(1, sizeof *slot);
  if (!slot || !(slot->easy = curl_easy_init()))
    die("no memory");
  curl_easy_setopt(slot->easy, CURLOPT_PRIVATE, slot);
  curl_easy_setopt(slot->easy, CURLOPT_WRITEFUNCTION, on_write);
  curl_easy_setopt(slot->easy, CURLOPT_WRITEDATA, slot);
  curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, loop->headers);
  curl_easy_setopt(slot->easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(slot->easy, CURLOPT_PROXY, "");
  if (loop->options.ca_file) {
    curl_easy_setopt(slot->easy, CURLOPT_CAINFO, loop->options.ca_file);
    curl_easy_setopt(slot->easy, CURLOPT_CAPATH, NULL);
  }
  slot->next = loop->idle;
  loop->idle = slot;
}

static void set_url(struct loop *loop, struct slot *slot) {
  char url[512];
  const struct job *job = slot->job;
  const char *base = loop->options.url;
  if (job->phase == 's')
    (void)snprintf(url, sizeof url, "%s/v2/%s", base, loop->options.model);
  else
    (void)snprintf(url, sizeof url, "%s/v2/requests/%s%s", base, job->id,
                   job->phase == 'p' ? "/status" : "");
  curl_easy_setopt(slot->easy, CURLOPT_URL, url);
}

static void set_body(struct loop *loop, struct slot *slot) {
  const char *output = loop->options.is_chain ? loop->output : "";
  (void)snprintf(slot->body, sizeof slot->body,
                 "{\"prompt\":\"a lighthouse\",\"seed\":%ld%s%s%s}",
                 loop->started, *output ? ",\"input_image\":\"" : "", output,
                 *output ? "\"" : "");
  curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, slot->body);
}

static void start(struct loop *loop, struct job *job) {
  struct slot *slot = loop->idle;
  loop->idle = slot->next;
  slot->job = job;
  slot->size = 0;
  set_url(loop, slot);
  if (job->phase == 's')
    set_body(loop, slot);
  else
    curl_easy_setopt(slot->easy, CURLOPT_HTTPGET, 1L);
  curl_easy_setopt(slot->easy, CURLOPT_FRESH_CONNECT,
                   job->phase == 's' && loop->options.is_fresh ? 1L : 0L);
  loop->polls += job->phase == 'p';
  if (curl_multi_add_handle(loop->multi, slot->easy) != CURLM_OK)
    die("curl_multi_add_handle");
}

/* -- jobs ---------------------------------------------------------------- */

static void new_job(struct loop *loop) {
  struct job *job = loop->spare;
  if (job)
    loop->spare = job->next;
  else if (!(job = malloc(sizeof *job)))
    die("no memory");
  job->phase = 's';
  loop->started++;
  push(&loop->ready, job);
}

static void ask_later(struct loop *loop, struct job *job) {
  int64_t wait_us = (int64_t)(loop->options.poll_s * 1e6);
  job->phase = 'p';
  job->due_us = gauge_wall_us() + wait_us;
  push(wait_us > 0 ? &loop->waiting : &loop->ready, job);
}

static const char *text_after(const char *text, const char *name, char *out,
                              size_t size) {
  const char *at = strstr(text, name);
  if (!at)
    die(text);
  at = strchr(at + strlen(name), '"');
  size_t length = at ? strcspn(at + 1, "\"") : size;
  if (length >= size)
    die(text);
  memcpy(out, at + 1, length);
  out[length] = '\0';
  return out;
}

static void answered(struct loop *loop, struct slot *slot) {
  struct job *job = slot->job;
  if (job->phase == 's') {
    text_after(slot->answer, "\"request_id\":", job->id, sizeof job->id);
    loop->accepted++;
    ask_later(loop, job);
  } else if (job->phase == 'p' && !strstr(slot->answer, "\"COMPLETED\"")) {
    ask_later(loop, job);
  } else if (job->phase == 'p') {
    job->phase = 'r';
    push(&loop->ready, job);
  } else {
    text_after(slot->answer, "\"output\":", loop->output, sizeof loop->output);
    loop->finished++;
    job->next = loop->spare;
    loop->spare = job;
  }
}

static void take_finished(struct loop *loop) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(loop->multi, &left)) != NULL) {
    struct slot *slot = NULL;
    CURLcode rc = message->data.result;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
    curl_multi_remove_handle(loop->multi, slot->easy);
    if (rc != CURLE_OK)
      die(curl_easy_strerror(rc));
    slot->next = loop->idle;
    loop->idle = slot;
    answered(loop, slot);
  }
}

/* Moves what is due to the ready queue; returns ms to the next. */
static int wake_due(struct loop *loop) {
  int64_t now_us = gauge_wall_us();
  while (loop->waiting.head && loop->waiting.head->due_us <= now_us) {
    struct job *job = pop(&loop->waiting);
    if (now_us - job->due_us > loop->late_us)
      loop->late_us = now_us - job->due_us;
    push(&loop->ready, job);
  }
  if (!loop->waiting.head)
    return 1000;
  return (int)((loop->waiting.head->due_us - now_us) / 1000) + 1;
}

static void turn(struct loop *loop) {
  int running;
  (void)wake_due(loop);
  while (loop->idle && loop->ready.head)
    start(loop, pop(&loop->ready));
  curl_multi_perform(loop->multi, &running);
  take_finished(loop);
  int wait_ms = wake_due(loop);
  if (loop->ready.head ? !loop->idle : running || loop->waiting.head)
    curl_multi_poll(loop->multi, NULL, 0, wait_ms, NULL);
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
  run_jobs(loop, loop->options.jobs);
  printf("jobs=%ld cpu_us=%lld wall_us=%lld\n", loop->options.jobs,
         (long long)(gauge_cpu_us() - cpu_us),
         (long long)(gauge_wall_us() - wall_us));
}

/* Until all are accepted; they go on waiting. */
static void submit_jobs(struct loop *loop, long jobs) {
  long goal = loop->accepted + jobs;
  for (long i = 0; i < jobs; i++)
    new_job(loop);
  while (loop->accepted < goal)
    turn(loop);
}

/* All jobs are submitted; then for some seconds they are only polled. */
static void measure_waiting(struct loop *loop) {
  const struct options *options = &loop->options;
  submit_jobs(loop, options->warm); /* what a client has once */
  long kib = gauge_kib("VmRSS:");
  submit_jobs(loop, options->jobs);
  int64_t cpu_us = gauge_cpu_us(), from_us = gauge_wall_us();
  int64_t until_us = from_us + (int64_t)(options->seconds * 1e6);
  long polls = loop->polls;
  loop->late_us = 0;
  while (gauge_wall_us() < until_us)
    turn(loop);
  printf("jobs=%ld kib=%ld cpu_us=%lld wall_us=%lld polls=%ld late_us=%lld\n",
         options->jobs, gauge_kib("VmRSS:") - kib,
         (long long)(gauge_cpu_us() - cpu_us),
         (long long)(gauge_wall_us() - from_us), loop->polls - polls,
         (long long)loop->late_us);
}

static const char help[] =
    "usage: c_multi [options] URL\n\n"
    "Runs jobs against the emulator at URL by a plain libcurl multi loop and\n"
    "prints the processor time that they took, as name=value.\n\n"
    "  --jobs N         that are counted (1000)\n"
    "  --warm N         that run before (100)\n"
    "  --at-a-time N    not over at the same time (32)\n"
    "  --transfers N    active at the same time (16)\n"
    "  --poll SECONDS   between two polls of a job (0: ask again at once)\n"
    "  --fresh          a new connection for each submit\n"
    "  --chain          each result is the next job's input\n"
    "  --waiting S      have all jobs wait, and measure S seconds of that\n"
    "  --model NAME     flux-kontext-pro\n"
    "  --ca FILE        certificates to trust\n";

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
    return options->slots > 0 && options->slots <= SLOTS_MOST;
  case 'p':
    options->poll_s = strtod(optarg, NULL);
    return true;
  case 'f':
    return options->is_fresh = true;
  case 'k':
    return options->is_chain = true;
  case 's':
    options->seconds = strtod(optarg, NULL);
    return options->is_waiting = true;
  case 'm':
    options->model = optarg;
    return true;
  case 'c':
    options->ca_file = optarg;
    return true;
  default:
    return false;
  }
}

static bool read_options(struct options *options, int argc, char **argv) {
  static const struct option names[] = {
      {"jobs", 1, NULL, 'n'},      {"warm", 1, NULL, 'w'},
      {"at-a-time", 1, NULL, 'a'}, {"transfers", 1, NULL, 't'},
      {"poll", 1, NULL, 'p'},      {"fresh", 0, NULL, 'f'},
      {"chain", 0, NULL, 'k'},     {"waiting", 1, NULL, 's'},
      {"model", 1, NULL, 'm'},     {"ca", 1, NULL, 'c'},
      {"help", 0, NULL, 'h'},      {NULL, 0, NULL, 0},
  };
  int option;
  *options = (struct options){.model = "flux-kontext-pro",
                              .jobs = 1000,
                              .warm = 100,
                              .at_a_time = 32,
                              .slots = 16};
  while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
    if (!read_option(options, option))
      return false;
  options->url = argv[optind];
  return options->url != NULL;
}

static void open_loop(struct loop *loop) {
  static const char *const lines[] = {"x-api-key: SG_0123456789abcdef",
                                      "Content-Type: application/json"};
  curl_global_init(CURL_GLOBAL_DEFAULT);
  loop->multi = curl_multi_init();
  curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, loop->options.slots + 4);
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    loop->headers = curl_slist_append(loop->headers, lines[i]);
  loop->ready.tail = &loop->ready.head;
  loop->waiting.tail = &loop->waiting.head;
  for (long i = 0; i < loop->options.slots; i++)
    make_slot(loop);
}

int main(int argc, char **argv) {
  static struct loop loop;
  if (!read_options(&loop.options, argc, argv)) {
    (void)fputs(help, stdout);
    return 2;
  }
  open_loop(&loop);
  if (loop.options.is_waiting)
    measure_waiting(&loop);
  else
    measure_jobs(&loop);
  return 0; /* the rest is the system's to free */
}
