#include "em_head.h"

#include "em_raster.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static int darker(int colour, int share) {
  return em_mix(colour, 0x1b1430, share);
}

static int lighter(int colour, int share) {
  return em_mix(colour, 0xfff0d8, share);
}

void em_head_back_hair(const struct em_brush *brush,
                       const struct em_figure *figure) {
  static const struct em_point back[] = {
      {0.0, -0.60},  {-0.30, -0.55}, {-0.47, -0.30}, {-0.50, 0.05},
      {-0.52, 0.40}, {-0.60, 0.75},  {-0.56, 1.05},  {-0.34, 1.12},
      {-0.16, 0.90}, {0.16, 0.90},   {0.34, 1.12},   {0.56, 1.05},
      {0.60, 0.75},  {0.52, 0.40},   {0.50, 0.05},   {0.47, -0.30},
      {0.30, -0.55}};
  if (!figure->is_man)
    em_paint_blob(brush, back, COUNT(back),
                  em_fade(figure->hair, darker(figure->hair, 110)));
}

static void draw_ears(const struct em_brush *brush,
                      const struct em_figure *figure) {
  for (int side = -1; side <= 1; side += 2) {
    em_paint_ellipse(brush, side * 0.385, 0.05, 0.055, 0.10,
                     em_fade(figure->skin, darker(figure->skin, 50)));
    if (!figure->is_man)
      em_paint_ellipse(brush, side * 0.395, 0.17, 0.026, 0.030,
                       em_fade(0xfbe3a0, 0xd09a3a));
  }
}

static void draw_face(const struct em_brush *brush,
                      const struct em_figure *figure) {
  double jaw = figure->is_man ? 0.29 : 0.23, chin = figure->is_man ? 0.14 : 0.1;
  const struct em_point face[] = {
      {0.0, -0.49},   {-0.24, -0.43}, {-0.365, -0.22}, {-0.375, 0.05},
      {-0.335, 0.25}, {-jaw, 0.37},   {-chin, 0.48},   {0.0, 0.505},
      {chin, 0.48},   {jaw, 0.37},    {0.335, 0.25},   {0.375, 0.05},
      {0.365, -0.22}, {0.24, -0.43}};
  static const struct em_point shade[] = {
      {0.36, -0.20}, {0.374, 0.05}, {0.335, 0.25}, {0.23, 0.39},
      {0.08, 0.49},  {0.20, 0.36},  {0.30, 0.16}};
  em_paint_blob(brush, face, COUNT(face),
                em_fade(lighter(figure->skin, 50), figure->skin));
  em_paint_blob(brush, shade, COUNT(shade),
                em_clear(darker(figure->skin, 90), 0.22));
  em_paint_glow(brush, -0.20, 0.19, 0.13, 0xe8705c, 0.30);
  em_paint_glow(brush, 0.20, 0.19, 0.13, 0xe8705c, 0.30);
}

static void draw_eye(const struct em_brush *brush,
                     const struct em_figure *figure, double s) {
  double open = figure->is_man ? 0.036 : 0.046, x = s * 0.155, y = 0.035;
  const struct em_point white[] = {{x - 0.085, y + 0.008},
                                   {x, y - open},
                                   {x + 0.085, y + 0.002},
                                   {x, y + open * 0.8}};
  const struct em_point lid[] = {{x - s * 0.080, y + 0.006},
                                 {x, y - open - 0.004},
                                 {x + s * 0.105, y - 0.014}};
  em_paint_blob(brush, white, COUNT(white), em_fade(0xe8e4e2, 0xfffdf8));
  em_paint_ellipse(brush, x, y - 0.004, 0.040, open,
                   em_fade(0x2b1c18, 0x7a4a2a));
  em_paint_ellipse(brush, x, y - 0.004, 0.018, 0.020, em_flat(0x120c10));
  em_paint_ellipse(brush, x - 0.014, y - 0.018, 0.010, 0.010,
                   em_flat(0xffffff));
  em_paint_line(brush, lid, 3, 0.020, 0.45, 0x2a1a1c);
}

static void draw_brow(const struct em_brush *brush,
                      const struct em_figure *figure, double s) {
  const struct em_point brow[] = {
      {s * 0.065, -0.070}, {s * 0.155, -0.105}, {s * 0.255, -0.065}};
  em_paint_line(brush, brow, 3, figure->is_man ? 0.036 : 0.024, 0.4,
                darker(figure->hair, 60));
}

static void draw_nose(const struct em_brush *brush,
                      const struct em_figure *figure) {
  static const struct em_point bridge[] = {
      {0.030, 0.06}, {0.045, 0.15}, {0.058, 0.195}, {0.010, 0.220}};
  em_paint_line(brush, bridge, COUNT(bridge), 0.014, 0.3,
                darker(figure->skin, 80));
  em_paint_glow(brush, -0.005, 0.17, 0.045, 0xfff4e4, 0.5);
}

