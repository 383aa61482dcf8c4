#include "torture.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_RUNS 40000
#define MAX_JOBS 64
#define PATIENCE_S 60

struct torture {
  const char *name, *url, *folder;
  void (*scenario)(struct torture_run *run);
  struct torture_tale *tales; /* by the number of the run */
  pid_t pids[MAX_JOBS];
  int numbers[MAX_JOBS];
  int jobs;
  int runs, doubled, lost, silent, crashes, leaks;
};

/* -- in the run's process ------------------------------------------------ */

static const struct torture_run *armed;
static long allocations;

void torture_arm(const struct torture_run *run) {
  allocations = 0;
  armed = run;
}

void torture_disarm(void) {
  if (armed)
    armed->tale->allocations = allocations;
  armed = NULL;
}

bool torture_may_allocate(void) {
  if (!armed)
    return true;
  long last = armed->fail_at;
  if (armed->mode == TORTURE_TWICE)
    last++;
  else if (armed->mode == TORTURE_EVER)
    last = __LONG_MAX__;
  bool fails = ++allocations >= armed->fail_at && allocations <= last;
  if (!fails || armed->fail_at == 0)
    return true;
  armed->tale->was_hit = true;
  errno = ENOMEM;
  return false;
}

static int count_descriptors(void) {
  int count = 0;
  DIR *folder = opendir("/proc/self/fd");
  while (folder && readdir(folder))
    count++;
  if (folder)
    closedir(folder);
  return count;
}

static void run_here(struct torture *torture, struct torture_run *run) {
  int before = count_descriptors();
  torture->scenario(run);
  torture_disarm();
  run->tale->has_ended = true;
  int after = count_descriptors();
  if (after > before) {
    fprintf(stderr, "%d descriptors are left open\n", after - before);
    exit(TORTURE_LEAK);
  }
}

/* What a run writes goes to a file, which is shown if it ends badly. */
static void name_log(const struct torture *torture, int number, char *path,
                     size_t size) {
  (void)snprintf(path, size, "%s/%s-%d.log", torture->folder, torture->name,
                 number);
}

static void redirect(const struct torture *torture, int number) {
  char path[4096];
  name_log(torture, number, path, sizeof path);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
    exit(2);
  (void)close(fd);
}

/* -- in the first process ------------------------------------------------ */

static struct torture_run make_run(const struct torture *torture, int number,
                                   enum torture_mode mode, long fail_at) {
  struct torture_run run = {.number = number,
                            .mode = mode,
                            .fail_at = fail_at,
                            .url = torture->url,
                            .folder = torture->folder,
                            .tale = &torture->tales[number]};
  (void)snprintf(run.key, sizeof run.key, "SG_%02x%02x%012x",
                 (unsigned)torture->name[0], (unsigned)torture->name[1],
                 (unsigned)number);
  (void)snprintf(run.prompt, sizeof run.prompt, "%s %d.", torture->name,
                 number);
  return run;
}

static void show_log(const struct torture *torture, int number) {
  char path[4096], line[1024];
  int lines = 0;
  name_log(torture, number, path, sizeof path);
  FILE *file = fopen(path, "r");
  while (file && lines++ < 60 && fgets(line, sizeof line, file))
    fputs(line, stdout);
  if (file)
    (void)fclose(file);
}

/* Under ASan, a leak ends a process with the same status as a crash. */
static bool tells_of_leak(const struct torture *torture, int number) {
  char path[4096], line[1024];
  bool is_leak = false;
  name_log(torture, number, path, sizeof path);
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file))
    is_leak = is_leak || strstr(line, "ERROR: LeakSanitizer");
  if (file)
    (void)fclose(file);
  return is_leak;
}

