/* The way of a request to its endpoint: what all of them ask for first, a
 * method that is allowed, a key, a caller on this machine. */
#ifndef EM_ENDPOINTS_H
#define EM_ENDPOINTS_H

#include "em_service.h"

/* Answers the request, or sets request->waits. */
void em_endpoints_answer(struct em_service *service, struct em_request *request,
                         struct em_reply *reply);

#endif
