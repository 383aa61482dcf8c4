#include "em_options.h"

#include <argp.h>
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
  ZONE
};

struct em_option {
  const char *name;
  const char *value; /* how its value is called, or NULL */
  enum kind kind;
  size_t offset; /* into struct em_options */
  const char *help;
};

#define AT(field) offsetof(struct em_options, field)
static const struct em_option table[] = {
    {"port", "N", COUNT, AT(port), "listen on 127.0.0.1:N; 0: any free port"},
    {"url-file", "PATH", TEXT, AT(url_file),
     "write the base URL there once it listens"},
    {"wire-port", "N", COUNT, AT(wire_port),
     "listen there too, behind the faulty wire"},
    {"wire-url-file", "PATH", TEXT, AT(wire_url_file),
     "write the base URL through the wire there"},
    {"foreign-port", "N", COUNT, AT(foreign_port),
     "play a foreign host there, which keeps what it receives"},
    {"foreign-url-file", "PATH", TEXT, AT(foreign_url_file),
     "write its base URL there"},
    {"exit-with-stdin", NULL, FLAG, AT(exit_with_stdin),
     "end when standard input is closed"},
    {"tls-cert", "FILE", TEXT, AT(tls_cert), "serve https with this PEM file"},
    {"tls-key", "FILE", TEXT, AT(tls_key), "its private key, a PEM file"},
    {"speed", "N", POSITIVE, AT(speed),
     "divide latencies, queueing, expiry and the rate window by N"},
    {"latency", "SECONDS", NUMBER, AT(latency_s),
     "the same latency for every job"},
    {"variation", "CV", NUMBER, AT(variation),
     "coefficient of variation of latencies, default 0.25"},
    {"queue", "SECONDS[:CV]", QUEUE, AT(queue_s),
     "mean time in state QUEUED, default 0"},
    {"expire", "SECONDS", NUMBER, AT(expire_s),
     "forget a request so long after its submit (real seconds); "
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
     "how the history calls the time of a request, default model_created"},
    {"history-spelling", "FORM", DATE_FORM, AT(history_form),
     "the form of that time, default iso: iso, iso-seconds, "
     "iso-offset, iso-bare, blank, blank-offset, http, "
     "epoch, epoch-fraction, epoch-ms"},
    {"history-zone", "+HH:MM", ZONE, AT(zone_min),
     "the time zone of that time, where its form is not UTC"},
    {"reset-spelling", "FORM", DATE_FORM, AT(reset_form),
     "the form of x-rate-limit-reset-at-utc, default iso"},
    {"clock-ahead", "SECONDS", SIGNED, AT(clock_ahead_s),
     "the service's clock is ahead of the host's (negative: behind)"},
    {"v1-json", NULL, FLAG, AT(v1_json),
     "v1 answers with JSON that has the picture's address"},
    {"strict", NULL, FLAG, AT(strict),
     "refuse parameters that the model does not declare"},
    {"signed", NULL, FLAG, AT(signed_pictures),
     "pictures look signed (C2PA); nothing signs them"},
    {"plain", NULL, FLAG, AT(plain),
     "tiny pictures, for tests of thousands of jobs"},
    {"quiet", NULL, FLAG, AT(quiet), "no banner"},
    {"verbose", NULL, FLAG, AT(verbose), "a line a request on stderr"},
};
#undef AT

enum { OPTION_COUNT = sizeof table / sizeof *table, FIRST_KEY = 256 };

static const char help[] =
    "An emulator of the Segmind image service on loopback. No model runs in "
    "it: pictures are edited with plain image operations, so that clients can "
    "be tried without a key, a cent or a network.\v"
    "Example:\n"
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
    "  GET  /_emulator/wire/log the faults that were applied\n"
    "  GET  /_emulator/foreign  what the foreign host received; POST sets\n"
    "                           its answer; DELETE\n"
    "  POST /_emulator/reset    forget everything\n"
    "  POST /_emulator/shutdown end";

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

static bool store_value(struct em_options *options,
                        const struct em_option *option, const char *value) {
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
  }
  return false;
}

static void check(const struct em_options *options,
                  const struct argp_state *state) {
  if (!options->tls_cert != !options->tls_key)
    argp_error(state, "--tls-cert and --tls-key belong together");
  if (options->port > 65535 || options->wire_port > 65535 ||
      options->foreign_port > 65535)
    argp_error(state, "a port is a number up to 65535");
  if (options->wire_url_file && options->wire_port < 0)
    argp_error(state, "--wire-url-file needs --wire-port");
  if (options->foreign_url_file && options->foreign_port < 0)
    argp_error(state, "--foreign-url-file needs --foreign-port");
}

/* argp_error ends the program. */
static error_t parse(int key, char *value, struct argp_state *state) {
  if (key == ARGP_KEY_END) {
    check(state->input, state);
  } else if (key == ARGP_KEY_ARG) {
    argp_error(state, "%s is not an option: options begin with --", value);
  } else if (key < FIRST_KEY || key >= FIRST_KEY + OPTION_COUNT) {
    return ARGP_ERR_UNKNOWN;
  } else {
    const struct em_option *option = &table[key - FIRST_KEY];
    if (!store_value(state->input, option, value))
      argp_error(state, "%s is not a valid value of --%s: %s", value,
                 option->name, option->help);
  }
  return 0;
}

void em_options_read(struct em_options *options, int argc, char **argv) {
  static char name[] = "segmind-emulator";
  struct argp_option described[OPTION_COUNT + 1] = {{0}};
  const struct argp argp = {.options = described, .parser = parse, .doc = help};
  for (int i = 0; i < OPTION_COUNT; i++)
    described[i] = (struct argp_option){.name = table[i].name,
                                        .key = FIRST_KEY + i,
                                        .arg = table[i].value,
                                        .doc = table[i].help,
                                        .group = i + 1};
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
  argp_program_version = "segmind-emulator " EM_VERSION;
  argp_err_exit_status = 2;
  argv[0] = name; /* as messages begin */
  argp_parse(&argp, argc, argv, 0, NULL, options);
}
