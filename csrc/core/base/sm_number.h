/* sm_number: a number in text, in the form that the wire has.
 *
 * A sign, decimal digits with at most one point, an exponent; blanks around
 * them are ignored. That is JSON's form, a leading "+", zeros and a bare point
 * at either end allowed. Everything else that strtod would take (NaN,
 * infinities, hexadecimal), anything behind the number, and what does not fit a
 * double is no number. The locale has no say: strtod reads "0.05" as 0 where
 * the host has set one with a decimal comma.
 */
#ifndef SM_NUMBER_H
#define SM_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

/* Reads `size` bytes that are one number, finite; false when they are not, and
 * `number` is left alone. */
bool sm_number_read(const char *text, size_t size, double *number);

/* The same of an amount of money, which may come as "$0.05" or "0.05 USD". */
bool sm_number_read_amount(const char *text, size_t size, double *number);

#endif
