/* sm_file_probe: whether a local file is a picture that may be uploaded.
 *
 * It decodes nothing and reads little: the head, and as much as finding the
 * picture's own end takes (8 MiB at most). What programs append behind that is
 * not for us to refuse; a picture that is cut is. It keeps nothing open. The
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
