/* Draws the test pattern, directly in I420.
 *
 * Shapes for the eye are rounded boxes and strokes given by their distance function in the 256 x 256 reference space,
 * with edges one pixel soft. Shapes that are measured are rectangles of whole pixels. The emotion's colour changes
 * chroma alone, over luma that stands still: its rows are kept as a list of spans and filled with two memsets each. */
#include "server/avatar/test_pattern_draw.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define REF ((float)VV_TEST_PATTERN_SIZE)
#define DARK VV_TEST_PATTERN_DARK
#define LIPS VV_TEST_PATTERN_LIPS
#define LIGHT VV_TEST_PATTERN_LIGHT

/* A rounded box; a stroke of its outline if `stroke` > 0. */
typedef struct Shape {
    float x, y;   /* centre */
    float rx, ry; /* half size */
    float round;  /* radius of its corners */
    float stroke;
} Shape;

/* A run of chroma samples that carry the emotion's colour. */
typedef struct Span {
    int y, x, length;
} Span;

struct VvPatternCanvas {
    int width, height;
    VvPicture still[VV_PATTERN_LOOKS];
    Span *spans[VV_PATTERN_LOOKS];
    int span_count[VV_PATTERN_LOOKS];
};

static const VvYuv night_top = {38, 137, 123}, night_bottom = {24, 134, 125};
static const VvYuv black = {DARK, 128, 128};
static const VvYuv card = {24, 135, 124};
static const VvYuv skin = {84, 139, 119};
static const VvYuv skin_shade = {62, 139, 120};
static const VvYuv lips = {LIPS, 138, 121};
static const VvYuv skin_light = {98, 139, 119};
static const VvYuv blush = {100, 130, 148};
static const VvYuv white = {LIGHT, 128, 128};
static const VvYuv chalk = {104, 133, 124};
static const VvYuv figure = {92, 131, 126};
static const VvYuv affect_ground = {VV_TEST_PATTERN_AFFECT_LUMA, 128, 128};

static const Shape head = {128, 160, 78, 60, 34, 0};
static const Shape eyes[2] = {{96, 130, 13, 15, 13, 0}, {160, 130, 13, 15, 13, 0}};

/* ---- soft shapes ------------------------------------------------------------------------------------------------ */

/* Signed distance from the shape's edge; negative inside. */
static float distance_to(const Shape *s, float x, float y) {
    const float qx = fabsf(x - s->x) - s->rx + s->round;
    const float qy = fabsf(y - s->y) - s->ry + s->round;
    float d;
    if (qx > 0 && qy > 0)
        d = sqrtf(qx * qx + qy * qy) - s->round;
    else
        d = (qx > qy ? qx : qy) - s->round;
    return s->stroke > 0 ? fabsf(d) - s->stroke / 2 : d;
}

static uint8_t blend(uint8_t under, uint8_t over, float share) {
    return (uint8_t)lrintf((float)under + ((float)over - (float)under) * share);
}

static int clamp_int(int value, int least, int most) {
    return value < least ? least : value > most ? most : value;
}

static float clamp_unit(float value) {
    return value > 0 ? (value < 1 ? value : 1) : 0; /* NaN becomes 0 */
}

/* Paints a shape into one plane. */
static void paint_plane(VvPicture *out, int plane, const Shape *s, uint8_t value) {
    const int width = plane ? (out->width + 1) / 2 : out->width;
    const int height = plane ? (out->height + 1) / 2 : out->height;
    const float sx = REF / (float)out->width * (plane ? 2 : 1);
    const float sy = REF / (float)out->height * (plane ? 2 : 1);
    const float soft = 1 / (sx > sy ? sx : sy);
    const float reach = s->stroke / 2 + 1 / soft;
    const int x0 = clamp_int((int)((s->x - s->rx - reach) / sx), 0, width);
    const int x1 = clamp_int((int)((s->x + s->rx + reach) / sx) + 1, 0, width);
    const int y0 = clamp_int((int)((s->y - s->ry - reach) / sy), 0, height);
    const int y1 = clamp_int((int)((s->y + s->ry + reach) / sy) + 1, 0, height);
    for (int y = y0; y < y1; y++) {
        uint8_t *row = out->plane[plane] + (ptrdiff_t)y * out->stride[plane];
        for (int x = x0; x < x1; x++) {
            const float cover = 0.5f - soft * distance_to(s, ((float)x + 0.5f) * sx, ((float)y + 0.5f) * sy);
            if (cover >= 1)
                row[x] = value;
            else if (cover > 0)
                row[x] = blend(row[x], value, cover);
        }
    }
}

