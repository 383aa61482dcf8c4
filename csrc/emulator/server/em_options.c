#include "em_options.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef EM_VERSION
#define EM_VERSION "0.0.0"
#endif

enum kind {
  FLAG,
  TEXT,
  COUNT,
  NUMBER,
  SIGNED,
  POSITIVE,
  QUEUE,
  SEED,
  DATE_FORM,
  ZONE,
  HELP,
  VERSION
};

struct option {
  const char *name;
  const char *value; /* how its value is called, or NULL */
  enum kind kind;
  size_t offset; /* into struct em_options */
  const char *help;
};

#define AT(field) offsetof(struct em_options, field)
static const struct option table[] = {
    {"port", "N", COUNT, AT(port), "listen on 127.0.0.1:N; 0: any free port"},
    {"url-file", "PATH", TEXT, AT(url_file),
     "write the base URL there once it listens"},
    {"wire-port", "N", COUNT, AT(wire_port),
     "listen there too, and let the faulty wire in between"},
    {"wire-url-file", "PATH", TEXT, AT(wire_url_file),
     "write the base URL through the wire there"},
    {"foreign-port", "N", COUNT, AT(foreign_port),
     "be a foreign host there, which notes what it is told"},
    {"foreign-url-file", "PATH", TEXT, AT(foreign_url_file),
     "write its base URL there"},
    {"exit-with-stdin", NULL, FLAG, AT(exit_with_stdin),
     "end when standard input is closed"},
    {"tls-cert", "FILE", TEXT, AT(tls_cert), "serve https with this PEM file"},
    {"tls-key", "FILE", TEXT, AT(tls_key), "and its private key"},
    {"speed", "N", POSITIVE, AT(speed),
     "divide latencies, queueing, expiry and the\nrate window by N"},
    {"latency", "SECONDS", NUMBER, AT(latency_s),
     "the same latency for every job"},
    {"variation", "CV", NUMBER, AT(variation),
     "coefficient of variation of latencies, default 0.25"},
    {"queue", "SECONDS[:CV]", QUEUE, AT(queue_s),
     "mean time in state QUEUED, default 0"},
    {"expire", "SECONDS", NUMBER, AT(expire_s),
     "forget a request so long after its submit (real seconds);\n"
     "default one hour divided by --speed"},
    {"seed", "N", SEED, AT(seed), "repeat latencies, ids and random faults"},
    {"credits", "DOLLARS", NUMBER, AT(credits), "the account, default 100"},
    {"rpm", "N", COUNT, AT(rpm), "submits a minute, default 0: no limit"},
    {"key", "KEY", TEXT, AT(key),
     "accept only this key; default any SG_ + 16 hex digits"},
    {"models", "FILE", TEXT, AT(models),
     "model tables as JSON, default those built in"},
    {"uuid", NULL, FLAG, AT(uuid),
     "request ids are UUIDs with dashes, not 32 hex digits"},
    {"history-time", "NAME", TEXT, AT(history_time),
     "how the history calls the time of a request,\ndefault model_created"},
    {"history-spelling", "FORM", DATE_FORM, AT(history_form),
     "how it spells it, default iso: iso, iso-seconds,\n"
     "iso-offset, iso-bare, blank, blank-offset, http,\n"
     "epoch, epoch-fraction, epoch-ms"},
    {"history-zone", "+HH:MM", ZONE, AT(zone_min),
     "and in which time zone, where it does not say UTC"},
    {"reset-spelling", "FORM", DATE_FORM, AT(reset_form),
     "how x-rate-limit-reset-at-utc is spelt, default iso"},
    {"clock-ahead", "SECONDS", SIGNED, AT(clock_ahead_s),
     "the service's clock is ahead of the host's (negative: behind)"},
    {"v1-json", NULL, FLAG, AT(v1_json),
     "v1 answers with JSON that has the picture's address"},
    {"strict", NULL, FLAG, AT(strict),
     "refuse parameters that the model does not declare"},
    {"plain", NULL, FLAG, AT(plain),
     "tiny pictures, for tests of thousands of jobs"},
    {"quiet", NULL, FLAG, AT(quiet), "no banner"},
    {"verbose", NULL, FLAG, AT(verbose), "a line a request on stderr"},
    {"help", NULL, HELP, 0, "this text"},
    {"version", NULL, VERSION, 0, "the version"},
};
#undef AT

