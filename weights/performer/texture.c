/* Paints skin: zones of redness, lids, lips, freckles, stubble, the scalp below the hair. */
#include "weights/performer/texture.h"
#include "weights/performer/chance.h"

#include <stdlib.h>
#include <string.h>

enum { SPOTS_MAX = 220 };

typedef struct Spot {
    VvVec at;
    float radius, strength;
    bool mole;
} Spot;

typedef struct Painter {
    const VvAtlas *atlas;
    const VvIdentity *identity;
    const float *brow;
    Spot spot[SPOTS_MAX];
    int spots;
    VvVec red; /* what full redness multiplies the skin by */
} Painter;

/* What is known of a texel while it is painted. */
typedef struct Place {
    VvVec p, mirrored;  /* on the base head; with x folded to the left side */
    float coarse, fine; /* blotches */
    float u, v;
} Place;

float vv_texture_hairline(VvVec p) {
    /* Height of the hairline by azimuth: forehead, temple, sideburn, above the ear, nape. */
    static const float azimuth[] = {0, 12, 25, 36, 44, 50, 55, 60, 66, 72, 78, 95, 108, 118, 135, 180};
    static const float line[] = {10.3f, 10.4f, 10.3f, 9.7f, 8.9f, 7.9f, 6.7f,  4.8f,
                                 2.0f,  1.6f,  4.0f,  4.4f, 3.4f, 0.5f, -2.6f, -4.8f};
    const float degrees = atan2f(fabsf(p.x), p.z + 1.5f) * 57.29578f;
    int i = 0;
    while (i < 14 && degrees > azimuth[i + 1])
        i++;
    return p.y - mix(line[i], line[i + 1], ramp(azimuth[i], azimuth[i + 1], degrees));
}

static void draw_spots(Painter *w) {
    VvChance c = vv_chance_of(w->identity->seed, "spots", 0);
    const int freckles = (int)(160 * w->identity->freckles);
    const float ageing = ramp(45, 75, w->identity->age);
    const int moles = 3 + (int)(9 * ageing);
    for (int i = 0; i < freckles + moles && i < SPOTS_MAX; i++) {
        Spot *s = &w->spot[w->spots++];
        s->mole = i >= freckles;
        s->at.x = s->mole ? vv_chance_range(&c, -6.5f, 6.5f) : vv_chance_normal(&c, 0, 3.4f);
        s->at.y = s->mole ? vv_chance_range(&c, -6, 10) : vv_chance_normal(&c, 0.6f, 1.6f);
        s->radius = s->mole ? vv_chance_range(&c, 0.05f, 0.09f + 0.12f * ageing) : vv_chance_range(&c, 0.035f, 0.085f);
        s->strength = s->mole ? vv_chance_range(&c, 0.15f, 0.4f - 0.2f * ageing) : vv_chance_range(&c, 0.1f, 0.35f);
    }
}

static VvVec paint_spots(const Painter *w, const Place *at, VvVec c) {
    for (int i = 0; i < w->spots && at->p.z > 4; i++) {
        const Spot *s = &w->spot[i];
        const float dx = at->p.x - s->at.x, dy = at->p.y - s->at.y, square_far = dx * dx + dy * dy;
        if (square_far > 0.06f)
            continue;
        const float far = sqrtf(square_far);
        if (s->mole)
            c = tint(c, blend(grey(1), vec(0.55f, 0.42f, 0.36f),
                              s->strength * 1.5f * ramp(s->radius * 1.4f, s->radius * 0.5f, far)));
        else
            c = tint(c, blend(grey(1), vec(0.80f, 0.62f, 0.48f),
                              s->strength * 2 * ramp(s->radius * 1.5f, s->radius * 0.3f, far)));
    }
    return c;
}

