/* sm_result: the usual result, read where it stands and without memory.
 *
 * Usual is the documented answer of a finished request: the documented members,
 * each once, its output one address, its figures plain numbers. Of such a text
 * nothing has to be mended and nothing to be warned of, so that who is told of
 * it need not make a value of it before it is looked at. Any other text is left
 * to a parser (sm_json, sm_output).
 */
#ifndef SM_RESULT_H
#define SM_RESULT_H

#include "sm_cursor.h"

struct sm_result {
  struct sm_slice address; /* of the picture; in the text */
  double cost;             /* USD; NAN when not said, as the next */
  double seed;             /* whole */
};

/* False for a text that is not usual; what is in `result` then says nothing. */
bool sm_result_read(struct sm_result *result, const char *text, size_t size);

#endif
