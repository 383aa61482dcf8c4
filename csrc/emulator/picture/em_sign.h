/* Pictures that look signed (C2PA), for --signed: a manifest stands where a
 * reader looks for one (PNG caBX after IHDR, JPEG APP11 with a JUMBF box, WebP
 * a C2PA chunk at the end). It is a box of the right type and signs nothing. */
#ifndef EM_SIGN_H
#define EM_SIGN_H

#include "em_text.h"

/* Puts it into an encoded picture, which is replaced; one of another format
 * stays. Errors: -1 without memory, and the picture stays. */
int em_sign_picture(struct em_bytes *file);

#endif
