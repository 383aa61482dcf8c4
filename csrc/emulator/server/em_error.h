/* Why something failed, as one line of text for a person. */
#ifndef EM_ERROR_H
#define EM_ERROR_H

struct em_error {
  char text[512];
};

/* Sets the text. Returns -1. */
__attribute__((format(printf, 2, 3))) int em_fail(struct em_error *error,
                                                  const char *format, ...);

#endif