static void print_help(void) {
  puts("usage: segmind-emulator [options]\n\n"
       "An emulator of the Segmind image service on loopback. No model runs "
       "in it:\npictures are edited by plain drawing, so that clients can be "
       "tried without\na key, a cent or a network.\n");
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    char name[48];
    snprintf(name, sizeof name, "--%s%s%s", table[i].name,
             table[i].value ? " " : "", table[i].value ? table[i].value : "");
    printf("  %-24s ", name);
    for (const char *c = table[i].help; *c; c++)
      printf(*c == '\n' ? "\n%27s" : "%.1s", *c == '\n' ? "" : c);
    putchar('\n');
  }
  puts(
      "\nExample:\n"
      "  segmind-emulator --speed 20 &\n"
      "  curl -H 'x-api-key: SG_0123456789abcdef' \\\n"
      "    -H 'Content-Type: application/json' \\\n"
      "    -d '{\"prompt\":\"a quiet harbour\",\"aspect_ratio\":\"16:9\"}' \\\n"
      "    http://127.0.0.1:PORT/v2/flux-kontext-pro\n\n"
      "Control, without a key:\n"
      "  GET  /_emulator/ledger   accepted submits, in order\n"
      "  GET  /_emulator/stats    requests, connections, delays\n"
      "  POST /_emulator/faults   rules for faulty answers; GET, DELETE\n"
      "  POST /_emulator/wire     rules for the faulty wire; GET, DELETE\n"
      "  GET  /_emulator/wire/log what it has done\n"
      "  GET  /_emulator/foreign  what the foreign host was told; POST sets\n"
      "                           its answer; DELETE\n"
      "  POST /_emulator/reset    forget everything\n"
      "  POST /_emulator/shutdown end");
}

static bool read_signed(const char *text, double *number) {
  char *end;
  errno = 0;
  *number = strtod(text, &end);
  return end != text && *end == '\0' && !errno && fabs(*number) <= 1e12;
}

static bool read_number(const char *text, double *number) {
  return read_signed(text, number) && *number >= 0;
}

static bool read_count(const char *text, int *count) {
  double number;
  if (!read_number(text, &number) || number != floor(number) || number > 1e9)
    return false;
  *count = (int)number;
  return true;
}

static bool read_queue(struct em_options *options, const char *text) {
  char seconds[64];
  const char *colon = strchr(text, ':');
  size_t size = colon ? (size_t)(colon - text) : strlen(text);
  if (size >= sizeof seconds)
    return false;
  memcpy(seconds, text, size);
  seconds[size] = '\0';
  return read_number(seconds, &options->queue_s) &&
         (!colon || read_number(colon + 1, &options->queue_variation));
}

static bool read_seed(struct em_options *options, const char *text) {
  char *end;
  errno = 0;
  options->seed = strtoull(text, &end, 10);
  options->seeded = true;
  return *text >= '0' && *text <= '9' && *end == '\0' && !errno;
}

