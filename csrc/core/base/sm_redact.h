/* sm_redact: what a person may see.
 *
 * Every message, note and quoted answer passes here on its way out of the
 * core. Two filters in one walk: secrets are replaced by "[key]" (the client's
 * own key wherever it stands, anything shaped like one, the value of an
 * x-api-key header, user info in a URL, signature parameters of a URL), and
 * whatever could move a terminal's cursor or reorder the line is escaped (C0,
 * C1, bidirectional controls, line and paragraph separators, invalid UTF-8, as
 * \xNN or \u{NNNN}). At most SM_REDACT_MAX bytes come out; a cut is marked
 * "...".
 */
#ifndef SM_REDACT_H
#define SM_REDACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SM_REDACT_MAX 2048

/* Writes the filtered text to `out` (NUL-terminated, at most `out_size` - 1
 * bytes and SM_REDACT_MAX) and returns its length. `key` is the client's key or
 * NULL. A newline or a tab becomes a space. */
size_t sm_redact_clean(char *out, size_t out_size, const char *text,
                       size_t size, const char *key);

/* One character of UTF-8 as RFC 3629 allows it (no overlong form, surrogate or
 * value past U+10FFFF). Returns its length, 0 when the bytes are no such thing;
 * `size` is 1 or more. */
size_t sm_redact_decode(const char *text, size_t size, uint32_t *point);

/* Compares without regard to ASCII case and to the characters of `ignored`. */
bool sm_redact_is_like(const char *a, const char *b, const char *ignored);

#endif
