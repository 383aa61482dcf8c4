/* Dates as the service tells and reads them. How it spells a time, in the
 * request history and in the header of the rate limit, is not published: a
 * table of spellings has them all, and options pick one for each. */
#ifndef EM_DATE_H
#define EM_DATE_H

#include <stdbool.h>
#include <stdint.h>

enum { EM_DATE_SIZE = 48 };

struct em_date_form;

/* "iso", "http", "epoch", ...: --help lists them. NULL: there is none. */
const struct em_date_form *em_date_form(const char *name);

/* Does it spell a time as a number, not as text? */
bool em_date_form_is_number(const struct em_date_form *form);

/* The zone is in minutes east of UTC; spellings that say UTC ignore it. */
void em_date_write(const struct em_date_form *form, int64_t wall_ms,
                   int zone_min, char out[EM_DATE_SIZE]);

/* Of a Date header. */
void em_date_http(int64_t wall_ms, char out[EM_DATE_SIZE]);
/* "2026-11-20T12:00:00.000Z", for what is the emulator's own. */
void em_date_iso(int64_t wall_ms, char out[EM_DATE_SIZE]);

/* Reads YYYY-MM-DD, or that with THH:MM:SS. With `day_end`, a bare date means
 * the end of that day. Errors: -1 when it is no date. */
int64_t em_date_read(const char *text, bool day_end);

#endif
