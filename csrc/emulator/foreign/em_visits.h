/* What a foreign host was told: every request that came to the second
 * listener (em_foreign), byte for byte, so that a test can prove what never
 * left the service's own origin; and what that host answers.
 *
 * Posted to /_emulator/foreign, {"status": 302, "headers": {"Location": "..."},
 * "body": "..."} is the answer from then on; body may be body_base64. Unless
 * told it is 200 and a tiny PNG. Thread-safe. */
#ifndef EM_VISITS_H
#define EM_VISITS_H

#include "em_text.h"

enum { EM_VISIT_KEPT_MAX = 1 << 20 };

struct em_visits;

/* Errors: NULL when out of memory. */
struct em_visits *em_visits_new(void);
void em_visits_delete(struct em_visits *visits);

/* Forgets what came; with the answer too: as new. */
void em_visits_clear(struct em_visits *visits, bool answer_too);

/* Sets the answer. Errors: -1 and what is wrong. */
int em_visits_script(struct em_visits *visits, const char *json, size_t size,
                     char *message, size_t message_size);

/* Notes a connection's bytes: the first of them, and how many came. */
void em_visits_add(struct em_visits *visits, const char *bytes, size_t kept,
                   unsigned long long size);

/* The answer, head and body. */
void em_visits_answer(struct em_visits *visits, struct em_text *text);

/* All of them as a JSON array, oldest first: method, path with its query,
 * headers by their names in lower case, body_size, size, and the bytes as a
 * string of the characters U+0000 to U+00FF. */
void em_visits_tell(struct em_visits *visits, struct em_text *text);

#endif
