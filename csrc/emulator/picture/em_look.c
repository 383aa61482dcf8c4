#include "em_painter.h"

#include <ctype.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "em_random.h"

static bool is_letter(char c) { return isalpha((unsigned char)c) != 0; }

bool em_look_has_word(const char *text, const char *phrases) {
  for (const char *phrase = phrases; *phrase; phrase += *phrase == ',') {
    size_t size = strcspn(phrase, ",*");
    bool is_start = phrase[size] == '*';
    for (const char *at = text; *at; at++)
      if ((at == text || !is_letter(at[-1])) &&
          !strncasecmp(at, phrase, size) && (is_start || !is_letter(at[size])))
        return true;
    phrase += size + is_start;
  }
  return false;
}

/* libgd scatters with rand(), whose state is the process's: one at a time, so
 * that the seed decides. Nothing else in this program calls rand(). */
static bool scatter(gdImagePtr image, uint64_t key) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  gdScatter how = {.sub = 2, .plus = 4, .seed = (unsigned)key};
  pthread_mutex_lock(&lock);
  int scattered = gdImageScatterEx(image, &how);
  pthread_mutex_unlock(&lock);
  return scattered && gdImageSmooth(image, 6);
}

/* The sides out of focus, the middle third sharp. */
static bool blur(gdImagePtr image) {
  int side = image->sx / 3, right = image->sx - side;
  gdImagePtr blurred = gdImageCopyGaussianBlurred(image, 12, -1);
  if (!blurred)
    return false;
  gdImageCopy(image, blurred, 0, 0, 0, 0, side, image->sy);
  gdImageCopy(image, blurred, right, 0, right, 0, side, image->sy);
  gdImageDestroy(blurred);
  return true;
}

enum effect {
  NONE,
  SHARPEN,
  PIXELATE,
  EMBOSS,
  NEGATE,
  EDGES,     /* dark lines on paper */
  POSTERIZE, /* few colours: a palette and back */
  SCATTER,
  BLUR
};

/* Errors: false, out of memory. */
static bool apply_effect(gdImagePtr image, enum effect effect, uint64_t key) {
  switch (effect) {
  case NONE:
    break;
  case SHARPEN:
    gdImageSharpen(image, 60);
    break;
  case PIXELATE:
    return gdImagePixelate(image, 14, GD_PIXELATE_AVERAGE);
  case EMBOSS:
    return gdImageEmboss(image);
  case NEGATE:
    return gdImageNegate(image);
  case EDGES:
    return gdImageEdgeDetectQuick(image) && gdImageGrayScale(image) &&
           gdImageContrast(image, -60) && gdImageBrightness(image, 112);
  case POSTERIZE:
    return gdImageTrueColorToPalette(image, 0, 20) &&
           gdImagePaletteToTrueColor(image);
  case SCATTER:
    return scatter(image, key);
  case BLUR:
    return blur(image);
  }
  return true;
}

enum {
  LIGHT = 1, /* used before a style */
  STYLE = 2,
  CHANCE = 4, /* may be picked when no word is known */
  GREY = 8
};

struct look {
  int traits;
  const char *words;
  int brightness; /* -255 to 255 */
  int contrast;   /* as libgd counts: below 0 is more */
  int multiply;   /* a colour, or 0: none */
  int overlay;    /* a colour, or 0: none; 0x808080 changes nothing */
  enum effect effect;
};

