/* Draws backgrounds, and exposes. */
#include "weights/performer/background.h"
#include "weights/performer/chance.h"

enum { SHAPES_MAX = 14 };

typedef struct Shape {
    float x, y, w, h, soft;
    bool round;
    VvVec colour;
} Shape;

/* Panels of a room (doors, shelves, windows) or lights out of focus. */
static int draw_shapes(const VvScene *scene, Shape shape[SHAPES_MAX]) {
    VvChance c = vv_chance_of(scene->seed, "background", 0);
    const int count = scene->background == VV_BACKGROUND_PLAIN ? 0 : scene->background == VV_BACKGROUND_ROOM ? 9 : 12;
    for (int i = 0; i < count; i++) {
        Shape *s = &shape[i];
        s->round = scene->background == VV_BACKGROUND_LIGHTS;
        s->x = vv_chance_range(&c, -0.1f, 1.1f);
        s->y = vv_chance_range(&c, 0, s->round ? 0.9f : 1);
        s->w = s->round ? vv_chance_range(&c, 0.02f, 0.07f) : vv_chance_range(&c, 0.04f, 0.16f);
        s->h = vv_chance_range(&c, 0.2f, 0.6f);
        s->soft = s->round ? 0.03f : vv_chance_range(&c, 0.06f, 0.12f);
        const float bright = vv_chance_range(&c, 0.03f, 0.10f), share = vv_chance_range(&c, -0.22f, 0.40f);
        const float warm = vv_chance_range(&c, 0, 1);
        s->colour =
            s->round ? scale(vec(1, mix(0.75f, 0.95f, warm), mix(0.5f, 0.85f, warm)), bright)
                     : scale(tint(scene->back_centre, vec(1, mix(0.94f, 1.02f, warm), mix(0.86f, 1.06f, warm))), share);
    }
    return count;
}

static float cover(const Shape *s, float u, float v) {
    if (s->round)
        return ramp(s->w + s->soft, s->w - s->soft, hypotf(u - s->x, v - s->y));
    return ramp(s->soft, -s->soft, fabsf(u - s->x) - s->w) * ramp(s->soft * 2, -s->soft * 2, fabsf(v - s->y) - s->h);
}

void vv_background_draw(const VvScene *scene, int size, float *light) {
    Shape shape[SHAPES_MAX];
    const int shapes = draw_shapes(scene, shape);
    for (int i = 0; i < size * size; i++) {
        const float u = ((float)(i % size) + 0.5f) / (float)size, v = ((float)(i / size) + 0.5f) / (float)size;
        const float far = hypotf(u - 0.5f, (v - 0.42f) * 0.9f);
        VvVec c = scale(blend(scene->back_centre, scene->back_edge, ramp(0, 0.75f, far)), 1 - 0.25f * v);
        const VvVec least = scale(c, 0.55f); /* dark panels stay part of the room */
        for (int k = 0; k < shapes; k++)
            c = along(c, shape[k].colour, cover(&shape[k], u, v));
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
