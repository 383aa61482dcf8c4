#include "em_letters.h"

#include <gdfontmb.h>
#include <stdint.h>
#include <string.h>

enum { SCALE = 2 };

int em_letters_width(const char *text) {
  return (int)strlen(text) * gdFontGetMediumBold()->w * SCALE;
}

static int bit(gdFontPtr font, int letter, int x, int y) {
  if (x < 0 || y < 0 || x >= font->w || y >= font->h)
    return 0;
  return font->data[(letter * font->h + y) * font->w + x] != 0;
}

/* Scale2x: a corner of a doubled pixel follows its two neighbours when they
 * agree, which turns stairs into slopes. */
static int corner(gdFontPtr font, int letter, int x, int y, int right,
                  int below) {
  int beside = bit(font, letter, x + (right ? 1 : -1), y);
  int opposite = bit(font, letter, x + (right ? -1 : 1), y);
  int next = bit(font, letter, x, y + (below ? 1 : -1));
  int back = bit(font, letter, x, y + (below ? -1 : 1));
  if (beside == next && beside != back && next != opposite)
    return beside;
  return bit(font, letter, x, y);
}

static void plot(gdImagePtr image, int x, int y, int colour) {
  if (x >= 0 && y >= 0 && x < image->sx && y < image->sy)
    image->tpixels[y][x] = colour;
}

static void draw_letter(gdImagePtr image, int left, int top, char letter,
                        int colour) {
  gdFontPtr font = gdFontGetMediumBold();
  int index = (unsigned char)letter - font->offset;
  if (index < 0 || index >= font->nchars)
    return;
  for (int y = 0; y < font->h * SCALE; y++)
    for (int x = 0; x < font->w * SCALE; x++)
      if (corner(font, index, x / SCALE, y / SCALE, x % SCALE, y % SCALE))
        plot(image, left + x, top + y, colour);
}

void em_letters_draw(gdImagePtr image, int x, int y, const char *text,
                     int colour) {
  for (; *text; text++, x += gdFontGetMediumBold()->w * SCALE)
    draw_letter(image, x, y, *text, colour);
}

/* One code point of UTF-8; what is not UTF-8 is taken byte by byte. */
static uint32_t next_point(const char **text) {
  const unsigned char *at = (const unsigned char *)*text;
  int more = at[0] >= 0xf0 ? 3 : at[0] >= 0xe0 ? 2 : at[0] >= 0xc0 ? 1 : 0;
  uint32_t point = more ? at[0] & (0x3fu >> more) : at[0];
  int i = 1;
  for (; i <= more && (at[i] & 0xc0) == 0x80; i++)
    point = point << 6 | (at[i] & 0x3fu);
  *text += i;
  return i > more ? point : '?';
}

static char plain_punctuation(uint32_t point) {
  switch (point) {
  case 0x2018:
  case 0x2019:
  case 0x201a:
  case 0xb4:
    return '\'';
  case 0x201c:
  case 0x201d:
  case 0x201e:
  case 0xab:
  case 0xbb:
    return '"';
  case 0x2010:
  case 0x2011:
  case 0x2012:
  case 0x2013:
  case 0x2014:
  case 0x2212:
    return '-';
  case 0x2022:
  case 0xb7:
    return '*';
  case 0xa0:
  case 0x2002:
  case 0x2003:
  case 0x2009:
  case 0x202f:
    return ' ';
  default:
    return '?';
  }
}

static char plain(uint32_t point) {
  static const char latin[] = "AAAAAAACEEEEIIIIDNOOOOOxOUUUUYPs"
                              "aaaaaaaceeeeiiiidnooooo/ouuuuypy";
  if (point < 32 || point == 127)
    return ' ';
  if (point < 127)
    return (char)point;
  if (point >= 0xc0 && point <= 0xff)
    return latin[point - 0xc0];
  return plain_punctuation(point);
}

static void skip_spaces(const char **text) {
  while (**text == ' ' || (**text > 0 && **text < 32))
    ++*text;
}

/* Fills the line; *rest is where the text goes on, behind the last space that
 * was seen when the line ended inside a word. */
static int fill_line(const char **rest, char *line, int columns) {
  const char *at = *rest, *break_at = NULL;
  int length = 0, break_length = 0;
  while (*at && length < columns) {
    char letter = plain(next_point(&at));
    if (letter == ' ') {
      break_at = at;
      break_length = length;
      skip_spaces(&at);
    }
    line[length++] = letter;
  }
  int inside = *at && *at != ' ' && break_at && break_length > 0;
  *rest = inside ? break_at : at;
  return inside ? break_length : length;
}

int em_letters_line(const char **text, char *line, size_t line_size,
                    int columns, int last) {
  if (columns > (int)line_size - 1)
    columns = (int)line_size - 1;
  skip_spaces(text);
  int length = columns > 4 ? fill_line(text, line, columns) : 0;
  skip_spaces(text);
  if (last && **text && length > 0) {
    if (length > columns - 3)
      length = columns - 3;
    memcpy(line + length, "...", 3);
    length += 3;
  }
  line[length] = 0;
  return length;
}
