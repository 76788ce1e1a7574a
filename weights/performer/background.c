/* Draws backgrounds, and exposes. */
#include "weights/performer/background.h"
#include "weights/performer/chance.h"

enum { SHAPES_MAX = 32 };

/* A soft-edged patch that adds light, or takes it away: a rectangle by its half sides, or a disc of radius w. */
typedef struct Shape {
    float x, y, w, h, soft;
    bool round;
    VvVec colour;
} Shape;

typedef struct Wall {
    Shape shape[SHAPES_MAX];
    int shapes;
    VvVec paint;
    VvChance chance;
} Wall;

/* `share` of the wall's own light, in a hue between cool and warm. */
static void add_patch(Wall *wall, float x, float y, float w, float h, float soft, float share, float warm) {
    if (wall->shapes == SHAPES_MAX)
        return;
    const VvVec hue = vec(mix(0.92f, 1.08f, warm), 1, mix(1.10f, 0.84f, warm));
    wall->shape[wall->shapes++] = (Shape){x, y, w, h, soft, false, scale(tint(wall->paint, hue), share)};
}

/* Daylight through a window with a bar across. */
static void add_window(Wall *wall, float x) {
    VvChance *c = &wall->chance;
    const float y = vv_chance_range(c, 0.16f, 0.34f), w = vv_chance_range(c, 0.10f, 0.16f);
    const float h = vv_chance_range(c, 0.16f, 0.24f), bright = vv_chance_range(c, 0.35f, 0.7f);
    add_patch(wall, x, y, w * 1.25f, h * 1.2f, 0.10f, 0.12f, 0.3f); /* its glow */
    add_patch(wall, x, y, w, h, 0.022f, bright, 0.25f);
    add_patch(wall, x, y, 0.006f, h, 0.014f, -0.5f * bright, 0.5f);
    if (vv_chance_happens(c, 0.5f))
        add_patch(wall, x, y + 0.1f * h, w, 0.006f, 0.014f, -0.5f * bright, 0.5f);
}

/* A board with books of all heights. */
static void add_shelf(Wall *wall, float x) {
    VvChance *c = &wall->chance;
    const float y = vv_chance_range(c, 0.24f, 0.50f), half = vv_chance_range(c, 0.12f, 0.20f);
    add_patch(wall, x, y + 0.035f, half, 0.03f, 0.04f, -0.18f, 0.5f); /* its shadow */
    float at = x - half + 0.02f;
    while (at < x + half - 0.02f) {
        const float w = vv_chance_range(c, 0.008f, 0.018f), h = vv_chance_range(c, 0.035f, 0.065f);
        const float share = vv_chance_range(c, -0.34f, 0.32f), warm = vv_chance_range(c, -1.5f, 2.5f);
        if (vv_chance_happens(c, 0.8f))
            add_patch(wall, at + w, y - h, w, h, 0.010f, share, warm);
        at += 2 * w + 0.002f;
    }
    add_patch(wall, x, y + 0.008f, half, 0.008f, 0.010f, 0.3f, 0.9f);
}

static void add_picture(Wall *wall, float x) {
    VvChance *c = &wall->chance;
    const float y = vv_chance_range(c, 0.20f, 0.36f), w = vv_chance_range(c, 0.06f, 0.11f);
    const float h = w * vv_chance_range(c, 0.8f, 1.3f), share = vv_chance_range(c, 0.15f, 0.4f);
    add_patch(wall, x + 0.01f, y + 0.015f, w, h, 0.03f, -0.15f, 0.5f);
    add_patch(wall, x, y, w, h, 0.012f, -0.3f, 0.6f);
    add_patch(wall, x, y, w * 0.82f, h * 0.82f, 0.012f, 0.3f + share, 0.5f);
    add_patch(wall, x, y + h * 0.3f, w * 0.6f, h * 0.3f, 0.03f, -share, vv_chance_range(c, -1, 2));
}