static void paint(VvPicture *out, Shape s, VvYuv colour) {
    paint_plane(out, 0, &s, colour.y);
    paint_plane(out, 1, &s, colour.u);
    paint_plane(out, 2, &s, colour.v);
}

static Shape box_of(VvPatternRect r, float grow, float round) {
    const float rx = (float)r.width / 2;
    const float ry = (float)r.height / 2;
    return (Shape){(float)r.x + rx, (float)r.y + ry, rx + grow, ry + grow, round, 0};
}

static Shape disc(float x, float y, float radius) {
    return (Shape){x, y, radius, radius, radius, 0};
}

static Shape outline(Shape s, float stroke) {
    s.stroke = stroke;
    return s;
}

/* ---- exact rectangles ------------------------------------------------------------------------------------------- */

static void fill_luma(VvPicture *out, VvPatternRect r, uint8_t value) {
    for (int y = r.y; y < r.y + r.height; y++)
        memset(out->plane[0] + (ptrdiff_t)y * out->stride[0] + r.x, value, (size_t)r.width);
}

/* Lights the rows of `r` from `top` to `bottom`, which are fractions of its height, and makes the others `dark`; rows
 * partly covered are blended. */
static void fill_level(VvPicture *out, VvPatternRect r, float top, float bottom, uint8_t dark) {
    const float from = top * (float)r.height;
    const float to = bottom * (float)r.height;
    for (int y = 0; y < r.height; y++) {
        const float above = from > (float)y ? from : (float)y;
        const float below = to < (float)y + 1 ? to : (float)y + 1;
        const uint8_t value = below > above ? blend(dark, LIGHT, below - above) : dark;
        memset(out->plane[0] + (ptrdiff_t)(r.y + y) * out->stride[0] + r.x, value, (size_t)r.width);
    }
}

/* ---- what stands still ------------------------------------------------------------------------------------------ */

static void draw_night(VvPicture *out) {
    for (int plane = 0; plane < 3; plane++) {
        const int width = plane ? (out->width + 1) / 2 : out->width;
        const int height = plane ? (out->height + 1) / 2 : out->height;
        const uint8_t top = plane ? (plane == 1 ? night_top.u : night_top.v) : night_top.y;
        const uint8_t bottom = plane ? (plane == 1 ? night_bottom.u : night_bottom.v) : night_bottom.y;
        for (int y = 0; y < height; y++)
            memset(out->plane[plane] + (ptrdiff_t)y * out->stride[plane],
                   blend(top, bottom, ((float)y + 0.5f) / (float)height), (size_t)width);
    }
}

static void draw_dial(VvPicture *out) {
    paint(out, box_of(VV_TEST_PATTERN_DIAL, 0, 10), card);
    for (int tick = 0; tick < 12; tick++) {
        const float angle = (float)tick * (float)M_PI / 6;
        paint(out, disc(52 + 29 * sinf(angle), 52 - 29 * cosf(angle), tick % 3 ? 1.2f : 2.2f), chalk);
    }
}

/* A head and shoulders, for who has no camera. */
static void draw_figure(VvPicture *out) {
    paint(out, box_of(VV_TEST_PATTERN_THUMBNAIL, 3, 6), card);
    paint(out, disc(192, 43, 13), figure);
    paint(out, (Shape){192, 76, 25, 12, 12, 0}, figure);
    paint(out, (Shape){192, 82, 25, 6, 0, 0}, figure);
}

static void draw_head(VvPicture *out) {
    paint(out, (Shape){46, 150, 8, 16, 7, 0}, skin_shade); /* ears */
    paint(out, (Shape){210, 150, 8, 16, 7, 0}, skin_shade);
    paint(out, head, skin);
    paint(out, (Shape){128, 111, 44, 3, 3, 0}, skin_light); /* the lamp's reflection on the forehead */
    paint(out, (Shape){76, 164, 10, 6, 6, 0}, blush);
    paint(out, (Shape){180, 164, 10, 6, 6, 0}, blush);
    paint(out, box_of(VV_TEST_PATTERN_MOUTH, 6, 16), skin_light);
    paint(out, box_of(VV_TEST_PATTERN_MOUTH, 4, 14), lips);
}

/* A measuring scale instead of a face. */
static void draw_scale(VvPicture *out) {
    paint(out, (Shape){128, 160, 78, 60, 12, 0}, card);
    for (int tick = 0; tick <= 8; tick++) {
        const float y = 156 + 6 * (float)tick;
        const float length = tick % 4 ? 5 : 10;
        paint(out, (Shape){86 - length / 2, y, length / 2, 0.8f, 0, 0}, chalk);
        paint(out, (Shape){170 + length / 2, y, length / 2, 0.8f, 0, 0}, chalk);
    }
    paint(out, box_of(VV_TEST_PATTERN_MOUTH, 5, 6), skin_shade);
    paint(out, box_of(VV_TEST_PATTERN_MOUTH, 3, 4), lips);
}