static void judge_end(struct torture *torture, int number, int status) {
  static const char *const ends[] = {"crashes", "leaks"};
  char path[4096];
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (code != 0) {
    bool is_leak = code == TORTURE_LEAK || tells_of_leak(torture, number);
    torture->leaks += is_leak;
    torture->crashes += !is_leak;
    printf("-- %s: run %d %s (status 0x%x)\n", torture->name, number,
           ends[is_leak], (unsigned)status);
    if (torture->crashes + torture->leaks < 6)
      show_log(torture, number);
  }
  name_log(torture, number, path, sizeof path);
  (void)unlink(path);
}

/* Waits for one run to end and returns its place. */
static int reap(struct torture *torture) {
  int status, slot = 0;
  pid_t pid = wait(&status);
  while (slot < torture->jobs && torture->pids[slot] != pid)
    slot++;
  if (pid < 0 || slot == torture->jobs) {
    perror("wait");
    exit(2);
  }
  torture->pids[slot] = 0;
  judge_end(torture, torture->numbers[slot], status);
  return slot;
}

static int free_slot(struct torture *torture) {
  for (int slot = 0; slot < torture->jobs; slot++)
    if (torture->pids[slot] == 0)
      return slot;
  return reap(torture);
}

static void wait_for_all(struct torture *torture) {
  for (int slot = 0; slot < torture->jobs; slot++)
    while (torture->pids[slot] != 0)
      (void)reap(torture);
}

static void start_run(struct torture *torture, struct torture_run *run) {
  int slot = free_slot(torture);
  (void)fflush(stdout);
  pid_t pid = fork();
  if (pid < 0) {
    perror("fork");
    exit(2);
  }
  if (pid == 0) {
    redirect(torture, run->number);
    alarm(PATIENCE_S); /* one that hangs has crashed */
    run_here(torture, run);
    exit(0);
  }
  torture->pids[slot] = pid;
  torture->numbers[slot] = run->number;
  torture->runs++;
}

/* Some runs are under way when the first comes through untouched. */
static bool has_come_through(const struct torture *torture, int first,
                             int last) {
  for (int number = first; number < last; number++)
    if (torture->tales[number].has_ended && !torture->tales[number].was_hit)
      return true;
  return false;
}

static int run_mode(struct torture *torture, enum torture_mode mode,
                    int number) {
  int first = number;
  for (long n = 1; number < MAX_RUNS; n++) {
    struct torture_run run = make_run(torture, number, mode, n);
    if (has_come_through(torture, first, number))
      break;
    start_run(torture, &run);
    number++;
  }
  wait_for_all(torture);
  return number;
}

/* -- the ledger ---------------------------------------------------------- */

static int connect_to(const char *url, char *host, size_t size) {
  unsigned port = 0;
  struct sockaddr_in address = {.sin_family = AF_INET};
  if (sscanf(url, "http://127.0.0.1:%u", &port) != 1)
    return -1;
  (void)snprintf(host, size, "127.0.0.1:%u", port);
  address.sin_port = htons((uint16_t)port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
    return -1;
  return fd;
}

/* By hand: this process must not have used libcurl before it forks. */
static json_t *fetch_ledger(const char *url) {
  char host[64], request[256];
  int fd = connect_to(url, host, sizeof host);
  int length =
      snprintf(request, sizeof request,
               "GET /_emulator/ledger HTTP/1.0\r\nHost: %s\r\n\r\n", host);
  if (fd < 0 || write(fd, request, (size_t)length) != length)
    return NULL;
  FILE *file = fdopen(fd, "r");
  char line[1024];
  while (fgets(line, sizeof line, file) && line[0] != '\r')
    ;
  json_t *ledger = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL);
  (void)fclose(file);
  return ledger;
}

static int number_of(const struct torture *torture, const json_t *submit) {
  char name[32] = "";
  int number = -1;
  const char *prompt = json_string_value(
      json_object_get(json_object_get(submit, "body"), "prompt"));
  if (!prompt || sscanf(prompt, "%31s %d.", name, &number) != 2 ||
      strcmp(name, torture->name) != 0)
    return -1;
  return number >= 0 && number < MAX_RUNS ? number : -1;
}

