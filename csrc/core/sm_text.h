/* sm_text: what a person may see.
 *
 * Every message, note and quoted answer passes here on its way out of the
 * core. Two filters in one walk: secrets are replaced by "[key]" (the client's
 * own key wherever it stands, anything shaped like one, the value of an
 * x-api-key header, user info in a URL, signature parameters of a URL), and
 * whatever could move a terminal's cursor or reorder the line is escaped (C0,
 * C1, bidirectional controls, line and paragraph separators, invalid UTF-8, as
 * \xNN or \u{NNNN}). At most SM_TEXT_MAX bytes come out; a cut is marked "...".
 */
#ifndef SM_TEXT_H
#define SM_TEXT_H

#include <stddef.h>

#define SM_TEXT_MAX 2048

/* Writes the filtered text to `out` (NUL-terminated, at most `out_size` - 1
 * bytes and SM_TEXT_MAX) and returns its length. `key` is the client's key or
 * NULL. A newline or a tab becomes a space. */
size_t sm_text_clean(char *out, size_t out_size, const char *text, size_t size,
                     const char *key);

#endif
