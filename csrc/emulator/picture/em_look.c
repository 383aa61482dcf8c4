#include "em_look.h"

#include "em_filter.h"
#include "em_recolour.h"
#include "em_weather.h"
#include "em_words.h"

#include <stddef.h>

enum kind { FOCUS, AIR, HOUR, STYLE, KINDS }; /* in the order of their use */

struct look {
  enum kind kind;
  const char *words;
  struct em_grade grade;
  int focus, bloom, brush, posterise, ink, pencil, neon, mosaic;
  int vignette, grain;
  unsigned weather;
  int by_chance; /* may be picked when no word is known */
  int in_scenes; /* drawn scenes have it already */
};

static const struct look looks[] = {
    {.kind = HOUR,
     .words = "night,midnight,moonlight,moonlit,dark,stars,starry",
     .grade = {44, 98, 66, 78, 0x040c34, 0x88a4f0, 46},
     .vignette = 62,
     .weather = EM_WEATHER_STARS,
     .in_scenes = 1},
    {.kind = HOUR,
     .words = "sunset,sunrise,dusk,dawn,evening,golden,warm",
     .grade = {94, 108, 118, 132, 0x4a1f52, 0xffb45c, 34},
     .bloom = 40,
     .vignette = 40,
     .weather = EM_WEATHER_RAYS,
     .by_chance = 1,
     .in_scenes = 1},
    {.kind = HOUR,
     .words = "noon,noontime,midday,sunny,sunlight,daylight,daytime,bright,"
              "summer,beach",
     .grade = {120, 112, 118, 106, 0x2a4a7a, 0xfffbe8, 10},
     .bloom = 12,
     .weather = EM_WEATHER_RAYS},
    {.kind = AIR,
     .words = "winter,snow*,christmas,ice,icy,frozen,frost*",
     .grade = {126, 92, 48, 78, 0x4a6a94, 0xf4faff, 38},
     .vignette = -20,
     .weather = EM_WEATHER_SNOW | EM_WEATHER_FOG},
    {.kind = AIR,
     .words = "autumn,fall,october,november,leaves",
     .grade = {98, 108, 108, 140, 0x3a2010, 0xffc878, 34},
     .vignette = 44,
     .weather = EM_WEATHER_LEAVES,
     .in_scenes = 1},
    {.kind = AIR,
     .words = "spring,blossom*,petal*,cherry",
     .grade = {122, 96, 108, 102, 0x6a5a8a, 0xffeef4, 24},
     .bloom = 22,
     .weather = EM_WEATHER_PETALS},
    {.kind = AIR,
     .words = "rain*,storm*,wet,umbrella",
     .grade = {76, 108, 52, 82, 0x101c2c, 0xa8bccc, 36},
     .vignette = 50,
     .weather = EM_WEATHER_RAIN | EM_WEATHER_FOG},
    {.kind = AIR,
     .words = "fog,foggy,mist*,haze,hazy,smoke*",
     .grade = {112, 68, 46, 94, 0x8898a4, 0xf0f4f4, 28},
     .weather = EM_WEATHER_FOG},
    {.kind = STYLE,
     .words = "black and white,black & white,monochrome,greyscale,grayscale,"
              "noir,b&w",
     .grade = {102, 134, 0, 100, 0, 0xffffff, 0},
     .vignette = 52,
     .grain = 13},
    {.kind = STYLE,
     .words = "sepia,vintage,retro,old photo*,antique,1900*,1920*,victorian",
     .grade = {106, 88, 10, 100, 0x38200c, 0xfbe6bc, 72},
     .vignette = 58,
     .grain = 13,
     .weather = EM_WEATHER_DUST | EM_WEATHER_FRAME},
    {.kind = STYLE,
     .words = "pencil,sketch*,drawing,charcoal,line art,lineart,drawn",
     .pencil = 165,
     .weather = EM_WEATHER_PAPER},
    {.kind = STYLE,
     .words = "watercolor*,watercolour*,aquarelle,gouache",
     .grade = {146, 84, 108, 102, 0x4a5a80, 0xfffaf0, 20},
     .brush = 4,
     .ink = 24,
     .grain = 7,
     .weather = EM_WEATHER_PAPER},
    {.kind = STYLE,
     .words = "painting,painted,paint,oil,impressionis*,van gogh,monet,canvas,"
              "renaissance,brush*",
     .grade = {100, 118, 138, 110, 0x2a1838, 0xffe6a8, 14},
     .brush = 6,
     .vignette = 34,
     .grain = 9},
    {.kind = STYLE,
     .words = "poster,comic*,pop art,screenprint,graphic novel,cover",
     .grade = {104, 128, 138, 104, 0x10204a, 0xffe8b0, 26},
     .brush = 2,
     .posterise = 5,
     .ink = 90,
     .weather = EM_WEATHER_DOTS | EM_WEATHER_FRAME},
    {.kind = STYLE,
     .words = "cartoon*,anime,ghibli,animat*,illustrat*,manga,pixar,disney,3d",
     .grade = {116, 110, 146, 104, 0x3a3070, 0xfff4d0, 12},
     .brush = 4,
     .posterise = 9,
     .ink = 70},
    {.kind = STYLE,
     .words = "pixel*,8-bit,8bit,mosaic,lego,minecraft",
     .grade = {108, 116, 132, 100, 0, 0xffffff, 0},
     .posterise = 7,
     .mosaic = 12},
    {.kind = STYLE,
     .words = "neon,cyberpunk,synthwave,vaporwave,futuristic,sci-fi,blade "
              "runner,robot*",
     .grade = {46, 112, 96, 84, 0x12063a, 0x7a4ae0, 50},
     .neon = 60,
     .vignette = 46},
    {.kind = STYLE,
     .words = "real photo*,photo*,realistic,photoreal*,dslr,portrait,studio",
     .grade = {104, 112, 104, 104, 0x0c2a38, 0xffe2c4, 16},
     .focus = 6,
     .bloom = 8,
     .vignette = 46,
     .grain = 5,
     .by_chance = 1},
    {.kind = STYLE,
     .words = "film,cinema*,movie,kodak,analog*,polaroid",
     .grade = {98, 104, 88, 108, 0x0a3a48, 0xffc890, 34},
     .vignette = 40,
     .grain = 11,
     .weather = EM_WEATHER_FRAME,
     .by_chance = 1},
    {.kind = STYLE,
     .words = "fashion,magazine,vogue,editorial,elegant",
     .grade = {124, 118, 78, 98, 0x2a2440, 0xfff2ea, 20},
     .bloom = 26,
     .vignette = 22,
     .by_chance = 1},
    {.kind = STYLE,
     .words = "dream*,fantasy,fairy*,magic*,surreal",
     .grade = {118, 90, 112, 94, 0x4a2a8a, 0xffd8f0, 38},
     .focus = 10,
     .bloom = 60,
     .weather = EM_WEATHER_BOKEH,
     .by_chance = 1},
    {.kind = FOCUS,
     .words = "bokeh,blur*,depth of field,shallow,out of focus",
     .focus = 30,
     .weather = EM_WEATHER_BOKEH},
};

