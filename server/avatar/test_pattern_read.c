/* The test pattern's geometry for any size, and the reader: means over the insides of the rectangles, away from their
 * edges, so that neither coding nor a slight blur matters. */
#include "server/avatar/test_pattern.h"

#include <math.h>
#include <stddef.h>

#define LABELS 8
#define DOUBTFUL 0.15f /* a cell this close to the middle between dark and light cannot be read */

/* Degrees in the chroma plane (Cb to the right, Cr up), as far apart as seven can be: joy is yellow, sadness blue,
 * anger red, fear violet, disgust green, surprise pink, contempt teal. */
static const float hue[LABELS] = {0, 160.3f, 314.6f, 108.9f, 6.0f, 211.7f, 57.4f, 263.1f};

static const float radians = 0.01745329252f;

VvPatternRect vv_test_pattern_place(VvPatternRect r, int width, int height) {
    const int half = VV_TEST_PATTERN_SIZE / 2;
    const int x0 = (r.x * width + half) / VV_TEST_PATTERN_SIZE;
    const int y0 = (r.y * height + half) / VV_TEST_PATTERN_SIZE;
    const int x1 = ((r.x + r.width) * width + half) / VV_TEST_PATTERN_SIZE;
    const int y1 = ((r.y + r.height) * height + half) / VV_TEST_PATTERN_SIZE;
    return (VvPatternRect){x0, y0, x1 - x0, y1 - y0};
}

VvPatternRect vv_test_pattern_place_even(VvPatternRect r, int width, int height) {
    const VvPatternRect placed = vv_test_pattern_place(r, width, height);
    const int x0 = placed.x & ~1;
    const int y0 = placed.y & ~1;
    const int x1 = (placed.x + placed.width) & ~1;
    const int y1 = (placed.y + placed.height) & ~1;
    return (VvPatternRect){x0, y0, x1 - x0, y1 - y0};
}

VvYuv vv_test_pattern_affect(int label, float intensity) {
    const int known = label < 0 ? 0 : label >= LABELS ? LABELS - 1 : label;
    const float clamped = intensity > 0 ? (intensity < 1 ? intensity : 1) : 0;
    const float radius = known ? clamped * VV_TEST_PATTERN_AFFECT_CHROMA : 0;
    return (VvYuv){VV_TEST_PATTERN_AFFECT_LUMA, (uint8_t)lrintf(128 + radius * cosf(hue[known] * radians)),
                   (uint8_t)lrintf(128 + radius * sinf(hue[known] * radians))};
}

/* The mean of a plane over a rectangle of picture coordinates, at least one sample. */
static float mean(const VvPicture *picture, int plane, float x0, float y0, float x1, float y1) {
    const float scale = plane ? 0.5f : 1;
    const int last_x = (plane ? (picture->width + 1) / 2 : picture->width) - 1;
    const int last_y = (plane ? (picture->height + 1) / 2 : picture->height) - 1;
    int left = (int)ceilf(x0 * scale), right = (int)floorf(x1 * scale) - 1;
    int top = (int)ceilf(y0 * scale), bottom = (int)floorf(y1 * scale) - 1;
    if (right < left)
        left = right = (int)((x0 + x1) * scale / 2);
    if (bottom < top)
        top = bottom = (int)((y0 + y1) * scale / 2);
    right = right < last_x ? right : last_x;
    bottom = bottom < last_y ? bottom : last_y;
    left = left < right ? left : right;
    top = top < bottom ? top : bottom;
    uint64_t sum = 0;
    for (int y = top; y <= bottom; y++)
        for (int x = left; x <= right; x++)
            sum += picture->plane[plane][(ptrdiff_t)y * picture->stride[plane] + x];
    return (float)sum / (float)((right - left + 1) * (bottom - top + 1));
}

/* The same over a placed rectangle without the share `inset` of its width and height on each side. */
static float inner_mean(const VvPicture *picture, int plane, VvPatternRect r, float inset_x, float inset_y) {
    const float dx = inset_x * (float)r.width;
    const float dy = inset_y * (float)r.height;
    return mean(picture, plane, (float)r.x + dx, (float)r.y + dy, (float)(r.x + r.width) - dx,
                (float)(r.y + r.height) - dy);
}

/* How light a place is: 0 as `dark`, 1 as light. */
static float light_above(const VvPicture *picture, VvPatternRect r, float inset_x, float inset_y, float dark) {
    const VvPatternRect placed = vv_test_pattern_place(r, picture->width, picture->height);
    return (inner_mean(picture, 0, placed, inset_x, inset_y) - dark) / (VV_TEST_PATTERN_LIGHT - dark);
}

