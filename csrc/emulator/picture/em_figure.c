#include "em_figure.h"

#include "em_head.h"
#include "em_raster.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static int darker(int colour, int share) {
  return em_mix(colour, 0x1b1430, share);
}

static int lighter(int colour, int share) {
  return em_mix(colour, 0xfff6e6, share);
}

struct em_figure em_figure_choose(int is_man, unsigned variant) {
  static const int skins[] = {0xf2c9a8, 0xe0a980, 0xb97a52, 0x8a5637};
  static const int hairs[] = {0x4a2c22, 0x8c4a26, 0x241a1c, 0xc08a4a};
  static const int garments[] = {0xc65b4e, 0x3f6fa8, 0xe0a13c, 0x7a5aa6};
  static const int legs[] = {0x39465c, 0x5a4a3f, 0x2f3a3a, 0x4a4f63};
  return (struct em_figure){.skin = skins[variant & 3],
                            .hair = hairs[variant >> 2 & 3],
                            .garment = garments[variant >> 4 & 3],
                            .trousers = legs[variant >> 6 & 3],
                            .lips = is_man ? 0xb5705c : 0xb8434c,
                            .is_man = is_man};
}

static void draw_shoulders(const struct em_brush *brush,
                           const struct em_figure *figure) {
  static const struct em_point torso[] = {
      {-0.17, 0.70}, {-0.36, 0.79}, {-0.66, 0.90}, {-0.82, 1.12},
      {-0.90, 1.72}, {-0.86, 2.10}, {0.86, 2.10},  {0.90, 1.72},
      {0.82, 1.12},  {0.66, 0.90},  {0.36, 0.79},  {0.17, 0.70},
      {0.10, 0.80},  {0.0, 0.86},   {-0.10, 0.80}};
  static const struct em_point left_arm[] = {
      {-0.56, 1.24}, {-0.60, 1.5}, {-0.58, 1.8}};
  static const struct em_point right_arm[] = {
      {0.56, 1.24}, {0.60, 1.5}, {0.58, 1.8}};
  int fold = darker(figure->garment, 70);
  em_paint_blob(
      brush, torso, COUNT(torso),
      em_fade(lighter(figure->garment, 40), darker(figure->garment, 50)));
  em_paint_line(brush, left_arm, 3, 0.018, 0.2, fold);
  em_paint_line(brush, right_arm, 3, 0.018, 0.2, fold);
}

static void draw_neck(const struct em_brush *brush,
                      const struct em_figure *figure) {
  double half = figure->is_man ? 0.21 : 0.15;
  const struct em_point neck[] = {
      {-half, 0.28},       {-half, 0.62}, {-half - 0.14, 0.78}, {0.0, 1.02},
      {half + 0.14, 0.78}, {half, 0.62},  {half, 0.28}};
  const struct em_point shadow[] = {{-half + 0.01, 0.40}, {0.0, 0.52},
                                    {half - 0.01, 0.40},  {half - 0.01, 0.55},
                                    {0.02, 0.66},         {-half + 0.01, 0.55}};
  em_paint_blob(brush, neck, COUNT(neck),
                em_fade(darker(figure->skin, 40), figure->skin));
  em_paint_blob(brush, shadow, COUNT(shadow),
                em_clear(darker(figure->skin, 110), 0.55));
}

static void draw_collar(const struct em_brush *brush,
                        const struct em_figure *figure) {
  static const struct em_point left[] = {
      {-0.26, 0.70}, {-0.02, 1.02}, {-0.16, 1.18}, {-0.38, 0.80}};
  static const struct em_point right[] = {
      {0.26, 0.70}, {0.02, 1.02}, {0.16, 1.18}, {0.38, 0.80}};
  static const struct em_point buttons[] = {{0, 1.2}, {0, 1.38}, {0, 1.56}};
  struct em_fill fill =
      em_fade(lighter(figure->garment, 120), lighter(figure->garment, 50));
  em_paint_polygon(brush, left, 4, fill);
  em_paint_polygon(brush, right, 4, fill);
  for (int i = 0; i < COUNT(buttons); i++)
    em_paint_ellipse(brush, buttons[i].x, buttons[i].y, 0.022, 0.022,
                     em_flat(lighter(figure->garment, 190)));
}

static void draw_necklace(const struct em_brush *brush) {
  static const struct em_point chain[] = {
      {-0.23, 0.72}, {-0.13, 0.86}, {0.0, 0.92}, {0.13, 0.86}, {0.23, 0.72}};
  em_paint_line(brush, chain, COUNT(chain), 0.014, 0.8, 0xf4d27a);
  em_paint_ellipse(brush, 0, 0.945, 0.032, 0.038, em_fade(0x8fe0d2, 0x2f9a92));
}

void em_figure_bust(const struct em_brush *brush,
                    const struct em_figure *figure) {
  em_head_back_hair(brush, figure);
  draw_shoulders(brush, figure);
  draw_neck(brush, figure);
  if (figure->is_man)
    draw_collar(brush, figure);
  else
    draw_necklace(brush);
  em_head_draw(brush, figure);
}

/* Standing figures: feet on y = 0, crown at -1, a head 0.145 high. */
static void draw_legs(const struct em_brush *brush,
                      const struct em_figure *figure) {
  for (int side = -1; side <= 1; side += 2) {
    double s = side;
    const struct em_point leg[] = {{s * 0.005, -0.52}, {s * 0.018, -0.25},
                                   {s * 0.022, -0.02}, {s * 0.058, -0.02},
                                   {s * 0.074, -0.27}, {s * 0.088, -0.52}};
    const struct em_point shoe[] = {{s * 0.016, -0.028},
                                    {s * 0.012, 0.0},
                                    {s * 0.092, 0.002},
                                    {s * 0.086, -0.014},
                                    {s * 0.058, -0.030}};
    int cloth = figure->is_man ? figure->trousers : figure->skin;
    em_paint_blob(brush, leg, COUNT(leg), em_fade(cloth, darker(cloth, 60)));
    em_paint_blob(brush, shoe, COUNT(shoe), em_fade(0x6a3a2c, 0x3a2020));
  }
}

