/* The pictures of --plain: 16 by 16 of one colour, in the asked format. They
 * cost microseconds, so that tests can run jobs by the thousand. */
#ifndef EM_PLAIN_H
#define EM_PLAIN_H

#include <stddef.h>
#include <stdint.h>

/* Ownership: *data is malloc'ed. Errors: -1. */
int em_plain_render(uint32_t colour, const char *format, unsigned char **data,
                    size_t *size);

#endif
