#include "em_match.h"

#include <fnmatch.h>
#include <string.h>

#include "em_member.h"

void em_match_read(struct em_match *match, const json_t *source,
                   long long count) {
  const json_t *nth = json_object_get(source, "nth");
  const json_t *from = json_object_get(source, "from");
  const json_t *times = json_object_get(source, "count");
  *match = (struct em_match){.from = json_integer_value(nth ? nth : from),
                             .count = count};
  if (times)
    match->count = json_integer_value(times); /* "always" gives 0 */
}

bool em_match_see(struct em_match *match) {
  match->seen++;
  if (!match->from)
    return !match->count || match->used < match->count;
  return match->seen >= match->from &&
         (!match->count || match->seen < match->from + match->count);
}

static bool is_glob(const char *place) {
  return *place == '/' || *place == '*';
}

bool em_match_fits(const char *place, enum em_endpoint endpoint,
                   const char *path) {
  if (!place)
    return true;
  if (is_glob(place))
    return !fnmatch(place, path, 0);
  return !strcmp(place, em_endpoint_name(endpoint));
}

bool em_match_knows(const char *place) {
  return !place || is_glob(place) || em_endpoint_is_known(place);
}

const char *em_match_find_mistake(const json_t *source) {
  if (json_object_get(source, "nth") &&
      (json_object_get(source, "from") || json_object_get(source, "count")))
    return "match.nth stands alone, without from and count";
  if (!em_member_is_word(json_object_get(source, "count"), "always"))
    return "match.count must be a whole number above 0 or \"always\"";
  return NULL;
}