/* The emotion's parts: their luma, or, on a second picture, a mask of their chroma. */
static void draw_affect(VvPicture *out, VvPatternLook look, VvYuv colour) {
    paint(out, outline((Shape){128, 128, 126, 126, 0, 0}, 4), colour);
    paint(out, box_of(VV_TEST_PATTERN_AFFECT, 0, 10), colour);
    paint(out, outline(look == VV_PATTERN_FACE ? head : (Shape){128, 160, 78, 60, 12, 0}, 5), colour);
}

static void draw_still(VvPicture *out, VvPatternLook look) {
    draw_night(out);
    draw_dial(out);
    draw_figure(out);
    paint(out, box_of(VV_TEST_PATTERN_VOICE, 2, 4), black);
    if (look == VV_PATTERN_FACE)
        draw_head(out);
    else
        draw_scale(out);
    draw_affect(out, look, affect_ground);
    paint(out, (Shape){128, 234, 112, 10, 6, 0}, black);
    fill_luma(out, vv_test_pattern_place(VV_TEST_PATTERN_GUARD_LEFT, out->width, out->height), LIGHT);
    fill_luma(out, vv_test_pattern_place(VV_TEST_PATTERN_GUARD_RIGHT, out->width, out->height), LIGHT);
    fill_luma(out, vv_test_pattern_place(VV_TEST_PATTERN_DARK_LEFT, out->width, out->height), DARK);
    fill_luma(out, vv_test_pattern_place(VV_TEST_PATTERN_DARK_RIGHT, out->width, out->height), DARK);
}

/* Finds the chroma samples that the emotion's shapes cover by half or more. With `spans` NULL only counts them. */
static int find_spans(const VvPicture *mask, Span *spans) {
    int count = 0;
    for (int y = 0; y < (mask->height + 1) / 2; y++) {
        const uint8_t *row = mask->plane[1] + (ptrdiff_t)y * mask->stride[1];
        for (int x = 0, from; x < (mask->width + 1) / 2; x++) {
            if (row[x] < 128)
                continue;
            for (from = x; x < (mask->width + 1) / 2 && row[x] >= 128; x++)
                ;
            if (spans)
                spans[count] = (Span){y, from, x - from};
            count++;
        }
    }
    return count;
}

VvPatternCanvas *vv_pattern_canvas_new(int width, int height) {
    VvPatternCanvas *canvas = calloc(1, sizeof *canvas);
    VvPicture mask = {0};
    if (!canvas || vv_picture_alloc(&mask, width, height))
        goto error;
    canvas->width = width;
    canvas->height = height;
    for (int look = 0; look < VV_PATTERN_LOOKS; look++) {
        if (vv_picture_alloc(&canvas->still[look], width, height))
            goto error;
        draw_still(&canvas->still[look], (VvPatternLook)look);
        vv_picture_fill(&mask, 0, 0, width, height, (VvYuv){0, 0, 0});
        draw_affect(&mask, (VvPatternLook)look, (VvYuv){255, 255, 255});
        canvas->span_count[look] = find_spans(&mask, NULL);
        canvas->spans[look] = calloc((size_t)canvas->span_count[look] + 1, sizeof(Span));
        if (!canvas->spans[look])
            goto error;
        (void)find_spans(&mask, canvas->spans[look]);
    }
    vv_picture_free(&mask);
    return canvas;
error:
    vv_picture_free(&mask);
    vv_pattern_canvas_free(&canvas);
    return NULL;
}

void vv_pattern_canvas_free(VvPatternCanvas **canvas) {
    if (!*canvas)
        return;
    for (int look = 0; look < VV_PATTERN_LOOKS; look++) {
        vv_picture_free(&(*canvas)->still[look]);
        free((*canvas)->spans[look]);
    }
    free(*canvas);
    *canvas = NULL;
}

/* ---- what moves ------------------------------------------------------------------------------------------------- */

