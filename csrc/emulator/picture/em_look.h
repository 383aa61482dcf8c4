/* Looks: what the emulator does in place of following a prompt. A look is a
 * row of strengths for em_filter and em_weather. The prompt's words choose up
 * to one of each kind (focus, weather or season, hour, style); without a word
 * that is known, a hash of prompt and seed picks one of the photographic ones.
 * The seed shifts every look a little and puts a light somewhere, so that two
 * seeds are seen to differ. */
#ifndef EM_LOOK_H
#define EM_LOOK_H

#include <gd.h>
#include <stdint.h>

/* Lays the prompt's looks over the picture, in place. `key` is the hash of
 * everything in the job that should make a difference; `drawn` tells that the
 * picture is a scene drawn from the same prompt, and has the hour in it.
 * Errors: -1 when memory is out. */
int em_look_apply(gdImagePtr image, const char *prompt, uint64_t key,
                  int drawn);

#endif
