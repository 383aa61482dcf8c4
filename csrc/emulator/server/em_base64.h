/* Base64 and data URIs, as uploads and v1 images carry them. */
#ifndef EM_BASE64_H
#define EM_BASE64_H

#include <stddef.h>

/* Decodes standard base64; white space is skipped.
 * Ownership: malloc'ed. Errors: NULL when it is not base64. */
unsigned char *em_base64_decode(const char *text, size_t length, size_t *size);

/* Decodes "data:image/png;base64,...". Ownership and errors as above. */
unsigned char *em_data_uri_decode(const char *uri, size_t *size);

#endif
