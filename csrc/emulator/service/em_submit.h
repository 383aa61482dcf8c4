/* The two ways to submit: v2 answers with an id at once, v1 with the picture
 * when it is there. Both make the same job. */
#ifndef EM_SUBMIT_H
#define EM_SUBMIT_H

#include "em_service.h"

em_endpoint_fn em_submit_v2, em_submit_v1;

/* The answer to a v1 request whose job has ended. */
em_endpoint_fn em_submit_v1_finish;

#endif
