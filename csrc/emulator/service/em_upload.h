/* POST /upload-asset: data URIs in, public URLs out; all or none. */
#ifndef EM_UPLOAD_H
#define EM_UPLOAD_H

#include "em_service.h"

em_endpoint_fn em_upload;

#endif
