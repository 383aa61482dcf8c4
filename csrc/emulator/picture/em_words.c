#include "em_words.h"

#include <stddef.h>
#include <string.h>

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_letter(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }

static bool starts_with(const char *text, const char *phrase, size_t length) {
  bool open = phrase[length - 1] == '*';
  size_t letters = open ? length - 1 : length;
  for (size_t i = 0; i < letters; i++)
    if (lower(text[i]) != phrase[i])
      return false;
  return open || !is_letter(text[letters]);
}

static bool has_phrase(const char *text, const char *phrase, size_t length) {
  for (const char *at = text; *at; at++) {
    bool word_begins = at == text || !is_letter(at[-1]);
    if (word_begins && starts_with(at, phrase, length))
      return true;
  }
  return false;
}

bool em_words_has(const char *text, const char *phrases) {
  while (*phrases) {
    size_t length = strcspn(phrases, ",");
    if (length > 0 && has_phrase(text, phrases, length))
      return true;
    phrases += length;
    phrases += *phrases == ',';
  }
  return false;
}