enum { LOOK_COUNT = sizeof looks / sizeof *looks };

static const struct look *look_for(const char *prompt, enum kind kind,
                                   int drawn) {
  for (int i = 0; i < LOOK_COUNT; i++)
    if (looks[i].kind == kind && !(drawn && looks[i].in_scenes) &&
        em_words_has(prompt, looks[i].words))
      return &looks[i];
  return NULL;
}

static const struct look *look_by_chance(struct em_random *random) {
  const struct look *able[LOOK_COUNT];
  int count = 0;
  for (int i = 0; i < LOOK_COUNT; i++)
    if (looks[i].by_chance)
      able[count++] = &looks[i];
  return able[em_random_below(random, count)];
}

/* The same look in another exposure: what the seed is good for. */
static struct em_grade vary(struct em_grade grade, struct em_random *random) {
  grade.exposure += em_random_below(random, 19) - 9;
  grade.contrast += em_random_below(random, 13) - 6;
  grade.warmth += em_random_below(random, 29) - 14;
  return grade;
}

/* Black and white must not be coloured again by the seed's light. */
static int is_colourless(const struct look *look) {
  return look->pencil > 0 ||
         (look->grade.exposure > 0 && look->grade.saturation < 20);
}

static int filter(gdImagePtr image, const struct look *look,
                  const struct em_grade *grade, struct em_random *random) {
  if (em_filter_focus(image, look->focus) != 0 ||
      em_filter_brush(image, look->brush) != 0 ||
      em_filter_pencil(image, look->pencil, random) != 0)
    return -1;
  em_filter_grade(image, grade);
  em_filter_posterise(image, look->posterise);
  em_filter_mosaic(image, look->mosaic);
  if (em_filter_ink(image, look->ink) != 0 ||
      em_filter_neon(image, look->neon) != 0 ||
      em_filter_bloom(image, look->bloom) != 0)
    return -1;
  return 0;
}

static int apply(gdImagePtr image, const struct look *look,
                 struct em_random *random) {
  static const unsigned margins = EM_WEATHER_FRAME | EM_WEATHER_PAPER;
  struct em_grade grade = look->grade;
  if (grade.exposure > 0)
    grade = vary(grade, random);
  if (filter(image, look, &grade, random) != 0)
    return -1;
  em_weather_draw(image, look->weather & ~margins, random);
  em_filter_finish(image, look->vignette, look->grain, random);
  em_weather_draw(image, look->weather & margins, random);
  return 0;
}

/* The style comes last: a sketch of a winter's night is still a sketch. */
static int choose(const char *prompt, int drawn, struct em_random *random,
                  const struct look **chosen) {
  int count = 0;
  for (int i = 0; i < KINDS; i++) {
    const struct look *look = look_for(prompt, (enum kind)i, drawn);
    if (look)
      chosen[count++] = look;
  }
  if (count == 0)
    chosen[count++] = look_by_chance(random);
  return count;
}

int em_look_apply(gdImagePtr image, const char *prompt, uint64_t key,
                  int drawn) {
  struct em_random random = {key};
  const struct look *chosen[KINDS];
  int count = choose(prompt, drawn, &random, chosen);
  const struct look *last = chosen[count - 1];
  if (!is_colourless(last))
    em_recolour(image, prompt);
  /* A soft light that is posterised afterwards falls into ugly steps. */
  if (last->posterise == 0)
    em_weather_light(image, &random);
  for (int i = 0; i < count; i++)
    if (apply(image, chosen[i], &random) != 0)
      return -1;
  if (last->posterise > 0)
    em_weather_light(image, &random);
  return 0;
}
