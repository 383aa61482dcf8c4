#include "em_caption.h"

#include <gdfontmb.h>
#include <stdlib.h>
#include <string.h>

/* In pixels of the strip, which is drawn at half its size. */
enum { SCALE = 2, RULE = 3, LINE = 16, MARGIN = 8, TOP = 5, MAX_LINE = 160 };

/* The badge, the widest of what has to fit, needs as much. */
enum { NARROWEST = 416 };

enum { INK = 0xf6f2e8, PAPER = 0x17181f, QUIET = 0xa9adb8, ACCENT = 0xffb000 };

static const char badge[] = "emulator: no model was run";

/* Wide pictures say everything in fewer, longer lines. */
static int line_count(int width) {
  return width >= 1440 ? 2 : width >= 960 ? 3 : 4;
}

int em_caption_height(int width, int height) {
  int strip = (MARGIN + line_count(width) * LINE) * SCALE;
  return width >= NARROWEST && height >= 2 * strip ? strip : 0;
}

/* As JPEG and WebP leave it at low quality. */
static int is_near(int pixel, int colour) {
  return abs(gdTrueColorGetRed(pixel) - gdTrueColorGetRed(colour)) +
             abs(gdTrueColorGetGreen(pixel) - gdTrueColorGetGreen(colour)) +
             abs(gdTrueColorGetBlue(pixel) - gdTrueColorGetBlue(colour)) <
         64;
}

static int row_is(gdImagePtr image, int y, int colour) {
  int hits = 0, samples = 0;
  for (int x = 8; x < image->sx - 8; x += 8, samples++)
    hits += is_near(gdImageTrueColorPixel(image, x, y), colour);
  return hits * 100 > samples * 95;
}

int em_caption_found(gdImagePtr image) {
  int height = em_caption_height(image->sx, image->sy);
  int top = image->sy - height;
  return height > 0 && row_is(image, top + RULE, ACCENT) &&
                 row_is(image, top + RULE * SCALE + 3, PAPER) &&
                 row_is(image, image->sy - 3, PAPER)
             ? height
             : 0;
}

static int text_width(const char *text) {
  return (int)strlen(text) * gdFontGetMediumBold()->w;
}

static void draw_text(gdImagePtr strip, int x, int y, const char *text,
                      int colour) {
  for (; *text; text++, x += gdFontGetMediumBold()->w)
    gdImageChar(strip, gdFontGetMediumBold(), x, y, (unsigned char)*text,
                colour);
}

/* One letter of UTF-8 as ASCII; moves past it. */
static char next_letter(const char **text) {
  unsigned char first = (unsigned char)*(*text)++;
  if (first < 0x80)
    return first < ' ' || first == 0x7f ? ' ' : (char)first;
  while ((**text & 0xc0) == 0x80)
    ++*text;
  return '?';
}

/* Takes the next line off the text, broken behind its last space if it has
 * one; the `last` line ends in "..." when there is more. */
static void take_line(const char **text, char line[MAX_LINE], int columns,
                      int last) {
  int length = 0, kept = 0;
  const char *at = *text + strspn(*text, " \t\r\n"), *rest = at;
  if (columns >= MAX_LINE)
    columns = MAX_LINE - 1;
  while (*at && length < columns) {
    line[length++] = next_letter(&at);
    if (line[length - 1] == ' ' || !*at || *at == ' ') {
      kept = length;
      rest = at;
    }
  }
  if (last && *at)
    memset(line + (length < 3 ? 0 : length - 3), '.', length < 3 ? 0 : 3);
  if (last || !kept) {
    kept = length;
    rest = at;
  }
  line[kept] = '\0';
  *text = rest;
}

/* Returns where it begins. */
static int draw_badge(gdImagePtr strip, int y) {
  int width = text_width(badge) + MARGIN, x = strip->sx - MARGIN - width;
  gdImageFilledRectangle(strip, x, y - 1, x + width - 1, y + LINE - 3, ACCENT);
  draw_text(strip, x + MARGIN / 2, y, badge, PAPER);
  return x - MARGIN;
}

static void draw_words(gdImagePtr strip, const struct em_caption *caption) {
  int lines = line_count(strip->sx * SCALE), y = RULE + TOP;
  int right = strip->sx - MARGIN, letter = gdFontGetMediumBold()->w;
  int beside = MARGIN + text_width(caption->title) + MARGIN;
  const char *detail = caption->detail, *text = caption->text;
  char line[MAX_LINE];
  draw_text(strip, MARGIN, y, caption->title, ACCENT);
  int end = draw_badge(strip, lines < 4 ? y : y + 3 * LINE);
  take_line(&detail, line, ((lines < 4 ? end : right) - beside) / letter, 1);
  draw_text(strip, beside, y, line, QUIET);
  for (int i = lines == 2 ? 1 : 0; i < 2; i++) {
    y += LINE;
    take_line(&text, line, (right - MARGIN) / letter, i == 1);
    draw_text(strip, MARGIN, y, line, INK);
  }
}

int em_caption_draw(gdImagePtr image, const struct em_caption *caption) {
  int height = em_caption_height(image->sx, image->sy);
  int width = image->sx / SCALE;
  if (height == 0)
    return 0;
  gdImagePtr strip = gdImageCreateTrueColor(width, height / SCALE);
  if (!strip)
    return -1;
  gdImageFilledRectangle(strip, 0, 0, width - 1, strip->sy - 1, PAPER);
  gdImageFilledRectangle(strip, 0, 0, width - 1, RULE - 1, ACCENT);
  draw_words(strip, caption);
  gdImageCopyResized(image, strip, 0, image->sy - height, 0, 0, image->sx,
                     height, width, strip->sy);
  gdImageDestroy(strip);
  return 0;
}
