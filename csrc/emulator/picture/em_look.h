/* What an edit makes of a picture: a table of looks, each of them a few of
 * libgd's own operations. Words of the prompt choose a light ("night") and a
 * style ("pencil sketch"); where none is known, the key may. The key also
 * shifts the colours, so that two seeds are told apart.
 *
 * A prompt is searched for words, not understood. Only ASCII letters count as
 * letters, so that every UTF-8 prompt is safe to read. */
#ifndef EM_LOOK_H
#define EM_LOOK_H

#include <gd.h>
#include <stdbool.h>
#include <stdint.h>

/* Whether `text` has one of the comma-separated `phrases`, in any case of
 * letters: from the start of a word to the end of one, or, where the phrase
 * ends with an asterisk, to anywhere. */
bool em_look_has_word(const char *text, const char *phrases);

/* Changes the truecolor image in place; the same key gives the same pixels.
 * `by_chance`: a prompt without a known word gets a look that the key chooses.
 * Errors: -1, out of memory. */
int em_look_apply(gdImagePtr image, const char *prompt, uint64_t key,
                  bool by_chance);

#endif