static float light(const VvPicture *picture, VvPatternRect r, float inset_x, float inset_y) {
    return light_above(picture, r, inset_x, inset_y, VV_TEST_PATTERN_DARK);
}

static float clamp_unit(float value) {
    return value > 0 ? (value < 1 ? value : 1) : 0;
}

/* -1 dark, 1 light, 0 neither. */
static int cell_value(const VvPicture *picture, VvPatternRect cell) {
    const float level = light(picture, cell, 0.25f, 0.25f) - 0.5f;
    return level > DOUBTFUL ? 1 : level < -DOUBTFUL ? -1 : 0;
}

static bool read_clock(const VvPicture *picture, uint32_t *frame) {
    const VvPatternRect row = VV_TEST_PATTERN_CLOCK;
    const int width = row.width / VV_TEST_PATTERN_CLOCK_BITS;
    if (cell_value(picture, VV_TEST_PATTERN_GUARD_LEFT) <= 0 || cell_value(picture, VV_TEST_PATTERN_GUARD_RIGHT) <= 0 ||
        cell_value(picture, VV_TEST_PATTERN_DARK_LEFT) >= 0 || cell_value(picture, VV_TEST_PATTERN_DARK_RIGHT) >= 0)
        return false;
    *frame = 0;
    for (int bit = 0; bit < VV_TEST_PATTERN_CLOCK_BITS; bit++) {
        const VvPatternRect cell = {row.x + bit * width, row.y, width, row.height};
        const int value = cell_value(picture, cell);
        if (!value)
            return false;
        *frame = *frame << 1 | (value > 0);
    }
    return true;
}

/* The emotion from its colour: the nearest angle, and the distance from grey along it. */
static void read_affect(const VvPicture *picture, VvPatternReading *reading) {
    const VvPatternRect r = vv_test_pattern_place(VV_TEST_PATTERN_AFFECT, picture->width, picture->height);
    float value[3];
    for (int plane = 0; plane < 3; plane++)
        value[plane] = inner_mean(picture, plane, r, 0.25f, 0.25f);
    reading->affect = (VvYuv){(uint8_t)lrintf(value[0]), (uint8_t)lrintf(value[1]), (uint8_t)lrintf(value[2])};
    const float u = (value[1] - 128) / VV_TEST_PATTERN_AFFECT_CHROMA;
    const float v = (value[2] - 128) / VV_TEST_PATTERN_AFFECT_CHROMA;
    float best = 0.1f;
    reading->label = 0;
    for (int label = 1; label < LABELS; label++) {
        const float along = u * cosf(hue[label] * radians) + v * sinf(hue[label] * radians);
        if (along > best) {
            best = along;
            reading->label = label;
        }
    }
    reading->intensity = reading->label ? clamp_unit(best) : 0;
}

static void read_thumbnail(const VvPicture *picture, VvPatternReading *reading) {
    const VvPatternRect r = vv_test_pattern_place_even(VV_TEST_PATTERN_THUMBNAIL, picture->width, picture->height);
    const float w = (float)r.width / 3;
    const float h = (float)r.height / 3;
    for (int row = 0; row < 3; row++)
        for (int column = 0; column < 3; column++) {
            const float x = (float)r.x + w * (float)column;
            const float y = (float)r.y + h * (float)row;
            uint8_t value[3];
            for (int plane = 0; plane < 3; plane++)
                value[plane] =
                    (uint8_t)lrintf(mean(picture, plane, x + 0.2f * w, y + 0.2f * h, x + 0.8f * w, y + 0.8f * h));
            vv_yuv_to_rgb((VvYuv){value[0], value[1], value[2]}, reading->thumbnail[row][column]);
        }
}

bool vv_test_pattern_read(const VvPicture *picture, VvPatternReading *reading) {
    *reading = (VvPatternReading){0};
    if (picture->width < 32 || picture->height < 32 || !read_clock(picture, &reading->frame))
        return false;
    reading->mouth = clamp_unit(light_above(picture, VV_TEST_PATTERN_MOUTH, 0.25f, 0, VV_TEST_PATTERN_LIPS));
    reading->voice = clamp_unit(light(picture, VV_TEST_PATTERN_VOICE, 0.25f, 0));
    read_affect(picture, reading);
    read_thumbnail(picture, reading);
    return true;
}
