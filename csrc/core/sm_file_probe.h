/* sm_file_probe: whether a local file is a picture that may be uploaded.
 *
 * It reads both ends of the file and decodes nothing, so it costs the same for
 * a file of any size, and somebody else's file is judged with lenience: what
 * programs append to a JPEG is not for us to refuse. It keeps nothing open. The
 * file may change before it is uploaded; sm_body sees that.
 */
#ifndef SM_FILE_PROBE_H
#define SM_FILE_PROBE_H

#include <stdint.h>

#include "sm_error.h"
#include "sm_image.h"

struct sm_file_facts {
  struct sm_image image;
  uint64_t size_bytes;
};

/* Whether `path` is a readable, regular, non-empty file that holds a picture.
 * Errors: SM_INVALID with what is wrong. */
enum sm_code sm_file_probe(const char *path, struct sm_file_facts *facts,
                           struct sm_error *e);

#endif