static void draw_mouth(const struct em_brush *brush,
                       const struct em_figure *figure) {
  static const struct em_point upper[] = {{-0.115, 0.318}, {-0.035, 0.292},
                                          {0.0, 0.302},    {0.035, 0.292},
                                          {0.115, 0.318},  {0.0, 0.332}};
  static const struct em_point lower[] = {{-0.115, 0.318},
                                          {0.0, 0.330},
                                          {0.115, 0.318},
                                          {0.055, 0.372},
                                          {-0.055, 0.372}};
  static const struct em_point seam[] = {
      {-0.12, 0.314}, {0.0, 0.332}, {0.12, 0.314}};
  em_paint_blob(brush, lower, COUNT(lower),
                em_fade(lighter(figure->lips, 30), figure->lips));
  em_paint_blob(brush, upper, COUNT(upper), em_flat(darker(figure->lips, 30)));
  em_paint_line(brush, seam, 3, 0.010, 0.5, darker(figure->lips, 130));
}

static void draw_long_hair(const struct em_brush *brush,
                           const struct em_figure *figure) {
  static const struct em_point left[] = {
      {0.06, -0.585}, {-0.22, -0.580}, {-0.43, -0.37}, {-0.47, -0.02},
      {-0.47, 0.30},  {-0.50, 0.60},   {-0.42, 0.80},  {-0.39, 0.50},
      {-0.385, 0.15}, {-0.33, -0.12},  {-0.14, -0.29}, {0.08, -0.40}};
  static const struct em_point right[] = {
      {0.02, -0.575}, {0.25, -0.565}, {0.44, -0.35}, {0.475, -0.02},
      {0.47, 0.30},   {0.50, 0.60},   {0.42, 0.80},  {0.39, 0.50},
      {0.39, 0.15},   {0.35, -0.14},  {0.22, -0.31}, {0.06, -0.41}};
  static const struct em_point shine[] = {
      {-0.38, -0.18}, {-0.30, -0.40}, {-0.10, -0.50}};
  static const struct em_point strand[] = {
      {0.40, -0.20}, {0.44, 0.10}, {0.45, 0.45}};
  struct em_fill fill = em_fade(lighter(figure->hair, 25), figure->hair);
  em_paint_blob(brush, right, COUNT(right), fill);
  em_paint_blob(brush, left, COUNT(left), fill);
  em_paint_line(brush, shine, 3, 0.035, 0.1, lighter(figure->hair, 80));
  em_paint_line(brush, strand, 3, 0.016, 0.2, darker(figure->hair, 70));
}

static void draw_short_hair(const struct em_brush *brush,
                            const struct em_figure *figure) {
  static const struct em_point cap[] = {
      {-0.395, 0.00}, {-0.43, -0.24}, {-0.34, -0.50}, {-0.10, -0.615},
      {0.16, -0.60},  {0.36, -0.48},  {0.43, -0.24},  {0.395, 0.00},
      {0.355, -0.16}, {0.29, -0.28},  {0.12, -0.31},  {-0.06, -0.335},
      {-0.22, -0.26}, {-0.335, -0.20}};
  static const struct em_point shine[] = {
      {-0.26, -0.42}, {-0.10, -0.52}, {0.12, -0.52}};
  em_paint_blob(brush, cap, COUNT(cap),
                em_fade(lighter(figure->hair, 30), figure->hair));
  em_paint_line(brush, shine, 3, 0.035, 0.1, lighter(figure->hair, 70));
}

static void draw_beard(const struct em_brush *brush,
                       const struct em_figure *figure) {
  static const struct em_point beard[] = {
      {-0.365, 0.14}, {-0.30, 0.37}, {-0.14, 0.50},  {0.0, 0.52},
      {0.14, 0.50},   {0.30, 0.37},  {0.365, 0.14},  {0.27, 0.27},
      {0.15, 0.265},  {0.0, 0.255},  {-0.15, 0.265}, {-0.27, 0.27}};
  em_paint_blob(brush, beard, COUNT(beard), em_clear(figure->hair, 0.80));
}

void em_head_draw(const struct em_brush *brush,
                  const struct em_figure *figure) {
  draw_ears(brush, figure);
  draw_face(brush, figure);
  if (figure->is_man)
    draw_beard(brush, figure);
  draw_nose(brush, figure);
  draw_mouth(brush, figure);
  for (int side = -1; side <= 1; side += 2) {
    draw_eye(brush, figure, side);
    draw_brow(brush, figure, side);
  }
  if (figure->is_man)
    draw_short_hair(brush, figure);
  else
    draw_long_hair(brush, figure);
}
