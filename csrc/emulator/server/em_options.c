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

static bool read_flag(const char *text, void *field) {
  *(bool *)field = true;
  return !text;
}

static bool read_text(const char *text, void *field) {
  *(const char **)field = text;
  return *text != '\0';
}

static bool read_signed(const char *text, void *field) {
  char *end;
  errno = 0;
  double number = *(double *)field = strtod(text, &end);
  return end != text && *end == '\0' && !errno && fabs(number) <= 1e12;
}

static bool read_number(const char *text, void *field) {
  return read_signed(text, field) && *(double *)field >= 0;
}

static bool read_positive(const char *text, void *field) {
  return read_number(text, field) && *(double *)field > 0;
}

static bool read_count(const char *text, void *field) {
  double number;
  if (!read_number(text, &number) || number != floor(number) || number > 1e9)
    return false;
  *(int *)field = (int)number;
  return true;
}

static bool read_queue(const char *text, void *field) {
  struct em_queue *queue = field;
  char *colon = strchr(text, ':');
  if (colon)
    *colon = '\0';
  bool read = read_number(text, &queue->mean_s) &&
              (!colon || read_number(colon + 1, &queue->variation));
  if (colon)
    *colon = ':'; /* for the message */
  return read;
}

static bool read_seed(const char *text, void *field) {
  struct em_seed *seed = field;
  char *end;
  errno = 0;
  *seed = (struct em_seed){true, strtoull(text, &end, 10)};
  return *text >= '0' && *text <= '9' && *end == '\0' && !errno;
}

/* "+05:30" */
static bool read_zone(const char *text, void *field) {
  int hours, minutes, size = 0;
  char sign;
  if (sscanf(text, "%c%2d:%2d%n", &sign, &hours, &minutes, &size) != 3 ||
      text[size] || (sign != '+' && sign != '-') || hours > 14 || minutes > 59)
    return false;
  *(int *)field = (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
  return true;
}

static bool read_form(const char *text, void *field) {
  const struct em_date_form *form = em_date_form(text);
  *(const struct em_date_form **)field = form;
  return form != NULL;
}

struct em_option {
  const char *name;
  const char *value; /* how its value is called, or NULL */
  bool (*read)(const char *text, void *field);
  size_t offset; /* into struct em_options */
  const char *help;
};

#define AT(field) offsetof(struct em_options, field)
static const struct em_option table[] = {
    {"port", "N", read_count, AT(port),
     "listen on 127.0.0.1:N; 0: any free port"},
    {"url-file", "PATH", read_text, AT(url_file),
     "write the base URL there once it listens"},
    {"wire-port", "N", read_count, AT(wire_port),
     "listen there too, behind the faulty wire"},
    {"wire-url-file", "PATH", read_text, AT(wire_url_file),
     "write the base URL through the wire there"},
    {"foreign-port", "N", read_count, AT(foreign_port),
     "play a foreign host there, which keeps what it receives"},
    {"foreign-url-file", "PATH", read_text, AT(foreign_url_file),
     "write its base URL there"},
    {"exit-with-stdin", NULL, read_flag, AT(exit_with_stdin),
     "end when standard input is closed"},
    {"tls-cert", "FILE", read_text, AT(tls_cert),
     "serve https with this PEM file"},
    {"tls-key", "FILE", read_text, AT(tls_key), "its private key, a PEM file"},
    {"speed", "N", read_positive, AT(speed),
     "divide latencies, queueing, expiry and the rate window by N"},
    {"latency", "SECONDS", read_number, AT(latency_s),
     "the same latency for every job"},
    {"variation", "CV", read_number, AT(variation),
     "coefficient of variation of latencies, default 0.25"},
    {"queue", "SECONDS[:CV]", read_queue, AT(queue),
     "mean time in state QUEUED, default 0"},
    {"expire", "SECONDS", read_number, AT(expire_s),
     "forget a request so long after its submit (real seconds); "
     "default one hour divided by --speed"},
    {"seed", "N", read_seed, AT(seed),
     "repeat latencies, ids and random faults"},
    {"credits", "DOLLARS", read_number, AT(credits),
     "the account, default 100"},
    {"rpm", "N", read_count, AT(rpm), "submits a minute, default 0: no limit"},
    {"key", "KEY", read_text, AT(key),
     "accept only this key; default any SG_ + 16 hex digits"},
    {"models", "FILE", read_text, AT(models),
     "model tables as JSON, default those built in"},
    {"uuid", NULL, read_flag, AT(uuid),
     "request ids are UUIDs with dashes, not 32 hex digits"},
    {"history-time", "NAME", read_text, AT(history_time),
     "how the history calls the time of a request, default model_created"},
    {"history-spelling", "FORM", read_form, AT(history_form),
     "the form of that time, default iso: iso, iso-seconds, "
     "iso-offset, iso-bare, blank, blank-offset, http, "
     "epoch, epoch-fraction, epoch-ms"},
    {"history-zone", "+HH:MM", read_zone, AT(zone_min),
     "the time zone of that time, where its form is not UTC"},
    {"reset-spelling", "FORM", read_form, AT(reset_form),
     "the form of x-rate-limit-reset-at-utc, default iso"},
    {"clock-ahead", "SECONDS", read_signed, AT(clock_ahead_s),
     "the service's clock is ahead of the host's (negative: behind)"},
    {"v1-json", NULL, read_flag, AT(v1_json),
     "v1 answers with JSON that has the picture's address"},
    {"strict", NULL, read_flag, AT(strict),
     "refuse parameters that the model does not declare"},
    {"signed", NULL, read_flag, AT(signed_pictures),
     "pictures look signed (C2PA); nothing signs them"},
    {"plain", NULL, read_flag, AT(plain),
     "tiny pictures, for tests of thousands of jobs"},
    {"quiet", NULL, read_flag, AT(quiet), "no banner"},
    {"verbose", NULL, read_flag, AT(verbose), "a line a request on stderr"},
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
    "The control port below /_emulator/ needs no key: ledger, stats, faults,\n"
    "wire, wire/log, foreign, reset, shutdown. doc/emulator.md has them all.";

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
    if (!option->read(value, (char *)state->input + option->offset))
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