static VvVec paint_zones(const Painter *w, const Place *at) {
    const VvIdentity *id = w->identity;
    const VvVec q = at->mirrored;
    const float cheek = bell(q, vec(5.0f, -0.2f, 8.8f), 1.8f);
    const float nose = bell(q, vec(0, 0.3f, 12.8f), 1.0f) + 0.8f * bell(q, vec(1.5f, -0.6f, 11.4f), 0.7f);
    const float ear = q.z < 2.5f ? ramp(7.9f, 8.8f, q.x) * ramp(-3, -1, q.y) * ramp(6, 4, q.y) : 0;
    const float chin = bell(q, vec(0, -6.3f, 11.1f), 1.2f);
    const float red = id->redness * (0.9f * cheek + 0.9f * nose + 0.8f * ear + 0.45f * chin) +
                      at->coarse * 0.9f * id->redness + at->fine * 0.5f + 0.15f * bell(q, vec(3.1f, 4.6f, 9.2f), 1);
    VvVec c = tint(id->skin, blend(grey(1), w->red, red));
    c = tint(c, blend(grey(1), vec(1.02f, 1.0f, 0.95f), ramp(5, 8, q.y) * ramp(3, 8, q.z)));
    const float below_eye = bell(vec(q.x * 0.6f, q.y, q.z), vec(1.62f, 2.35f, 9.5f), 0.55f);
    c = tint(c, blend(grey(1), vec(0.86f, 0.80f, 0.84f), below_eye * mix(0.65f, 1.1f, ramp(30, 70, id->age))));
    const float lid = bell(vec(q.x * 0.55f, q.y, q.z), vec(1.76f, 4.15f, 9.5f), 0.45f);
    c = tint(c, blend(grey(1), id->feminine ? vec(0.76f, 0.67f, 0.67f) : vec(0.9f, 0.82f, 0.82f), lid * 0.8f));
    return scale(c, 1 + at->fine * 0.10f + at->coarse * 0.07f);
}

static VvVec paint_stubble(const Painter *w, const Place *at, VvVec c) {
    const VvIdentity *id = w->identity;
    const VvVec p = at->p;
    const float x = at->mirrored.x;
    const float line = x < 3 ? -1.45f : mix(-2.0f, 0.6f, clamp01((x - 3) / 4.2f));
    float beard = ramp(line + 0.35f, line - 0.5f, p.y) * ramp(-10.5f, -8.2f, p.y + (p.z < 6 ? (6 - p.z) * 0.45f : 0)) *
                  ramp(0.5f, 3.0f, p.z);
    beard *= 1 - 0.45f * ramp(0.6f, 1.6f, 1.6f - fabsf(x - 2.2f)) * ramp(-4.2f, -5.0f, p.y) * ramp(-6, -5, p.y);
    if (id->stubble <= 0 || beard <= 0)
        return c;
    const float dots = ramp(0.45f, 0.8f, noise(scale(p, 8)));
    const VvVec shadow = tint(c, vec(0.72f, 0.71f, 0.73f));
    VvVec hair = blend(scale(id->brow, 1.2f), tint(c, vec(0.5f, 0.5f, 0.52f)), 0.7f);
    hair = blend(hair, grey(0.35f), 0.5f * id->hair_grey);
    return blend(c, blend(shadow, hair, dots * 0.6f), beard * id->stubble);
}

/* The red inner corner, and the dark line that lashes make along the lids. */
static VvVec paint_lids(const Painter *w, const Place *at, VvVec c) {
    const VvIdentity *id = w->identity;
    const float du = fabsf(at->u - 0.5f), v = at->v;
    const float corner = expf(-(square(du - 0.098f) * 9000 + square(v - 0.7135f) * 30000));
    c = blend(c, tint(id->skin, vec(1.0f, 0.52f, 0.48f)), corner * 0.8f);
    const float along_lid = (du - 0.1505f) / 0.036f;
    if (fabsf(along_lid) >= 1.15f)
        return c;
    const float line = ramp(0.0075f, 0.0015f, fabsf(v - 0.7185f) - 0.0035f) * ramp(1.15f, 0.8f, fabsf(along_lid));
    const VvVec upper = id->feminine ? vec(0.38f, 0.31f, 0.30f) : vec(0.55f, 0.45f, 0.43f);
    return tint(c, blend(grey(1), v > 0.7185f ? upper : vec(0.82f, 0.66f, 0.64f), line * 0.75f));
}

