/* A multipart v1 body as the JSON body it stands for: text fields take the
 * type that the model declares, raw files become assets and their URLs. */
#ifndef EM_FORM_H
#define EM_FORM_H

#include "em_error.h"
#include "em_service.h"

/* Ownership: the caller owns the object. Errors: NULL and a message. */
json_t *em_form_read(struct em_service *service,
                     const struct em_request *request,
                     const struct em_model *model, struct em_error *error);

#endif
