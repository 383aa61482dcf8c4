#include "em_caption.h"

#include "em_letters.h"
#include "em_raster.h"

#include <stdlib.h>
#include <string.h>

/* The rule is thick enough to survive JPEG and WebP at low quality. */
enum { RULE = 6, LINE = 32, MARGIN = 16, TOP = 10, MAX_LINE = 160 };

/* The badge, the widest of what has to fit, needs as much. */
enum { NARROWEST = 400 };

enum {
  INK = 0xf6f2e8,
  PAPER = 0x17181f,
  QUIET = 0xa9adb8,
  ACCENT = 0xffb000,
  NEAR = 64
};

/* Wide pictures say everything in fewer, longer lines. */
static int line_count(int width) {
  return width >= 1440 ? 2 : width >= 960 ? 3 : 4;
}

int em_caption_height(int width, int height) {
  int strip = 16 + line_count(width) * LINE;
  return width >= NARROWEST && height >= 2 * strip ? strip : 0;
}

static int is_near(int pixel, int colour) {
  return abs(em_red(pixel) - em_red(colour)) +
             abs(em_green(pixel) - em_green(colour)) +
             abs(em_blue(pixel) - em_blue(colour)) <
         NEAR;
}

static int row_is(const int *row, int count, int colour) {
  int hits = 0, samples = 0;
  for (int x = 8; x < count - 8; x += 8, samples++)
    hits += is_near(row[x], colour);
  return hits * 100 > samples * 95;
}

int em_caption_found(gdImagePtr image) {
  int height = em_caption_height(image->sx, image->sy);
  int top = image->sy - height;
  if (height == 0)
    return 0;
  return row_is(image->tpixels[top + RULE / 2], image->sx, ACCENT) &&
                 row_is(image->tpixels[top + RULE + 3], image->sx, PAPER) &&
                 row_is(image->tpixels[image->sy - 3], image->sx, PAPER)
             ? height
             : 0;
}

static void fill(gdImagePtr image, struct em_box box, int colour) {
  for (int y = (int)box.y; y < (int)(box.y + box.height); y++)
    for (int x = (int)box.x; x < (int)(box.x + box.width); x++)
      image->tpixels[y][x] = colour;
}

/* The badge is the one thing that has to be seen in a thumbnail. */
static int draw_badge(gdImagePtr image, const char *text, int y) {
  int width = em_letters_width(text) + MARGIN, x = image->sx - MARGIN - width;
  fill(image, (struct em_box){x, y - 2, width, LINE - 2}, ACCENT);
  em_letters_draw(image, x + MARGIN / 2, y, text, PAPER);
  return x - MARGIN;
}

/* Title and detail share a line whose right end is `right`; what does not fit
 * is dropped from the detail's end. */
static void draw_heading(gdImagePtr image, const struct em_caption *caption,
                         int y, int right) {
  char line[MAX_LINE];
  int x = MARGIN + em_letters_width(caption->title) + MARGIN;
  em_letters_draw(image, MARGIN, y, caption->title, ACCENT);
  const char *rest = caption->detail;
  if (right > x && em_letters_line(&rest, line, sizeof line,
                                   (right - x) / em_letters_width(" "), 1))
    em_letters_draw(image, x, y, line, QUIET);
}

static void draw_prompt(gdImagePtr image, const char *text, int y, int lines) {
  char line[MAX_LINE];
  int columns = (image->sx - 2 * MARGIN) / em_letters_width(" ");
  for (int i = 0; i < lines; i++, y += LINE)
    if (em_letters_line(&text, line, sizeof line, columns, i == lines - 1))
      em_letters_draw(image, MARGIN, y, line, INK);
}

void em_caption_draw(gdImagePtr image, const struct em_caption *caption) {
  int height = em_caption_height(image->sx, image->sy);
  int lines = line_count(image->sx), top = image->sy - height, y = top + TOP;
  if (height == 0)
    return;
  fill(image, (struct em_box){0, top, image->sx, height}, PAPER);
  fill(image, (struct em_box){0, top, image->sx, RULE}, ACCENT);
  int right = image->sx - MARGIN;
  if (lines < 4)
    right = draw_badge(image, caption->badge, y + 2);
  else
    draw_badge(image, caption->badge, y + 3 * LINE);
  draw_heading(image, caption, y, right);
  draw_prompt(image, caption->text, y + LINE, lines == 2 ? 1 : 2);
}
