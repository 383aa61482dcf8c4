/* Reads a prompt for hints. The painter understands no language: it looks for
 * words. A list of phrases is one string, "night,moonlit,paint*": a phrase
 * starts at a word's beginning and stops at a word's end, unless it closes
 * with an asterisk. Letter case is ignored; only ASCII letters count as
 * letters, so every UTF-8 prompt is safe to read. */
#ifndef EM_WORDS_H
#define EM_WORDS_H

#include <stdbool.h>

/* Whether `text` has any of the comma-separated `phrases`. */
bool em_words_has(const char *text, const char *phrases);

#endif
