/* sm_output: the addresses of what a result holds.
 *
 * A result names its pictures in `output`, `outputs`, `images`, `image`, or in
 * an envelope (`data`, `result`, `response`): a string, an object with `url`,
 * lists and objects of those in any nesting, or JSON of that kind as text. The
 * first of these names under which an address (http or https) is found counts,
 * and inside an object the first of its usual names, so that the same picture
 * is not named twice. Where none of the usual names has one, an address under
 * any other name inside, or a `url` beside the state, is taken for it. Data
 * URLs, base64 and other text are no addresses.
 */
#ifndef SM_OUTPUT_H
#define SM_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct sm_output {
  size_t bytes; /* what all addresses take, each ended by a NUL; 0: none */
  bool has_something; /* an output of any kind, text for one */
  bool is_guess;      /* under a name that may mean something else */
  bool is_foreign;    /* none, but one of another scheme: file:, ftp:// */
  bool is_unread;     /* a text is no JSON, or there was no memory for it */
};

/* Reads a result (any JSON value) and writes the addresses to `out`, in order
 * and as far as `room` goes. */
struct sm_output sm_output_read(char *out, size_t room, const json_t *result);

/* The same of the answer to an upload, which names files of ours. */
struct sm_output sm_output_of_upload(char *out, size_t room,
                                     const json_t *answer);

/* The same of a result's text, as it came. */
struct sm_output sm_output_of_text(char *out, size_t room, const char *text,
                                   size_t size);

#endif