static void draw_thumbnail(const VvPatternScene *scene, VvPicture *out) {
    if (!scene->camera)
        return;
    const VvPatternRect r = vv_test_pattern_place_even(VV_TEST_PATTERN_THUMBNAIL, out->width, out->height);
    if (r.width < 2 || r.height < 2)
        return;
    VvPicture box = vv_picture_crop(out, r.x, r.y, r.width, r.height);
    if (scene->same_thumb) {
        const VvPicture same = vv_picture_crop(scene->same_thumb, r.x, r.y, r.width, r.height);
        vv_picture_copy(&box, &same);
        return;
    }
    const int64_t cw = scene->camera->width;
    const int64_t ch = scene->camera->height;
    const bool wide = cw * r.height >= ch * r.width;
    const int width = wide ? r.width : clamp_int((int)((cw * r.height / ch + 1) & ~1), 2, r.width);
    const int height = wide ? clamp_int((int)((ch * r.width / cw + 1) & ~1), 2, r.height) : r.height;
    vv_picture_fill(&box, 0, 0, r.width, r.height, black);
    VvPicture view = vv_picture_crop(&box, ((r.width - width) / 2) & ~1, ((r.height - height) / 2) & ~1, width, height);
    vv_picture_scale(&view, scene->camera);
}

static void draw_clock(const VvPatternScene *scene, VvPicture *out) {
    const VvPatternRect row = VV_TEST_PATTERN_CLOCK;
    for (int bit = 0; bit < VV_TEST_PATTERN_CLOCK_BITS; bit++) {
        const int width = row.width / VV_TEST_PATTERN_CLOCK_BITS;
        const VvPatternRect cell = {row.x + bit * width, row.y, width, row.height};
        const bool one = scene->frame >> (VV_TEST_PATTERN_CLOCK_BITS - 1 - bit) & 1;
        fill_luma(out, vv_test_pattern_place(cell, out->width, out->height), one ? LIGHT : DARK);
    }
    /* The hand: discs along a radius, growing towards its end. */
    const float angle = (float)(scene->frame % VV_TEST_PATTERN_TURN) * (2 * (float)M_PI / VV_TEST_PATTERN_TURN);
    const float dx = sinf(angle);
    const float dy = -cosf(angle);
    for (int i = 0; i <= 6; i++) {
        const Shape dot = disc(52 + 3.3f * (float)i * dx, 52 + 3.3f * (float)i * dy, i == 6 ? 4 : 1.6f);
        paint_plane(out, 0, &dot, i == 6 ? LIGHT : 190);
    }
}

static void draw_eyes(const VvPatternScene *scene, VvPicture *out) {
    for (int i = 0; i < 2; i++) {
        Shape eye = eyes[i];
        eye.ry = 1.5f + (eye.ry - 1.5f) * scene->eyes;
        eye.round = eye.round < eye.ry ? eye.round : eye.ry;
        paint_plane(out, 0, &eye, white.y);
        paint_plane(out, 1, &eye, white.u);
        paint_plane(out, 2, &eye, white.v);
        if (scene->eyes > 0.5f) {
            const Shape pupil = disc(eye.x + 4 * scene->gaze_x, eye.y + 4 * scene->gaze_y, 6.5f * scene->eyes);
            const Shape glint = disc(pupil.x + 2, pupil.y - 2.5f, 1.8f);
            paint_plane(out, 0, &pupil, 28);
            paint_plane(out, 0, &glint, LIGHT);
        }
    }
}

static void draw_spans(const VvPatternCanvas *canvas, const VvPatternScene *scene, VvPicture *out) {
    if (scene->affect.u == 128 && scene->affect.v == 128)
        return; /* as it stands */
    for (int i = 0; i < canvas->span_count[scene->look]; i++) {
        const Span *span = &canvas->spans[scene->look][i];
        memset(out->plane[1] + (ptrdiff_t)span->y * out->stride[1] + span->x, scene->affect.u, (size_t)span->length);
        memset(out->plane[2] + (ptrdiff_t)span->y * out->stride[2] + span->x, scene->affect.v, (size_t)span->length);
    }
}

void vv_pattern_draw(const VvPatternCanvas *canvas, const VvPatternScene *scene, VvPicture *out) {
    vv_picture_copy(out, &canvas->still[scene->look]);
    draw_spans(canvas, scene, out);
    draw_thumbnail(scene, out);
    draw_clock(scene, out);
    if (scene->look == VV_PATTERN_FACE)
        draw_eyes(scene, out);
    const float half = clamp_unit(scene->mouth) / 2;
    fill_level(out, vv_test_pattern_place(VV_TEST_PATTERN_MOUTH, out->width, out->height), 0.5f - half, 0.5f + half,
               LIPS);
    fill_level(out, vv_test_pattern_place(VV_TEST_PATTERN_VOICE, out->width, out->height), 1 - clamp_unit(scene->voice),
               1, DARK);
}
