/* sm_time: a moment in text, in whatever spelling a server chose.
 *
 * The service publishes no spelling of its times, neither that of the rate
 * limit's reset nor that of the request history's rows, so every one in use is
 * read:
 *
 *   ISO 8601  2026-11-26T14:59:09.123+05:30, blank for T, "," for ".", Z, UTC,
 *             +0530, -08, the basic form 20261126T145909Z
 *   HTTP      Thu, 26 Nov 2026 14:59:09 GMT and the two older forms (RFC 9110,
 *             5.6.7), and what date, ctime and JavaScript print
 *   epoch     seconds, with a fraction or not, milli-, micro-, nanoseconds,
 *             told apart by their size
 *
 * A time without a zone is UTC. What is no date (a 30 February), a day without
 * a time of day, a time before September 2001 (a zero that stands for "none"),
 * and a form whose order of day and month has to be guessed are not read. No
 * locale, time zone or clock of this machine is looked at.
 */
#ifndef SM_TIME_H
#define SM_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads `size` bytes that spell one moment, as ms since 1970; false when they
 * do not, and `unix_ms` is left alone. */
bool sm_time_read(const char *text, size_t size, int64_t *unix_ms);

/* The same, and whether the text says in which zone: an epoch does. */
bool sm_time_read_zoned(const char *text, size_t size, int64_t *unix_ms,
                        bool *has_zone);

/* The same of a number: seconds since 1970, or their thousandths and so on. */
bool sm_time_of_number(double number, int64_t *unix_ms);

#endif
