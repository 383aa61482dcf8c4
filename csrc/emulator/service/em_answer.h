/* The endpoints that are only asked: status, result, credits, models and the
 * pictures themselves. */
#ifndef EM_ANSWER_H
#define EM_ANSWER_H

#include "em_service.h"

em_endpoint_fn em_answer_status, em_answer_result, em_answer_credits;
em_endpoint_fn em_answer_models, em_answer_media;

#endif