static void judge_submit(struct torture *torture, const json_t *submit,
                         unsigned char *accepted) {
  int number = number_of(torture, submit);
  if (number < 0)
    return;
  const struct torture_tale *tale = &torture->tales[number];
  const char *id = json_string_value(json_object_get(submit, "request_id"));
  bool is_named = strcmp(id, tale->request_id) == 0;
  bool is_double = accepted[number]++ > 0;
  bool is_lost = !is_named && !tale->is_unknown && tale->has_ended;
  torture->doubled += is_double;
  torture->lost += is_lost;
  torture->silent += tale->is_free;
  if (is_double || is_lost || tale->is_free)
    printf("-- %s: run %d:%s%s%s\n", torture->name, number,
           is_double ? " double" : "", is_lost ? " lost" : "",
           tale->is_free ? " silent" : "");
}

static void judge_money(struct torture *torture) {
  static unsigned char accepted[MAX_RUNS];
  json_t *ledger = fetch_ledger(torture->url);
  const json_t *submits = json_object_get(ledger, "submits");
  if (!submits) {
    printf("-- %s: the emulator's ledger cannot be read\n", torture->name);
    torture->crashes++;
  }
  for (size_t i = 0; i < json_array_size(submits); i++)
    judge_submit(torture, json_array_get(submits, i), accepted);
  json_decref(ledger);
}

/* -- the whole ----------------------------------------------------------- */

static int run_alone(struct torture *torture, char **argv) {
  struct torture_run run = make_run(
      torture, MAX_RUNS - 1, (enum torture_mode)atoi(argv[3]), atol(argv[4]));
  run_here(torture, &run);
  printf("%ld allocations, hit: %d, complete: %d, unknown: %d, id: %s\n",
         run.tale->allocations, run.tale->was_hit, run.tale->is_complete,
         run.tale->is_unknown, run.tale->request_id);
  return run.tale->is_complete ? 0 : 1;
}

/* Without a failure everything must go well, or nothing is shown by the rest.
 */
static bool is_sound(struct torture *torture) {
  struct torture_run run = make_run(torture, 0, TORTURE_ONCE, 0);
  start_run(torture, &run);
  wait_for_all(torture);
  if (!run.tale->is_complete)
    printf("-- %s: the scenario fails by itself\n", torture->name);
  torture->crashes += !run.tale->is_complete;
  return run.tale->is_complete;
}

int torture_main(int argc, char **argv, const char *name,
                 const enum torture_mode *modes, size_t mode_count,
                 void (*scenario)(struct torture_run *run)) {
  static struct torture torture;
  if (argc < 3) {
    fprintf(stderr, "usage: %s URL FOLDER [MODE N]\n", argv[0]);
    return 2;
  }
  const char *jobs = getenv("JOBS");
  torture.name = name;
  torture.url = argv[1];
  torture.folder = argv[2];
  torture.scenario = scenario;
  torture.jobs = jobs && atoi(jobs) > 0 ? atoi(jobs) : 4;
  if (torture.jobs > MAX_JOBS)
    torture.jobs = MAX_JOBS;
  torture.tales =
      mmap(NULL, MAX_RUNS * sizeof *torture.tales, PROT_READ | PROT_WRITE,
           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (torture.tales == MAP_FAILED)
    return 2;
  if (argc > 4)
    return run_alone(&torture, argv);
  int number = 1;
  bool goes_on = is_sound(&torture);
  for (size_t i = 0; goes_on && i < mode_count; i++)
    number = run_mode(&torture, modes[i], number);
  judge_money(&torture);
  printf("%s: %d runs, %d double, %d lost, %d silent, %d crashes, %d leaks\n",
         name, torture.runs, torture.doubled, torture.lost, torture.silent,
         torture.crashes, torture.leaks);
  return torture.doubled || torture.lost || torture.silent || torture.crashes ||
         torture.leaks;
}