static VvVec paint_lips(const Painter *w, const Place *at, float outline, float *lip, VvVec c) {
    const VvIdentity *id = w->identity;
    *lip = ramp(0.0065f, -0.0065f, outline + at->fine * 0.006f);
    if (*lip <= 0)
        return c;
    const float inner = ramp(-0.004f, -0.034f, outline), lines = noise(vec(at->u * 230, at->v * 24, 3));
    const VvVec colour = scale(id->lip, mix(1.02f, 0.80f, inner) * (0.88f + 0.20f * lines));
    return blend(c, colour, *lip * id->lip_colour * (0.65f + 0.35f * ramp(0, -0.02f, outline)));
}

static VvVec paint_brows(const Painter *w, int texel, VvVec c) {
    float around = 0;
    for (int k = 0; k < 49; k++) {
        const int i = texel + (k / 7 - 3) * 2 * VV_FACE_TEXELS + (k % 7 - 3) * 2;
        if (i >= 0 && i < VV_FACE_TEXELS * VV_FACE_TEXELS)
            around += w->brow[i];
    }
    c = blend(c, w->identity->brow, clamp01(around / 49 * 1.1f) * 0.48f);
    return blend(c, w->identity->brow, w->brow[texel] * 0.30f);
}

static VvVec paint_scalp(const Painter *w, const Place *at, float *shine, VvVec c) {
    const VvIdentity *id = w->identity;
    const VvVec p = at->p;
    const bool ear = at->mirrored.x > 7.95f && p.y < 4.4f && p.z < 1.6f && p.z > -2.2f;
    if (id->style == VV_HAIR_NONE || ear)
        return c;
    const float height = vv_texture_hairline(p) + at->fine * 1.2f + at->coarse;
    const bool buzz = id->style == VV_HAIR_BUZZ;
    const VvVec hair = blend(id->hair, grey(0.30f), 0.8f * id->hair_grey);
    const float covered = buzz ? ramp(-0.7f, 2.2f, height + at->fine * 0.8f) : ramp(-0.55f, 1.5f, height);
    const VvVec scalp = buzz ? blend(scale(hair, 0.9f), scale(c, 0.5f), 0.3f * noise(scale(p, 9)))
                             : scale(hair, 0.58f * (0.75f + 0.5f * noise(vec(p.x * 1.2f, p.y * 5, p.z * 7))));
    *shine *= 1 - 0.8f * covered;
    return blend(c, scalp, covered * (buzz ? 0.82f : 0.93f));
}

static uint8_t root8(float x) {
    return (uint8_t)(sqrtf(clamp01(x)) * 255 + 0.5f);
}

static void paint(const Painter *w, const VvSheet *sheet, int i, VvTexel *texel) {
    Place at = {.p = sheet->position[i], .coarse = sheet->blotch[i][0], .fine = sheet->blotch[i][1]};
    at.mirrored = vec(fabsf(at.p.x), at.p.y, at.p.z);
    const int column = i % sheet->size, row = i / sheet->size;
    at.u = ((float)column + 0.5f) / (float)sheet->size;
    at.v = ((float)row + 0.5f) / (float)sheet->size;
    float lip = 0, shine = 1;
    VvVec c = paint_stubble(w, &at, paint_zones(w, &at));
    if (sheet->part == VV_PART_FACE) {
        const VvVec q = at.mirrored;
        c = paint_lips(w, &at, w->atlas->lip[i], &lip, paint_spots(w, &at, c));
        shine = mix(1, 2.2f * w->identity->lip_gloss, lip);
        c = paint_brows(w, i, paint_lids(w, &at, c));
        shine *= 1 - 0.5f * w->brow[i];
        shine *= 1 + 0.55f * bell(q, vec(0, 0.8f, 12.6f), 1.2f) + 0.35f * bell(q, vec(0, 8.5f, 10.2f), 2.8f) +
                 0.2f * bell(q, vec(4.6f, 1.2f, 9.4f), 1.4f);
        shine *= 1 + 0.5f * at.fine + 0.4f * at.coarse; /* oil lies unevenly */
    }
    c = paint_scalp(w, &at, &shine, c);
    texel->colour[0] = root8(c.x);
    texel->colour[1] = root8(c.y);
    texel->colour[2] = root8(c.z);
    texel->shine = (uint8_t)clamp(shine * 64, 0, 255);
    texel->lip = (uint8_t)(lip * 255);
    for (int k = 0; k < 3; k++)
        texel->slope[k] =
            (int8_t)clamp((float)sheet->relief[i].slope[k] * w->identity->pores * (1 - 0.3f * lip), -127, 127);
}