static void add_lights(Wall *wall) {
    VvChance *c = &wall->chance;
    for (int i = 0; i < 12; i++) {
        Shape *s = &wall->shape[wall->shapes++];
        *s = (Shape){.round = true, .soft = 0.012f};
        s->x = vv_chance_range(c, -0.1f, 1.1f);
        s->y = vv_chance_range(c, 0, 0.9f);
        s->w = vv_chance_range(c, 0.02f, 0.07f);
        const float bright = vv_chance_range(c, 0.03f, 0.10f), warm = vv_chance_range(c, 0, 1);
        s->colour = scale(vec(1, mix(0.75f, 0.95f, warm), mix(0.5f, 0.85f, warm)), bright);
    }
}

/* What hangs on the wall, on both sides of the head. */
static void furnish(Wall *wall, const VvScene *scene) {
    typedef void Piece(Wall *, float);
    static Piece *const pieces[] = {add_window, add_shelf, add_picture};
    wall->chance = vv_chance_of(scene->seed, "background", 0);
    wall->paint = scene->back_centre;
    wall->shapes = 0;
    if (scene->background == VV_BACKGROUND_LIGHTS)
        add_lights(wall);
    if (scene->background != VV_BACKGROUND_ROOM)
        return;
    const int first = vv_chance_pick(&wall->chance, 3), then = (first + 1 + vv_chance_pick(&wall->chance, 2)) % 3;
    pieces[first](wall, vv_chance_range(&wall->chance, 0.02f, 0.18f));
    if (vv_chance_happens(&wall->chance, 0.75f))
        pieces[then](wall, vv_chance_range(&wall->chance, 0.82f, 0.98f));
}

static float cover(const Shape *s, float u, float v) {
    if (s->round)
        return ramp(s->w + s->soft, s->w - s->soft, hypotf(u - s->x, v - s->y));
    return ramp(s->soft, -s->soft, fabsf(u - s->x) - s->w) * ramp(s->soft, -s->soft, fabsf(v - s->y) - s->h);
}

void vv_background_draw(const VvScene *scene, int size, float *light) {
    Wall wall;
    furnish(&wall, scene);
    for (int i = 0; i < size * size; i++) {
        const int column = i % size, row = i / size;
        const float u = ((float)column + 0.5f) / (float)size, v = ((float)row + 0.5f) / (float)size;
        const float far = hypotf(u - 0.5f, (v - 0.42f) * 0.9f);
        VvVec c = scale(blend(scene->back_centre, scene->back_edge, ramp(0, 0.75f, far)), 1 - 0.25f * v);
        const VvVec least = scale(c, 0.55f); /* dark panels stay part of the room */
        for (int k = 0; k < wall.shapes; k++)
            c = along(c, wall.shape[k].colour, cover(&wall.shape[k], u, v));
        const float dither = hash01((uint32_t)(i * 7919)) * 0.004f - 0.002f;
        light[3 * i] = maxf(least.x, c.x) + dither;
        light[3 * i + 1] = maxf(least.y, c.y) + dither;
        light[3 * i + 2] = maxf(least.z, c.z) + dither;
    }
}

void vv_film_open(VvFilm *film) {
    for (int i = 0; i < 8192; i++) {
        const float q = square((float)i / 8191);
        float v = clamp01(q < 0.0031308f ? 12.92f * q : 1.055f * powf(q, 1 / 2.4f) - 0.055f);
        v = mix(v, v * v * (3 - 2 * v), 0.22f);
        film->curve[i] = (uint8_t)(v * 255 + 0.5f);
    }
}

static inline float shoulder(float q) {
    return q * (1 + q / 7.5f) / (1 + q * 0.62f);
}

void vv_film_expose(const VvFilm *film, const float light[3], float exposure, uint8_t rgb[3]) {
    const float c[3] = {maxf(0, light[0] * exposure), maxf(0, light[1] * exposure), maxf(0, light[2] * exposure)};
    const float luma = maxf(1e-5f, 0.25f * c[0] + 0.65f * c[1] + 0.10f * c[2]), keep = shoulder(luma) / luma;
    for (int k = 0; k < 3; k++)
        rgb[k] = film->curve[(int)(sqrtf(clamp01(mix(shoulder(c[k]), c[k] * keep, 0.30f))) * 8191)];
}
