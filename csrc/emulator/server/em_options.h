/* The command line of segmind-emulator: one table of options, from which both
 * the reading and --help are made. */
#ifndef EM_OPTIONS_H
#define EM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "em_clock.h"

struct em_queue {
  double mean_s, variation;
};

struct em_seed {
  bool given;
  uint64_t value;
};

struct em_options {
  int port;
  const char *url_file;
  int wire_port, foreign_port; /* negative: none */
  const char *wire_url_file, *foreign_url_file;
  bool exit_with_stdin;
  double speed;
  struct em_seed seed;
  double variation;
  double latency_s; /* fixed for all models; negative: each model's own */
  struct em_queue queue;
  double credits;  /* dollars */
  int rpm;         /* submits a minute, 0: no limit */
  double expire_s; /* negative: an hour of the emulator's time */
  const char *key; /* the only one accepted, or NULL */
  const char *tls_cert, *tls_key;
  const char *models;
  /* What the service does not publish. */
  const char *history_time; /* the name of the history's time */
  const struct em_date_form *history_form, *reset_form;
  int zone_min;         /* of the history's times, east of UTC */
  double clock_ahead_s; /* of the host's clock; negative: behind */
  bool uuid, v1_json, strict;
  bool signed_pictures; /* look so */
  bool plain, quiet, verbose;
};

/* Reads the command line. --help, --version and mistakes end the program: with
 * status 0, and 2 after a line on stderr that says what to write. */
void em_options_read(struct em_options *options, int argc, char **argv);

#endif