/* "+05:30" */
static bool read_zone(const char *text, int *zone_min) {
  int hours, minutes, size = 0;
  char sign;
  if (sscanf(text, "%c%2d:%2d%n", &sign, &hours, &minutes, &size) != 3 ||
      text[size] || (sign != '+' && sign != '-') || hours > 14 || minutes > 59)
    return false;
  *zone_min = (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
  return true;
}

static bool read_form(const char *text, const struct em_date_form **form) {
  *form = em_date_form(text);
  return *form != NULL;
}

static bool store_value(struct em_options *options, const struct option *option,
                        const char *value) {
  char *field = (char *)options + option->offset;
  switch (option->kind) {
  case FLAG:
    *(bool *)(void *)field = true;
    return true;
  case TEXT:
    *(const char **)(void *)field = value;
    return *value != '\0';
  case COUNT:
    return read_count(value, (int *)(void *)field);
  case NUMBER:
    return read_number(value, (double *)(void *)field);
  case SIGNED:
    return read_signed(value, (double *)(void *)field);
  case POSITIVE:
    return read_number(value, (double *)(void *)field) &&
           *(double *)(void *)field > 0;
  case QUEUE:
    return read_queue(options, value);
  case SEED:
    return read_seed(options, value);
  case DATE_FORM:
    return read_form(value, (const struct em_date_form **)(void *)field);
  case ZONE:
    return read_zone(value, (int *)(void *)field);
  case HELP:
  case VERSION:
    break;
  }
  return true;
}

static const struct option *find_option(const char *name, size_t size) {
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (strlen(table[i].name) == size && !strncmp(table[i].name, name, size))
      return &table[i];
  return NULL;
}

static enum em_options_result complain(const char *what, const char *argument) {
  fprintf(stderr, "segmind-emulator: %s: %s\nTry 'segmind-emulator --help'.\n",
          what, argument);
  return EM_BAD_OPTIONS;
}

static enum em_options_result complain_of_value(const char *option,
                                                const char *value) {
  char both[256];
  (void)snprintf(both, sizeof both, "%s%s%s", option, value ? " " : "",
                 value ? value : "");
  return complain("not a valid value", both);
}

/* Reads the option at *argument, moves past its value. */
static enum em_options_result read_option(struct em_options *options,
                                          char ***argument) {
  const char *text = **argument;
  if (strncmp(text, "--", 2) != 0)
    return complain("not an option", text);
  const char *equals = strchr(text, '=');
  size_t size = equals ? (size_t)(equals - text) : strlen(text);
  const struct option *option = find_option(text + 2, size - 2);
  if (!option)
    return complain("unknown option", text);
  if (equals && !option->value)
    return complain("takes no value", text);
  const char *value = equals ? equals + 1 : NULL;
  if (option->value && !value && !(value = *++*argument))
    return complain("a value is missing after", text);
  if (!store_value(options, option, value))
    return complain_of_value(text, equals ? NULL : value);
  if (option->kind == HELP)
    print_help();
  if (option->kind == VERSION)
    puts("segmind-emulator " EM_VERSION);
  return option->kind == HELP || option->kind == VERSION ? EM_DONE : EM_RUN;
}

static enum em_options_result check(const struct em_options *options) {
  if (!options->tls_cert != !options->tls_key)
    return complain("belong together", "--tls-cert and --tls-key");
  if (options->port > 65535 || options->wire_port > 65535 ||
      options->foreign_port > 65535)
    return complain("not a valid value", "a port above 65535");
  if (options->wire_url_file && options->wire_port < 0)
    return complain("needs --wire-port", "--wire-url-file");
  if (options->foreign_url_file && options->foreign_port < 0)
    return complain("needs --foreign-port", "--foreign-url-file");
  return EM_RUN;
}

enum em_options_result em_options_read(struct em_options *options, int argc,
                                       char **argv) {
  *options = (struct em_options){.wire_port = -1,
                                 .foreign_port = -1,
                                 .speed = 1,
                                 .variation = 0.25,
                                 .latency_s = -1,
                                 .credits = 100,
                                 .expire_s = -1,
                                 .history_time = "model_created",
                                 .history_form = em_date_form("iso"),
                                 .reset_form = em_date_form("iso")};
  char **last = argv + argc;
  for (char **argument = argv + 1; argument < last; argument++) {
    enum em_options_result result = read_option(options, &argument);
    if (result != EM_RUN)
      return result;
  }
  return check(options);
}