static void draw_arm(const struct em_brush *brush,
                     const struct em_figure *figure, double s) {
  const struct em_point arm[] = {{s * 0.085, -0.79},
                                 {s * 0.118, -0.70},
                                 {s * 0.135, -0.60},
                                 {s * 0.148, -0.50},
                                 {s * 0.140, -0.445}};
  const struct em_point sleeve[] = {
      {s * 0.080, -0.790}, {s * 0.112, -0.715}, {s * 0.128, -0.640}};
  em_paint_line(brush, arm, COUNT(arm), 0.042, 0.75, figure->skin);
  em_paint_ellipse(brush, s * 0.140, -0.437, 0.019, 0.026,
                   em_flat(figure->skin));
  if (figure->is_man)
    em_paint_line(brush, arm, COUNT(arm) - 1, 0.056, 0.9,
                  darker(figure->garment, 35));
  else
    em_paint_line(brush, sleeve, COUNT(sleeve), 0.060, 0.85,
                  darker(figure->garment, 25));
}

static void draw_shirt(const struct em_brush *brush,
                       const struct em_figure *figure) {
  static const struct em_point shirt[] = {
      {-0.035, -0.840}, {-0.085, -0.825}, {-0.112, -0.785}, {-0.098, -0.66},
      {-0.092, -0.49},  {0.092, -0.49},   {0.098, -0.66},   {0.112, -0.785},
      {0.085, -0.825},  {0.035, -0.840},  {0.0, -0.825}};
  static const struct em_point placket[] = {
      {0, -0.81}, {0.002, -0.66}, {0, -0.5}};
  em_paint_blob(
      brush, shirt, COUNT(shirt),
      em_fade(lighter(figure->garment, 40), darker(figure->garment, 40)));
  em_paint_line(brush, placket, 3, 0.004, 1, darker(figure->garment, 90));
  em_paint_box(brush, -0.092, -0.512, 0.184, 0.024, em_flat(0x3a2620));
  em_paint_box(brush, -0.012, -0.514, 0.024, 0.028, em_flat(0xd8b25a));
}

void em_figure_dress(const struct em_brush *brush, int colour) {
  static const struct em_point dress[] = {
      {-0.095, 0.00}, {-0.130, 0.01}, {-0.165, 0.08}, {-0.150, 0.16},
      {-0.125, 0.26}, {-0.115, 0.36}, {-0.165, 0.52}, {-0.240, 0.74},
      {-0.300, 0.96}, {-0.15, 1.00},  {0.0, 0.985},   {0.15, 1.00},
      {0.300, 0.96},  {0.240, 0.74},  {0.165, 0.52},  {0.115, 0.36},
      {0.125, 0.26},  {0.150, 0.16},  {0.165, 0.08},  {0.130, 0.01},
      {0.095, 0.00},  {0.060, 0.085}, {0.0, 0.115},   {-0.060, 0.085}};
  em_paint_blob(brush, dress, COUNT(dress),
                em_fade(lighter(colour, 50), darker(colour, 45)));
  for (int i = -2; i <= 2; i++) {
    const struct em_point fold[] = {
        {i * 0.030, 0.40}, {i * 0.062, 0.65}, {i * 0.108, 0.95}};
    em_paint_line(brush, fold, 3, 0.016, 0.15, darker(colour, i % 2 ? 60 : 85));
  }
  static const struct em_point shine[] = {
      {-0.085, 0.16}, {-0.075, 0.26}, {-0.070, 0.33}};
  em_paint_line(brush, shine, 3, 0.022, 0.1, lighter(colour, 110));
  static const struct em_point belt[] = {
      {-0.117, 0.355}, {0.0, 0.372}, {0.117, 0.355}};
  em_paint_line(brush, belt, 3, 0.034, 1, darker(colour, 110));
  em_paint_ellipse(brush, 0, 0.371, 0.020, 0.020, em_flat(0xecd08a));
}

static void draw_neck_and_head(const struct em_brush *brush,
                               const struct em_figure *figure) {
  static const struct em_point neck[] = {
      {-0.028, -0.90}, {-0.026, -0.855}, {-0.060, -0.825}, {0.0, -0.775},
      {0.060, -0.825}, {0.026, -0.855},  {0.028, -0.90}};
  struct em_brush head = em_brush_at(brush, 0, -0.925, 0.148);
  em_paint_blob(brush, neck, COUNT(neck),
                em_fade(darker(figure->skin, 70), figure->skin));
  em_head_draw(&head, figure);
}

void em_figure_stand(const struct em_brush *brush,
                     const struct em_figure *figure) {
  struct em_brush head = em_brush_at(brush, 0, -0.925, 0.148);
  struct em_brush dress = em_brush_at(brush, 0, -0.838, 0.66);
  em_paint_ellipse(brush, 0.01, 0.0, 0.21, 0.022, em_clear(0x100c20, 0.30));
  em_head_back_hair(&head, figure);
  draw_legs(brush, figure);
  draw_arm(brush, figure, -1);
  draw_arm(brush, figure, 1);
  if (figure->is_man)
    draw_shirt(brush, figure);
  else
    em_figure_dress(&dress, figure->garment);
  draw_neck_and_head(brush, figure);
}
