/* sm_json: JSON as servers write it, made into JSON that strict parsers read.
 *
 * A request id, a picture's address or a reason must not be lost because a
 * strict parser refuses the document for something beside it: a 64-bit seed,
 * 1e400, NaN, half a surrogate pair, bytes that are no UTF-8, a zero byte, a
 * deep member, a trailing comma, a byte order mark, text round the document, or
 * the end that is missing. Every JSON text from outside passes here before
 * jansson or lua-cjson sees it. One scan, in linear time and without recursion,
 * mends:
 *
 *   integers beyond 2^53, numbers that no double holds   text, as a string
 *   NaN, Infinity, other bare words                      null
 *   values below SM_JSON_DEPTH containers                null
 *   invalid UTF-8, lone surrogates, zero bytes           U+FFFD
 *   control characters, backslashes that escape nothing  escaped
 *   text before the document (up to 256 bytes), after it left out
 *   UTF-16, a document that is the text of a string      UTF-8, that document
 *
 * Where the document ends early, or goes on as no JSON does, what follows the
 * last whole value is left out and the open containers are closed: a string
 * whose closing quote did not arrive is never taken for a value. Of a key that
 * occurs twice the last value counts, in both parsers.
 */
#ifndef SM_JSON_H
#define SM_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "sm_buf.h"

/* The deepest nesting of the mended text; json.lua has the same. */
#define SM_JSON_DEPTH 128

enum sm_json {
  SM_JSON_FINE,       /* to be read as it is */
  SM_JSON_MENDED,     /* whole; `out` is to be read */
  SM_JSON_CUT,        /* `out` holds what came before it broke off */
  SM_JSON_UNREADABLE, /* no object and no list, or nothing whole in it */
  SM_JSON_NO_MEMORY
};

/* Writes a character as UTF-8 and returns its length. Half a surrogate pair
 * becomes bytes that are none. */
size_t sm_json_utf8(char out[4], uint32_t point);

/* Makes `out`, which it creates, the document itself where the text is UTF-16,
 * or a JSON string that holds a document. False where it is neither; there is
 * nothing to destroy then. */
bool sm_json_plain(struct sm_buf *out, const char *text, size_t size);

/* Fills `out`, whose ceiling it sets, when MENDED or CUT. */
enum sm_json sm_json_mend(struct sm_buf *out, const char *text, size_t size);

/* Parses what sm_json_mend makes of the text. `is_cut` may be NULL.
 * Ownership: the caller's, by json_decref.
 * Errors: NULL; SM_PROTOCOL when it is unreadable, SM_IO without memory. */
json_t *sm_json_parse(const char *text, size_t size, bool *is_cut,
                      struct sm_error *e);

#endif