static const struct look looks[] = {
    {LIGHT, "night,midnight,moon*,dark,star*", -38, -8, 0x98a4d8, 0x6a7490,
     NONE},
    {LIGHT | CHANCE, "sunset,sunrise,dusk,dawn,evening,golden,warm", 0, -8,
     0xffd0a0, 0xa87050, NONE},
    {LIGHT | CHANCE, "noon,noontime,midday,sun*,day*,bright,summer,beach", 4,
     -8, 0, 0x928a76, NONE},
    {LIGHT | CHANCE, "winter,snow*,christmas,ice,icy,frozen,frost*,cold", 26, 6,
     0, 0x78a0c8, NONE},
    {LIGHT, "autumn,fall,october,november,leaves", -6, -10, 0xffe0b0, 0xa87840,
     NONE},
    {LIGHT | CHANCE, "spring,blossom*,petal*,cherry,pink,rose*", 20, 4, 0,
     0xb88ca0, NONE},
    {LIGHT, "rain*,storm*,wet,fog*,mist*,haz*,smoke*", 10, 34, 0xd8e0e8, 0,
     NONE},
    {LIGHT | CHANCE, "forest,jungle,meadow,garden", 0, -8, 0xe8fae4, 0x7c8a80,
     NONE},
    {STYLE | GREY,
     "black and white,black & white,monochrome,greyscale,"
     "grayscale,noir,b&w",
     0, -24, 0, 0, NONE},
    {STYLE | GREY, "sepia,vintage,retro,old photo*,antique,victorian,19*", 10,
     8, 0xf8e0b8, 0x887860, NONE},
    {STYLE | GREY, "pencil,sketch*,drawing,drawn,charcoal,line art,ink", 0, 0,
     0xfff8e8, 0, EDGES},
    {STYLE | CHANCE,
     "paint*,oil,watercolo*,aquarelle,impressionis*,canvas,"
     "brush*,van gogh,monet",
     6, -16, 0, 0x8c8478, SCATTER},
    {STYLE | CHANCE,
     "poster,comic*,pop art,cartoon*,anime,ghibli,animat*,"
     "illustrat*,manga,graphic novel",
     2, -14, 0, 0, POSTERIZE},
    {STYLE, "pixel*,8-bit,8bit,mosaic,lego,minecraft", 0, -10, 0, 0, PIXELATE},
    {STYLE, "neon,cyberpunk,synthwave,futuristic,sci-fi,robot*", -20, -40,
     0xc080ff, 0x9050c0, NONE},
    {STYLE | GREY, "statue,marble,relief,emboss*,stone,clay,coin", 0, -10,
     0xf0ece0, 0, EMBOSS},
    {STYLE, "negative,invert*,x-ray", 0, 0, 0, 0, NEGATE},
    {STYLE, "bokeh,blur*,depth of field,out of focus,dream*", 2, -4, 0,
     0x868282, BLUR},
    {STYLE | CHANCE, "photo*,realistic,dslr,portrait,studio,film,cinema*,movie",
     4, -18, 0, 0x848890, SHARPEN},
    {STYLE | CHANCE, "fashion,magazine,vogue,editorial,elegant", 10, -10, 0,
     0x90848a, NONE},
};

enum { LOOK_COUNT = sizeof looks / sizeof *looks };

static const struct look *look_for(const char *prompt, int kind) {
  for (int i = 0; i < LOOK_COUNT; i++)
    if ((looks[i].traits & kind) && em_look_has_word(prompt, looks[i].words))
      return &looks[i];
  return NULL;
}

static const struct look *look_by_chance(struct em_random *random) {
  for (;;) {
    const struct look *look = &looks[em_random_below(random, LOOK_COUNT)];
    if (look->traits & CHANCE)
      return look;
  }
}

/* Fills the image with a colour that libgd blends in that way. */
static void blend(gdImagePtr image, int how, int colour) {
  gdImageAlphaBlending(image, how);
  gdImageFilledRectangle(image, 0, 0, image->sx - 1, image->sy - 1, colour);
  gdImageAlphaBlending(image, gdEffectAlphaBlend);
}

static int use(gdImagePtr image, const struct look *look, uint64_t key) {
  if (!apply_effect(image, look->effect, key) ||
      ((look->traits & GREY) && !gdImageGrayScale(image)) ||
      !gdImageContrast(image, look->contrast) ||
      !gdImageBrightness(image, look->brightness))
    return -1;
  if (look->multiply)
    blend(image, gdEffectMultiply, look->multiply);
  if (look->overlay)
    blend(image, gdEffectOverlay, look->overlay);
  return 0;
}

/* The same look in another light: what the seed is good for. A grey picture
 * stays grey. Errors: -1, out of memory. */
static int vary(gdImagePtr image, bool grey, struct em_random *random) {
  int channels[3];
  int brightness = em_random_below(random, 25) - 12;
  for (int i = 0; i < 3; i++)
    channels[i] = 114 + em_random_below(random, 30);
  if (grey)
    channels[1] = channels[2] = channels[0];
  blend(image, gdEffectOverlay,
        gdTrueColor(channels[0], channels[1], channels[2]));
  return gdImageBrightness(image, brightness) ? 0 : -1;
}

int em_look_apply(gdImagePtr image, const char *prompt, uint64_t key,
                  bool by_chance) {
  struct em_random random = {key};
  const struct look *light = look_for(prompt, LIGHT);
  const struct look *style = look_for(prompt, STYLE);
  if (by_chance && !light && !style)
    light = look_by_chance(&random);
  if ((light && use(image, light, key)) || (style && use(image, style, key)))
    return -1;
  return vary(image, style && (style->traits & GREY) && !style->multiply,
              &random);
}