bool vv_texture_open(VvTexture *texture, const VvAtlas *atlas, const VvIdentity *identity, const float *brow_shade) {
    texture->face = calloc((size_t)VV_FACE_TEXELS * VV_FACE_TEXELS, sizeof *texture->face);
    texture->head = calloc((size_t)VV_HEAD_TEXELS * VV_HEAD_TEXELS, sizeof *texture->head);
    texture->face_size = VV_FACE_TEXELS;
    texture->head_size = VV_HEAD_TEXELS;
    if (!texture->face || !texture->head)
        return false;
    Painter w = {.atlas = atlas, .identity = identity, .brow = brow_shade};
    w.red = blend(vec(1.04f, 0.80f, 0.80f), vec(1.05f, 0.90f, 0.88f), ramp(0.45f, 0.9f, identity->tone));
    draw_spots(&w);
    for (int i = 0; i < VV_FACE_TEXELS * VV_FACE_TEXELS; i++)
        if (atlas->face.covered[i])
            paint(&w, &atlas->face, i, &texture->face[i]);
    for (int i = 0; i < VV_HEAD_TEXELS * VV_HEAD_TEXELS; i++)
        if (atlas->head.covered[i])
            paint(&w, &atlas->head, i, &texture->head[i]);
    return true;
}

/* The mean of four texels, without those that nothing was painted on. */
static VvTexel mean_texel(const VvTexel *const four[4]) {
    int sum[8] = {0}, count = 0;
    for (int k = 0; k < 4; k++) {
        const VvTexel *t = four[k];
        if (t->shine == 0 && t->colour[0] == 0)
            continue;
        const int fields[8] = {t->colour[0], t->colour[1], t->colour[2], t->shine,
                               t->slope[0],  t->slope[1],  t->slope[2],  t->lip};
        for (int i = 0; i < 8; i++)
            sum[i] += fields[i];
        count++;
    }
    VvTexel mean = {0};
    if (count == 0)
        return mean;
    for (int i = 0; i < 3; i++) {
        mean.colour[i] = (uint8_t)(sum[i] / count);
        mean.slope[i] = (int8_t)(sum[4 + i] / count);
    }
    mean.shine = (uint8_t)(sum[3] / count);
    mean.lip = (uint8_t)(sum[7] / count);
    return mean;
}

/* In place: what is written was read before. */
static void halve(VvTexel *texels, int *size) {
    const int before = *size, after = before / 2;
    for (int y = 0; y < after; y++)
        for (int x = 0; x < after; x++) {
            const VvTexel *from = texels + 2 * y * before + 2 * x;
            const VvTexel *const four[4] = {from, from + 1, from + before, from + before + 1};
            texels[y * after + x] = mean_texel(four);
        }
    *size = after;
}

void vv_texture_halve(VvTexture *texture) {
    halve(texture->face, &texture->face_size);
    halve(texture->head, &texture->head_size);
}

void vv_texture_close(VvTexture *texture) {
    free(texture->face);
    free(texture->head);
    memset(texture, 0, sizeof *texture);
}
